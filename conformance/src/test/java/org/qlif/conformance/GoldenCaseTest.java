package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.qlif.LifConfig;
import org.qlif.NeuromodTransform;
import org.qlif.QlifConfig;
import org.qlif.Surrogate;

/** The configuration of golden files. */
class GoldenCaseTest {
    @TempDir
    private Path folder;

    private GoldenCase read(String config, String otherMetadata) throws IOException {
        String escaped = config.replace("\"", "\\\"");
        byte[] bytes =
                SafetensorsTest.file("{\"__metadata__\":{\"config\":\"" + escaped + "\"" + otherMetadata + "}}", 0);
        return GoldenCase.read(Files.write(folder.resolve("case.safetensors"), bytes));
    }

    private void refused(String config, String... messages) {
        assertThatThrownBy(() -> read(config, ""))
                .isExactlyInstanceOf(GoldenFormatException.class)
                .message()
                .contains(messages);
    }

    @Test
    void understandsEveryKey() throws IOException {
        GoldenCase golden = read("""
                {"decision":"SIGMOID","round_probability":true,"spike_value":"EXPECTED","angle_map":"TANH",\
                "theta_max":1.25,"quantum_leak":0.5,"readout":"MULTI_QUBIT","quantum_wires":7,"quantum_threshold":-0.5,\
                "probability_floor":0.25,"surrogate":"ARCTAN","surrogate_alpha":3,"dynamic_probability":false,\
                "base_alpha":4,"dsp_decay":0.75,"dsp_jump":2,"min_alpha":0.5,"max_alpha":6,"refractory":false,\
                "tau_ref":7,"r_jump":0.5,"adaptation":false,"adaptation_decay":0.25,"spike_increase":0.125,\
                "depression":false,"depression_rate":0.75,\
                "recovery_rate":0.5,"ahp":false,"tau_ahp":60,"ahp_jump":0.5,"g_ahp":0.25,"ahp_max":3,\
                "adaptive_threshold":false,"min_threshold":0.25,"max_threshold":4,"homeostasis":false,\
                "homeostasis_target_rate":0.5,"homeostasis_lr":0.25,"homeostasis_tau":10,"neuromod_mode":"PROB_SLOPE",\
                "neuromod_strength":-0.5,"neuromod_transform":"IDENTITY","v_reset":-0.25,"reset_fraction":0.5,\
                "detach_reset":false,"dt":0.5,"noise_std":0.75}""", "");
        QlifConfig expected = QlifConfig.builder()
                .decision(QlifConfig.Decision.SIGMOID)
                .sampling(QlifConfig.Sampling.ROUND)
                .spikeValue(QlifConfig.SpikeValue.EXPECTED)
                .angleMap(QlifConfig.AngleMap.TANH)
                .thetaMax(1.25)
                .quantumLeak(0.5)
                .readout(QlifConfig.Readout.MULTI_QUBIT)
                .quantumWires(7)
                .quantumThreshold(-0.5)
                .probabilityFloor(0.25)
                .surrogate(Surrogate.ARCTAN)
                .surrogateAlpha(3)
                .dynamicProbability(false)
                .baseAlpha(4)
                .dspDecay(0.75)
                .dspJump(2)
                .minAlpha(0.5)
                .maxAlpha(6)
                .refractory(false)
                .tauRef(7)
                .rJump(0.5)
                .useAdaptation(false)
                .adaptationDecay(0.25)
                .spikeIncrease(0.125)
                .useDepression(false)
                .depressionRate(0.75)
                .recoveryRate(0.5)
                .useAhp(false)
                .tauAhp(60)
                .ahpJump(0.5)
                .gAhp(0.25)
                .ahpMax(3)
                .useAdaptiveThreshold(false)
                .minThreshold(0.25)
                .maxThreshold(4)
                .homeostasisEnabled(false)
                .homeostasisTargetRate(0.5)
                .homeostasisLr(0.25)
                .homeostasisTau(10)
                .neuromodMode(QlifConfig.NeuromodMode.PROB_SLOPE)
                .neuromodStrength(-0.5)
                .neuromodTransform(NeuromodTransform.IDENTITY)
                .vReset(-0.25)
                .resetFraction(0.5)
                .detachReset(false)
                .dt(0.5)
                .noiseStd(0.75)
                .stochastic(false)
                .build();
        assertThat(golden.model()).isEqualTo(GoldenCase.Model.QLIF);
        assertThat(golden.config()).isEqualTo(expected);
        assertThat(golden.name()).isEqualTo("case");
    }

