// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.State;
import org.qlif.StateVariable;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.Trace;
import org.qlif.spi.BackendKernel;
import org.qlif.spi.TapeStorage;
import org.qlif.spi.host.Broadcast;
import org.qlif.spi.host.Crew;
import org.qlif.spi.host.Denormals;
import org.qlif.spi.host.ElementNumbers;
import org.qlif.spi.host.GradientScratch;
import org.qlif.spi.host.HostTape;
import org.qlif.spi.host.HostWork;

/**
 * Runs a {@link ScalarNeuron} over elements and steps: one element through all steps, then the next. The neuron has the model's arithmetic;
 * this class moves the data.
 *
 * @param <S> what a step of the model computes
 */
final class ScalarKernel<S extends ScalarStep> implements BackendKernel {
    /** Elements in a part of the work: those of one word of spike bits, so that no two threads share a word. */
    private static final int PART = 64;

    private final NeuronConfig config;
    // Arrays, since a list would allocate an iterator for every element.
    private final StateVariable[] variables;
    private final NeuronParameter[] parameters;
    private final Trace[] traces;
    private final Crew crew;
    private final List<Worker> workers = new ArrayList<>();
    private final GradientScratch scratch;
    private Backward backwardCall;
    private final Crew.Job forwardJob = (member, part) -> workers().get(member).forwardPart(part);
    private final Crew.Job backwardJob = (member, part) -> workers().get(member).backwardPart(part);

    ScalarKernel(NeuronConfig config, Supplier<ScalarNeuron<S>> model, KernelOptions options) {
        this.config = config;
        this.variables = config.stateVariables().toArray(StateVariable[]::new);
        this.parameters = config.parameters().toArray(NeuronParameter[]::new);
        this.traces = config.traces().toArray(Trace[]::new);
        this.scratch = new GradientScratch(parameters.length);
        for (int i = 0; i < options.threads(); i++) {
            workers.add(new Worker(model.get()));
        }
        // Last, so that nothing can fail after the threads have started.
        this.crew = new Crew(options);
    }

    private List<Worker> workers() {
        return workers;
    }

    @Override
    public String description() {
        return "plain Java, " + crew.description();
    }

    @Override
    public boolean takesLinear() {
        return true;
    }

    @Override
    public boolean takes(DType type) {
        return DType.NUMBERS.contains(type);
    }

    @Override
    public void forward(Forward call) {
        run(forwardJob, call, call.linear() != null, HostWork.parts(call, PART));
    }

    /** @param makes whether the call's linear layer computes the input current; if not, the call gives it */
    private void run(Crew.Job job, Forward call, boolean makes, long parts) {
        int members = crew.muster(parts, false, call.threadBound());
        try {
            for (int i = 0; i < members; i++) {
                workers.get(i).bind(call, makes, job == forwardJob);
            }
            crew.run(job, parts, members);
        } finally {
            crew.dismiss(members);
        }
    }

    @Override
    public void backward(Backward call) {
        if (scratch.prepare(call)) {
            backwardCall = call;
            Forward forward = call.forward();
            run(backwardJob, forward, forward.current() == null, HostWork.parts(forward.elements(), PART));
            scratch.sumAll();
        }
        scratch.finish(call);
    }

    @Override
    public void draw(DrawStream stream, long firstStep, Tensor rowIndex, Tensor uniforms, Tensor normals) {
        Tensor any = uniforms != null ? uniforms : normals;
        if (any == null) {
            return;
        }
        long steps = any.extent(0);
        int wires = any.rank() == 4 ? (int) any.extent(1) : 1;
        long neurons = any.extent(any.rank() - 1);
        long elements = any.extent(any.rank() - 2) * neurons;
        ElementDraws draws = new ElementDraws(wires);
        draws.stream(stream.seed(), stream.stream());
        for (long e = 0; e < elements; e++) {
            draws.element(ElementNumbers.of(rowIndex, stream.elementOffset(), neurons, e));
            for (long t = 0; t < steps; t++) {
                for (int wire = 0; uniforms != null && wire < wires; wire++) {
                    put(uniforms, (t * wires + wire) * elements + e, draws.uniform(firstStep + t, wire));
                }
                if (normals != null) {
                    put(normals, t * elements + e, draws.normal(firstStep + t));
                }
            }
        }
    }

    @Override
    public long tapeBytes(Tape.Mode mode, DType type, long steps, long batch, long neurons) {
        return HostTape.bytes(mode, type, steps, Math.multiplyExact(batch, neurons), variables.length);
    }

    @Override
    public TapeStorage newTape(Tape.Mode mode, DType type, long steps, long batch, long neurons, Tensor memory) {
        return new HostTape(
                mode,
                type,
                steps,
                Math.multiplyExact(batch, neurons),
                variables.length,
                PART,
                memory == null ? null : memory.segment());
    }

    @Override
    public long scratchBytes(Backward call) {
        return scratch.bytes(call);
    }

