// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import static org.qlif.simd.SimdKernel.fetch;
import static org.qlif.simd.SimdKernel.store;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.Stream;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Forward;
import org.qlif.NeuromodTransform;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.State;
import org.qlif.StateVariable;
import org.qlif.Tensor;
import org.qlif.Trace;
import org.qlif.simd.SimdModel.ModulationLines;
import org.qlif.spi.host.Broadcast;
import org.qlif.spi.host.Denormals;
import org.qlif.spi.host.GradientScratch;
import org.qlif.spi.host.HostTape;

/**
 * Takes a tile of neurons through all time steps, forward or backward: loads lines from the caller's memory, runs the passes of a {@link
 * Program} and stores lines. Knows the model only through {@link SimdModel}, and does no arithmetic itself. Each thread of a crew has its
 * own; not thread-safe.
 */
final class TileWorker {
    /**
     * Neuron-steps up to which a call's arrays, of up to 1 MiB each, stay in the caches of the second and third level, so that passes read
     * and write them in place. Beyond that, the rows of several steps are copied together, so that their cache misses overlap.
     */
    private static final long IN_PLACE = 1 << 18;

    private final SimdModel model;
    private final ModelLayout layout;
    private final int stride;
    private final int adjointStride;
    private final int frameSize;
    private final int spikeValue;
    private final int voltage;
    private final boolean countsWires;
    private final int wires;
    private final ModulationLines modulationLines;
    private final NeuronParameter[] parameters;
    private final StateVariable[] variables;
    /** The state variables stored in checkpoints. */
    private final StateVariable[] checkpointed;

    private final Trace[] traces;
    /** Where each traced quantity is found, by the trace's ordinal; null for state variables. */
    private final Traced[] traced;

    private final Tile tile;
    private final TileDraws draws;
    private final TileCurrent current = new TileCurrent();
    private final LentArray modulationArray = new LentArray();
    private final LentArray inputArray = new LentArray();
    private final LentArray spikeArray = new LentArray();
    private final LentArray gradYArray = new LentArray();
    private final LentArray gradInputArray = new LentArray();
    private final byte[] bytes = new byte[Lanes.TILE];
    private final Common run;
    private final Pass[] rise;
    private final Pass[] fire;
    private final Pass[] settle;
    /** The passes that do several steps at once; empty if the program has none. */
    private final Pass[] several;

    private final Pass[] unpack = {Block::unpack};

    /** The backward run's passes, for the mode of the current tape. */
    private Replay replay;

    private Replay voltageReplay;
    private Replay drawReplay;

    // The current call.
    private Forward call;
    private int width;
    /** Whether {@link #current} computes the input current. */
    private boolean makes;

    private Backward backwardCall;
    private GradientScratch scratch;
    /** Whether the caller wants the modulation's gradient. */
    private boolean modulationGradient;

    private HostTape tape;
    private long steps;
    private long elements;
    private long neurons;
    private long firstStep;
    private long gradYStride;

    /** Whether the call is small enough to read and write the caller's arrays in place. */
    private boolean small;

    /** Whether passes read the current tile's inputs in place. */
    private boolean inputsInPlace;

    private boolean gradYsInPlace;
    private boolean gradInputsInPlace;
    private Broadcast modulation;
    /** Index of the tile's first element in the modulation, at step 0. */
    private long modulationOffset;

    /** Whether all of the tile has the same modulation in a step. */
    private boolean oneModulation;

    /** Whether the modulation varies over time. */
    private boolean modulationVaries;

    /** Offset of the lines that hold M of several steps. */
    private int modulationFirst;

    /** The step of the first of these lines. */
    private long modulationFrom;

    /** Offset of the lines of M of a backward run, one for each step of a segment. */
    private final int keptModulations;

    private boolean drawsUniforms;
    private boolean drawsNormals;
    private boolean tracesAny;

    /** The memory of traces, by ordinal. */
    private final Tensor[] traceTensors;

    /** The tile's first element. */
    private long e;

    /** The number of elements in the tile. */
    private int lanes;

    /** The passes that forward and backward runs share; those of parameters are indexed by ordinal. */
    private static final class Common {
        final Pass[][] derive;
        final Pass[] modulate;

