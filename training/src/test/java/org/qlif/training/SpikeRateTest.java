// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SpikeRateTest {
    @Test
    void isThePercentageOfAllNeurons() {
        assertThat(new SpikeRate(new int[] {0, 1, 4}, 4, 1).percent()).containsExactly(0, 25, 100);
        assertThat(new SpikeRate(new int[0], 4, 1).percent()).isEmpty();
    }

    /** At the ends, of the steps that there are. */
    @Test
    void isTheMeanOfAWindow() {
        assertThat(new SpikeRate(new int[] {3, 0, 0, 6, 0}, 10, 3).percent()).containsExactly(15, 10, 20, 20, 30);
        assertThat(new SpikeRate(new int[] {2, 4}, 10, 5).percent()).containsExactly(30, 30);
    }

    @Test
    void windowIsOdd() {
        for (int steps : new int[] {1, 20, 99, 100, 500, 30_000}) {
            assertThat(SpikeRate.windowFor(steps) % 2).isOne();
        }
        assertThat(SpikeRate.windowFor(20)).isOne();
        assertThat(SpikeRate.windowFor(500)).isEqualTo(11);
        assertThat(new SpikeRate(new int[1], 1, 1).name()).doesNotContain("mean");
        assertThat(new SpikeRate(new int[1], 1, 11).name()).endsWith("mean of 11 steps");
    }

    @Test
    void rasterHasARateForEachStep() {
        SpikeRaster raster = new SpikeRaster(3, 2, new byte[] {0, 0, 1, 0, 1, 1}, 3, true);
        assertThat(raster.rates()).containsExactly(0, 50, 100);
        assertThat(raster.greatestRate()).isEqualTo(100);
    }
}
