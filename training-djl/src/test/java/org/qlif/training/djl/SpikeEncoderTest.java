// SPDX-License-Identifier: Apache-2.0
package org.qlif.training.djl;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.training.ImageSet;

class SpikeEncoderTest {
    private static final int PIXELS = 256;
    private static final int IMAGES = 3;
    private static final long KEY = 42;

    /** Each image holds every level once: image 0 at pixel = level, image 1 turned round, image 2 by a stride. */
    private static ImageSet everyLevel() {
        byte[] pixels = new byte[IMAGES * PIXELS];
        for (int level = 0; level < PIXELS; level++) {
            pixels[level] = (byte) level;
            pixels[PIXELS + level] = (byte) (PIXELS - 1 - level);
            pixels[2 * PIXELS + level] = (byte) (level * 77);
        }
        return new ImageSet(16, 16, pixels, new byte[IMAGES], Path.of("made-up"));
    }

    private static float[] encode(long key, int steps, int... numbers) {
        float[] spikes = new float[steps * numbers.length * PIXELS];
        Arrays.fill(spikes, Float.NaN);
        new SpikeEncoder(everyLevel(), steps).encode(key, numbers, 0, numbers.length, MemorySegment.ofArray(spikes));
        return spikes;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 4, 5, 8, 23})
    void writesEveryElementAndOnlyZeroAndOne(int steps) {
        float[] spikes = encode(KEY, steps, 0, 1, 2);
        for (float spike : spikes) {
            assertThat(spike).isIn(0f, 1f);
        }
    }

    @Test
    void repeatsForTheSameKey() {
        assertThat(encode(KEY, 7, 0, 1)).isEqualTo(encode(KEY, 7, 0, 1));
        assertThat(encode(KEY, 7, 0, 1)).isNotEqualTo(encode(KEY + 1, 7, 0, 1));
    }

    @Test
    void dependsOnTheImageAndNotOnItsBatch() {
        int steps = 6;
        float[] together = encode(KEY, steps, 0, 1, 2);
        float[] alone = encode(KEY, steps, 2);
        for (int t = 0; t < steps; t++) {
            int row = (t * 3 + 2) * PIXELS;
            assertThat(Arrays.copyOfRange(together, row, row + PIXELS))
                    .isEqualTo(Arrays.copyOfRange(alone, t * PIXELS, (t + 1) * PIXELS));
        }
    }

    @Test
    void spikesAtTheRateOfTheIntensity() {
        int steps = 40_000;
        float[] spikes = encode(KEY, steps, 0);
        for (int level = 0; level < PIXELS; level++) {
            double count = 0;
            for (int t = 0; t < steps; t++) {
                count += spikes[t * PIXELS + level];
            }
            double expected = level / 255.0;
            // Five standard deviations of the mean: with this fixed key it holds or it does not.
            double deviation = Math.sqrt(expected * (1 - expected) / steps);
            assertThat(count / steps).as("level %d", level).isCloseTo(expected, Offset.offset(5 * deviation + 1e-9));
        }
    }

    @Test
    void drawsStepsOfOneWordIndependently() {
        int steps = 40_000;
        float[] spikes = encode(KEY, steps, 0);
        int level = 128;
        for (int lag = 1; lag <= 4; lag++) {
            double both = 0;
            for (int t = 0; t + lag < steps; t++) {
                both += spikes[t * PIXELS + level] * spikes[(t + lag) * PIXELS + level];
            }
            double expected = Math.pow(level / 255.0, 2);
            assertThat(both / (steps - lag)).as("lag %d", lag).isCloseTo(expected, Offset.offset(0.015));
        }
    }
}
