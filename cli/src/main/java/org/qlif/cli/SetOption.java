// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.util.List;
import java.util.function.Supplier;
import org.qlif.NeuronConfig;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The option {@code --set}, the same in every command that chooses a configuration. */
final class SetOption {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--set",
            paramLabel = "NAME=VALUE",
            description =
                    "Change an option of the neuron, by its name in docs/model.md, such as use_ahp=false; can be given"
                            + " several times.")
    private List<String> settings = List.of();

    /** The given settings. */
    List<String> settings() {
        return settings;
    }

    /**
     * {@code config} with the given settings.
     *
     * @throws ParameterException if it has no such option, or the value is illegal
     */
    NeuronConfig applied(NeuronConfig config) {
        return applied(() -> config.with(settings));
    }

    /**
     * The result of {@code config}, which applies the given settings.
     *
     * @throws ParameterException if it refuses them
     */
    NeuronConfig applied(Supplier<NeuronConfig> config) {
        try {
            return config.get();
        } catch (IllegalArgumentException refusal) {
            throw new ParameterException(command.commandLine(), "--set: " + refusal.getMessage(), refusal);
        }
    }
}
