// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The means over the batch, one {@link DType#F32} tensor {@code (N)} each, of the state variables that belong to a neuron rather than to a
 * row: QLIF's firing-rate estimate r and homeostatic offset h, docs/model.md, section 5; LIF has none. A run is short compared to their
 * time constant. So if you train on runs from fresh states, carry them from run to run, as batch normalization does with its statistics,
 * save them with the parameters, and don't change them in evaluation. {@link QlifLayer} does all this. Not thread-safe.
 *
 * <pre>{@code
 * Statistics statistics = Statistics.initial(config, 128);
 * State start = State.initial(config, 1, 128); // of all rows
 * State end = State.zeros(config, 32, 128);
 * for (int run = 0; run < 1000; run++) {
 *     statistics.applyTo(start);
 *     kernel.forward(forward.initialState(start).finalState(end).draws(new DrawStream(42, run)));
 *     statistics.update(end);
 * }
 * }</pre>
 */
public final class Statistics {
    /**
     * Sums over rows, from which {@link Statistics#update(Sums)} computes means, for runs whose batch is split: each part adds its final
     * state to its own sums, which are then added. The sums are exact, so neither the order of rows nor the split changes a bit. Values are
     * counted in units of 2^-60, which is exact from a magnitude of 2^-37 on. Not thread-safe.
     *
     * <pre>{@code
     * Statistics statistics = Statistics.initial(config, 128);
     * Statistics.Sums sums = statistics.newSums();
     * State start = State.initial(config, 1, 128); // of all rows
     * State end = State.zeros(config, 32, 128);
     * for (int part = 0; part < 4; part++) {
     *     statistics.applyTo(start);
     *     kernel.forward(forward.initialState(start).finalState(end).draws(new DrawStream(42, part)));
     *     sums.add(end);
     * }
     * statistics.update(sums);
     * }</pre>
     */
    public static final class Sums {
        /** The greatest magnitude of a value that can be summed. */
        private static final float LIMIT = 0x1p18f;

        private static final long MAX_ROWS = 1L << 23;

        /** A value is counted in coarse units, and the remainder in fine ones: both counts fit a long for any legal number of rows. */
        private static final double COARSE = 0x1p-20;

        private static final double FINE = 0x1p-60;

        /** Adding and subtracting this rounds to a whole number of units: one unit is its last place. */
        private static final double TO_COARSE = 0x1.8p52 * COARSE;

        private static final double TO_FINE = 0x1.8p52 * FINE;

        /** The sum of this many rows is a whole number of units in float64, too. */
        private static final long ROWS_AT_ONCE = 1 << 14;

        private static final int CHUNK = 1024;

        private final NeuronConfig config;
        private final List<? extends StateVariable> variables;
        private final long neurons;
        /** By variable and neuron. */
        private final long[][] coarse;

        private final long[][] fine;
        private final float[][] largest;
        private long rows;

        private final float[] row = new float[CHUNK];
        private final double[] coarseRows = new double[CHUNK];
        private final double[] fineRows = new double[CHUNK];

        private Sums(Statistics statistics) {
            config = statistics.config;
            variables = statistics.variables;
            neurons = statistics.neurons;
            int count = variables.size();
            coarse = new long[count][Math.toIntExact(neurons)];
            fine = new long[count][Math.toIntExact(neurons)];
            largest = new float[count][Math.toIntExact(neurons)];
        }

        /** The number of rows that have been added. */
        public long rows() {
            return rows;
        }

        /** Forgets all rows. */
        public Sums clear() {
            for (int i = 0; i < variables.size(); i++) {
                Arrays.fill(coarse[i], 0);
                Arrays.fill(fine[i], 0);
                Arrays.fill(largest[i], 0);
            }
            rows = 0;
            return this;
        }

        /**
         * Adds the rows of {@code state}.
         *
         * @throws IllegalArgumentException if it has another model or number of neurons, or there would be more than 2^23 rows
         * @throws IllegalStateException if one of the variables is in a device's memory
         */
        public Sums add(State state) {
            Forward.requireState("state", state, config, state.batch(), neurons);
            requireRoom("state", state.batch());
            for (int i = 0; i < variables.size(); i++) {
                // Makes sure that all are accessible before the first is added.
                state.get(variables.get(i)).segment();
            }
            for (int i = 0; i < variables.size(); i++) {
                MemorySegment values = state.get(variables.get(i)).segment();
                for (long b = 0; b < state.batch(); b += ROWS_AT_ONCE) {
                    long end = Math.min(state.batch(), b + ROWS_AT_ONCE);
                    for (int n = 0; n < neurons; n += CHUNK) {
                        add(i, values, b, end, n, (int) Math.min(CHUNK, neurons - n));
                    }
                }
            }
            rows += state.batch();
            return this;
        }

