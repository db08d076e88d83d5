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
import org.qlif.spi.host.Denormals;
import org.qlif.spi.host.GradientScratch;
import org.qlif.spi.host.HostTape;
import org.qlif.spi.host.QlifConstants;

/**
 * Takes a tile of neurons through all time steps, forward or backward: fetches lines of the caller's memory, calls the passes of a
 * {@link QlifProgram} and stores lines. It does no arithmetic of the model. One member of the team has one; not thread-safe.
 */
final class TileWorker {
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
    private final Common run;
    private final QlifVariable[] variables = QlifVariable.values();
    private final QlifTrace[] traces = QlifTrace.values();
    private final TileDraws draws;

    private final Tile tile = new Tile();
    private final byte[] bytes = new byte[Lanes.TILE];
    private final long[] modulationOffsets = new long[Lanes.TILE];
    private final Pass[] rise;
    private final Pass[] fire;
    private final Pass[] settle;
    private final Pass[] unpack;
    private final Pass[] traceThreshold;
    private final Pass[] traceSlope;

    /** The backward pass, for the mode of the tape at hand. */
    private Replay replay;

    private Replay voltageReplay;
    private Replay drawReplay;

    // The call.
    private Forward call;
    private int width;
    private Backward backwardCall;
    private GradientScratch scratch;
    private HostTape tape;
    private long steps;
    private long elements;
    private long neurons;
    private long firstStep;
    private Broadcast modulation;
    private boolean drawsUniforms;
    private boolean drawsNormals;

    /** The tile's first element, and how many it has. */
    private long e;

    private int lanes;

    /** The passes that forward and backward runs have in common. */
    private static final class Common {
        final Pass[] flushState;
        final Pass[] modulate;

        Common(QlifProgram program) {
            flushState = new Pass[] {program::flushState};
            modulate = new Pass[] {program::modulate};
        }
    }

    /** The passes of a backward run. */
    private static final class Replay {
        final Common common;
        final Pass[] step;
        final Pass[] backward;
        final Pass[] modulateBackward;
        final Pass[] flushAdjoints;

        Replay(QlifProgram program) {
            common = new Common(program);
            step = program.replay();
            backward = program.backward();
            modulateBackward = new Pass[] {program::modulateBackward};
            flushAdjoints = new Pass[] {program::flushAdjoints};
        }
    }

    TileWorker(QlifConfig config, QlifConstants constants) {
        this.config = config;
        this.constants = constants;
        structure = Structure.of(config);
        QlifProgram program = program(Mode.RUN);
        run = new Common(program);
        rise = program.rise();
        fire = new Pass[] {program::fire};
        settle = new Pass[] {program::settle};
        unpack = new Pass[] {program::unpack};
        traceThreshold = new Pass[] {program::traceThreshold};
        traceSlope = new Pass[] {program::traceSlope};
        draws = new TileDraws(tile, config.uniformsPerStep());
    }

    private QlifProgram program(Mode mode) {
        return QlifProgram.of(new Specialisation(structure, mode), constants);
    }

    /** Takes up {@code call}, in tiles of {@code width} neurons. */
    void bind(Forward call, int width) {
        this.call = call;
        this.width = width;
        tape = call.tape() == null ? null : (HostTape) call.tape().storage();
        steps = call.steps();
        elements = call.elements();
        neurons = call.neurons();
        firstStep = call.firstStep();
        modulation = Broadcast.of(call.modulation(), modulation);
        drawsUniforms = config.uniformsPerStep() > 0 && call.uniforms() == null;
        drawsNormals = config.drawsNormals() && call.normals() == null;
        if (call.draws() != null) {
            draws.stream(call.draws().seed(), call.draws().stream());
        }
    }

