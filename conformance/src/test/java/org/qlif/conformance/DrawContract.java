// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.Tensor;

/**
 * The draws of every backend: where they lie in the stream, and their statistics. Bounds are five standard errors of the
 * statistic at hand, so that a sound generator fails about once in two million seeds; and the seed is fixed.
 */
abstract class DrawContract {
    private static final int T = 32;
    private static final int B = 4;
    private static final int N = 1024;
    private static final int SAMPLES = T * B * N;
    private static final double ERRORS = 5;

    private final Device device;

    DrawContract(String device) {
        this.device = Device.of(device);
    }

    private record Drawn(float[] uniforms, float[] normals) {}

    private Drawn draw(DrawStream stream, long firstStep, int steps, int batch, int neurons) {
        Tensor uniforms = Tensor.zeros(DType.F32, steps, batch, neurons);
        Tensor normals = Tensor.zeros(DType.F32, steps, batch, neurons);
        try (Kernel kernel = open()) {
            kernel.draw(stream, firstStep, uniforms, normals);
        }
        return new Drawn(uniforms.toFloatArray(), normals.toFloatArray());
    }

    private Kernel open() {
        return Kernel.open(
                QlifConfig.defaults(), device, KernelOptions.defaults().withThreads(2));
    }

    /** Mean 1/2, variance 1/12; their standard errors are sqrt(1/12n) and sqrt(1/180n). */
    @Test
    void drawsUniformUniforms() {
        float[] uniforms = draw(new DrawStream(20261123, 1), 0, T, B, N).uniforms();
        for (float u : uniforms) {
            assertThat(u).isGreaterThanOrEqualTo(0f).isLessThan(1f);
        }
        double mean = mean(uniforms);
        assertThat(mean).isCloseTo(0.5, within(ERRORS * Math.sqrt(1.0 / 12 / SAMPLES)));
        assertThat(variance(uniforms, 0.5)).isCloseTo(1.0 / 12, within(ERRORS * Math.sqrt(1.0 / 180 / SAMPLES)));
    }

    /** Mean 0, variance 1, standard errors sqrt(1/n) and sqrt(2/n); and the distribution itself, by Kolmogorov and Smirnov. */
    @Test
    void drawsNormalNormals() {
        float[] normals = draw(new DrawStream(20261123, 1), 0, T, B, N).normals();
        assertThat(mean(normals)).isCloseTo(0, within(ERRORS * Math.sqrt(1.0 / SAMPLES)));
        assertThat(variance(normals, 0)).isCloseTo(1, within(ERRORS * Math.sqrt(2.0 / SAMPLES)));
        float[] sorted = normals.clone();
        Arrays.sort(sorted);
        double distance = 0;
        for (int i = 0; i < sorted.length; i++) {
            double cumulative = normalCumulative(sorted[i]);
            distance = Math.max(distance, Math.abs(cumulative - (double) i / SAMPLES));
            distance = Math.max(distance, Math.abs(cumulative - (i + 1.0) / SAMPLES));
        }
        // P(sqrt(n) D > 2.7) = 2 exp(-2 * 2.7^2), about 1e-6.
        assertThat(distance * Math.sqrt(SAMPLES)).isLessThan(2.7);
    }

    /** Neighbours in time, among neurons, and uniforms against normals: a correlation's standard error is sqrt(1/n). */
    @Test
    void drawsIndependently() {
        Drawn drawn = draw(new DrawStream(20261123, 1), 0, T, B, N);
        assertUncorrelated(drawn.uniforms(), shifted(drawn.uniforms(), 1), "neighbouring neurons");
        assertUncorrelated(drawn.uniforms(), shifted(drawn.uniforms(), B * N), "neighbouring steps");
        assertUncorrelated(drawn.normals(), shifted(drawn.normals(), 1), "normals of neighbouring neurons");
        assertUncorrelated(drawn.normals(), shifted(drawn.normals(), B * N), "normals of neighbouring steps");
        assertUncorrelated(drawn.uniforms(), drawn.normals(), "uniforms and normals");
        float[] squares = drawn.normals().clone();
        for (int i = 0; i < squares.length; i++) {
            squares[i] = squares[i] * squares[i] - 1;
        }
        assertUncorrelated(squares, shifted(squares, B * N), "radii of neighbouring steps");
    }

