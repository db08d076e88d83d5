package org.qlif.gpu;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.qlif.NativeException;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * Work that was captured from a stream once, to be launched any number of times at the cost of one launch.
 *
 * <p>It does the very same again: on the same memory, from the same first step, with the same draws. What tensors and tapes point
 * to, and the kernels whose calls were captured, must live as long as the graph is launched.
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
    private final Context context;
    private final MemorySegment executable;
    private final Lifetime lifetime = new Lifetime("this graph");

    private CudaGraph(Context context, MemorySegment executable) {
        this.context = context;
        this.executable = executable;
    }

    /**
     * Captures what {@code work} puts on {@code stream}, without doing it. All of it must come from the calling thread, from kernels
     * that are set to the stream and whose scratch memory is reserved ({@link CudaKernel#reserve}), on tensors in the GPU's memory.
     *
     * <p>Call it from a platform thread: a capture must end on the thread of the operating system that began it. Until it returns, {@code
     * work} must not open or close kernels, tapes or buffers or reserve, and no thread may close a buffer or kernel of this GPU, lend it
     * memory of the host, or use its default stream. Other threads may open kernels, open and close tapes, and reserve.
     *
     * @throws IllegalStateException if a call lends memory of the host
     * @throws org.qlif.NativeException if something was done that can't be captured, such as waiting for the stream
     */
    public static CudaGraph capture(CudaStream stream, Runnable work) {
        Objects.requireNonNull(work, "work");
        MemorySegment handle = Objects.requireNonNull(stream, "stream").handle();
        Context context = stream.context();
        MemorySegment graph = MemorySegment.ofAddress(record(context, handle, work));
        try {
            return context.own(
                    "cuGraphInstantiate",
                    out -> cuda_h.cuGraphInstantiateWithFlags(out, graph, 0),
                    (hold, made) -> new CudaGraph(hold, MemorySegment.ofAddress(made)));
        } finally {
            context.call("cuGraphDestroy", () -> cuda_h.cuGraphDestroy(graph));
        }
    }

    private static long record(Context context, MemorySegment stream, Runnable work) {
        context.call(
                "cuStreamBeginCapture",
                () -> cuda_h.cuStreamBeginCapture_v2(stream, cuda_h.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL()));
        try {
            work.run();
        } catch (Throwable failure) {
            abandon(context, stream, failure);
            throw failure;
        }
        return context.make("cuStreamEndCapture", out -> cuda_h.cuStreamEndCapture(stream, out));
    }

    /** Ends a capture of no use: the stream must not stay in it. */
    private static void abandon(Context context, MemorySegment stream, Throwable failure) {
        try {
            long graph = context.make("cuStreamEndCapture", out -> cuda_h.cuStreamEndCapture(stream, out));
            context.call("cuGraphDestroy", () -> cuda_h.cuGraphDestroy(MemorySegment.ofAddress(graph)));
        } catch (NativeException invalidated) {
            // As it is when what failed can't be captured.
            failure.addSuppressed(invalidated);
        }
    }

    /** Adds the captured work to {@code stream} and returns at once. */
    public void launch(CudaStream stream) {
        lifetime.requireOpen();
        MemorySegment handle = Objects.requireNonNull(stream, "stream").handle();
        context.call("cuGraphLaunch", () -> cuda_h.cuGraphLaunch(executable, handle));
    }

    /** Gives the graph up; launches that are under way are still done. Closing twice is harmless. */
    @Override
    public void close() {
        if (lifetime.end()) {
            try (context) {
                context.call("cuGraphExecDestroy", () -> cuda_h.cuGraphExecDestroy(executable));
            }
        }
    }
}