    void bind(Backward call, GradientScratch scratch, int width) {
        bind(call.forward(), width);
        backwardCall = call;
        this.scratch = scratch;
        drawsUniforms = false;
        drawsNormals &= !tape.keepsVoltages();
        if (tape.keepsVoltages()) {
            replay = voltageReplay == null ? voltageReplay = new Replay(program(Mode.REPLAY_VOLTAGES)) : voltageReplay;
        } else {
            replay = drawReplay == null ? drawReplay = new Replay(program(Mode.REPLAY_DRAWS)) : drawReplay;
        }
    }

    // ---------------------------------------------------------------- forward

    void forward(long tileIndex) {
        start(tileIndex);
        tile.frame = Layout.FRAMES;
        tile.word = 0;
        loadState();
        for (long t = 0; t < steps; t++) {
            if (tape != null && t > 0 && t % HostTape.SEGMENT == 0) {
                storeCheckpoint(t / HostTape.SEGMENT - 1);
            }
            stageInputs(t);
            prepare(run, t);
            Pass.all(rise, tile);
            trace(traceThreshold, call.trace(QlifTrace.THRESHOLD), t);
            fire(t);
            trace(traceSlope, call.trace(QlifTrace.SLOPE), t);
            Pass.all(settle, tile);
            storeOutputs(t);
        }
        storeState();
    }

    private void start(long tileIndex) {
        e = tileIndex * width;
        lanes = (int) Math.min(width, elements - e);
        tile.lanes = lanes;
        tile.vectors = (lanes + Lanes.LENGTH - 1) / Lanes.LENGTH;
        loadParameters();
        if (drawsUniforms || drawsNormals) {
            draws.start(call.draws().elementOffset() + e);
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
            tau[Layout.OUT + i] = constants.dt() / tau[Layout.OUT + i];
        }
        Block.scatter(tile, Layout.OUT, Layout.STRIDE, Layout.LEAK);
        loadParameter(QlifParameter.ETA, Layout.ETA, 0f);
        loadParameter(QlifParameter.Q_SCALE, Layout.ALPHA, 0f);
        float[] bias = parameter(QlifParameter.Q_BIAS, 0f);
        for (int i = 0; i < Lanes.TILE; i++) {
            bias[Layout.OUT + i] = bias[Layout.OUT + i] - constants.quantumLeak();
        }
        Block.scatter(tile, Layout.OUT, Layout.STRIDE, Layout.REST_ANGLE);
    }

    private void loadParameter(QlifParameter parameter, int line, float padding) {
        parameter(parameter, padding);
        Block.scatter(tile, Layout.OUT, Layout.STRIDE, line);
    }

    /** The parameter of each lane in line Layout.OUT, and {@code padding} past the last one. */
    private float[] parameter(QlifParameter parameter, float padding) {
        Tensor tensor = call.parameters().get(parameter);
        MemorySegment segment = tensor.segment();
        if (tensor.elements() == 1) {
            Arrays.fill(tile.m, Layout.OUT, Layout.OUT + lanes, segment.getAtIndex(ValueLayout.JAVA_FLOAT, 0));
        } else {
            long n = e % neurons;
            for (int i = 0; i < lanes; ) {
                int run = (int) Math.min(lanes - i, neurons - n);
                fetch(segment, n, tile.m, Layout.OUT + i, run);
                i += run;
                n = 0;
            }
        }
        Arrays.fill(tile.m, Layout.OUT + lanes, Layout.OUT + Lanes.TILE, padding);
        return tile.m;
    }

    /** Sees to it that the input of step {@code t} of a forward run is in the scratch. */
    private void stageInputs(long t) {
        int slot = (int) (t % Layout.STAGED);
        if (slot == 0) {
            for (int i = 0; i < Layout.STAGED && t + i < steps; i++) {
                fetch(call.input().segment(), (t + i) * elements + e, tile.m, Layout.ROWS + i * Lanes.TILE, lanes);
            }
        }
        tile.input = Layout.ROWS + slot * Lanes.TILE;
    }

