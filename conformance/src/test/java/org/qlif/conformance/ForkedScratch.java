// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.NativeException;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.Tensor;

/** Lends arrays that are copied to native memory, more of it than the JVM was given, and prints what comes of it. */
final class ForkedScratch {
    private static final QlifConfig CONFIG = QlifConfig.defaults();

    private ForkedScratch() {}

    public static void main(String[] arguments) {
        try (Kernel kernel = Kernel.open(
                CONFIG, Device.of(arguments[0]), KernelOptions.defaults().withThreads(1))) {
            kernel.forward(forward(1));
            try {
                kernel.forward(forward(1 << 10));
            } catch (NativeException failure) {
                System.out.println(failure.kind());
            }
            kernel.forward(forward(1));
            System.out.println("lives on");
        }
    }

    private static Forward forward(int batch) {
        return new Forward()
                .input(Tensor.zeros(DType.F32, 1, batch, 1 << 12))
                .parameters(Parameters.shared(CONFIG))
                .draws(new DrawStream(1, 2))
                .spikes(Tensor.zeros(DType.U8, 1, batch, 1 << 12));
    }
}
