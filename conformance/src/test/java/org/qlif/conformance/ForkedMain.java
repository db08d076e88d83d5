// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.qlif.Device;
import org.qlif.Devices;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.Qlif;
import org.qlif.QlifConfig;

/**
 * What a forked JVM runs: opens each device, or verifies each golden file, that it is told, or lists all devices, or tells the version, and
 * prints what came. After a device's name, {@code +transform} asks for a function of the caller's, {@code +factory} for the caller's threads.
 */
final class ForkedMain {
    private ForkedMain() {}

    public static void main(String[] arguments) {
        for (String argument : arguments) {
            String came = switch (argument) {
                case "list" -> list();
                case "version" -> Qlif.version();
                case String file when file.endsWith(".safetensors") -> verify(file);
                default -> open(argument);
            };
            System.out.println(argument + " -> " + came.replaceAll("\\R", " "));
        }
    }

    private static String verify(String file) {
        return new GoldenVerifier(Device.AUTO, KernelOptions.defaults())
                .verify(Path.of(file))
                .toLine();
    }

    private static String list() {
        try {
            return Devices.list().stream()
                    .map(info -> info.device() + (info.available() ? "" : " can't run") + " "
                            + Stream.concat(info.obstacles().stream(), info.cautions().stream())
                                    .toList())
                    .collect(Collectors.joining(" | "));
        } catch (RuntimeException refused) {
            return refused.getClass().getSimpleName() + " | " + refused.getMessage();
        }
    }

    private static String open(String asked) {
        List<String> words = List.of(asked.split("\\+"));
        QlifConfig config = words.contains("transform")
                ? QlifConfig.builder()
                        .neuromodulation(m -> m.withTransform(RandomConfigs.RATIONAL))
                        .build()
                : QlifConfig.defaults();
        KernelOptions options = words.contains("factory")
                ? KernelOptions.defaults()
                        .withThreadFactory(Thread.ofPlatform().daemon().factory())
                : KernelOptions.defaults();
        try (Kernel kernel = Kernel.open(config, Device.of(words.getFirst()), options)) {
            return kernel.device() + " | " + kernel.description();
        } catch (RuntimeException refused) {
            return refused.getClass().getSimpleName() + " | " + refused.getMessage();
        }
    }
}