    /** What comes before the arithmetic of step {@code t}: denormals, draws, modulation and normals. */
    private void prepare(Common program, long t) {
        long step = firstStep + t;
        if (step % Denormals.PERIOD == 0) {
            Pass.all(program.flushState, tile);
        }
        if (drawsUniforms || drawsNormals) {
            draws.step(step, drawsUniforms, drawsNormals);
        }
        if (modulation != null && (modulation.strideT() != 0 || t % HostTape.SEGMENT == 0)) {
            modulate(program, t);
        }
        tile.normals = Layout.NORMAL + (int) (step & 1) * Lanes.TILE;
        if (!drawsNormals && call.normals() != null) {
            fetch(call.normals().segment(), t * elements + e, tile.m, Layout.LENT_NORMAL, lanes);
            tile.normals = Layout.LENT_NORMAL;
        }
    }

    /** M and its slope for step {@code t}; only once a segment where the modulation does not vary over time. */
    private void modulate(Common program, long t) {
        MemorySegment external = call.modulation().segment();
        long row = t * modulation.strideT();
        for (int i = 0; i < lanes; i++) {
            tile.m[Layout.OUT + i] = external.getAtIndex(ValueLayout.JAVA_FLOAT, row + modulationOffsets[i]);
        }
        if (structure.sigmoidModulation()) {
            Pass.all(program.modulate, tile);
            return;
        }
        NeuromodTransform transform = config.neuromodTransform();
        for (int i = 0; i < lanes; i++) {
            float m = tile.m[Layout.OUT + i];
            float value = transform.apply(m);
            tile.m[Layout.OUT + i] = value;
            tile.m[Layout.AUX + i] = transform.derivative(m, value);
        }
        Block.scatter(tile, Layout.OUT, Layout.STRIDE, Layout.M);
        Block.scatter(tile, Layout.AUX, Layout.STRIDE, Layout.M_SLOPE);
    }

    /** Spikes of step {@code t}, as floats in the frame and as bits. */
    private void fire(long t) {
        long step = firstStep + t;
        int wires = config.uniformsPerStep();
        tile.uniforms = Layout.UNIFORM + (int) (step & 1) * Lanes.TILE;
        if (structure.readout() == QlifConfig.Readout.MULTI_QUBIT) {
            tile.uniforms = Layout.COUNT;
            if (drawsUniforms) {
                draws.countWires(step);
            }
        }
        if (call.uniforms() != null) {
            for (int wire = 0; wire < wires; wire++) {
                long row = (t * wires + wire) * elements + e;
                fetch(call.uniforms().segment(), row, tile.m, Layout.LENT_UNIFORM, lanes);
                if (tile.uniforms == Layout.COUNT) {
                    draws.countWire(wire);
                } else {
                    tile.uniforms = Layout.LENT_UNIFORM;
                }
            }
        }
        Pass.all(fire, tile);
        if ((lanes & 63) != 0) {
            tile.bits[lanes >>> 6] &= (1L << lanes) - 1;
        }
    }

