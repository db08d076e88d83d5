// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.NativeException;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.SpikeLinear;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.gpu.CudaDevice;
import org.qlif.gpu.CudaEvent;
import org.qlif.gpu.CudaGraph;
import org.qlif.gpu.CudaKernel;
import org.qlif.gpu.CudaLinear;
import org.qlif.gpu.CudaStream;
import org.qlif.gpu.DeviceBuffer;
import org.qlif.gpu.PinnedBuffer;

/** A GPU's own memory, streams, events and graphs: the same bits, whatever the way, and refusals where it would end badly. */
@RequiresDevice("cuda:0")
class CudaMemoryTest {
    private static final Device DEVICE = Device.of("cuda:0");
    private static final Device ORACLE = Device.of("cpu:scalar");
    private static final KernelOptions ONE_THREAD = KernelOptions.defaults().withThreads(1);
    private static final QlifConfig CONFIG = QlifConfig.defaults();

    private CudaDevice device;

    @BeforeEach
    void open() {
        device = CudaDevice.open(0);
    }

    @AfterEach
    void close() {
        device.close();
        device.close();
    }

    private static Kernel kernel() {
        return kernel(CONFIG);
    }

    private static Kernel kernel(NeuronConfig config) {
        return Kernel.open(config, DEVICE, ONE_THREAD);
    }

    private static CudaKernel control(Kernel kernel) {
        return kernel.extension(CudaKernel.class).orElseThrow();
    }

    private static Result expected(Scenario scenario) {
        try (Kernel oracle = Kernel.open(scenario.config(), ORACLE, ONE_THREAD)) {
            return scenario.run(oracle, Tape.Mode.VOLTAGE);
        }
    }

    private static Scenario scenario(int index, Shape shape) {
        return Scenario.random(Seeds.random(Seeds.of(index)), CONFIG, shape);
    }

    /** A scenario's calls on twins of its tensors, and a way to hold what comes of them against the oracle. */
    private final class Run implements AutoCloseable {
        private final Scenario scenario;
        private final Memory memory = new Memory(Memory.Kind.ARRAYS);
        private final OnDevice onDevice;
        private final Tape tape;
        private final Forward hostForward;
        private final Backward hostBackward;
        private final Forward forward;
        private final Backward backward;

        Run(Scenario scenario, Kernel kernel, Tape.Mode mode) {
            this.scenario = scenario;
            this.onDevice = new OnDevice(device, scenario.config());
            Shape shape = scenario.shape();
            tape = kernel.newTape(mode, shape.steps(), shape.batch(), shape.neurons());
            hostForward = scenario.forward(memory, _ -> true);
            hostBackward = scenario.backward(hostForward, memory, _ -> true);
            forward = onDevice.twin(hostForward, tape);
            backward = onDevice.twin(hostBackward, forward);
        }

        void assertSameBits() {
            onDevice.fetch();
            // What the host's description never ran: the step that follows.
            hostForward.finalState().step(forward.finalState().step());
            hostBackward.gradInitialState().step(backward.gradInitialState().step());
            scenario.collect(hostForward, hostBackward).assertSameBits(expected(scenario), scenario.toString());
        }

        @Override
        public void close() {
            tape.close();
            onDevice.close();
            memory.close();
        }
    }

    @Test
    void describesTheDevice() {
        assertThat(device.name()).isNotBlank();
        assertThat(device.device()).isEqualTo(DEVICE);
        assertThat(device.computeCapability()).matches("\\d+\\.\\d+");
        assertThat(device.driverVersion()).matches("\\d+\\.\\d+");
        assertThat(device.multiprocessors()).isPositive();
        assertThat(device.freeBytes()).isBetween(1L, device.memoryBytes());
    }

