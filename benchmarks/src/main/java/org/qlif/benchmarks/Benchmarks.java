// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.io.IOException;
import java.util.List;
import org.openjdk.jmh.Main;
import org.openjdk.jmh.runner.NoBenchmarksException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.qlif.cli.StandardOutput;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The main class: {@code compare}, {@code turns}, {@code linear}, {@code djl}, {@code all}, or a pattern of benchmarks with JMH's options, such as {@code
 * BackendBenchmark -p shape=20x128x512 -prof gc}, whose scores are then also shown as neuron-steps per second.
 */
@Command(
        name = "benchmark",
        subcommands = {Compare.class, CompareByTurns.class, Linear.class, Djl.class, All.class},
        description = {
            "Times QLIF. Takes one of the commands below, or a pattern of benchmarks with JMH's options, such as",
            "  benchmark BackendBenchmark -p shape=20x128x512 -p pass=FORWARD -prof gc",
            "-l lists the benchmarks, -lp also their parameters; -prof gc counts the bytes that a call allocates."
        })
public final class Benchmarks {
    private static final List<String> OWN = List.of("compare", "turns", "linear", "djl", "all", "--help");

    @Option(names = "--help", usageHelp = true, description = "Shows this.")
    private boolean help;

    private Benchmarks() {}

    /** Runs what the arguments say. */
    public static void main(String[] args) throws IOException {
        // Plots without a screen.
        System.setProperty("java.awt.headless", "true");
        StandardOutput output = StandardOutput.install();
        int exitCode = 1;
        try {
            exitCode = run(args);
            System.out.flush();
        } catch (StandardOutput.Failure failed) {
            // Reported below, even if something else catches it.
        }
        StandardOutput.Failure failure = output.failure();
        if (failure != null && !failure.readerGone()) {
            System.err.println("benchmark: " + failure.getMessage());
        }
        System.exit(exitCode == 0 && failure != null ? 1 : exitCode);
    }

    private static int run(String[] args) throws IOException {
        if (args.length == 0 || OWN.contains(args[0])) {
            String[] shown = args.length == 0 ? new String[] {"--help"} : args;
            return commandLine().execute(shown);
        }
        try {
            jmh(args);
            return 0;
        } catch (NoBenchmarksException nothing) {
            System.err.println("benchmark: no benchmark matches; -l lists them, --help the commands");
        } catch (CommandLineOptionException | RunnerException refused) {
            System.err.println("benchmark: " + refused.getMessage());
        }
        return 1;
    }

    /** Our own commands. */
    static CommandLine commandLine() {
        return new CommandLine(new Benchmarks()).setExecutionExceptionHandler((failure, command, parsed) -> {
            if (failure instanceof IOException
                    || failure instanceof RunnerException
                    || failure instanceof IllegalArgumentException) {
                command.getErr().println("benchmark: " + failure.getMessage());
                return 1;
            }
            throw failure;
        });
    }

    private static void jmh(String[] args) throws CommandLineOptionException, IOException, RunnerException {
        CommandLineOptions options = new CommandLineOptions(args);
        if (options.shouldHelp()
                || options.shouldList()
                || options.shouldListWithParams()
                || options.shouldListProfilers()
                || options.shouldListResultFormats()) {
            Main.main(args);
            return;
        }
        List<Score> scores = Score.of(new Runner(options).run());
        if (!scores.isEmpty()) {
            System.out.println();
            System.out.println(ScoreTable.markdown(scores));
        }
    }
}