    private void storeOutputs(long t) {
        long index = t * elements + e;
        if (tape != null) {
            if (tape.keepsVoltages()) {
                store(tile.m, tile.frame + Layout.FRAME_V_PRE, tape.voltages(), tape.voltageIndex(t, e), lanes);
            }
            storeBits(tape.bits(), tape.wordIndex(t, e));
        }
        storeSpikes(call.spikes(DType.F32), index);
        if (call.spikes(DType.U8) != null) {
            expandBits();
            MemorySegment.copy(bytes, 0, call.spikes(DType.U8).segment(), ValueLayout.JAVA_BYTE, index, lanes);
        }
        if (call.spikes(DType.BIT) != null) {
            storeBits(call.spikes(DType.BIT).segment(), t * ((elements + 63) >>> 6) + (e >>> 6));
        }
        if (!structure.expected()) {
            storeSpikes(call.spikeValues(), index);
        } else if (call.spikeValues() != null) {
            store(tile.m, tile.frame + Layout.FRAME_P, call.spikeValues().segment(), index, lanes);
        }
        storeLine(call.voltages(), Layout.STRIDE, Layout.V, index);
        for (QlifTrace trace : traces) {
            Tensor tensor = call.trace(trace);
            if (tensor != null) {
                switch (trace) {
                    case PROBABILITY -> store(tile.m, tile.frame + Layout.FRAME_P, tensor.segment(), index, lanes);
                    case DELTA -> store(tile.m, tile.frame + Layout.FRAME_DELTA, tensor.segment(), index, lanes);
                    case ADAPTATION -> storeLine(tensor, Layout.STRIDE, Layout.A, index);
                    case EFFICIENCY -> storeLine(tensor, Layout.STRIDE, Layout.S, index);
                    case REFRACTORY -> storeLine(tensor, Layout.STRIDE, Layout.R, index);
                    case AHP -> storeLine(tensor, Layout.STRIDE, Layout.H, index);
                    case DYNAMIC_PROBABILITY -> storeLine(tensor, Layout.STRIDE, Layout.D, index);
                    case HOMEOSTASIS -> storeLine(tensor, Layout.STRIDE, Layout.HOMEOSTASIS, index);
                    case THRESHOLD_OFFSET -> storeLine(tensor, Layout.STRIDE, Layout.O, index);
                    case RATE -> storeLine(tensor, Layout.STRIDE, Layout.RATE, index);
                    case MODULATION -> storeLine(tensor, Layout.STRIDE, Layout.M, index);
                    case THRESHOLD, SLOPE -> {
                        // Written before the step settled.
                    }
                }
            }
        }
    }

    /** For what is traced before the step settles, while its terms still stand. */
    private void trace(Pass[] pass, Tensor tensor, long t) {
        if (tensor != null) {
            Pass.all(pass, tile);
            store(tile.m, Layout.OUT, tensor.segment(), t * elements + e, lanes);
        }
    }

    private void storeSpikes(Tensor tensor, long index) {
        if (tensor != null) {
            Pass.all(unpack, tile);
            store(tile.m, Layout.OUT, tensor.segment(), index, lanes);
        }
    }

    private void storeLine(Tensor tensor, int stride, int line, long index) {
        if (tensor != null) {
            Block.gather(tile, stride, line, Layout.OUT);
            store(tile.m, Layout.OUT, tensor.segment(), index, lanes);
        }
    }

    private void storeBits(MemorySegment words, long index) {
        for (int word = 0; word < (lanes + 63) >>> 6; word++) {
            words.setAtIndex(ValueLayout.JAVA_LONG, index + word, tile.bits[word]);
        }
    }

    private void loadBits(MemorySegment words, long index) {
        for (int word = 0; word < (lanes + 63) >>> 6; word++) {
            tile.bits[tile.word + word] = words.getAtIndex(ValueLayout.JAVA_LONG, index + word);
        }
    }

    /** Spreads the bits to bytes, eight at a time: bit k of a byte lands in byte k, whose other bits are masked off. */
    private void expandBits() {
        for (int i = 0; i < lanes; i += 8) {
            long eight = tile.bits[i >>> 6] >>> (i & 63) & 0xFF;
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
            int line = Layout.state(variable);
            if (initial == null) {
                Block.fill(tile, Layout.STRIDE, line, variable.initialValue());
            } else {
                loadLine(initial.get(variable).segment(), e, Layout.STRIDE, line);
            }
        }
    }

    private void storeState() {
        if (call.finalState() != null) {
            for (QlifVariable variable : variables) {
                storeLine(call.finalState().get(variable), Layout.STRIDE, Layout.state(variable), e);
            }
        }
    }

