package org.qlif.spi.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.qlif.Backward;
import org.qlif.Parameters;
import org.qlif.Tensor;

/**
 * Where a backward run on the host keeps gradients of shared values until they are summed: for each element the sum over time of
 * each parameter's gradient and of the modulation's, or, for a modulation that varies over time, its gradient at every step. Kept
 * from call to call; not thread-safe, though threads may write to different elements.
 */
public final class GradientScratch implements AutoCloseable {
    private final int parameters;
    private final GradientSums adder = new GradientSums();
    private Arena arena = Arena.ofShared();
    private MemorySegment memory = arena.allocate(0);
    private long elements;
    /** Whether the call has nothing to run. */
    private boolean empty;

    private @Nullable Parameters results;
    private @Nullable MemorySegment modulationSteps;
    private long modulationStepsIndex;
    private @Nullable Broadcast modulation;

    /** Scratch for a model with this many parameters. */
    public GradientScratch(int parameters) {
        this.parameters = parameters;
    }

    /**
     * Makes room for {@code call}. What is there is not cleared: every element that is summed is written by the run.
     *
     * @return whether there is anything to run; if not, {@link #finish} writes the sums of nothing
     * @throws org.qlif.NativeException if memory runs out
     */
    public boolean prepare(Backward call) {
        elements = call.forward().elements();
        results = call.gradParameters();
        Tensor gradModulation = call.gradModulation();
        modulation = Broadcast.of(gradModulation, modulation);
        empty = elements == 0 || (call.forward().steps() == 0 && call.gradInitialState() == null);
        if (empty) {
            return false;
        }
        Tensor varying = modulation == null || modulation.strideT() == 0 ? null : gradModulation;
        boolean shared = varying != null
                && varying.elements() != Math.multiplyExact(call.forward().steps(), elements);
        long sumBytes = Math.multiplyExact(elements, (parameters + 1) * 4L);
        long stepBytes = shared ? Math.multiplyExact(call.forward().steps(), elements * 4) : 0;
        if (memory.byteSize() - sumBytes < stepBytes) {
            Arena larger = Arena.ofShared();
            try {
                memory = HostMemory.allocate(larger, Math.addExact(sumBytes, stepBytes), "a backward call's scratch");
            } catch (Throwable failure) {
                larger.close();
                throw failure;
            }
            arena.close();
            arena = larger;
        }
        modulationSteps = shared ? memory : varying == null ? null : varying.segment();
        modulationStepsIndex = shared ? sumBytes / 4 : 0;
        return true;
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

    /** Where the modulation's gradient at every step goes, {@code float (T, elements)} from an index on, or null. */
    public @Nullable MemorySegment modulationSteps() {
        return modulationSteps;
    }

    /** Adds up over batch and neurons, and writes the results of {@code call}. */
    public void finish(Backward call) {
        if (empty) {
            writeZeros(call);
            return;
        }
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
