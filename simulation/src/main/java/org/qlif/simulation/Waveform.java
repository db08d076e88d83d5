// SPDX-License-Identifier: Apache-2.0
package org.qlif.simulation;

import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.StringJoiner;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.qlif.DrawStream;
import org.qlif.spi.Printable;
import org.qlif.spi.host.Philox;

/**
 * A generated signal: a shape and its parameters. Random numbers are those of docs/model.md, section 8, for the element n and the step t,
 * so a run that is longer or has more neurons begins like the smaller one. Immutable.
 *
 * <pre>{@code
 * Waveform current = Waveform.of(Waveform.Shape.RAMP)
 *         .with(Waveform.Parameter.AMPLITUDE, 3)
 *         .with(Waveform.Parameter.NOISE, 0.2);
 * Waveform same = Waveform.parse("ramp,amplitude=3,noise=0.2");
 * for (Waveform.Parameter parameter : current.shape().parameters()) {
 *     System.out.println(parameter + "=" + current.get(parameter) + ": " + parameter.meaning());
 * }
 * }</pre>
 */
public final class Waveform implements Signal {
    /** The shape of a signal over time. Some shapes are silent outside a window: see {@link Parameter#START}. */
    public enum Shape {
        /** The amplitude, all the time. */
        CONSTANT("the amplitude, all the time"),
        /** A rise from 0 to the amplitude in the window, silence before and after. */
        RAMP("a rise from 0 to the amplitude in the window, silence before and after"),
        /** The amplitude in the window, silence before and after. */
        STEP("the amplitude in the window, silence before and after"),
        /** Whole or broken periods of a sine. */
        SINE("a sine"),
        /** Events of one step, independent of each other. */
        POISSON("events of one step, each as high as the amplitude, at random"),
        /** White noise: a normal number at each step. */
        NOISE("white noise: a normal number at each step, with the amplitude as standard deviation");

        private final String meaning;

        Shape(String meaning) {
            this.meaning = meaning;
        }

        private Map<Parameter, Double> defaults() {
            return switch (this) {
                case CONSTANT -> Map.of(Parameter.AMPLITUDE, 2.0, Parameter.NOISE, 0.0);
                case RAMP, STEP ->
                    Map.of(
                            Parameter.AMPLITUDE, 2.0,
                            Parameter.OFFSET, 0.0,
                            Parameter.START, 0.25,
                            Parameter.LENGTH, 0.5,
                            Parameter.NOISE, 0.0);
                case SINE ->
                    Map.of(
                            Parameter.AMPLITUDE, 1.0,
                            Parameter.OFFSET, 0.0,
                            Parameter.PERIODS, 2.0,
                            Parameter.NOISE, 0.0);
                case POISSON ->
                    Map.of(
                            Parameter.AMPLITUDE, 5.0,
                            Parameter.OFFSET, 0.0,
                            Parameter.RATE, 0.2,
                            Parameter.NOISE, 0.0);
                case NOISE -> Map.of(Parameter.AMPLITUDE, 1.0, Parameter.OFFSET, 1.0);
            };
        }

        /**
         * The shape of this name, such as {@code ramp}.
         *
         * @throws IllegalArgumentException if there is none
         */
        public static Shape of(String text) {
            return Named.find("shape", values(), text);
        }

        /** A description in one line. */
        public String meaning() {
            return meaning;
        }

        /** The parameters, in a fixed order. */
        public List<Parameter> parameters() {
            return defaults().keySet().stream().sorted().toList();
        }

        /**
         * The default value of {@code parameter}.
         *
         * @throws IllegalArgumentException if the shape has no such parameter
         */
        public double defaultValue(Parameter parameter) {
            Double value = defaults().get(Objects.requireNonNull(parameter, "parameter"));
            if (value == null) {
                throw new IllegalArgumentException(parameter + ": " + this + " has none, expected one of "
                        + parameters().stream().map(Parameter::toString).collect(Collectors.joining(", ")));
            }
            return value;
        }

