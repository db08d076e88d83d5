package org.qlif.conformance;

import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.qlif.DrawStream;
import org.qlif.LifConfig;
import org.qlif.NeuromodTransform;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.Surrogate;
import org.qlif.spi.Printable;

/** A golden file with its configuration understood; see the README beside the files for what they hold. */
public final class GoldenCase {
    /** What a file is a case of. */
    public enum Model {
        /** The QLIF model, forward and backward. */
        QLIF,
        /** The generator of draws. */
        RNG,
        /** The current-based leaky integrate-and-fire baseline, forward and backward. */
        LIF
    }

    private static final String SUFFIX = ".safetensors";

    /** What a key of a QLIF configuration sets; {@code dt} to {@code v_reset} in the names of docs/model.md. */
    private static final Map<String, BiFunction<QlifConfig.Builder, Value, QlifConfig.Builder>> QLIF_KEYS =
            Map.ofEntries(
                    Map.entry("adaptation", (b, v) -> b.useAdaptation(v.flag())),
                    Map.entry("adaptation_decay", (b, v) -> b.adaptationDecay(v.number())),
                    Map.entry("adaptive_threshold", (b, v) -> b.useAdaptiveThreshold(v.flag())),
                    Map.entry("ahp", (b, v) -> b.useAhp(v.flag())),
                    Map.entry("ahp_jump", (b, v) -> b.ahpJump(v.number())),
                    Map.entry("ahp_max", (b, v) -> b.ahpMax(v.number())),
                    Map.entry("angle_map", (b, v) -> b.angleMap(v.choice(QlifConfig.AngleMap.class))),
                    Map.entry("base_alpha", (b, v) -> b.baseAlpha(v.number())),
                    Map.entry("decision", (b, v) -> b.decision(v.choice(QlifConfig.Decision.class))),
                    Map.entry("depression", (b, v) -> b.useDepression(v.flag())),
                    Map.entry("depression_rate", (b, v) -> b.depressionRate(v.number())),
                    Map.entry("detach_reset", (b, v) -> b.detachReset(v.flag())),
                    Map.entry("dsp_decay", (b, v) -> b.dspDecay(v.number())),
                    Map.entry("dsp_jump", (b, v) -> b.dspJump(v.number())),
                    Map.entry("dt", (b, v) -> b.dt(v.number())),
                    Map.entry("dynamic_probability", (b, v) -> b.dynamicProbability(v.flag())),
                    Map.entry("g_ahp", (b, v) -> b.gAhp(v.number())),
                    Map.entry("homeostasis", (b, v) -> b.homeostasisEnabled(v.flag())),
                    Map.entry("homeostasis_lr", (b, v) -> b.homeostasisLr(v.number())),
                    Map.entry("homeostasis_target_rate", (b, v) -> b.homeostasisTargetRate(v.number())),
                    Map.entry("homeostasis_tau", (b, v) -> b.homeostasisTau(v.number())),
                    Map.entry("max_alpha", (b, v) -> b.maxAlpha(v.number())),
                    Map.entry("max_threshold", (b, v) -> b.maxThreshold(v.number())),
                    Map.entry("min_alpha", (b, v) -> b.minAlpha(v.number())),
                    Map.entry("min_threshold", (b, v) -> b.minThreshold(v.number())),
                    Map.entry("neuromod_mode", (b, v) -> b.neuromodMode(v.choice(QlifConfig.NeuromodMode.class))),
                    Map.entry("neuromod_strength", (b, v) -> b.neuromodStrength(v.number())),
                    Map.entry("neuromod_transform", (b, v) -> b.neuromodTransform(v.transform())),
                    Map.entry("noise_std", (b, v) -> b.noiseStd(v.number())),
                    Map.entry("probability_floor", (b, v) -> b.probabilityFloor(v.number())),
                    Map.entry("quantum_leak", (b, v) -> b.quantumLeak(v.number())),
                    Map.entry("quantum_threshold", (b, v) -> b.quantumThreshold(v.number())),
                    Map.entry("quantum_wires", (b, v) -> b.quantumWires(v.wholeNumber())),
                    Map.entry("r_jump", (b, v) -> b.rJump(v.number())),
                    Map.entry("readout", (b, v) -> b.readout(v.choice(QlifConfig.Readout.class))),
                    Map.entry("recovery_rate", (b, v) -> b.recoveryRate(v.number())),
                    Map.entry("refractory", (b, v) -> b.refractory(v.flag())),
                    Map.entry("reset_fraction", (b, v) -> b.resetFraction(v.number())),
                    Map.entry(
                            "round_probability",
                            (b, v) -> b.sampling(v.flag() ? QlifConfig.Sampling.ROUND : QlifConfig.Sampling.DRAW)),
                    Map.entry("spike_increase", (b, v) -> b.spikeIncrease(v.number())),
                    Map.entry("spike_value", (b, v) -> b.spikeValue(v.choice(QlifConfig.SpikeValue.class))),
                    Map.entry("surrogate", (b, v) -> b.surrogate(v.choice(Surrogate.class))),
                    Map.entry("surrogate_alpha", (b, v) -> b.surrogateAlpha(v.number())),
                    Map.entry("tau_ahp", (b, v) -> b.tauAhp(v.number())),
                    Map.entry("tau_ref", (b, v) -> b.tauRef(v.number())),
                    Map.entry("theta_max", (b, v) -> b.thetaMax(v.number())),
                    Map.entry("v_reset", (b, v) -> b.vReset(v.number())));

