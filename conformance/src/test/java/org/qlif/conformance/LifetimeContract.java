// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.ref.Reference;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifLayer;
import org.qlif.NativeException;
import org.qlif.NeuromodTransform;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifLayer;
import org.qlif.State;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * Beginnings and ends: closing during a call waits for it, what is forgotten is reclaimed, what is too large is refused, and what is
 * empty is done at once.
 */
abstract class LifetimeContract {
    private static final QlifConfig CONFIG = QlifConfig.defaults();
    private static final int STEPS = 30;
    private static final int NEURONS = 700;

    /** A folder for each thread of the process. */
    private static final Path TASKS = Path.of("/proc/self/task");

    private final Device device;

    LifetimeContract(String device) {
        this.device = Device.of(device);
    }

    private Kernel open(NeuronConfig config) {
        return Kernel.open(config, device, KernelOptions.defaults().withThreads(2));
    }

    private static Tensor f32(long... shape) {
        return Tensor.zeros(DType.F32, shape);
    }

    private static Forward call(Tape tape) {
        return call(CONFIG, tape);
    }

    private static Forward call(NeuronConfig config, Tape tape) {
        return new Forward()
                .input(f32(STEPS, 1, NEURONS))
                .parameters(Parameters.shared(config))
                .draws(new DrawStream(1, 2))
                .voltages(f32(STEPS, 1, NEURONS))
                .tape(tape);
    }

    /** Runs {@code use} over and over on another thread until it throws; that is the result. */
    private static final class Caller {
        private final AtomicInteger calls = new AtomicInteger();
        private final CompletableFuture<Throwable> end = new CompletableFuture<>();
        private volatile boolean interrupted;

        Caller(Runnable use) {
            Thread thread = new Thread(() -> {
                try {
                    while (true) {
                        use.run();
                        calls.incrementAndGet();
                    }
                } catch (Throwable thrown) {
                    interrupted = Thread.currentThread().isInterrupted();
                    end.complete(thrown);
                }
            });
            thread.setDaemon(true);
            thread.start();
        }

        void awaitCalls(int count) {
            while (calls.get() < count && !end.isDone()) {
                Thread.onSpinWait();
            }
        }

        /** What the calls ended with: that the object is closed, and nothing else. */
        void assertClosed(String what) throws Exception {
            Throwable thrown = end.get(60, TimeUnit.SECONDS);
            assertThat(thrown).isExactlyInstanceOf(IllegalStateException.class).hasMessage(what + " is closed");
            assertThat(interrupted).isFalse();
            assertThat(calls.get()).isPositive();
        }
    }

