// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.Readout;
import org.qlif.QlifTrace;
import org.qlif.Tensor;

/**
 * The decision of a kernel against a simulation of the circuit that docs/model.md draws: W qubits in the state |0>, each turned by RY(φ) and
 * measured. The simulation knows gates and amplitudes, no formula of the model. All backends have the bits of this one, by the kernel contract.
 */
class CircuitTest {
    private static final String DEVICE = "cpu:scalar";

    /** The state of some qubits: 2^wires real amplitudes, as RY leaves them; bit j of an index is wire j. */
    private static final class StateVector {
        private final int wires;
        private final double[] amplitudes;

        /** All wires in |0>. */
        StateVector(int wires) {
            this.wires = wires;
            this.amplitudes = new double[1 << wires];
            amplitudes[0] = 1;
        }

        /** The gate ((cos φ/2, -sin φ/2), (sin φ/2, cos φ/2)) on one wire. */
        StateVector ry(int wire, double angle) {
            double cos = Math.cos(angle / 2);
            double sin = Math.sin(angle / 2);
            for (int zero = 0; zero < amplitudes.length; zero++) {
                if ((zero >> wire & 1) == 0) {
                    int one = zero | 1 << wire;
                    double a = amplitudes[zero];
                    double b = amplitudes[one];
                    amplitudes[zero] = cos * a - sin * b;
                    amplitudes[one] = sin * a + cos * b;
                }
            }
            return this;
        }

        /** The neuron's circuit. */
        static StateVector of(int wires, double angle) {
            StateVector state = new StateVector(wires);
            IntStream.range(0, wires).forEach(wire -> state.ry(wire, angle));
            return state;
        }

        double probability(int outcome) {
            return amplitudes[outcome] * amplitudes[outcome];
        }

        /** The probability that a measurement of {@code wire} gives 1. */
        double probabilityOfOne(int wire) {
            return IntStream.range(0, amplitudes.length)
                    .filter(outcome -> (outcome >> wire & 1) == 1)
                    .mapToDouble(this::probability)
                    .sum();
        }

        /** The probability that a measurement of all wires gives at least so many ones. */
        double probabilityOfOnes(int atLeast) {
            return IntStream.range(0, amplitudes.length)
                    .filter(outcome -> Integer.bitCount(outcome) >= atLeast)
                    .mapToDouble(this::probability)
                    .sum();
        }

        /** The expectation of the mean of the wires' Z, which is 1 for a measured 0 and -1 for a 1. */
        double expectationOfZ() {
            return IntStream.range(0, amplitudes.length)
                    .mapToDouble(outcome -> probability(outcome) * (wires - 2.0 * Integer.bitCount(outcome)) / wires)
                    .sum();
        }
    }

    /** Without all that is around the decision: the angle is the input. */
    private static QlifConfig bare(Readout readout, int wires, double zeta) {
        return QlifConfig.plainLif().toBuilder()
                .decision(Decision.QUBIT)
                .qubit(qubit -> qubit.withReadout(readout)
                        .withWires(wires)
                        .withThreshold(zeta)
                        .withLeak(0))
                .tau(1)
                .vTh(0)
                .start(start -> start.withQScale(1).withQBias(0))
                .build();
    }

    /** One step for each angle, {@code rows} times. */
    private static Forward run(QlifConfig config, float[] angles, int rows, long seed) {
        int neurons = angles.length;
        float[] input = new float[rows * neurons];
        for (int i = 0; i < input.length; i++) {
            input[i] = angles[i % neurons];
        }
        Forward call = new Forward()
                .input(Tensor.of(input, 1, rows, neurons))
                .parameters(Parameters.shared(config))
                .draws(new DrawStream(seed, 0))
                .spikes(Tensor.zeros(DType.U8, 1, rows, neurons))
                .trace(QlifTrace.PROBABILITY, Tensor.zeros(DType.F32, 1, rows, neurons));
        try (Kernel kernel = Kernel.open(config, DEVICE)) {
            kernel.forward(call);
        }
        return call;
    }

    private static float[] angles(double from, double to, int count) {
        float[] angles = new float[count];
        for (int i = 0; i < count; i++) {
            angles[i] = (float) (from + (to - from) * i / (count - 1));
        }
        return angles;
    }