        Common(Program program, NeuronParameter[] parameters) {
            derive = Stream.of(parameters).map(program::derive).toArray(Pass[][]::new);
            modulate = program.modulate();
        }
    }

    /** The passes of a backward run. */
    private static final class Replay {
        final Common common;
        final Pass[] step;
        final Pass[] backward;
        final Pass[] modulateBackward;
        final Pass[][] deriveBackward;

        Replay(Program program, NeuronParameter[] parameters) {
            common = new Common(program, parameters);
            step = program.replay();
            backward = program.backward();
            modulateBackward = program.modulateBackward();
            deriveBackward = Stream.of(parameters).map(program::deriveBackward).toArray(Pass[][]::new);
        }
    }

    TileWorker(SimdModel model) {
        this.model = model;
        NeuronConfig config = model.config();
        layout = model.layout();
        stride = layout.stride();
        adjointStride = layout.adjointStride();
        frameSize = model.frame();
        spikeValue = model.spikeValue();
        voltage = model.voltage();
        countsWires = model.counted() != ModelLayout.NONE;
        wires = config.uniformsPerStep();
        modulationLines = model.modulation();
        parameters = config.parameters().toArray(NeuronParameter[]::new);
        variables = config.stateVariables().toArray(StateVariable[]::new);
        checkpointed = Stream.of(variables).filter(model::checkpoints).toArray(StateVariable[]::new);
        Program program = model.program(Mode.RUN);
        run = new Common(program, parameters);
        rise = program.rise();
        fire = program.fire();
        settle = program.settle();
        several = program.steps();
        traces = config.traces().toArray(Trace[]::new);
        traced = Stream.of(traces)
                .map(trace -> trace.variable() == null ? program.traced(trace) : null)
                .toArray(Traced[]::new);
        traceTensors = new Tensor[traces.length];
        tile = new Tile();
        keptModulations = layout.end(frameSize);
        draws = new TileDraws(tile, wires, model.counted());
    }

    /**
     * Size of its scratch, in floats.
     *
     * @param plan how a linear layer computes the current; null if the call gives the current
     */
    int scratchSize(CurrentPlan plan) {
        return plan == null ? ownSize() : currentAt() + TileCurrent.scratchSize(plan);
    }

    private int ownSize() {
        return keptModulations + (modulationLines == null ? 0 : HostTape.SEGMENT * Lanes.TILE);
    }

    /** Aligned to cache lines, like {@link Layout#START}. */
    private int currentAt() {
        return (ownSize() - Layout.START + Lanes.TILE - 1) / Lanes.TILE * Lanes.TILE + Layout.START;
    }

    /**
     * Starts {@code call}, in tiles of {@code width} neurons, with {@code lent} as scratch.
     *
     * @param plan how the call's linear layer computes the current; null if the call gives the current
     * @param keeps whether to write the layer's output as well, if the call has memory for it
     */
    void bind(Forward call, int width, CurrentPlan plan, boolean keeps, float[] lent) {
        this.call = call;
        tile.m = lent;
        this.width = width;
        makes = plan != null;
        if (makes) {
            current.bind(call.linear(), keeps, plan, lent, currentAt());
        }
        tape = call.tape() == null ? null : (HostTape) call.tape().storage();
        steps = call.steps();
        elements = call.elements();
        neurons = call.neurons();
        small = steps * elements <= IN_PLACE;
        firstStep = call.firstStep();
        modulation = Broadcast.of(call.modulation(), modulation);
        modulationVaries = modulation != null && modulation.strideT() != 0;
        modulationArray.of(call.modulation(), float[].class, Float.BYTES);
        if (!makes) {
            inputArray.of(call.current(), float[].class, Float.BYTES);
        }
        spikeArray.of(call.spikes(DType.U8), byte[].class, Byte.BYTES);
        drawsUniforms = wires > 0 && call.uniforms() == null;
        drawsNormals = model.config().drawsNormals() && call.normals() == null;
        if (call.draws() != null) {
            draws.stream(call.draws().seed(), call.draws().stream());
        }
        tracesAny = false;
        for (int i = 0; i < traces.length; i++) {
            traceTensors[i] = call.trace(traces[i]);
            tracesAny |= traceTensors[i] != null;
        }
    }

