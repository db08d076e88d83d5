// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.ConfigOption;
import org.qlif.ConfigOption.Kind;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.simulation.Simulation;
import org.qlif.simulation.Traces;

class CatalogueTest {
    private static final Catalogue CATALOGUE = Catalogue.here();

    private static NeuronConfig model(String part) {
        return part.equals("qlif") ? QlifConfig.defaults() : LifConfig.defaults();
    }

    private static Map<String, Panel.Control> controls(String part) {
        Map<String, Panel.Control> controls = new LinkedHashMap<>();
        for (Panel panel : CATALOGUE.panels()) {
            if (panel.part().equals(part)) {
                panel.controls().forEach(control -> controls.put(control.key(), control));
            }
        }
        return controls;
    }

    /** Names, kinds, defaults, ranges and choices are the table's; nothing is there twice or missing. */
    @ParameterizedTest
    @ValueSource(strings = {"qlif", "lif"})
    void controlsAreTheOptionsOfTheTable(String part) {
        NeuronConfig model = model(part);
        Map<String, Panel.Control> controls = controls(part);
        assertThat(controls.keySet())
                .containsExactlyInAnyOrderElementsOf(model.options().stream()
                        .map(option -> part + "." + option.name())
                        .toList());
        assertThat(CATALOGUE.panels().stream()
                        .filter(panel -> panel.part().equals(part))
                        .mapToInt(panel -> panel.controls().size())
                        .sum())
                .isEqualTo(model.options().size());
        for (ConfigOption option : model.options()) {
            Panel.Control control = controls.get(part + "." + option.name());
            assertThat(control.name()).isEqualTo(option.name());
            assertThat(control.kind()).isEqualTo(option.kind());
            assertThat(control.byDefault()).isEqualTo(option.text(model));
            assertThat(control.expected()).isEqualTo(option.expected());
            assertThat(control.choices()).isEqualTo(option.choices());
            assertThat(control.derivable()).isEqualTo(option.derivable());
            assertThat(control.meaning()).as(option.name()).isNotBlank().doesNotContain("\n", "|", "`", "()");
            boolean numeric = option.kind() == Kind.NUMBER || option.kind() == Kind.WHOLE;
            assertThat(control.slider() != null).as(option.name()).isEqualTo(numeric);
            assertThat(control.range().isBlank()).as(option.name()).isEqualTo(!numeric);
        }
    }

    /** They are grouped as the configuration's accessors are, a switch with what it switches. */
    @Test
    void groupsAreThoseOfTheConfiguration() {
        Panel ahp = CATALOGUE.panels().stream()
                .filter(panel -> panel.id().equals("qlif-ahp"))
                .findFirst()
                .orElseThrow();
        assertThat(ahp.controls())
                .extracting(Panel.Control::key)
                .containsExactly("qlif.use_ahp", "qlif.tau_ahp", "qlif.ahp_jump", "qlif.g_ahp", "qlif.ahp_max");
        assertThat(ahp.toggle()).isEqualTo("qlif.use_ahp");
        assertThat(controls("qlif").get("qlif.ahp_max").meaning()).isEqualTo("the cap of H");
        assertThat(controls("qlif").get("qlif.ahp_max").range()).isEqualTo("> 0");
    }

    /** Wherever a slider stands, its value is legal beside the defaults of what it must not pass. */
    @ParameterizedTest
    @ValueSource(strings = {"qlif", "lif"})
    void slidersStayInTheRange(String part) {
        NeuronConfig model = model(part);
        Map<String, List<String>> company = Map.of(
                "min_alpha", List.of("max_alpha=20"),
                "max_alpha", List.of("min_alpha=0.01"),
                "min_threshold", List.of("max_threshold=10"),
                "max_threshold", List.of("min_threshold=0.05"),
                "dt", part.equals("lif") ? List.of("tau_syn_inv=0.1", "tau_mem_inv=0.1") : List.of());
        controls(part).forEach((key, control) -> {
            Slider slider = control.slider();
            if (slider != null) {
                for (double end : new double[] {slider.from(), slider.to()}) {
                    List<String> settings = new ArrayList<>(company.getOrDefault(control.name(), List.of()));
                    settings.add(control.name() + "=" + Numbers.text(end));
                    assertThat(model.with(settings)).as(key).isNotNull();
                }
                assertThat(slider.from()).as(key).isLessThan(slider.to());
            }
        });
    }

    @Test
    void presetsAndModesAreSettings() throws RefusedException {
        assertThat(CATALOGUE.presets()).hasSize(8);
        for (Catalogue.Preset preset : CATALOGUE.presets()) {
            assertThat(run(preset.settings())).as(preset.name()).isNotNull();
        }
        assertThat(run(CATALOGUE.presets().getLast().settings()).qlif()).isEqualTo(QlifConfig.plainLif());
        assertThat(CATALOGUE.modes()).hasSize(10);
        for (Catalogue.Mode mode : CATALOGUE.modes()) {
            assertThat(mode.settings().keySet())
                    .isEqualTo(CATALOGUE.modes().getFirst().settings().keySet());
            assertThat(run(mode.settings()).qlif().decision() == QlifConfig.Decision.QUBIT)
                    .isEqualTo(mode.decision().equals("qubit"));
        }
        // A deterministic neuron draws nothing.
        assertThat(CATALOGUE.modes().stream()
                        .filter(mode -> mode.name().equals("Deterministic"))
                        .toList())
                .hasSize(2)
                .allSatisfy(mode -> {
                    QlifConfig config = run(mode.settings()).qlif();
                    assertThat(config.drawsNormals()).isFalse();
                    assertThat(config.uniformsPerStep()).isZero();
                });
    }

    private static RunRequest run(Map<String, String> settings) throws RefusedException {
        return RunRequest.read(new Gson().toJson(Map.of("settings", settings)));
    }

    /** All that a simulation traces can be seen. */
    @ParameterizedTest
    @ValueSource(strings = {"qlif", "lif"})
    void tracesAreThoseOfTheSimulation(String part) {
        Traces traces = Simulation.of(model(part)).steps(2).neurons(1).run();
        List<String> offered =
                CATALOGUE.traces().get(part).stream().map(Catalogue.Named::name).toList();
        assertThat(traces.names()).containsAll(offered);
        List<String> rest = new ArrayList<>(traces.names());
        rest.removeAll(offered);
        assertThat(rest).containsExactlyInAnyOrder(Traces.INPUT, Traces.MEMBRANE, Traces.SPIKES, Traces.THRESHOLD);
    }

    @Test
    void devicesAreThoseHere() {
        assertThat(CATALOGUE.devices()).extracting(Catalogue.DeviceChoice::name).contains("auto", "cpu:scalar");
        assertThat(CATALOGUE.devices())
                .allSatisfy(device -> assertThat(
                                device.available() || !device.remarks().isEmpty())
                        .isTrue());
    }
}
