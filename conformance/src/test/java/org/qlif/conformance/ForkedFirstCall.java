// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.Tensor;

/** A process that ends right after its first call, whatever goes on in the background. Prints where the call ran. */
final class ForkedFirstCall {
    private ForkedFirstCall() {}

    public static void main(String[] arguments) {
        QlifConfig config = QlifConfig.defaults();
        try (Kernel kernel = Kernel.open(config, arguments[0])) {
            kernel.forward(new Forward()
                    .input(Tensor.zeros(DType.F32, 1, 1, 16))
                    .parameters(Parameters.shared(config))
                    .draws(new DrawStream(42, 7))
                    .spikes(Tensor.zeros(DType.U8, 1, 1, 16)));
            System.out.println("first -> " + kernel.device());
        }
        if (arguments.length > 1) {
            System.exit(0);
        }
    }
}