    @Test
    void understandsEveryKeyOfLif() throws IOException {
        GoldenCase golden = read("""
                {"model":"LIF","dt":0.5,"v_leak":0.25,"v_reset":-0.25,"surrogate":"ARCTAN","surrogate_alpha":3}""", "");
        LifConfig expected = LifConfig.builder()
                .dt(0.5)
                .vLeak(0.25)
                .vReset(-0.25)
                .surrogate(Surrogate.ARCTAN)
                .surrogateAlpha(3)
                // The parameters of a case are tensors; these only have to be possible.
                .tauSynInv(0.4)
                .tauMemInv(0.2)
                .build();
        assertThat(golden.model()).isEqualTo(GoldenCase.Model.LIF);
        assertThat(golden.config()).isEqualTo(expected);
        assertThat(read("{\"model\":\"LIF\"}", "").config()).isEqualTo(LifConfig.defaults());
        for (Surrogate surrogate : Surrogate.values()) {
            assertThat(read("{\"model\":\"LIF\",\"surrogate\":\"" + surrogate + "\"}", "")
                            .config())
                    .isEqualTo(LifConfig.builder().surrogate(surrogate).build());
        }
        assertThat(read("{\"model\":\"LIF\",\"surrogate\":\"SUPERSPIKE\"}", "").config())
                .as("SUPERSPIKE is FAST_SIGMOID")
                .isEqualTo(LifConfig.defaults());
    }

    @Test
    void understandsDraws() throws IOException {
        GoldenCase golden = read(
                "{\"model\":\"RNG\",\"seed\":\"d64bb62dead27ebf\",\"stream\":4294967295,\"step_offset\":5,"
                        + "\"element_offset\":8589934595}",
                "");
        assertThat(golden.model()).isEqualTo(GoldenCase.Model.RNG);
        assertThat(golden.draws().seed()).isEqualTo(0xd64bb62dead27ebfL);
        assertThat(golden.draws().stream()).isEqualTo(-1);
        assertThat(golden.draws().elementOffset()).isEqualTo(8589934595L);
        assertThat(golden.firstStep()).isEqualTo(5);
    }

    /** The options that presets define: those in which the snapshots' golden cases differ from docs/model.md. */
    private static final Map<String, Function<QlifConfig, Object>> PRESET_OPTIONS = Map.ofEntries(
            Map.entry("resetFraction", QlifConfig::resetFraction),
            Map.entry("detachReset", QlifConfig::detachReset),
            Map.entry("angleMap", QlifConfig::angleMap),
            Map.entry("spikeValue", QlifConfig::spikeValue),
            Map.entry("probabilityFloor", QlifConfig::probabilityFloor),
            Map.entry("refractory", QlifConfig::refractory),
            Map.entry("dynamicProbability", QlifConfig::dynamicProbability),
            // A product and a power of exponentials, which another order of the same sums rounds differently.
            Map.entry("dspDecay", config -> (float) config.dspDecay()),
            Map.entry("dspJump", config -> (float) config.dspJump()),
            Map.entry("homeostasisEnabled", QlifConfig::homeostasisEnabled));

