// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import org.qlif.spi.BackendLinear;

/**
 * A linear layer driven by spikes, on a device: for each step and row of a batch it sums the weights of the inputs that spiked. One
 * call runs all steps of a batch, forward or backward; the output can be the input current of a {@link Kernel}.
 *
 * <p>Forward: {@code output[t, b, m] = bias[m] + sum over k of x[t, b, k] * w[k, m]}, in float32, k ascending, each term one fused
 * multiply-add, for x other than 0 only: a weight that is NaN or infinite reaches an output only if its input spiked. Backward:
 * the gradients of weights and bias, and of the input if a layer below learns. The input may hold numbers other than 0 and 1, such as
 * spike probabilities; they are multiplied, more slowly.
 *
 * <p>The order of additions is part of the definition (docs/numerics.md), so every backend returns the same bits for any number of threads
 * (a NaN is a NaN: its payload may differ). Arguments are checked before anything is written.
 *
 * <p>A layer holds no weights; each call lends them. It serves one call at a time, from any thread, including virtual ones; a concurrent
 * call, or one after {@link #close()}, throws {@link IllegalStateException}. It shares its helper threads with {@link Kernel}s, see
 * {@link KernelOptions}. A layer that you forget to close is closed some time after it has become unreachable.
 *
 * <pre>{@code
 * try (SpikeLinear linear = SpikeLinear.open("cpu")) {
 *     Tensor weights = Tensor.zeros(DType.F32, 784, 128);
 *     Tensor current = Tensor.zeros(DType.F32, 100, 32, 128);
 *     linear.forward(new LinearForward().input(spikeBits).weights(weights).output(current)); // BIT[100, 32, 784]
 * }
 * }</pre>
 */
public final class SpikeLinear implements AutoCloseable {
    private final Device device;
    private final BackendLinear backend;
    private final Predicate<Device> reachable;
    private final CallGuard guard =
            new CallGuard("this linear layer", "it serves one at a time: open one for each thread that calls");
    private final Cleaner.Cleanable resources;

    private SpikeLinear(Device device, BackendLinear backend) {
        this.device = device;
        this.backend = backend;
        this.reachable = backend::reaches;
        this.resources = Reclaimer.register(this, backend::close);
    }

    /**
     * A layer on the device of this name, with {@link KernelOptions#defaults()}; see {@link Device}.
     *
     * @throws IllegalArgumentException if the name is malformed, or as {@link #open(Device, KernelOptions)} does
     * @throws DeviceUnavailableException if the device can't run here, or no backend can be used
     * @throws NativeException if the device fails
     */
    public static SpikeLinear open(String device) {
        return open(Device.of(device), KernelOptions.defaults());
    }

    /**
     * A layer on {@code device}. If the name leaves a choice, as {@code auto} and {@code cpu} do, the best device that has such layers is
     * taken; each outcome is logged once (INFO, logger {@code org.qlif}), and {@link #device()} returns it.
     *
     * @throws IllegalArgumentException if no installed backend knows the device, or none that the name can mean has such layers with these
     *     options
     * @throws DeviceUnavailableException if the device can't run here, or no backend can be used
     * @throws NativeException if the device fails
     */
    public static SpikeLinear open(Device device, KernelOptions options) {
        Objects.requireNonNull(options, "options");
        Devices.Choice choice = Devices.chooseLinear(Objects.requireNonNull(device, "device"), options);
        return new SpikeLinear(choice.device(), choice.requireBackend().openLinear(choice.device(), options));
    }

    /** The full name of the device, such as {@code cpu:simd}. */
    public Device device() {
        return device;
    }

    /** A description of what runs the calls, such as the instruction set and the threads, for people to read. */
    public String description() {
        return backend.description();
    }

    /**
     * What this layer's backend offers beyond this class, such as streams of a GPU; empty if it has nothing of that type. It is bound to
     * this layer: use it from one thread at a time, between calls, until {@link #close()}.
     */
    public <T> Optional<T> extension(Class<T> type) {
        return backend.extension(Objects.requireNonNull(type, "type"));
    }

    /** Whether the device reaches memory of another. */
    Predicate<Device> reachable() {
        return reachable;
    }

    /**
     * Computes the output of {@code call}.
     *
     * @throws IllegalArgumentException if an argument's type, shape or place is not what the call needs
     * @throws IllegalStateException if memory is closed, or the layer is closed or in use
     * @throws NativeException if the device fails
     * @throws WrongThreadException if memory belongs to another thread's confined arena
     */
    public void forward(LinearForward call) {
        Objects.requireNonNull(call, "call");
        guard.enter();
        try {
            call.check(this);
            backend.forward(call);
        } finally {
            exit();
        }
    }

    /**
     * Computes the gradients that {@code call} requests. Its forward run need not have been run: only what it reads is needed.
     *
     * @throws IllegalArgumentException if an argument's type, shape or place is not what the call needs
     * @throws IllegalStateException if memory is closed, or the layer is closed or in use
     * @throws NativeException if the device fails
     * @throws WrongThreadException if memory belongs to another thread's confined arena
     */
    public void backward(LinearBackward call) {
        Objects.requireNonNull(call, "call");
        guard.enter();
        try {
            call.check(this);
            backend.backward(call);
        } finally {
            exit();
        }
    }

    private void exit() {
        guard.exit();
        // Keeps the layer from being reclaimed during the call.
        Reference.reachabilityFence(this);
    }

    /**
     * Waits for a running call, then releases memory and the helper threads that nothing else uses. Closing twice is harmless. Any thread
     * may close.
     */
    @Override
    public void close() {
        guard.close(resources::clean);
    }

    /** The device, and whether the layer is closed. */
    @Override
    public String toString() {
        return new Description("SpikeLinear")
                .add(device.toString())
                .addIf(guard.isClosed(), "closed")
                .toString();
    }
}
