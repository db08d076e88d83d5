// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.ArrayList;
import java.util.List;
import org.qlif.QlifConfig;
import org.qlif.Surrogate;

/** One configuration for each way in which a neuron can decide, at the defaults otherwise. */
final class Modes {
    private Modes() {}

    static List<QlifConfig> all() {
        List<QlifConfig> modes = new ArrayList<>();
        for (QlifConfig.SpikeValue value : QlifConfig.SpikeValue.values()) {
            for (QlifConfig.Readout readout : QlifConfig.Readout.values()) {
                for (QlifConfig.AngleMap map : QlifConfig.AngleMap.values()) {
                    modes.add(QlifConfig.builder()
                            .spikeValue(value)
                            .qubit(qubit -> qubit.withReadout(readout).withAngleMap(map))
                            .build());
                }
            }
            for (QlifConfig.Sampling sampling : QlifConfig.Sampling.values()) {
                modes.add(QlifConfig.builder()
                        .decision(QlifConfig.Decision.SIGMOID)
                        .spikeValue(value)
                        .sigmoid(sigmoid -> sigmoid.withSampling(sampling))
                        .build());
            }
        }
        for (Surrogate surrogate : Surrogate.values()) {
            modes.add(QlifConfig.builder()
                    .decision(QlifConfig.Decision.THRESHOLD)
                    .surrogate(surrogate)
                    .build());
        }
        return modes;
    }
}