    void bind(Backward call, GradientScratch scratch, int width, CurrentPlan plan, float[] lent) {
        bind(call.forward(), width, plan, false, lent);
        backwardCall = call;
        this.scratch = scratch;
        modulationGradient = modulation != null && call.gradModulation() != null;
        gradYStride = call.gradSpikeValuesStride();
        gradYArray.of(call.gradSpikeValues(), float[].class, Float.BYTES);
        gradInputArray.of(call.gradInput(), float[].class, Float.BYTES);
        drawsUniforms = false;
        drawsNormals &= !tape.keepsVoltages();
        if (tape.keepsVoltages()) {
            replay = voltageReplay == null ? voltageReplay = replay(Mode.REPLAY_VOLTAGES) : voltageReplay;
        } else {
            replay = drawReplay == null ? drawReplay = replay(Mode.REPLAY_DRAWS) : drawReplay;
        }
    }

    private Replay replay(Mode mode) {
        return new Replay(model.program(mode), parameters);
    }

    // ---------------------------------------------------------------- forward

    /** Runs the tiles of one unit of the plan. */
    void forwardUnit(long unit) {
        for (long next = current.start(unit); next >= 0; next = current.next()) {
            forward(next);
        }
    }

    void forward(long tileIndex) {
        start(tileIndex, run);
        tile.frame = layout.frames();
        tile.word = 0;
        loadState();
        if (modulationLines != null) {
            modulationFirst = Layout.MODULATIONS;
            startModulation(run);
        }
        boolean together = stepsTogether();
        int most = together ? Layout.TOGETHER : Layout.STAGED;
        for (long t = 0, end; t < steps; t = end) {
            end = end(t, most);
            if (makes) {
                end = Math.min(end, current.make(t));
            }
            if (tape != null && t > 0 && t % HostTape.SEGMENT == 0) {
                storeCheckpoint(t / HostTape.SEGMENT - 1);
            }
            if (together) {
                steps(t, end);
            } else {
                if (!makes && !inputsInPlace) {
                    stageInputs(t, end);
                }
                if (modulationVaries) {
                    modulationFrom = t;
                    modulate(run, t, end);
                }
                for (long i = t; i < end; i++) {
                    findInput(i, makes ? current.index(i) : Layout.ROWS + (int) (i - t) * Lanes.TILE);
                    step(i);
                }
            }
        }
        storeState();
    }

    /** Whether the program can do several steps in one pass, and the call needs nothing that exists only between two steps. */
    private boolean stepsTogether() {
        return several.length > 0 && !tracesAny && call.voltages() == null && (tape == null || !tape.keepsVoltages());
    }

    /** The end of a run of at most {@code most} steps from {@code t} on; flushes and checkpoints happen only before its first step. */
    private long end(long t, int most) {
        long untilKept = HostTape.SEGMENT - t % HostTape.SEGMENT;
        long untilFlushed = Denormals.PERIOD - Math.floorMod(firstStep + t, Denormals.PERIOD);
        return Math.min(steps, t + Math.min(most, Math.min(untilKept, untilFlushed)));
    }

    private void steps(long t, long end) {
        prepare(t);
        findInputs(t, end);
        tile.steps = (int) (end - t);
        Pass.all(several, tile);
        for (long i = t; i < end; i++) {
            tile.word = (int) (i - t) * Layout.WORDS;
            dropBitsPastLast();
            storeOutputs(i);
        }
    }

    private void step(long t) {
        prepare(t);
        Pass.all(rise, tile);
        fire(t);
        if (tracesAny) {
            traceStep(t);
        }
        Pass.all(settle, tile);
        storeOutputs(t);
    }

    private void start(long tileIndex, Common program) {
        e = tileIndex * width;
        lanes = (int) Math.min(width, elements - e);
        tile.lanes = lanes;
        tile.vectors = (lanes + Lanes.LENGTH - 1) / Lanes.LENGTH;
        inputsInPlace = !makes && inPlace(inputArray);
        for (NeuronParameter parameter : parameters) {
            parameter(parameter);
            Pass.all(program.derive[parameter.ordinal()], tile);
            Block.scatter(tile, Layout.OUT, stride, layout.parameter(parameter));
        }
        if (drawsUniforms || drawsNormals) {
            draws.start(call, e);
        }
        if (modulation != null) {
            modulationOffset = modulation.offset(e, neurons);
            oneModulation = modulation.strideN() == 0 && (modulation.strideB() == 0 || e % neurons + lanes <= neurons);
        }
    }

