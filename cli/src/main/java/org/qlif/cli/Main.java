// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;

/** The entry point of {@code ./qlif}. */
public final class Main {
    /** How {@code java.util.logging} writes a record; a caller's own setting stays. */
    private static final String LOG_FORMAT = "java.util.logging.SimpleFormatter.format";

    /** Compiled code still speeds up after the first second; a busy machine may never look settled. */
    private static final Benchmark.Timing TIMING =
            new Benchmark.Timing(Duration.ofSeconds(2), Duration.ofSeconds(15), 15, Duration.ofMillis(50));

    /** Referenced here, since loggers without references lose their settings. */
    private static Logger logger;

    private Main() {}

    /** Runs the command line and exits with its code. */
    public static void main(String[] arguments) {
        if (System.getProperty(LOG_FORMAT) == null) {
            System.setProperty(LOG_FORMAT, "qlif: %5$s%n");
        }
        // Commands print the device that runs; only devices that were passed over are worth a message.
        logger = Logger.getLogger("org.qlif");
        logger.setFilter(
                record -> record.getLevel() != Level.INFO || record.getMessage().contains("passed over"));
        StandardOutput output = StandardOutput.install();
        boolean debug = !System.getenv().getOrDefault("QLIF_DEBUG", "").isEmpty();
        Cli cli = new Cli(
                new PrintWriter(System.out, true), new PrintWriter(System.err, true), TIMING, Main::progress, debug);
        int exitCode = cli.run(arguments);
        drainStderr();
        // Fails even if something has swallowed the exception in the meantime.
        System.exit(exitCode == 0 && output.failure() != null ? Cli.FAILED : exitCode);
    }

    /** A progress bar is drawn if stderr is a terminal. The script {@code ./qlif} passes on its width, since stderr is a pipe here. */
    private static Progress progress() {
        int columns = Integer.getInteger("qlif.cli.stderr.columns", 0);
        return columns > 0 ? new Progress(System.out, System.err, columns) : new Progress(System.out);
    }

    /**
     * Waits until the process that passes on stderr has written everything, so that nothing is printed after the tool has ended. The script
     * {@code ./qlif} starts that process and passes on its id.
     */
    private static void drainStderr() {
        String reader = System.getProperty("qlif.cli.stderr.reader", "");
        if (!reader.isEmpty()) {
            System.err.close();
            ProcessHandle.of(Long.parseLong(reader))
                    .ifPresent(process -> process.onExit()
                            .completeOnTimeout(process, 1, TimeUnit.SECONDS)
                            .join());
        }
    }
}
