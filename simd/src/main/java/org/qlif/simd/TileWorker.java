package org.qlif.simd;

import static org.qlif.simd.SimdKernel.fetch;
import static org.qlif.simd.SimdKernel.store;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Forward;
import org.qlif.NeuromodTransform;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;
import org.qlif.State;
import org.qlif.Tensor;
import org.qlif.spi.host.Broadcast;
import org.qlif.spi.host.GradientScratch;
import org.qlif.spi.host.HostTape;
import org.qlif.spi.host.QlifConstants;

/**
 * Takes a tile of neurons through all time steps, forward or backward: fetches lines of the caller's memory, calls the passes of a
 * {@link QlifProgram} and stores lines. It does no arithmetic of the model. One member of the team has one; not thread-safe.
 */
final class TileWorker {
    // Plain lines of scratch beside the frames.
    private static final int GRAD_Y = 0;
    private static final int GRAD_V = Lanes.TILE;
    private static final int OUT = 2 * Lanes.TILE;
    private static final int WIRE = 3 * Lanes.TILE;
    private static final int COUNT = 4 * Lanes.TILE;

    /** The block's adjoint lines by ordinal of the state variable; -1 for what carries no gradient. */
    private static final int[] ADJOINTS = {
        Layout.ADJ_V,
        Layout.ADJ_A,
        Layout.ADJ_S,
        Layout.ADJ_R,
        -1,
        Layout.ADJ_D,
        Layout.ADJ_O,
        -1,
        -1,
        Layout.ADJ_M,
        Layout.ADJ_Y
    };

    private final QlifConfig config;
    private final QlifConstants constants;
    private final Structure structure;
    private final QlifProgram run;
    private final QlifVariable[] variables = QlifVariable.values();
    private final QlifTrace[] traces = QlifTrace.values();
    private final TileDraws draws;

    private final float[] x = new float[Lanes.TILE / Lanes.LENGTH * Layout.STRIDE];
    private final float[] lines = new float[5 * Lanes.TILE];
    private final float[] frame = new float[Layout.FRAME];
    private final float[] lentDraws = new float[Layout.DRAWS];
    private final long[] bits = new long[Lanes.TILE / 64];
    private final byte[] bytes = new byte[Lanes.TILE];
    private final long[] modulationOffsets = new long[Lanes.TILE];

    /** One frame for each step of a segment; made for the first backward pass. */
    private float[] frames;

    // The call.
    private Forward call;
    private Backward backwardCall;
    private GradientScratch scratch;
    private QlifProgram replay;
    private HostTape tape;
    private long steps;
    private long elements;
    private long neurons;
    private long firstStep;
    private Broadcast modulation;
    private boolean drawsUniforms;
    private boolean drawsNormals;

    // The tile.
    private long e;
    private int lanes;
    private int vectors;

    TileWorker(QlifConfig config, QlifConstants constants) {
        this.config = config;
        this.constants = constants;
        structure = Structure.of(config);
        run = QlifProgram.of(new Specialisation(structure, Mode.RUN), constants);
        draws = new TileDraws(config.uniformsPerStep());
    }

    void bind(Forward call) {
        this.call = call;
        tape = call.tape() == null ? null : (HostTape) call.tape().storage();
        steps = call.steps();
        elements = call.elements();
        neurons = call.neurons();
        firstStep = call.firstStep();
        modulation = call.modulation() == null ? null : Broadcast.of(call.modulation());
        drawsUniforms = config.uniformsPerStep() > 0 && call.uniforms() == null;
        drawsNormals = config.drawsNormals() && call.normals() == null;
        if (call.draws() != null) {
            draws.stream(call.draws().seed(), call.draws().stream());
        }
    }

    void bind(Backward call, GradientScratch scratch) {
        bind(call.forward());
        backwardCall = call;
        this.scratch = scratch;
        drawsUniforms = false;
        drawsNormals &= !tape.keepsVoltages();
        Mode mode = tape.keepsVoltages() ? Mode.REPLAY_VOLTAGES : Mode.REPLAY_DRAWS;
        replay = QlifProgram.of(new Specialisation(structure, mode), constants);
        int length = (int) Math.min(HostTape.SEGMENT, steps) * Layout.FRAME;
        if (frames == null || frames.length < length) {
            frames = new float[length];
        }
    }

    // ---------------------------------------------------------------- forward

