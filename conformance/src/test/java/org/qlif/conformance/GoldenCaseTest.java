// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.qlif.ConfigOption;
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
        byte[] bytes = CaseFile.bytes("{\"__metadata__\":{\"config\":\"" + escaped + "\"" + otherMetadata + "}}", 0);
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
                .sigmoid(sigmoid -> sigmoid.withSampling(QlifConfig.Sampling.ROUND)
                        .withAlpha(4)
                        .withAlphaBounds(0.5, 6))
                .spikeValue(QlifConfig.SpikeValue.EXPECTED)
                .qubit(qubit -> qubit.withAngleMap(QlifConfig.AngleMap.TANH)
                        .withThetaMax(1.25)
                        .withLeak(0.5)
                        .withReadout(QlifConfig.Readout.MULTI_QUBIT)
                        .withWires(7)
                        .withThreshold(-0.5))
                .probabilityFloor(0.25)
                .surrogate(Surrogate.ARCTAN)
                .surrogateAlpha(3)
                .dynamicProbability(d -> d.off().withDecay(0.75).withJump(2))
                .refractoriness(r -> r.off().withTau(7).withJump(0.5))
                .adaptation(a -> a.off().withDecay(0.25).withIncrease(0.125))
                .depression(s -> s.off().withRate(0.75).withRecovery(0.5))
                .ahp(h ->
                        h.off().withTau(60).withJump(0.5).withConductance(0.25).withMax(3))
                .adaptiveThreshold(threshold -> threshold.off().withBounds(0.25, 4))
                .homeostasis(
                        h -> h.off().withTargetRate(0.5).withLearningRate(0.25).withTau(10))
                .neuromodulation(m -> m.withMode(QlifConfig.NeuromodMode.PROB_SLOPE)
                        .withStrength(-0.5)
                        .withTransform(NeuromodTransform.IDENTITY))
                .reset(reset -> reset.withPotential(-0.25).withFraction(0.5).withDetached(false))
                .dt(0.5)
                .noise(noise -> noise.withStd(0.75).off())
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
    private static final List<String> PRESET_OPTIONS = List.of(
            "reset_fraction",
            "detach_reset",
            "angle_map",
            "spike_value",
            "probability_floor",
            "refractory",
            "dynamic_probability",
            "dsp_decay",
            "dsp_jump",
            "homeostasis_enabled");

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
            Map<String, ConfigOption> options =
                    preset.options().stream().collect(Collectors.toMap(ConfigOption::name, Function.identity()));
            for (String name : PRESET_OPTIONS) {
                double expected = options.get(name).number(config);
                double actual = options.get(name).number(preset);
                if (name.startsWith("dsp_")) {
                    // A product and a power of exponentials, which another order of the same sums rounds differently.
                    expected = (float) expected;
                    actual = (float) actual;
                }
                assertThat(actual).as(name + " of " + golden.name()).isEqualTo(expected);
            }
            noise.merge(preset, config.noise().enabled(), Boolean::logicalOr);
        }
        assertThat(cases).isEqualTo(16);
        assertThat(noise)
                .hasSize(6)
                .allSatisfy((preset, noisy) -> assertThat(preset.noise().enabled())
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
                "{\"model\":\"LIF\",\"v_leak\":1e999}; v_leak; finite",
                "{\"model\":\"LIF\",\"surrogate_alpha\":0}; surrogate_alpha; > 0",
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
        Path path = Files.write(folder.resolve("case.safetensors"), CaseFile.bytes("{}", 0));
        assertThatThrownBy(() -> GoldenCase.read(path))
                .isExactlyInstanceOf(GoldenFormatException.class)
                .hasMessageContaining("'config'");
    }

    /** Any prefix of a golden file is refused. */
    @Test
    void refusesPrefixes() throws IOException {
        byte[] good = Files.readAllBytes(Golden.folder().resolve("rng-philox-001.safetensors"));
        Path path = folder.resolve("prefix.safetensors");
        for (int i = 0; i < good.length; i++) {
            Files.write(path, Arrays.copyOf(good, i));
            assertThatThrownBy(() -> GoldenCase.read(path))
                    .isExactlyInstanceOf(GoldenFormatException.class)
                    .hasMessageStartingWith(path.toString());
        }
    }

    @Test
    void refusesFilesAboveTheBoundUnread() throws IOException {
        Path sparse = folder.resolve("sparse.safetensors");
        try (FileChannel channel = FileChannel.open(
                sparse, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
            channel.write(ByteBuffer.wrap(new byte[1]), 1L << 40);
        }
        assertThatThrownBy(() -> GoldenCase.read(sparse))
                .isExactlyInstanceOf(GoldenFormatException.class)
                .hasMessageContainingAll("1099511627777 bytes", "at most " + GoldenCase.MAX_FILE_BYTES);
    }
}
