// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.qlif.ConfigOption;
import org.qlif.ConfigOption.Kind;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.Devices;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.Qlif;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;
import org.qlif.Trace;
import org.qlif.simulation.Traces;
import org.qlif.simulation.Waveform;

/**
 * What the page offers, sent to it as JSON: controls, presets, neuron modes, traces, devices. Options, ranges, defaults and order come from
 * the configurations' tables, groups and meanings from docs/model.md.
 *
 * @param version the library's
 * @param mostNeuronSteps the limit of steps times neurons
 * @param panels the controls, in boxes
 * @param presets named settings of QLIF
 * @param modes the neuron modes of QLIF's original page
 * @param traces what can be plotted, a list for each model, by the model's name in keys
 * @param devices the devices, whether they can run here or not
 */
record Catalogue(
        String version,
        int mostNeuronSteps,
        List<Panel> panels,
        List<Preset> presets,
        List<Mode> modes,
        Map<String, List<Named>> traces,
        List<DeviceChoice> devices) {
    /** The maximum number of steps of a run. */
    static final int MOST_STEPS = 5_000;

    /** The maximum number of neurons of a run. */
    static final int MOST_NEURONS = 200;

    /** Bounds the cost of a request. The page has no use for more: each neuron-step is a number in every plot. */
    static final int MOST_NEURON_STEPS = 100_000;

    static final int STEPS = 500;
    static final int NEURONS = 10;
    static final long SEED = 42;

    /** The factor for LIF's input: its current adds up over 1 / (dt·tau_syn_inv) steps, 5 by default. */
    static final double LIF_SCALE = 0.2;

    /** The heading of each group of options, in the page's order; {@code ""} is for options without a group. */
    private static final Map<String, String> TITLES = titles();

    /** The titles of traces, by the symbols that files use. */
    private static final Map<String, String> TRACE_TITLES = Map.ofEntries(
            Map.entry(Traces.SPIKE_VALUES, "Spike value y"),
            Map.entry("p", "Spike probability p"),
            Map.entry("delta", "Gap Δ"),
            Map.entry("adaptation", "Adaptation A"),
            Map.entry("efficiency", "Synaptic efficiency S"),
            Map.entry("refractory", "Refractory trace R"),
            Map.entry("ahp", "After-hyperpolarization H"),
            Map.entry("dsp", "Dynamic probability D"),
            Map.entry("homeostasis_offset", "Homeostasis h"),
            Map.entry("slope", "Slope of p"),
            Map.entry("threshold_offset", "Threshold offset o"),
            Map.entry("rate", "Firing rate r"),
            Map.entry("modulation", "Modulation M"),
            Map.entry("i", "Synaptic current i"));

    /** Settings that belong together. */
    record Preset(String name, Map<String, String> settings) {}

    /**
     * A neuron mode.
     *
     * @param decision {@code qubit} or {@code classic}
     * @param settings its settings, by key; all modes have the same keys
     */
    record Mode(String name, String decision, Map<String, String> settings) {}

    /** A trace. */
    record Named(String name, String title) {}

    /**
     * A device.
     *
     * @param available whether it can run here
     * @param remarks its obstacles and cautions
     */
    record DeviceChoice(String name, String description, boolean available, List<String> remarks) {}

    /** The page's catalogue on this machine. */
    static Catalogue here() {
        List<Panel> panels = new ArrayList<>(runPanels());
        panels.addAll(optionPanels("qlif", QlifConfig.defaults()));
        panels.addAll(optionPanels("lif", LifConfig.defaults()));
        return new Catalogue(
                Qlif.version(),
                MOST_NEURON_STEPS,
                panels,
                allPresets(),
                allModes(),
                Map.of("qlif", traces(QlifConfig.defaults()), "lif", traces(LifConfig.defaults())),
                allDevices());
    }

    private static Map<String, String> titles() {
        Map<String, String> titles = new LinkedHashMap<>();
        titles.put("start", "Membrane and calibration");
        titles.put("", "Time and decision");
        titles.put("qubit", "Qubit");
        titles.put("sigmoid", "Sigmoid (classic decision)");
        titles.put("noise", "Membrane noise");
        titles.put("neuromodulation", "Neuromodulation");
        titles.put("adaptiveThreshold", "Adaptive threshold");
        titles.put("dynamicProbability", "Dynamic spike probability");
        titles.put("adaptation", "Adaptation current");
        titles.put("depression", "Synaptic depression");
        titles.put("refractoriness", "Refractory damping");
        titles.put("ahp", "After-hyperpolarization");
        titles.put("homeostasis", "Homeostasis");
        titles.put("reset", "Reset");
        return titles;
    }

    private static List<Panel> optionPanels(String part, NeuronConfig model) {
        Map<String, ModelDocs.Row> rows = ModelDocs.rows(model);
        Map<String, List<Panel.Control>> controls = new LinkedHashMap<>();
        Map<String, String> toggles = new LinkedHashMap<>();
        TITLES.keySet().forEach(group -> controls.put(group, new ArrayList<>()));
        for (ConfigOption option : model.options()) {
            ModelDocs.Row row = rows.get(option.name());
            if (row == null) {
                throw new IllegalStateException("docs/model.md has no row for the option " + option.name());
            }
            List<Panel.Control> group = controls.get(row.group());
            if (group == null) {
                throw new IllegalStateException("no heading is defined for the group of options " + row.group());
            }
            String key = part + "." + option.name();
            boolean numeric = option.kind() == Kind.NUMBER || option.kind() == Kind.WHOLE;
            group.add(new Panel.Control(
                    key,
                    option.name(),
                    option.kind(),
                    option.text(model),
                    option.expected(),
                    numeric ? row.range() : "",
                    row.meaning(),
                    option.choices(),
                    numeric ? Slider.of(option.name()) : null,
                    option.derivable(),
                    null,
                    Map.of()));
            if (row.isSwitch()) {
                toggles.put(row.group(), key);
            }
        }
        List<Panel> panels = new ArrayList<>();
        TITLES.forEach((group, title) -> {
            List<Panel.Control> within = controls.getOrDefault(group, List.of());
            if (!within.isEmpty()) {
                // LIF's options have no groups.
                String heading = part.equals("lif") ? "All parameters" : title;
                panels.add(new Panel(part + "-" + group, part, heading, toggles.get(group), List.copyOf(within)));
            }
        });
        return panels;
    }

    private static List<Panel> runPanels() {
        return List.of(
                panel(
                        "input",
                        "Input current",
                        List.of(
                                Stream.of(choice(
                                        RunRequest.CURRENT,
                                        "shape",
                                        "what the current looks like over time",
                                        Waveform.Shape.RAMP.toString(),
                                        names(Waveform.Shape.values()))),
                                waveform(RunRequest.CURRENT),
                                Stream.of(flag(
                                        RunRequest.INDEPENDENT,
                                        "independent",
                                        "whether what is random in the current differs from neuron to neuron",
                                        true)))),
                panel(
                        "modulation",
                        "Modulation input",
                        List.of(
                                Stream.of(
                                        choice(
                                                RunRequest.MODULATION,
                                                "shape",
                                                "what the external modulation m looks like; none leaves M as it starts, 1",
                                                RunRequest.NONE,
                                                RunRequest.modulationShapes()),
                                        choice(
                                                RunRequest.TRANSFORM,
                                                "transform",
                                                "the function from m to M: that of the option neuromod_transform, or another in"
                                                        + " its place",
                                                ModulationTransform.OPTION.toString(),
                                                names(ModulationTransform.values()))),
                                waveform(RunRequest.MODULATION))),
                panel(
                        "run",
                        "Run",
                        List.of(Stream.of(
                                whole(
                                        RunRequest.STEPS,
                                        "time steps; steps times neurons is at most " + MOST_NEURON_STEPS,
                                        STEPS,
                                        new Slider(5, 1000, 5),
                                        MOST_STEPS),
                                whole(
                                        RunRequest.NEURONS,
                                        "neurons, which differ in what is drawn",
                                        NEURONS,
                                        new Slider(1, 50, 1),
                                        MOST_NEURONS),
                                new Panel.Control(
                                        RunRequest.SEED,
                                        RunRequest.SEED,
                                        Kind.WHOLE,
                                        Long.toString(SEED),
                                        "a whole number",
                                        "any",
                                        "what is drawn follows from it",
                                        List.of(),
                                        null,
                                        false,
                                        null,
                                        Map.of())))),
                panel(
                        "compare",
                        "Side by side",
                        List.of(Stream.of(
                                choice(
                                        RunRequest.COMPARE,
                                        "with",
                                        "LIF, with a synaptic current; plain LIF, which is QLIF with every option off but the same dt, tau,"
                                                + " V_th and V_reset; or nothing",
                                        Comparison.LIF.toString(),
                                        names(Comparison.values())),
                                number(
                                        RunRequest.LIF_SCALE,
                                        "input scale",
                                        "the factor for the compared neuron's input; LIF's current adds up, over 5 steps by"
                                                + " default",
                                        new Slider(0, 2, 0.05),
                                        -1e6,
                                        1e6,
                                        RunRequest.COMPARE,
                                        Map.of(
                                                Comparison.LIF.toString(),
                                                Double.toString(LIF_SCALE),
                                                Comparison.PLAIN_LIF.toString(),
                                                "1.0"))))));
    }

    private static Panel panel(String id, String title, List<Stream<Panel.Control>> controls) {
        return new Panel(
                id, "run", title, null, controls.stream().flatMap(part -> part).toList());
    }

    /** The parameters of waveforms, each for the shapes that have it. */
    private static Stream<Panel.Control> waveform(String key) {
        return Stream.of(Waveform.Parameter.values()).map(parameter -> {
            Map<String, String> defaults = new LinkedHashMap<>();
            for (Waveform.Shape shape : Waveform.Shape.values()) {
                if (shape.parameters().contains(parameter)) {
                    defaults.put(shape.toString(), Double.toString(shape.defaultValue(parameter)));
                }
            }
            Slider slider = switch (parameter) {
                case AMPLITUDE -> new Slider(-10, 10, 0.1);
                case OFFSET -> new Slider(-5, 5, 0.05);
                case PERIODS -> new Slider(0, 20, 0.5);
                case START, LENGTH, RATE, NOISE -> new Slider(0, 1, 0.01);
            };
            return number(
                    key + "." + parameter,
                    parameter.toString(),
                    parameter.meaning(),
                    slider,
                    parameter.least(),
                    parameter.most(),
                    key,
                    defaults);
        });
    }

    private static Panel.Control number(
            String key,
            String name,
            String meaning,
            Slider slider,
            double least,
            double most,
            String when,
            Map<String, String> defaults) {
        String range = "[" + Numbers.text(least) + ", " + Numbers.text(most) + "]";
        return new Panel.Control(
                key,
                name,
                Kind.NUMBER,
                defaults.values().iterator().next(),
                "a number in " + range,
                range,
                meaning,
                List.of(),
                slider,
                false,
                when,
                defaults);
    }

    private static Panel.Control whole(String key, String meaning, int byDefault, Slider slider, int most) {
        return new Panel.Control(
                key,
                key,
                Kind.WHOLE,
                Integer.toString(byDefault),
                "a whole number in [1, " + most + "]",
                "1 to " + most,
                meaning,
                List.of(),
                slider,
                false,
                null,
                Map.of());
    }

    private static Panel.Control choice(
            String key, String name, String meaning, String byDefault, List<String> choices) {
        return new Panel.Control(
                key,
                name,
                Kind.CHOICE,
                byDefault,
                "one of " + String.join(", ", choices),
                "",
                meaning,
                choices,
                null,
                false,
                null,
                Map.of());
    }

    private static Panel.Control flag(String key, String name, String meaning, boolean byDefault) {
        return new Panel.Control(
                key,
                name,
                Kind.FLAG,
                Boolean.toString(byDefault),
                "true or false",
                "",
                meaning,
                List.of(),
                null,
                false,
                null,
                Map.of());
    }

    private static List<String> names(Object[] constants) {
        return Stream.of(constants).map(Object::toString).toList();
    }

    private static List<Preset> allPresets() {
        List<Preset> presets = new ArrayList<>();
        presets.add(new Preset("Defaults", Map.of()));
        for (QlifConfig.Preset snapshot : QlifConfig.Preset.values()) {
            for (Decision decision : Decision.values()) {
                presets.add(new Preset(
                        "Snapshot " + snapshot + ", " + decision,
                        differences(snapshot.builder(decision).build())));
            }
        }
        presets.add(new Preset("Plain LIF (every option off)", differences(QlifConfig.plainLif())));
        return List.copyOf(presets);
    }

    /** What differs from the defaults, by key. */
    private static Map<String, String> differences(QlifConfig config) {
        Map<String, String> settings = new LinkedHashMap<>();
        for (ConfigOption option : config.options()) {
            String text = option.text(config);
            if (!text.equals(option.text(QlifConfig.defaults()))) {
                settings.put("qlif." + option.name(), text);
            }
        }
        return settings;
    }

    private static List<Mode> allModes() {
        List<Mode> modes = new ArrayList<>();
        for (String decision : List.of("qubit", "classic")) {
            modes.add(mode("Deterministic", decision, Map.of(), false));
            modes.add(mode("Stochastic", decision, Map.of(), true));
            modes.add(mode("Adaptive threshold", decision, Map.of("qlif.use_adaptive_threshold", "true"), true));
            modes.add(mode("Dynamic spike probability", decision, Map.of("qlif.dynamic_probability", "true"), true));
            modes.add(mode(
                    "Neuromodulation",
                    decision,
                    Map.of("qlif.neuromod_mode", "GAIN", RunRequest.MODULATION, Waveform.Shape.SINE.toString()),
                    true));
        }
        return List.copyOf(modes);
    }

    /** A mode: noise and draws on or off, and one mechanism. */
    private static Mode mode(String name, String decision, Map<String, String> mechanism, boolean stochastic) {
        boolean qubit = decision.equals("qubit");
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("qlif.decision", qubit ? "QUBIT" : stochastic ? "SIGMOID" : "THRESHOLD");
        settings.put("qlif.readout", qubit && !stochastic ? "EXPECTATION" : "SINGLE_QUBIT");
        settings.put("qlif.stochastic", Boolean.toString(stochastic));
        settings.put("qlif.use_adaptive_threshold", "false");
        settings.put("qlif.dynamic_probability", "false");
        settings.put("qlif.neuromod_mode", "OFF");
        settings.put(RunRequest.MODULATION, RunRequest.NONE);
        settings.putAll(mechanism);
        return new Mode(name, decision, settings);
    }

    /** The traces that are not plotted by default. */
    private static List<Named> traces(NeuronConfig model) {
        return Stream.concat(
                        Stream.of(Traces.SPIKE_VALUES),
                        model.traces().stream().map(Trace::symbol).filter(name -> !name.equals(Traces.THRESHOLD)))
                .map(name -> new Named(name, title(name)))
                .toList();
    }

    /** Whether a model has a trace of this name that can be requested. */
    static boolean isTrace(String name) {
        return TRACE_TITLES.containsKey(name);
    }

    private static String title(String trace) {
        String title = TRACE_TITLES.get(trace);
        if (title == null) {
            throw new IllegalStateException("no title is defined for the trace " + trace);
        }
        return title;
    }

    private static List<DeviceChoice> allDevices() {
        List<DeviceChoice> choices = new ArrayList<>();
        choices.add(new DeviceChoice(Device.AUTO.text(), "the best that can run", true, List.of()));
        for (DeviceInfo info : Devices.list()) {
            choices.add(new DeviceChoice(
                    info.device().text(),
                    info.description(),
                    info.available(),
                    info.available() ? info.cautions() : info.obstacles()));
        }
        return List.copyOf(choices);
    }
}