    void forward(long tile) {
        start(tile);
        loadState();
        for (long t = 0; t < steps; t++) {
            if (tape != null && t > 0 && t % HostTape.SEGMENT == 0) {
                storeCheckpoint(t / HostTape.SEGMENT - 1);
            }
            int normals = prepare(run, t, frame, 0);
            float[] drawn = drawsNormals ? draws.lines : lentDraws;
            run.integrate(x, frame, 0, drawn, normals, vectors);
            traceThreshold(t);
            run.decide(x, frame, 0, vectors);
            run.damp(x, frame, 0, vectors);
            fire(t);
            traceSlope(t);
            run.settle(x, frame, 0, vectors);
            storeOutputs(t);
        }
        storeState();
    }

    private void start(long tile) {
        e = tile * Lanes.TILE;
        lanes = (int) Math.min(Lanes.TILE, elements - e);
        vectors = (lanes + Lanes.LENGTH - 1) / Lanes.LENGTH;
        loadParameters();
        if (drawsUniforms || drawsNormals) {
            draws.start(call.draws().elementOffset() + e, lanes);
        }
        if (modulation != null) {
            for (int i = 0; i < lanes; i++) {
                modulationOffsets[i] = modulation.offset(e + i, neurons);
            }
        }
    }

    private void loadParameters() {
        loadParameter(QlifParameter.V_TH, Layout.V_TH, 0f);
        float[] tau = parameter(QlifParameter.TAU, 1f);
        for (int i = 0; i < Lanes.TILE; i++) {
            tau[OUT + i] = constants.dt() / tau[OUT + i];
        }
        Block.scatter(tau, OUT, x, Layout.LEAK, vectors);
        loadParameter(QlifParameter.ETA, Layout.ETA, 0f);
        loadParameter(QlifParameter.Q_SCALE, Layout.ALPHA, 0f);
        float[] bias = parameter(QlifParameter.Q_BIAS, 0f);
        for (int i = 0; i < Lanes.TILE; i++) {
            bias[OUT + i] = bias[OUT + i] - constants.quantumLeak();
        }
        Block.scatter(bias, OUT, x, Layout.REST_ANGLE, vectors);
    }

    private void loadParameter(QlifParameter parameter, int line, float padding) {
        Block.scatter(parameter(parameter, padding), OUT, x, line, vectors);
    }

    /** The parameter of each lane in line OUT, and {@code padding} past the last one. */
    private float[] parameter(QlifParameter parameter, float padding) {
        Tensor tensor = call.parameters().get(parameter);
        MemorySegment segment = tensor.segment();
        if (tensor.elements() == 1) {
            Arrays.fill(lines, OUT, OUT + lanes, segment.getAtIndex(ValueLayout.JAVA_FLOAT, 0));
        } else {
            long n = e % neurons;
            for (int i = 0; i < lanes; ) {
                int run = (int) Math.min(lanes - i, neurons - n);
                fetch(segment, n, lines, OUT + i, run);
                i += run;
                n = 0;
            }
        }
        Arrays.fill(lines, OUT + lanes, OUT + Lanes.TILE, padding);
        return lines;
    }

    /**
     * What comes before the arithmetic of step {@code t}: denormals, draws, modulation, and the input, which goes to the frame.
     * Returns where the step's normals are.
     */
    private int prepare(QlifProgram program, long t, float[] f, int at) {
        long step = firstStep + t;
        if (step % QlifConstants.FLUSH_PERIOD == 0) {
            program.flushState(x, vectors);
        }
        if (drawsUniforms || drawsNormals) {
            draws.step(step, lanes, drawsUniforms, drawsNormals);
        }
        if (modulation != null && (modulation.strideT() != 0 || t % HostTape.SEGMENT == 0)) {
            modulate(program, t);
        }
        fetch(call.input().segment(), t * elements + e, f, at + Layout.FRAME_INPUT, lanes);
        if (drawsNormals) {
            return Layout.NORMAL + (int) (step & 1) * Lanes.TILE;
        }
        if (call.normals() != null) {
            fetch(call.normals().segment(), t * elements + e, lentDraws, Layout.NORMAL, lanes);
        }
        return Layout.NORMAL;
    }