    private void loadCheckpoint(long number) {
        for (QlifVariable variable : variables) {
            int ordinal = variable.ordinal();
            loadLine(
                    tape.checkpoints(),
                    tape.checkpointIndex(number, ordinal) + e,
                    Layout.STRIDE,
                    Layout.state(variable));
        }
    }

    private void storeCheckpoint(long number) {
        for (QlifVariable variable : variables) {
            int ordinal = variable.ordinal();
            Block.gather(tile, Layout.STRIDE, Layout.state(variable), Layout.OUT);
            store(tile.m, Layout.OUT, tape.checkpoints(), tape.checkpointIndex(number, ordinal) + e, lanes);
        }
    }

    private void loadLine(MemorySegment from, long index, int stride, int line) {
        fetch(from, index, tile.m, Layout.OUT, lanes);
        Block.scatter(tile, Layout.OUT, stride, line);
    }

    // ---------------------------------------------------------------- backward

    void backward(long tileIndex) {
        start(tileIndex);
        loadAdjoints();
        for (int line = Layout.GRAD_V_TH; line <= Layout.GRAD_M; line += Lanes.LENGTH) {
            Block.fill(tile, Layout.ADJOINT_STRIDE, line, 0f);
        }
        Arrays.fill(tile.m, Layout.GRAD_V_OUT, Layout.GRAD_V_OUT + Lanes.TILE, 0f);
        for (long segment = (steps + HostTape.SEGMENT - 1) / HostTape.SEGMENT - 1; segment >= 0; segment--) {
            long first = segment * HostTape.SEGMENT;
            int length = (int) Math.min(HostTape.SEGMENT, steps - first);
            if (segment == 0) {
                loadState();
            } else {
                loadCheckpoint(segment - 1);
            }
            for (int i = 0; i < length; i++) {
                if (i % Layout.STAGED == 0) {
                    stageFrames(first, i, Math.min(i + Layout.STAGED, length));
                }
                frame(i);
                replay(first + i);
            }
            for (int i = length - 1; i >= 0; i--) {
                frame(i);
                backwardStep(first + i);
            }
        }
        storeGradients();
    }

    private int frameAt(int i) {
        return Layout.FRAMES + i * Layout.frame(structure);
    }

    private void frame(int i) {
        tile.frame = frameAt(i);
        tile.word = i * Layout.WORDS;
    }

    /** Fetches what steps {@code from} to {@code to} of the segment that starts at {@code first} read to be done again. */
    private void stageFrames(long first, int from, int to) {
        for (int i = from; i < to; i++) {
            int frame = frameAt(i);
            long index = (first + i) * elements + e;
            fetch(call.input().segment(), index, tile.m, frame + Layout.FRAME_INPUT, lanes);
            if (tape.keepsVoltages()) {
                fetch(tape.voltages(), tape.voltageIndex(first + i, e), tile.m, frame + Layout.FRAME_V_PRE, lanes);
            }
        }
    }

    /** Sees to it that the upstream gradient of y at step {@code t} is in the scratch; steps come from the last to the first. */
    private void stageGradients(long t) {
        int slot = (int) (t % Layout.STAGED);
        tile.gradY = Layout.ROWS + slot * Lanes.TILE;
        if (slot == Layout.STAGED - 1 || t == steps - 1) {
            Tensor gradients = backwardCall.gradSpikeValues();
            for (int i = slot; i >= 0; i--) {
                int row = Layout.ROWS + i * Lanes.TILE;
                if (gradients != null) {
                    fetch(gradients.segment(), (t - slot + i) * elements + e, tile.m, row, lanes);
                } else {
                    Arrays.fill(tile.m, row, row + Lanes.TILE, 0f);
                }
            }
        }
    }

    /** Does step {@code t} again, from the tape, into the tile's frame. */
    private void replay(long t) {
        prepare(replay.common, t);
        tile.input = tile.frame + Layout.FRAME_INPUT;
        loadBits(tape.bits(), tape.wordIndex(t, e));
        Pass.all(replay.step, tile);
    }