    @Test
    void drawsWiresIndependently() {
        for (int wires : new int[] {1, 2, 4, 7, 64}) {
            Tensor all = Tensor.zeros(DType.F32, 16, wires, 1, N);
            try (Kernel kernel = open()) {
                kernel.draw(new DrawStream(20261123, 1), 0, all, null);
            }
            float[][] byWire = new float[wires][16 * N];
            for (int t = 0; t < 16; t++) {
                for (int wire = 0; wire < wires; wire++) {
                    System.arraycopy(all.toFloatArray(), (t * wires + wire) * N, byWire[wire], t * N, N);
                }
            }
            for (int one = 0; one < wires; one++) {
                assertThat(mean(byWire[one]))
                        .as("mean of wire %d of %d", one, wires)
                        .isCloseTo(0.5, within(ERRORS * Math.sqrt(1.0 / 12 / byWire[one].length)));
                for (int other = 0; other < one; other++) {
                    assertUncorrelated(byWire[one], byWire[other], "wires " + one + " and " + other + " of " + wires);
                }
            }
        }
    }

    /** Each number depends on its place in the stream alone: any window of the stream shows the same ones. */
    @Test
    void drawsByPlaceAlone() {
        long element = 4294967290L;
        Drawn whole = draw(new DrawStream(5, 6, element), 1001, 6, 3, 17);
        Drawn part = draw(new DrawStream(5, 6, element + 17), 1002, 3, 2, 17);
        Shape shape = new Shape(6, 3, 17);
        Result.Bits.assertSame(shape.slice(whole.uniforms(), 1, 4, new int[] {1, 2}), part.uniforms(), "uniforms");
        Result.Bits.assertSame(shape.slice(whole.normals(), 1, 4, new int[] {1, 2}), part.normals(), "normals");
        Tensor alone = Tensor.zeros(DType.F32, 6, 3, 17);
        try (Kernel kernel = open()) {
            kernel.draw(new DrawStream(5, 6, element), 1001, null, alone);
        }
        Result.Bits.assertSame(whole.normals(), alone.toFloatArray(), "normals without uniforms");
    }

    /** Rows that are given by index draw what they draw in the whole batch, wherever they stand; numbers wrap around at 2^64. */
    @Test
    void drawsByRowIndex() {
        // More neurons than a tile has, an odd number of rows, and numbers past 2^32.
        int neurons = 301;
        long first = (1L << 33) / neurons;
        Shape shape = new Shape(5, 4, neurons);
        DrawStream stream = new DrawStream(5, 6);
        Tensor whole = Tensor.zeros(DType.F32, 5, 3, 4, neurons);
        Tensor wholeNormals = Tensor.zeros(DType.F32, 5, 4, neurons);
        Tensor shard = Tensor.zeros(DType.F32, 5, 3, 3, neurons);
        Tensor shardNormals = Tensor.zeros(DType.F32, 5, 3, neurons);
        int[] rows = {3, 0, 2};
        try (Kernel kernel = open()) {
            kernel.draw(new DrawStream(5, 6, first * neurons), 1001, whole, wholeNormals);
            Tensor index = index(first + rows[0], first + rows[1], first + rows[2]);
            kernel.draw(stream, 1001, index, shard, shardNormals);
            Result.Bits.assertSame(
                    shape.slice(wholeNormals.toFloatArray(), 0, 5, rows), shardNormals.toFloatArray(), "normals");
            Result.Bits.assertSame(
                    new Shape(5 * 3, 4, neurons).slice(whole.toFloatArray(), 0, 5 * 3, rows),
                    shard.toFloatArray(),
                    "uniforms");
            // 256 times 2^56 is 2^64.
            Tensor own = Tensor.zeros(DType.F32, 3, 2, 256);
            Tensor wrapped = Tensor.zeros(DType.F32, 3, 2, 256);
            kernel.draw(stream, 0, index(7, 1), own, null);
            kernel.draw(stream, 0, index((1L << 56) + 7, (-1L << 56) + 1), wrapped, null);
            Result.Bits.assertSame(own.toFloatArray(), wrapped.toFloatArray(), "numbers past 2^64");
        }
    }