    /** M and its slope for step {@code t}; only once a segment where the modulation does not vary over time. */
    private void modulate(QlifProgram program, long t) {
        MemorySegment external = call.modulation().segment();
        long row = t * modulation.strideT();
        for (int i = 0; i < lanes; i++) {
            lines[OUT + i] = external.getAtIndex(ValueLayout.JAVA_FLOAT, row + modulationOffsets[i]);
        }
        if (structure.sigmoidModulation()) {
            program.modulate(x, lines, OUT, vectors);
            return;
        }
        NeuromodTransform transform = config.neuromodTransform();
        for (int i = 0; i < lanes; i++) {
            float m = lines[OUT + i];
            float value = transform.apply(m);
            lines[OUT + i] = value;
            lines[WIRE + i] = transform.derivative(m, value);
        }
        Block.scatter(lines, OUT, x, Layout.M, vectors);
        Block.scatter(lines, WIRE, x, Layout.M_SLOPE, vectors);
    }

    /** Spikes of step {@code t}, as floats in the frame and as bits. */
    private void fire(long t) {
        long step = firstStep + t;
        int wires = config.uniformsPerStep();
        if (config.decision() == QlifConfig.Decision.QUBIT && config.readout() == QlifConfig.Readout.MULTI_QUBIT) {
            if (drawsUniforms) {
                draws.countWires(step, frame, Layout.FRAME_P, lines, WIRE, lines, COUNT, lanes);
            } else {
                for (int wire = 0; wire < wires; wire++) {
                    fetchUniforms(t, wire, lines, WIRE);
                    TileDraws.count(lines, WIRE, frame, Layout.FRAME_P, lines, COUNT, wire == 0, lanes);
                }
            }
            run.fire(frame, 0, lines, COUNT, bits, vectors);
        } else if (drawsUniforms) {
            run.fire(frame, 0, draws.lines, Layout.UNIFORM + (int) (step & 1) * Lanes.TILE, bits, vectors);
        } else {
            if (call.uniforms() != null) {
                fetchUniforms(t, 0, lentDraws, Layout.UNIFORM);
            }
            run.fire(frame, 0, lentDraws, Layout.UNIFORM, bits, vectors);
        }
        if ((lanes & 63) != 0) {
            bits[lanes >>> 6] &= (1L << lanes) - 1;
        }
    }

    private void fetchUniforms(long t, int wire, float[] to, int at) {
        fetch(call.uniforms().segment(), (t * config.uniformsPerStep() + wire) * elements + e, to, at, lanes);
    }

    private void storeOutputs(long t) {
        long index = t * elements + e;
        if (tape != null) {
            if (tape.keepsVoltages()) {
                store(frame, Layout.FRAME_V_PRE, tape.voltages(), index, lanes);
            }
            storeBits(tape.bits(), t);
        }
        Tensor floats = call.spikes(DType.F32);
        if (floats != null) {
            store(frame, Layout.FRAME_SPIKE, floats.segment(), index, lanes);
        }
        if (call.spikes(DType.U8) != null) {
            expandBits();
            MemorySegment.copy(bytes, 0, call.spikes(DType.U8).segment(), ValueLayout.JAVA_BYTE, index, lanes);
        }
        if (call.spikes(DType.BIT) != null) {
            storeBits(call.spikes(DType.BIT).segment(), t);
        }
        if (call.spikeValues() != null) {
            int line = structure.expected() ? Layout.FRAME_P : Layout.FRAME_SPIKE;
            store(frame, line, call.spikeValues().segment(), index, lanes);
        }
        storeLine(call.voltages(), Layout.V, index);
        for (QlifTrace trace : traces) {
            Tensor tensor = call.trace(trace);
            if (tensor != null) {
                switch (trace) {
                    case PROBABILITY -> store(frame, Layout.FRAME_P, tensor.segment(), index, lanes);
                    case DELTA -> store(frame, Layout.FRAME_DELTA, tensor.segment(), index, lanes);
                    case ADAPTATION -> storeLine(tensor, Layout.A, index);
                    case EFFICIENCY -> storeLine(tensor, Layout.S, index);
                    case REFRACTORY -> storeLine(tensor, Layout.R, index);
                    case AHP -> storeLine(tensor, Layout.H, index);
                    case DYNAMIC_PROBABILITY -> storeLine(tensor, Layout.D, index);
                    case HOMEOSTASIS -> storeLine(tensor, Layout.HOMEOSTASIS, index);
                    case THRESHOLD, SLOPE -> {
                        // Written before the step settled, when their terms still stood.
                    }
                }
            }
        }
    }

