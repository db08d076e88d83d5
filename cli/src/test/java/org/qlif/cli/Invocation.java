// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * What came of a command line that ran inside the test.
 *
 * @param exitCode the exit code
 * @param out what went to stdout
 * @param err what went to stderr
 */
record Invocation(int exitCode, String out, String err) {
    /** Long enough to run every line of the measurement, not to measure anything. */
    private static final Benchmark.Timing BRIEF =
            new Benchmark.Timing(Duration.ofMillis(1), Duration.ofMillis(20), 3, Duration.ofMillis(1));

    /** What a terminal shows of a command's progress. */
    static String onTerminal(String... arguments) {
        ByteArrayOutputStream terminal = new ByteArrayOutputStream();
        PrintStream bar = new PrintStream(terminal, true, StandardCharsets.UTF_8);
        Cli cli = new Cli(
                new PrintWriter(new StringWriter()),
                new PrintWriter(new StringWriter()),
                BRIEF,
                () -> new Progress(bar, bar, 80),
                false);
        if (cli.run(arguments) != 0) {
            throw new AssertionError(String.join(" ", arguments));
        }
        return terminal.toString(StandardCharsets.UTF_8);
    }

    static Invocation of(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        ByteArrayOutputStream training = new ByteArrayOutputStream();
        Cli cli = new Cli(
                new PrintWriter(out),
                new PrintWriter(err),
                BRIEF,
                () -> new Progress(new PrintStream(training, true, StandardCharsets.UTF_8)),
                false);
        int exitCode = cli.run(arguments);
        return new Invocation(exitCode, out + training.toString(StandardCharsets.UTF_8), err.toString());
    }
}
