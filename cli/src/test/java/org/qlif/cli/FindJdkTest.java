// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The script that finds a JDK, among JDKs that are nothing but a version. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the entry scripts need bash")
class FindJdkTest {
    @TempDir
    private Path folder;

    private Path tools;
    private Path jdks;

    /** A PATH with what the script calls and no javac, whatever the machine has. */
    @BeforeEach
    void isolate() throws IOException {
        tools = Files.createDirectory(folder.resolve("tools"));
        jdks = Files.createDirectory(folder.resolve("some jdks"));
        for (String tool : new String[] {"bash", "sed", "dirname", "readlink"}) {
            Path found = Arrays.stream(System.getenv("PATH").split(":"))
                    .map(entry -> Path.of(entry, tool))
                    .filter(Files::isExecutable)
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("no " + tool + " on the PATH"));
            script(tools.resolve(tool), "exec " + found + " \"$@\"");
        }
    }

    @Test
    void prefersAGoodJavaHome() throws Exception {
        Path home = jdk(folder.resolve("home"), "26.0.1");
        jdk(jdks.resolve("25"), "25.0.3");
        assertThat(find(Map.of("JAVA_HOME", home.toString()))).isEqualTo(new Invocation(0, home + "\n", ""));
    }

    @Test
    void skipsAnOldJavaHome() throws Exception {
        Path home = jdk(folder.resolve("home"), "17.0.15");
        jdk(jdks.resolve("a21"), "21");
        Path good = jdk(jdks.resolve("b25"), "25");
        assertThat(find(Map.of("JAVA_HOME", home.toString()))).isEqualTo(new Invocation(0, good + "\n", ""));
    }

    @Test
    void prefersTheOneOnThePathToTheFolders() throws Exception {
        Path onPath = jdk(folder.resolve("elsewhere"), "25.0.1");
        jdk(jdks.resolve("26"), "26");
        Files.createSymbolicLink(tools.resolve("javac"), onPath.resolve("bin/javac"));
        assertThat(find(Map.of()).out()).isEqualTo(onPath.toRealPath() + "\n");
    }

    @Test
    void asksJavacWhereNoReleaseFileSays() throws Exception {
        Path good = jdk(jdks.resolve("25"), "25.0.3");
        Files.delete(good.resolve("release"));
        assertThat(find(Map.of("HOME", ""))).isEqualTo(new Invocation(0, good + "\n", ""));
    }

    @Test
    void failureNamesWhatWasLookedAt() throws Exception {
        Path home = jdk(folder.resolve("home"), "17.0.15");
        Path old = jdk(jdks.resolve("1.8"), "1.8.0_492");
        Path runtime = Files.createDirectory(jdks.resolve("jre25"));
        Invocation result = find(Map.of("JAVA_HOME", home.toString()));
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out()).isEmpty();
        assertThat(result.err())
                .startsWith("No JDK 25 or newer was found.")
                .contains("JAVA_HOME: " + home)
                .contains("javac on the PATH: none")
                .contains("folders: " + jdks + "/*")
                .contains(home + ": JDK 17", old + ": JDK 1\n", runtime + ": no JDK");
    }

    @Test
    void failureWithNothingSetAtAll() throws Exception {
        Invocation result = find(Map.of());
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.err()).contains("JAVA_HOME: not set").doesNotContain("unbound");
    }

    private static void script(Path file, String command) throws IOException {
        Files.writeString(file, "#!/bin/sh\n" + command + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static Path jdk(Path home, String version) throws IOException {
        Files.createDirectories(home.resolve("bin"));
        script(home.resolve("bin/javac"), "echo javac " + version);
        Files.writeString(home.resolve("release"), "IMPLEMENTOR=\"none\"\nJAVA_VERSION=\"" + version + "\"\n");
        return home;
    }

    private Invocation find(Map<String, String> environment) throws IOException, InterruptedException {
        Path out = folder.resolve("out");
        Path err = folder.resolve("err");
        ProcessBuilder builder = new ProcessBuilder(
                        tools.resolve("bash").toString(),
                        "-c",
                        "set -eu; . \"$0\"; echo \"$JAVA_HOME\"",
                        Repository.file("scripts/find-jdk.sh").toString())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        builder.environment().clear();
        builder.environment().put("PATH", tools.toString());
        builder.environment().put("QLIF_JDK_FOLDERS", jdks + "/*");
        builder.environment().putAll(environment);
        Process process = builder.start();
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
        return new Invocation(process.exitValue(), Files.readString(out), Files.readString(err));
    }
}
