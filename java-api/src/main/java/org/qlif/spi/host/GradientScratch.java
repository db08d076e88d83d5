// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.qlif.Backward;
import org.qlif.Parameters;
import org.qlif.Tensor;

/**
 * Memory in which a backward run on the host collects gradients of shared values before they are summed: for each element, the sum over
 * time of each parameter's and the modulation's gradient or, for a modulation that varies over time, its gradient at every step. Reused
 * from call to call. Not thread-safe, but several threads may write to different elements.
 */
public final class GradientScratch implements AutoCloseable {
    private final int parameters;
    private final GradientSums adder = new GradientSums();
    private Arena arena = Arena.ofShared();
    private MemorySegment own = arena.allocate(0);
    /** The memory of the current call: {@link #own}, or what it lends. */
    private MemorySegment memory = own;

    private long elements;
    /** Whether the call has nothing to compute. */
    private boolean empty;

    private @Nullable Parameters results;
    private @Nullable MemorySegment modulationSteps;
    private long modulationStepsIndex;
    private @Nullable Broadcast modulation;

    /** Scratch for a model with this many parameters. */
    public GradientScratch(int parameters) {
        this.parameters = parameters;
    }

    /** The number of bytes that {@code call} needs. */
    public long bytes(Backward call) {
        return isEmpty(call)
                ? 0
                : Math.addExact(sumBytes(call), stepBytes(call, Broadcast.of(call.gradModulation(), null)));
    }

    private static boolean isEmpty(Backward call) {
        return call.forward().elements() == 0 || (call.forward().steps() == 0 && call.gradInitialState() == null);
    }

    private long sumBytes(Backward call) {
        return Math.multiplyExact(call.forward().elements(), (parameters + 1) * 4L);
    }

    /** The bytes for the gradient at every step of a modulation that varies over time, if it is shared. */
    private static long stepBytes(Backward call, @Nullable Broadcast modulation) {
        Tensor gradient = call.gradModulation();
        if (gradient == null || modulation == null || modulation.strideT() == 0) {
            return 0;
        }
        long full = Math.multiplyExact(call.forward().steps(), call.forward().elements());
        return gradient.elements() == full ? 0 : Math.multiplyExact(full, 4);
    }

    /**
     * Allocates the memory for {@code call}, unless it lends scratch. The memory is not cleared: the run writes every element that is
     * summed.
     *
     * @return whether there is anything to run; if not, {@link #finish} writes the sums of nothing
     * @throws org.qlif.NativeException if memory runs out
     */
    public boolean prepare(Backward call) {
        elements = call.forward().elements();
        results = call.gradParameters();
        modulation = Broadcast.of(call.gradModulation(), modulation);
        empty = isEmpty(call);
        if (empty) {
            return false;
        }
        long sumBytes = sumBytes(call);
        long stepBytes = stepBytes(call, modulation);
        Tensor lent = call.scratch();
        memory = lent == null ? roomFor(Math.addExact(sumBytes, stepBytes)) : lent.segment();
        boolean varies = modulation != null && modulation.strideT() != 0;
        Tensor gradModulation = call.gradModulation();
        modulationSteps = stepBytes > 0 ? memory : varies && gradModulation != null ? gradModulation.segment() : null;
        modulationStepsIndex = stepBytes > 0 ? sumBytes / 4 : 0;
        return true;
    }

    private MemorySegment roomFor(long bytes) {
        if (own.byteSize() < bytes) {
            Arena larger = Arena.ofShared();
            try {
                own = HostMemory.allocate(larger, bytes, "a backward call's scratch");
            } catch (Throwable failure) {
                larger.close();
                throw failure;
            }
            arena.close();
            arena = larger;
        }
        return own;
    }

    /** The sums over time, {@code float (parameters + 1, elements)}; the last row is the modulation's. */
    public MemorySegment sums() {
        return memory;
    }

    /** The position in {@link #sums()}, in floats, of element 0 of a parameter. */
    public long sumIndex(int parameter) {
        return parameter * elements;
    }

    /** Whether the gradient of a parameter is to be summed over the batch. */
    public boolean sumsParameter(int parameter) {
        return result(parameter) != null;
    }

    private @Nullable Tensor result(int parameter) {
        return results == null ? null : results.get(results.parameters().get(parameter));
    }

    /** The position in {@link #sums()}, in floats, of element 0 of the modulation. */
    public long modulationSumIndex() {
        return parameters * elements;
    }

    /** Whether the modulation's gradient is to be summed over time. */
    public boolean sumsModulation() {
        return modulation != null && modulation.strideT() == 0;
    }

    /** The position in {@link #modulationSteps()}, in floats, of element 0 at step 0. */
    public long modulationStepsIndex() {
        return modulationStepsIndex;
    }

    /** The memory for the modulation's gradient at every step, {@code float (T, elements)} from an index on, or null. */
    public @Nullable MemorySegment modulationSteps() {
        return modulationSteps;
    }

    /** Sums over batch and neurons, and writes the results of {@code call}. */
    public void finish(Backward call) {
        if (empty) {
            writeZeros(call);
        } else {
            writeSums(call);
        }
        // Drops the reference to lent memory.
        memory = own;
        modulationSteps = null;
    }

    private void writeSums(Backward call) {
        long batch = call.forward().batch();
        long neurons = call.forward().neurons();
        for (int ordinal = 0; ordinal < parameters; ordinal++) {
            Tensor result = result(ordinal);
            if (result != null) {
                adder.parameter(memory, sumIndex(ordinal), batch, neurons, result);
            }
        }
        Tensor gradModulation = call.gradModulation();
        if (gradModulation == null || modulation == null) {
            return;
        }
        boolean overBatch = modulation.strideB() == 0;
        boolean overNeurons = modulation.strideN() == 0;
        MemorySegment result = gradModulation.segment();
        if (sumsModulation()) {
            adder.sum(memory, modulationSumIndex(), batch, neurons, overBatch, overNeurons, result, 0);
        } else if (modulationSteps != null && modulationSteps != result) {
            for (long t = 0; t < call.forward().steps(); t++) {
                adder.sum(
                        modulationSteps,
                        modulationStepsIndex + t * elements,
                        batch,
                        neurons,
                        overBatch,
                        overNeurons,
                        result,
                        t * modulation.strideT());
            }
        }
    }

    private void writeZeros(Backward call) {
        for (int ordinal = 0; ordinal < parameters; ordinal++) {
            Tensor result = result(ordinal);
            if (result != null) {
                result.fill(0);
            }
        }
        Tensor gradModulation = call.gradModulation();
        if (gradModulation != null) {
            gradModulation.fill(0);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
