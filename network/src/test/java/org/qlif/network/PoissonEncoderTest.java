// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.qlif.DType;
import org.qlif.Tensor;

class PoissonEncoderTest {
    private static final int LEVELS = 256;
    private static final long KEY = 42;

    /** Each row holds every level once: row 0 at input = level, row 1 turned round, row 2 by a stride. */
    private static byte[] everyLevel() {
        byte[] levels = new byte[3 * LEVELS];
        for (int level = 0; level < LEVELS; level++) {
            levels[level] = (byte) level;
            levels[LEVELS + level] = (byte) (LEVELS - 1 - level);
            levels[2 * LEVELS + level] = (byte) (level * 77);
        }
        return levels;
    }

    /** Whether each input of each row spikes at each step, {@code [t][b][k]}. */
    private static boolean[][][] encode(byte[] levels, int width, int steps, long key, int... rows) {
        return encode(new PoissonEncoder(levels, width, steps), key, rows);
    }

    private static boolean[][][] encode(PoissonEncoder encoder, long key, int... rows) {
        int steps = encoder.steps();
        int width = encoder.width();
        Tensor spikes = Tensor.zeros(DType.BIT, steps, rows.length, width);
        spikes.segment().fill((byte) 0xff);
        int[] numbers = new int[rows.length + 1];
        System.arraycopy(rows, 0, numbers, 1, rows.length);
        encoder.encode(key, numbers, 1, rows.length, spikes);
        long[] words = spikes.toLongArray();
        int stepWords = words.length / steps;
        boolean[][][] bits = new boolean[steps][rows.length][width];
        for (int t = 0; t < steps; t++) {
            for (int e = 0; e < stepWords * 64; e++) {
                boolean set = (words[t * stepWords + (e >> 6)] >>> e & 1) != 0;
                if (e < rows.length * width) {
                    bits[t][e / width][e % width] = set;
                } else {
                    assertThat(set).as("bit %d past the last", e).isFalse();
                }
            }
        }
        return bits;
    }

    /** Widths whose rows begin and end within words; step numbers that fill draws or not. */
    @ParameterizedTest
    @CsvSource({"1, 1", "3, 2", "63, 3", "64, 4", "65, 5", "48, 8", "100, 23"})
    void aRowsSpikesDependOnItAlone(int width, int steps) {
        byte[] levels = new byte[7 * width];
        for (int i = 0; i < levels.length; i++) {
            levels[i] = (byte) (i * 101 % 251);
        }
        boolean[][][] together = encode(levels, width, steps, KEY, 0, 6, 3, 3, 5);
        boolean[][][] longer = encode(levels, width, steps + 4, KEY, 3);
        for (int t = 0; t < steps; t++) {
            assertThat(together[t][2]).isEqualTo(longer[t][0]).isEqualTo(together[t][3]);
        }
    }

    /** One white pixel spikes at every step where it was moved to, so that all places are seen, and each about as often. */
    @ParameterizedTest
    @CsvSource({"5, 4, 1", "6, 7, 2", "3, 9, 0"})
    void movesImagesByEveryDistanceAlike(int height, int columns, int shift) {
        int x = columns / 2;
        int y = height / 2;
        byte[] image = new byte[height * columns];
        image[y * columns + x] = (byte) 255;
        PoissonEncoder encoder = new PoissonEncoder(image, height * columns, 2).moved(columns, shift);
        int choices = (2 * shift + 1) * (2 * shift + 1);
        int draws = 200 * choices;
        int[] seen = new int[height * columns];
        for (int key = 0; key < draws; key++) {
            boolean[][][] bits = encode(encoder, key, 0);
            assertThat(bits[1][0]).isEqualTo(bits[0][0]);
            for (int k = 0; k < seen.length; k++) {
                seen[k] += bits[0][0][k] ? 1 : 0;
            }
        }
        for (int k = 0; k < seen.length; k++) {
            boolean near = Math.abs(k / columns - y) <= shift && Math.abs(k % columns - x) <= shift;
            // 200 on average, with a deviation of at most 14.
            assertThat(seen[k]).as("pixel %d", k).isBetween(near ? 130 : 0, near ? 270 : 0);
        }
        assertThat(Arrays.stream(seen).sum()).isEqualTo(draws);
    }

    /** What leaves an image is lost: nothing comes in at the other side, nor from the row beside it. */
    @Test
    void whatLeavesAnImageIsLost() {
        byte[] white = new byte[3 * 12];
        Arrays.fill(white, (byte) 255);
        PoissonEncoder encoder = new PoissonEncoder(white, 12, 1).moved(4, 2);
        boolean[] wasMoved = new boolean[25];
        for (int key = 0; key < 500; key++) {
            boolean[] bits = encode(encoder, key, 1)[0][0];
            int right = 0;
            int down = 0;
            for (int k = 0; k < 12; k++) {
                right = bits[k] ? Math.max(right, k % 4) : right;
                down = bits[k] ? Math.max(down, k / 4) : down;
            }
            int left = 3;
            int top = 2;
            for (int k = 0; k < 12; k++) {
                left = bits[k] ? Math.min(left, k % 4) : left;
                top = bits[k] ? Math.min(top, k / 4) : top;
            }
            for (int k = 0; k < 12; k++) {
                assertThat(bits[k]).isEqualTo(k % 4 >= left && k % 4 <= right && k / 4 >= top && k / 4 <= down);
            }
            int moveRight = left > 0 ? left : right - 3;
            int moveDown = top > 0 ? top : down - 2;
            wasMoved[(moveDown + 2) * 5 + moveRight + 2] = true;
        }
        assertThat(wasMoved).doesNotContain(false);
    }

