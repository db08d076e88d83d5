// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.core.Linear;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.ConstantInitializer;
import ai.djl.util.passthrough.PassthroughNDManager;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.LifConfig;
import org.qlif.LifLayer;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifLayer;
import org.qlif.QlifParameter;
import org.qlif.QlifVariable;
import org.qlif.Tape;
import org.qlif.Tensor;

/** What blocks compute without gradients, refuse, save and load. */
class BlockTest {
    private static final int STEPS = 6;
    private static final int BATCH = 3;
    private static final int NEURONS = 7;
    private static final Shape SHAPE = new Shape(STEPS, BATCH, NEURONS);

    private final NDManager manager = Engines.manager();
    private final ParameterStore store = new ParameterStore(manager, false);

    @AfterEach
    void closeManager() {
        manager.close();
    }

    private static float[] current(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[(int) SHAPE.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(0, 4);
        }
        return values;
    }

    private <B extends Block> B initialized(B block) {
        block.initialize(manager, DataType.FLOAT32, SHAPE);
        return block;
    }

    private float[] run(Block block, float[] current, boolean training) {
        NDArray input = manager.create(current, SHAPE);
        return block.forward(store, new NDList(input), training)
                .singletonOrThrow()
                .toFloatArray();
    }

    /** The layer's episodes and evaluations, with the statistics that training leaves. */
    @Test
    void drawsAndCarriesAsALayerOfTheSeedDoes() {
        QlifConfig config = QlifConfig.builder()
                .homeostasis(homeostasis -> homeostasis.on().withTau(3).withLearningRate(0.1))
                .build();
        QlifBlock block =
                initialized(QlifBlock.builder().optConfig(config).optSeed(42, 1).build());
        try (QlifLayer layer = QlifLayer.builder(NEURONS).config(config).device("cpu").seed(42).stream(1)
                .training(Tape.Mode.VOLTAGE)
                .build()) {
            for (int run = 0; run < 4; run++) {
                float[] current = current(run);
                Tensor input = Tensor.of(current, STEPS, BATCH, NEURONS);
                assertThat(run(block, current, true))
                        .isEqualTo(layer.forward(input).spikeValues().toFloatArray());
                assertThat(run(block, current, false))
                        .isEqualTo(layer.evaluate(input).spikeValues().toFloatArray());
                for (QlifVariable variable : List.of(QlifVariable.RATE, QlifVariable.HOMEOSTASIS)) {
                    assertThat(block.getDirectParameters()
                                    .get(variable.symbol())
                                    .getArray()
                                    .toFloatArray())
                            .isEqualTo(layer.statistics().get(variable).toFloatArray());
                }
            }
        }
    }

    @Test
    void aLifBlockIsALifLayer() {
        LifBlock block = initialized(LifBlock.builder().optVoltages(true).build());
        float[] current = current(1);
        NDList outputs = block.forward(store, new NDList(manager.create(current, SHAPE)), false);
        try (LifLayer layer = LifLayer.builder(NEURONS).device("cpu").build()) {
            LifLayer.Output expected = layer.forward(Tensor.of(current, STEPS, BATCH, NEURONS));
            assertThat(outputs).hasSize(2);
            assertThat(outputs.get(0).toFloatArray())
                    .isEqualTo(expected.spikes().toFloatArray());
            assertThat(outputs.get(1).toFloatArray())
                    .isEqualTo(expected.voltages().toFloatArray());
        }
        assertThat(block.config()).isEqualTo(LifConfig.defaults());
        assertThat(block.getOutputShapes(new Shape[] {SHAPE})).containsExactly(SHAPE, SHAPE);
    }

    @Test
    void aLinearBlockIsTheEnginesTransposed() {
        SpikeLinearBlock ours = SpikeLinearBlock.builder().setUnits(5).build();
        Block theirs = Linear.builder().setUnits(5).build();
        initialized(ours);
        initialized(theirs);
        ours.getDirectParameters()
                .get("weight")
                .getArray()
                .transpose()
                .copyTo(theirs.getDirectParameters().get("weight").getArray());
        ours.getDirectParameters()
                .get("bias")
                .getArray()
                .copyTo(theirs.getDirectParameters().get("bias").getArray());
        float[] expected = run(theirs, current(3), false);
        float[] found = run(ours, current(3), false);
        for (int i = 0; i < found.length; i++) {
            assertThat(found[i]).isCloseTo(expected[i], Offset.offset(1e-5f));
        }
        float bound = (float) (1 / Math.sqrt(NEURONS));
        assertThat(ours.getDirectParameters().get("weight").getArray().toFloatArray())
                .doesNotContain(0f)
                .satisfies(weights -> {
                    for (float weight : weights) {
                        assertThat(weight).isBetween(-bound, bound);
                    }
                });
        assertThat(ours.getOutputShapes(new Shape[] {SHAPE})).containsExactly(new Shape(STEPS, BATCH, 5));
    }