        /** The name, such as {@code ramp}. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** A parameter of a shape. */
    public enum Parameter {
        /** The height of the signal above the offset. */
        AMPLITUDE(-1e6, 1e6, "how high it goes above the offset"),
        /** What is added at every step. */
        OFFSET(-1e6, 1e6, "what is added at every step"),
        /** When the window begins, as a share of the run. */
        START(0, 1, "when the window begins, as a share of the run"),
        /** How long the window is, as a share of the run; it ends with the run at the latest. */
        LENGTH(0, 1, "how long the window is, as a share of the run; it ends with the run at the latest"),
        /** How many periods the run has. */
        PERIODS(0, 1e6, "how many periods the run has"),
        /** The probability of an event, for each step. */
        RATE(0, 1, "the probability of an event, for each step"),
        /** The standard deviation of white noise that is added. */
        NOISE(0, 1e6, "the standard deviation of white noise that is added");

        private final double least;
        private final double most;
        private final String meaning;

        Parameter(double least, double most, String meaning) {
            this.least = least;
            this.most = most;
            this.meaning = meaning;
        }

        /**
         * The parameter of this name, such as {@code amplitude}.
         *
         * @throws IllegalArgumentException if there is none
         */
        public static Parameter of(String text) {
            return Named.find("parameter", values(), text);
        }

        /** The least value. */
        public double least() {
            return least;
        }

        /** The greatest value. */
        public double most() {
            return most;
        }

        /** A description in one line. */
        public String meaning() {
            return meaning;
        }

        /** The name, such as {@code amplitude}. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }

        private void require(double value) {
            // A NaN is refused, too.
            if (!(value >= least && value <= most)) {
                throw new IllegalArgumentException(
                        this + ": got " + value + ", expected a number in [" + least + ", " + most + "]");
            }
        }
    }

    private static final String INDEPENDENT = "independent";

    private final Shape shape;
    private final Map<Parameter, Double> given;
    private final boolean independent;

    private Waveform(Shape shape, Map<Parameter, Double> given, boolean independent) {
        this.shape = shape;
        this.given = given;
        this.independent = independent;
    }

    /** A signal of this shape, with its {@link Shape#defaultValue default values}; random numbers differ from neuron to neuron. */
    public static Waveform of(Shape shape) {
        return new Waveform(Objects.requireNonNull(shape, "shape"), Map.of(), true);
    }

    /**
     * The signal that a text describes: a shape and, after commas, the parameters that differ from their defaults, such as {@code
     * poisson,rate=0.3,independent=false}.
     *
     * @throws IllegalArgumentException if there is no such shape, and as {@link #with(List)}
     */
    public static Waveform parse(String text) {
        String[] parts = text.split(",", -1);
        return of(Shape.of(parts[0].strip())).with(List.of(parts).subList(1, parts.length));
    }

    /**
     * This signal with another value.
     *
     * @throws IllegalArgumentException if the shape has no such parameter, or the value is not in its range
     */
    public Waveform with(Parameter parameter, double value) {
        shape.defaultValue(parameter);
        parameter.require(value);
        Map<Parameter, Double> values = new EnumMap<>(Parameter.class);
        values.putAll(given);
        values.put(parameter, value);
        return new Waveform(shape, Collections.unmodifiableMap(values), independent);
    }

    /**
     * This signal with other values, each by a text such as {@code amplitude=3} or {@code independent=false}.
     *
     * @throws IllegalArgumentException if a text is malformed, and as {@link #with(Parameter, double)}
     */
    public Waveform with(List<String> settings) {
        Waveform changed = this;
        for (String setting : settings) {
            int equals = setting.indexOf('=');
            if (equals < 0) {
                throw new IllegalArgumentException(
                        "settings: got '" + Printable.text(setting) + "', expected NAME=VALUE");
            }
            String name = setting.substring(0, equals).strip();
            String number = setting.substring(equals + 1).strip();
            if (name.equals(INDEPENDENT)) {
                changed = changed.independent(flag(number));
                continue;
            }
            Parameter parameter = Parameter.of(name);
            try {
                changed = changed.with(parameter, Double.parseDouble(number));
            } catch (NumberFormatException _) {
                throw new IllegalArgumentException(parameter + ": got '" + Printable.text(number)
                        + "', expected a number in [" + parameter.least() + ", " + parameter.most() + "]");
            }
        }
        return changed;
    }

    private static boolean flag(String text) {
        return switch (text) {
            case "true" -> true;
            case "false" -> false;
            default ->
                throw new IllegalArgumentException(
                        INDEPENDENT + ": got '" + Printable.text(text) + "', expected true or false");
        };
    }