    private void traceThreshold(long t) {
        Tensor tensor = call.trace(QlifTrace.THRESHOLD);
        if (tensor != null) {
            run.traceThreshold(x, frame, 0, lines, OUT, vectors);
            store(lines, OUT, tensor.segment(), t * elements + e, lanes);
        }
    }

    private void traceSlope(long t) {
        Tensor tensor = call.trace(QlifTrace.SLOPE);
        if (tensor != null) {
            run.traceSlope(x, lines, OUT, vectors);
            store(lines, OUT, tensor.segment(), t * elements + e, lanes);
        }
    }

    private void storeLine(Tensor tensor, int line, long index) {
        if (tensor != null) {
            Block.gather(x, line, lines, OUT, vectors);
            store(lines, OUT, tensor.segment(), index, lanes);
        }
    }

    private void storeBits(MemorySegment rows, long t) {
        long row = t * ((elements + 63) >>> 6) + (e >>> 6);
        for (int word = 0; word < (lanes + 63) >>> 6; word++) {
            rows.setAtIndex(ValueLayout.JAVA_LONG, row + word, bits[word]);
        }
    }

    private void loadBits(MemorySegment rows, long t) {
        long row = t * ((elements + 63) >>> 6) + (e >>> 6);
        for (int word = 0; word < (lanes + 63) >>> 6; word++) {
            bits[word] = rows.getAtIndex(ValueLayout.JAVA_LONG, row + word);
        }
    }

    /** Spreads the bits to bytes, eight at a time: bit k of a byte lands in byte k, whose other bits are masked off. */
    private void expandBits() {
        for (int i = 0; i < lanes; i += 8) {
            long eight = bits[i >>> 6] >>> (i & 63) & 0xFF;
            long picked = eight * 0x0101010101010101L & 0x8040201008040201L;
            long spread = picked + 0x7F7F7F7F7F7F7F7FL;
            BYTES.set(bytes, i, spread >>> 7 & 0x0101010101010101L);
        }
    }

    private static final VarHandle BYTES = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    // ---------------------------------------------------------------- state

    private void loadState() {
        State initial = call.initialState();
        for (QlifVariable variable : variables) {
            int line = variable.ordinal() * Lanes.LENGTH;
            if (initial == null) {
                Block.fill(x, line, variable.initialValue(), vectors);
            } else {
                loadLine(initial.get(variable).segment(), e, line);
            }
        }
    }

    private void storeState() {
        if (call.finalState() != null) {
            for (QlifVariable variable : variables) {
                storeLine(call.finalState().get(variable), variable.ordinal() * Lanes.LENGTH, e);
            }
        }
    }

    private void loadCheckpoint(long number) {
        for (QlifVariable variable : variables) {
            int ordinal = variable.ordinal();
            loadLine(tape.checkpoints(), tape.checkpointIndex(number, ordinal) + e, ordinal * Lanes.LENGTH);
        }
    }

    private void storeCheckpoint(long number) {
        for (QlifVariable variable : variables) {
            int ordinal = variable.ordinal();
            Block.gather(x, ordinal * Lanes.LENGTH, lines, OUT, vectors);
            store(lines, OUT, tape.checkpoints(), tape.checkpointIndex(number, ordinal) + e, lanes);
        }
    }

    private void loadLine(MemorySegment from, long index, int line) {
        fetch(from, index, lines, OUT, lanes);
        Block.scatter(lines, OUT, x, line, vectors);
    }

    // ---------------------------------------------------------------- backward

    void backward(long tile) {
        start(tile);
        loadAdjoints();
        for (int line = Layout.GRAD_V_TH; line <= Layout.GRAD_M; line += Lanes.LENGTH) {
            Block.fill(x, line, 0f, vectors);
        }
        Arrays.fill(lines, GRAD_Y, GRAD_V + Lanes.TILE, 0f);
        for (long segment = (steps + HostTape.SEGMENT - 1) / HostTape.SEGMENT - 1; segment >= 0; segment--) {
            long first = segment * HostTape.SEGMENT;
            int length = (int) Math.min(HostTape.SEGMENT, steps - first);
            if (segment == 0) {
                loadState();
            } else {
                loadCheckpoint(segment - 1);
            }
            for (int i = 0; i < length; i++) {
                replay(first + i, i * Layout.FRAME);
            }
            for (int i = length - 1; i >= 0; i--) {
                backwardStep(first + i, i * Layout.FRAME);
            }
        }
        storeGradients();
    }

