// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.qlif.ConfigOption;
import org.qlif.Device;
import org.qlif.DeviceUnavailableException;
import org.qlif.Devices;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.simulation.Waveform;

/**
 * A request of the page: JSON {@code {"settings": {KEY: TEXT}, "traces": [NAME], "refusals": "reply"}}. Keys are those of the {@link
 * Catalogue}; missing settings have their defaults. Traces are requested in addition to those that are always plotted. With {@code
 * refusals}, a setting that can't be used is reported in a successful reply instead of a failure.
 *
 * @param qlif the neuron
 * @param compared the neuron to compare it with; null for none
 * @param comparedScale the factor for the compared neuron's input
 * @param current the input
 * @param modulation the external modulation; null for none
 * @param transform its transform
 * @param steps T
 * @param neurons N
 * @param seed of all random numbers
 * @param device the requested device
 * @param traces names of {@code org.qlif.simulation.Traces}
 */
record RunRequest(
        QlifConfig qlif,
        @Nullable NeuronConfig compared,
        double comparedScale,
        Waveform current,
        @Nullable Waveform modulation,
        ModulationTransform transform,
        int steps,
        int neurons,
        long seed,
        Device device,
        Set<String> traces) {
    static final String CURRENT = "current";
    static final String INDEPENDENT = "independent";
    static final String MODULATION = "modulation";
    static final String TRANSFORM = "transform";
    static final String STEPS = "steps";
    static final String NEURONS = "neurons";
    static final String SEED = "seed";
    static final String COMPARE = "compare";
    static final String LIF_SCALE = "scale";
    static final String DEVICE = "device";

    /** The choice of nothing. */
    static final String NONE = "none";

    private static final int MOST_TRACES = 64;

    /**
     * Reads a request.
     *
     * @throws RefusedException if it is malformed or has bad settings; reports all faults at once
     */
    static RunRequest read(String json) throws RefusedException {
        JsonObject object = object(json);
        Set<String> traces = new LinkedHashSet<>();
        Map<String, String> texts = new TreeMap<>();
        boolean replied = false;
        for (Map.Entry<String, JsonElement> entry : object.entrySet()) {
            switch (entry.getKey()) {
                case "settings" -> {
                    if (!entry.getValue().isJsonObject()) {
                        throw malformed("settings: expected an object whose values are strings");
                    }
                    for (Map.Entry<String, JsonElement> setting :
                            entry.getValue().getAsJsonObject().entrySet()) {
                        texts.put(setting.getKey(), text("settings", setting.getValue()));
                    }
                }
                case "traces" -> {
                    if (!entry.getValue().isJsonArray()
                            || entry.getValue().getAsJsonArray().size() > MOST_TRACES) {
                        throw malformed("traces: expected an array of at most " + MOST_TRACES + " names");
                    }
                    for (JsonElement name : entry.getValue().getAsJsonArray()) {
                        traces.add(trace(text("traces", name)));
                    }
                }
                case "refusals" -> {
                    if (!text("refusals", entry.getValue()).equals("reply")) {
                        throw malformed("refusals: expected \"reply\" or nothing");
                    }
                    replied = true;
                }
                default -> throw malformed("expected the keys settings, traces and refusals alone");
            }
        }
        Settings settings = new Settings(texts);
        RunRequest request = of(settings, traces);
        if (!settings.refusals().isEmpty()) {
            throw new RefusedException("Some settings can't be used", settings.refusals(), replied);
        }
        return request;
    }

    private static JsonObject object(String json) throws RefusedException {
        try (JsonReader reader = new JsonReader(new StringReader(json))) {
            reader.setStrictness(Strictness.STRICT);
            JsonElement element = JsonParser.parseReader(reader);
            if (element.isJsonObject() && reader.peek() == JsonToken.END_DOCUMENT) {
                return element.getAsJsonObject();
            }
        } catch (JsonParseException | IOException | IllegalStateException | NumberFormatException _) {
            // Reported below; the parser's message is for its callers.
        }
        throw malformed("expected one JSON object");
    }

    private static String text(String where, JsonElement element) throws RefusedException {
        if (element instanceof JsonPrimitive primitive && primitive.isString()) {
            return primitive.getAsString();
        }
        throw malformed(where + ": expected texts, such as \"20.0\"");
    }

    private static String trace(String name) throws RefusedException {
        if (!Catalogue.isTrace(name)) {
            throw malformed("traces: got a name that is no trace's");
        }
        return name;
    }

    private static RefusedException malformed(String what) {
        return new RefusedException("The request is malformed: " + what, Map.of(), false);
    }

    /** The request with these settings; faults are recorded in them. */
    private static RunRequest of(Settings settings, Set<String> traces) {
        int steps = (int) settings.whole(STEPS, Catalogue.STEPS, 1, Catalogue.MOST_STEPS);
        int neurons = (int) settings.whole(NEURONS, Catalogue.NEURONS, 1, Catalogue.MOST_NEURONS);
        if (steps * neurons > Catalogue.MOST_NEURON_STEPS) {
            String why = "got " + steps + " x " + neurons + " = " + steps * neurons + " neuron-steps, expected at most "
                    + Catalogue.MOST_NEURON_STEPS;
            settings.refuse(STEPS, why);
            settings.refuse(NEURONS, why);
        }
        long seed = settings.whole(SEED, Catalogue.SEED, -999_999_999_999_999_999L, 999_999_999_999_999_999L);
        boolean independent = settings.choice(INDEPENDENT, true, List.of(true, false));
        Waveform current = waveform(
                        settings,
                        CURRENT,
                        settings.choice(CURRENT, Waveform.Shape.RAMP, List.of(Waveform.Shape.values())))
                .independent(independent);
        Waveform modulation = modulation(settings);
        ModulationTransform transform =
                settings.choice(TRANSFORM, ModulationTransform.OPTION, List.of(ModulationTransform.values()));
        QlifConfig qlif = (QlifConfig) config(settings, "qlif.", QlifConfig.defaults());
        NeuronConfig lif = config(settings, "lif.", LifConfig.defaults());
        Comparison comparison = settings.choice(COMPARE, Comparison.LIF, List.of(Comparison.values()));
        double scale = settings.number(LIF_SCALE, comparison == Comparison.LIF ? Catalogue.LIF_SCALE : 1, -1e6, 1e6);
        Device device = device(settings);
        settings.refuseRest();
        NeuronConfig compared = switch (comparison) {
            case LIF -> lif;
            case PLAIN_LIF -> plain(qlif);
            case NONE -> null;
        };
        return new RunRequest(
                qlif,
                compared,
                scale,
                current,
                modulation,
                transform,
                steps,
                neurons,
                seed,
                device,
                Set.copyOf(traces));
    }

    /** A plain LIF with the options that both have. */
    private static QlifConfig plain(QlifConfig qlif) {
        return QlifConfig.plainLif().toBuilder()
                .dt(qlif.dt())
                .tau(qlif.start().tau())
                .vTh(qlif.start().vTh())
                .reset(reset -> reset.withPotential(qlif.reset().potential()))
                .build();
    }

    private static @Nullable Waveform modulation(Settings settings) {
        String shape = settings.choice(MODULATION, NONE, modulationShapes());
        if (shape.equals(NONE)) {
            // Parameters of a shape that is not selected are ignored.
            settings.takeAll(MODULATION + ".");
            return null;
        }
        return waveform(settings, MODULATION, Waveform.Shape.of(shape));
    }

    /** The shapes that a modulation can have. */
    static List<String> modulationShapes() {
        return Stream.concat(Stream.of(NONE), Stream.of(Waveform.Shape.values()).map(Waveform.Shape::toString))
                .toList();
    }

    private static Waveform waveform(Settings settings, String key, Waveform.Shape shape) {
        Waveform waveform = Waveform.of(shape);
        for (Waveform.Parameter parameter : shape.parameters()) {
            waveform = waveform.with(
                    parameter,
                    settings.number(
                            key + "." + parameter, shape.defaultValue(parameter), parameter.least(), parameter.most()));
        }
        return waveform;
    }

    /** A configuration with all settings that it accepts; refused ones are recorded and left out. */
    private static NeuronConfig config(Settings settings, String prefix, NeuronConfig defaults) {
        Map<String, String> given = settings.takeAll(prefix);
        Set<String> known = defaults.options().stream().map(ConfigOption::name).collect(Collectors.toSet());
        given.keySet().removeIf(name -> {
            boolean unknown = !known.contains(name);
            if (unknown) {
                settings.refuse(prefix + name, "is not an option of " + defaults.model());
            }
            return unknown;
        });
        while (true) {
            try {
                return defaults.with(given.entrySet().stream()
                        .map(entry -> entry.getKey() + "=" + entry.getValue())
                        .toList());
            } catch (IllegalArgumentException refusal) {
                String message = String.valueOf(refusal.getMessage());
                if (!settings.refuse(prefix, message, given)) {
                    settings.refuse(prefix + "*", message);
                    return defaults;
                }
            }
        }
    }

    private static Device device(Settings settings) {
        String text = settings.take(DEVICE);
        if (text == null) {
            return Device.AUTO;
        }
        try {
            Device device = Device.of(text);
            Devices.resolve(device);
            return device;
        } catch (IllegalArgumentException | DeviceUnavailableException refusal) {
            settings.refuse(DEVICE, String.valueOf(refusal.getMessage()));
            return Device.AUTO;
        }
    }
}
