// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.Devices;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The option {@code --device}, the same in every command that runs a kernel. */
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
     * The device as named by the option, which may leave a choice.
     *
     * @throws ParameterException as {@link #resolve}
     * @throws org.qlif.DeviceUnavailableException as {@link #resolve}
     */
    Device named() {
        try {
            Device device = Device.of(name);
            if (Devices.find(device).isPresent()) {
                return device;
            }
        } catch (IllegalArgumentException malformed) {
            // Reported below.
        }
        return resolve().device();
    }

    /**
     * The device that the option's value stands for.
     *
     * @throws ParameterException if no installed backend knows the name, or a setting that affects the choice has an unknown value
     * @throws org.qlif.DeviceUnavailableException if it can't run here
     */
    DeviceInfo resolve() {
        try {
            return Devices.resolve(Device.of(name));
        } catch (IllegalArgumentException unknown) {
            // A setting that affects devices may be at fault, rather than the option.
            throw unknown.getMessage().startsWith("device:")
                    ? Refusal.of(command, unknown)
                    : new ParameterException(command.commandLine(), unknown.getMessage(), unknown);
        }
    }
}