    /**
     * This signal with independent random numbers for each neuron, or the same for all.
     *
     * @param independent whether they differ from neuron to neuron; true by default
     */
    public Waveform independent(boolean independent) {
        return new Waveform(shape, given, independent);
    }

    /** The shape. */
    public Shape shape() {
        return shape;
    }

    /**
     * The value of {@code parameter}.
     *
     * @throws IllegalArgumentException if the shape has no such parameter
     */
    public double get(Parameter parameter) {
        double byDefault = shape.defaultValue(parameter);
        return given.getOrDefault(parameter, byDefault);
    }

    /** Whether random numbers differ from neuron to neuron. */
    public boolean independent() {
        return independent;
    }

    /** Whether it contains random numbers. */
    public boolean random() {
        return switch (shape) {
            case POISSON, NOISE -> true;
            case CONSTANT, RAMP, STEP, SINE -> get(Parameter.NOISE) > 0;
        };
    }

    @Override
    public float[] values(int steps, int neurons, DrawStream draws) {
        Limits.requireExtents(steps, neurons);
        Objects.requireNonNull(draws, "draws");
        double[] common = common(steps);
        float[] values = new float[steps * neurons];
        if (!random()) {
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) common[i / neurons];
            }
            return values;
        }
        Philox philox = new Philox();
        for (int n = 0; n < neurons; n++) {
            long element = draws.elementOffset() + (independent ? n : 0);
            for (int t = 0; t < steps; t += 2) {
                philox.generate(element, t, draws.stream(), draws.seed());
                // Box and Muller's pair, as the model's: the cosine at the even step.
                double radius = Math.sqrt(-2 * StrictMath.log(Philox.uniformAboveZero(philox.w2)));
                double angle = 2 * Math.PI * Philox.uniform(philox.w3);
                values[t * neurons + n] =
                        (float) drawn(common[t], Philox.uniform(philox.w0), radius * StrictMath.cos(angle));
                if (t + 1 < steps) {
                    values[(t + 1) * neurons + n] =
                            (float) drawn(common[t + 1], Philox.uniform(philox.w1), radius * StrictMath.sin(angle));
                }
            }
        }
        return values;
    }

    /** The part that is not random, the same for all neurons. */
    private double[] common(int steps) {
        double[] values = new double[steps];
        double amplitude = get(Parameter.AMPLITUDE);
        Arrays.fill(values, shape == Shape.CONSTANT ? amplitude : get(Parameter.OFFSET));
        switch (shape) {
            case CONSTANT, POISSON, NOISE -> {
                // There is nothing else, or it is random.
            }
            case RAMP, STEP -> {
                long begin = Math.round(get(Parameter.START) * steps);
                long end = Math.round((get(Parameter.START) + get(Parameter.LENGTH)) * steps);
                for (long t = begin; t < Math.min(end, steps); t++) {
                    boolean whole = shape == Shape.STEP || end - begin == 1;
                    values[(int) t] += whole ? amplitude : amplitude * (t - begin) / (end - begin - 1);
                }
            }
            case SINE -> {
                double cycles = get(Parameter.PERIODS) / steps;
                for (int t = 0; t < steps; t++) {
                    values[t] += amplitude * StrictMath.sin(2 * Math.PI * cycles * t);
                }
            }
        }
        return values;
    }

    private double drawn(double common, float uniform, double normal) {
        return switch (shape) {
            case CONSTANT, RAMP, STEP, SINE -> common + get(Parameter.NOISE) * normal;
            case POISSON ->
                common + (uniform < get(Parameter.RATE) ? get(Parameter.AMPLITUDE) : 0) + get(Parameter.NOISE) * normal;
            case NOISE -> common + get(Parameter.AMPLITUDE) * normal;
        };
    }

    /**
     * The shape and the parameters that differ from their defaults, such as {@code ramp,amplitude=3.0,independent=false}: {@link #parse}
     * reads it.
     */
    @Override
    public String toString() {
        StringJoiner text = new StringJoiner(",");
        text.add(shape.toString());
        shape.parameters().stream()
                .filter(parameter -> get(parameter) != shape.defaultValue(parameter))
                .forEach(parameter -> text.add(parameter + "=" + get(parameter)));
        if (!independent) {
            text.add(INDEPENDENT + "=false");
        }
        return text.toString();
    }

    /** Whether it is the same signal. */
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Waveform that && toString().equals(that.toString());
    }

    @Override
    public int hashCode() {
        return toString().hashCode();
    }
}
