// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.qlif.ConfigOption;
import org.qlif.LifConfig;
import org.qlif.NeuromodTransform;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.ParameterRange;
import org.qlif.Qlif;
import org.qlif.QlifConfig;
import org.qlif.StateVariable;
import org.qlif.Surrogate;
import org.qlif.Trace;
import org.qlif.gpu.ffi.qlif.qlif_config;
import org.qlif.gpu.ffi.qlif.qlif_h;
import org.qlif.gpu.ffi.qlif.qlif_lif_config;
import org.qlif.gpu.ffi.qlif.qlif_model_info;
import org.qlif.gpu.ffi.qlif.qlif_option_info;
import org.qlif.gpu.ffi.qlif.qlif_parameter_info;
import org.qlif.gpu.ffi.qlif.qlif_qlif_config;
import org.qlif.gpu.ffi.qlif.qlif_trace_info;
import org.qlif.gpu.ffi.qlif.qlif_variable_info;
import org.qlif.spi.host.LifConstants;
import org.qlif.spi.host.QlifConstants;

/** The library knows of the models what Java knows: tables, defaults, presets, ranges, and the numbers of the equations, to the bit. */
class LibraryTest {
    /** How many configurations have their constants compared; the system property shortens it. */
    private static final int CONFIGURATIONS =
            Integer.getInteger("qlif.test.cases", 0) > 0 ? 1000 * Integer.getInteger("qlif.test.cases") : 1_000_000;

    private static final List<NeuronConfig> MODELS = List.of(QlifConfig.defaults(), LifConfig.defaults());

    @BeforeEach
    void requireLibrary() {
        assertThat(NativeLibrary.get().obstacle()).isNull();
    }

    private static MemorySegment sized(Arena arena, java.lang.foreign.MemoryLayout layout) {
        MemorySegment struct = arena.allocate(layout);
        struct.set(ValueLayout.JAVA_INT, 0, (int) layout.byteSize());
        return struct;
    }

    private static void check(int status) {
        Status.check(status, "a call");
    }

    private static String text(MemorySegment pointer) {
        return pointer.reinterpret(Long.MAX_VALUE).getString(0);
    }

    @Test
    void tablesAreTheEnums() {
        try (Arena arena = Arena.ofConfined()) {
            for (int model = 0; model < MODELS.size(); model++) {
                NeuronConfig config = MODELS.get(model);
                MemorySegment info = sized(arena, qlif_model_info.layout());
                check(qlif_h.qlif_model(model, info));
                assertThat(text(qlif_model_info.name(info))).isEqualTo(config.model());
                assertThat(qlif_model_info.state_variables(info))
                        .isEqualTo(config.stateVariables().size());
                assertThat(qlif_model_info.parameters(info))
                        .isEqualTo(config.parameters().size());
                assertThat(qlif_model_info.traces(info))
                        .isEqualTo(config.traces().size());
                assertThat(qlif_model_info.modulation(info)).isEqualTo(config.acceptsModulation() ? 1 : 0);
                for (StateVariable variable : config.stateVariables()) {
                    MemorySegment row = sized(arena, qlif_variable_info.layout());
                    check(qlif_h.qlif_state_variable(model, variable.ordinal(), row));
                    assertThat(text(qlif_variable_info.symbol(row))).isEqualTo(variable.symbol());
                    assertThat(qlif_variable_info.initial_value(row)).isEqualTo(variable.initialValue());
                    assertThat(qlif_variable_info.carries_gradient(row)).isEqualTo(variable.carriesGradient() ? 1 : 0);
                    assertThat(qlif_variable_info.flushed(row)).isEqualTo(variable.flushed() ? 1 : 0);
                }
                for (NeuronParameter parameter : config.parameters()) {
                    MemorySegment row = sized(arena, qlif_parameter_info.layout());
                    check(qlif_h.qlif_parameter(model, parameter.ordinal(), row));
                    assertThat(text(qlif_parameter_info.symbol(row))).isEqualTo(parameter.symbol());
                    assertThat(qlif_parameter_info.range(row)).isEqualTo(number(config.parameterRange(parameter)));
                }
                for (Trace trace : config.traces()) {
                    MemorySegment row = sized(arena, qlif_trace_info.layout());
                    check(qlif_h.qlif_trace(model, trace.ordinal(), row));
                    assertThat(text(qlif_trace_info.symbol(row))).isEqualTo(trace.symbol());
                    assertThat(qlif_trace_info.state_variable(row))
                            .isEqualTo(
                                    trace.variable() == null
                                            ? -1
                                            : trace.variable().ordinal());
                }
            }
        }
    }

