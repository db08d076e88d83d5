// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.NativeException;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * Work that was captured from a stream once and can be launched any number of times, each at the cost of a single launch.
 *
 * <p>Each launch repeats exactly the same work: on the same memory, from the same first step, with the same draws. The graph keeps the
 * tensors, kernels and tapes of its calls reachable. If you close a kernel or tape, its memory is freed when the last graph with one of its
 * calls is closed, too. A graph can't be launched after the memory of its tensors was closed. A {@link DeviceBuffer} or a {@link
 * PinnedBuffer} may be closed while a launch uses it; close no other memory before the launch is done, as for any work on a stream ({@link
 * CudaStream}). What other libraries add to the capture is not tracked: keep it alive.
 *
 * <pre>{@code
 * CudaKernel control = kernel.extension(CudaKernel.class).orElseThrow();
 * control.stream(stream);
 * control.reserve(steps, batch, neurons, false);
 * try (CudaGraph graph = CudaGraph.capture(stream, () -> {
 *     kernel.forward(forward);
 *     kernel.backward(backward);
 * })) {
 *     graph.launch(stream);
 *     stream.synchronize();
 * }
 * }</pre>
 */
public final class CudaGraph implements AutoCloseable {
    private final Executable executable;

    private CudaGraph(Executable executable) {
        this.executable = executable;
        executable.releaseAfter(this);
    }

    /** What a graph owns. */
    private static final class Executable extends Resource {
        private final MemorySegment handle;
        private final Capture capture;
        /** The event recorded after each launch; NULL if there was none. */
        private MemorySegment launched = MemorySegment.NULL;

        Executable(Context hold, MemorySegment handle, Capture capture) {
            super("graph", hold);
            this.handle = handle;
            this.capture = capture;
        }

        @Override
        void release(@Nullable Arena closed) {
            try {
                context().call("cuGraphExecDestroy", () -> cuda_h.cuGraphExecDestroy(handle));
            } finally {
                try {
                    context().besideCaptures(this::awaitLaunches);
                } finally {
                    // Frees kernels and tapes that were closed earlier.
                    capture.letGo();
                }
            }
        }

        /** Waits for the last launch, which is enough: CUDA runs launches of a graph one after another. */
        private synchronized void awaitLaunches() {
            if (launched.address() == 0) {
                return;
            }
            try {
                Driver.check(cuda_h.cuEventSynchronize(launched), "cuEventSynchronize");
            } finally {
                Driver.check(cuda_h.cuEventDestroy_v2(launched), "cuEventDestroy");
            }
        }

        /** Launches the graph on an open stream. */
        synchronized void launch(MemorySegment stream) {
            if (launched.address() == 0) {
                launched = InFlight.newEvent();
            }
            Driver.check(cuda_h.cuGraphLaunch(handle, stream), "cuGraphLaunch");
            // If anyone captures the stream, the launch is only captured.
            if (!CudaStream.isCapturing(stream)) {
                Driver.check(cuda_h.cuEventRecord(launched, stream), "cuEventRecord");
            }
        }
    }

    /**
     * Captures what {@code work} adds to {@code stream}, without running it. Everything must be called on this thread, with kernels that
     * use the stream and whose scratch memory is reserved ({@link CudaKernel#reserve}), and with tensors in the GPU's memory.
     *
     * <p>Call it from a platform thread: a capture must end on the thread of the operating system that began it. Until it returns, {@code
     * work} must not open or close kernels, tapes or buffers or reserve, and no thread may lend this GPU memory of the host or use its
     * default stream. Other threads may open and close kernels, tapes and buffers, and reserve.
     *
     * @throws IllegalStateException if a call lends memory of the host, or {@code work} closes what is captured
     * @throws org.qlif.NativeException if something was done that can't be captured, such as waiting for the stream
     */
    public static CudaGraph capture(CudaStream stream, Runnable work) {
        Objects.requireNonNull(work, "work");
        Objects.requireNonNull(stream, "stream").enter();
        try {
            return captureFrom(stream, work);
        } finally {
            stream.exit();
        }
    }

    private static CudaGraph captureFrom(CudaStream stream, Runnable work) {
        Context context = stream.context();
        Capture capture = Capture.begin();
        long recorded;
        try {
            recorded = record(stream, work);
        } catch (Throwable failure) {
            capture.end();
            letGo(capture, failure);
            throw failure;
        }
        capture.end();
        MemorySegment graph = MemorySegment.ofAddress(recorded);
        try {
            return context.own(
                    "cuGraphInstantiate",
                    out -> cuda_h.cuGraphInstantiateWithFlags(out, graph, 0),
                    (hold, made) -> new CudaGraph(new Executable(hold, MemorySegment.ofAddress(made), capture)));
        } catch (Throwable failure) {
            letGo(capture, failure);
            throw failure;
        } finally {
            context.call("cuGraphDestroy", () -> cuda_h.cuGraphDestroy(graph));
        }
    }

    /** Releases what was captured after a failure. */
    private static void letGo(Capture capture, Throwable failure) {
        try {
            capture.letGo();
        } catch (RuntimeException another) {
            failure.addSuppressed(another);
        }
    }

    private static long record(CudaStream stream, Runnable work) {
        Context context = stream.context();
        MemorySegment handle = stream.handle();
        context.call(
                "cuStreamBeginCapture",
                () -> cuda_h.cuStreamBeginCapture_v2(handle, cuda_h.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL()));
        try {
            stream.lifetime().runs(Thread.currentThread());
            try {
                work.run();
            } finally {
                stream.lifetime().runs(null);
            }
        } catch (Throwable failure) {
            abandon(context, handle, failure);
            throw failure;
        }
        return context.make("cuStreamEndCapture", out -> cuda_h.cuStreamEndCapture(handle, out));
    }

    /** Ends a failed capture, so that the stream does not stay in capture mode. */
    private static void abandon(Context context, MemorySegment stream, Throwable failure) {
        try {
            long graph = context.make("cuStreamEndCapture", out -> cuda_h.cuStreamEndCapture(stream, out));
            context.call("cuGraphDestroy", () -> cuda_h.cuGraphDestroy(MemorySegment.ofAddress(graph)));
        } catch (NativeException invalidated) {
            // Ending the capture fails, too, if the failure was work that can't be captured.
            failure.addSuppressed(invalidated);
        }
    }

    /**
     * Adds the captured work to {@code stream} and returns at once.
     *
     * @throws IllegalArgumentException if the stream belongs to another device
     * @throws IllegalStateException if memory that it uses is closed
     */
    public void launch(CudaStream stream) {
        int ordinal = executable.context().ordinal();
        if (Objects.requireNonNull(stream, "stream").context().ordinal() != ordinal) {
            throw new IllegalArgumentException("stream: got one of " + stream.device() + ", expected one of cuda:"
                    + ordinal + ", whose graph this is");
        }
        executable.enter();
        try {
            stream.enter();
            UnderWay.begin(executable.capture);
            try {
                executable.capture.requireAlive();
                executable.context().enter();
                try {
                    executable.launch(stream.handle());
                } finally {
                    executable.context().leave();
                }
                executable.capture.launched(stream);
            } finally {
                UnderWay.end(executable.capture);
                stream.exit();
            }
        } finally {
            executable.exit(this);
        }
    }

    /**
     * Waits for calls of this class and for the last launch, then destroys the graph. Closing twice is harmless.
     *
     * @throws IllegalStateException in the work that another graph captures; nothing is changed
     */
    @Override
    public void close() {
        Capture.requireNone("this graph can't be closed");
        executable.close();
    }
}