    /** What seeds the engine, seeds the draws; a call is no copy of the one before it. */
    @Test
    void drawsFromTheEnginesGenerator() {
        QlifBlock block = initialized(QlifBlock.builder().build());
        Engine engine = Engine.getEngine("PyTorch");
        engine.setRandomSeed(3);
        float[] first = run(block, current(1), false);
        float[] second = run(block, current(1), false);
        engine.setRandomSeed(3);
        assertThat(run(block, current(1), false)).isEqualTo(first).isNotEqualTo(second);
    }

    @Test
    void drawsWhatItIsTold() {
        QlifBlock block = initialized(
                QlifBlock.builder().optDraws(() -> new DrawStream(9, 4)).build());
        float[] current = current(2);
        float[] expected = new float[current.length];
        try (Kernel kernel = Kernel.open(QlifConfig.defaults(), "cpu")) {
            kernel.forward(new Forward()
                    .input(Tensor.of(current, STEPS, BATCH, NEURONS))
                    .parameters(Parameters.perNeuron(kernel.config(), NEURONS))
                    .draws(new DrawStream(9, 4))
                    .spikeValues(Tensor.of(expected, STEPS, BATCH, NEURONS)));
        }
        assertThat(run(block, current, false)).isEqualTo(expected).isEqualTo(run(block, current, false));
    }

    @Test
    void readsViewsOfAnyLayout() {
        QlifBlock block = initialized(
                QlifBlock.builder().optDraws(() -> new DrawStream(1, 0)).build());
        float[] expected = run(block, current(2), false);
        NDArray straight = manager.create(current(2), SHAPE);
        NDArray swapped = straight.swapAxes(0, 1).duplicate().swapAxes(0, 1);
        NDArray padded = straight.repeat(2, 2).get(":, :, ::2");
        for (NDArray view : List.of(swapped, padded)) {
            assertThat(block.forward(store, new NDList(view), false)
                            .singletonOrThrow()
                            .toFloatArray())
                    .isEqualTo(expected);
        }
        QlifBlock single =
                QlifBlock.builder().optDraws(() -> new DrawStream(1, 0)).build();
        NDArray column = straight.get(":, :, 3:4");
        single.initialize(manager, DataType.FLOAT32, column.getShape());
        assertThat(single.forward(store, new NDList(column), false)
                        .singletonOrThrow()
                        .toFloatArray())
                .isEqualTo(single.forward(store, new NDList(column.duplicate()), false)
                        .singletonOrThrow()
                        .toFloatArray());
    }

    @Test
    void startsFromTheConfigurationOrAnInitializer() {
        QlifConfig config = QlifConfig.builder().tau(7).build();
        QlifBlock block = QlifBlock.builder()
                .optConfig(config)
                .optLearned(QlifParameter.TAU)
                .build();
        block.setInitializer(new ConstantInitializer(0.25f), "q_bias");
        initialized(block);
        assertThat(block.config()).isEqualTo(config);
        assertThat(block.getDirectParameters().get("tau").getArray().toFloatArray())
                .hasSize(NEURONS)
                .containsOnly(7f);
        assertThat(block.getDirectParameters().get("q_bias").getArray().toFloatArray())
                .containsOnly(0.25f);
        assertThat(block.getDirectParameters().values())
                .filteredOn(parameter -> parameter.requiresGradient())
                .extracting(parameter -> parameter.getName())
                .containsExactly("tau");
    }