    @Override
    public void close() {
        crew.close();
        scratch.close();
    }

    /** Writes to a tensor of any type of numbers. */
    private static void put(Tensor tensor, long index, float value) {
        tensor.type().set(tensor.segment(), index, value);
    }

    private static void put(MemorySegment segment, long index, float value) {
        segment.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
    }

    private static float get(MemorySegment segment, long index) {
        return segment.getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    /** Reads from a tensor of any type of numbers; 0 if it is null. */
    private static float getOrZero(Tensor tensor, long index) {
        return tensor == null ? 0f : tensor.type().get(tensor.segment(), index);
    }

    private static float getShared(Tensor tensor, long n) {
        return get(tensor.segment(), tensor.elements() == 1 ? 0 : n);
    }

    /** The work and memory of one thread. */
    private final class Worker {
        private final ScalarNeuron<S> neuron;
        private final StepDraws draws = new StepDraws(config);
        private final float[] values = new float[parameters.length];
        private final List<S> steps;
        private Forward call;
        private long count;
        private long elements;
        private long neurons;
        private long firstStep;

        private Broadcast modulation;
        private final ScalarCurrent made = new ScalarCurrent(PART);
        private boolean makes;

        Worker(ScalarNeuron<S> neuron) {
            this.neuron = neuron;
            this.steps =
                    Stream.generate(neuron::newStep).limit(HostTape.SEGMENT).toList();
        }

        void bind(Forward call, boolean makes, boolean keeps) {
            this.call = call;
            this.makes = makes;
            if (makes) {
                made.bind(call.linear(), keeps);
            }
            count = call.steps();
            elements = call.elements();
            neurons = call.neurons();
            firstStep = call.firstStep();
            draws.bind(call);
            modulation = Broadcast.of(call.modulation(), modulation);
        }

        void forwardPart(long part) {
            clearBits(part);
            long end = Math.min(elements, (part + 1) * PART);
            for (long e = part * PART; e < end; e++) {
                forwardElement(e);
            }
        }

        /** Clears the spike bits, since bits are then set one by one. */
        private void clearBits(long part) {
            HostTape tape = tape();
            Tensor bits = call.spikes(DType.BIT);
            long words = HostWork.parts(elements, PART);
            for (long t = 0; t < count; t++) {
                if (tape != null) {
                    tape.bits().setAtIndex(ValueLayout.JAVA_LONG, tape.wordIndex(t, part * PART), 0L);
                }
                if (bits != null) {
                    bits.segment().setAtIndex(ValueLayout.JAVA_LONG, t * words + part, 0L);
                }
            }
        }

        private HostTape tape() {
            return call.tape() == null ? null : (HostTape) call.tape().storage();
        }

        private void forwardElement(long e) {
            start(e);
            loadState(e);
            HostTape tape = tape();
            S x = steps.getFirst();
            for (long t = 0; t < count; t++) {
                if (tape != null && t > 0 && t % HostTape.SEGMENT == 0) {
                    storeCheckpoint(tape, t / HostTape.SEGMENT - 1, e);
                }
                advance(x, t, e, null);
                boolean fired = neuron.fires(x, draws);
                neuron.settle(x, fired);
                if (tape != null) {
                    if (tape.keepsVoltages()) {
                        tape.type().set(tape.voltages(), tape.voltageIndex(t, e), x.vPre);
                    }
                    setBit(tape.bits(), tape.wordIndex(t, e), e, fired);
                }
                writeOutputs(x, t, e, fired);
            }
            storeState(e);
        }

        /** Does a step up to its decision. If the tape has potentials, V' comes from there and needs no noise. */
        private void advance(S x, long t, long e, HostTape replayed) {
            if ((firstStep + t) % Denormals.PERIOD == 0) {
                neuron.flushState();
            }
            draws.step(t);
            if (modulation != null) {
                long index = t * modulation.strideT() + modulation.offset(e, neurons);
                neuron.modulate(x, get(call.modulation().segment(), index));
            }
            neuron.integrate(x, makes ? made.at(t, e) : getOrZero(call.current(), t * elements + e));
            if (replayed != null && replayed.keepsVoltages()) {
                x.vPre = replayed.type().get(replayed.voltages(), replayed.voltageIndex(t, e));
            } else if (config.drawsNormals()) {
                neuron.addNoise(x, draws.normal());
            }
            neuron.decide(x);
        }

        private void writeOutputs(S x, long t, long e, boolean fired) {
            long index = t * elements + e;
            if (call.spikes(DType.F32) != null) {
                put(call.spikes(DType.F32), index, x.spike);
            }
            if (call.spikes(DType.U8) != null) {
                call.spikes(DType.U8).segment().set(ValueLayout.JAVA_BYTE, index, (byte) (fired ? 1 : 0));
            }
            if (call.spikes(DType.BIT) != null) {
                setBit(call.spikes(DType.BIT).segment(), t * HostWork.parts(elements, PART) + (e >>> 6), e, fired);
            }
            if (call.spikeValues() != null) {
                put(call.spikeValues(), index, x.y);
            }
            if (call.voltages() != null) {
                put(call.voltages(), index, neuron.voltage());
            }
            for (Trace trace : traces) {
                Tensor tensor = call.trace(trace);
                if (tensor != null) {
                    put(tensor, index, neuron.traced(trace, x));
                }
            }
        }

        private static void setBit(MemorySegment words, long index, long e, boolean fired) {
            if (fired) {
                words.setAtIndex(
                        ValueLayout.JAVA_LONG, index, words.getAtIndex(ValueLayout.JAVA_LONG, index) | 1L << e);
            }
        }

        void backwardPart(long part) {
            long end = Math.min(elements, (part + 1) * PART);
            for (long e = part * PART; e < end; e++) {
                backwardElement(e);
            }
        }

        private void backwardElement(long e) {
            start(e);
            HostTape tape = tape();
            loadAdjoints(e);
            Arrays.fill(neuron.gradient, 0f);
            float gradModulation = 0f;
            for (long segment = (count - 1) / HostTape.SEGMENT; segment >= 0 && count > 0; segment--) {
                long first = segment * HostTape.SEGMENT;
                int length = (int) Math.min(HostTape.SEGMENT, count - first);
                if (segment == 0) {
                    loadState(e);
                } else {
                    loadCheckpoint(tape, segment - 1, e);
                }
                for (int i = 0; i < length; i++) {
                    advance(steps.get(i), first + i, e, tape);
                    neuron.settle(steps.get(i), tape.spike(first + i, e));
                }
                for (int i = length - 1; i >= 0; i--) {
                    gradModulation = backwardStep(steps.get(i), first + i, e, gradModulation);
                }
            }
            storeGradients(e, gradModulation);
        }

        private float backwardStep(S x, long t, long e, float gradModulation) {
            long index = t * elements + e;
            float gradInput = neuron.backward(
                    x,
                    getOrZero(backwardCall.gradSpikeValues(), t * backwardCall.gradSpikeValuesStride() + e),
                    getOrZero(backwardCall.gradVoltages(), index));
            if (backwardCall.gradInput() != null) {
                put(backwardCall.gradInput(), index, gradInput);
            }
            float sum = gradModulation;
            if (modulation != null) {
                float gradient = neuron.modulationBackward(x);
                sum += gradient;
                if (scratch.modulationSteps() != null) {
                    put(scratch.modulationSteps(), scratch.modulationStepsIndex() + index, gradient);
                }
            }
            if ((firstStep + t) % Denormals.PERIOD == 0) {
                neuron.flushAdjoints();
            }
            return sum;
        }

        private void start(long e) {
            long n = e % neurons;
            for (int i = 0; i < values.length; i++) {
                values[i] = getShared(call.parameters().get(parameters[i]), n);
            }
            neuron.parameters(values);
            draws.element(e);
        }

        private void loadState(long e) {
            State initial = call.initialState();
            long place = call.initialStateIsShared() ? e % neurons : e;
            for (int i = 0; i < variables.length; i++) {
                neuron.state[i] = initial == null
                        ? variables[i].initialValue()
                        : get(initial.get(variables[i]).segment(), place);
            }
        }

        private void storeState(long e) {
            if (call.finalState() != null) {
                store(neuron.state, call.finalState(), e);
            }
        }

        private void store(float[] values, State state, long e) {
            for (int i = 0; i < values.length; i++) {
                put(state.get(variables[i]), e, values[i]);
            }
        }

        private void loadCheckpoint(HostTape tape, long number, long e) {
            for (int i = 0; i < variables.length; i++) {
                neuron.state[i] = get(tape.checkpoints(), tape.checkpointIndex(number, i) + e);
            }
        }

        private void storeCheckpoint(HostTape tape, long number, long e) {
            for (int i = 0; i < variables.length; i++) {
                put(tape.checkpoints(), tape.checkpointIndex(number, i) + e, neuron.state[i]);
            }
        }

        private void loadAdjoints(long e) {
            State upstream = backwardCall.gradFinalState();
            for (int i = 0; i < variables.length; i++) {
                neuron.setAdjoint(
                        i,
                        upstream == null ? 0f : get(upstream.get(variables[i]).segment(), e));
            }
        }

        private void storeGradients(long e, float gradModulation) {
            neuron.finishGradients();
            for (int i = 0; i < parameters.length; i++) {
                put(scratch.sums(), scratch.sumIndex(i) + e, neuron.gradient[i]);
            }
            put(scratch.sums(), scratch.modulationSumIndex() + e, gradModulation);
            if (backwardCall.gradInitialState() != null) {
                store(neuron.adjoint, backwardCall.gradInitialState(), e);
            }
        }
    }
}
