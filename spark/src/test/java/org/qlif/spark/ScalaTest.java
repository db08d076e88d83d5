// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import scala.Console;
import scala.tools.nsc.Main;

/** The classes can be used from Scala: the example of docs/spark.md compiles. */
class ScalaTest {
    @TempDir
    private Path folder;

    private boolean compiles(String source) throws Exception {
        Path file = Files.writeString(folder.resolve("Example.scala"), "object Example {\n" + source + "\n}\n");
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        PrintStream stream = new PrintStream(output);
        String[] arguments = {"-usejavacp", "-d", folder.toString(), file.toString()};
        boolean compiled = Console.withOut(stream, () -> Console.withErr(stream, () -> Main.process(arguments)));
        System.err.print(compiled ? "" : output);
        return compiled;
    }

    @Test
    void theExampleCompiles() throws Exception {
        List<String> page = Files.readAllLines(Path.of("../docs/spark.md"));
        int first = page.indexOf("```scala") + 1;
        String example = String.join(
                "\n",
                page.subList(first, first + page.subList(first, page.size()).indexOf("```")));
        assertThat(compiles(example)).isTrue();
        assertThat(compiles(example.replace("setHidden", "setHidding"))).isFalse();
    }
}
