// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import org.qlif.KernelOptions;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The option {@code --threads}, the same in every command that runs a kernel. */
final class ThreadsOption {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    /**
     * More threads than processors are only useful to show that they change nothing; each has 2 MiB of scratch and takes part in every
     * call.
     */
    private static final int ENOUGH = 64;

    private static final int MOST = Math.max(ENOUGH, KernelOptions.defaults().threads());

    @Option(
            names = "--threads",
            paramLabel = "K",
            description = "Threads that share the work, 1 to " + ENOUGH
                    + ", or to the number of processors if that is more (default: one per processor).")
    private Integer threads;

    /** The options of a kernel with this number of threads. */
    KernelOptions options() {
        if (threads == null) {
            return KernelOptions.defaults();
        }
        if (threads < 1 || threads > MOST) {
            throw new ParameterException(
                    command.commandLine(), "--threads: got " + threads + ", expected a whole number from 1 to " + MOST);
        }
        return KernelOptions.defaults().withThreads(threads);
    }
}