    private static int number(ParameterRange range) {
        if (range.equals(ParameterRange.FINITE)) {
            return qlif_h.QLIF_RANGE_FINITE();
        }
        return range.most() == Float.MAX_VALUE ? qlif_h.QLIF_RANGE_TIME_CONSTANT() : qlif_h.QLIF_RANGE_RATE();
    }

    /** A model's options by name. */
    private static Map<String, MemorySegment> options(Arena arena, int model) {
        MemorySegment info = sized(arena, qlif_model_info.layout());
        check(qlif_h.qlif_model(model, info));
        Map<String, MemorySegment> options = new LinkedHashMap<>();
        for (int i = 0; i < qlif_model_info.options(info); i++) {
            MemorySegment row = sized(arena, qlif_option_info.layout());
            check(qlif_h.qlif_option(model, i, row));
            options.put(text(qlif_option_info.name(row)), row);
        }
        return options;
    }

    /** The library's options are those of Java's table, of their kinds, with their defaults, where Java's struct has them. */
    @Test
    void optionsAreTheConfigurations() throws Exception {
        try (Arena arena = Arena.ofConfined()) {
            for (int model = 0; model < MODELS.size(); model++) {
                NeuronConfig config = MODELS.get(model);
                MemorySegment defaults = NativeConfig.of(config, arena);
                Map<String, MemorySegment> left = options(arena, model);
                for (ConfigOption option : config.options()) {
                    String name = option.name();
                    MemorySegment row = left.remove(name);
                    assertThat(row).as("the library's option %s", name).isNotNull();
                    assertThat(qlif_option_info.kind(row)).as(name).isEqualTo(kind(option.kind()));
                    assertThat(qlif_option_info.derived(row) != 0).as(name).isEqualTo(option.derivable());
                    double number = option.number(config);
                    assertThat(qlif_option_info.default_value(row))
                            .as(name)
                            .isEqualTo(Double.valueOf(option.derivable() ? Double.NaN : number));
                    int offset = qlif_option_info.offset(row);
                    double filled = option.kind() == ConfigOption.Kind.NUMBER
                            ? defaults.get(ValueLayout.JAVA_DOUBLE, offset)
                            : defaults.get(ValueLayout.JAVA_INT, offset);
                    assertThat(filled).as(name).isEqualTo(number);
                }
                assertThat(left.keySet()).as("options that Java does not have").isEmpty();
            }
        }
    }

    private static int kind(ConfigOption.Kind kind) {
        return switch (kind) {
            case FLAG -> qlif_h.QLIF_KIND_BOOLEAN();
            case WHOLE -> qlif_h.QLIF_KIND_INTEGER();
            case NUMBER -> qlif_h.QLIF_KIND_REAL();
            case CHOICE -> qlif_h.QLIF_KIND_ENUMERATION();
        };
    }

