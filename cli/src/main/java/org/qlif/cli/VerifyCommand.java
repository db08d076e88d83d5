// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import com.google.gson.GsonBuilder;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.qlif.Device;
import org.qlif.conformance.GoldenFiles;
import org.qlif.conformance.GoldenResult;
import org.qlif.conformance.GoldenSummary;
import org.qlif.conformance.GoldenVerifier;
import org.qlif.spi.Printable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code qlif verify}. */
@Command(
        name = "verify",
        description = {
            "Checks that a device computes what docs/model.md defines.",
            "Runs golden cases of QLIF, LIF and the draws, forward and backward, and prints a line for each with the largest error of each kind and"
                    + " the tolerance. A file that can't be read counts as a failed case. The exit code is 1 if any case"
                    + " failed or none passed."
        },
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        parameterListHeading = "%nParameters:%n",
        sortOptions = false,
        footerHeading = "%nExamples:%n",
        footer = {
            "  ./qlif verify golden",
            "  ./qlif verify golden --json",
            "  ./qlif verify --device cpu:scalar golden/spec-003-qubit-single_qubit.safetensors"
        })
final class VerifyCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(
            paramLabel = "PATH",
            arity = "1..*",
            description = "Golden files, or folders of them; links are followed.")
    private List<Path> paths;

    @Mixin
    private DeviceOption device;

    @Mixin
    private ThreadsOption threads;

    @Option(
            names = "--json",
            description = "Print one JSON object in the last line; a deviation that is not finite is null.")
    private boolean json;

    @Override
    public Integer call() {
        Device chosen = device.resolve().device();
        GoldenVerifier verifier = new GoldenVerifier(chosen, threads.options());
        PrintWriter out = spec.commandLine().getOut();
        GoldenFiles found = GoldenVerifier.find(paths);
        if (found.isEmpty()) {
            throw new ParameterException(spec.commandLine(), describe(found));
        }
        out.println("device " + chosen);
        List<Map<String, Object>> cases = new ArrayList<>();
        GoldenSummary summary = verifier.verify(found, result -> {
            out.println(result.toLine());
            out.flush();
            cases.add(report(result));
        });
        out.println(summary.toLine());
        if (json) {
            Map<String, Object> report = new LinkedHashMap<>();
            report.put("device", chosen.text());
            report.put("passed", summary.passed());
            report.put("failed", summary.failed());
            report.put("cases", cases);
            out.println(new GsonBuilder()
                    .serializeNulls()
                    .disableHtmlEscaping()
                    .create()
                    .toJson(report));
        }
        out.flush();
        return summary.exitCode();
    }

    private static Map<String, Object> report(GoldenResult result) {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("file", result.file().toString());
        report.put("passed", result.outcome() == GoldenResult.Outcome.PASSED);
        report.put("mismatches", result.mismatches());
        report.put("forward", report(result.forward()));
        report.put("gradient", report(result.gradient()));
        report.put("message", result.message());
        return report;
    }

    private static Map<String, Object> report(GoldenResult.Deviation deviation) {
        if (deviation == null) {
            return null;
        }
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("tensor", deviation.tensor());
        report.put("error", Double.isFinite(deviation.error()) ? deviation.error() : null);
        report.put("allowed", deviation.allowed());
        return report;
    }

    private static String describe(GoldenFiles found) {
        return found.missed().stream()
                .map(missed -> "PATH " + Printable.path(missed.path()) + ": " + missed.reason())
                .collect(Collectors.joining("; "));
    }
}
