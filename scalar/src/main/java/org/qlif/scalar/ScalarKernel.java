package org.qlif.scalar;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.NeuromodTransform;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;
import org.qlif.State;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.spi.BackendKernel;
import org.qlif.spi.TapeStorage;
import org.qlif.spi.host.Broadcast;
import org.qlif.spi.host.Denormals;
import org.qlif.spi.host.GradientScratch;
import org.qlif.spi.host.HostTape;
import org.qlif.spi.host.HostWork;
import org.qlif.spi.host.QlifConstants;
import org.qlif.spi.host.Team;

/** Runs {@link ScalarNeuron} over elements and steps: one element through all steps, then the next. */
final class ScalarKernel implements BackendKernel {
    /** Elements a part of the work takes: those of one word of spike bits, so that no two threads share a word. */
    private static final int PART = 64;

    // Arrays, since a list would be asked for an iterator at every element.
    private static final QlifVariable[] VARIABLES = QlifVariable.values();
    private static final QlifTrace[] TRACES = QlifTrace.values();

    private final QlifConfig config;
    private final QlifConstants constants;
    private final Team team;
    private final Worker[] workers;
    private final GradientScratch scratch = new GradientScratch(QlifParameter.values().length);
    private Backward backwardCall;
    private final Team.Job forwardJob = (member, part) -> workers()[member].forwardPart(part);
    private final Team.Job backwardJob = (member, part) -> workers()[member].backwardPart(part);

    ScalarKernel(QlifConfig config, int threads) {
        this.config = config;
        this.constants = QlifConstants.of(config);
        this.workers = new Worker[threads];
        for (int i = 0; i < threads; i++) {
            workers[i] = new Worker();
        }
        // Last: nothing that can fail comes after the threads have started.
        this.team = new Team(threads);
    }

    private Worker[] workers() {
        return workers;
    }

    @Override
    public String description() {
        return "plain Java, " + team.size() + (team.size() == 1 ? " thread" : " threads");
    }

    @Override
    public void forward(Forward call) {
        for (Worker worker : workers) {
            worker.bind(call);
        }
        team.run(forwardJob, HostWork.parts(call, PART), call.threadBound());
    }

    @Override
    public void backward(Backward call) {
        if (scratch.prepare(call)) {
            backwardCall = call;
            for (Worker worker : workers) {
                worker.bind(call.forward());
            }
            team.run(backwardJob, HostWork.parts(call.forward().elements(), PART), call.threadBound());
        }
        scratch.finish(call);
    }

