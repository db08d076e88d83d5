// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * Opens, uses and closes kernels and tapes on {@code cpu:native}, and prints by how many KiB the process has grown since it was warm. Run
 * in a JVM whose heap is all there from the start.
 */
final class ForkedCycles {
    private static final QlifConfig CONFIG = QlifConfig.defaults();

    private ForkedCycles() {}

    public static void main(String[] arguments) throws IOException {
        int cycles = Integer.parseInt(arguments[0]);
        cycle(cycles / 10);
        long warm = residentKibibytes();
        cycle(cycles);
        System.out.println("grown by KiB -> " + (residentKibibytes() - warm));
    }

    private static void cycle(int count) {
        Device device = Device.of("cpu:native");
        for (int i = 0; i < count; i++) {
            try (Kernel kernel =
                            Kernel.open(CONFIG, device, KernelOptions.defaults().withThreads(1 + i % 2));
                    Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, 65, 2, 64)) {
                kernel.forward(new Forward()
                        .input(Tensor.zeros(DType.F32, 65, 2, 64))
                        .parameters(Parameters.shared(CONFIG))
                        .draws(new DrawStream(1, 2))
                        .tape(tape));
            }
        }
    }

    /** The second number of statm: resident pages, of 4 KiB. */
    private static long residentKibibytes() throws IOException {
        return 4 * Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]);
    }
}
