// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.qlif.Device;
import org.qlif.KernelOptions;

/** Golden cases of every kind, damaged at random: each has a result of one line, and only an undamaged one passes. */
@Timeout(300)
class GoldenMutationTest {
    private static final List<String> CASES = List.of(
            "spec-016-qubit-expectation",
            "spec-022-qubit-single_qubit",
            "torch-2025-08-24-001-qubit-gain",
            "norse-lif-000",
            "rng-philox-001");

    /** What a byte of a header is replaced by: what means something there. */
    private static final byte[] TOKENS =
            "{}[]:,\"\\0123456789.-eE_ntrfu\u0000\u001b\n ".getBytes(StandardCharsets.UTF_8);

    private static final float[] FLOATS = {
        Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.MAX_VALUE, -Float.MAX_VALUE, 1e30f, -1, 2
    };

    private static final List<String> NAMES =
            List.of("expect_v", "expect_bogus", "input", "a\nb", "\u001B[31m", "uniforms", "normals", "modulation", "");

    private final GoldenVerifier verifier =
            new GoldenVerifier(Device.of("cpu:scalar"), KernelOptions.defaults().withThreads(1));

    @TempDir
    private Path folder;

    private GoldenResult verify(byte[] bytes, String context) throws IOException {
        Path path = Files.write(folder.resolve("damaged.safetensors"), bytes);
        GoldenResult result = verifier.verify(path);
        assertThat(result.toLine())
                .as(context)
                .startsWith(result.outcome() + " " + path + ": ")
                .matches("[^\\p{Cc}\\p{Cf}\\p{Cs}\\u2028\\u2029]{1,3000}")
                .doesNotContain("unexpected")
                .doesNotContainIgnoringCase("gson");
        return result;
    }

    /** Headers whose bytes are other ones, among them such as turn one valid header into another. */
    @Test
    void survivesDamagedHeaders() throws IOException {
        for (int i = 0; i < Seeds.cases(600); i++) {
            RandomGenerator random = Seeds.random(Seeds.of(i));
            byte[] bytes = CaseFile.of(CASES.get(random.nextInt(CASES.size()))).bytes();
            int header =
                    (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
            for (int k = random.nextInt(1, 4); k > 0; k--) {
                int at = random.nextInt(20) == 0 ? random.nextInt(8) : 8 + random.nextInt(header);
                bytes[at] = random.nextBoolean() ? TOKENS[random.nextInt(TOKENS.length)] : (byte) random.nextInt();
            }
            verify(
                    random.nextInt(10) == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length)) : bytes,
                    Seeds.replay(Seeds.of(i)));
        }
    }

    /** Whole files that hold something else than before: values, shapes, types, names. */
    @Test
    void survivesOtherTensors() throws IOException {
        for (int i = 0; i < Seeds.cases(400); i++) {
            RandomGenerator random = Seeds.random(Seeds.of(i));
            CaseFile file = CaseFile.of(CASES.get(random.nextInt(CASES.size())));
            for (int k = random.nextInt(1, 3); k > 0; k--) {
                List<String> names = List.copyOf(file.tensors.keySet());
                String name = names.get(random.nextInt(names.size()));
                CaseFile.Entry entry = file.get(name);
                switch (random.nextInt(6)) {
                    case 0 -> file.tensors.remove(name);
                    case 1 -> file.tensors.put(NAMES.get(random.nextInt(NAMES.size())), entry);
                    case 2 -> entry.shape = new long[] {1, entry.elements()};
                    case 3 -> {
                        entry.shape[random.nextInt(entry.shape.length)] = random.nextInt(3) * 1_000_000L;
                        entry.data = random.nextBoolean() ? new byte[0] : entry.data;
                    }
                    case 4 -> {
                        entry.type = entry.type.equals("U8") ? "F32" : "U8";
                        entry.data = new byte[entry.type.equals("U8") ? entry.data.length / 4 : entry.data.length * 4];
                    }
                    default -> random.nextBytes(entry.data);
                }
                if (file.tensors.isEmpty()) {
                    break;
                }
            }
            verify(file.bytes(), Seeds.replay(Seeds.of(i)));
        }
    }

    /** One value of what is expected: no case passes with it. */
    @Test
    void findsEveryDamagedExpectation() throws IOException {
        for (int i = 0; i < Seeds.cases(400); i++) {
            RandomGenerator random = Seeds.random(Seeds.of(i));
            CaseFile file = CaseFile.of(CASES.get(random.nextInt(CASES.size())));
            List<String> names = file.tensors.keySet().stream()
                    .filter(name -> name.startsWith("expect_"))
                    .toList();
            String name = names.get(random.nextInt(names.size()));
            CaseFile.Entry entry = file.get(name);
            int at = random.nextInt(entry.elements());
            if (entry.type.equals("U8")) {
                entry.data[at] ^= (byte) (1 << random.nextInt(8));
            } else {
                float value = FLOATS[random.nextInt(FLOATS.length)];
                if (value == entry.get(at)) {
                    continue;
                }
                entry.set(at, value);
            }
            String context = name + "[" + at + "], " + Seeds.replay(Seeds.of(i));
            GoldenResult result = verify(file.bytes(), context);
            assertThat(result.outcome()).as(context).isEqualTo(GoldenResult.Outcome.FAILED);
        }
    }
}
