// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.gpu.CudaDevice;
import org.qlif.gpu.CudaEvent;
import org.qlif.gpu.CudaGraph;
import org.qlif.gpu.CudaKernel;
import org.qlif.gpu.CudaStream;
import org.qlif.gpu.DeviceBuffer;
import org.qlif.gpu.PinnedBuffer;

/** How long things of a GPU live: until they are closed and unused, or forgotten and unused. */
@RequiresDevice("cuda:0")
@Timeout(120)
class CudaLifetimeTest {
    private static final Device DEVICE = Device.of("cuda:0");
    private static final QlifConfig CONFIG = QlifConfig.defaults();
    private static final int SIZE = 4096;

    private CudaDevice device;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @BeforeEach
    void open() {
        device = CudaDevice.open(0);
    }

    @AfterEach
    void close() {
        threads.shutdownNow();
        device.close();
    }

    /** What a whole device is waited for by, which stops all streams and ends other threads' captures. */
    @AfterEach
    void waitsForNoWholeDevice() {
        PretendedDriver.find()
                .ifPresent(driver -> assertThat(driver.deviceWaits())
                        .as("waits for the whole device")
                        .isEqualTo(0));
    }

    private static void await(String what, BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 3_000; i++) {
            if (condition.getAsBoolean()) {
                return;
            }
            Thread.sleep(10);
        }
        assertThat(condition.getAsBoolean()).as(what).isTrue();
    }

    private static void awaitCollected(String what, BooleanSupplier condition) throws InterruptedException {
        await(what, () -> {
            System.gc();
            return condition.getAsBoolean();
        });
    }

    private static Kernel kernel() {
        return Kernel.open(CONFIG, DEVICE, KernelOptions.defaults().withThreads(1));
    }

    private static CudaKernel control(Kernel kernel) {
        return kernel.extension(CudaKernel.class).orElseThrow();
    }

    /** The uses that last as long as the work that they wait for. */
    enum Waiting {
        STREAM {
            @Override
            AutoCloseable open(CudaDevice device) {
                return device.newStream();
            }

            @Override
            void use(AutoCloseable object) {
                ((CudaStream) object).synchronize();
            }
        },
        EVENT {
            @Override
            AutoCloseable open(CudaDevice device) {
                return device.newEvent();
            }

            @Override
            void use(AutoCloseable object) {
                ((CudaEvent) object).synchronize();
            }
        },
        COPY_TO {
            @Override
            AutoCloseable open(CudaDevice device) {
                return device.allocate(SIZE);
            }

            @Override
            void use(AutoCloseable object) {
                ((DeviceBuffer) object).copyTo(MemorySegment.ofArray(new byte[SIZE]));
            }
        },
        COPY_FROM {
            @Override
            AutoCloseable open(CudaDevice device) {
                return device.allocate(SIZE);
            }

            @Override
            void use(AutoCloseable object) {
                ((DeviceBuffer) object).copyFrom(MemorySegment.ofArray(new byte[SIZE]));
            }
        };

        abstract AutoCloseable open(CudaDevice device);

        abstract void use(AutoCloseable object);
    }

    /** Two threads close what a third one is using: both wait, one releases. */
    @ParameterizedTest
    @EnumSource(Waiting.class)
    void closingWaitsForUses(Waiting waiting) throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        int before = driver.left();
        AutoCloseable object = waiting.open(device);
        driver.pause();
        List<Future<?>> closing = new ArrayList<>();
        Future<?> using;
        try {
            using = threads.submit(() -> waiting.use(object));
            await("in use", () -> driver.waiting() == 1);
            for (int i = 0; i < 2; i++) {
                Callable<Void> close = () -> {
                    object.close();
                    return null;
                };
                closing.add(threads.submit(close));
            }
            await("closing", () -> refuses(() -> waiting.use(object), driver));
            Thread.sleep(50);
            assertThat(closing).noneMatch(Future::isDone);
            assertThat(using.isDone()).isFalse();
        } finally {
            driver.resume();
        }
        using.get(30, TimeUnit.SECONDS);
        for (Future<?> each : closing) {
            each.get(30, TimeUnit.SECONDS);
        }
        object.close();
        assertThat(driver.left()).isEqualTo(before);
        assertThatThrownBy(() -> waiting.use(object))
                .isExactlyInstanceOf(IllegalStateException.class)
                .hasMessageContaining("is closed");
    }

    /** Whether {@code use} is refused; one that is not would wait, so it gets a thread of its own. */
    private boolean refuses(Runnable use, PretendedDriver driver) {
        int waiting = driver.waiting();
        Future<?> trying = threads.submit(use);
        try {
            await("refused or waiting", () -> trying.isDone() || driver.waiting() > waiting);
            return trying.isDone();
        } catch (InterruptedException impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** A thread that closes goes on being interrupted, and is not kept from closing by it. */
    @Test
    void closingMindsNoInterruption() throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        CudaStream stream = device.newStream();
        driver.pause();
        Future<Boolean> closing;
        Future<?> using;
        try {
            using = threads.submit(stream::synchronize);
            await("in use", () -> driver.waiting() == 1);
            closing = threads.submit(() -> {
                Thread.currentThread().interrupt();
                stream.close();
                return Thread.interrupted();
            });
            Thread.sleep(50);
            assertThat(closing.isDone()).isFalse();
        } finally {
            driver.resume();
        }
        assertThat(closing.get(30, TimeUnit.SECONDS)).isTrue();
        using.get(30, TimeUnit.SECONDS);
        assertThatThrownBy(stream::isDone).isExactlyInstanceOf(IllegalStateException.class);
    }

    /** Closing is tried against calls of a kernel on the buffer: each call runs or is refused, and nothing stays. */
    @Test
    void closesBuffersUnderCalls() throws Exception {
        float[] current = new float[3 * 2 * 33];
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream()) {
            control(kernel).stream(stream);
            for (int i = 0; i < 40; i++) {
                DeviceBuffer buffer = device.allocate(4L * current.length);
                buffer.copyFrom(MemorySegment.ofArray(current));
                Forward forward = forward(buffer.tensor(DType.F32, 3, 2, 33));
                Future<?> closing = threads.submit(buffer::close);
                try {
                    while (true) {
                        kernel.forward(forward);
                    }
                } catch (IllegalStateException closed) {
                    assertThat(closed.getMessage()).containsIgnoringCase("closed");
                }
                closing.get(30, TimeUnit.SECONDS);
            }
        }
    }

    /** How the last work on a buffer came to its stream. */
    enum Work {
        FILL,
        COPY,
        CALL,
        LAUNCH
    }

    /** Closing a buffer waits for nothing, though its memory stays until the work on it is done; another's is freed at once. */
    @ParameterizedTest
    @EnumSource(Work.class)
    void freesBuffersBehindTheirWork(Work work) {
        PretendedDriver driver = PretendedDriver.get();
        List<DeviceBuffer> buffers = new ArrayList<>();
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream();
                Arena arena = Arena.ofConfined()) {
            control(kernel).stream(stream);
            Forward forward = onDevice(buffers);
            DeviceBuffer used = buffers.getLast();
            DeviceBuffer other = device.allocate(SIZE);
            MemorySegment source = arena.allocate(16);
            try (CudaGraph graph = CudaGraph.capture(stream, () -> kernel.forward(forward))) {
                driver.pause();
                try {
                    switch (work) {
                        case FILL -> used.fill((byte) 1, stream);
                        case COPY -> used.copyFrom(source, 0, stream);
                        case CALL -> kernel.forward(forward);
                        case LAUNCH -> graph.launch(stream);
                    }
                    int before = driver.left();
                    // A hold, and the memory.
                    other.close();
                    assertThat(driver.left()).isEqualTo(before - 2);
                    used.close();
                    assertThat(driver.left()).isEqualTo(before - 3);
                    driver.resume();
                    assertThat(driver.left()).isEqualTo(before - 4);
                } finally {
                    driver.resume();
                }
            }
        }
        buffers.forEach(DeviceBuffer::close);
    }

    /** The same of a stream of another library's, which has destroyed it since. */
    @Test
    void freesBuffersBehindWorkOnDestroyedStreams() {
        PretendedDriver driver = PretendedDriver.get();
        DeviceBuffer buffer = device.allocate(SIZE);
        int before;
        CudaStream owner = device.newStream();
        CudaStream wrapped = device.stream(owner.address());
        driver.pause();
        try {
            buffer.fill((byte) 1, wrapped);
            owner.close();
            before = driver.left();
            buffer.close();
            assertThat(driver.left()).isEqualTo(before - 1);
        } finally {
            driver.resume();
        }
        assertThat(driver.left()).isEqualTo(before - 2);
        wrapped.close();
    }

    /** Closes something on another thread, which waits for work that is paused. */
    private Future<?> closingWaits(PretendedDriver driver, AutoCloseable object) throws InterruptedException {
        Future<?> closing = threads.submit(closing(object));
        await("waiting", () -> driver.waiting() == 1);
        Thread.sleep(50);
        assertThat(closing.isDone()).isFalse();
        return closing;
    }

    private static Callable<Void> closing(AutoCloseable object) {
        return () -> {
            object.close();
            return null;
        };
    }

    /** Closes what {@code call} uses while that is under way, on other threads: they wait, and free nothing before. */
    private void closeDuring(PretendedDriver driver, Runnable call, AutoCloseable... used) throws Exception {
        Future<?> calling;
        List<Future<Void>> closing = new ArrayList<>();
        int before = driver.left();
        driver.pause();
        try {
            calling = threads.submit(call);
            await("under way", () -> driver.waiting() == 1);
            for (AutoCloseable each : used) {
                closing.add(threads.submit(closing(each)));
            }
            Thread.sleep(50);
            assertThat(closing).noneMatch(Future::isDone);
            assertThat(driver.left()).isGreaterThanOrEqualTo(before);
        } finally {
            driver.resume();
        }
        calling.get(30, TimeUnit.SECONDS);
        for (Future<Void> each : closing) {
            each.get(30, TimeUnit.SECONDS);
        }
    }

    /** The GPU reads the host's memory itself, so that closing waits; for nothing else. */
    @Test
    void closingPinnedMemoryWaitsForItsWork() throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        try (CudaStream stream = device.newStream();
                DeviceBuffer buffer = device.allocate(SIZE)) {
            PinnedBuffer used = device.allocatePinned(SIZE);
            PinnedBuffer other = device.allocatePinned(SIZE);
            int before;
            Future<?> closing;
            driver.pause();
            try {
                buffer.copyFrom(used.segment(), 0, stream);
                other.close();
                before = driver.left();
                closing = closingWaits(driver, used);
            } finally {
                driver.resume();
            }
            closing.get(30, TimeUnit.SECONDS);
            assertThat(driver.left()).isEqualTo(before - 2);
        }
    }

    @Test
    void closingAGraphWaitsForItsLaunch() throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        List<DeviceBuffer> buffers = new ArrayList<>();
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream()) {
            control(kernel).stream(stream);
            Forward forward = onDevice(buffers);
            CudaGraph launched = CudaGraph.capture(stream, () -> kernel.forward(forward));
            CudaGraph never = CudaGraph.capture(stream, () -> kernel.forward(forward));
            Future<?> closing;
            driver.pause();
            try {
                launched.launch(stream);
                never.close();
                closing = closingWaits(driver, launched);
            } finally {
                driver.resume();
            }
            closing.get(30, TimeUnit.SECONDS);
        }
        buffers.forEach(DeviceBuffer::close);
    }

    /** A call without a stream, or with memory of the host, is waited for by itself; whoever closes what it uses waits, too. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void closingWaitsForCallsThatWait(boolean onStream) throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        List<DeviceBuffer> buffers = new ArrayList<>();
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream()) {
            Forward forward = onDevice(buffers);
            if (onStream) {
                control(kernel).stream(stream);
                // The GPU copies native memory after the call has begun; an array, before.
                forward.input(Tensor.of(DType.F32, Arena.ofAuto().allocate(4 * 3 * 2 * 33, 4), 3, 2, 33));
            }
            closeDuring(driver, () -> kernel.forward(forward), buffers.getLast());
        }
        buffers.forEach(DeviceBuffer::close);
    }

    /** The GPU itself copies page-locked memory that such a call lends, before its work and behind it. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void closingPinnedMemoryWaitsForCalls(boolean onStream) throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        List<DeviceBuffer> buffers = new ArrayList<>();
        long bytes = 4 * 3 * 2 * 33;
        PinnedBuffer input = device.allocatePinned(bytes);
        PinnedBuffer output = device.allocatePinned(bytes);
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream()) {
            if (onStream) {
                control(kernel).stream(stream);
            }
            // No arrays, for which it would wait before.
            Forward forward = onDevice(buffers)
                    .input(input.tensor(DType.F32, 3, 2, 33))
                    .voltages(output.tensor(DType.F32, 3, 2, 33));
            // Takes what the kernel needs itself.
            kernel.forward(forward);
            int before = driver.left();
            closeDuring(driver, () -> kernel.forward(forward), input, output);
            // Of each a hold, and the memory.
            assertThat(driver.left()).isEqualTo(before - 4);
        }
        buffers.forEach(DeviceBuffer::close);
    }

    /** If there is no stream to free memory behind its work, closing waits for the work itself. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void freesWithoutNewStreams(boolean pinned) throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        try (CudaStream stream = device.newStream()) {
            DeviceBuffer buffer = device.allocate(SIZE);
            PinnedBuffer source = device.allocatePinned(SIZE);
            int before = driver.left();
            Future<?> closing;
            driver.pause();
            driver.streams(false);
            try {
                buffer.copyFrom(source.segment(), 0, stream);
                closing = closingWaits(driver, pinned ? source : buffer);
                assertThat(driver.left()).isEqualTo(before);
            } finally {
                driver.resume();
                driver.streams(true);
            }
            closing.get(30, TimeUnit.SECONDS);
            assertThat(driver.left()).isEqualTo(before - 2);
            source.close();
            buffer.close();
        }
    }

    /** Nor does closing a buffer wait for somebody who closes a stream and waits. */
    @Test
    void freesBuffersBesideClosingStreams() throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        CudaStream stream = device.newStream();
        DeviceBuffer used = device.allocate(SIZE);
        DeviceBuffer other = device.allocate(SIZE);
        Future<?> closing;
        driver.pause();
        try {
            used.fill((byte) 1, stream);
            closing = closingWaits(driver, stream);
            for (DeviceBuffer each : List.of(other, used)) {
                threads.submit(each::close).get(30, TimeUnit.SECONDS);
            }
            assertThat(closing.isDone()).isFalse();
        } finally {
            driver.resume();
        }
        closing.get(30, TimeUnit.SECONDS);
    }

    /** Another library captures the stream on which a graph is launched; its graph has the launch. */
    @Test
    void launchesIntoCapturesOfOthers() throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        List<DeviceBuffer> buffers = new ArrayList<>();
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream();
                CudaStream owner = device.newStream();
                CudaStream wrapped = device.stream(owner.address())) {
            control(kernel).stream(stream);
            Forward forward = onDevice(buffers);
            CudaGraph graph = CudaGraph.capture(stream, () -> kernel.forward(forward));
            threads.submit(() -> driver.capture(wrapped.address())).get(30, TimeUnit.SECONDS);
            try {
                graph.launch(wrapped);
            } finally {
                driver.capture(0);
            }
            graph.close();
        }
        buffers.forEach(DeviceBuffer::close);
    }

    /** Work that a thread adds to another stream than the one that it captures is not captured, but done. */
    @Test
    void freesBuffersBehindWorkBesideACapture() {
        PretendedDriver driver = PretendedDriver.get();
        try (CudaStream stream = device.newStream();
                CudaStream captured = device.newStream()) {
            DeviceBuffer buffer = device.allocate(SIZE);
            driver.pause();
            try (CudaGraph graph = CudaGraph.capture(captured, () -> buffer.fill((byte) 1, stream))) {
                int before = driver.left();
                buffer.close();
                assertThat(driver.left()).isEqualTo(before - 1);
                driver.resume();
                assertThat(driver.left()).isEqualTo(before - 2);
                assertThatThrownBy(() -> graph.launch(captured)).isExactlyInstanceOf(IllegalStateException.class);
            } finally {
                driver.resume();
            }
        }
    }

    /** Without memory pools, closing waits for the work on the memory itself. */
    @Test
    void freesWithoutPools() throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        device.close();
        // The pool goes with the last that has it.
        awaitCollected("released", () -> driver.left() == 0);
        driver.pools(false);
        try (CudaDevice without = CudaDevice.open(0);
                CudaStream stream = without.newStream()) {
            DeviceBuffer buffer = without.allocate(SIZE);
            Future<?> closing;
            driver.pause();
            try {
                buffer.fill((byte) 1, stream);
                closing = closingWaits(driver, buffer);
            } finally {
                driver.resume();
            }
            closing.get(30, TimeUnit.SECONDS);
            assertThat(driver.deviceWaits()).isEqualTo(1);
        } finally {
            driver.pools(true);
            driver.forgetDeviceWaits();
        }
        assertThat(driver.left()).isZero();
    }

    /** What another library captures meanwhile, no closing ends. */
    @Test
    void closesWhileOthersCapture() {
        PretendedDriver driver = PretendedDriver.get();
        CudaStream stream = device.newStream();
        DeviceBuffer buffer = device.allocate(SIZE);
        PinnedBuffer pinned = device.allocatePinned(SIZE);
        Kernel kernel = kernel();
        // Of arrays, for which the kernel has memory of its own.
        kernel.forward(forward(Tensor.zeros(DType.F32, 3, 2, 33)));
        buffer.copyFrom(pinned.segment(), 0, stream);
        driver.beginCapture();
        boolean ended;
        try {
            pinned.close();
            buffer.close();
            kernel.close();
            stream.close();
        } finally {
            ended = driver.endCapture();
        }
        assertThat(ended).isFalse();
    }

    private static Forward forward(Tensor input) {
        return new Forward().input(input).parameters(Parameters.shared(CONFIG)).draws(new DrawStream(1, 2));
    }

    /** A forward call whose memory is all on the device. */
    private Forward onDevice(List<DeviceBuffer> buffers) {
        Parameters parameters = Parameters.none(CONFIG);
        for (QlifParameter parameter : QlifParameter.values()) {
            DeviceBuffer buffer = device.allocate(4);
            buffer.copyFrom(MemorySegment.ofArray(new float[] {CONFIG.defaultValue(parameter)}));
            buffers.add(buffer);
            parameters.set(parameter, buffer.tensor(DType.F32, 1));
        }
        for (int i = 0; i < 2; i++) {
            DeviceBuffer buffer = device.allocate(4 * 3 * 2 * 33);
            buffer.copyFrom(MemorySegment.ofArray(new float[3 * 2 * 33]));
            buffers.add(buffer);
        }
        return forward(buffers.get(buffers.size() - 2).tensor(DType.F32, 3, 2, 33))
                .parameters(parameters)
                .voltages(buffers.getLast().tensor(DType.F32, 3, 2, 33));
    }

    @Test
    void refusesToCloseWhatIsCaptured() {
        List<DeviceBuffer> buffers = new ArrayList<>();
        CudaStream stream = device.newStream();
        PinnedBuffer pinned = device.allocatePinned(SIZE);
        try (Kernel kernel = kernel()) {
            control(kernel).stream(stream);
            Forward forward = onDevice(buffers);
            CudaGraph graph = CudaGraph.capture(stream, () -> {
                for (AutoCloseable each : List.of(stream, pinned, buffers.getFirst())) {
                    assertThatThrownBy(each::close).isExactlyInstanceOf(IllegalStateException.class);
                }
                kernel.forward(forward);
            });
            graph.launch(stream);
            stream.synchronize();
            graph.close();
        }
        pinned.close();
        buffers.forEach(DeviceBuffer::close);
        stream.close();
    }

    /** Kernels and tapes are freed with the last graph that has a call of theirs, whenever they are closed. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void graphsKeepKernelsAndTapes(boolean inCapture) {
        List<DeviceBuffer> buffers = new ArrayList<>();
        try (CudaStream stream = device.newStream()) {
            Forward forward = onDevice(buffers);
            Kernel kernel = kernel();
            Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, 3, 2, 33);
            control(kernel).stream(stream);
            control(kernel).reserve(3, 2, 33, false);
            forward.tape(tape);
            CudaGraph graph = CudaGraph.capture(stream, () -> {
                kernel.forward(forward);
                kernel.backward(new Backward(forward));
                if (inCapture) {
                    kernel.close();
                    tape.close();
                }
            });
            kernel.close();
            tape.close();
            assertThatThrownBy(() -> kernel.forward(forward)).isExactlyInstanceOf(IllegalStateException.class);
            for (int i = 0; i < 3; i++) {
                graph.launch(stream);
            }
            stream.synchronize();
            graph.close();
            graph.close();
        }
        buffers.forEach(DeviceBuffer::close);
    }

    @Test
    void refusesToLaunchOnClosedMemory() {
        List<DeviceBuffer> buffers = new ArrayList<>();
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream()) {
            control(kernel).stream(stream);
            Forward forward = onDevice(buffers);
            try (CudaGraph graph = CudaGraph.capture(stream, () -> kernel.forward(forward))) {
                // The description no longer names what the graph uses.
                forward.input(Tensor.zeros(DType.F32, 3, 2, 33));
                graph.launch(stream);
                buffers.get(buffers.size() - 2).close();
                assertThatThrownBy(() -> graph.launch(stream))
                        .isExactlyInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("closed");
            }
        }
        buffers.forEach(DeviceBuffer::close);
    }

    /** One of each, never closed; the kernel and the tape are the API's to reclaim. */
    @Test
    void releasesWhatIsForgotten() throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        int before = driver.left();
        forget();
        assertThat(driver.left()).isGreaterThan(before + 8);
        awaitCollected("released", () -> driver.left() <= before);
    }

    private void forget() {
        CudaDevice forgotten = CudaDevice.open(0);
        CudaStream stream = forgotten.newStream();
        forgotten.stream(stream.address());
        forgotten.newEvent().record(stream);
        forgotten.allocatePinned(SIZE);
        Kernel kernel = kernel();
        control(kernel).stream(stream);
        Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, 3, 2, 33);
        control(kernel).reserve(3, 2, 33, false);
        Forward forward = onDevice(new ArrayList<>()).tape(tape);
        CudaGraph graph = CudaGraph.capture(stream, () -> {
            kernel.forward(forward);
            kernel.backward(new Backward(forward));
        });
        graph.launch(stream);
    }

    /** Another library captures a stream in the mode in which no thread may allocate or free, unless it says that it knows. */
    @Test
    void allocatesAndReclaimsWhileOthersCapture() throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        int before = driver.left();
        driver.beginCapture();
        boolean ended;
        try {
            CudaStream stream = device.newStream();
            CudaEvent event = device.newEvent();
            device.allocate(SIZE);
            device.allocatePinned(SIZE);
            event.record(stream);
            event.close();
            stream.close();
            awaitCollected("released", () -> driver.left() <= before);
        } finally {
            ended = driver.endCapture();
        }
        assertThat(ended).isFalse();
    }

    @Test
    void tensorsKeepTheirBuffer() throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        int before = driver.left();
        Tensor tensor = device.allocate(SIZE).tensor(DType.U8, SIZE);
        MemorySegment pinned = device.allocatePinned(SIZE).segment().asSlice(5, 8);
        int with = driver.left();
        WeakReference<Object> garbage = new WeakReference<>(new Object());
        awaitCollected("collected", () -> garbage.get() == null);
        Thread.sleep(50);
        assertThat(driver.left()).isEqualTo(with);
        assertThat(tensor.memory().scope().isAlive()).isTrue();
        pinned.fill((byte) 1);
        tensor = null;
        pinned = null;
        awaitCollected("released", () -> driver.left() <= before);
    }

    /** How a caller can learn that the work is done. */
    enum Learning {
        STREAM_WAITS,
        STREAM_ASKS,
        EVENT_WAITS,
        EVENT_ASKS,
        STREAM_CLOSES
    }

    /** Memory that nobody else refers to stays until the work on it is known to be done. */
    @ParameterizedTest
    @EnumSource(Learning.class)
    void workKeepsItsMemory(Learning learning) throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        CudaStream stream = device.newStream();
        CudaEvent event = device.newEvent();
        int before = driver.left();
        WeakReference<?> source;
        try (Kernel kernel = kernel()) {
            control(kernel).stream(stream);
            int with = driver.left();
            driver.pause();
            try {
                source = copyOfForgotten(stream);
                control(kernel).stream(stream);
                kernel.forward(onPausedDevice(stream));
                event.record(stream);
                WeakReference<Object> garbage = new WeakReference<>(new Object());
                awaitCollected("collected", () -> garbage.get() == null);
                Thread.sleep(50);
                System.gc();
                assertThat(source.get()).as("the scope of the host's memory").isNotNull();
                assertThat(driver.left()).as("buffers").isEqualTo(with + 2 * 7);
            } finally {
                driver.resume();
            }
            switch (learning) {
                case STREAM_WAITS -> stream.synchronize();
                case STREAM_ASKS -> assertThat(stream.isDone()).isTrue();
                case EVENT_WAITS -> event.synchronize();
                case EVENT_ASKS -> assertThat(event.isDone()).isTrue();
                case STREAM_CLOSES -> stream.close();
            }
        }
        awaitCollected("released", () -> source.get() == null);
        int closed = learning == Learning.STREAM_CLOSES ? 2 : 0;
        awaitCollected("released", () -> driver.left() <= before - closed);
        stream.close();
        event.close();
    }

    private WeakReference<?> copyOfForgotten(CudaStream stream) {
        MemorySegment source = Arena.ofAuto().allocate(SIZE);
        device.allocate(SIZE).copyFrom(source, 0, stream);
        return new WeakReference<>(source.scope());
    }

    /** As {@link #onDevice}, with copies that do not wait, of six buffers. */
    private Forward onPausedDevice(CudaStream stream) {
        Parameters parameters = Parameters.none(CONFIG);
        for (QlifParameter parameter : QlifParameter.values()) {
            MemorySegment value = Arena.ofAuto().allocate(4, 4);
            value.set(ValueLayout.JAVA_FLOAT, 0, CONFIG.defaultValue(parameter));
            DeviceBuffer buffer = device.allocate(4);
            buffer.copyFrom(value, 0, stream);
            parameters.set(parameter, buffer.tensor(DType.F32, 1));
        }
        DeviceBuffer input = device.allocate(4 * 3 * 2 * 33);
        input.fill((byte) 0, stream);
        return forward(input.tensor(DType.F32, 3, 2, 33)).parameters(parameters);
    }

    /** Whoever never waits does not gather what was done long ago. */
    @Test
    void keepsABoundedNumberUnasked() throws Exception {
        PretendedDriver driver = PretendedDriver.get();
        try (CudaStream stream = device.newStream()) {
            int before = driver.left();
            for (int i = 0; i < 2_000; i++) {
                device.allocate(16).fill((byte) 0, stream);
            }
            awaitCollected("released", () -> driver.left() <= before + 2 * 2 * 70);
            stream.synchronize();
            awaitCollected("released", () -> driver.left() <= before + 1);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void allocatesNothingInTheSteadyState(boolean ahead) {
        List<DeviceBuffer> buffers = new ArrayList<>();
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream();
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, 3, 2, 33)) {
            control(kernel).stream(ahead ? stream : null);
            Forward forward = onDevice(buffers).tape(tape);
            Backward backward = new Backward(forward);
            assertThat(Allocation.perCall(60, () -> {
                        kernel.forward(forward);
                        kernel.backward(backward);
                    }))
                    .as("bytes a pair of calls")
                    .isLessThanOrEqualTo(Allocation.NONE);
        }
        buffers.forEach(DeviceBuffer::close);
    }

    @ParameterizedTest
    @EnumSource(QlifParameter.class)
    void checksParametersOfTheDeviceIfAsked(QlifParameter parameter) {
        List<DeviceBuffer> buffers = new ArrayList<>();
        try (Kernel kernel = kernel();
                CudaStream stream = device.newStream();
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, 3, 2, 33)) {
            Forward forward = onDevice(buffers).tape(tape);
            DeviceBuffer values = device.allocate(4 * 33);
            buffers.add(values);
            float[] host = new float[33];
            Arrays.fill(host, CONFIG.defaultValue(parameter));
            values.copyFrom(MemorySegment.ofArray(host));
            forward.parameters().set(parameter, values.tensor(DType.F32, 33));
            control(kernel).checkParameters(true);
            kernel.forward(forward);
            kernel.backward(new Backward(forward));
            DeviceBuffer voltages = buffers.get(buffers.size() - 2);
            float[] written = new float[3 * 2 * 33];
            Arrays.fill(written, 7);
            voltages.copyFrom(MemorySegment.ofArray(written));
            host[17] = Float.NaN;
            values.copyFrom(MemorySegment.ofArray(host));
            for (CudaStream each : new CudaStream[] {null, stream}) {
                control(kernel).stream(each);
                assertThatThrownBy(() -> kernel.forward(forward))
                        .isExactlyInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining(parameter.symbol())
                        .hasMessageContaining("17")
                        .hasMessageContaining("NaN");
            }
            float[] after = new float[written.length];
            voltages.copyTo(MemorySegment.ofArray(after));
            assertThat(after).containsExactly(written);
            // A call that was refused leaves the tape's run as it was.
            host[17] = CONFIG.defaultValue(parameter);
            values.copyFrom(MemorySegment.ofArray(host));
            kernel.backward(new Backward(forward));
            control(kernel).stream(stream);
            control(kernel).reserve(3, 2, 33, false);
            assertThatThrownBy(() -> CudaGraph.capture(stream, () -> kernel.forward(forward)))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("checkParameters");
            control(kernel).checkParameters(false);
            kernel.forward(forward);
            stream.synchronize();
        }
        buffers.forEach(DeviceBuffer::close);
    }
}