    /** Within the error of the kernels' cosine, docs/numerics.md. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 7})
    void probabilityIsThatOfEachWire(int wires) {
        float[] angles = angles(-12, 12, 481);
        float[] p = run(bare(Readout.MULTI_QUBIT, wires, 0.7), angles, 1, 1)
                .trace(QlifTrace.PROBABILITY)
                .toFloatArray();
        for (int i = 0; i < angles.length; i++) {
            StateVector state = StateVector.of(wires, angles[i]);
            for (int wire = 0; wire < wires; wire++) {
                assertThat((double) p[i])
                        .as("angle %s, wire %d of %d", angles[i], wire, wires)
                        .isEqualTo(state.probabilityOfOne(wire), within(1.6e-7));
            }
        }
    }

    @Test
    void singleQubitFiresAsOftenAsItMeasuresOne() {
        assertRates(bare(Readout.SINGLE_QUBIT, 1, 0.7), 1, 1);
    }

    /**
     * The distribution of the number of ones, from its tail: at the threshold ζ = 1 - (2m - 1)/W a neuron fires from m ones on. Of a seed the
     * draws, and so the counts, are the same at every ζ.
     */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 9})
    void multiQubitCountsAsTheCircuit(int wires) {
        for (int ones = 1; ones <= wires; ones++) {
            assertRates(bare(Readout.MULTI_QUBIT, wires, 1 - (2 * ones - 1.0) / wires), wires, ones);
        }
    }

    private static void assertRates(QlifConfig config, int wires, int ones) {
        float[] angles = angles(-4, 4, 17);
        int rows = 20_000;
        byte[] spikes = run(config, angles, rows, 2025).spikes(DType.U8).toByteArray();
        for (int i = 0; i < angles.length; i++) {
            int neuron = i;
            long count = IntStream.range(0, rows)
                    .filter(row -> spikes[row * angles.length + neuron] != 0)
                    .count();
            double expected = StateVector.of(wires, angles[i]).probabilityOfOnes(ones);
            // Five deviations of a mean of so many, and a count for where the variance is next to none.
            double deviation = Math.sqrt(Math.max(0, expected * (1 - expected)) / rows);
            assertThat(count / (double) rows)
                    .as("angle %s, at least %d ones on %d wires", angles[i], ones, wires)
                    .isEqualTo(expected, within(5 * deviation + 1.0 / rows));
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.9, -0.31, 0, 0.31, 0.7})
    void expectationFiresWhereTheMeanOfZIsBelowTheThreshold(double zeta) {
        float[] angles = angles(-7, 7, 1401);
        byte[] spikes = run(bare(Readout.EXPECTATION, 4, zeta), angles, 1, 1)
                .spikes(DType.U8)
                .toByteArray();
        int fired = 0;
        for (int i = 0; i < angles.length; i++) {
            double z = StateVector.of(4, angles[i]).expectationOfZ();
            // On the threshold itself, rounding decides.
            if (Math.abs(z - zeta) > 1e-6) {
                assertThat(spikes[i]).as("angle %s", angles[i]).isEqualTo((byte) (z < zeta ? 1 : 0));
            }
            fired += spikes[i];
        }
        assertThat(fired).isBetween(1, angles.length - 1);
    }

    /** The simulation itself: gates keep the norm, and two half turns are a turn. */
    @Test
    void simulationIsOneOfGates() {
        StateVector state = new StateVector(3).ry(0, 0.4).ry(2, 1.1).ry(0, 0.3);
        assertThat(Arrays.stream(state.amplitudes).map(a -> a * a).sum()).isEqualTo(1, within(1e-12));
        assertThat(state.amplitudes)
                .containsExactly(new StateVector(3).ry(2, 1.1).ry(0, 0.7).amplitudes, within(1e-12));
        assertThat(state.probabilityOfOne(1)).isZero();
        assertThat(new StateVector(1).ry(0, Math.PI / 2).probability(1)).isEqualTo(0.5, within(1e-12));
        assertThat(new StateVector(2).ry(1, Math.PI).probability(2)).isEqualTo(1, within(1e-12));
    }
}
