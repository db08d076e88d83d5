package org.qlif.gpu;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.qlif.Device;
import org.qlif.gpu.ffi.cuda.cuda_h;

/** A kernel on a GPU: its calls run on a stream, and reach the GPU's memory beside the host's. */
final class CudaSite implements NativeKernel.Site {
    private final Device device;
    private final Context context;
    private final CudaStaging staging = new CudaStaging();
    private final Lifetime lifetime = new Lifetime("this kernel");
    /** The caller's, or null for the default stream. */
    private CudaStream stream;

    CudaSite(Device device, int ordinal) {
        this.device = device;
        this.context = Context.retain(ordinal);
    }

    @Override
    public int number() {
        return context.ordinal();
    }

    @Override
    public Staging staging() {
        return staging;
    }

    @Override
    public boolean reaches(Device place) {
        return device.equals(place);
    }

    @Override
    public MemorySegment enter() {
        MemorySegment handle = stream == null ? MemorySegment.NULL : stream.handle();
        staging.stream(handle, stream != null);
        context.enter();
        return handle;
    }

    @Override
    public void finish() {
        if (stream == null || staging.copies()) {
            Driver.check(cuda_h.cuStreamSynchronize(staging.stream()), "cuStreamSynchronize");
        }
    }

    @Override
    public void abandon() {
        // Whoever waits for every call may free its memory after a failed one too.
        if (stream == null || staging.loaded()) {
            // The failure that led here is the one to report.
            cuda_h.cuStreamSynchronize(staging.stream());
        }
    }

    @Override
    public void leave() {
        context.leave();
    }

    @Override
    public <T> Optional<T> extension(Class<T> type, NativeKernel kernel) {
        return type == CudaKernel.class ? Optional.of(type.cast(new Control(kernel))) : Optional.empty();
    }

    @Override
    public void close() {
        lifetime.end();
        try (context) {
            context.enter();
            try {
                staging.close();
            } finally {
                context.leave();
            }
        }
    }

    private final class Control implements CudaKernel {
        private final NativeKernel kernel;

        Control(NativeKernel kernel) {
            this.kernel = kernel;
        }

        @Override
        public CudaStream stream() {
            return stream;
        }

        @Override
        public void stream(CudaStream next) {
            lifetime.requireOpen();
            if (next != null) {
                next.handle();
                if (!next.device().equals(device)) {
                    throw new IllegalArgumentException(
                            "stream: got one of " + next.device() + ", expected one of " + device);
                }
            }
            stream = next;
        }

        @Override
        public void reserve(long steps, long batch, long neurons, boolean modulationSteps) {
            lifetime.requireOpen();
            kernel.reserve(steps, batch, neurons, modulationSteps);
        }
    }
}