    @Test
    void otherBatchesAndLengthsFollow() {
        QlifBlock block = initialized(QlifBlock.builder().build());
        for (Shape shape : List.of(new Shape(1, 1, NEURONS), new Shape(9, 5, NEURONS), SHAPE)) {
            assertThat(block.forward(store, new NDList(manager.ones(shape)), true)
                            .singletonOrThrow()
                            .getShape())
                    .isEqualTo(shape);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void nothingComesOfNothing(boolean noSteps) {
        Shape empty = noSteps ? new Shape(0, BATCH, NEURONS) : new Shape(STEPS, 0, NEURONS);
        for (Block block : List.of(
                QlifBlock.builder().build(),
                LifBlock.builder().build(),
                SpikeLinearBlock.builder().setUnits(NEURONS).build())) {
            initialized(block);
            assertThat(block.forward(store, new NDList(manager.create(empty)), false)
                            .singletonOrThrow()
                            .getShape())
                    .isEqualTo(empty);
        }
    }

    @Test
    void refusesWhatItCannotRead() {
        for (Block block : List.of(
                QlifBlock.builder().build(),
                LifBlock.builder().build(),
                SpikeLinearBlock.builder().setUnits(2).build())) {
            initialized(block);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> block.forward(store, new NDList(manager.ones(SHAPE, DataType.INT32)), false))
                    .withMessage("input: got int32 (6, 3, 7), expected float32");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> block.forward(store, new NDList(manager.ones(SHAPE, DataType.FLOAT64)), false))
                    .withMessageContaining("expected float32");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> block.forward(store, new NDList(manager.ones(new Shape(6, 3, 8))), false))
                    .withMessageContainingAll("input: got shape (6, 3, 8)", "7");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> block.forward(store, new NDList(manager.ones(new Shape(6, 7))), false))
                    .withMessageContaining("input: got shape (6, 7), expected (T, B, ");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> block.forward(store, new NDList(), false))
                    .withMessageStartingWith("inputs: got 0 arrays");
            NDArray coordinates =
                    manager.createCoo(java.nio.FloatBuffer.wrap(new float[] {1}), new long[][] {{0}, {0}, {0}}, SHAPE);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> block.forward(store, new NDList(coordinates), false))
                    .withMessageContaining("input: got a sparse array");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> QlifBlock.builder().build().initialize(manager, DataType.FLOAT32, new Shape(6, 3, 0)))
                .withMessageContaining("at least 1 neuron");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> QlifBlock.builder().build().initialize(manager, DataType.FLOAT16, SHAPE))
                .withMessage("dataType: got float16, expected float32");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SpikeLinearBlock.builder().setUnits(0));
        assertThatIllegalStateException()
                .isThrownBy(() -> SpikeLinearBlock.builder().build());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> QlifBlock.builder().optDevice("a b"));
    }

    @Test
    void refusesModulationThatDoesNotFit() {
        QlifBlock block = initialized(QlifBlock.builder().build());
        NDArray input = manager.ones(SHAPE);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> block.forward(store, new NDList(input, manager.ones(new Shape(2))), false))
                .withMessageContaining("modulation: got");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> block.forward(store, new NDList(input, manager.create(new Shape(0))), false))
                .withMessageContaining("modulation: got");
        LifBlock lif = initialized(LifBlock.builder().build());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> lif.forward(store, new NDList(input, manager.ones(new Shape(1))), false))
                .withMessage("inputs: got 2 arrays, expected the current alone");
    }

    /** The kernel's own refusal; what the call has made by then is closed. */
    @Test
    void refusesParametersOutOfTheirRange() {
        QlifBlock block = initialized(QlifBlock.builder().build());
        block.getDirectParameters().get("tau").getArray().toByteBuffer(true).putFloat(8, -1f);
        NDArray input = manager.ones(SHAPE);
        int before = manager.getManagedArrays().size();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> block.forward(store, new NDList(input), false))
                .withMessageContainingAll("tau", "-1");
        assertThat(manager.getManagedArrays()).hasSize(before);
    }

    @Test
    void refusesOtherEngines() {
        NDArray foreign = PassthroughNDManager.INSTANCE.create(
                java.nio.FloatBuffer.wrap(new float[(int) SHAPE.size()]), SHAPE, DataType.FLOAT32);
        for (Block block : List.of(
                QlifBlock.builder().build(),
                LifBlock.builder().build(),
                SpikeLinearBlock.builder().setUnits(2).build())) {
            assertThatExceptionOfType(UnsupportedOperationException.class)
                    .isThrownBy(() -> block.initialize(PassthroughNDManager.INSTANCE, DataType.FLOAT32, SHAPE))
                    .withMessageContaining("expected PyTorch");
            initialized(block);
            assertThatExceptionOfType(UnsupportedOperationException.class)
                    .isThrownBy(() -> block.forward(store, new NDList(foreign), false))
                    .withMessageContainingAll("input: got", "PyTorch");
        }
    }

    @Test
    void savesAndLoads() throws IOException, MalformedModelException {
        QlifConfig config = QlifConfig.builder()
                .homeostasis(homeostasis -> homeostasis.on().withTau(3).withLearningRate(0.1))
                .build();
        QlifBlock.Builder builder = QlifBlock.builder().optConfig(config).optDraws(() -> new DrawStream(1, 0));
        QlifBlock block = initialized(builder.build());
        block.getDirectParameters().get("v_th").getArray().toByteBuffer(true).putFloat(4, 1.25f);
        run(block, current(1), true);
        byte[] file = saved(block);
        QlifBlock fresh = builder.build();
        load(fresh, file);
        assertThat(run(fresh, current(2), false)).isEqualTo(run(block, current(2), false));
        QlifBlock present = initialized(builder.build());
        load(present, file);
        assertThat(saved(present)).isEqualTo(file);
        SpikeLinearBlock linear =
                initialized(SpikeLinearBlock.builder().setUnits(2).build());
        SpikeLinearBlock other = SpikeLinearBlock.builder().setUnits(2).build();
        load(other, saved(linear));
        assertThat(run(other, current(2), false)).isEqualTo(run(linear, current(2), false));
    }

    @Test
    void refusesFilesOfOtherBlocks() throws IOException {
        QlifBlock block = initialized(QlifBlock.builder().build());
        byte[] file = saved(block);
        assertThatExceptionOfType(MalformedModelException.class)
                .isThrownBy(() -> load(LifBlock.builder().build(), file))
                .withMessageContainingAll("LifBlock: got parameters of 'QLIF v_th", "'LIF tau_syn_inv");
        QlifConfig plain =
                QlifConfig.builder().homeostasis(QlifConfig.Homeostasis::off).build();
        assertThatExceptionOfType(MalformedModelException.class)
                .isThrownBy(() -> load(QlifBlock.builder().optConfig(plain).build(), file))
                .withMessageContaining("homeostasis_offset");
        QlifBlock wider = QlifBlock.builder().build();
        wider.initialize(manager, DataType.FLOAT32, new Shape(1, 1, NEURONS + 1));
        assertThatExceptionOfType(MalformedModelException.class)
                .isThrownBy(() -> load(wider, file))
                .withMessageContainingAll("got parameters of 7 neurons", "8");
        assertThat(wider.getDirectParameters().get("tau").getArray().getShape()).isEqualTo(new Shape(NEURONS + 1));
        byte[] linear = saved(initialized(SpikeLinearBlock.builder().setUnits(2).build()));
        assertThatExceptionOfType(MalformedModelException.class)
                .isThrownBy(() -> load(SpikeLinearBlock.builder().setUnits(3).build(), linear))
                .withMessage("weight: got float32 (7, 2), expected float32 (K, 3)");
        for (int length = 0; length < file.length; length += 97) {
            byte[] cut = java.util.Arrays.copyOf(file, length);
            assertThatExceptionOfType(Exception.class)
                    .isThrownBy(() -> load(QlifBlock.builder().build(), cut))
                    .isInstanceOfAny(IOException.class, MalformedModelException.class, IllegalArgumentException.class);
        }
        assertThatIllegalStateException()
                .isThrownBy(() -> saved(QlifBlock.builder().build()));
    }

    private static byte[] saved(Block block) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        block.saveParameters(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    private void load(Block block, byte[] file) throws IOException, MalformedModelException {
        block.loadParameters(manager, new DataInputStream(new ByteArrayInputStream(file)));
    }

    /** A kernel serves one call at a time, so each thread gets one. */
    @Test
    void severalThreadsRunOneBlock() throws Exception {
        QlifBlock block = initialized(
                QlifBlock.builder().optDraws(() -> new DrawStream(1, 0)).build());
        float[] expected = run(block, current(2), false);
        List<Callable<Void>> callers = new ArrayList<>();
        for (int thread = 0; thread < 4; thread++) {
            callers.add(() -> {
                // As a thread of the caller's own is: the engine records there.
                try (NDManager own = manager.newSubManager()) {
                    ParameterStore ownStore = new ParameterStore(own, false);
                    for (int call = 0; call < 200; call++) {
                        NDArray input = own.create(current(2), SHAPE);
                        float[] found = block.forward(ownStore, new NDList(input), false)
                                .singletonOrThrow()
                                .toFloatArray();
                        assertThat(found).isEqualTo(expected);
                    }
                }
                return null;
            });
        }
        try (ExecutorService threads = Executors.newFixedThreadPool(callers.size())) {
            for (Future<Void> caller : threads.invokeAll(callers)) {
                caller.get();
            }
        }
    }

    @Test
    void aClearedBlockStartsAnew() {
        QlifBlock block = initialized(QlifBlock.builder().build());
        run(block, current(1), true);
        block.clear();
        initialized(block);
        NDArray input = manager.create(current(1), SHAPE);
        assertThat(block.forward(new ParameterStore(manager, false), new NDList(input), true)
                        .singletonOrThrow()
                        .getShape())
                .isEqualTo(SHAPE);
    }

    @Test
    void runsOnTheDeviceThatItIsTold() {
        QlifBlock block = QlifBlock.builder()
                .optDevice("cpu:scalar")
                .optDraws(() -> new DrawStream(1, 0))
                .build();
        QlifBlock fast =
                QlifBlock.builder().optDraws(() -> new DrawStream(1, 0)).build();
        assertThat(run(initialized(block), current(1), false)).isEqualTo(run(initialized(fast), current(1), false));
        assertThat(manager.getDevice()).isEqualTo(Device.cpu());
    }
}
