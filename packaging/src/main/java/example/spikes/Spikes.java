// SPDX-License-Identifier: Apache-2.0
package example.spikes;

import java.util.Arrays;
import org.qlif.QlifLayer;
import org.qlif.Tensor;

/** Runs a layer of neurons on the device that its argument names, and prints the device and the number of spikes. */
public final class Spikes {
    private Spikes() {}

    public static void main(String[] arguments) {
        String device = arguments.length > 0 ? arguments[0] : "cpu";
        float[] current = new float[100 * 128];
        Arrays.fill(current, 1);
        try (QlifLayer layer =
                QlifLayer.builder(128).device(device).seed(42).stream(0).build()) {
            // Read before the first call, which in a new process may run on another device until this one's code is
            // compiled.
            String runs =
                    layer.kernel().device() + ": %d spikes, " + layer.kernel().description();
            float[] spikes =
                    layer.forward(Tensor.of(current, 100, 1, 128)).spikes().toFloatArray();
            long count = 0;
            for (float spike : spikes) {
                count += (long) spike;
            }
            System.out.println(runs.formatted(count));
        }
    }
}
