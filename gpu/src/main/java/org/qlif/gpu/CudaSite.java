// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.NativeException;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.Tensor;
import org.qlif.gpu.ffi.cuda.cuda_h;

/** A kernel or linear layer on a GPU: its calls run on a stream, and take memory of the GPU as well as of the host. */
final class CudaSite implements NativeKernel.Site {
    private final Device device;
    private final Context context;
    private final CudaStaging staging;
    /** The caller's stream, or null for the default stream. */
    private volatile @Nullable CudaStream stream;

    private volatile boolean checksParameters;
    /** The stream of the running call, which keeps it open until it returns; null for the default stream. */
    private @Nullable CudaStream entered;

    CudaSite(Device device, int ordinal) {
        this.device = device;
        this.context = Context.retain(ordinal);
        this.staging = new CudaStaging(ordinal);
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
        CudaStream own = stream;
        if (own != null) {
            own.enter();
        }
        try {
            context.enter();
        } catch (Throwable failure) {
            if (own != null) {
                own.exit();
            }
            throw failure;
        }
        entered = own;
        MemorySegment handle = own == null ? MemorySegment.NULL : own.handle();
        staging.stream(handle, own != null);
        return handle;
    }

    @Override
    public void check(NeuronConfig config, Parameters parameters) {
        if (!checksParameters) {
            return;
        }
        enter();
        try {
            copy(config, parameters).requireValid(config);
        } finally {
            leave();
        }
    }

    /** Copies those of {@code parameters} that are in the GPU's memory. */
    private Parameters copy(NeuronConfig config, Parameters parameters) {
        Parameters copies = Parameters.none(config);
        for (NeuronParameter parameter : config.parameters()) {
            Tensor tensor = parameters.get(parameter);
            if (tensor != null && tensor.place() != null && tensor.elements() > 0) {
                if (entered != null && CudaStream.isCapturing(staging.stream())) {
                    throw new IllegalStateException(
                            "this call is captured into a graph, and the kernel checks parameters, which"
                                    + " waits for the GPU; expected checkParameters(false)");
                }
                copies.set(parameter, copy(tensor));
            }
        }
        return copies;
    }

    private Tensor copy(Tensor tensor) {
        Tensor copy = Tensor.zeros(DType.F32, tensor.shape());
        UnderWay.Uses call = tensor.memory().scope()::equals;
        UnderWay.begin(call);
        try {
            if (!tensor.memory().scope().isAlive()) {
                throw new IllegalStateException("a parameter's memory is closed");
            }
            staging.download(tensor.address(), copy);
        } finally {
            UnderWay.end(call);
        }
        return copy;
    }

    @Override
    public void finish(Holders called, @Nullable NativeTape tape) {
        if (entered == null || staging.copies()) {
            Driver.check(cuda_h.cuStreamSynchronize(staging.stream()), "cuStreamSynchronize");
        } else {
            keep(entered, called, tape);
            entered.kept();
        }
    }

    @Override
    public void abandon(Holders called, @Nullable NativeTape tape) {
        // If calls are synchronous, the caller may free its memory even after a failed one.
        if (entered == null || staging.loaded()) {
            // The failure that led here is the one to report.
            cuda_h.cuStreamSynchronize(staging.stream());
        } else {
            keep(entered, called, tape);
            try {
                entered.kept();
            } catch (NativeException another) {
                // The first failure is the one to report.
            }
        }
    }

    /** Keeps what the call uses, since its work goes on after it has returned. */
    private void keep(CudaStream stream, Holders called, @Nullable NativeTape tape) {
        Holds holds = staging.holds();
        for (int i = 0; i < holds.count(); i++) {
            stream.keep(holds.scope(i));
        }
        Capture capture = Capture.current();
        if (capture != null) {
            capture.hold(called);
            if (tape != null) {
                capture.hold(tape.holders());
            }
        }
    }

    @Override
    public void leave() {
        context.leave();
        if (entered != null) {
            entered.exit();
            entered = null;
        }
    }

    @Override
    public <T> Optional<T> extension(Class<T> type, NativeKernel kernel) {
        return type == CudaKernel.class ? Optional.of(type.cast(new KernelControl(kernel))) : Optional.empty();
    }

    @Override
    public <T> Optional<T> extension(Class<T> type, NativeLinear linear) {
        return type == CudaLinear.class ? Optional.of(type.cast(new LinearControl(linear))) : Optional.empty();
    }

    /** Sets the stream of the calls of the kernel or layer with this lifetime. */
    private void stream(Lifetime lifetime, @Nullable CudaStream next) {
        lifetime.requireOpen();
        if (next != null) {
            next.lifetime().requireOpen();
            if (!next.device().equals(device)) {
                throw new IllegalArgumentException(
                        "stream: got one of " + next.device() + ", expected one of " + device);
            }
        }
        stream = next;
    }

    @Override
    public void close() {
        try (context) {
            context.besideCaptures(staging::close);
        }
    }

    private final class KernelControl implements CudaKernel {
        private final NativeKernel kernel;

        KernelControl(NativeKernel kernel) {
            this.kernel = kernel;
        }

        @Override
        public @Nullable CudaStream stream() {
            return stream;
        }

        @Override
        public void stream(@Nullable CudaStream next) {
            CudaSite.this.stream(kernel.lifetime(), next);
        }

        @Override
        public void reserve(long steps, long batch, long neurons, boolean modulationSteps) {
            kernel.reserve(steps, batch, neurons, modulationSteps);
        }

        @Override
        public void checkParameters(boolean check) {
            kernel.lifetime().requireOpen();
            checksParameters = check;
        }
    }

    private final class LinearControl implements CudaLinear {
        private final NativeLinear linear;

        LinearControl(NativeLinear linear) {
            this.linear = linear;
        }

        @Override
        public @Nullable CudaStream stream() {
            return stream;
        }

        @Override
        public void stream(@Nullable CudaStream next) {
            CudaSite.this.stream(linear.lifetime(), next);
        }
    }
}