    private static Tensor index(long... rows) {
        return Tensor.of(DType.I64, MemorySegment.ofArray(rows), rows.length);
    }

    /** Draws are the stream's, not the model's: a kernel that needs none draws the same. */
    @Test
    void drawsTheSameWhateverTheModel() {
        DrawStream stream = new DrawStream(5, 6, 4294967290L);
        Drawn expected = draw(stream, 1001, 6, 3, 17);
        for (NeuronConfig config : List.of(QlifConfig.plainLif(), LifConfig.defaults())) {
            Tensor uniforms = Tensor.zeros(DType.F32, 6, 3, 17);
            Tensor normals = Tensor.zeros(DType.F32, 6, 3, 17);
            try (Kernel kernel =
                    Kernel.open(config, device, KernelOptions.defaults().withThreads(2))) {
                kernel.draw(stream, 1001, uniforms, normals);
            }
            Result.Bits.assertSame(expected.uniforms(), uniforms.toFloatArray(), "uniforms of " + config.model());
            Result.Bits.assertSame(expected.normals(), normals.toFloatArray(), "normals of " + config.model());
        }
    }

    @Test
    void drawsOthersForOtherStreams() {
        Drawn base = draw(new DrawStream(5, 6), 0, 8, 1, N);
        for (DrawStream other : new DrawStream[] {
            new DrawStream(6, 6),
            new DrawStream(5 + (1L << 32), 6),
            new DrawStream(5, 7),
            new DrawStream(5, 6, 1L << 32)
        }) {
            Drawn drawn = draw(other, 0, 8, 1, N);
            assertUncorrelated(base.uniforms(), drawn.uniforms(), "uniforms of " + other);
            assertUncorrelated(base.normals(), drawn.normals(), "normals of " + other);
        }
        Drawn later = draw(new DrawStream(5, 6), 1L << 32, 8, 1, N);
        assertUncorrelated(base.uniforms(), later.uniforms(), "uniforms 2^32 steps later");
    }

    private static void assertUncorrelated(float[] x, float[] y, String what) {
        double meanX = mean(x);
        double meanY = mean(y);
        double covariance = 0;
        for (int i = 0; i < x.length; i++) {
            covariance += (x[i] - meanX) * (y[i] - meanY);
        }
        double correlation = covariance / x.length / Math.sqrt(variance(x, meanX) * variance(y, meanY));
        assertThat(correlation).as("correlation of %s", what).isCloseTo(0, within(ERRORS / Math.sqrt(x.length)));
    }

    private static float[] shifted(float[] values, int by) {
        float[] shifted = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            shifted[i] = values[(i + by) % values.length];
        }
        return shifted;
    }

    private static double mean(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return sum / values.length;
    }

    private static double variance(float[] values, double mean) {
        double sum = 0;
        for (float value : values) {
            sum += (value - mean) * (value - mean);
        }
        return sum / values.length;
    }

    /** The normal distribution function by its power series, exact to double rounding where |x| < 7. */
    private static double normalCumulative(double x) {
        double term = x;
        double sum = x;
        for (int k = 1; k < 200; k++) {
            term *= x * x / (2 * k + 1);
            sum += term;
        }
        return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    }
}