    private void backwardStep(long t) {
        long index = t * elements + e;
        if (modulation != null && modulation.strideT() != 0) {
            modulate(replay.common, t);
        }
        if (backwardCall.gradVoltages() != null) {
            fetch(backwardCall.gradVoltages().segment(), index, tile.m, Layout.GRAD_V_OUT, lanes);
        }
        stageGradients(t);
        Pass.all(replay.backward, tile);
        if (backwardCall.gradInput() != null) {
            store(tile.m, Layout.OUT, backwardCall.gradInput().segment(), index, lanes);
        }
        if (modulation != null) {
            Pass.all(replay.modulateBackward, tile);
            if (scratch.modulationSteps() != null) {
                store(tile.m, Layout.OUT, scratch.modulationSteps(), scratch.modulationStepsIndex() + index, lanes);
            }
        }
        if ((firstStep + t) % Denormals.PERIOD == 0) {
            Pass.all(replay.flushAdjoints, tile);
        }
    }

    private void loadAdjoints() {
        State upstream = backwardCall.gradFinalState();
        for (QlifVariable variable : variables) {
            int line = ADJOINTS[variable.ordinal()];
            if (line >= 0) {
                if (upstream == null) {
                    Block.fill(tile, Layout.ADJOINT_STRIDE, line, 0f);
                } else {
                    loadLine(upstream.get(variable).segment(), e, Layout.ADJOINT_STRIDE, line);
                }
            }
        }
    }

    private void storeGradients() {
        storeSum(QlifParameter.V_TH, Layout.GRAD_V_TH);
        storeSum(QlifParameter.ETA, Layout.GRAD_ETA);
        storeSum(QlifParameter.Q_SCALE, Layout.GRAD_ALPHA);
        storeSum(QlifParameter.Q_BIAS, Layout.GRAD_BIAS);
        if (scratch.sumsParameter(QlifParameter.TAU.ordinal())) {
            storeTauSum();
        }
        if (scratch.sumsModulation()) {
            Block.gather(tile, Layout.ADJOINT_STRIDE, Layout.GRAD_M, Layout.OUT);
            store(tile.m, Layout.OUT, scratch.sums(), scratch.modulationSumIndex() + e, lanes);
        }
        State result = backwardCall.gradInitialState();
        if (result != null) {
            for (QlifVariable variable : variables) {
                int line = ADJOINTS[variable.ordinal()];
                if (line >= 0) {
                    storeLine(result.get(variable), Layout.ADJOINT_STRIDE, line, e);
                } else {
                    Arrays.fill(tile.m, Layout.OUT, Layout.OUT + lanes, 0f);
                    store(tile.m, Layout.OUT, result.get(variable).segment(), e, lanes);
                }
            }
        }
    }

    private void storeSum(QlifParameter parameter, int line) {
        if (scratch.sumsParameter(parameter.ordinal())) {
            Block.gather(tile, Layout.ADJOINT_STRIDE, line, Layout.OUT);
            store(tile.m, Layout.OUT, scratch.sums(), scratch.sumIndex(parameter.ordinal()) + e, lanes);
        }
    }

    /** The gradient of tau from that of dt / tau: times -(dt / tau) / tau. */
    private void storeTauSum() {
        Block.gather(tile, Layout.ADJOINT_STRIDE, Layout.GRAD_LEAK, Layout.AUX);
        float[] tau = parameter(QlifParameter.TAU, 1f);
        for (int i = 0; i < lanes; i++) {
            float leak = constants.dt() / tau[Layout.OUT + i];
            tau[Layout.OUT + i] = tile.m[Layout.AUX + i] * (-leak / tau[Layout.OUT + i]);
        }
        store(tau, Layout.OUT, scratch.sums(), scratch.sumIndex(QlifParameter.TAU.ordinal()) + e, lanes);
    }
}
