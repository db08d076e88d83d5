// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class PicturesTest {
    @TempDir
    private Path folder;

    /** In a JVM of its own, since fonts are looked for once; with an empty home, where Java would find what it learned before. */
    @Test
    @EnabledOnOs(value = OS.LINUX, disabledReason = "only there are fonts found by fontconfig")
    void missingFontsAreSaidBeforeTheWork() throws IOException, InterruptedException {
        Path none = Files.writeString(
                folder.resolve("fonts.conf"),
                "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig></fontconfig>");
        Path said = folder.resolve("said");
        ProcessBuilder builder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Duser.home=" + folder,
                        "-cp",
                        System.getProperty("java.class.path"),
                        Prepare.class.getName(),
                        folder.resolve("new.png").toString())
                .redirectErrorStream(true)
                .redirectOutput(said.toFile());
        builder.environment().put("FONTCONFIG_FILE", none.toString());
        Process process = builder.start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(Files.readString(said))
                .startsWith("plot: can't draw " + folder.resolve("new.png") + ": Java finds no fonts to write with (")
                .endsWith("; install fontconfig and a font, such as DejaVu\n");
        assertThat(folder.resolve("new.png")).doesNotExist();
    }

    /** What a program does before its work. */
    static final class Prepare {
        private Prepare() {}

        public static void main(String[] arguments) {
            try {
                Pictures.prepare("plot", Path.of(arguments[0]));
                System.out.println("prepared");
            } catch (IOException refused) {
                System.out.println(refused.getMessage());
            }
        }
    }
}
