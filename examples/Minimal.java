// SPDX-License-Identifier: Apache-2.0
// A layer of eight neurons under a growing current, and when each of them spikes.
//
//     examples/run Minimal

import org.qlif.QlifLayer;
import org.qlif.Tensor;

void main() {
    int steps = 100;
    int neurons = 8;
    float[] current = new float[steps * neurons]; // (T, B, N) with B = 1: time first, neurons last
    for (int t = 0; t < steps; t++) {
        for (int n = 0; n < neurons; n++) {
            current[t * neurons + n] = 8f * n / (neurons - 1) * t / steps; // the last neuron gets the most
        }
    }

    try (QlifLayer layer = QlifLayer.builder(neurons).device("cpu").seed(42).build()) {
        QlifLayer.Output out = layer.forward(Tensor.of(current, steps, 1, neurons));
        float[] spikes = out.spikes().toFloatArray(); // (T, B, N), 0 or 1
        float[] voltages = out.voltages().toFloatArray(); // (T, B, N), after the reset

        for (int n = 0; n < neurons; n++) {
            StringBuilder row = new StringBuilder();
            int count = 0;
            for (int t = 0; t < steps; t++) {
                boolean fired = spikes[t * neurons + n] == 1;
                row.append(fired ? '|' : '.');
                count += fired ? 1 : 0;
            }
            float last = voltages[(steps - 1) * neurons + n];
            System.out.printf(Locale.ROOT, "neuron %d  %s  %2d spikes, V %5.2f%n", n, row, count, last);
        }
    }
}