    /** Snapshots have noise wherever a case of theirs has, and some of their cases were made without. */
    @Test
    void presetsAreWhatTheSnapshotsCasesSay() throws IOException {
        Map<QlifConfig, Boolean> noise = new HashMap<>();
        int cases = 0;
        for (Path file : Golden.files()) {
            GoldenCase golden = GoldenCase.read(file);
            if (!golden.name().startsWith("torch-")) {
                continue;
            }
            cases++;
            String date = golden.name().substring("torch-".length(), "torch-2025-08-15".length());
            QlifConfig config = (QlifConfig) golden.config();
            QlifConfig preset =
                    QlifConfig.Preset.of(date).builder(config.decision()).build();
            PRESET_OPTIONS.forEach((name, option) -> assertThat(option.apply(preset))
                    .as(name + " of " + golden.name())
                    .isEqualTo(option.apply(config)));
            noise.merge(preset, config.stochastic(), Boolean::logicalOr);
        }
        assertThat(cases).isEqualTo(16);
        assertThat(noise)
                .hasSize(6)
                .allSatisfy((preset, noisy) -> assertThat(preset.stochastic())
                        .as("stochastic in " + preset)
                        .isEqualTo(noisy));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "{\"turbo\":true}; 'turbo'; angle_map",
                "{\"decision\":\"GUESS\"}; config.decision; QUBIT",
                "{\"decision\":1}; config.decision; QUBIT",
                "{\"dt\":\"1\"}; config.dt; a number",
                "{\"dt\":0}; dt; > 0",
                "{\"dt\":1e999}; dt; > 0",
                "{\"quantum_wires\":4.5}; config.quantum_wires; whole",
                "{\"quantum_wires\":4294967300}; config.quantum_wires; whole",
                "{\"refractory\":1}; config.refractory; true or false",
                "{\"neuromod_transform\":\"RELU\"}; config.neuromod_transform; SIGMOID",
                "{\"dt\":1,\"dt\":1}; 'dt'; twice",
                "{\"dt\":null}; config.dt; got null",
                "{\"dt\":[1]}; config.dt; got an array",
                "{\"dt\":NaN}; config; JSON",
                "{\"dt\":1; config; JSON",
                "{\"dt\":1}x; config; JSON",
                "[]; config; JSON",
                "{\"model\":\"HH\"}; config.model; QLIF",
                "{\"model\":\"LIF\",\"turbo\":true}; 'turbo'; surrogate_alpha",
                "{\"model\":\"LIF\",\"noise_std\":0}; 'noise_std'; v_leak",
                "{\"model\":\"LIF\",\"surrogate\":\"SUPER\"}; config.surrogate; SUPERSPIKE",
                "{\"model\":\"LIF\",\"surrogate\":3}; config.surrogate; GAUSSIAN",
                "{\"model\":\"LIF\",\"dt\":0}; dt; > 0",
                "{\"model\":\"LIF\",\"dt\":-1}; dt; > 0",
                "{\"model\":\"LIF\",\"dt\":\"1\"}; config.dt; a number",
                "{\"model\":\"LIF\",\"v_leak\":1e999}; vLeak; finite",
                "{\"model\":\"LIF\",\"surrogate_alpha\":0}; surrogateAlpha; > 0",
                "{\"model\":\"RNG\",\"seed\":\"0\"}; keys; element_offset",
                "{\"model\":\"RNG\",\"seed\":\"xyz\",\"stream\":0,\"step_offset\":0,\"element_offset\":0}; config.seed; hex",
                "{\"model\":\"RNG\",\"seed\":\"0000000000000000\",\"stream\":-1,\"step_offset\":0,\"element_offset\":0}; config.stream; whole"
            })
    void refusesWhatItDoesNotKnow(String config, String where, String expected) {
        refused(config, where, expected);
    }

    @Test
    void refusesNoiseWithoutNormals() {
        assertThatThrownBy(() -> read("{}", ",\"stochastic\":\"True\""))
                .isExactlyInstanceOf(GoldenFormatException.class)
                .hasMessageContaining("stochastic");
        assertThatThrownBy(() -> read("{}", ",\"stochastic\":\"yes\""))
                .isExactlyInstanceOf(GoldenFormatException.class)
                .hasMessageContaining("stochastic");
    }

    @Test
    void refusesFilesWithoutAConfiguration() throws IOException {
        Path path = Files.write(folder.resolve("case.safetensors"), SafetensorsTest.file("{}", 0));
        assertThatThrownBy(() -> GoldenCase.read(path))
                .isExactlyInstanceOf(GoldenFormatException.class)
                .hasMessageContaining("'config'");
    }
}
