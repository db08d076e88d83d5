package org.qlif.cli;

import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.Devices;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The option {@code --device}, alike in every command that runs a kernel. */
final class DeviceOption {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--device",
            paramLabel = "ID",
            defaultValue = "auto",
            description = "Where to run: auto, a kind such as cpu, or a name that 'qlif devices' lists"
                    + " (default: ${DEFAULT-VALUE}).")
    private String name;

    /**
     * The device that the option's value stands for.
     *
     * @throws picocli.CommandLine.ParameterException if no installed backend knows the name
     * @throws org.qlif.DeviceUnavailableException if it can't run here
     */
    DeviceInfo resolve() {
        try {
            return Devices.resolve(Device.of(name));
        } catch (IllegalArgumentException unknown) {
            throw Refusal.of(command, unknown);
        }
    }
}
