// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.Device;
import org.qlif.KernelOptions;
import org.qlif.Tensor;
import org.qlif.io.Safetensors;

/** A verifier is only worth as much as what it finds: tampered expectations must fail. */
class GoldenVerifierTest {
    private static final String CASE = "spec-000-qubit-multi_qubit.safetensors";

    private final GoldenVerifier verifier =
            new GoldenVerifier(Device.of("cpu:scalar"), KernelOptions.defaults().withThreads(1));

    @TempDir
    private Path folder;

    @Test
    void countsTheWholeFolder() throws IOException {
        List<GoldenResult> results = new ArrayList<>();
        GoldenSummary summary = verifier.verify(GoldenVerifier.find(List.of(Golden.folder())), results::add);
        assertThat(results).hasSize(72);
        assertThat(summary).isEqualTo(new GoldenSummary(72, 0));
        assertThat(summary.toLine()).isEqualTo("72 passed, 0 failed");
        assertThat(summary.exitCode()).isZero();
        assertThat(results)
                .allSatisfy(result -> assertThat(result.toLine())
                        .startsWith(result.outcome() + " " + Golden.folder().resolve(result.name() + ".safetensors"))
                        .doesNotContain("\n"));
    }

    @Test
    void endsWithTheCount() {
        assertThat(new GoldenSummary(3, 1).toLine()).isEqualTo("3 passed, 1 failed");
        assertThat(new GoldenSummary(3, 1).exitCode()).isEqualTo(1);
        assertThat(new GoldenSummary(3, 0).toLine()).isEqualTo("3 passed, 0 failed");
        assertThat(new GoldenSummary(3, 0).exitCode()).isZero();
    }

    @Test
    void showsNothingIfNothingPassed() {
        assertThat(new GoldenSummary(0, 0).exitCode()).isEqualTo(1);
        assertThat(new GoldenSummary(0, 6).exitCode()).isEqualTo(1);
    }

    @Test
    void onlyFiniteDeviationsAreWithinWhatIsAllowed() {
        assertThat(new GoldenResult.Deviation("x", 1, 1).within()).isTrue();
        assertThat(new GoldenResult.Deviation("x", Math.nextUp(1.0), 1).within())
                .isFalse();
        for (double error : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
            for (double allowed : new double[] {1, Double.MAX_VALUE, Double.POSITIVE_INFINITY, Double.NaN}) {
                assertThat(new GoldenResult.Deviation("x", error, allowed).within())
                        .isFalse();
            }
        }
    }

