package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.Device;
import org.qlif.KernelOptions;

/** A verifier is only worth as much as what it finds: tampered expectations must fail. */
class GoldenVerifierTest {
    private static final String CASE = "spec-000-qubit-multi_qubit.safetensors";

    private final GoldenVerifier verifier = new GoldenVerifier(Device.of("cpu:scalar"), new KernelOptions(1));

    @TempDir
    private Path folder;

    @Test
    void countsTheWholeFolder() throws IOException {
        List<GoldenResult> results = new ArrayList<>();
        GoldenSummary summary = verifier.verify(Golden.files(), results::add);
        assertThat(results).hasSize(66);
        assertThat(summary).isEqualTo(new GoldenSummary(60, 0, 6));
        assertThat(summary.toLines()).containsExactly("6 skipped: no kernel for their model", "60 passed, 0 failed");
        assertThat(summary.exitCode()).isZero();
        assertThat(results)
                .allSatisfy(result -> assertThat(result.toLine())
                        .startsWith(result.outcome() + " " + result.name())
                        .doesNotContain("\n"));
    }

    @Test
    void saysWhatItSkips() {
        GoldenResult result = verifier.verify(Golden.folder().resolve("norse-lif-000.safetensors"));
        assertThat(result.outcome()).isEqualTo(GoldenResult.Outcome.SKIPPED);
        assertThat(result.toLine()).contains("norse-lif-000").contains("LIF");
    }

    @Test
    void endsWithTheCountAlone() {
        assertThat(new GoldenSummary(3, 1, 0).toLine()).isEqualTo("3 passed, 1 failed");
        assertThat(new GoldenSummary(3, 1, 0).exitCode()).isEqualTo(1);
        assertThat(new GoldenSummary(3, 1, 0).toLines()).containsExactly("3 passed, 1 failed");
        assertThat(new GoldenSummary(3, 0, 2).toLine()).isEqualTo("3 passed, 0 failed");
        assertThat(new GoldenSummary(3, 0, 2).exitCode()).isZero();
    }

    @Test
    void showsNothingIfNothingPassed() {
        assertThat(new GoldenSummary(0, 0, 0).exitCode()).isEqualTo(1);
        assertThat(new GoldenSummary(0, 0, 6).exitCode()).isEqualTo(1);
        assertThat(new GoldenSummary(0, 6, 0).exitCode()).isEqualTo(1);
    }

    /** One element of one expected tensor moved by twice what is allowed, for every kind of tensor. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "expect_spikes",
                "expect_spike_values",
                "expect_v",
                "expect_p",
                "expect_delta",
                "expect_threshold",
                "expect_final_dsp",
                "expect_final_homeostasis_offset",
                "expect_grad_input",
                "expect_grad_v_th",
                "expect_grad_modulation",
                "expect_grad_state_efficiency"
            })
    void findsWhatDiffers(String tensor) throws IOException {
        GoldenResult result = verifier.verify(tampered(CASE, tensor, false));
        assertThat(result.outcome()).as(result.toLine()).isEqualTo(GoldenResult.Outcome.FAILED);
        assertThat(result.message()).contains(tensor);
        assertThat(result.toLine()).startsWith("FAILED");
    }

    @ParameterizedTest
    @ValueSource(strings = {"expect_v", "expect_grad_input", "input", "param_v_th", "normals", "grad_v"})
    void failsOnNaN(String tensor) throws IOException {
        GoldenResult result = verifier.verify(tampered(CASE, tensor, true));
        assertThat(result.outcome()).as(result.toLine()).isEqualTo(GoldenResult.Outcome.FAILED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"expect_uniforms", "expect_normals"})
    void findsOtherDraws(String tensor) throws IOException {
        GoldenResult result = verifier.verify(tampered("rng-philox-000.safetensors", tensor, false));
        assertThat(result.outcome()).isEqualTo(GoldenResult.Outcome.FAILED);
        assertThat(result.message()).contains(tensor.substring("expect_".length()));
    }

    /** Names that stand for nothing would otherwise never be compared. */
    @ParameterizedTest
    @ValueSource(strings = {"expect_w", "expect_grad_w", "expect_final_w", "initial_w", "grad_w", "param_w", "weird"})
    void refusesTensorsItDoesNotKnow(String name) throws IOException {
        // The header's length stays: the new name pads itself with blanks before its colon.
        byte[] bytes = Files.readAllBytes(Golden.folder().resolve(CASE));
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        String victim = "\"expect_final_homeostasis_offset\"";
        assertThat(text).contains(victim);
        String renamed = "\"" + name + "\"";
        text = text.replace(victim, renamed + " ".repeat(victim.length() - renamed.length()));
        Path path = Files.write(folder.resolve("case.safetensors"), text.getBytes(StandardCharsets.ISO_8859_1));
        GoldenResult result = verifier.verify(path);
        assertThat(result.outcome()).as(result.toLine()).isEqualTo(GoldenResult.Outcome.FAILED);
        assertThat(result.message()).contains("'" + name + "'");
    }

