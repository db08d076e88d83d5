// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.qlif.DeviceInfo;
import org.qlif.Devices;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.SpikeLinear;
import org.qlif.network.Adam;
import org.qlif.network.Batch;
import org.qlif.network.Loss;
import org.qlif.network.Network;
import org.qlif.network.PoissonEncoder;
import org.qlif.network.Trainer;

/** A whole network learns the same bits on every device that runs it; a device that can't says so. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class NetworkTest {
    private static final int ROWS = 100;
    private static final int WIDTH = 70;

    private static List<String> devices(boolean linear) {
        return Devices.list().stream()
                .filter(DeviceInfo::available)
                .map(info -> info.device().text())
                .filter(device -> runsLinear(device) == linear)
                .toList();
    }

    static List<String> able() {
        return devices(true);
    }

    private static boolean runsLinear(String device) {
        try (SpikeLinear linear = SpikeLinear.open(device)) {
            return linear.device().text().equals(device);
        } catch (IllegalArgumentException none) {
            return false;
        }
    }

    private static Network train(String device) {
        byte[] levels = new byte[ROWS * WIDTH];
        for (int i = 0; i < levels.length; i++) {
            levels[i] = (byte) (i * 41 % 256);
        }
        Network network = Network.builder(WIDTH)
                .linear(33)
                .neurons(LifConfig.defaults())
                .linear(130)
                .neurons(QlifConfig.defaults(), QlifParameter.values())
                .readout(3)
                .build();
        network.get("0.bias").fill(4);
        int[] rows = IntStream.range(0, ROWS).toArray();
        Batch batch = new Batch(
                new PoissonEncoder(levels, WIDTH, 7),
                Loss.crossEntropy(IntStream.of(rows).map(row -> row % 3).toArray()),
                rows);
        try (Trainer trainer = Trainer.builder(network)
                .adam(new Adam(1e-2))
                .device(device)
                .options(KernelOptions.defaults().withThreads(2))
                .build()) {
            for (int step = 0; step < 3; step++) {
                trainer.train(batch);
            }
        }
        return network;
    }

    @ParameterizedTest
    @MethodSource("able")
    void everyDeviceLearnsTheSameBits(String device) {
        Network expected = train("cpu:scalar");
        Network network = train(device);
        for (String name : network.names()) {
            assertThat(network.get(name).toFloatArray())
                    .as(name)
                    .isEqualTo(expected.get(name).toFloatArray());
        }
    }

    @Test
    void aDeviceThatCantSaysSo() {
        assertThat(able()).contains("cpu:scalar");
        for (String device : devices(false)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> train(device))
                    .withMessageContaining("device '" + device + "' can't run a SpikeLinear");
        }
    }
}
