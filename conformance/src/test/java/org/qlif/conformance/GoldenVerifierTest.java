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
        assertThat(summary.toLine()).isEqualTo("60 passed, 0 failed, 6 skipped");
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
        assertThat(new GoldenSummary(3, 0, 2).toLine()).isEqualTo("3 passed, 0 failed, 2 skipped");
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