    /** The constants of each enumeration are those of the header, by name and number, and of Java. */
    @Test
    void choicesAreTheEnums() throws Exception {
        Map<String, List<String>> javas = Map.of(
                "QLIF_DECISION_", names(QlifConfig.Decision.values()),
                "QLIF_SAMPLING_", names(QlifConfig.Sampling.values()),
                "QLIF_SPIKE_VALUE_", names(QlifConfig.SpikeValue.values()),
                "QLIF_ANGLE_", names(QlifConfig.AngleMap.values()),
                "QLIF_READOUT_", names(QlifConfig.Readout.values()),
                "QLIF_SURROGATE_", names(Surrogate.values()),
                "QLIF_NEUROMOD_", names(QlifConfig.NeuromodMode.values()),
                "QLIF_TRANSFORM_", List.of("SIGMOID", "IDENTITY"));
        List<String> seen = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            for (int model = 0; model < MODELS.size(); model++) {
                int number = 0;
                for (MemorySegment row : options(arena, model).values()) {
                    String prefix = text(qlif_option_info.enumeration(row));
                    List<String> choices = new ArrayList<>();
                    for (int i = 0; i < qlif_option_info.choices(row); i++) {
                        choices.add(text(qlif_h.qlif_choice_name(model, number, i)));
                        assertThat(qlif_h.class
                                        .getMethod(prefix + choices.getLast())
                                        .invoke(null))
                                .isEqualTo(i);
                    }
                    if (!choices.isEmpty()) {
                        assertThat(choices).as(prefix).isEqualTo(javas.get(prefix));
                        assertThat(Arrays.stream(qlif_h.class.getMethods())
                                        .filter(method -> method.getName().startsWith(prefix))
                                        .toList())
                                .as("constants of the header that begin with %s", prefix)
                                .hasSameSizeAs(choices);
                        seen.add(prefix);
                    }
                    number++;
                }
            }
        }
        assertThat(seen).containsAll(javas.keySet());
    }

    private static List<String> names(Enum<?>[] constants) {
        return Arrays.stream(constants).map(Enum::name).toList();
    }

    /** What the library fills in has Java's options, constants and starting parameters. */
    @Test
    void defaultsAndPresetsAreJavas() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment qlif = arena.allocate(qlif_qlif_config.layout());
            MemorySegment lif = arena.allocate(qlif_lif_config.layout());
            check(qlif_h.qlif_qlif_defaults(qlif, (int) qlif.byteSize()));
            assertSame(arena, qlif, QlifConfig.defaults());
            check(qlif_h.qlif_lif_defaults(lif, (int) lif.byteSize()));
            assertSame(arena, lif, LifConfig.defaults());
            check(qlif_h.qlif_qlif_preset(qlif, (int) qlif.byteSize(), arena.allocateFrom("plain-lif")));
            assertSame(arena, qlif, QlifConfig.plainLif());
            for (QlifConfig.Preset preset : QlifConfig.Preset.values()) {
                check(qlif_h.qlif_qlif_preset(qlif, (int) qlif.byteSize(), arena.allocateFrom(preset.toString())));
                assertSame(
                        arena, qlif, preset.builder(QlifConfig.Decision.QUBIT).build());
            }
        }
    }

    private static void assertSame(Arena arena, MemorySegment library, NeuronConfig config) {
        MemorySegment java = NativeConfig.of(config, arena);
        assertThat(constants(arena, library, config)).containsExactly(constants(arena, java, config));
        options(arena, qlif_config.model(java)).forEach((name, row) -> {
            if (qlif_option_info.kind(row) != qlif_h.QLIF_KIND_REAL()) {
                int offset = qlif_option_info.offset(row);
                assertThat(library.get(ValueLayout.JAVA_INT, offset))
                        .as(name)
                        .isEqualTo(java.get(ValueLayout.JAVA_INT, offset));
            }
        });
        MemorySegment value = arena.allocate(ValueLayout.JAVA_FLOAT);
        for (NeuronParameter parameter : config.parameters()) {
            check(qlif_h.qlif_parameter_default(library, parameter.ordinal(), value));
            assertThat(value.get(ValueLayout.JAVA_FLOAT, 0))
                    .as(parameter.symbol())
                    .isEqualTo(config.defaultValue(parameter));
            check(qlif_h.qlif_parameter_default(java, parameter.ordinal(), value));
            assertThat(value.get(ValueLayout.JAVA_FLOAT, 0)).isEqualTo(config.defaultValue(parameter));
        }
    }

    private static float[] constants(Arena arena, MemorySegment struct, NeuronConfig config) {
        int count = config instanceof QlifConfig
                ? QlifConstants.class.getRecordComponents().length
                : LifConstants.class.getRecordComponents().length;
        MemorySegment values = arena.allocate(ValueLayout.JAVA_FLOAT, count);
        check(qlif_h.qlif_constants(struct, values));
        return values.toArray(ValueLayout.JAVA_FLOAT);
    }

    /** For each of the library's constants, the component of that name. */
    private static List<RecordComponent> components(int model, Class<?> constants) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = sized(arena, qlif_model_info.layout());
            check(qlif_h.qlif_model(model, info));
            List<RecordComponent> left = new ArrayList<>(List.of(constants.getRecordComponents()));
            List<RecordComponent> components = new ArrayList<>();
            for (int i = 0; i < qlif_model_info.constants(info); i++) {
                String name = text(qlif_h.qlif_constant_name(model, i));
                RecordComponent component = left.stream()
                        .filter(each -> snakeCase(each.getName()).equals(name))
                        .findFirst()
                        .orElseThrow(() -> new AssertionError("no constant in Java is named " + name));
                left.remove(component);
                components.add(component);
            }
            assertThat(left).as("constants that the library does not tell").isEmpty();
            return components;
        }
    }

    private static String snakeCase(String name) {
        return name.replaceAll("([A-Z])", "_$1").toLowerCase(java.util.Locale.ROOT);
    }

    private static float[] values(List<RecordComponent> components, Object constants) {
        float[] values = new float[components.size()];
        for (int i = 0; i < values.length; i++) {
            try {
                values[i] = ((Number) components.get(i).getAccessor().invoke(constants)).floatValue();
            } catch (ReflectiveOperationException failure) {
                throw new AssertionError(failure);
            }
        }
        return values;
    }

    @Test
    void constantsHaveJavasBits() {
        List<RecordComponent> qlifs = components(qlif_h.QLIF_MODEL_QLIF(), QlifConstants.class);
        List<RecordComponent> lifs = components(qlif_h.QLIF_MODEL_LIF(), LifConstants.class);
        SplittableRandom random = new SplittableRandom(11);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment qlif = arena.allocate(qlif_qlif_config.layout());
            MemorySegment lif = arena.allocate(qlif_lif_config.layout());
            MemorySegment values = arena.allocate(ValueLayout.JAVA_FLOAT, qlifs.size());
            for (int i = 0; i < CONFIGURATIONS; i++) {
                QlifConfig config = randomQlif(random);
                NativeConfig.set(qlif, config);
                check(qlif_h.qlif_constants(qlif, values));
                requireBits(values, values(qlifs, QlifConstants.of(config)), config);
                if (i % 10 == 0) {
                    LifConfig other = randomLif(random);
                    NativeConfig.set(lif, other);
                    check(qlif_h.qlif_constants(lif, values));
                    requireBits(values, values(lifs, LifConstants.of(other)), other);
                }
            }
        }
    }

    private static void requireBits(MemorySegment values, float[] expected, NeuronConfig config) {
        for (int i = 0; i < expected.length; i++) {
            float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            if (Float.floatToRawIntBits(value) != Float.floatToRawIntBits(expected[i])) {
                throw new AssertionError(
                        "constant " + i + ": got " + value + ", expected " + expected[i] + " of " + config);
            }
        }
    }

    /** A number whose magnitude is anything from 2^-e to 2^e, mostly near 1. */
    private static double positive(SplittableRandom random, int e) {
        int range = random.nextInt(4) == 0 ? e : 8;
        return (1 + random.nextDouble()) * Math.scalb(1.0, random.nextInt(-range, range));
    }

    private static double signed(SplittableRandom random) {
        return random.nextBoolean() ? positive(random, 126) : -positive(random, 126);
    }

    private static double share(SplittableRandom random) {
        return random.nextInt(8) == 0 ? random.nextInt(2) : random.nextDouble();
    }

    private static double notNegative(SplittableRandom random) {
        return random.nextInt(8) == 0 ? 0 : positive(random, 126);
    }

    private static QlifConfig randomQlif(SplittableRandom random) {
        double low = positive(random, 60);
        double lowAlpha = positive(random, 60);
        return QlifConfig.builder()
                .reset(reset -> reset.withPotential(signed(random))
                        .withFraction(share(random))
                        .withDetached(random.nextBoolean()))
                .dt(positive(random, 60))
                .noise(noise -> noise.withStd(notNegative(random)).withEnabled(random.nextBoolean()))
                .decision(pick(random, QlifConfig.Decision.values()))
                .sigmoid(sigmoid -> sigmoid.withSampling(pick(random, QlifConfig.Sampling.values()))
                        .withAlpha(positive(random, 126))
                        .withAlphaBounds(lowAlpha, lowAlpha * (1 + random.nextInt(3))))
                .spikeValue(pick(random, QlifConfig.SpikeValue.values()))
                .qubit(qubit -> qubit.withAngleMap(pick(random, QlifConfig.AngleMap.values()))
                        .withThetaMax((1 - random.nextDouble()) * Math.PI)
                        .withLeak(notNegative(random))
                        .withReadout(pick(random, QlifConfig.Readout.values()))
                        .withWires(random.nextInt(1, 65))
                        .withThreshold(
                                random.nextInt(4) == 0
                                        ? random.nextInt(-31, 32) / 32.0
                                        : random.nextDouble(-0.999999, 1)))
                .probabilityFloor(random.nextDouble(0, 0.5))
                .surrogate(pick(random, Surrogate.values()))
                .surrogateAlpha(positive(random, 60))
                .dynamicProbability(d -> d.withEnabled(random.nextBoolean())
                        .withDecay(notNegative(random))
                        .withJump(notNegative(random)))
                .refractoriness(r -> r.withEnabled(random.nextBoolean())
                        .withTau(positive(random, 60))
                        .withJump(notNegative(random)))
                .adaptation(a -> a.withEnabled(random.nextBoolean())
                        .withDecay(notNegative(random))
                        .withIncrease(notNegative(random)))
                .depression(s -> s.withEnabled(random.nextBoolean())
                        .withRate(share(random))
                        .withRecovery(notNegative(random)))
                .ahp(h -> h.withEnabled(random.nextBoolean())
                        .withTau(positive(random, 60))
                        .withJump(notNegative(random))
                        .withConductance(signed(random))
                        .withMax(positive(random, 126)))
                .adaptiveThreshold(threshold ->
                        threshold.withEnabled(random.nextBoolean()).withBounds(low, low * (1.5 + random.nextInt(3))))
                .homeostasis(h -> h.withEnabled(random.nextBoolean())
                        .withTargetRate(share(random))
                        .withLearningRate(signed(random))
                        .withTau(positive(random, 60)))
                .neuromodulation(m -> m.withMode(pick(random, QlifConfig.NeuromodMode.values()))
                        .withStrength(signed(random))
                        .withTransform(random.nextBoolean() ? NeuromodTransform.SIGMOID : NeuromodTransform.IDENTITY))
                .vTh(signed(random))
                .tau(positive(random, 60))
                .eta(signed(random))
                .start(start -> start.withQScale(signed(random)).withQBias(signed(random)))
                .build();
    }

    private static LifConfig randomLif(SplittableRandom random) {
        double dt = positive(random, 60);
        return LifConfig.builder()
                .dt(dt)
                .tauSynInv(0.9 * random.nextDouble(0.1, 1) / dt)
                .tauMemInv(0.9 * random.nextDouble(0.1, 1) / dt)
                .vTh(signed(random))
                .vLeak(signed(random))
                .vReset(signed(random))
                .surrogate(pick(random, Surrogate.values()))
                .surrogateAlpha(positive(random, 60))
                .build();
    }

    private static <E> E pick(SplittableRandom random, E[] choices) {
        return choices[random.nextInt(choices.length)];
    }

    /** One number after another at and around its bounds: the library takes what Java takes, and nothing else. */
    @Test
    void rangesAreJavas() {
        double[] numbers = {
            Double.NaN,
            Double.NEGATIVE_INFINITY,
            Double.POSITIVE_INFINITY,
            -0x1.ffffffp127,
            Math.nextUp(-0x1.ffffffp127),
            -1,
            Math.nextUp(-1.0),
            -Double.MIN_VALUE,
            -0.0,
            0,
            Double.MIN_VALUE,
            0x1p-150,
            Math.nextUp(0x1p-150),
            2.9e-39,
            3e-39,
            3.8e-20,
            3.9e-20,
            0.05,
            Math.nextDown(0.5),
            0.5,
            Math.nextDown(1.0),
            1,
            Math.nextUp(1.0),
            2,
            5,
            1000,
            1000.0001,
            Math.nextDown(Math.PI),
            Math.PI,
            Math.nextUp(Math.PI),
            Math.nextDown(0x1.ffffffp127),
            0x1.ffffffp127
        };
        int compared = 0;
        int reals = 0;
        for (NeuronConfig config : MODELS) {
            Map<String, MemorySegment> options = options(Arena.ofAuto(), MODELS.indexOf(config));
            for (MemorySegment row : options.values()) {
                reals += qlif_option_info.kind(row) == qlif_h.QLIF_KIND_REAL() ? 1 : 0;
            }
            for (Surrogate surrogate : Surrogate.values()) {
                for (ConfigOption option : config.options()) {
                    if (option.kind() != ConfigOption.Kind.NUMBER) {
                        continue;
                    }
                    MemorySegment row = options.get(option.name());
                    double[] bounds = {
                        qlif_option_info.low(row),
                        Math.nextDown(qlif_option_info.low(row)),
                        Math.nextUp(qlif_option_info.low(row)),
                        qlif_option_info.high(row),
                        Math.nextDown(qlif_option_info.high(row)),
                        Math.nextUp(qlif_option_info.high(row))
                    };
                    for (double number : DoubleStream.concat(Arrays.stream(numbers), Arrays.stream(bounds))
                            .toArray()) {
                        boolean taken = takenByJava(config, surrogate, option.name(), number);
                        // NaN asks the library to derive these.
                        boolean derived = Double.isNaN(number) && option.derivable();
                        assertThat(takenByLibrary(config, surrogate, option.name(), number))
                                .as("%s %s = %s", surrogate, option.name(), number)
                                .isEqualTo(taken || derived);
                        // A bound that the table tells is one of Java's, and so is what is said of the bound itself.
                        assertThat(taken && !isWithin(row, number))
                                .as("%s takes %s", option.name(), number)
                                .isFalse();
                        compared++;
                    }
                }
            }
        }
        assertThat(compared)
                .as("numbers tried on the library's real options")
                .isEqualTo(reals * Surrogate.values().length * (numbers.length + 6));
    }

    /** Whether a number is between the bounds that the table tells. */
    private static boolean isWithin(MemorySegment row, double number) {
        double low = qlif_option_info.low(row);
        double high = qlif_option_info.high(row);
        return (qlif_option_info.low_open(row) != 0 ? number > low : number >= low)
                && (qlif_option_info.high_open(row) != 0 ? number < high : number <= high);
    }

    private static boolean takenByJava(NeuronConfig config, Surrogate surrogate, String name, double number) {
        try {
            config.with(List.of("surrogate=" + surrogate, name + "=" + number));
            return true;
        } catch (IllegalArgumentException _) {
            return false;
        }
    }

    private static boolean takenByLibrary(NeuronConfig config, Surrogate surrogate, String name, double number) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = NativeConfig.of(config, arena);
            GroupLayout layout = (config instanceof QlifConfig ? qlif_qlif_config.layout() : qlif_lif_config.layout());
            struct.set(
                    ValueLayout.JAVA_INT,
                    layout.byteOffset(PathElement.groupElement("surrogate")),
                    surrogate.ordinal());
            // The library derives what Java does.
            for (ConfigOption option : config.options()) {
                if (option.derivable()) {
                    setNumber(struct, layout, option.name(), Double.NaN);
                }
            }
            setNumber(struct, layout, name, number);
            int status = qlif_h.qlif_constants(struct, MemorySegment.NULL);
            assertThat(status).isIn(qlif_h.QLIF_SUCCESS(), qlif_h.QLIF_INVALID_ARGUMENT());
            if (status != qlif_h.QLIF_SUCCESS()) {
                // A scale out of range is told of where the calibration asks for it.
                assertThat(text(qlif_h.qlif_last_error())).containsAnyOf(name, "q_scale");
            }
            return status == qlif_h.QLIF_SUCCESS();
        }
    }

    private static void setNumber(MemorySegment struct, GroupLayout layout, String name, double number) {
        struct.set(ValueLayout.JAVA_DOUBLE, layout.byteOffset(PathElement.groupElement(name)), number);
    }

    /** What can't be passed is told before the library is asked. */
    @Test
    void functionsOfTheCallersAreRefused() {
        QlifConfig config = QlifConfig.builder()
                .neuromodulation(m -> m.withTransform(new NeuromodTransform() {
                    @Override
                    public float apply(float m) {
                        return m;
                    }

                    @Override
                    public float derivative(float m, float value) {
                        return 1;
                    }
                }))
                .build();
        assertThat(NativeConfig.obstacles(config))
                .singleElement()
                .asString()
                .startsWith("neuromod_transform: got a function");
        assertThat(NativeConfig.obstacles(QlifConfig.defaults())).isEmpty();
    }

    @Test
    void libraryAndJarAreOfOneVersion() {
        assertThat(NativeLibrary.get().version()).isEqualTo(Qlif.version());
    }
}
