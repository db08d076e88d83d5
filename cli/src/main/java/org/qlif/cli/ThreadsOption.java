package org.qlif.cli;

import org.qlif.KernelOptions;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The option {@code --threads}, alike in every command that runs a kernel. */
final class ThreadsOption {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--threads",
            paramLabel = "K",
            description = "Threads that share the work (default: one for each processor).")
    private Integer threads;

    /** The options of a kernel with so many threads. */
    KernelOptions options() {
        if (threads == null) {
            return KernelOptions.defaults();
        }
        try {
            return new KernelOptions(threads);
        } catch (IllegalArgumentException outside) {
            throw Refusal.of(command, outside);
        }
    }
}