    /** No byte of data, or few, but by the other extents more than fits in memory or in a lifetime. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "[0,20000,20000]",
                "[20000,0,20000]",
                "[20000,20000,0]",
                "[1152921504606846976,0,0]",
                "[0,1152921504606846976,0]",
                "[0,0,9223372036854775807]",
                "[9223372036854775807,9223372036854775807,0]",
                "[1048577,1,1]"
            })
    void refusesHugeCases(String shape) throws IOException {
        int bytes = shape.equals("[1048577,1,1]") ? 4 * 1048577 : 0;
        GoldenResult qlif = verifyFile("{}", "input", shape, bytes);
        assertThat(qlif.outcome()).as(qlif.toLine()).isEqualTo(GoldenResult.Outcome.FAILED);
        assertThat(qlif.message()).contains("'input'", "1048576 elements");
        String draws =
                "{\"model\":\"RNG\",\"seed\":\"0000000000000000\",\"stream\":0,\"step_offset\":0,\"element_offset\":0}";
        GoldenResult rng = verifyFile(draws, "expect_normals", shape, bytes);
        assertThat(rng.outcome()).as(rng.toLine()).isEqualTo(GoldenResult.Outcome.FAILED);
        assertThat(rng.message()).contains("'expect_normals'", "1048576 elements");
    }

    @Test
    void failsIfThereIsNothingToCompare() throws IOException {
        GoldenResult result = verifyFile("{}", "input", "[1,1,1]", 4);
        assertThat(result.outcome()).as(result.toLine()).isEqualTo(GoldenResult.Outcome.FAILED);
        assertThat(result.message()).contains("nothing to compare");
    }

    /** The result of a file with one F32 tensor of zeros. */
    private GoldenResult verifyFile(String config, String tensor, String shape, int bytes) throws IOException {
        String header = "{\"__metadata__\":{\"config\":\"" + config.replace("\"", "\\\"") + "\"},\"" + tensor
                + "\":{\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":[0," + bytes + "]}}";
        Path path = folder.resolve("case.safetensors");
        return verifier.verify(Files.write(path, SafetensorsTest.file(header, bytes)));
    }

    @Test
    void failsOnBrokenFiles() throws IOException {
        Path path = Files.write(folder.resolve("broken.safetensors"), new byte[3]);
        GoldenResult result = verifier.verify(path);
        assertThat(result.outcome()).isEqualTo(GoldenResult.Outcome.FAILED);
        assertThat(result.toLine()).contains("broken.safetensors").contains("at least 8");
    }

    @Test
    void findsFilesAndFolders() throws IOException {
        assertThat(GoldenVerifier.find(List.of(Golden.folder().resolve(CASE)))).hasSize(1);
        assertThatThrownBy(() -> GoldenVerifier.find(List.of(folder)))
                .isExactlyInstanceOf(NoSuchFileException.class)
                .hasMessageContaining(".safetensors");
        assertThatThrownBy(() -> GoldenVerifier.find(List.of(folder.resolve("missing"))))
                .isExactlyInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("missing");
    }

    /** A copy of a case in which the first element of {@code tensor} is NaN, or off by more than is allowed. */
    private Path tampered(String name, String tensor, boolean nan) throws IOException {
        byte[] bytes = Files.readAllBytes(Golden.folder().resolve(name));
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int dataAt = 8 + (int) buffer.getLong(0);
        Matcher place = Pattern.compile("\"" + tensor + "\"[^}]*\"data_offsets\":\\s*\\[(\\d+)")
                .matcher(new String(bytes, 8, dataAt - 8, StandardCharsets.UTF_8));
        assertThat(place.find()).as(tensor).isTrue();
        int at = dataAt + Integer.parseInt(place.group(1));
        if (tensor.equals("expect_spikes")) {
            buffer.put(at, (byte) (1 - buffer.get(at)));
        } else if (nan) {
            buffer.putFloat(at, Float.NaN);
        } else {
            Safetensors original = Safetensors.read(Golden.folder().resolve(name));
            float largest = 0;
            for (float value : original.floats(tensor)) {
                largest = Math.max(largest, Math.abs(value));
            }
            double relative = tensor.startsWith("expect_grad") ? 5e-4 : tensor.equals("expect_uniforms") ? 0 : 1e-4;
            buffer.putFloat(at, (float) (buffer.getFloat(at) + 2 * (1e-5 + relative * largest)));
        }
        return Files.write(folder.resolve(name), bytes);
    }
}
