// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class StatisticsTest {
    private static final QlifConfig CONFIG = QlifConfig.defaults();
    /** More than are summed at once. */
    private static final int NEURONS = 1031;

    private static Statistics fresh() {
        return Statistics.initial(CONFIG, NEURONS);
    }

    /** Of r as runs leave it, and h of any magnitude from the least that is summed exactly to that of a threshold. */
    private static float[][] rows(int count) {
        SplittableRandom random = new SplittableRandom(count);
        float[][] rows = new float[count][2 * NEURONS];
        for (float[] row : rows) {
            for (int n = 0; n < NEURONS; n++) {
                row[n] = (float) random.nextDouble();
                float h = (float) ((random.nextDouble() - 0.5) * Math.scalb(1.0, 2 - random.nextInt(39)));
                row[NEURONS + n] = Math.abs(h) < 0x1p-37f ? 0 : h;
            }
        }
        return rows;
    }

    private static State state(List<float[]> rows) {
        State state = State.zeros(CONFIG, rows.size(), NEURONS);
        for (int b = 0; b < rows.size(); b++) {
            for (int n = 0; n < NEURONS; n++) {
                state.get(QlifVariable.RATE).setFloat((long) b * NEURONS + n, rows.get(b)[n]);
                state.get(QlifVariable.HOMEOSTASIS).setFloat((long) b * NEURONS + n, rows.get(b)[NEURONS + n]);
            }
        }
        return state;
    }

    private static float[] means(Statistics statistics) {
        float[] means = new float[2 * NEURONS];
        System.arraycopy(statistics.get(QlifVariable.RATE).toFloatArray(), 0, means, 0, NEURONS);
        System.arraycopy(statistics.get(QlifVariable.HOMEOSTASIS).toFloatArray(), 0, means, NEURONS, NEURONS);
        return means;
    }

    private static float[] meansOf(List<float[]> rows) {
        Statistics statistics = fresh();
        statistics.update(state(rows));
        return means(statistics);
    }

    @Test
    void neitherOrderNorCutsChangeABit() {
        List<float[]> rows = new ArrayList<>(List.of(rows(200)));
        float[] expected = meansOf(rows);
        Random random = new Random(1);
        for (int round = 0; round < 20; round++) {
            Collections.shuffle(rows, random);
            Statistics statistics = fresh();
            Statistics.Sums sums = statistics.newSums();
            List<Statistics.Sums> parts = new ArrayList<>();
            for (int from = 0; from < rows.size(); ) {
                int to = Math.min(rows.size(), from + 1 + random.nextInt(80));
                parts.add(statistics.newSums().add(state(rows.subList(from, to))));
                from = to;
            }
            Collections.shuffle(parts, random);
            parts.forEach(sums::add);
            assertThat(sums.rows()).isEqualTo(200);
            statistics.update(sums);
            assertThat(means(statistics)).isEqualTo(expected);
        }
    }

    /** Values of these magnitudes are summed exactly: what is left are the roundings of the quotient, to float64 and to float32. */
    @Test
    void areTheMeans() {
        float[][] rows = rows(57);
        float[] means = meansOf(List.of(rows));
        for (int i = 0; i < means.length; i++) {
            BigDecimal sum = BigDecimal.ZERO;
            for (float[] row : rows) {
                sum = sum.add(new BigDecimal(row[i]));
            }
            assertThat(means[i])
                    .as("mean %d", i)
                    .isEqualTo(sum.divide(BigDecimal.valueOf(57), new MathContext(60))
                            .floatValue());
        }
    }

    /** So that a run of one row, and one without steps, leave what there was. */
    @Test
    void rowsThatAreAlikeHaveTheirValueAsMean() {
        float[] row = rows(1)[0];
        row[0] = 0x1p-37f;
        row[1] = 1.2345678f * 0x1p-36f;
        row[2] = -0x1p18f;
        row[3] = 0x1.fffffep17f;
        row[4] = -0f;
        for (int count : new int[] {1, 2, 3, 77, 1000}) {
            float[] means = meansOf(Collections.nCopies(count, row));
            row[4] = 0;
            assertThat(means).as("%d rows", count).isEqualTo(row);
        }
    }

    @Test
    void tinyValuesAreRounded() {
        float[] row = new float[2 * NEURONS];
        row[0] = 1.2345678f * 0x1p-50f;
        row[1] = 0x1p-62f;
        float[] means = meansOf(Collections.nCopies(3, row));
        assertThat(means[0])
                .isEqualTo((float) (Math.rint(row[0] * 0x1p60) * 0x1p-60))
                .isNotEqualTo(row[0]);
        assertThat(means[1]).isZero();
    }

    /** NaN, whatever the order, and of this neuron's variable alone. */
    @Test
    void whatCantBeSummedMakesTheMeanNaN() {
        for (float value : new float[] {
            Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Math.nextUp(0x1p18f), -Float.MAX_VALUE
        }) {
            List<float[]> rows = new ArrayList<>(List.of(rows(40)));
            float[] expected = meansOf(rows);
            rows.get(13)[5] = value;
            rows.get(14)[5] = -value;
            expected[5] = Float.NaN;
            assertThat(meansOf(rows)).as("%s", value).isEqualTo(expected);
            Statistics statistics = fresh();
            Statistics.Sums sums = statistics.newSums().add(state(rows.subList(20, 40)));
            statistics.update(sums.add(statistics.newSums().add(state(rows.subList(0, 20)))));
            assertThat(means(statistics)).as("%s in a part", value).isEqualTo(expected);
            statistics.update(sums.clear().add(state(rows.subList(20, 40))));
            assertThat(means(statistics)).as("cleared").isEqualTo(meansOf(rows.subList(20, 40)));
        }
    }

    @Test
    void noRowsChangeNothing() {
        Statistics statistics = fresh();
        statistics.get(QlifVariable.RATE).fill(0.25f);
        statistics.update(State.zeros(CONFIG, 0, NEURONS));
        statistics.update(statistics.newSums());
        assertThat(statistics.get(QlifVariable.RATE).toFloatArray()).containsOnly(0.25f);
    }

    /** As many rows as there may be, all of the greatest magnitude. */
    @Test
    void holdsAsManyRowsAsItSays() {
        Statistics statistics = Statistics.initial(CONFIG, 1);
        State state = State.zeros(CONFIG, 1 << 20, 1);
        state.get(QlifVariable.RATE).fill(0x1p18f);
        // The most that is left of a value: half a coarse unit.
        state.get(QlifVariable.HOMEOSTASIS).fill(-1 - 0x1p-21f);
        Statistics.Sums sums = statistics.newSums();
        for (int i = 0; i < 8; i++) {
            sums.add(state);
        }
        statistics.update(sums);
        assertThat(statistics.get(QlifVariable.RATE).getFloat(0)).isEqualTo(0x1p18f);
        assertThat(statistics.get(QlifVariable.HOMEOSTASIS).getFloat(0)).isEqualTo(-1 - 0x1p-21f);
        assertThatThrownBy(() -> sums.add(State.zeros(CONFIG, 1, 1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("state: got 1 rows, expected at most 0 more: sums hold 2^23");
        assertThatThrownBy(() -> sums.add(sums))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("other: got 8388608 rows");
        assertThat(sums.rows()).isEqualTo(1 << 23);
    }

    @Test
    void refusesOtherModelsAndSizes() {
        Statistics statistics = Statistics.initial(CONFIG, 3);
        Statistics.Sums sums = statistics.newSums();
        assertThatThrownBy(() -> sums.add(State.zeros(CONFIG, 2, 4)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("state");
        assertThatThrownBy(() -> sums.add(State.zeros(LifConfig.defaults(), 2, 3)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("state");
        assertThatThrownBy(() -> sums.add(Statistics.initial(CONFIG, 4).newSums()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("other: got Sums[QLIF, N=4, variables=[rate, homeostasis_offset], rows=0],"
                        + " expected sums of 3 neurons of QLIF");
        assertThatThrownBy(() -> Statistics.initial(CONFIG, 4).update(sums))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("sums: got Sums[QLIF, N=3");
        assertThat(sums.rows()).isZero();
    }

    /** LIF has none, which is no fault. */
    @Test
    void aModelWithoutStatisticsHasSumsOfNothing() {
        Statistics statistics = Statistics.initial(LifConfig.defaults(), 3);
        Statistics.Sums sums = statistics.newSums().add(State.zeros(LifConfig.defaults(), 2, 3));
        statistics.update(sums);
        assertThat(sums.rows()).isEqualTo(2);
    }

    @Test
    void allocatesNothing() {
        State state = state(List.of(rows(9)));
        Statistics statistics = fresh();
        Statistics.Sums sums = statistics.newSums();
        Statistics.Sums part = statistics.newSums();
        Runnable run = () -> {
            statistics.update(state);
            statistics.update(sums.clear().add(part.clear().add(state)));
        };
        run.run();
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        // The least of several, since the JVM, too, allocates now and then.
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 100; i++) {
            long before = threads.getCurrentThreadAllocatedBytes();
            run.run();
            least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
        }
        assertThat(least).isZero();
    }

    /** Parts that went to another machine as numbers, added up there, give the means of all rows. */
    @Test
    void sumsTravelAsNumbers() {
        List<float[]> rows = List.of(rows(40));
        Statistics whole = fresh();
        whole.update(state(rows));
        long[] one = fresh().newSums().add(state(rows.subList(0, 13))).toLongs();
        long[] two = fresh().newSums().add(state(rows.subList(13, 40))).toLongs();
        for (int i = 0; i < one.length; i++) {
            one[i] += two[i];
        }
        Statistics.Sums sums = fresh().newSums().add(one);
        assertThat(sums.rows()).isEqualTo(40);
        Statistics met = fresh();
        met.update(sums);
        assertThat(means(met)).isEqualTo(means(whole));

        State infinite = state(rows.subList(0, 2));
        infinite.get(QlifVariable.HOMEOSTASIS).setFloat(NEURONS + 5, Float.NaN);
        met.update(
                fresh().newSums().add(fresh().newSums().add(infinite).toLongs()).add(state(rows)));
        assertThat(met.get(QlifVariable.HOMEOSTASIS).getFloat(5)).isNaN();
        assertThat(met.get(QlifVariable.HOMEOSTASIS).getFloat(6)).isFinite();

        Statistics.Sums empty = fresh().newSums();
        assertThatThrownBy(() -> empty.add(new long[3]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("numbers: got 3, expected " + (1 + 6 * NEURONS));
        long[] tooMany = empty.toLongs();
        tooMany[0] = (1 << 23) + 1;
        assertThatThrownBy(() -> empty.add(tooMany)).hasMessageContaining("sums hold 2^23");
        tooMany[0] = -1;
        assertThatThrownBy(() -> empty.add(tooMany)).hasMessageContaining("got -1 rows");
    }
}