    /** What a key of a LIF configuration sets. */
    private static final Map<String, BiFunction<LifConfig.Builder, Value, LifConfig.Builder>> LIF_KEYS = Map.of(
            "dt", (b, v) -> b.dt(v.number()),
            "v_leak", (b, v) -> b.vLeak(v.number()),
            "v_reset", (b, v) -> b.vReset(v.number()),
            "surrogate", (b, v) -> b.surrogate(v.surrogate()),
            "surrogate_alpha", (b, v) -> b.surrogateAlpha(v.number()));

    /** Norse's name for {@link Surrogate#FAST_SIGMOID}. */
    private static final String SUPERSPIKE = "SUPERSPIKE";

    private static final Set<String> RNG_KEYS = Set.of("seed", "stream", "step_offset", "element_offset");

    private final String name;
    private final Safetensors tensors;
    private final Model model;
    private final NeuronConfig config;
    private final DrawStream draws;
    private final long firstStep;

    private GoldenCase(Safetensors tensors) {
        this.tensors = tensors;
        this.name = name(tensors.file());
        Map<String, Value> values = parse(tensors);
        Value modelName = values.remove("model");
        this.model = modelName == null ? Model.QLIF : modelName.choice(Model.class);
        this.config = switch (model) {
            case QLIF -> qlif(values);
            case LIF -> lif(values);
            case RNG -> null;
        };
        if (model == Model.RNG) {
            requireKeys(values, RNG_KEYS);
            this.draws = new DrawStream(
                    values.get("seed").hex(),
                    (int) values.get("stream").integer(0, 0xFFFF_FFFFL),
                    values.get("element_offset").integer(0, Long.MAX_VALUE));
            this.firstStep = values.get("step_offset").integer(0, 1L << 33);
        } else {
            this.draws = null;
            this.firstStep = 0;
        }
    }

    /**
     * Reads a case.
     *
     * @throws GoldenFormatException if the file or its configuration is not understood
     * @throws IOException if it can't be read
     */
    public static GoldenCase read(Path file) throws IOException {
        return new GoldenCase(Safetensors.read(file));
    }

    /** The same with the tensors in memory of {@code arena}, with which the result ends. */
    static GoldenCase read(Path file, Arena arena) throws IOException {
        return new GoldenCase(Safetensors.read(file, arena));
    }

    /** The name of {@code file} without its ending. */
    static String name(Path file) {
        String name = String.valueOf(file.getFileName());
        return name.endsWith(SUFFIX) ? name.substring(0, name.length() - SUFFIX.length()) : name;
    }

    /** The file's name without its ending. */
    public String name() {
        return name;
    }

    /** What this is a case of. */
    public Model model() {
        return model;
    }

    /** The tensors. */
    public Safetensors tensors() {
        return tensors;
    }

    /** The configuration of the neurons; null in an RNG case. */
    public NeuronConfig config() {
        return config;
    }

    /** Which numbers an RNG case holds; null for other models. */
    public DrawStream draws() {
        return draws;
    }

    /** The absolute index of the first step: that of an RNG case, else 0. */
    public long firstStep() {
        return firstStep;
    }

    GoldenFormatException problem(String problem) {
        return new GoldenFormatException(tensors.file(), problem);
    }

    private QlifConfig qlif(Map<String, Value> values) {
        boolean normals = tensors.has("normals");
        String stochastic = tensors.metadata().get("stochastic");
        if (stochastic != null && !stochastic.equals(normals ? "True" : "False")) {
            throw problem(
                    "metadata.stochastic: got " + StrictJson.quoted(stochastic) + " " + (normals ? "with" : "without")
                            + " the tensor 'normals', expected True with it and False without");
        }
        QlifConfig.Builder builder = QlifConfig.builder().stochastic(normals);
        set(builder, QLIF_KEYS, values);
        return built(builder::build);
    }

    /** The rates start where they are for this dt a step: what a case runs with are its own. */
    private LifConfig lif(Map<String, Value> values) {
        LifConfig.Builder builder = LifConfig.builder();
        Value dt = values.get("dt");
        if (dt != null && dt.number() > 0) {
            LifConfig usual = LifConfig.defaults();
            builder.tauSynInv(usual.tauSynInv() * usual.dt() / dt.number())
                    .tauMemInv(usual.tauMemInv() * usual.dt() / dt.number());
        }
        set(builder, LIF_KEYS, values);
        return built(builder::build);
    }

