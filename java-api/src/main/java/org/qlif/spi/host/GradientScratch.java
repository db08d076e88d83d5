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

    private long steps;
    private long batch;
    private long neurons;
    private long elements;
    /** Whether the call has nothing to compute. */
    private boolean empty;

    private @Nullable Parameters results;
    private @Nullable MemorySegment modulationSteps;
    private long modulationStepsIndex;
    private @Nullable Broadcast modulation;
    private @Nullable Tensor gradModulation;

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
     * @return whether there is anything to run and to sum; if not, {@link #finish} writes the sums of nothing
     * @throws org.qlif.NativeException if memory runs out
     */
    public boolean prepare(Backward call) {
        steps = call.forward().steps();
        batch = call.forward().batch();
        neurons = call.forward().neurons();
        elements = call.forward().elements();
        results = call.gradParameters();
        gradModulation = call.gradModulation();
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
        Tensor direct = call.gradModulation();
        modulationSteps = stepBytes > 0 ? memory : varies && direct != null ? direct.segment() : null;
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

    /**
     * How many sums over batch and neurons there are after a run: of each parameter's gradients, and of the modulation's, at each step if
     * it varies over time. They don't depend on each other.
     */
    public long sumCount() {
        return parameters + (modulation == null ? 0 : sumsModulation() ? 1 : stepsAreSummed() ? steps : 0);
    }

    private boolean stepsAreSummed() {
        return modulationStepsIndex > 0;
    }

    /** Computes a sum and writes it to the call's results, unless it isn't wanted. Several threads may do so, with scratch of their own. */
    public void sum(long number, GradientSums adder) {
        if (number < parameters) {
            Tensor result = result((int) number);
            if (result != null) {
                adder.parameter(memory, sumIndex((int) number), batch, neurons, result);
            }
            return;
        }
        Tensor result = gradModulation;
        if (result == null || modulation == null) {
            return;
        }
        long t = number - parameters;
        adder.sum(
                memory,
                sumsModulation() ? modulationSumIndex() : modulationStepsIndex + t * elements,
                batch,
                neurons,
                modulation.strideB() == 0,
                modulation.strideN() == 0,
                result.segment(),
                t * modulation.strideT());
    }

    /** Computes all sums. */
    public void sumAll() {
        for (long number = 0; number < sumCount(); number++) {
            sum(number, adder);
        }
    }

    /** Ends {@code call}, whose sums are done if there were any. */
    public void finish(Backward call) {
        if (empty) {
            writeZeros(call);
        }
        // Drops the references to lent memory.
        memory = own;
        modulationSteps = null;
        gradModulation = null;
    }

    private void writeZeros(Backward call) {
        for (int ordinal = 0; ordinal < parameters; ordinal++) {
            Tensor result = result(ordinal);
            if (result != null) {
                result.fill(0);
            }
        }
        Tensor modulationResult = call.gradModulation();
        if (modulationResult != null) {
            modulationResult.fill(0);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