    /** Loads each lane's parameter into line OUT; lanes past the last one get a valid value, too. */
    private void parameter(NeuronParameter parameter) {
        Tensor tensor = call.parameters().get(parameter);
        MemorySegment segment = tensor.segment();
        if (tensor.elements() == 1) {
            float value = segment.getAtIndex(ValueLayout.JAVA_FLOAT, 0);
            Arrays.fill(tile.m, Layout.OUT, Layout.OUT + Lanes.TILE, value);
            return;
        }
        fetchOfNeurons(segment);
        Arrays.fill(tile.m, Layout.OUT + lanes, Layout.OUT + Lanes.TILE, tile.m[Layout.OUT]);
    }

    /** Loads per-neuron values of shape {@code (N)} into line OUT, for each lane its neuron's. */
    private void fetchOfNeurons(MemorySegment from) {
        long n = e % neurons;
        for (int i = 0; i < lanes; ) {
            int run = (int) Math.min(lanes - i, neurons - n);
            fetch(from, n, tile.m, Layout.OUT + i, run);
            i += run;
            n = 0;
        }
    }

    /** Whether passes reach the current tile's rows of {@code array} in place. */
    private boolean inPlace(LentArray array) {
        return small && array.isThere() && (lanes & 63) == 0;
    }

    /** Tells the passes where the input of step {@code t} is: in the caller's array, or in the scratch at {@code staged}. */
    private void findInput(long t, int staged) {
        if (inputsInPlace) {
            tile.inputs = (float[]) inputArray.array();
            tile.input = inputArray.index(t * elements + e);
        } else {
            tile.inputs = tile.m;
            tile.input = staged;
        }
    }

    /** Loads the inputs of steps {@code t} to {@code end} of a forward run. */
    private void stageInputs(long t, long end) {
        for (long i = t; i < end; i++) {
            int row = Layout.ROWS + (int) (i - t) * Lanes.TILE;
            inputArray.fetch(i * elements + e, tile.m, row, lanes);
        }
    }

    /** Tells the pass where the inputs of steps {@code t} to {@code end} are: in the caller's array if possible, else in the scratch. */
    private void findInputs(long t, long end) {
        if (makes) {
            tile.inputs = tile.m;
            tile.input = current.index(t);
            tile.inputStride = current.stride();
        } else if (inputArray.isThere() && (lanes & 63) == 0) {
            tile.inputs = (float[]) inputArray.array();
            tile.input = inputArray.index(t * elements + e);
            tile.inputStride = (int) elements;
        } else {
            stageInputs(t, end);
            tile.inputs = tile.m;
            tile.input = Layout.ROWS;
            tile.inputStride = Lanes.TILE;
        }
    }

    /** What precedes the arithmetic of step {@code t}: flushing denormals, drawing, and finding M and the normals. */
    private void prepare(long t) {
        long step = firstStep + t;
        if (step % Denormals.PERIOD == 0) {
            flushState();
        }
        if (drawsUniforms || drawsNormals) {
            draws.step(step, drawsUniforms, drawsNormals);
        }
        tile.modulation = modulationLine(t);
        tile.normals = Layout.NORMAL + (int) (step & 1) * Lanes.TILE;
        if (!drawsNormals && call.normals() != null) {
            fetch(call.normals().segment(), t * elements + e, tile.m, Layout.LENT_NORMAL, lanes);
            tile.normals = Layout.LENT_NORMAL;
        }
    }

    private void flushState() {
        for (StateVariable variable : variables) {
            if (variable.flushed()) {
                Block.flush(tile, stride, layout.state(variable), Denormals.STATE);
            }
        }
    }

    /** Sets the line of M from the state before the first step, or for all steps if the modulation does not vary over time. */
    private void startModulation(Common program) {
        Block.gather(tile, stride, modulationLines.value(), Layout.MODULATION);
        tile.modulation = Layout.MODULATION;
        if (modulation != null && !modulationVaries && steps > 0) {
            modulate(program, 0, 1);
            if (program != run) {
                findModulationSlope(0);
            }
        }
    }

