// SPDX-License-Identifier: Apache-2.0
// A run on each device that can run here, or on the one that you name: the bits are the same.
//
//     examples/run NamedDevice [cpu:simd | cpu:scalar | cpu:native | cuda:0]

import org.qlif.DeviceInfo;
import org.qlif.DeviceUnavailableException;
import org.qlif.Devices;
import org.qlif.QlifLayer;
import org.qlif.Tensor;

void main(String[] args) {
    List<String> names = args.length > 0
            ? List.of(args)
            : Devices.list().stream().map(info -> info.device().text()).toList();
    for (String name : names) {
        try {
            run(name);
        } catch (DeviceUnavailableException unavailable) {
            // A device that is asked for by name is never replaced by another one. The message says what is missing.
            System.out.println(unavailable.getMessage());
        }
    }
}

void run(String device) {
    int steps = 100;
    int batch = 32;
    int neurons = 128;
    Random random = new Random(1);
    float[] current = new float[steps * batch * neurons];
    for (int i = 0; i < current.length; i++) {
        current[i] = 1 + (float) random.nextGaussian();
    }
    try (QlifLayer layer = QlifLayer.builder(neurons).device(device).seed(42).build()) {
        QlifLayer.Output out = layer.forward(Tensor.of(current, steps, batch, neurons));
        float[] spikes = out.spikes().toFloatArray();
        int count = 0;
        for (float spike : spikes) {
            count += (int) spike;
        }
        System.out.printf("%-10s  %d spikes, hash of the voltages %08x (%s)%n",
                layer.kernel().device(), count, Arrays.hashCode(out.voltages().toFloatArray()), layer.kernel().description());
    }
}