        /**
         * Adds the rows of {@code other}, of the same model and number of neurons.
         *
         * @throws IllegalArgumentException if its model or number of neurons differs, or there would be more than 2^23 rows
         */
        public Sums add(Sums other) {
            if (!other.variables.equals(variables) || other.neurons != neurons) {
                throw new IllegalArgumentException(
                        "other: got " + other + ", expected sums of " + neurons + " neurons of " + config.model());
            }
            requireRoom("other", other.rows);
            for (int i = 0; i < variables.size(); i++) {
                for (int n = 0; n < neurons; n++) {
                    coarse[i][n] += other.coarse[i][n];
                    fine[i][n] += other.fine[i][n];
                    largest[i][n] = Math.max(largest[i][n], other.largest[i][n]);
                }
            }
            rows += other.rows;
            return this;
        }

        /**
         * Returns these sums as whole numbers, for instance to send them to another machine. The arrays of several parts can be added
         * element by element. A new array, whose length depends only on the model and the number of neurons.
         */
        public long[] toLongs() {
            long[] numbers = new long[1 + 3 * variables.size() * Math.toIntExact(neurons)];
            numbers[0] = rows;
            int at = 1;
            for (int i = 0; i < variables.size(); i++) {
                for (int n = 0; n < neurons; n++) {
                    numbers[at++] = coarse[i][n];
                    numbers[at++] = fine[i][n];
                    numbers[at++] = largest[i][n] <= LIMIT ? 0 : 1;
                }
            }
            return numbers;
        }

        /**
         * Adds what {@link #toLongs} of other sums returned, or the sum of several such arrays.
         *
         * @throws IllegalArgumentException if its length differs, or there would be more than 2^23 rows
         */
        public Sums add(long[] numbers) {
            int expected = 1 + 3 * variables.size() * Math.toIntExact(neurons);
            if (numbers.length != expected) {
                throw new IllegalArgumentException("numbers: got " + numbers.length + ", expected " + expected
                        + ", those of sums of " + neurons + " neurons of " + config.model());
            }
            if (numbers[0] < 0) {
                throw new IllegalArgumentException("numbers: got " + numbers[0] + " rows, expected at least 0");
            }
            requireRoom("numbers", numbers[0]);
            int at = 1;
            for (int i = 0; i < variables.size(); i++) {
                for (int n = 0; n < neurons; n++) {
                    coarse[i][n] += numbers[at++];
                    fine[i][n] += numbers[at++];
                    if (numbers[at++] != 0) {
                        largest[i][n] = Float.POSITIVE_INFINITY;
                    }
                }
            }
            rows += numbers[0];
            return this;
        }

        private void requireRoom(String name, long more) {
            if (more > MAX_ROWS - rows) {
                throw new IllegalArgumentException(name + ": got " + more + " rows, expected at most "
                        + (MAX_ROWS - rows) + " more: sums hold 2^23");
            }
        }

        /** Rows [{@code b}, {@code end}) of neurons {@code n} to {@code n + width - 1}. */
        private void add(int variable, MemorySegment values, long b, long end, int n, int width) {
            Arrays.fill(coarseRows, 0, width, 0);
            Arrays.fill(fineRows, 0, width, 0);
            for (long at = b; at < end; at++) {
                MemorySegment.copy(values, ValueLayout.JAVA_FLOAT, (at * neurons + n) * Float.BYTES, row, 0, width);
                addRow(width);
                for (int i = 0; i < width; i++) {
                    largest[variable][n + i] = Math.max(largest[variable][n + i], Math.abs(row[i]));
                }
            }
            for (int i = 0; i < width; i++) {
                coarse[variable][n + i] += (long) (coarseRows[i] / COARSE);
                fine[variable][n + i] += (long) (fineRows[i] / FINE);
            }
        }

        private void addRow(int width) {
            for (int i = 0; i < width; i++) {
                double value = row[i];
                double whole = value + TO_COARSE - TO_COARSE;
                coarseRows[i] += whole;
                fineRows[i] += value - whole + TO_FINE - TO_FINE;
            }
        }

        private float mean(int variable, int n) {
            if (!(largest[variable][n] <= LIMIT)) {
                return Float.NaN;
            }
            return (float) ((coarse[variable][n] * COARSE + fine[variable][n] * FINE) / rows);
        }

        /** The model, the number of neurons, the variables and the rows. */
        @Override
        public String toString() {
            return new Description("Sums")
                    .add(config.model())
                    .add("N", neurons)
                    .add(
                            "variables",
                            variables.stream().map(StateVariable::symbol).toList())
                    .add("rows", rows)
                    .toString();
        }
    }

    private final NeuronConfig config;
    private final List<? extends StateVariable> variables;
    private final Tensor[] tensors;
    private final long neurons;
    /** For the rows of one state, made on first use. */
    private @Nullable Sums ofState;

