// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.DType;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.LifParameter;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.QlifVariable;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;
import org.qlif.io.Safetensors;

/** Networks and trainings in files: docs/checkpoints.md. */
final class CheckpointTest {
    private static final int ROWS = 90;
    private static final int INPUTS = 40;
    private static final int STEPS = 6;
    private static final int BATCH = 40;

    @TempDir
    private Path folder;

    private final byte[] pixels = new byte[ROWS * INPUTS];
    private final PoissonEncoder encoder;
    private final Loss loss;

    CheckpointTest() {
        Random random = new Random(1);
        random.nextBytes(pixels);
        encoder = new PoissonEncoder(pixels, INPUTS, STEPS);
        loss = Loss.crossEntropy(random.ints(ROWS, 0, 4).toArray());
    }

    private static Network network() {
        return Network.builder(INPUTS)
                .linear(24)
                .neurons(
                        QlifConfig.parse("QLIF homeostasis_tau=10.0 homeostasis_lr=0.05 tau=3.0"),
                        QlifParameter.V_TH,
                        QlifParameter.Q_BIAS)
                .linear(16)
                .neurons(LifConfig.defaults(), LifParameter.V_TH)
                .readout(4)
                .seed(-7)
                .build();
    }

    private static KernelOptions threads(int threads) {
        return KernelOptions.defaults().withThreads(threads);
    }

    private Trainer trainer() {
        return Trainer.builder(network())
                .adam(new Adam(3e-3, 0.85, 0.99, 1e-7))
                .clip(0.4)
                .seed(99)
                .device("cpu:simd")
                .options(threads(2))
                .build();
    }

    /** Steps from a place on, and where they end. */
    private Checkpoint.Place train(Trainer trainer, Checkpoint.Place from, int steps) {
        int epoch = from.epoch();
        int row = from.row();
        for (int step = 0; step < steps; step++) {
            if (row == ROWS) {
                epoch++;
                row = 0;
            }
            int to = Math.min(ROWS, row + BATCH);
            trainer.train(
                    new Batch(encoder, loss, Arrays.copyOfRange(from.order().epoch(epoch), row, to)));
            row = to;
        }
        return new Checkpoint.Place(ROWS, from.seed(), BATCH, epoch, row);
    }

    private double[] tested(Trainer trainer) {
        int[] rows = new int[ROWS];
        Arrays.setAll(rows, i -> i);
        StepResult test = trainer.test(new Batch(encoder, loss, rows));
        return new double[] {test.loss(), test.right()};
    }

    /** At the start, in the middle of an epoch, at its end. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 5})
    void aResumedTrainingIsOneWithoutABreak(int before) throws IOException {
        Path file = folder.resolve("training.safetensors");
        Checkpoint.Place start = new Checkpoint.Place(ROWS, 5, BATCH, 0, 0);
        try (Trainer whole = trainer();
                Trainer first = trainer()) {
            whole.network().parameters(1).set(QlifParameter.TAU, Tensor.of(new float[] {2.5f}, 1));
            first.network().parameters(1).set(QlifParameter.TAU, Tensor.of(new float[] {2.5f}, 1));
            train(whole, start, before + 4);
            Checkpoint.of(first)
                    .steps(STEPS)
                    .place(train(first, start, before))
                    .extra("note", "mine")
                    .extra("numbers", Tensor.of(new float[] {1, 2}, 2))
                    .write(file);
            Checkpoint read = Checkpoint.read(file);
            assertThat(read.steps()).hasValue(STEPS);
            assertThat(read.seed()).isEqualTo(99);
            assertThat(read.isTraining()).isTrue();
            assertThat(read.extra("note")).isEqualTo("mine");
            assertThat(read.extraTensor("numbers").toFloatArray()).containsExactly(1, 2);
            try (Trainer resumed =
                    read.trainer().device("cpu:scalar").options(threads(1)).build()) {
                assertThat(resumed.step()).isEqualTo(before);
                train(resumed, read.place(), 4);
                assertThat(resumed.network().values()).isEqualTo(whole.network().values());
                assertThat(resumed.network()
                                .statistics(1)
                                .get(QlifVariable.RATE)
                                .toFloatArray())
                        .isEqualTo(whole.network()
                                .statistics(1)
                                .get(QlifVariable.RATE)
                                .toFloatArray());
                assertThat(tested(resumed)).isEqualTo(tested(whole));
                Checkpoint.of(resumed).write(folder.resolve("one.safetensors"));
                Checkpoint.of(whole).write(folder.resolve("other.safetensors"));
                assertThat(folder.resolve("one.safetensors"))
                        .hasSameBinaryContentAs(folder.resolve("other.safetensors"));
            }
        }
    }

    @Test
    void aNetworkTestsAsBefore() throws IOException {
        Path file = folder.resolve("network.safetensors");
        try (Trainer trainer = trainer()) {
            train(trainer, new Checkpoint.Place(ROWS, 5, BATCH, 0, 0), 3);
            Checkpoint.of(trainer.network(), 99).write(file);
            Checkpoint read = Checkpoint.read(file);
            assertThat(read.isTraining()).isFalse();
            assertThat(read.steps()).isEmpty();
            assertThat(read.place()).isNull();
            assertThatThrownBy(read::trainer).isExactlyInstanceOf(IllegalStateException.class);
            assertThat(read.network().isLike(trainer.network())).isTrue();
            try (Trainer tester = Trainer.builder(read.network())
                    .seed(read.seed())
                    .device("cpu:scalar")
                    .build()) {
                assertThat(tested(tester)).isEqualTo(tested(trainer));
            }
        }
    }

    /** What stands in a good file, to be changed. */
    private record Content(Map<String, String> metadata, Map<String, Tensor> tensors) {
        void shape(String name, long... shape) {
            tensors.put(name, Tensor.zeros(DType.F32, shape));
        }

