// SPDX-License-Identifier: Apache-2.0
// Input that arrives step by step, with the state kept between calls, and the spikes of one call.
//
//     examples/run Streaming

import org.qlif.QlifLayer;
import org.qlif.StatePolicy;
import org.qlif.Tensor;

void main() {
    int steps = 40;
    int neurons = 64;
    float[] current = new float[steps * neurons];
    for (int t = 0; t < steps; t++) {
        for (int n = 0; n < neurons; n++) {
            // A bump of current that travels along the neurons.
            double distance = n - 1.5 * t;
            current[t * neurons + n] = (float) (6 * Math.exp(-distance * distance / 50));
        }
    }

    float[] streamed = new float[steps * neurons];
    try (QlifLayer layer = QlifLayer.builder(neurons)
            .device("cpu")
            .seed(7)
            .state(StatePolicy.STREAM) // each call continues where the last one ended
            .build()) {
        for (int t = 0; t < steps; t++) {
            float[] arrived = Arrays.copyOfRange(current, t * neurons, (t + 1) * neurons);
            float[] spikes = layer.forward(Tensor.of(arrived, 1, 1, neurons)).spikes().toFloatArray();
            System.arraycopy(spikes, 0, streamed, t * neurons, neurons);

            StringBuilder row = new StringBuilder();
            for (float spike : spikes) {
                row.append(spike == 1 ? '#' : ' ');
            }
            System.out.printf("step %2d  %s%n", t, row.toString().stripTrailing());
        }
    }

    try (QlifLayer layer = QlifLayer.builder(neurons).device("cpu").seed(7).build()) {
        float[] whole = layer.forward(Tensor.of(current, steps, 1, neurons)).spikes().toFloatArray();
        System.out.println("same spikes as in one call: " + Arrays.equals(streamed, whole));
    }
}