    @Override
    public void draw(DrawStream stream, long firstStep, Tensor uniforms, Tensor normals) {
        Tensor any = uniforms != null ? uniforms : normals;
        if (any == null) {
            return;
        }
        long steps = any.extent(0);
        int wires = any.rank() == 4 ? (int) any.extent(1) : 1;
        long elements = any.extent(any.rank() - 2) * any.extent(any.rank() - 1);
        ElementDraws draws = new ElementDraws(wires);
        draws.stream(stream.seed(), stream.stream());
        for (long e = 0; e < elements; e++) {
            draws.element(stream.elementOffset() + e);
            for (long t = 0; t < steps; t++) {
                draws.step(firstStep + t);
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
    public TapeStorage newTape(Tape.Mode mode, long steps, long batch, long neurons) {
        return new HostTape(mode, steps, Math.multiplyExact(batch, neurons), VARIABLES.length, PART);
    }

    @Override
    public void close() {
        team.close();
        scratch.close();
    }

    private static void put(Tensor tensor, long index, float value) {
        put(tensor.segment(), index, value);
    }

    private static void put(MemorySegment segment, long index, float value) {
        segment.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
    }

    private static float get(MemorySegment segment, long index) {
        return segment.getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    private static float getOrZero(Tensor tensor, long index) {
        return tensor == null ? 0f : get(tensor.segment(), index);
    }

    private static float getShared(Tensor tensor, long n) {
        return get(tensor.segment(), tensor.elements() == 1 ? 0 : n);
    }

    /** What one member of the team works with. */
    private final class Worker {
        private final ScalarNeuron neuron = new ScalarNeuron(config, constants);
        private final ElementDraws draws = new ElementDraws(config.uniformsPerStep());
        private final Step[] steps = new Step[HostTape.SEGMENT];
        private Forward call;
        private long count;
        private long elements;
        private long neurons;
        private long firstStep;
        private long elementOffset;
        /** Whether this call draws numbers of its own. */
        private boolean drawing;

        private Broadcast modulation;

        Worker() {
            for (int i = 0; i < steps.length; i++) {
                steps[i] = new Step();
            }
        }

        void bind(Forward call) {
            this.call = call;
            count = call.steps();
            elements = call.elements();
            neurons = call.neurons();
            firstStep = call.firstStep();
            elementOffset = call.draws() == null ? 0 : call.draws().elementOffset();
            if (call.draws() != null) {
                draws.stream(call.draws().seed(), call.draws().stream());
            }
            drawing = (config.uniformsPerStep() > 0 && call.uniforms() == null)
                    || (config.drawsNormals() && call.normals() == null);
            modulation = Broadcast.of(call.modulation(), modulation);
        }

        void forwardPart(long part) {
            clearBits(part);
            long end = Math.min(elements, (part + 1) * PART);
            for (long e = part * PART; e < end; e++) {
                forwardElement(e);
            }
        }

        /** Bits are set one by one; the rest of their words must be 0. */
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
            Step x = steps[0];
            for (long t = 0; t < count; t++) {
                if (tape != null && t > 0 && t % HostTape.SEGMENT == 0) {
                    storeCheckpoint(tape, t / HostTape.SEGMENT - 1, e);
                }
                advance(x, t, e, null);
                boolean fired = fires(x, t, e);
                neuron.settle(x, fired);
                if (tape != null) {
                    if (tape.keepsVoltages()) {
                        put(tape.voltages(), tape.voltageIndex(t, e), x.vPre);
                    }
                    setBit(tape.bits(), tape.wordIndex(t, e), e, fired);
                }
                writeOutputs(x, t, e, fired);
            }
            storeState(e);
        }

        /** A step up to its decision; where a tape kept potentials, V' comes from there and needs no noise. */
        private void advance(Step x, long t, long e, HostTape replayed) {
            long step = firstStep + t;
            boolean kept = replayed != null && replayed.keepsVoltages();
            if (step % Denormals.PERIOD == 0) {
                neuron.flushState();
            }
            if (drawing && !kept) {
                draws.step(step);
            }
            if (modulation != null) {
                modulate(x, t, e);
            }
            neuron.integrate(x, get(call.input().segment(), t * elements + e));
            if (kept) {
                x.vPre = get(replayed.voltages(), replayed.voltageIndex(t, e));
            } else if (config.drawsNormals()) {
                Tensor normals = call.normals();
                neuron.addNoise(x, normals != null ? get(normals.segment(), t * elements + e) : draws.normal(step));
            }
            neuron.decide(x);
        }

        private void modulate(Step x, long t, long e) {
            float external = get(call.modulation().segment(), t * modulation.strideT() + modulation.offset(e, neurons));
            NeuromodTransform transform = config.neuromodTransform();
            if (transform == NeuromodTransform.SIGMOID) {
                neuron.m = ScalarMath.sigmoid(external);
                x.modulationSlope = neuron.m * (1f - neuron.m);
            } else {
                neuron.m = transform.apply(external);
                x.modulationSlope = transform.derivative(external, neuron.m);
            }
        }

        private boolean fires(Step x, long t, long e) {
            return switch (config.decision()) {
                case THRESHOLD -> x.delta >= 0f;
                case SIGMOID -> config.sampling() == QlifConfig.Sampling.ROUND ? x.p > 0.5f : uniform(t, e, 0) < x.p;
                case QUBIT ->
                    switch (config.readout()) {
                        case SINGLE_QUBIT -> uniform(t, e, 0) < x.p;
                        case MULTI_QUBIT -> wiresBelow(x.p, t, e) >= constants.minCount();
                        case EXPECTATION -> x.p > constants.expectedAbove();
                    };
            };
        }

        private int wiresBelow(float p, long t, long e) {
            int count = 0;
            for (int wire = 0; wire < config.quantumWires(); wire++) {
                if (uniform(t, e, wire) < p) {
                    count++;
                }
            }
            return count;
        }

        private float uniform(long t, long e, int wire) {
            Tensor uniforms = call.uniforms();
            return uniforms != null
                    ? get(uniforms.segment(), (t * config.uniformsPerStep() + wire) * elements + e)
                    : draws.uniform(firstStep + t, wire);
        }

        private void writeOutputs(Step x, long t, long e, boolean fired) {
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
                put(call.voltages(), index, neuron.v);
            }
            for (QlifTrace trace : TRACES) {
                Tensor tensor = call.trace(trace);
                if (tensor != null) {
                    put(tensor, index, traced(trace, x));
                }
            }
        }

        private float traced(QlifTrace trace, Step x) {
            return switch (trace) {
                case PROBABILITY -> x.p;
                case DELTA -> x.delta;
                case THRESHOLD -> x.theta;
                case ADAPTATION -> neuron.a;
                case EFFICIENCY -> neuron.s;
                case REFRACTORY -> neuron.r;
                case AHP -> neuron.h;
                case DYNAMIC_PROBABILITY -> neuron.d;
                case HOMEOSTASIS -> neuron.homeostasis;
                case SLOPE -> neuron.tracedSlope(x);
                case THRESHOLD_OFFSET -> neuron.o;
                case RATE -> neuron.rate;
                case MODULATION -> neuron.m;
            };
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
            neuron.clearGradients();
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
                    advance(steps[i], first + i, e, tape);
                    neuron.settle(steps[i], tape.spike(first + i, e));
                }
                for (int i = length - 1; i >= 0; i--) {
                    gradModulation = backwardStep(steps[i], first + i, e, gradModulation);
                }
            }
            storeGradients(e, gradModulation);
        }

        private float backwardStep(Step x, long t, long e, float gradModulation) {
            long index = t * elements + e;
            neuron.backward(
                    x, getOrZero(backwardCall.gradSpikeValues(), index), getOrZero(backwardCall.gradVoltages(), index));
            if (backwardCall.gradInput() != null) {
                put(backwardCall.gradInput(), index, neuron.gradInput);
            }
            float sum = gradModulation;
            if (modulation != null) {
                float gradient = neuron.adjM * x.modulationSlope;
                neuron.adjM = 0f;
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
            neuron.parameters(
                    getShared(call.parameters().get(QlifParameter.V_TH), n),
                    getShared(call.parameters().get(QlifParameter.TAU), n),
                    getShared(call.parameters().get(QlifParameter.ETA), n),
                    getShared(call.parameters().get(QlifParameter.Q_SCALE), n),
                    getShared(call.parameters().get(QlifParameter.Q_BIAS), n));
            draws.element(elementOffset + e);
        }

        private void loadState(long e) {
            State initial = call.initialState();
            for (QlifVariable variable : VARIABLES) {
                neuron.set(
                        variable,
                        initial == null
                                ? variable.initialValue()
                                : get(initial.get(variable).segment(), e));
            }
        }

        private void storeState(long e) {
            if (call.finalState() != null) {
                for (QlifVariable variable : VARIABLES) {
                    put(call.finalState().get(variable), e, neuron.get(variable));
                }
            }
        }

        private void loadCheckpoint(HostTape tape, long number, long e) {
            for (QlifVariable variable : VARIABLES) {
                neuron.set(variable, get(tape.checkpoints(), tape.checkpointIndex(number, variable.ordinal()) + e));
            }
        }

        private void storeCheckpoint(HostTape tape, long number, long e) {
            for (QlifVariable variable : VARIABLES) {
                put(tape.checkpoints(), tape.checkpointIndex(number, variable.ordinal()) + e, neuron.get(variable));
            }
        }

        private void loadAdjoints(long e) {
            State upstream = backwardCall.gradFinalState();
            for (QlifVariable variable : VARIABLES) {
                neuron.setAdjoint(
                        variable,
                        upstream == null ? 0f : get(upstream.get(variable).segment(), e));
            }
        }

        private void storeGradients(long e, float gradModulation) {
            MemorySegment sums = scratch.sums();
            put(sums, scratch.sumIndex(QlifParameter.V_TH.ordinal()) + e, neuron.gradVTh);
            put(sums, scratch.sumIndex(QlifParameter.TAU.ordinal()) + e, neuron.gradTau());
            put(sums, scratch.sumIndex(QlifParameter.ETA.ordinal()) + e, neuron.gradEta);
            put(sums, scratch.sumIndex(QlifParameter.Q_SCALE.ordinal()) + e, neuron.gradAlpha);
            put(sums, scratch.sumIndex(QlifParameter.Q_BIAS.ordinal()) + e, neuron.gradBias);
            put(sums, scratch.modulationSumIndex() + e, gradModulation);
            State result = backwardCall.gradInitialState();
            if (result != null) {
                for (QlifVariable variable : VARIABLES) {
                    put(result.get(variable), e, neuron.adjoint(variable));
                }
            }
        }
    }
}