    /** More than twice what goes through at once, and an odd rest. */
    @Test
    void copiesThereAndBack() {
        int length = (9 << 20) + 13;
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (i * 31 + (i >>> 8));
        }
        try (Arena arena = Arena.ofConfined();
                DeviceBuffer buffer = device.allocate(length);
                PinnedBuffer pinned = device.allocatePinned(length)) {
            buffer.copyFrom(MemorySegment.ofArray(bytes));
            byte[] back = new byte[length];
            buffer.copyTo(MemorySegment.ofArray(back));
            assertThat(back).isEqualTo(bytes);
            MemorySegment nativeBytes = arena.allocate(length);
            buffer.copyTo(nativeBytes);
            assertThat(nativeBytes.mismatch(MemorySegment.ofArray(bytes))).isEqualTo(-1);
            pinned.segment().copyFrom(nativeBytes);
            try (CudaStream stream = device.newStream()) {
                buffer.fill((byte) 7, stream);
                buffer.copyFrom(pinned.segment().asSlice(0, 100), 5, stream);
                pinned.segment().asSlice(200, 106).fill((byte) 0);
                buffer.copyTo(pinned.segment().asSlice(200, 106), 0, stream);
                stream.synchronize();
                assertThat(stream.isDone()).isTrue();
            }
            assertThat(pinned.segment().get(ValueLayout.JAVA_BYTE, 204)).isEqualTo((byte) 7);
            assertThat(pinned.segment().get(ValueLayout.JAVA_BYTE, 205)).isEqualTo(bytes[0]);
            assertThat(pinned.segment().get(ValueLayout.JAVA_BYTE, 305)).isEqualTo((byte) 7);
        }
    }

    @Test
    void refusesWhatDoesNotFit() {
        try (DeviceBuffer buffer = device.allocate(64)) {
            for (Runnable outside : List.<Runnable>of(
                    () -> buffer.tensor(DType.F32, 17),
                    () -> buffer.tensorAt(64, DType.U8, 1),
                    () -> buffer.tensorAt(-4, DType.F32, 1),
                    () -> buffer.copyFrom(MemorySegment.ofArray(new byte[65])),
                    () -> buffer.copyTo(MemorySegment.ofArray(new byte[2]), 63))) {
                assertThatThrownBy(outside::run).isInstanceOf(IndexOutOfBoundsException.class);
            }
            assertThatThrownBy(() -> buffer.tensorAt(2, DType.F32, 1))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("aligned");
            assertThatThrownBy(() ->
                            buffer.copyTo(MemorySegment.ofArray(new byte[4]).asReadOnly()))
                    .isExactlyInstanceOf(IllegalArgumentException.class);
            try (CudaStream stream = device.newStream()) {
                assertThatThrownBy(() -> buffer.copyFrom(MemorySegment.ofArray(new byte[4]), 0, stream))
                        .isExactlyInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("heap");
            }
        }
        assertThatThrownBy(() -> device.allocate(-1)).isExactlyInstanceOf(IllegalArgumentException.class);
        try (DeviceBuffer empty = device.allocate(0)) {
            assertThat(empty.tensor(DType.F32, 0, 3).elements()).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(Tape.Mode.class)
    void runsOnItsOwnMemory(Tape.Mode mode) {
        for (int i = 0; i < Seeds.cases(20); i++) {
            RandomGenerator random = Seeds.random(Seeds.of(i));
            NeuronConfig config = i % 3 == 2 ? LifConfig.defaults() : CONFIG;
            Scenario scenario = Scenario.random(random, config, 20_000);
            try (Kernel kernel = kernel(config);
                    Run run = new Run(scenario, kernel, mode)) {
                kernel.forward(run.forward);
                kernel.backward(run.backward);
                run.assertSameBits();
            }
        }
    }

    /** Some tensors here, some there. */
    @Test
    void mixesPlaces() {
        Scenario scenario = scenario(1, new Shape(70, 2, 65));
        try (Kernel kernel = kernel();
                Run run = new Run(scenario, kernel, Tape.Mode.VOLTAGE)) {
            Tensor voltages = run.hostForward.voltages();
            kernel.forward(run.forward.input(run.hostForward.input()).voltages(voltages));
            Result.Bits.assertSame(expected(scenario).floats("voltages"), voltages.toFloatArray(), scenario.toString());
        }
    }

    @Test
    void runsAheadOnAStream() {
        Scenario scenario = scenario(2, new Shape(130, 3, 257));
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream();
                CudaEvent before = device.newEvent();
                CudaEvent after = device.newEvent();
                Run run = new Run(scenario, kernel, Tape.Mode.VOLTAGE)) {
            control(kernel).stream(stream);
            assertThat(control(kernel).stream()).isSameAs(stream);
            before.record(stream);
            kernel.forward(run.forward);
            kernel.backward(run.backward);
            after.record(stream);
            after.synchronize();
            assertThat(after.isDone()).isTrue();
            assertThat(after.millisecondsSince(before)).isPositive();
            run.assertSameBits();
            control(kernel).stream(null);
            kernel.forward(run.forward);
        }
    }

    /** Two kernels on two streams, the second behind the first by an event; the streams' owner's handles. */
    @Test
    void ordersStreamsByEvents() {
        Scenario scenario = scenario(3, new Shape(65, 2, 129));
        try (Kernel first = kernel();
                Kernel second = kernel();
                CudaStream one = device.newStream();
                CudaStream other = device.newStream();
                CudaStream wrapped = device.stream(other.address());
                CudaEvent done = device.newEvent();
                Run run = new Run(scenario, first, Tape.Mode.COMPACT);
                Run next = new Run(scenario, second, Tape.Mode.COMPACT);
                DeviceBuffer between = device.allocate(run.forward.input().elements() * 4)) {
            control(first).stream(one);
            control(second).stream(wrapped);
            Tensor voltages = between.tensor(DType.F32, scenario.shape().extents());
            first.forward(run.forward.voltages(voltages));
            done.record(one);
            wrapped.waitFor(done);
            second.forward(next.forward.input(voltages));
            other.synchronize();
            float[] chained = new float[scenario.shape().size()];
            between.copyTo(MemorySegment.ofArray(chained));
            Result.Bits.assertSame(expected(scenario).floats("voltages"), chained, scenario.toString());
        }
    }

    @ParameterizedTest
    @EnumSource(Tape.Mode.class)
    void repeatsAGraph(Tape.Mode mode) {
        Scenario scenario = scenario(4, new Shape(70, 2, 129));
        Shape shape = scenario.shape();
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream();
                Run run = new Run(scenario, kernel, mode)) {
            control(kernel).stream(stream);
            control(kernel).reserve(shape.steps(), shape.batch(), shape.neurons(), true);
            CudaGraph graph = CudaGraph.capture(stream, () -> {
                kernel.forward(run.forward);
                kernel.backward(run.backward);
            });
            try {
                for (int i = 0; i < 3; i++) {
                    graph.launch(stream);
                    stream.synchronize();
                    run.assertSameBits();
                }
            } finally {
                graph.close();
                graph.close();
            }
            assertThatThrownBy(() -> graph.launch(stream))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        }
    }

    /** With a tape and scratch memory of the caller's, nothing is reserved, and the memory is the GPU's. */
    @ParameterizedTest
    @EnumSource(Tape.Mode.class)
    void capturesCallsInLentMemory(Tape.Mode mode) {
        Scenario scenario = scenario(4, new Shape(70, 2, 129));
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream();
                Room room = new Room(DEVICE);
                Tape tape = room.tape(kernel, mode, scenario.shape());
                Run run = new Run(scenario, kernel, mode)) {
            control(kernel).stream(stream);
            run.forward.tape(tape);
            room.scratch(kernel, run.backward);
            try (CudaGraph graph = CudaGraph.capture(stream, () -> {
                kernel.forward(run.forward);
                kernel.backward(run.backward);
            })) {
                for (int i = 0; i < 2; i++) {
                    graph.launch(stream);
                    stream.synchronize();
                    run.assertSameBits();
                }
            }
        }
    }

    /** At once, on a stream, and in a graph that outlives the layer. */
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"BIT", "U8", "F32"})
    void runsALinearLayer(DType type) {
        LinearCase linear = new LinearCase(
                Seeds.random(Seeds.of(0)), 3, 70, 45, 33, type, 0.3, LinearCase.Values.SPIKES, true, false);
        try (Memory memory = new Memory(Memory.Kind.ARRAYS);
                OnDevice onDevice = new OnDevice(device, CONFIG);
                CudaStream stream = device.newStream()) {
            SpikeLinear layer = SpikeLinear.open(DEVICE, ONE_THREAD);
            LinearForward hostForward = linear.forward(memory);
            LinearBackward hostBackward = linear.backward(hostForward, memory, LinearCase.EVERYTHING);
            LinearForward forward = onDevice.twin(hostForward);
            LinearBackward backward = onDevice.twin(hostBackward, forward);
            Runnable both = () -> {
                layer.forward(forward);
                layer.backward(backward);
            };
            both.run();
            assertSameBits(linear, onDevice, hostBackward);
            CudaLinear control = layer.extension(CudaLinear.class).orElseThrow();
            assertThat(control.stream()).isNull();
            control.stream(stream);
            assertThat(control.stream()).isSameAs(stream);
            both.run();
            stream.synchronize();
            assertSameBits(linear, onDevice, hostBackward);
            try (CudaGraph graph = CudaGraph.capture(stream, both)) {
                layer.close();
                graph.launch(stream);
                stream.synchronize();
                assertSameBits(linear, onDevice, hostBackward);
            }
            assertThatThrownBy(() -> control.stream(null))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessage("this linear layer is closed");
        }
    }

    /** Then forgets what was computed. */
    private static void assertSameBits(LinearCase linear, OnDevice onDevice, LinearBackward host) {
        onDevice.fetch();
        LinearCase.results(host).assertSameBits(linear.expected(), linear.toString());
        onDevice.forget(host.forward().output(), host.gradWeights(), host.gradBias(), host.gradInput());
    }

    @Test
    void refusesMemoryOfTheHostInAGraph() {
        Scenario scenario = scenario(5, new Shape(9, 2, 33));
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream();
                Run run = new Run(scenario, kernel, Tape.Mode.VOLTAGE)) {
            control(kernel).stream(stream);
            Forward mixed = run.forward.input(run.hostForward.input());
            assertThatThrownBy(() -> CudaGraph.capture(stream, () -> kernel.forward(mixed)))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("captured");
            kernel.forward(run.forward);
            kernel.backward(run.backward);
            stream.synchronize();
            run.assertSameBits();
        }
    }

    @Test
    void refusesPointersToElsewhere() {
        try (Arena arena = Arena.ofConfined();
                DeviceBuffer buffer = device.allocate(64);
                PinnedBuffer pinned = device.allocatePinned(64)) {
            Tensor wrapped = device.tensor(buffer.address() + 16, DType.F32, 3);
            assertThat(wrapped.place()).isEqualTo(DEVICE);
            assertThat(wrapped.address()).isEqualTo(buffer.address() + 16);
            for (long elsewhere : new long[] {
                arena.allocate(64, 64).address(), pinned.segment().address(), 64
            }) {
                assertThatThrownBy(() -> device.tensor(elsewhere, DType.F32, 3))
                        .isExactlyInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("cuda:0");
            }
        }
    }

    @Test
    void livesOnAfterMemoryRanOut() {
        long tooMuch = device.memoryBytes() * 2;
        assertThatThrownBy(() -> device.allocate(tooMuch))
                .isInstanceOfSatisfying(
                        NativeException.class,
                        failure -> assertThat(failure.kind()).isEqualTo(NativeException.Kind.OUT_OF_MEMORY));
        try (Kernel kernel = kernel()) {
            assertThatThrownBy(() -> kernel.newTape(Tape.Mode.VOLTAGE, 1 << 10, 1 << 10, 1 << 20))
                    .isInstanceOfSatisfying(
                            NativeException.class,
                            failure -> assertThat(failure.kind()).isEqualTo(NativeException.Kind.OUT_OF_MEMORY));
            Scenario scenario = scenario(6, new Shape(9, 2, 33));
            scenario.run(kernel, Tape.Mode.VOLTAGE).assertSameBits(expected(scenario), scenario.toString());
        }
    }

    @Test
    void refusesTensorsOfAClosedBuffer() {
        Scenario scenario = scenario(7, new Shape(9, 2, 33));
        try (Kernel kernel = kernel();
                Run run = new Run(scenario, kernel, Tape.Mode.VOLTAGE)) {
            DeviceBuffer gone = device.allocate(4L * scenario.shape().size());
            Tensor tensor = gone.tensor(DType.F32, scenario.shape().extents());
            gone.close();
            gone.close();
            assertThatThrownBy(() -> kernel.forward(run.forward.input(tensor)))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("input");
            assertThatThrownBy(gone::address).isExactlyInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> gone.tensor(DType.F32, 1)).isExactlyInstanceOf(IllegalStateException.class);
        }
    }

    /** Owners close while the GPU still works for them: closing waits. */
    @Test
    void closesBehindWorkThatIsUnderWay() {
        Scenario scenario = scenario(8, new Shape(1000, 4, 521));
        try (CudaStream stream = device.newStream()) {
            for (int i = 0; i < 5; i++) {
                Kernel kernel = kernel();
                Run run = new Run(scenario, kernel, Tape.Mode.VOLTAGE);
                control(kernel).stream(stream);
                kernel.forward(run.forward);
                kernel.backward(run.backward);
                kernel.close();
                run.close();
            }
            stream.synchronize();
        }
    }

    @Test
    void refusesUseAfterClose() {
        CudaStream stream = device.newStream();
        CudaEvent event = device.newEvent();
        stream.close();
        stream.close();
        event.close();
        event.close();
        Kernel kernel = kernel();
        CudaKernel control = control(kernel);
        try (CudaStream open = device.newStream()) {
            for (Runnable use : List.<Runnable>of(
                    stream::synchronize,
                    stream::isDone,
                    () -> event.record(open),
                    () -> open.waitFor(event),
                    () -> control.stream(stream))) {
                assertThatThrownBy(use::run)
                        .isExactlyInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("closed");
            }
            kernel.close();
            assertThatThrownBy(() -> control.stream(open)).isExactlyInstanceOf(IllegalStateException.class);
        }
        CudaDevice other = CudaDevice.open(0);
        CudaStream survivor = other.newStream();
        other.close();
        survivor.synchronize();
        survivor.close();
        assertThatThrownBy(other::newStream).isExactlyInstanceOf(IllegalStateException.class);
    }
}
