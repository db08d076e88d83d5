// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.qlif.DeviceUnavailableException;
import org.qlif.QlifConfig.SpikeValue;
import org.qlif.training.NeuronPreset;
import org.qlif.training.TrainingDivergedException;
import org.qlif.training.TrainingEngine;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command tree, and how its failures become one line on stderr and an exit code. */
final class Cli {
    /** A check or the run failed. */
    static final int FAILED = 1;

    /** The command line was wrong; nothing has run. */
    static final int USAGE = 2;

    /** A signal such as Ctrl-C ended the run; the JVM also uses this code. */
    static final int INTERRUPTED = 130;

    private static final Map<String, String> EXIT_CODES = exitCodes();

    private static final Pattern CONTROL = Pattern.compile("\\p{Cc}");

    private final QlifCommand root;
    private final CommandLine commandLine;
    private final PrintWriter err;

    /**
     * @param out where results go
     * @param err where failures go
     * @param timing how long {@code bench} measures
     * @param progress where the progress of long work is reported; called when it starts
     * @param debug whether failures print their stack traces even without {@code --debug}
     */
    Cli(PrintWriter out, PrintWriter err, Benchmark.Timing timing, Supplier<Progress> progress, boolean debug) {
        this.err = err;
        root = new QlifCommand(debug);
        commandLine = new CommandLine(root)
                .addSubcommand(new DevicesCommand())
                .addSubcommand(new VerifyCommand())
                .addSubcommand(new BenchCommand(timing, progress))
                .addSubcommand(new TrainCommand(progress))
                .addSubcommand(new RunCommand())
                .addSubcommand(new ReconstructCommand(progress))
                .addSubcommand(new CurvesCommand(progress))
                .addSubcommand(new SimulateCommand(progress))
                .addSubcommand(new DashboardCommand())
                .registerConverter(BenchWorkload.Model.class, new NameConverter<>(BenchWorkload.Model.class))
                .registerConverter(BenchWorkload.Mode.class, new NameConverter<>(BenchWorkload.Mode.class))
                .registerConverter(SpikeValue.class, new NameConverter<>(SpikeValue.class))
                .registerConverter(NeuronPreset.class, new NameConverter<>(NeuronPreset.class))
                .registerConverter(TrainingEngine.Name.class, new NameConverter<>(TrainingEngine.Name.class))
                .registerConverter(int.class, number("a whole number", Integer::valueOf))
                .registerConverter(Integer.class, number("a whole number", Integer::valueOf))
                .registerConverter(long.class, number("a whole number of 64 bits", Long::valueOf))
                .registerConverter(double.class, number("a number", Double::valueOf))
                .setUsageHelpLongOptionsMaxWidth(28)
                .setUsageHelpWidth(100)
                .setOut(out)
                .setErr(err)
                .setParameterExceptionHandler((exception, arguments) -> usageError(exception))
                .setExecutionExceptionHandler((exception, command, parsed) -> failure(exception));
        describeExitCodes(commandLine);
    }

    /** Runs a command and returns its exit code. */
    int run(String... arguments) {
        try {
            int exitCode = commandLine.execute(arguments);
            commandLine.getOut().flush();
            return exitCode;
        } catch (StandardOutput.Failure | OutOfMemoryError | LinkageError error) {
            // Errors that concern the output, the machine or the installation; picocli passes on any Error unchanged.
            return failure(error);
        }
    }

    /** Reads a number, with a message in the usual form; the option checks the range. */
    private static <N extends Number> ITypeConverter<N> number(String expected, Function<String, N> parser) {
        return text -> {
            try {
                return parser.apply(text.strip());
            } catch (NumberFormatException other) {
                throw new TypeConversionException(
                        "got '" + text + "', expected " + expected + " in the range that --help gives");
            }
        };
    }

    private static Map<String, String> exitCodes() {
        Map<String, String> codes = new LinkedHashMap<>();
        codes.put("0", "fine");
        codes.put("1", "a check or the run failed, or the output could not be written");
        codes.put("2", "the command line was wrong, nothing has run");
        codes.put("130", "interrupted");
        return codes;
    }

    private static void describeExitCodes(CommandLine command) {
        command.getCommandSpec()
                .usageMessage()
                .exitCodeListHeading("%nExit codes:%n")
                .exitCodeList(EXIT_CODES);
        command.getSubcommands().values().forEach(Cli::describeExitCodes);
    }

    private int usageError(ParameterException exception) {
        String message = exception.getMessage();
        if (exception instanceof UnmatchedArgumentException unmatched
                && !unmatched.getSuggestions().isEmpty()) {
            message += "; did you mean " + String.join(" or ", unmatched.getSuggestions()) + "?";
        }
        String command = exception.getCommandLine().getCommandSpec().qualifiedName();
        return complain(exception, message + " (see '" + command + " --help')", USAGE);
    }

    private int failure(Throwable cause) {
        return complain(cause, describe(cause), FAILED);
    }

    private int complain(Throwable cause, String message, int exitCode) {
        if (!(cause instanceof StandardOutput.Failure failure && failure.readerGone())) {
            err.println("qlif: " + oneLine(message));
        }
        if (root.debug()) {
            cause.printStackTrace(err);
        }
        err.flush();
        return exitCode;
    }

    /** A message that may contain a file's name or an argument, without terminal control characters. */
    private static String oneLine(String message) {
        return CONTROL.matcher(message.strip().replaceAll("\\s*\\R\\s*", " "))
                .replaceAll(control ->
                        String.format("\\\\u%04x", (int) control.group().charAt(0)));
    }

    /** The failure in words: the messages of some exceptions are only paths or empty. */
    private static String describe(Throwable cause) {
        String message = cause.getMessage();
        return switch (cause) {
            case UncheckedIOException wrapped -> describe(wrapped.getCause());
            case FileSystemException known when known.getReason() != null -> message;
            case NoSuchFileException _ -> "no such file or folder: " + message;
            case FileAlreadyExistsException _ -> "already exists: " + message;
            case AccessDeniedException _ -> "access denied: " + message;
            case OutOfMemoryError _ -> "not enough memory (" + message + "); try something smaller";
            case StandardOutput.Failure _, TrainingDivergedException _ -> message;
            case IOException _, DeviceUnavailableException _, IllegalArgumentException _
            when message != null -> message;
            default -> "unexpected " + cause + " (--debug shows where)";
        };
    }
}