    private Statistics(NeuronConfig config, long neurons) {
        this.config = config;
        this.variables =
                config.stateVariables().stream().filter(StateVariable::averaged).toList();
        this.tensors = new Tensor[variables.size()];
        this.neurons = neurons;
        Arrays.setAll(tensors, i -> Tensor.zeros(DType.F32, neurons));
    }

    /**
     * The statistics of a model that has not run: the variables' initial values, on the Java heap.
     *
     * @throws IllegalArgumentException if {@code neurons} is negative, or more than an array can have
     */
    public static Statistics initial(NeuronConfig config, long neurons) {
        Tensor.requireExtent("neurons", neurons);
        Statistics statistics = new Statistics(config, neurons);
        for (StateVariable variable : statistics.variables) {
            statistics.get(variable).fill(variable.initialValue());
        }
        return statistics;
    }

    /** The variables that have means. */
    public List<? extends StateVariable> variables() {
        return variables;
    }

    /**
     * The variable's means, live: values written to them take effect.
     *
     * @throws IllegalArgumentException if it is not one of {@link #variables}
     */
    public Tensor get(StateVariable variable) {
        return tensors[Ordinals.of("variable", variables, variable, variables.indexOf(variable))];
    }

    /** The number of neurons N. */
    public long neurons() {
        return neurons;
    }

    /** New sums without rows, for {@link #update(Sums)}. */
    public Sums newSums() {
        return new Sums(this);
    }

    /**
     * Sets the means to those over the rows of {@code state}, computed by {@link Sums}. A state without rows changes nothing.
     *
     * @throws IllegalArgumentException if its model or number of neurons differs, or has more than 2^23 rows
     * @throws IllegalStateException if one of the variables is in a device's memory
     */
    public void update(State state) {
        if (ofState == null) {
            ofState = newSums();
        }
        update(ofState.clear().add(state));
    }

    /**
     * Sets the means to those over the rows in {@code sums}: the sum divided by the number of rows in float64, rounded to float32. If all
     * rows have the same value, that is the value itself. A neuron with a value that is NaN, infinite or above 2^18 in magnitude has NaN as
     * its mean. Sums without rows change nothing.
     *
     * @throws IllegalArgumentException if their model or number of neurons differs
     */
    public void update(Sums sums) {
        if (!sums.variables.equals(variables) || sums.neurons != neurons) {
            throw new IllegalArgumentException(
                    "sums: got " + sums + ", expected those of " + neurons + " neurons of " + config.model());
        }
        for (int i = 0; i < (sums.rows == 0 ? 0 : tensors.length); i++) {
            for (int n = 0; n < neurons; n++) {
                tensors[i].setFloat(n, sums.mean(i, n));
            }
        }
    }

    /**
     * Writes the means into every row of {@code state}, whose other variables stay as they are.
     *
     * @throws IllegalArgumentException if its model or number of neurons differs
     * @throws IllegalStateException if one of the variables is in a device's memory
     */
    public void applyTo(State state) {
        requireFits(state);
        for (StateVariable variable : variables) {
            Tensor rows = state.get(variable);
            for (long b = 0; b < state.batch(); b++) {
                rows.slice(b, b + 1).segment().copyFrom(get(variable).segment());
            }
        }
    }

    /**
     * Copies the means of {@code source}, of the same model and number of neurons.
     *
     * @throws IllegalArgumentException if it is of another
     */
    public void copyFrom(Statistics source) {
        copyFrom("source", source);
    }

    /** Copies {@code source}, the argument {@code name}. */
    void copyFrom(String name, Statistics source) {
        if (!source.variables.equals(variables) || source.neurons != neurons) {
            throw new IllegalArgumentException(name + ": got " + source + ", expected those of " + neurons
                    + (neurons == 1 ? " neuron" : " neurons") + " of " + config.model());
        }
        for (int i = 0; i < tensors.length; i++) {
            tensors[i].copyFrom(source.tensors[i]);
        }
    }

    /** A copy on the Java heap. */
    public Statistics copy() {
        Statistics copy = new Statistics(config, neurons);
        copy.copyFrom(this);
        return copy;
    }

    /** Whether all are the variables' initial values, as before the first run. */
    boolean isInitial() {
        for (StateVariable variable : variables) {
            Tensor means = get(variable);
            int initial = Float.floatToRawIntBits(variable.initialValue());
            for (long n = 0; n < neurons; n++) {
                if (Float.floatToRawIntBits(means.getFloat(n)) != initial) {
                    return false;
                }
            }
        }
        return true;
    }

    private void requireFits(State state) {
        Forward.requireState("state", state, config, state.batch(), neurons);
    }

    /** The model, the number of neurons and the variables. */
    @Override
    public String toString() {
        return new Description("Statistics")
                .add(config.model())
                .add("N", neurons)
                .add("variables", variables.stream().map(StateVariable::symbol).toList())
                .toString();
    }
}
