// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.KernelOptions;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.Tensor;
import org.qlif.gpu.Staging.Use;
import org.qlif.gpu.ffi.qlif.qlif_h;
import org.qlif.gpu.ffi.qlif.qlif_linear_backward_args;
import org.qlif.gpu.ffi.qlif.qlif_linear_forward_args;
import org.qlif.spi.BackendLinear;

/** A linear layer of the library, on the host or on a GPU: fills the argument structs from descriptions and calls. */
final class NativeLinear implements BackendLinear {
    /** Shared, since native code on other threads reads it, and layers move between threads. */
    private final Arena arena = Arena.ofShared();

    private final MemorySegment forwardArgs = arena.allocate(qlif_linear_forward_args.layout());
    private final MemorySegment backwardArgs = arena.allocate(qlif_linear_backward_args.layout());
    private final MemorySegment backwardsForward = arena.allocate(qlif_linear_forward_args.layout());
    private final NativeKernel.Site site;
    private final Staging staging;
    private final MemorySegment handle;
    private final Lifetime lifetime = new Lifetime("this linear layer");
    private final Holders holders = new Holders(this::release);
    private final String description;

    /** Opens a layer on {@code site}, which is closed with the layer, or if that can't be opened. */
    static NativeLinear open(KernelOptions options, NativeKernel.Site site) {
        try {
            return new NativeLinear(options, site);
        } catch (Throwable failure) {
            site.close();
            throw failure;
        }
    }

    private NativeLinear(KernelOptions options, NativeKernel.Site site) {
        this.site = site;
        this.staging = site.staging();
        MemorySegment opened = MemorySegment.NULL;
        try {
            qlif_linear_forward_args.size(forwardArgs, (int) forwardArgs.byteSize());
            qlif_linear_forward_args.size(backwardsForward, (int) backwardsForward.byteSize());
            qlif_linear_backward_args.size(backwardArgs, (int) backwardArgs.byteSize());
            qlif_linear_backward_args.forward(backwardArgs, backwardsForward);
            MemorySegment out = arena.allocate(qlif_h.C_POINTER);
            Status.check(
                    qlif_h.qlif_linear_open(site.number(), NativeKernel.struct(options, arena), out),
                    "qlif_linear_open");
            opened = NativeLibrary.handle(out);
            MemorySegment text = arena.allocate(512);
            Status.check(qlif_h.qlif_linear_describe(opened, text, text.byteSize()), "qlif_linear_describe");
            description = text.getString(0);
        } catch (Throwable failure) {
            qlif_h.qlif_linear_close(opened);
            arena.close();
            throw failure;
        }
        handle = opened;
    }

    @Override
    public String description() {
        return description;
    }

    @Override
    public boolean reaches(Device place) {
        return site.reaches(place);
    }

    @Override
    public <T> Optional<T> extension(Class<T> type) {
        return site.extension(type, this);
    }

    @Override
    public void forward(LinearForward call) {
        MemorySegment stream = site.enter();
        boolean done = false;
        try {
            bind(staging, forwardArgs, call);
            staging.load();
            Status.check(
                    HeldCalls.linearForward(
                            handle, forwardArgs, stream, staging.holds().segments()),
                    "qlif_linear_forward");
            staging.store();
            site.finish(holders, null);
            done = true;
        } finally {
            end(done, call);
        }
    }

    @Override
    public void backward(LinearBackward call) {
        LinearForward forward = call.forward();
        MemorySegment stream = site.enter();
        boolean done = false;
        try {
            // Binds only what is read, since binding may copy.
            bind(
                    staging,
                    backwardsForward,
                    forward,
                    call.gradWeights() == null ? null : forward.input(),
                    call.gradInput() == null ? null : forward.weights());
            MemorySegment args = backwardArgs;
            // Also 1 for an empty gradient or a single step, for which it makes no difference.
            qlif_linear_backward_args.grad_output_shared(args, call.gradOutputStride() == 0 ? 1 : 0);
            staging.bind(args, qlif_linear_backward_args.grad_output$offset(), call.gradOutput(), Use.READ);
            staging.bind(args, qlif_linear_backward_args.grad_weights$offset(), call.gradWeights(), Use.WRITE);
            staging.bind(args, qlif_linear_backward_args.grad_bias$offset(), call.gradBias(), Use.WRITE);
            staging.bind(args, qlif_linear_backward_args.grad_input$offset(), call.gradInput(), Use.WRITE);
            staging.load();
            Status.check(
                    HeldCalls.linearBackward(
                            handle, args, stream, staging.holds().segments()),
                    "qlif_linear_backward");
            staging.store();
            site.finish(holders, null);
            done = true;
        } finally {
            end(done, call);
        }
    }

    /** Binds a forward call. */
    static void bind(Staging staging, MemorySegment args, LinearForward call) {
        bind(staging, args, call, call.input(), call.weights());
        staging.bind(args, qlif_linear_forward_args.bias$offset(), call.bias(), Use.READ);
        staging.bind(args, qlif_linear_forward_args.output$offset(), call.output(), Use.WRITE);
    }

    /** Binds a call without its inputs, to read the output that it kept. */
    static void bindOutput(Staging staging, MemorySegment args, LinearForward call) {
        bind(staging, args, call, null, null);
        staging.bind(args, qlif_linear_forward_args.bias$offset(), null, Use.READ);
        staging.bind(args, qlif_linear_forward_args.output$offset(), call.output(), Use.READ);
    }

    /** Sets the shape of a call, and binds what both directions may read. */
    private static void bind(
            Staging staging, MemorySegment args, LinearForward call, @Nullable Tensor input, @Nullable Tensor weights) {
        qlif_linear_forward_args.input_type(args, number(call.input().type()));
        qlif_linear_forward_args.steps(args, call.steps());
        qlif_linear_forward_args.batch(args, call.batch());
        qlif_linear_forward_args.inputs(args, call.inputs());
        qlif_linear_forward_args.outputs(args, call.outputs());
        staging.bind(args, qlif_linear_forward_args.input$offset(), input, Use.READ);
        staging.bind(args, qlif_linear_forward_args.weights$offset(), weights, Use.READ);
    }

    private static int number(DType type) {
        return switch (type) {
            case F32 -> qlif_h.QLIF_INPUT_F32();
            case U8 -> qlif_h.QLIF_INPUT_U8();
            case BIT -> qlif_h.QLIF_INPUT_BIT();
            case F16, BF16, I64 -> throw new AssertionError("a checked call has no such input");
        };
    }

    /** Ends a call. Keeps {@code call} reachable until here, since native code may use memory owned by the garbage collector. */
    private void end(boolean done, Object call) {
        try {
            if (!done) {
                site.abandon(holders, null);
            }
        } finally {
            staging.clear();
            site.leave();
            Reference.reachabilityFence(call);
        }
    }

    /** Guards calls of extensions against closing. */
    Lifetime lifetime() {
        return lifetime;
    }

    @Override
    public void close() {
        if (!lifetime.end()) {
            return;
        }
        try {
            Capture capture = Capture.current();
            if (capture != null) {
                // Freed when the graph is closed; freeing it now would invalidate the capture.
                capture.hold(holders);
            }
            holders.letGo();
        } finally {
            lifetime.ended();
        }
    }

    private void release() {
        // All are closed even if one fails.
        try (arena;
                site) {
            Status.close("qlif_linear_close", () -> qlif_h.qlif_linear_close(handle));
        }
    }
}