    private <B> void set(B builder, Map<String, BiFunction<B, Value, B>> keys, Map<String, Value> values) {
        for (Value value : values.values()) {
            BiFunction<B, Value, B> setter = keys.get(value.key());
            if (setter == null) {
                throw problem("config: got the unknown key " + StrictJson.quoted(value.key()) + ", expected one of "
                        + keys.keySet().stream().sorted().toList());
            }
            setter.apply(builder, value);
        }
    }

    private <C> C built(Supplier<C> configuration) {
        try {
            return configuration.get();
        } catch (IllegalArgumentException outOfRange) {
            throw new GoldenFormatException(tensors.file(), "config: " + outOfRange.getMessage(), outOfRange);
        }
    }

    private void requireKeys(Map<String, Value> values, Set<String> expected) {
        if (!values.keySet().equals(expected)) {
            throw problem(
                    "config: got the keys " + Printable.text(values.keySet().toString()) + ", expected "
                            + expected.stream().sorted().toList());
        }
    }

    private static Map<String, Value> parse(Safetensors tensors) {
        Path file = tensors.file();
        String text = tensors.metadata().get("config");
        if (text == null) {
            throw new GoldenFormatException(
                    file,
                    "metadata: got the keys "
                            + Printable.text(tensors.metadata().keySet().toString())
                            + ", expected 'config' among them");
        }
        Map<String, Value> values = new LinkedHashMap<>();
        StrictJson json = new StrictJson(file, "config", text);
        json.beginObject("config");
        while (json.hasNext()) {
            String key = json.nextName();
            String where = "config." + Printable.text(key);
            JsonToken kind = json.peek();
            Object content = switch (kind) {
                case BOOLEAN -> json.nextBoolean(where);
                // Numbers stay text until the key says which kind it asks for.
                case NUMBER -> new Digits(json.nextNumber(where));
                case STRING -> json.nextString(where);
                default ->
                    throw new GoldenFormatException(
                            file,
                            where + ": got " + StrictJson.name(kind) + ", expected a number, text, true or false");
            };
            if (values.put(key, new Value(file, key, content)) != null) {
                throw new GoldenFormatException(file, "config: got the key " + StrictJson.quoted(key) + " twice");
            }
        }
        json.endObject();
        json.end();
        return values;
    }

    private record Digits(String text) {
        @Override
        public String toString() {
            return text;
        }
    }

    /** One value of the configuration, which knows where it stands so that a refusal can say so. */
    private record Value(Path file, String key, Object content) {
        double number() {
            if (content instanceof Digits digits) {
                return Double.parseDouble(digits.text());
            }
            throw refused("a number");
        }

        int wholeNumber() {
            return (int) integer(Integer.MIN_VALUE, Integer.MAX_VALUE);
        }

        long integer(long low, long high) {
            String expected = "a whole number from " + low + " to " + high;
            if (content instanceof Digits digits) {
                try {
                    long value = Long.parseLong(digits.text());
                    if (value >= low && value <= high) {
                        return value;
                    }
                } catch (NumberFormatException notWhole) {
                    throw new GoldenFormatException(file, refusal(expected), notWhole);
                }
            }
            throw refused(expected);
        }

        long hex() {
            if (content instanceof String text && text.matches("[0-9a-f]{16}")) {
                return Long.parseUnsignedLong(text, 16);
            }
            throw refused("16 hexadecimal digits");
        }

        boolean flag() {
            if (content instanceof Boolean flag) {
                return flag;
            }
            throw refused("true or false");
        }

        <E extends Enum<E>> E choice(Class<E> type) {
            for (E constant : type.getEnumConstants()) {
                if (constant.name().equals(content)) {
                    return constant;
                }
            }
            throw refused("one of " + Arrays.toString(type.getEnumConstants()));
        }

        Surrogate surrogate() {
            if (SUPERSPIKE.equals(content)) {
                return Surrogate.FAST_SIGMOID;
            }
            for (Surrogate surrogate : Surrogate.values()) {
                if (surrogate.name().equals(content)) {
                    return surrogate;
                }
            }
            throw refused("one of " + Arrays.toString(Surrogate.values()) + " or " + SUPERSPIKE);
        }

        NeuromodTransform transform() {
            return switch (String.valueOf(content)) {
                case "SIGMOID" -> NeuromodTransform.SIGMOID;
                case "IDENTITY" -> NeuromodTransform.IDENTITY;
                default -> throw refused("SIGMOID or IDENTITY");
            };
        }

        private GoldenFormatException refused(String expected) {
            return new GoldenFormatException(file, refusal(expected));
        }

        private String refusal(String expected) {
            return "config." + Printable.text(key) + ": got " + StrictJson.quoted(String.valueOf(content))
                    + ", expected " + expected;
        }
    }
}
