// SPDX-License-Identifier: Apache-2.0
package org.qlif.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.qlif.Device;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.AngleMap;
import org.qlif.QlifConfig.Decision;

class ResponseTest {
    private static final Response RESPONSE = new Response(Device.of("cpu"), KernelOptions.defaults());

    /** (1 - cos φ)/2 with φ from the angle map, in float64: docs/model.md, section 3. */
    @Test
    void probabilityIsThatOfTheQubit() {
        double[] gaps = {-7, -1, -0.25, 0, 0.25, 1, 7};
        for (AngleMap map : AngleMap.values()) {
            QlifConfig config = QlifConfig.builder()
                    .qubit(qubit -> qubit.withAngleMap(map))
                    .calibrate(0.1, 0.3)
                    .build();
            double[] p = RESPONSE.probabilities(config, gaps, false);
            double angle = config.qBias() - config.qubit().leak();
            for (int i = 0; i < gaps.length; i++) {
                double x = config.qScale() * gaps[i];
                double turned =
                        angle + (map == AngleMap.LINEAR ? x : config.qubit().thetaMax() * Math.tanh(x));
                assertThat(p[i]).isCloseTo((1 - Math.cos(turned)) / 2, within(3e-6));
            }
            assertThat(p[3]).isCloseTo(0.1, within(1e-6));
        }
    }

    @Test
    void spikeBeforeDampsAndFlattens() {
        QlifConfig config = QlifConfig.builder().decision(Decision.SIGMOID).build();
        double[] gaps = {-1, 0, 1};
        double[] before = RESPONSE.probabilities(config, gaps, false);
        double[] after = RESPONSE.probabilities(config, gaps, true);
        assertThat(before[1]).isCloseTo(0.5, within(1e-6));
        assertThat(after[1]).isCloseTo(0.5 * Math.exp(-1), within(1e-6));
        assertThat(after[2] / after[0]).isLessThan(before[2] / before[0]);
    }

    /** The gap is from the threshold that the decision sees. */
    @Test
    void thresholdIsWithinItsBounds() {
        QlifConfig config =
                QlifConfig.builder().decision(Decision.THRESHOLD).vTh(5).build();
        assertThat(RESPONSE.probabilities(config, new double[] {-0.1, 0.1}, false))
                .containsExactly(0, 1);
    }

    @Test
    void ratesCountEachCurrentsOwnNeurons() {
        double[] currents = {0, 0.9, 1.5, 4};
        double[] plain = RESPONSE.firingRates(QlifConfig.plainLif(), currents, 250, 3);
        assertThat(plain).startsWith(0, 0).isSorted();
        // From 0 by I(1 - (1 - dt/tau)^k) to the threshold, reset to 0, and so on.
        int toThreshold = (int) Math.ceil(Math.log(1 - 1 / 1.5) / Math.log(1 - 1 / 20.0));
        assertThat(plain[2]).isEqualTo(250 / toThreshold / 250.0);
        assertThat(RESPONSE.firingRates(LifConfig.defaults(), currents, 100, 1)[0])
                .isZero();
    }

    @Test
    void refusesNoPointsAndTooMany() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RESPONSE.probabilities(QlifConfig.defaults(), new double[0], false))
                .withMessage("gaps: got 0 numbers, expected 1 to 100000");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RESPONSE.firingRates(QlifConfig.defaults(), new double[100_000], 10, 42))
                .withMessage("rows, currents: got 42 x 100000, expected at most 4194304 neurons");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RESPONSE.firingRates(QlifConfig.defaults(), new double[1], 0, 1))
                .withMessage("steps: got 0, expected a whole number in [1, 4194304]");
    }
}
