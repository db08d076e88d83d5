// SPDX-License-Identifier: Apache-2.0
// A layer that is saved in the middle of a run and continues after loading with the same bits.
//
//     examples/run SaveAndResume

import org.qlif.QlifLayer;
import org.qlif.StatePolicy;
import org.qlif.Tensor;
import org.qlif.io.Safetensors;

final int steps = 50;
final int neurons = 100;

void main() throws IOException {
    Path file = Files.createTempFile("layer", ".safetensors");
    Tensor first = noise(1);
    Tensor second = noise(2);

    float[] uninterrupted;
    try (QlifLayer layer = QlifLayer.builder(neurons)
            .device("cpu")
            .seed(42)
            .state(StatePolicy.STREAM)
            .build()) {
        layer.forward(first);
        layer.save(file);
        uninterrupted = layer.forward(second).spikes().toFloatArray();
    }

    // The file has the parameters, the configuration, the state and the position of the draws, but not the device or the threads.
    try (QlifLayer loaded = QlifLayer.load(file).device("cpu").state(StatePolicy.STREAM).build()) {
        float[] resumed = loaded.forward(second).spikes().toFloatArray();
        System.out.println("same spikes after loading: " + Arrays.equals(resumed, uninterrupted));
    }

    Safetensors content = Safetensors.read(file);
    for (String name : content.names()) {
        System.out.println(name + " " + content.type(name) + " " + Arrays.toString(content.shape(name)));
    }
    System.out.println("saved in " + file + ", " + Files.size(file) + " bytes; in Python: qlif.torch.load(\"" + file + "\")");
}

Tensor noise(long seed) {
    Random random = new Random(seed);
    float[] current = new float[steps * neurons];
    for (int i = 0; i < current.length; i++) {
        current[i] = 1.5f + (float) random.nextGaussian();
    }
    return Tensor.of(current, steps, 1, neurons);
}