    /** Offset of the line with M of step {@code t}. */
    private int modulationLine(long t) {
        return modulationVaries ? modulationFirst + (int) (t - modulationFrom) * Lanes.TILE : Layout.MODULATION;
    }

    /** Computes M for steps {@code t} to {@code end}, at most {@link Layout#STAGED}, each into its line. */
    private void modulate(Common program, long t, long end) {
        tile.modulation = modulationLine(t);
        tile.steps = (int) (end - t);
        NeuromodTransform transform = modulationLines.transform();
        if (oneModulation) {
            modulateAll(program, t);
            return;
        }
        long index = t * modulation.strideT() + modulationOffset;
        boolean inRow = modulation.strideN() == 1 && e % neurons + lanes <= neurons;
        if (transform == null && modulationArray.isThere() && inRow && (lanes & 63) == 0) {
            tile.externals = (float[]) modulationArray.array();
            tile.firstExternal = modulationArray.index(index);
            tile.externalStride = (int) modulation.strideT();
        } else {
            for (int i = 0; i < tile.steps; i++) {
                fetchModulation(t + i, tile.modulation + i * Lanes.TILE);
            }
            tile.externals = tile.m;
            tile.firstExternal = tile.modulation;
            tile.externalStride = Lanes.TILE;
        }
        if (transform == null) {
            Pass.all(program.modulate, tile);
            return;
        }
        for (int i = 0; i < tile.steps; i++) {
            int line = tile.modulation + i * Lanes.TILE;
            for (int lane = line; lane < line + lanes; lane++) {
                tile.m[lane] = transform.apply(tile.m[lane]);
            }
        }
    }

    /** The same if all of the tile has the same modulation in a step: the steps become the lanes of one vector. */
    private void modulateAll(Common program, long t) {
        NeuromodTransform transform = modulationLines.transform();
        for (int i = 0; i < tile.steps; i++) {
            float external = external(t + i);
            tile.m[Layout.OUT + i] = transform == null ? external : transform.apply(external);
        }
        if (transform == null) {
            int first = tile.modulation;
            int vectors = tile.vectors;
            int several = tile.steps;
            tile.externals = tile.m;
            tile.firstExternal = Layout.OUT;
            tile.modulation = Layout.OUT;
            tile.vectors = 1;
            tile.steps = 1;
            Pass.all(program.modulate, tile);
            tile.modulation = first;
            tile.vectors = vectors;
            tile.steps = several;
        }
        for (int i = 0; i < tile.steps; i++) {
            int line = tile.modulation + i * Lanes.TILE;
            Arrays.fill(tile.m, line, line + tile.vectors * Lanes.LENGTH, tile.m[Layout.OUT + i]);
        }
    }