    /** Even where what is expected gives no bound: the check of a file's values comes before, but is not alone. */
    @Test
    void comparisonsFailOnResultsThatAreNotFinite() {
        for (float actual : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            for (float expected : new float[] {0, Float.MAX_VALUE, Float.NaN, Float.NEGATIVE_INFINITY}) {
                Comparison comparison = new Comparison();
                Tensor wanted = Tensor.of(new float[] {1, expected}, 2);
                comparison.forward("x", wanted, Tensor.of(new float[] {actual, expected}, 2));
                comparison.gradient("x", wanted, Tensor.of(new float[] {actual, expected}, 2));
                comparison.normals("x", wanted, Tensor.of(new float[] {actual, expected}, 2));
                GoldenResult result = comparison.result(Path.of("x"));
                assertThat(result.outcome()).isEqualTo(GoldenResult.Outcome.FAILED);
                assertThat(result.forward().within()).isFalse();
                assertThat(result.gradient().within()).isFalse();
            }
        }
        assertThat(new Comparison().result(Path.of("x")).outcome()).isEqualTo(GoldenResult.Outcome.FAILED);
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
        findsWhatDiffers(CASE, tensor);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "expect_spikes",
                "expect_v",
                "expect_i",
                "expect_grad_input",
                "expect_grad_tau_syn_inv",
                "expect_grad_tau_mem_inv",
                "expect_grad_v_th",
                "expect_grad_state_v",
                "expect_grad_state_i"
            })
    void findsWhatDiffersFromLif(String tensor) throws IOException {
        findsWhatDiffers("norse-lif-004.safetensors", tensor);
    }

    private void findsWhatDiffers(String name, String tensor) throws IOException {
        GoldenResult result = verifier.verify(tampered(name, tensor, false));
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
        assertThat(result.message()).contains(tensor);
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
        return verifier.verify(Files.write(path, CaseFile.bytes(header, bytes)));
    }

    @Test
    void failsOnBrokenFiles() throws IOException {
        Path path = Files.write(folder.resolve("broken.safetensors"), new byte[3]);
        GoldenResult result = verifier.verify(path);
        assertThat(result.outcome()).isEqualTo(GoldenResult.Outcome.FAILED);
        assertThat(result.toLine()).contains("broken.safetensors").contains("at least 8");
    }

    private GoldenResult verify(CaseFile file) throws IOException {
        return verifier.verify(file.write(folder.resolve("case.safetensors")));
    }

    private void refused(CaseFile file, String... messages) throws IOException {
        GoldenResult result = verify(file);
        assertThat(result.outcome()).as(result.toLine()).isEqualTo(GoldenResult.Outcome.FAILED);
        assertThat(result.message()).contains(messages);
        assertThat(result.toLine())
                .startsWith("FAILED " + folder.resolve("case.safetensors") + ": ")
                .doesNotContain("unexpected");
    }

    @Test
    void passesWhatItTookApart() throws IOException {
        for (String name : List.of(
                "spec-000-qubit-multi_qubit",
                "torch-2025-08-24-000-threshold-prob_slope",
                "norse-lif-000",
                "rng-philox-000")) {
            GoldenResult result = verify(CaseFile.of(name));
            assertThat(result.outcome()).as(result.toLine()).isEqualTo(GoldenResult.Outcome.PASSED);
        }
    }

    /** An infinite expectation would allow every result, and no result can be held against NaN. */
    @ParameterizedTest
    @CsvSource({
        "spec-000-qubit-multi_qubit, expect_v",
        "spec-000-qubit-multi_qubit, expect_grad_input",
        "spec-000-qubit-multi_qubit, expect_grad_v_th",
        "spec-000-qubit-multi_qubit, expect_final_v",
        "spec-000-qubit-multi_qubit, expect_p",
        "torch-2025-08-24-000-threshold-prob_slope, expect_v",
        "norse-lif-000, expect_v",
        "norse-lif-000, expect_grad_input",
        "norse-lif-000, param_v_th",
        "norse-lif-000, initial_i",
        "rng-philox-000, expect_normals",
        "spec-000-qubit-multi_qubit, input",
        "spec-000-qubit-multi_qubit, initial_v",
        "spec-000-qubit-multi_qubit, param_tau"
    })
    void refusesWhatIsNotFinite(String name, String tensor) throws IOException {
        for (float value : new float[] {Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN}) {
            CaseFile file = CaseFile.of(name);
            int last = file.get(tensor).elements() - 1;
            file.get(tensor).set(last, value);
            refused(file, "'" + tensor + "': got " + value + " at index " + last, "expected a finite number");
        }
    }

    /** A huge expectation widens what is allowed for the rest, but is itself not met. */
    @ParameterizedTest
    @ValueSource(strings = {"expect_v", "expect_grad_input", "expect_final_v"})
    void failsOnHugeExpectations(String tensor) throws IOException {
        for (float value : new float[] {1e30f, Float.MAX_VALUE, -Float.MAX_VALUE}) {
            CaseFile file = CaseFile.of("spec-000-qubit-multi_qubit");
            file.get(tensor).set(0, value);
            refused(file, tensor, "off by");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "spec-000-qubit-multi_qubit, uniforms, 1",
        "spec-000-qubit-multi_qubit, uniforms, -0.5",
        "spec-000-qubit-multi_qubit, uniforms, NaN",
        "rng-philox-000, expect_uniforms, 1",
        "rng-philox-000, expect_uniforms, NaN"
    })
    void refusesUniformsOutOfRange(String name, String tensor, float value) throws IOException {
        CaseFile file = CaseFile.of(name);
        file.get(tensor).set(1, value);
        refused(file, "'" + tensor + "': got " + value + " at index 1", "expected at least 0, below 1");
    }

    @Test
    void refusesTimeConstantsThatNoStepFits() throws IOException {
        for (float value : new float[] {0, -0f, -1, Float.MIN_VALUE}) {
            CaseFile file = CaseFile.of("spec-000-qubit-multi_qubit");
            file.get("param_tau").set(2, value);
            refused(file, "'param_tau': got " + value + " at index 2", "> 0");
        }
    }

    @Test
    void refusesRatesThatNoStepFits() throws IOException {
        for (float value : new float[] {0, -0f, -1, 1000.0001f}) {
            for (String rate : List.of("param_tau_syn_inv", "param_tau_mem_inv")) {
                CaseFile file = CaseFile.of("norse-lif-000");
                file.get(rate).set(2, value);
                refused(file, "'" + rate + "': got " + value + " at index 2", "> 0", "at most 1");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"spec-000-qubit-multi_qubit", "norse-lif-000"})
    void refusesSpikesOtherThanNoneAndOne(String name) throws IOException {
        for (int value : new int[] {2, 255}) {
            CaseFile file = CaseFile.of(name);
            file.get("expect_spikes").data[3] = (byte) value;
            refused(file, "'expect_spikes': got " + value + " at index 3", "expected 0 or 1");
        }
    }

    /** Whatever kind of case it is in. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "spec-000-qubit-multi_qubit",
                "torch-2025-08-15-001-sigmoid-threshold",
                "norse-lif-000",
                "rng-philox-000"
            })
    void refusesTensorsThatNoComparisonUses(String name) throws IOException {
        for (String stranger : List.of(
                "expect_bogus", "expect_grad_bogus", "expect_", "bogus", "expect_final_bogus", "Input", "input ", "")) {
            refused(CaseFile.of(name).putZeros(stranger, 1), "tensor '" + stranger + "': ", "no comparison");
        }
    }

    /** Those of one kind of case are strangers in another. */
    @Test
    void refusesTensorsOfOtherModels() throws IOException {
        refused(CaseFile.of("rng-philox-000").putZeros("expect_v", 7, 1, 19), "'expect_v'", "RNG");
        refused(CaseFile.of("rng-philox-000").putZeros("input", 7, 1, 19), "'input'", "RNG");
        refused(CaseFile.of("norse-lif-000").putZeros("expect_p", 8, 1, 17), "'expect_p'", "LIF");
        for (String name : List.of("uniforms", "normals", "modulation", "expect_grad_modulation")) {
            refused(CaseFile.of("norse-lif-000").putZeros(name, 8, 1, 17), "'" + name + "'", "LIF");
        }
        refused(CaseFile.of("spec-000-qubit-multi_qubit").putZeros("expect_i", 64, 1, 17), "'expect_i'", "QLIF");
        refused(CaseFile.of("spec-000-qubit-multi_qubit").putZeros("expect_uniforms", 64, 1, 17), "'expect_uniforms'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"spec-000-qubit-multi_qubit", "norse-lif-000"})
    void refusesUpstreamGradientsThatNoComparisonUses(String name) throws IOException {
        CaseFile file = CaseFile.of(name);
        file.tensors.keySet().removeIf(tensor -> tensor.startsWith("expect_grad_"));
        refused(file, "'grad_", "no 'expect_grad_*'");
        file.tensors.keySet().removeIf(tensor -> tensor.startsWith("grad_"));
        assertThat(verify(file).outcome()).isEqualTo(GoldenResult.Outcome.PASSED);
    }

    @ParameterizedTest
    @CsvSource({
        "spec-000-qubit-multi_qubit, input",
        "spec-000-qubit-multi_qubit, uniforms",
        "spec-000-qubit-multi_qubit, param_v_th",
        "spec-000-qubit-multi_qubit, param_q_bias",
        "norse-lif-000, input",
        "norse-lif-000, param_tau_syn_inv",
        "norse-lif-000, param_tau_mem_inv",
        "norse-lif-000, param_v_th",
        "rng-philox-000, expect_normals",
        "rng-philox-000, expect_uniforms"
    })
    void namesTensorsThatAreMissing(String name, String tensor) throws IOException {
        CaseFile file = CaseFile.of(name);
        file.tensors.remove(tensor);
        refused(file, "'" + tensor + "' is missing");
    }

    /** By the tensor's own name, whatever it is called where it goes. */
    @Test
    void namesTensorsOfAWrongShape() throws IOException {
        for (String name :
                List.of("spec-000-qubit-multi_qubit", "spec-004-sigmoid-gaussian", "norse-lif-000", "rng-philox-000")) {
            for (String tensor : CaseFile.of(name).tensors.keySet()) {
                CaseFile file = CaseFile.of(name);
                CaseFile.Entry entry = file.get(tensor);
                entry.shape = Arrays.copyOf(entry.shape, entry.shape.length + 1);
                entry.shape[entry.shape.length - 1] = 1;
                // Its shape is what that of all others is held against.
                boolean first = tensor.equals("input") || tensor.equals("expect_normals");
                refused(file, "tensor '" + tensor + "': got the shape " + Arrays.toString(entry.shape), "expected");
                entry.shape = new long[] {entry.elements(), 1, 1};
                if (!first && !Arrays.equals(entry.shape, CaseFile.of(name).get(tensor).shape)) {
                    refused(file, "tensor '" + tensor + "': got the shape " + Arrays.toString(entry.shape), "expected");
                }
            }
        }
    }

    @Test
    void namesTensorsOfAWrongType() throws IOException {
        CaseFile file = CaseFile.of("spec-000-qubit-multi_qubit");
        CaseFile.Entry spikes = file.get("expect_spikes");
        file.put("expect_spikes", "F32", new byte[4 * spikes.elements()], spikes.shape);
        refused(file, "'expect_spikes': got type F32", "expected U8");
        for (String tensor : List.of("input", "expect_v", "grad_y", "param_tau", "initial_v", "expect_grad_tau")) {
            file = CaseFile.of("spec-000-qubit-multi_qubit");
            CaseFile.Entry entry = file.get(tensor);
            file.put(tensor, "U8", new byte[entry.elements()], entry.shape);
            refused(file, "'" + tensor + "': got type U8", "expected F32");
        }
    }

    @Test
    void namesGradientsWithoutTheirTensor() throws IOException {
        CaseFile file = CaseFile.of("spec-000-qubit-multi_qubit");
        file.tensors.remove("modulation");
        refused(file, "'expect_grad_modulation'", "'modulation'");
    }

    /** A case without an element agrees with everything. */
    @Test
    void failsIfNothingIsCompared() throws IOException {
        for (String name :
                List.of("spec-000-qubit-multi_qubit", "torch-2025-08-15-001-sigmoid-threshold", "norse-lif-000")) {
            CaseFile file = CaseFile.of(name);
            file.tensors
                    .keySet()
                    .removeIf(tensor -> tensor.startsWith("expect_") && !tensor.startsWith("expect_spikes"));
            file.tensors.forEach((tensor, entry) -> {
                entry.data = new byte[0];
                entry.shape[entry.shape.length - 1] = 0;
            });
            refused(file, "nothing to compare");
        }
        CaseFile draws = CaseFile.of("rng-philox-000");
        draws.putZeros("expect_uniforms", 0, 1, 19).putZeros("expect_normals", 0, 1, 19);
        refused(draws, "nothing to compare");
        draws.tensors.clear();
        refused(draws, "nothing to compare");
    }

    @Test
    void namesItsTensorsWhereDrawsDisagree() throws IOException {
        CaseFile draws = CaseFile.of("rng-philox-000");
        draws.putZeros("expect_uniforms", 7, 1, 18);
        refused(draws, "'expect_uniforms': got the shape [7, 1, 18]", "(T, B, N) = [7, 1, 19]");
        draws.putZeros("expect_uniforms", 7, 65, 1, 19);
        refused(draws, "'expect_uniforms': got the shape [7, 65, 1, 19]", "[7, 64, 1, 19]");
    }

    /** Names from a file and of files, wherever they turn up, leave a line a line. */
    @Test
    void printsOneLineWhateverNamesHold() throws IOException {
        for (String name : List.of(
                "x\n9 passed, 0 failed",
                "\u001B[2J\u001B[31m",
                "\r9 passed, 0 failed",
                "\u202E\u2066",
                "\u2028",
                "\uD800",
                "\u009B31m",
                "\u0000",
                "n".repeat(900_000))) {
            GoldenResult tensor =
                    verify(CaseFile.of("spec-003-qubit-single_qubit").putZeros(name, 1));
            CaseFile key = CaseFile.of("spec-003-qubit-single_qubit");
            key.metadata.put("config", "{" + new Gson().toJson(name) + ":1}");
            CaseFile value = CaseFile.of("spec-003-qubit-single_qubit");
            value.metadata.put("config", "{\"decision\":" + new Gson().toJson(name) + "}");
            CaseFile flag = CaseFile.of("spec-003-qubit-single_qubit");
            flag.metadata.put("stochastic", name);
            CaseFile only = CaseFile.of("spec-003-qubit-single_qubit");
            only.metadata.clear();
            only.metadata.put(name, "");
            CaseFile draws = CaseFile.of("rng-philox-000");
            draws.metadata.put("config", "{\"model\":\"RNG\"," + new Gson().toJson(name) + ":1}");
            for (GoldenResult result :
                    List.of(tensor, verify(key), verify(value), verify(flag), verify(only), verify(draws))) {
                assertThat(result.outcome()).as(result.toLine()).isEqualTo(GoldenResult.Outcome.FAILED);
                assertThat(result.toLine()).matches("FAILED [^\\p{Cc}\\p{Cf}\\p{Cs}\\u2028\\u2029]{1,3000}");
            }
        }
    }

    @Test
    void printsOneLineWhateverFilesAreCalled() throws IOException {
        Path path =
                Files.createDirectories(folder.resolve("a\n9 passed, 0 failed")).resolve("\u001B[31m.safetensors");
        CaseFile.of("spec-003-qubit-single_qubit").write(path);
        String shown = folder + "/a\\n9 passed, 0 failed/\\u001B[31m.safetensors";
        assertThat(verifier.verify(path).toLine()).startsWith("PASSED " + shown + ": ");
        Files.write(path, new byte[3]);
        assertThat(verifier.verify(path).toLine()).startsWith("FAILED " + shown + ": got 3 bytes");
    }

    @Test
    void startsNoMoreThreadsThanThereIsWorkFor() throws IOException {
        GoldenVerifier crowded = new GoldenVerifier(
                Device.of("cpu:scalar"), KernelOptions.defaults().withThreads(1024));
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long before = threads.getTotalStartedThreadCount();
        Path file = CaseFile.of("spec-003-qubit-single_qubit").write(folder.resolve("case.safetensors"));
        assertThat(crowded.verify(file).outcome()).isEqualTo(GoldenResult.Outcome.PASSED);
        assertThat(threads.getTotalStartedThreadCount() - before).isLessThan(100);
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
            for (float value : original.tensor(tensor).toFloatArray()) {
                largest = Math.max(largest, Math.abs(value));
            }
            double relative = tensor.startsWith("expect_grad") ? 5e-4 : tensor.equals("expect_uniforms") ? 0 : 1e-4;
            buffer.putFloat(at, (float) (buffer.getFloat(at) + 2 * (1e-5 + relative * largest)));
        }
        return Files.write(folder.resolve(name), bytes);
    }
}