        void remove(String name) {
            assertThat(metadata.remove(name) != null || tensors.remove(name) != null)
                    .as(name)
                    .isTrue();
        }
    }

    private Content good() throws IOException {
        Path file = folder.resolve("good.safetensors");
        try (Trainer trainer = trainer()) {
            Checkpoint.Place place = train(trainer, new Checkpoint.Place(ROWS, 5, BATCH, 0, 0), 2);
            Checkpoint.of(trainer).steps(STEPS).place(place).write(file);
        }
        Safetensors read = Safetensors.read(file);
        Content content = new Content(new LinkedHashMap<>(read.metadata()), new LinkedHashMap<>());
        read.names().forEach(name -> content.tensors.put(name, read.tensor(name)));
        return content;
    }

    /** At once, and not when the file is written, which may be hours later. */
    @Test
    void refusesExtrasThatNoFileCanHold() throws IOException {
        try (Trainer trainer = trainer()) {
            Checkpoint checkpoint = Checkpoint.of(trainer);
            assertThatThrownBy(() -> checkpoint.extra("spikes", Tensor.zeros(DType.BIT, 8)))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessage("value: got BIT[8], expected F32, I64 or U8");
            Path file = folder.resolve("none.safetensors");
            checkpoint.write(file);
            assertThat(Checkpoint.read(file).extraTensor("spikes")).isNull();
        }
    }

    @Test
    void takesWhatIsLeftOut() throws IOException {
        Content content = good();
        content.metadata.keySet().removeIf(name -> name.startsWith("training.") || name.startsWith("encoder"));
        content.tensors.keySet().removeIf(name -> name.startsWith("training.") || name.contains(".statistics."));
        content.remove("seed");
        content.remove("layers.2.bias");
        content.metadata.put("layers.0.order", "any");
        Path file = folder.resolve("less.safetensors");
        Safetensors.write(file, content.metadata, content.tensors);
        Checkpoint read = Checkpoint.read(file);
        assertThat(read.seed()).isZero();
        assertThat(read.network().get("2.bias").toFloatArray()).containsOnly(0);
        assertThat(read.network().statistics(1).get(QlifVariable.RATE).toFloatArray())
                .containsOnly(0);
    }