    @TestModel.Each
    @Timeout(120)
    void closingAKernelWaitsForItsCall(TestModel model) throws Exception {
        for (int round = 0; round < 20; round++) {
            Kernel kernel = open(model.defaults());
            Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, STEPS, 1, NEURONS);
            Forward forward = call(model.defaults(), tape);
            Backward backward = new Backward(forward).gradInput(f32(STEPS, 1, NEURONS));
            Caller caller = new Caller(() -> {
                kernel.forward(forward);
                kernel.backward(backward);
            });
            caller.awaitCalls(1 + round % 3);
            kernel.close();
            kernel.close();
            caller.assertClosed("this kernel");
            tape.close();
        }
    }

    @TestModel.Each
    @Timeout(120)
    void closingATapeWaitsForItsCall(TestModel model) throws Exception {
        try (Kernel kernel = open(model.defaults())) {
            for (int round = 0; round < 20; round++) {
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, STEPS, 1, NEURONS);
                Forward forward = call(model.defaults(), tape);
                Backward backward = new Backward(forward).gradInput(f32(STEPS, 1, NEURONS));
                Caller caller = new Caller(() -> {
                    kernel.forward(forward);
                    kernel.backward(backward);
                });
                caller.awaitCalls(1 + round % 3);
                tape.close();
                tape.close();
                caller.assertClosed("tape:");
                kernel.forward(forward.tape(null));
            }
        }
    }

    /** A tape and its memory end in any order; calls on one whose memory is gone are refused, and write nothing. */
    @Test
    void memoryThatIsLentEndsInAnyOrder() {
        assumeFalse(device.kind().equals("cuda"), "the memory of " + device + " is in no arena");
        try (Kernel kernel = open(CONFIG)) {
            long bytes = kernel.tapeBytes(Tape.Mode.VOLTAGE, STEPS, 1, NEURONS);
            Tape orphan;
            Forward forward;
            Backward backward;
            try (Arena arena = Arena.ofConfined()) {
                Tensor memory = Tensor.of(DType.U8, arena.allocate(bytes, 64), bytes);
                orphan = kernel.newTape(Tape.Mode.VOLTAGE, STEPS, 1, NEURONS, memory);
                forward = call(orphan);
                backward = new Backward(forward).gradInput(f32(STEPS, 1, NEURONS));
                kernel.forward(forward);
                kernel.backward(backward);
            }
            float[] written = backward.gradInput().toFloatArray();
            assertThatThrownBy(() -> kernel.backward(backward))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessage("tape: the arena of its memory is closed");
            assertThatThrownBy(() -> kernel.forward(forward))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessage("tape: the arena of its memory is closed");
            assertThat(backward.gradInput().toFloatArray()).isEqualTo(written);
            orphan.close();
            try (Arena arena = Arena.ofShared()) {
                Tensor memory = Tensor.of(DType.U8, arena.allocate(bytes, 64), bytes);
                for (int tapes = 0; tapes < 2; tapes++) {
                    try (Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, STEPS, 1, NEURONS, memory)) {
                        kernel.forward(forward.tape(tape));
                        kernel.backward(backward);
                        assertThat(backward.gradInput().toFloatArray()).isEqualTo(written);
                    }
                    memory.segment().fill((byte) 0x5A);
                }
                assertThatThrownBy(() -> kernel.forward(forward))
                        .isExactlyInstanceOf(IllegalStateException.class)
                        .hasMessage("tape: is closed");
            }
        }
    }

    /** A layer whose parameters' memory is gone refuses calls, and closes as ever. */
    @Test
    void aLayerOutlivesTheMemoryThatItIsLent() {
        QlifLayer layer;
        try (Arena arena = Arena.ofShared()) {
            Parameters lent = Parameters.shared(CONFIG);
            for (NeuronParameter parameter : CONFIG.parameters()) {
                Tensor tensor = Tensor.of(DType.F32, arena.allocate(4, 4), 1);
                tensor.fill(CONFIG.defaultValue(parameter));
                lent.set(parameter, tensor);
            }
            layer = QlifLayer.builder(NEURONS)
                    .device(device.text())
                    .parameters(lent)
                    .training(Tape.Mode.COMPACT)
                    .build();
            layer.forward(f32(STEPS, 1, NEURONS));
        }
        assertThatThrownBy(() -> layer.backward(f32(STEPS, 1, NEURONS), null))
                .isExactlyInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        assertThatThrownBy(() -> layer.forward(f32(STEPS, 1, NEURONS)))
                .isExactlyInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        layer.close();
    }

    /** A layer for training, of either model. */
    private record Layer(AutoCloseable whole, UnaryOperator<Tensor> forward, Consumer<Tensor> backward) {
        static Layer of(TestModel model, Device device, int threads) {
            if (model == TestModel.LIF) {
                LifLayer layer = LifLayer.builder(NEURONS)
                        .device(device.text())
                        .options(KernelOptions.defaults().withThreads(threads))
                        .training(Tape.Mode.VOLTAGE)
                        .build();
                return new Layer(
                        layer, input -> layer.forward(input).voltages(), gradient -> layer.backward(gradient, null));
            }
            QlifLayer layer = QlifLayer.builder(NEURONS)
                    .device(device.text())
                    .options(KernelOptions.defaults().withThreads(threads))
                    .training(Tape.Mode.VOLTAGE)
                    .build();
            return new Layer(
                    layer, input -> layer.forward(input).voltages(), gradient -> layer.backward(gradient, null));
        }
    }

    /** A layer and its tape end together, from whichever thread; no memory stays behind. */
    @Test
    @Timeout(240)
    void closingALayerWaitsForItsCallAndLeavesNothingBehind() throws Exception {
        // On a tape of 40 MB, 600 MB of which 15 rounds would leave behind; too much work for some devices.
        boolean slow = emulated() || device.text().equals("cpu:scalar");
        Tensor input = f32(slow ? STEPS : 12_000, 1, NEURONS);
        // Held, so that nothing but close() can have released what they had.
        List<Layer> layers = new ArrayList<>();
        long before = 0;
        for (int round = 0; round < 18; round++) {
            Layer layer = Layer.of(TestModel.QLIF, device, 2);
            layers.add(layer);
            closeDuringACall(layer, input);
            if (round == 2) {
                before = mappedBytes();
            }
        }
        assertThat(mappedBytes() - before).isLessThan(300_000_000);
        Reference.reachabilityFence(layers);
    }

    @TestModel.Each
    @Timeout(120)
    void closingALayerWaitsForItsCall(TestModel model) throws Exception {
        for (int round = 0; round < 10; round++) {
            closeDuringACall(Layer.of(model, device, 2), f32(STEPS, 1, NEURONS));
        }
    }

    private static void closeDuringACall(Layer layer, Tensor input) throws Exception {
        Caller caller = new Caller(() -> {
            layer.forward().apply(input);
            layer.backward().accept(input);
        });
        caller.awaitCalls(1);
        layer.whole().close();
        layer.whole().close();
        caller.assertClosed("this layer");
    }

    /** Whether the device is a GPU's emulation, thousands of times slower. */
    private boolean emulated() {
        return device.kind().equals("cuda") && System.getProperty("qlif.library") != null;
    }

    /** Mapped, not resident: the Java heap is mapped once and for all, while how much of it is resident comes and goes. */
    private static long mappedBytes() throws IOException {
        Path status = Path.of("/proc/self/status");
        assumeTrue(Files.exists(status), "there is no /proc to ask for the process' memory");
        return number(status, "VmSize:") * 1024;
    }

    private static long number(Path status, String name) throws IOException {
        return Files.readAllLines(status).stream()
                .filter(line -> line.startsWith(name))
                .map(line -> line.replaceAll("\\D", ""))
                .mapToLong(Long::parseLong)
                .findFirst()
                .orElseThrow();
    }

    /** From inside a call there is no waiting for it: refused, on whichever thread the caller's function runs, and nothing changes. */
    @Test
    @Timeout(60)
    void refusesToCloseFromWithinACall() {
        assumeTrue(RandomConfigs.callsJava(device), "kernels on " + device + " call no user functions");
        AtomicReference<Runnable> closing = new AtomicReference<>();
        AtomicInteger refusals = new AtomicInteger();
        NeuromodTransform closes = new NeuromodTransform() {
            @Override
            public float apply(float m) {
                assertThatThrownBy(closing.get()::run)
                        .isExactlyInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("in a call");
                refusals.incrementAndGet();
                return m;
            }

            @Override
            public float derivative(float m, float value) {
                return 1;
            }
        };
        QlifConfig config = QlifConfig.builder()
                .neuromodulation(m -> m.withTransform(closes))
                .build();
        try (Kernel kernel = open(config);
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, STEPS, 1, NEURONS)) {
            Forward forward = call(tape).modulation(f32(NEURONS));
            closing.set(kernel::close);
            kernel.forward(forward);
            closing.set(tape::close);
            kernel.forward(forward);
            kernel.backward(new Backward(forward).gradInput(f32(STEPS, 1, NEURONS)));
        }
        try (QlifLayer layer = QlifLayer.builder(NEURONS)
                .device(device.text())
                .options(KernelOptions.defaults().withThreads(2))
                .config(config)
                .build()) {
            closing.set(layer::close);
            layer.forward(f32(STEPS, 1, NEURONS), f32(NEURONS));
            closing.set(layer.kernel()::close);
            layer.forward(f32(STEPS, 1, NEURONS), f32(NEURONS));
        }
        assertThat(refusals.get()).isGreaterThanOrEqualTo(5 * NEURONS);
    }

    /** A thread that closes and is interrupted goes on waiting, and is interrupted afterwards. */
    @Test
    @Timeout(60)
    void closesInSpiteOfAnInterrupt() throws Exception {
        assumeTrue(RandomConfigs.callsJava(device), "kernels on " + device + " call no user functions");
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch proceed = new CountDownLatch(1);
        NeuromodTransform waiting = new NeuromodTransform() {
            @Override
            public float apply(float m) {
                inside.countDown();
                try {
                    proceed.await(30, TimeUnit.SECONDS);
                } catch (InterruptedException interrupted) {
                    throw new IllegalStateException(interrupted);
                }
                return m;
            }

            @Override
            public float derivative(float m, float value) {
                return 1;
            }
        };
        Kernel kernel = open(QlifConfig.builder()
                .neuromodulation(m -> m.withTransform(waiting))
                .build());
        try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
            Future<?> running = threads.submit(() -> kernel.forward(call(null).modulation(f32(NEURONS))));
            assertThat(inside.await(30, TimeUnit.SECONDS)).isTrue();
            AtomicReference<Thread> closer = new AtomicReference<>();
            Future<Boolean> closing = threads.submit(() -> {
                closer.set(Thread.currentThread());
                kernel.close();
                return Thread.interrupted();
            });
            while (closer.get() == null || closer.get().getState() == Thread.State.RUNNABLE) {
                Thread.onSpinWait();
            }
            closer.get().interrupt();
            assertThatThrownBy(() -> closing.get(50, TimeUnit.MILLISECONDS))
                    .isInstanceOf(java.util.concurrent.TimeoutException.class);
            assertThatThrownBy(() -> kernel.forward(call(null)))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessage("this kernel is closed");
            proceed.countDown();
            running.get(30, TimeUnit.SECONDS);
            assertThat(closing.get(30, TimeUnit.SECONDS)).isTrue();
        }
    }

    /** Layers that nobody closes: the helpers that they share end when the last is unreachable. */
    @Test
    @Timeout(120)
    void reclaimsWhatIsForgotten() throws Exception {
        assumeTrue(device.kind().equals("cpu"), device + " has no helper threads");
        assumeTrue(Files.exists(TASKS), "there is no /proc to ask for the process' threads");
        for (int i = 0; i < 40; i++) {
            forgetALayer(i % 2 == 0 ? TestModel.QLIF : TestModel.LIF);
        }
        while (helpers() > 0) {
            System.gc();
            Thread.sleep(20);
        }
    }

    private void forgetALayer(TestModel model) throws Exception {
        Layer layer = Layer.of(model, device, 3);
        layer.forward().apply(f32(2, 1, NEURONS));
        layer.backward().accept(f32(2, 1, NEURONS));
        // A thread has no name before it runs.
        while (helpers() == 0) {
            Thread.sleep(1);
        }
        Reference.reachabilityFence(layer);
    }

    /** How many helper threads there are in the process, of Java and of the native library. */
    private static long helpers() throws IOException {
        long helpers = 0;
        try (DirectoryStream<Path> tasks = Files.newDirectoryStream(TASKS)) {
            for (Path task : tasks) {
                try {
                    helpers += Files.readString(task.resolve("comm")).startsWith("qlif-helper-") ? 1 : 0;
                } catch (IOException ended) {
                    // A thread that has just ended.
                }
            }
        }
        return helpers;
    }

    /** Steps, rows or neurons of which there are none leave nothing to do, however many there are of the others. */
    @ParameterizedTest
    @CsvSource({
        "0, 268435456, 268435456",
        "0, 1, 72057594037927936",
        "1, 0, 8589934592",
        "1, 8589934592, 0",
        "8589934592, 0, 5",
        "8589934592, 5, 0",
        "0, 0, 0"
    })
    @Timeout(10)
    void doesNothingAtOnce(long steps, long batch, long neurons) {
        TestModel.all().forEach(model -> doesNothingAtOnce(model.defaults(), steps, batch, neurons));
    }

    private void doesNothingAtOnce(NeuronConfig config, long steps, long batch, long neurons) {
        try (Kernel kernel = open(config)) {
            Tensor modulation = config.acceptsModulation() ? f32(1, 1, 1) : null;
            Forward forward = new Forward()
                    .input(f32(steps, batch, neurons))
                    .parameters(Parameters.shared(config))
                    .modulation(modulation)
                    .draws(new DrawStream(1, 2))
                    .spikes(f32(steps, batch, neurons))
                    .voltages(f32(steps, batch, neurons));
            kernel.forward(forward);
            kernel.draw(new DrawStream(1, 2), 0, f32(steps, batch, neurons), f32(steps, batch, neurons));
            kernel.draw(new DrawStream(1, 2), 0, f32(steps, 64, batch, neurons), null);
            // A tape of so many elements could never be had, whatever its steps; one of so many steps with no elements
            // can.
            if (batch * neurons > 0) {
                return;
            }
            try (Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, steps, batch, neurons)) {
                kernel.forward(forward.tape(tape));
                Parameters gradients = Parameters.zerosLike(forward.parameters());
                for (NeuronParameter parameter : config.parameters()) {
                    gradients.get(parameter).fill(7);
                }
                Tensor gradModulation = modulation == null ? null : f32(1, 1, 1);
                if (gradModulation != null) {
                    gradModulation.fill(7);
                }
                kernel.backward(new Backward(forward)
                        .gradSpikeValues(f32(steps, batch, neurons))
                        .gradInput(f32(steps, batch, neurons))
                        .gradModulation(gradModulation)
                        .gradParameters(gradients));
                for (NeuronParameter parameter : config.parameters()) {
                    assertThat(gradients.get(parameter).toFloatArray()).containsExactly(0);
                }
                if (gradModulation != null) {
                    assertThat(gradModulation.toFloatArray()).containsExactly(0);
                }
            }
        }
    }

    /** Of one row that has no steps, the state is handed on and the gradients come back. */
    @TestModel.Each
    void handsTheStateOnWhereThereAreNoSteps(TestModel model) {
        NeuronConfig config = model.defaults();
        NeuronParameter parameter = config.parameters().getFirst();
        try (Kernel kernel = open(config);
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, 0, 1, NEURONS)) {
            State initial = State.zeros(config, 1, NEURONS);
            initial.variables().forEach(variable -> initial.get(variable).fill(variable.ordinal() + 0.5f));
            State last = State.zeros(config, 1, NEURONS);
            Forward forward = new Forward()
                    .input(f32(0, 1, NEURONS))
                    .parameters(Parameters.shared(config))
                    .draws(new DrawStream(1, 2))
                    .initialState(initial)
                    .finalState(last)
                    .tape(tape);
            kernel.forward(forward);
            initial.variables()
                    .forEach(variable -> assertThat(last.get(variable).toFloatArray())
                            .isEqualTo(initial.get(variable).toFloatArray()));
            Parameters gradients = Parameters.zerosLike(forward.parameters());
            gradients.get(parameter).fill(7);
            kernel.backward(new Backward(forward).gradParameters(gradients));
            assertThat(gradients.get(parameter).toFloatArray()).containsExactly(0);
        }
    }

    /** B * N beyond what any memory holds, and sizes beyond 2^63: the same refusal on every backend, from every call. */
    @ParameterizedTest
    @CsvSource({"0, 2147483648, 2147483648", "0, 1152921504606846976, 16", "0, 9223372036854775807, 9223372036854775807"
    })
    @Timeout(10)
    void refusesMoreElementsThanCanBeCounted(long steps, long batch, long neurons) {
        try (Kernel kernel = open(CONFIG)) {
            Tensor input = f32(steps, batch, neurons);
            assertThatThrownBy(() -> kernel.forward(new Forward()
                            .input(input)
                            .parameters(Parameters.shared(CONFIG))
                            .draws(new DrawStream(1, 2))))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("input: got B = " + batch + " and N = " + neurons);
            assertThatThrownBy(() -> kernel.draw(new DrawStream(1, 2), 0, input, null))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("uniforms: got B = " + batch);
            assertThatThrownBy(() -> kernel.draw(new DrawStream(1, 2), 0, null, input))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("normals: got B = " + batch);
            assertThatThrownBy(() -> kernel.newTape(Tape.Mode.VOLTAGE, steps, batch, neurons))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("shape: got B = " + batch);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "4611686018427387904, 1, 1",
        "1099511627776, 1048576, 1",
        "1099511627776, 1, 1048576",
        "9223372036854775807, 1, 1",
        "-1, 2, 3",
        "1, -2, 3",
        "1, 2, -3"
    })
    @Timeout(10)
    void refusesTapesWhoseSizeIsNoNumber(long steps, long batch, long neurons) {
        String named =
                steps < 0 ? "steps: got -1" : batch < 0 ? "batch: got -2" : neurons < 0 ? "neurons: got -3" : "shape";
        try (Kernel kernel = open(CONFIG)) {
            for (Tape.Mode mode : Tape.Mode.values()) {
                assertThatThrownBy(() -> kernel.newTape(mode, steps, batch, neurons))
                        .isExactlyInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining(named);
            }
        }
    }

    /** More than any machine has, of memory or of addresses. */
    @ParameterizedTest
    @CsvSource({
        "1048576, 1048576, 1024",
        "1099511627776, 1, 4096",
        "64, 1024, 1099511627776",
        "1, 1, 144115188075855872"
    })
    @Timeout(10)
    void saysOfATapeThatMemoryRunsOut(long steps, long batch, long neurons) {
        try (Kernel kernel = open(CONFIG)) {
            for (Tape.Mode mode : Tape.Mode.values()) {
                assertThatThrownBy(() -> kernel.newTape(mode, steps, batch, neurons))
                        .isExactlyInstanceOf(NativeException.class)
                        .extracting(thrown -> ((NativeException) thrown).kind())
                        .isEqualTo(NativeException.Kind.OUT_OF_MEMORY);
            }
            try (Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, STEPS, 1, NEURONS)) {
                kernel.forward(call(tape));
            }
        }
    }
}
