// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

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
import org.qlif.network.Adam;
import org.qlif.network.Batch;
import org.qlif.network.Loss;
import org.qlif.network.Network;
import org.qlif.network.PoissonEncoder;
import org.qlif.network.Trainer;

/** A whole network learns the same bits on every device. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class NetworkTest {
    private static final int ROWS = 100;
    private static final int WIDTH = 70;

    static List<String> devices() {
        return Devices.list().stream()
                .filter(DeviceInfo::available)
                .map(info -> info.device().text())
                .toList();
    }

    private static Network network() {
        return Network.builder(WIDTH)
                .linear(33)
                .neurons(LifConfig.defaults())
                .linear(130)
                .neurons(QlifConfig.defaults(), QlifParameter.values())
                .readout(3)
                .build();
    }

    private static Network train(String device) {
        byte[] levels = new byte[ROWS * WIDTH];
        for (int i = 0; i < levels.length; i++) {
            levels[i] = (byte) (i * 41 % 256);
        }
        Network network = network();
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
    @MethodSource("devices")
    void everyDeviceLearnsTheSameBits(String device) {
        Network expected = train("cpu:scalar");
        Network network = train(device);
        for (String name : network.names()) {
            assertThat(network.get(name).toFloatArray())
                    .as(name)
                    .isEqualTo(expected.get(name).toFloatArray());
        }
    }

    /** A GPU would copy everything for every call. */
    @Test
    void leftToChooseItIsTheCpu() {
        try (Trainer trainer = Trainer.builder(network()).build()) {
            assertThat(trainer.device().kind()).isEqualTo("cpu");
        }
    }
}