    @TestFactory
    Stream<DynamicTest> refusesWhatIsNotAsItHasToBe() {
        Map<String, Consumer<Content>> changes = new LinkedHashMap<>();
        changes.put("layers: got 4 layers", content -> content.metadata.put("layers", "4"));
        changes.put("layers: got 1 layers", content -> content.metadata.put("layers", "1"));
        changes.put("layers.2.type: got 'linear', expected 'readout'", content -> content.metadata.put("layers", "3"));
        changes.put(
                "layers.0.type: got 'neurons', expected 'linear'",
                content -> content.metadata.put("layers.0.type", "neurons"));
        changes.put("layers.0.order: got 'down'", content -> content.metadata.put("layers.0.order", "down"));
        changes.put("encoder: got 'latency'", content -> content.metadata.put("encoder", "latency"));
        changes.put("encoder.steps: got '0'", content -> content.metadata.put("encoder.steps", "0"));
        changes.put("'layers.0.weight': got the shape [40]", content -> content.shape("layers.0.weight", 40));
        changes.put("'layers.0.weight': got the shape [0, 24]", content -> content.shape("layers.0.weight", 0, 24));
        changes.put("'layers.0.bias': got the shape [23]", content -> content.shape("layers.0.bias", 23));
        changes.put("layers: layer 2: got 23 inputs, expected 24", content -> content.shape("layers.2.weight", 23, 16));
        changes.put("'layers.4.weight': is missing", content -> content.remove("layers.4.weight"));
        changes.put("layers.1: got a state or a place in draws", content -> {
            content.metadata.put("layers.1.draws.seed", "1");
            content.metadata.put("layers.1.draws.stream", "1");
        });
        changes.put("training.optimizer: got 'sgd'", content -> content.metadata.put("training.optimizer", "sgd"));
        changes.put("training.adam: beta1: got 1.0", content -> content.metadata.put("training.adam.beta1", "1.0"));
        changes.put("training.adam.rate: got 'NaN'", content -> content.metadata.put("training.adam.rate", "NaN"));
        changes.put(
                "training.adam.rate: got '0x1p-3'", content -> content.metadata.put("training.adam.rate", "0x1p-3"));
        changes.put("training.clip: norm: got -1.0", content -> content.metadata.put("training.clip", "-1.0"));
        changes.put("training.order.row: got '91'", content -> content.metadata.put("training.order.row", "91"));
        changes.put("training.order.seed: is missing", content -> content.remove("training.order.seed"));
        changes.put(
                "'training.adam.v.layers.1.parameters.v_th': got the shape [1], expected [24]",
                content -> content.shape("training.adam.v.layers.1.parameters.v_th", 1));
        changes.put(
                "'training.adam.m.layers.4.bias': is missing",
                content -> content.remove("training.adam.m.layers.4.bias"));
        changes.put(
                "tensor 'training.adam.m.layers.1.parameters.tau': got a tensor of this name",
                content -> content.shape("training.adam.m.layers.1.parameters.tau", 24));
        changes.put("'training.clip': got metadata of this name", content -> content.metadata.remove("training.step"));
        changes.put("'training.momentum': got metadata", content -> content.metadata.put("training.momentum", "1"));
        return changes.entrySet().stream()
                .map(each -> dynamicTest(each.getKey(), () -> {
                    Content content = good();
                    each.getValue().accept(content);
                    Path file = folder.resolve("bad.safetensors");
                    Safetensors.write(file, content.metadata, content.tensors);
                    assertThatThrownBy(() -> Checkpoint.read(file))
                            .isExactlyInstanceOf(FileFormatException.class)
                            .hasMessageStartingWith(file + ": ")
                            .hasMessageContaining(each.getKey());
                }));
    }

    /** Whatever bytes of a file are changed, it is read or refused. */
    @Test
    @Timeout(120)
    void survivesFlippedBytes() throws IOException {
        good();
        byte[] good = Files.readAllBytes(folder.resolve("good.safetensors"));
        Path file = folder.resolve("flipped.safetensors");
        Random random = new Random(2);
        int read = 0;
        for (int i = 0; i < 800; i++) {
            byte[] bytes = good.clone();
            bytes[random.nextInt(4500)] ^= (byte) (1 << random.nextInt(8));
            Files.write(file, bytes);
            try {
                Checkpoint.read(file);
                read++;
            } catch (FileFormatException refused) {
                assertThat(refused).hasMessageStartingWith(file + ": ");
            }
        }
        assertThat(read).isBetween(1, 799);
    }
}
