// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.qlif.ConfigOption;
import org.qlif.DrawStream;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.Surrogate;
import org.qlif.io.FileFormatException;
import org.qlif.io.Safetensors;
import org.qlif.spi.Printable;

/** A golden file with its parsed configuration; the README beside the files describes their content. */
public final class GoldenCase {
    /** The subject of a case. */
    public enum Model {
        /** The QLIF model, forward and backward. */
        QLIF,
        /** The generator of draws. */
        RNG,
        /** The current-based leaky integrate-and-fire baseline, forward and backward. */
        LIF
    }

    private static final String SUFFIX = ".safetensors";

    /** A flag in files: whether SIGMOID rounds. */
    private static final String ROUND = "round_probability";

    /** The keys of a QLIF configuration that are not the names of the options that they set. */
    private static final Map<String, String> RENAMED = Map.of(
            "adaptation",
            "use_adaptation",
            "adaptive_threshold",
            "use_adaptive_threshold",
            "ahp",
            "use_ahp",
            "depression",
            "use_depression",
            "homeostasis",
            "homeostasis_enabled",
            ROUND,
            "sampling");

    /** Options that no key sets: the tensors show whether there is noise, and parameters are tensors. */
    private static final Set<String> WITHOUT_KEY = Set.of(
            "stochastic",
            "v_th",
            "tau",
            "eta",
            "tau_adapt",
            "q_scale",
            "q_bias",
            "initial_probability",
            "initial_slope",
            "tau_syn_inv",
            "tau_mem_inv");

    /** Norse's name for {@link Surrogate#FAST_SIGMOID}. */
    private static final String SUPERSPIKE = "SUPERSPIKE";

    /** Hundreds of times the size of the largest golden file, and small enough to keep a run's results below a gigabyte. */
    static final long MAX_FILE_BYTES = 1 << 27;

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
        return read(file, Arena.ofAuto());
    }

    /** The same with the tensors in memory of {@code arena}, which is their lifetime. */
    static GoldenCase read(Path file, Arena arena) throws IOException {
        try {
            return new GoldenCase(Safetensors.read(file, arena, MAX_FILE_BYTES));
        } catch (FileFormatException refused) {
            throw new GoldenFormatException(file, refused.problem(), refused);
        }
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

    /** The subject of this case. */
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

    /** The draws of an RNG case; null for other models. */
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

    private NeuronConfig qlif(Map<String, Value> values) {
        boolean normals = tensors.has("normals");
        String stochastic = tensors.metadata().get("stochastic");
        if (stochastic != null && !stochastic.equals(normals ? "True" : "False")) {
            throw problem(
                    "metadata.stochastic: got " + StrictJson.quoted(stochastic) + " " + (normals ? "with" : "without")
                            + " the tensor 'normals', expected True with it and False without");
        }
        return with(
                QlifConfig.builder().noise(noise -> noise.withEnabled(normals)).build(), values);
    }

    /** The rates start at values that are legal for this dt; a case has tensors of its own for them. */
    private NeuronConfig lif(Map<String, Value> values) {
        LifConfig usual = LifConfig.defaults();
        Value dt = values.get("dt");
        if (dt == null || !(dt.number() > 0)) {
            return with(usual, values);
        }
        double step = dt.number();
        LifConfig scaled = built(() -> usual.toBuilder()
                .dt(step)
                .tauSynInv(usual.tauSynInv() * usual.dt() / step)
                .tauMemInv(usual.tauMemInv() * usual.dt() / step)
                .build());
        return with(scaled, values);
    }

    private NeuronConfig with(NeuronConfig config, Map<String, Value> values) {
        Map<String, ConfigOption> keys = keys(config);
        List<String> settings = new ArrayList<>();
        for (Value value : values.values()) {
            ConfigOption option = keys.get(value.key());
            if (option == null) {
                throw problem("config: got the unknown key " + StrictJson.quoted(value.key()) + ", expected one of "
                        + keys.keySet().stream().sorted().toList());
            }
            settings.add(option.name() + "=" + value.text(option, config));
        }
        return built(() -> config.with(settings));
    }

    /** The option that each key sets. */
    private static Map<String, ConfigOption> keys(NeuronConfig config) {
        Map<String, ConfigOption> keys = new HashMap<>();
        for (ConfigOption option : config.options()) {
            if (!WITHOUT_KEY.contains(option.name())) {
                keys.put(option.name(), option);
            }
        }
        RENAMED.forEach((key, name) -> {
            ConfigOption option = keys.remove(name);
            if (option != null) {
                keys.put(key, option);
            }
        });
        return keys;
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
                // Numbers stay text until the key determines their kind.
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

    /** One value of the configuration, with its place for messages. */
    private record Value(Path file, String key, Object content) {
        double number() {
            if (content instanceof Digits digits) {
                return Double.parseDouble(digits.text());
            }
            throw refused("a number");
        }

        /** The text of this value for {@code option}; the configuration checks the range. */
        String text(ConfigOption option, NeuronConfig config) {
            if (key.equals(ROUND)) {
                return flag() ? "ROUND" : "DRAW";
            }
            return switch (option.kind()) {
                case FLAG -> Boolean.toString(flag());
                case NUMBER -> Double.toString(number());
                case WHOLE -> Long.toString(integer(Integer.MIN_VALUE, Integer.MAX_VALUE));
                case CHOICE -> {
                    boolean known = config instanceof LifConfig && SUPERSPIKE.equals(content);
                    if (!known && !option.choices().contains(content)) {
                        throw refused(option.expected() + (config instanceof LifConfig ? " or " + SUPERSPIKE : ""));
                    }
                    yield known ? Surrogate.FAST_SIGMOID.name() : (String) content;
                }
            };
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

        private GoldenFormatException refused(String expected) {
            return new GoldenFormatException(file, refusal(expected));
        }

        private String refusal(String expected) {
            return "config." + Printable.text(key) + ": got " + StrictJson.quoted(String.valueOf(content))
                    + ", expected " + expected;
        }
    }
}