    /** Does step {@code t} again, from the tape, into the frame at {@code at}. */
    private void replay(long t, int at) {
        int normals = prepare(replay, t, frames, at);
        if (tape.keepsVoltages()) {
            fetch(tape.voltages(), t * elements + e, frames, at + Layout.FRAME_V_PRE, lanes);
        }
        replay.integrate(x, frames, at, drawsNormals ? draws.lines : lentDraws, normals, vectors);
        replay.decide(x, frames, at, vectors);
        if (structure.replaysProbability()) {
            replay.damp(x, frames, at, vectors);
        }
        loadBits(tape.bits(), t);
        replay.unpack(frames, at, bits, vectors);
        replay.settle(x, frames, at, vectors);
    }

    private void backwardStep(long t, int at) {
        long index = t * elements + e;
        if (modulation != null && modulation.strideT() != 0) {
            modulate(replay, t);
        }
        if (backwardCall.gradSpikeValues() != null) {
            fetch(backwardCall.gradSpikeValues().segment(), index, lines, GRAD_Y, lanes);
        }
        if (backwardCall.gradVoltages() != null) {
            fetch(backwardCall.gradVoltages().segment(), index, lines, GRAD_V, lanes);
        }
        replay.settleBackward(x, frames, at, lines, GRAD_Y, GRAD_V, vectors);
        replay.dampBackward(frames, at, vectors);
        replay.decideBackward(x, frames, at, vectors);
        replay.integrateBackward(x, frames, at, lines, OUT, vectors);
        if (backwardCall.gradInput() != null) {
            store(lines, OUT, backwardCall.gradInput().segment(), index, lanes);
        }
        if (modulation != null) {
            replay.modulateBackward(x, lines, OUT, vectors);
            if (scratch.modulationSteps() != null) {
                store(lines, OUT, scratch.modulationSteps(), index, lanes);
            }
        }
        if ((firstStep + t) % QlifConstants.FLUSH_PERIOD == 0) {
            replay.flushAdjoints(x, vectors);
        }
    }

    private void loadAdjoints() {
        State upstream = backwardCall.gradFinalState();
        for (QlifVariable variable : variables) {
            int line = ADJOINTS[variable.ordinal()];
            if (line >= 0) {
                if (upstream == null) {
                    Block.fill(x, line, 0f, vectors);
                } else {
                    loadLine(upstream.get(variable).segment(), e, line);
                }
            }
        }
    }

    private void storeGradients() {
        storeSum(QlifParameter.V_TH, Layout.GRAD_V_TH);
        storeSum(QlifParameter.ETA, Layout.GRAD_ETA);
        storeSum(QlifParameter.Q_SCALE, Layout.GRAD_ALPHA);
        storeSum(QlifParameter.Q_BIAS, Layout.GRAD_BIAS);
        storeTauSum();
        Block.gather(x, Layout.GRAD_M, lines, OUT, vectors);
        store(lines, OUT, scratch.sums(), scratch.modulationSumIndex() + e, lanes);
        State result = backwardCall.gradInitialState();
        if (result != null) {
            for (QlifVariable variable : variables) {
                int line = ADJOINTS[variable.ordinal()];
                if (line >= 0) {
                    storeLine(result.get(variable), line, e);
                } else {
                    result.get(variable).segment().asSlice(e * 4, lanes * 4L).fill((byte) 0);
                }
            }
        }
    }

    private void storeSum(QlifParameter parameter, int line) {
        Block.gather(x, line, lines, OUT, vectors);
        store(lines, OUT, scratch.sums(), scratch.sumIndex(parameter.ordinal()) + e, lanes);
    }

    /** The gradient of tau from that of dt / tau: times -(dt / tau) / tau. */
    private void storeTauSum() {
        Block.gather(x, Layout.GRAD_LEAK, lines, WIRE, vectors);
        float[] tau = parameter(QlifParameter.TAU, 1f);
        for (int i = 0; i < lanes; i++) {
            float leak = constants.dt() / tau[OUT + i];
            tau[OUT + i] = lines[WIRE + i] * (-leak / tau[OUT + i]);
        }
        store(tau, OUT, scratch.sums(), scratch.sumIndex(QlifParameter.TAU.ordinal()) + e, lanes);
    }
}
