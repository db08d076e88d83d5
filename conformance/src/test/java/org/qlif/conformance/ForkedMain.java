package org.qlif.conformance;

import java.nio.file.Path;
import org.qlif.Device;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.QlifConfig;

/** What a forked JVM runs: opens each device, or verifies each golden file, that it is told, and prints what came. */
final class ForkedMain {
    private ForkedMain() {}

    public static void main(String[] arguments) {
        for (String argument : arguments) {
            String came = argument.endsWith(".safetensors") ? verify(argument) : open(argument);
            System.out.println(argument + " -> " + came.replaceAll("\\R", " "));
        }
    }

    private static String verify(String file) {
        return new GoldenVerifier(Device.AUTO, KernelOptions.defaults())
                .verify(Path.of(file))
                .toLine();
    }

    private static String open(String device) {
        try (Kernel kernel = Kernel.open(QlifConfig.defaults(), device)) {
            return kernel.device() + " | " + kernel.description();
        } catch (RuntimeException refused) {
            return refused.getClass().getSimpleName() + " | " + refused.getMessage();
        }
    }
}
