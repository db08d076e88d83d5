// SPDX-License-Identifier: Apache-2.0
// A modulation signal that goes through a function of your own.
//
//     examples/run Neuromodulation

import org.qlif.NeuromodTransform;
import org.qlif.QlifConfig;
import org.qlif.QlifLayer;
import org.qlif.Tensor;

/** Maps a modulation m to M = 1 + m / (1 + |m|), between 0 and 2. Called from several threads, so it keeps no state. */
final NeuromodTransform softsign = new NeuromodTransform() {
    @Override
    public float apply(float m) {
        return 1 + m / (1 + Math.abs(m));
    }

    @Override
    public float derivative(float m, float value) { // for the backward pass
        float divisor = 1 + Math.abs(m);
        return 1 / (divisor * divisor);
    }
};

void main() {
    int steps = 200;
    int neurons = 1000;
    float[] current = new float[steps * neurons];
    Arrays.fill(current, 2);
    float[] modulation = new float[steps];
    for (int t = 0; t < steps; t++) {
        modulation[t] = (float) (3 * Math.sin(2 * Math.PI * 2 * t / steps));
    }

    QlifConfig config = QlifConfig.builder()
            .neuromodulation(options -> options.withTransform(softsign))
            .build();
    try (QlifLayer layer = QlifLayer.builder(neurons).config(config).device("cpu").seed(42).build()) {
        QlifLayer.Output out = layer.forward(
                Tensor.of(current, steps, 1, neurons), //
                Tensor.of(modulation, steps, 1, 1)); // broadcast to every neuron
        float[] spikes = out.spikes().toFloatArray();
        for (int t = 0; t < steps; t += 5) {
            int count = 0;
            for (int i = t * neurons; i < (t + 5) * neurons; i++) {
                count += (int) spikes[i];
            }
            System.out.printf(Locale.ROOT, "m %5.2f  %4.1f %% %s%n",
                    modulation[t], 100.0 * count / (5 * neurons), "#".repeat(count / 25));
        }
    }
}