    @Test
    void refusesToMoveOutOfSight() {
        PoissonEncoder encoder = new PoissonEncoder(new byte[24], 12, 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> encoder.moved(5, 1))
                .withMessage("columns: got 5, expected a divisor of 12, the width of a row");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> encoder.moved(4, 3))
                .withMessage("shift: got 3, expected at most 2 for images of 3x4");
        assertThatIllegalArgumentException().isThrownBy(() -> encoder.moved(4, -1));
        assertThatIllegalArgumentException().isThrownBy(() -> encoder.moved(0, 0));
    }

    @Test
    void anotherKeyOrRowSpikesOtherwise() {
        byte[] same = new byte[2 * 300];
        Arrays.fill(same, (byte) 128);
        boolean[][][] one = encode(same, 300, 4, KEY, 0, 1);
        assertThat(one).isDeepEqualTo(encode(same, 300, 4, KEY, 0, 1));
        assertThat(one[0][0]).isNotEqualTo(one[0][1]).isNotEqualTo(one[1][0]);
        assertThat(encode(same, 300, 4, KEY + 1, 0)[0][0]).isNotEqualTo(one[0][0]);
    }

    @Test
    void spikesAtTheRateOfTheIntensity() {
        int steps = 40_000;
        boolean[][][] spikes = encode(everyLevel(), LEVELS, steps, KEY, 0, 1, 2);
        for (int level = 0; level < LEVELS; level++) {
            assertRate(spikes, 0, level, level);
            assertRate(spikes, 1, LEVELS - 1 - level, level);
            assertRate(spikes, 2, level, level * 77 % LEVELS);
        }
    }

    private static void assertRate(boolean[][][] spikes, int row, int input, int level) {
        double count = 0;
        for (boolean[][] step : spikes) {
            count += step[row][input] ? 1 : 0;
        }
        double expected = level / 255.0;
        // Five standard deviations of the mean: with this fixed key it holds or it does not.
        double deviation = Math.sqrt(expected * (1 - expected) / spikes.length);
        assertThat(count / spikes.length)
                .as("row %d, level %d", row, level)
                .isCloseTo(expected, Offset.offset(5 * deviation + 1e-9));
    }

    @Test
    void drawsStepsAndNeighboursIndependently() {
        int steps = 40_000;
        boolean[][][] spikes = encode(everyLevel(), LEVELS, steps, KEY, 0);
        for (int lag = 1; lag <= 4; lag++) {
            double inTime = 0;
            double beside = 0;
            for (int t = 0; t + lag < steps; t++) {
                inTime += spikes[t][0][128] && spikes[t + lag][0][128] ? 1 : 0;
                beside += spikes[t][0][128] && spikes[t][0][128 + lag] ? 1 : 0;
            }
            assertThat(inTime / (steps - lag)).isCloseTo(Math.pow(128 / 255.0, 2), Offset.offset(0.0125));
            assertThat(beside / (steps - lag)).isCloseTo(128 / 255.0 * (128 + lag) / 255.0, Offset.offset(0.0125));
        }
    }

    @Test
    void refusesWhatItCantEncode() {
        byte[] levels = new byte[10];
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new PoissonEncoder(levels, 3, 1))
                .withMessage("intensities: got 10 bytes, expected a multiple of 3, the width of a row");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new PoissonEncoder(levels, 0, 1))
                .withMessage("width: got 0, expected at least 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new PoissonEncoder(levels, 5, 0))
                .withMessage("steps: got 0, expected at least 1");
        PoissonEncoder encoder = new PoissonEncoder(levels, 5, 2);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> encoder.encode(0, new int[] {0}, 0, 1, Tensor.zeros(DType.U8, 2, 1, 5)))
                .withMessage("spikes: got U8[2, 1, 5], expected BIT[2, 1, 5]");
        assertThatThrownBy(() -> encoder.encode(0, new int[] {2}, 0, 1, Tensor.zeros(DType.BIT, 2, 1, 5)))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> encoder.encode(0, new int[] {1}, 0, 2, Tensor.zeros(DType.BIT, 2, 2, 5)))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }

    /** Rows that a machine has of a larger data set get the spikes that they have there, moved or not. */
    @Test
    void numberedRowsAreThoseOfTheWhole() {
        byte[] all = new byte[5 * 12];
        for (int i = 0; i < all.length; i++) {
            all[i] = (byte) (i * 41);
        }
        byte[] some = new byte[2 * 12];
        System.arraycopy(all, 3 * 12, some, 0, 12);
        System.arraycopy(all, 12, some, 12, 12);
        long[] numbers = {3, 1};
        for (int shift = 0; shift < 2; shift++) {
            PoissonEncoder whole = new PoissonEncoder(all, 12, 6).moved(4, shift);
            PoissonEncoder part =
                    new PoissonEncoder(some, 12, 6).numbered(numbers).moved(4, shift);
            Tensor expected = Tensor.zeros(DType.BIT, 6, 2, 12);
            whole.encode(42, new int[] {3, 1}, 0, 2, expected);
            Tensor got = Tensor.zeros(DType.BIT, 6, 2, 12);
            part.encode(42, new int[] {0, 1}, 0, 2, got);
            assertThat(got.segment().mismatch(expected.segment())).isEqualTo(-1);
            assertThat(part.number(0)).isEqualTo(3);
            assertThat(whole.number(0)).isZero();
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new PoissonEncoder(some, 12, 6).numbered(new long[3]))
                .withMessage("numbers: got 3, expected 2, as many as there are rows");
    }
}
