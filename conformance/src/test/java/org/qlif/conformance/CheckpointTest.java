// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

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
import org.junit.jupiter.params.provider.EnumSource;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.LifConfig;
import org.qlif.LifLayer;
import org.qlif.LifParameter;
import org.qlif.NeuromodTransform;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifLayer;
import org.qlif.QlifParameter;
import org.qlif.StatePolicy;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;
import org.qlif.io.Safetensors;

/** Layers in files: docs/checkpoints.md. */
final class CheckpointTest {
    private static final int STEPS = 7;
    private static final int BATCH = 3;
    private static final int NEURONS = 19;
    private static final QlifConfig CONFIG =
            QlifConfig.parse("QLIF homeostasis_tau=20.0 homeostasis_lr=0.1 angle_map=TANH tau=4.0");

    @TempDir
    private Path folder;

    private static Tensor input(int seed) {
        Random random = new Random(seed);
        float[] values = new float[STEPS * BATCH * NEURONS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (0.8 + random.nextGaussian());
        }
        return Tensor.of(values, STEPS, BATCH, NEURONS);
    }

    private static QlifLayer.Builder told(QlifLayer.Builder builder, StatePolicy policy) {
        return builder.device("cpu:scalar").state(policy).training(Tape.Mode.VOLTAGE);
    }

    private static QlifLayer layer(StatePolicy policy) {
        return told(QlifLayer.builder(NEURONS), policy).config(CONFIG).seed(-42).stream(-3)
                .learn(QlifParameter.TAU, QlifParameter.ETA)
                .build();
    }

    /** All that a run of training shows. */
    private static float[] trained(QlifLayer layer, int seed) {
        float[] voltages = layer.forward(input(seed)).voltages().toFloatArray();
        Tensor ones = Tensor.zeros(DType.F32, STEPS, BATCH, NEURONS);
        ones.fill(1);
        float[] gradient =
                layer.backward(ones, null).parameters().get(QlifParameter.V_TH).toFloatArray();
        float[] tested = layer.evaluate(input(seed + 1)).voltages().toFloatArray();
        float[] all = Arrays.copyOf(voltages, voltages.length + gradient.length + tested.length);
        System.arraycopy(gradient, 0, all, voltages.length, gradient.length);
        System.arraycopy(tested, 0, all, voltages.length + gradient.length, tested.length);
        return all;
    }

