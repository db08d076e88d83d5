package org.qlif.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.qlif.Device;
import org.qlif.conformance.GoldenSummary;
import org.qlif.conformance.GoldenVerifier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code qlif verify}. */
@Command(
        name = "verify",
        description = {
            "Checks that a device computes what the specification says.",
            "Runs golden cases forward and backward and prints a line for each with the worst error of each kind, and"
                    + " how much was allowed. Exit code 1 if any case failed or none passed."
        },
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        parameterListHeading = "%nParameters:%n",
        sortOptions = false,
        footerHeading = "%nExamples:%n",
        footer = {
            "  ./qlif verify golden",
            "  ./qlif verify --device cpu:scalar golden/spec-003-qubit-single_qubit.safetensors"
        })
final class VerifyCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "PATH", arity = "1..*", description = "Golden files, or folders of them.")
    private List<Path> paths;

    @Mixin
    private DeviceOption device;

    @Mixin
    private ThreadsOption threads;

    @Override
    public Integer call() throws IOException {
        Device chosen = device.resolve().device();
        GoldenVerifier verifier = new GoldenVerifier(chosen, threads.options());
        PrintWriter out = spec.commandLine().getOut();
        List<Path> files = find();
        out.println("device " + chosen);
        GoldenSummary summary = verifier.verify(files, result -> {
            out.println(result.toLine());
            out.flush();
        });
        summary.toLines().forEach(out::println);
        out.flush();
        return summary.exitCode();
    }

    private List<Path> find() throws IOException {
        try {
            return GoldenVerifier.find(paths);
        } catch (NoSuchFileException missing) {
            throw new ParameterException(spec.commandLine(), missing.getMessage(), missing);
        }
    }
}