    /** The external modulation of the tile's first element. */
    private float external(long t) {
        long index = t * modulation.strideT() + modulationOffset;
        return call.modulation().segment().getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    /** Loads the external modulation of the tile's elements at step {@code t} into line {@code at}, row by row of the batch. */
    private void fetchModulation(long t, int at) {
        MemorySegment external = call.modulation().segment();
        long n = e % neurons;
        long row = t * modulation.strideT() + modulationOffset - n * modulation.strideN();
        for (int i = 0; i < lanes; ) {
            int run = (int) Math.min(lanes - i, neurons - n);
            if (modulation.strideN() == 0) {
                Arrays.fill(tile.m, at + i, at + i + run, external.getAtIndex(ValueLayout.JAVA_FLOAT, row));
            } else {
                fetch(external, row + n, tile.m, at + i, run);
            }
            i += run;
            n = 0;
            row += modulation.strideB();
        }
    }

    /** Computes the transform's derivative at step {@code t}, whose M is known, unless the program's passes compute it from M. */
    private void findModulationSlope(long t) {
        NeuromodTransform transform = modulationLines.transform();
        if (transform != null) {
            int line = modulationLine(t);
            fetchModulation(t, Layout.AUX);
            for (int i = 0; i < lanes; i++) {
                tile.m[Layout.AUX + i] = transform.derivative(tile.m[Layout.AUX + i], tile.m[line + i]);
            }
            Block.scatter(tile, Layout.AUX, stride, modulationLines.slope());
        }
    }

    /** Decides the spikes of step {@code t}, as bits. */
    private void fire(long t) {
        long step = firstStep + t;
        tile.uniforms = Layout.UNIFORM + (int) (step & 1) * Lanes.TILE;
        if (countsWires) {
            tile.uniforms = Layout.COUNT;
            if (drawsUniforms) {
                draws.countWires(step);
            }
        }
        if (call.uniforms() != null) {
            for (int wire = 0; wire < wires; wire++) {
                long row = (t * wires + wire) * elements + e;
                fetch(call.uniforms().segment(), row, tile.m, Layout.LENT_UNIFORM, lanes);
                if (countsWires) {
                    draws.countWire(wire);
                } else {
                    tile.uniforms = Layout.LENT_UNIFORM;
                }
            }
        }
        Pass.all(fire, tile);
        dropBitsPastLast();
    }

    private void dropBitsPastLast() {
        if ((lanes & 63) != 0) {
            tile.bits[tile.word + (lanes >>> 6)] &= (1L << lanes) - 1;
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
        storeBytes(call.spikes(DType.U8), index);
        if (call.spikes(DType.BIT) != null) {
            storeBits(call.spikes(DType.BIT).segment(), t * ((elements + 63) >>> 6) + (e >>> 6));
        }
        if (spikeValue == ModelLayout.NONE) {
            storeSpikes(call.spikeValues(), index);
        } else if (call.spikeValues() != null) {
            store(tile.m, tile.frame + spikeValue, call.spikeValues().segment(), index, lanes);
        }
        storeLine(call.voltages(), stride, voltage, index);
        if (tracesAny) {
            traceState(index);
        }
    }

    /** Stores traces of the step's quantities, before the passes of {@link #settle} overwrite what they are computed from. */
    private void traceStep(long t) {
        long index = t * elements + e;
        for (Trace trace : traces) {
            Tensor tensor = traceTensors[trace.ordinal()];
            Traced at = traced[trace.ordinal()];
            if (tensor != null && at != null) {
                Pass.all(at.passes(), tile);
                int line = at.passes().length == 0 ? tile.frame + at.frameLine() : Layout.OUT;
                store(tile.m, line, tensor.segment(), index, lanes);
            }
        }
    }

    private void traceState(long index) {
        storeModulation();
        for (Trace trace : traces) {
            if (trace.variable() != null) {
                storeLine(traceTensors[trace.ordinal()], stride, layout.state(trace.variable()), index);
            }
        }
    }

    private void storeSpikes(Tensor tensor, long index) {
        if (tensor != null) {
            Pass.all(unpack, tile);
            store(tile.m, Layout.OUT, tensor.segment(), index, lanes);
        }
    }

    private void storeBytes(Tensor tensor, long index) {
        if (tensor == null) {
            return;
        }
        if (spikeArray.isThere() && (lanes & 63) == 0) {
            Block.unpack(tile, (byte[]) spikeArray.array(), spikeArray.index(index));
        } else {
            Block.unpack(tile, bytes, 0);
            MemorySegment.copy(bytes, 0, tensor.segment(), ValueLayout.JAVA_BYTE, index, lanes);
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
            words.setAtIndex(ValueLayout.JAVA_LONG, index + word, tile.bits[tile.word + word]);
        }
    }

    private void loadBits(MemorySegment words, long index) {
        for (int word = 0; word < (lanes + 63) >>> 6; word++) {
            tile.bits[tile.word + word] = words.getAtIndex(ValueLayout.JAVA_LONG, index + word);
        }
    }

    // ---------------------------------------------------------------- state

    private void loadState() {
        State initial = call.initialState();
        for (StateVariable variable : variables) {
            int line = layout.state(variable);
            if (initial == null) {
                Block.fill(tile, stride, line, variable.initialValue());
            } else if (call.initialStateIsShared()) {
                fetchOfNeurons(initial.get(variable).segment());
                Block.scatter(tile, Layout.OUT, stride, line);
            } else {
                loadLine(initial.get(variable).segment(), e, stride, line);
            }
        }
    }

    private void storeState() {
        if (call.finalState() != null) {
            storeModulation();
            for (StateVariable variable : variables) {
                storeLine(call.finalState().get(variable), stride, layout.state(variable), e);
            }
        }
    }

    /** Copies M from the line that steps read to the state. */
    private void storeModulation() {
        if (modulation != null && steps > 0) {
            Block.scatter(tile, tile.modulation, stride, modulationLines.value());
        }
    }

    private void loadCheckpoint(long number) {
        for (StateVariable variable : checkpointed) {
            int ordinal = variable.ordinal();
            loadLine(tape.checkpoints(), tape.checkpointIndex(number, ordinal) + e, stride, layout.state(variable));
        }
    }

    private void storeCheckpoint(long number) {
        for (StateVariable variable : checkpointed) {
            int ordinal = variable.ordinal();
            Block.gather(tile, stride, layout.state(variable), Layout.OUT);
            store(tile.m, Layout.OUT, tape.checkpoints(), tape.checkpointIndex(number, ordinal) + e, lanes);
        }
    }

    private void loadLine(MemorySegment from, long index, int stride, int line) {
        fetch(from, index, tile.m, Layout.OUT, lanes);
        Block.scatter(tile, Layout.OUT, stride, line);
    }

    // ---------------------------------------------------------------- backward

    /** Runs the tiles of one unit of the plan. */
    void backwardUnit(long unit) {
        for (long next = current.start(unit); next >= 0; next = current.next()) {
            backward(next);
        }
    }

    void backward(long tileIndex) {
        start(tileIndex, replay.common);
        gradYsInPlace = inPlace(gradYArray);
        gradInputsInPlace = inPlace(gradInputArray);
        loadAdjoints();
        for (NeuronParameter parameter : parameters) {
            Block.fill(tile, adjointStride, layout.sum(parameter), 0f);
        }
        if (modulation != null) {
            Block.fill(tile, adjointStride, modulationLines.sum(), 0f);
        }
        // Variables that checkpoints leave out still have their initial values.
        loadState();
        if (modulationLines != null) {
            modulationFirst = keptModulations;
            startModulation(replay.common);
        }
        Arrays.fill(tile.m, Layout.GRAD_V_OUT, Layout.GRAD_V_OUT + Lanes.TILE, 0f);
        for (long segment = (steps + HostTape.SEGMENT - 1) / HostTape.SEGMENT - 1; segment >= 0; segment--) {
            long first = segment * HostTape.SEGMENT;
            int length = (int) Math.min(HostTape.SEGMENT, steps - first);
            modulationFrom = first;
            if (makes) {
                current.make(first);
            }
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
        return layout.frames() + i * frameSize;
    }

    private void frame(int i) {
        tile.frame = frameAt(i);
        tile.word = i * Layout.WORDS;
    }

    /** Loads what the replay of steps {@code from} to {@code to} of the segment that starts at {@code first} reads. */
    private void stageFrames(long first, int from, int to) {
        if (modulationVaries) {
            modulate(replay.common, first + from, first + to);
        }
        for (int i = from; i < to; i++) {
            int frame = frameAt(i);
            long index = (first + i) * elements + e;
            if (makes) {
                System.arraycopy(tile.m, current.index(first + i), tile.m, frame + Layout.FRAME_INPUT, lanes);
            } else if (!inputsInPlace) {
                inputArray.fetch(index, tile.m, frame + Layout.FRAME_INPUT, lanes);
            }
            if (tape.keepsVoltages()) {
                fetch(tape.voltages(), tape.voltageIndex(first + i, e), tile.m, frame + Layout.FRAME_V_PRE, lanes);
            }
        }
    }

    /** Tells the passes where the upstream gradient of y at step {@code t} is; called for steps in descending order. */
    private void findGradients(long t) {
        if (gradYsInPlace) {
            tile.gradYs = (float[]) gradYArray.array();
            tile.gradY = gradYArray.index(t * gradYStride + e);
            return;
        }
        tile.gradYs = tile.m;
        int slot = (int) (t % Layout.STAGED);
        tile.gradY = Layout.ROWS + slot * Lanes.TILE;
        if (slot == Layout.STAGED - 1 || t == steps - 1) {
            boolean given = backwardCall.gradSpikeValues() != null;
            for (int i = slot; i >= 0; i--) {
                int row = Layout.ROWS + i * Lanes.TILE;
                if (given) {
                    gradYArray.fetch((t - slot + i) * gradYStride + e, tile.m, row, lanes);
                } else {
                    Arrays.fill(tile.m, row, row + Lanes.TILE, 0f);
                }
            }
        }
    }

    /** Repeats step {@code t} from the tape, into the tile's frame. */
    private void replay(long t) {
        prepare(t);
        findInput(t, tile.frame + Layout.FRAME_INPUT);
        loadBits(tape.bits(), tape.wordIndex(t, e));
        Pass.all(replay.step, tile);
    }

    private void backwardStep(long t) {
        long index = t * elements + e;
        tile.modulation = modulationLine(t);
        if (modulationGradient && modulationVaries) {
            findModulationSlope(t);
        }
        if (backwardCall.gradVoltages() != null) {
            fetch(backwardCall.gradVoltages().segment(), index, tile.m, Layout.GRAD_V_OUT, lanes);
        }
        findInput(t, tile.frame + Layout.FRAME_INPUT);
        findGradients(t);
        if (gradInputsInPlace) {
            tile.gradInputs = (float[]) gradInputArray.array();
            tile.gradInput = gradInputArray.index(index);
        } else {
            tile.gradInputs = tile.m;
            tile.gradInput = Layout.OUT;
        }
        Pass.all(replay.backward, tile);
        if (backwardCall.gradInput() != null && !gradInputsInPlace) {
            gradInputArray.store(tile.m, Layout.OUT, index, lanes);
        }
        if (modulationGradient) {
            Pass.all(replay.modulateBackward, tile);
            if (scratch.modulationSteps() != null) {
                store(tile.m, Layout.OUT, scratch.modulationSteps(), scratch.modulationStepsIndex() + index, lanes);
            }
        }
        if ((firstStep + t) % Denormals.PERIOD == 0) {
            flushAdjoints();
        }
    }

    private void flushAdjoints() {
        for (StateVariable variable : variables) {
            if (variable.carriesGradient()) {
                Block.flush(tile, adjointStride, layout.adjoint(variable), Denormals.ADJOINT);
            }
        }
    }

    private void loadAdjoints() {
        State upstream = backwardCall.gradFinalState();
        for (StateVariable variable : variables) {
            int line = layout.adjoint(variable);
            if (line != ModelLayout.NONE) {
                if (upstream == null) {
                    Block.fill(tile, adjointStride, line, 0f);
                } else {
                    loadLine(upstream.get(variable).segment(), e, adjointStride, line);
                }
            }
        }
    }

    private void storeGradients() {
        for (NeuronParameter parameter : parameters) {
            if (scratch.sumsParameter(parameter.ordinal())) {
                storeSum(parameter);
            }
        }
        if (scratch.sumsModulation()) {
            Block.gather(tile, adjointStride, modulationLines.sum(), Layout.OUT);
            store(tile.m, Layout.OUT, scratch.sums(), scratch.modulationSumIndex() + e, lanes);
        }
        State result = backwardCall.gradInitialState();
        if (result != null) {
            if (modulation != null && !modulationGradient && steps > 0) {
                // The modulation overwrites the initial M before anything reads it.
                Block.fill(tile, adjointStride, modulationLines.adjoint(), 0f);
            }
            for (StateVariable variable : variables) {
                int line = layout.adjoint(variable);
                if (line != ModelLayout.NONE) {
                    storeLine(result.get(variable), adjointStride, line, e);
                } else {
                    Arrays.fill(tile.m, Layout.OUT, Layout.OUT + lanes, 0f);
                    store(tile.m, Layout.OUT, result.get(variable).segment(), e, lanes);
                }
            }
        }
    }

    private void storeSum(NeuronParameter parameter) {
        Pass[] derivation = replay.deriveBackward[parameter.ordinal()];
        int to = derivation.length == 0 ? Layout.OUT : Layout.AUX;
        Block.gather(tile, adjointStride, layout.sum(parameter), to);
        if (derivation.length > 0) {
            parameter(parameter);
            Pass.all(derivation, tile);
        }
        store(tile.m, Layout.OUT, scratch.sums(), scratch.sumIndex(parameter.ordinal()) + e, lanes);
    }
}