    @ParameterizedTest
    @EnumSource
    void aLayerGoesOnWithTheSameBits(StatePolicy policy) throws IOException {
        Path file = folder.resolve("layer.safetensors");
        try (QlifLayer layer = layer(policy)) {
            layer.parameters().get(QlifParameter.V_TH).setFloat(5, 1.25f);
            layer.parameters().set(QlifParameter.TAU, Tensor.of(new float[] {3}));
            trained(layer, 1);
            trained(layer, 2);
            layer.save(file);
            try (QlifLayer again = told(QlifLayer.load(file), policy).build()) {
                assertThat(again.config()).isEqualTo(layer.config());
                assertThat(again.learnable()).isEqualTo(layer.learnable());
                assertThat(again.seed()).isEqualTo(-42);
                assertThat(again.stream()).isEqualTo(-3);
                for (int run = 3; run < 6; run++) {
                    assertThat(trained(again, run)).isEqualTo(trained(layer, run));
                    again.reset();
                    layer.reset();
                }
                again.save(folder.resolve("again.safetensors"));
                layer.parameters().set(QlifParameter.TAU, Tensor.of(new float[] {3}, 1));
                layer.save(file);
                assertThat(folder.resolve("again.safetensors")).hasSameBinaryContentAs(file);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aLifLayerGoesOnWithTheSameBits(StatePolicy policy) throws IOException {
        Path file = folder.resolve("layer.safetensors");
        try (LifLayer layer = LifLayer.builder(NEURONS)
                .config(LifConfig.parse("LIF surrogate=ARCTAN"))
                .device("cpu:scalar")
                .state(policy)
                .learn(LifParameter.TAU_MEM_INV)
                .build()) {
            layer.parameters().get(LifParameter.V_TH).setFloat(2, 0.5f);
            layer.forward(input(1));
            layer.save(file);
            try (LifLayer again =
                    LifLayer.load(file).device("cpu:scalar").state(policy).build()) {
                assertThat(again.config()).isEqualTo(layer.config());
                assertThat(again.learnable()).isEqualTo(layer.learnable());
                assertThat(again.episode()).isEqualTo(layer.episode());
                assertThat(again.forward(input(2)).voltages().toFloatArray())
                        .isEqualTo(layer.forward(input(2)).voltages().toFloatArray());
            }
        }
        assertThatThrownBy(() -> QlifLayer.load(file))
                .isExactlyInstanceOf(FileFormatException.class)
                .hasMessage(file + ": layers.0.config: got a configuration of LIF, expected one of QLIF");
    }

    /** As one that Python writes, whose runs have seeds of their own. */
    @Test
    void aRunGoesOnWithTheDrawsThatItBeganWith() throws IOException {
        Path file = folder.resolve("layer.safetensors");
        Parameters parameters = Parameters.perNeuron(CONFIG, NEURONS);
        DrawStream draws = new DrawStream(1234, 0, 2 * NEURONS);
        float[] expected = new float[STEPS * BATCH * NEURONS];
        try (Kernel kernel = Kernel.open(CONFIG, "cpu:scalar")) {
            kernel.forward(new Forward()
                    .input(input(1))
                    .parameters(parameters)
                    .draws(draws)
                    .voltages(Tensor.of(expected, STEPS, BATCH, NEURONS)));
        }
        try (QlifLayer layer = QlifLayer.builder(NEURONS)
                .config(CONFIG)
                .device("cpu:scalar")
                .seed(5)
                .draws(draws)
                .build()) {
            assertThat(layer.draws()).isEqualTo(draws);
            layer.save(file);
            assertThat(layer.forward(input(1)).voltages().toFloatArray()).isEqualTo(expected);
            assertThat(layer.draws()).isNotEqualTo(draws);
            float[] next = layer.forward(input(1)).voltages().toFloatArray();
            try (QlifLayer again = QlifLayer.load(file).device("cpu:scalar").build()) {
                assertThat(again.forward(input(1)).voltages().toFloatArray()).isEqualTo(expected);
                assertThat(again.forward(input(1)).voltages().toFloatArray()).isEqualTo(next);
            }
        }
    }

    @Test
    void refusesToSaveAFunctionOfTheCallers() throws IOException {
        Path file = Files.writeString(folder.resolve("layer.safetensors"), "old");
        NeuromodTransform own = new NeuromodTransform() {
            @Override
            public float apply(float m) {
                return m;
            }

            @Override
            public float derivative(float m, float value) {
                return 1;
            }
        };
        QlifConfig config = QlifConfig.builder()
                .neuromodulation(each -> each.withTransform(own))
                .build();
        try (QlifLayer layer =
                QlifLayer.builder(2).config(config).device("cpu:scalar").build()) {
            assertThatThrownBy(() -> layer.save(file))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("config: got QLIF neuromod_transform=");
        }
        assertThat(file).hasContent("old");
    }

    /** Nothing that can't be loaded takes the place of a file that can. */
    @Test
    void refusesToSaveWhatItWouldNotLoad() throws IOException {
        Path file = Files.writeString(folder.resolve("layer.safetensors"), "old");
        try (QlifLayer layer = layer(StatePolicy.KEEP)) {
            layer.parameters().get(QlifParameter.V_TH).setFloat(3, Float.NaN);
            assertUnsaved(layer, file, "v_th: got NaN at index 3");
            layer.parameters().get(QlifParameter.V_TH).setFloat(3, 1);
            layer.parameters().set(QlifParameter.TAU, Tensor.of(new float[NEURONS + 1], NEURONS + 1));
            assertUnsaved(layer, file, "tau: got ");
            layer.parameters().set(QlifParameter.TAU, Tensor.of(new float[] {3}));
            layer.forward(Tensor.zeros(DType.F32, STEPS, 0, NEURONS));
            assertUnsaved(layer, file, "state: got one of a batch of 0");
            layer.reset();
            layer.forward(input(1));
            layer.save(file);
        }
        assertThat(QlifLayer.load(file)).isNotNull();
    }

    private static void assertUnsaved(QlifLayer layer, Path file, String message) {
        assertThatThrownBy(() -> layer.save(file))
                .isExactlyInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith(message);
        assertThat(file).hasContent("old");
    }

    @Test
    void lifHasNoPlaceInDraws() throws IOException {
        Path file = folder.resolve("lif.safetensors");
        try (LifLayer layer = LifLayer.builder(NEURONS).device("cpu:scalar").build()) {
            layer.save(file);
        }
        Safetensors saved = Safetensors.read(file);
        Map<String, String> metadata = new LinkedHashMap<>(saved.metadata());
        metadata.put("layers.0.draws.seed", "1");
        metadata.put("layers.0.draws.stream", "2");
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        saved.names().forEach(name -> tensors.put(name, saved.tensor(name)));
        Safetensors.write(file, metadata, tensors);
        assertThatThrownBy(() -> LifLayer.load(file))
                .isExactlyInstanceOf(FileFormatException.class)
                .hasMessageContaining("expected none: LIF draws nothing");
    }

    /** A saved layer, taken apart to be changed. */
    private final class Saved {
        private final Map<String, String> metadata;
        private final Map<String, Tensor> tensors = new LinkedHashMap<>();

        Saved() throws IOException {
            Path file = folder.resolve("good.safetensors");
            try (QlifLayer layer = layer(StatePolicy.STREAM)) {
                layer.forward(input(1));
                layer.save(file);
            }
            Safetensors read = Safetensors.read(file);
            metadata = new LinkedHashMap<>(read.metadata());
            read.names().forEach(name -> tensors.put(name, read.tensor(name)));
        }

        Saved put(String name, String value) {
            metadata.put(name, value);
            return this;
        }

        Saved remove(String name) {
            assertThat(metadata.remove(name) != null || tensors.remove(name) != null)
                    .as(name)
                    .isTrue();
            return this;
        }

        Saved put(String name, long... shape) {
            tensors.put(name, Tensor.zeros(DType.F32, shape));
            return this;
        }

        Saved put(String name, Tensor value) {
            tensors.put(name, value);
            return this;
        }

        Path write() throws IOException {
            Path file = folder.resolve("changed.safetensors");
            Safetensors.write(file, metadata, tensors);
            return file;
        }
    }

    @Test
    void readsWhatIsLeftOutAndIgnoresWhatIsExtra() throws IOException {
        Saved saved = new Saved();
        for (String name : new String[] {
            "learnable",
            "seed",
            "stream",
            "episode",
            "evaluations",
            "draws.seed",
            "draws.stream",
            "draws.element_offset",
            "step"
        }) {
            saved.remove("layers.0." + name);
        }
        saved.tensors.keySet().removeIf(name -> name.contains(".state.") || name.contains(".statistics."));
        saved.put("extra.note", "anything").put("extra.numbers", 3);
        try (QlifLayer layer =
                QlifLayer.load(saved.write()).device("cpu:scalar").build()) {
            assertThat(layer.learnable()).isEmpty();
            assertThat(layer.episode()).isZero();
            assertThat(layer.state().step()).isZero();
            layer.forward(input(1));
        }
    }

    @TestFactory
    Stream<DynamicTest> refusesWhatIsNotAsItHasToBe() {
        Map<String, Consumer<Saved>> changes = new LinkedHashMap<>();
        changes.put("format: got none, expected 'qlif'", saved -> saved.remove("format"));
        changes.put("format: got 'pt', expected 'qlif'", saved -> saved.put("format", "pt"));
        changes.put("format_version: got '2', expected '1'", saved -> saved.put("format_version", "2"));
        changes.put("layers: got '0', expected a whole number from 1 to 1000", saved -> saved.put("layers", "0"));
        changes.put("layers: got 2, a network, expected 1, a layer", saved -> saved.put("layers", "2"));
        changes.put("layers.0.type: got 'linear', expected 'neurons'", saved -> saved.put("layers.0.type", "linear"));
        changes.put("layers.0.type: is missing", saved -> saved.remove("layers.0.type"));
        changes.put("layers.0.config: tau: got -1.0", saved -> saved.put("layers.0.config", "QLIF tau=-1"));
        changes.put("layers.0.config: model: got 'RELU'", saved -> saved.put("layers.0.config", "RELU"));
        changes.put(
                "layers.0.learnable: got 'tau eta', expected some of 'tau_syn_inv tau_mem_inv v_th'",
                saved -> saved.put("layers.0.config", "LIF"));
        changes.put("layers.0.neurons: got '+19'", saved -> saved.put("layers.0.neurons", "+19"));
        changes.put("layers.0.neurons: got '019'", saved -> saved.put("layers.0.neurons", "019"));
        changes.put("layers.0.neurons: got '16777217'", saved -> saved.put("layers.0.neurons", "16777217"));
        changes.put("the shape [19], expected [20] or [1]", saved -> saved.put("layers.0.neurons", "20"));
        changes.put(
                "layers.0.seed: got '9223372036854775808'", saved -> saved.put("layers.0.seed", "9223372036854775808"));
        changes.put("layers.0.stream: is missing", saved -> saved.remove("layers.0.stream"));
        changes.put("layers.0.draws.stream: is missing", saved -> saved.remove("layers.0.draws.stream"));
        changes.put("layers.0.episode: got '-1'", saved -> saved.put("layers.0.episode", "-1"));
        changes.put("layers.0.learnable: got 'eta tau'", saved -> saved.put("layers.0.learnable", "eta tau"));
        changes.put("layers.0.learnable: got 'tau  eta'", saved -> saved.put("layers.0.learnable", "tau  eta"));
        changes.put("layers.0.step: is missing", saved -> saved.remove("layers.0.step"));
        changes.put("'layers.0.activation': got metadata of this name", saved -> saved.put("layers.0.activation", "x"));
        changes.put("tensor 'layers.0.weight': got a tensor of this name", saved -> saved.put("layers.0.weight", 2, 3));
        changes.put("tensor 'layers.0.parameters.eta': is missing", saved -> saved.remove("layers.0.parameters.eta"));
        changes.put(
                "tensor 'layers.0.parameters.eta': got the shape [18], expected [19] or [1]",
                saved -> saved.put("layers.0.parameters.eta", 18));
        changes.put("layers.0.parameters: tau: got 0.0 at index 0", saved -> saved.put("layers.0.parameters.tau", 19));
        changes.put(
                "tensor 'layers.0.state.v': got type U8",
                saved -> saved.put("layers.0.state.v", Tensor.zeros(DType.U8, BATCH, NEURONS)));
        changes.put("tensor 'layers.0.state.y': is missing", saved -> saved.remove("layers.0.state.y"));
        changes.put("tensor 'layers.0.state.y': got the shape [2, 19]", saved -> saved.put("layers.0.state.y", 2, 19));
        changes.put("tensor 'layers.0.statistics.rate': is missing", saved -> saved.remove("layers.0.statistics.rate"));
        return changes.entrySet().stream()
                .map(each -> dynamicTest(each.getKey(), () -> {
                    Saved saved = new Saved();
                    each.getValue().accept(saved);
                    Path file = saved.write();
                    assertThatThrownBy(() -> QlifLayer.load(file))
                            .isExactlyInstanceOf(FileFormatException.class)
                            .hasMessageStartingWith(file + ": ")
                            .hasMessageContaining(each.getKey());
                }));
    }

    /** Whatever bytes of a saved layer are changed, it is loaded or refused. */
    @Test
    @Timeout(120)
    void survivesFlippedBytes() throws IOException {
        new Saved();
        byte[] good = Files.readAllBytes(folder.resolve("good.safetensors"));
        Path file = folder.resolve("flipped.safetensors");
        Random random = new Random(3);
        int loaded = 0;
        for (int i = 0; i < 1000; i++) {
            byte[] bytes = good.clone();
            for (int flips = 1 + random.nextInt(2); flips > 0; flips--) {
                bytes[random.nextInt(2500)] ^= (byte) (1 << random.nextInt(8));
            }
            Files.write(file, bytes);
            try {
                QlifLayer.load(file).device("cpu:scalar").build().close();
                loaded++;
            } catch (FileFormatException refused) {
                assertThat(refused).hasMessageStartingWith(file + ": ");
            }
        }
        assertThat(loaded).isBetween(1, 999);
    }
}
