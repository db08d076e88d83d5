// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.KernelOptions;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.spi.BackendKernel;
import org.qlif.spi.TapeStorage;
import org.qlif.spi.host.Crew;
import org.qlif.spi.host.GradientScratch;
import org.qlif.spi.host.GradientSums;
import org.qlif.spi.host.HostTape;
import org.qlif.spi.host.HostWork;

/** Shares the tiles of a call among a crew; each member has its own {@link TileWorker}. */
final class SimdKernel implements BackendKernel {
    /** Neuron-steps from which a call may be split into tiles of less than {@link Lanes#TILE} neurons: about ten microseconds' work. */
    private static final long WORTH_SHARING = 4096;

    /** Neuron-steps below which sleeping helpers are not woken: about a tenth of a millisecond's work. */
    private static final long BRIEF = 8 * WORTH_SHARING;

    private final Crew crew;
    private final TileWorker[] workers;
    private final SimdModel model;
    private final GradientScratch gradients;
    private final GradientSums[] adders;
    private final CurrentPlan plan = new CurrentPlan();
    private final Crew.Job forwardJob = (member, tile) -> worker(member).forward(tile);
    private final Crew.Job backwardJob = (member, tile) -> worker(member).backward(tile);
    private final Crew.Job sumJob = this::sum;
    private final Crew.Job forwardUnits = (member, unit) -> worker(member).forwardUnit(unit);
    private final Crew.Job backwardUnits = (member, unit) -> worker(member).backwardUnit(unit);

    SimdKernel(SimdModel model, KernelOptions options) {
        this.model = model;
        gradients = new GradientScratch(model.config().parameters().size());
        adders = new GradientSums[options.threads()];
        workers = new TileWorker[options.threads()];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new TileWorker(model);
        }
        // Last, so that nothing can fail after the threads have started.
        crew = new Crew(options);
    }

    private TileWorker worker(int member) {
        return workers[member];
    }

    @Override
    public String description() {
        return VectorWidth.describe() + ", " + crew.description();
    }

    @Override
    public boolean takesLinear() {
        return true;
    }

    @Override
    public void forward(Forward call) {
        int members = muster(call, call.threadBound());
        try {
            int width = width(call, members);
            long tiles = HostWork.parts(call, width);
            CurrentPlan making = call.linear() == null || tiles == 0 ? null : plan.of(call, width, members);
            for (int i = 0; i < members; i++) {
                workers[i].bind(call, width, making, true, scratch(i, members, making));
            }
            run(making, forwardJob, forwardUnits, tiles, members);
        } finally {
            crew.dismiss(members);
        }
    }

    @Override
    public void backward(Backward call) {
        if (gradients.prepare(call)) {
            int members = muster(call.forward(), call.threadBound());
            try {
                Forward forward = call.forward();
                int width = width(forward, members);
                CurrentPlan making = forward.current() != null ? null : plan.of(forward, width, members);
                for (int i = 0; i < members; i++) {
                    workers[i].bind(call, gradients, width, making, scratch(i, members, making));
                }
                run(making, backwardJob, backwardUnits, HostWork.parts(forward.elements(), width), members);
                long sums = gradients.sumCount();
                crew.run(sumJob, sums, sums * forward.elements() < BRIEF ? 1 : members);
            } finally {
                crew.dismiss(members);
            }
        }
        gradients.finish(call);
    }

    private void sum(int member, long number) {
        if (adders[member] == null) {
            adders[member] = new GradientSums();
        }
        gradients.sum(number, adders[member]);
    }

    /** threadBound: whether only the calling thread may use some memory of the call. */
    private int muster(Forward call, boolean threadBound) {
        boolean brief = call.linear() == null && call.steps() * call.elements() < BRIEF;
        return crew.muster(HostWork.parts(call.elements(), width(call, crew.size())), brief, threadBound);
    }

    private float[] scratch(int member, int members, CurrentPlan making) {
        return crew.scratch(member, members, workers[member].scratchSize(making));
    }

    private void run(CurrentPlan making, Crew.Job ofTiles, Crew.Job ofUnits, long tiles, int members) {
        if (making == null) {
            crew.run(ofTiles, tiles, members);
        } else {
            crew.run(ofUnits, making.units(), members);
        }
    }

    @Override
    public void draw(DrawStream stream, long firstStep, Tensor rowIndex, Tensor uniforms, Tensor normals) {
        Tensor any = uniforms != null ? uniforms : normals;
        if (any == null) {
            return;
        }
        int wires = any.rank() == 4 ? (int) any.extent(1) : 1;
        long neurons = any.extent(any.rank() - 1);
        long elements = any.extent(any.rank() - 2) * neurons;
        Tile tile = new Tile();
        tile.m = new float[Layout.MODEL];
        TileDraws draws = new TileDraws(tile, wires, ModelLayout.NONE);
        draws.stream(stream.seed(), stream.stream());
        for (long e = 0; e < elements; e += Lanes.TILE) {
            tile.lanes = (int) Math.min(Lanes.TILE, elements - e);
            draws.start(rowIndex, stream.elementOffset(), neurons, e);
            for (long t = 0; t < any.extent(0); t++) {
                draws.step(firstStep + t, uniforms != null, normals != null);
                for (int wire = 0; uniforms != null && wire < wires; wire++) {
                    draws.uniforms(firstStep + t, wire, Layout.OUT);
                    store(tile.m, Layout.OUT, uniforms.segment(), (t * wires + wire) * elements + e, tile.lanes);
                }
                if (normals != null) {
                    int line = Layout.NORMAL + (int) ((firstStep + t) & 1) * Lanes.TILE;
                    store(tile.m, line, normals.segment(), t * elements + e, tile.lanes);
                }
            }
        }
    }

    @Override
    public long tapeBytes(Tape.Mode mode, DType type, long steps, long batch, long neurons) {
        return HostTape.bytes(
                mode,
                type,
                steps,
                Math.multiplyExact(batch, neurons),
                model.config().stateVariables().size());
    }

    @Override
    public TapeStorage newTape(Tape.Mode mode, DType type, long steps, long batch, long neurons, Tensor memory) {
        return new HostTape(
                mode,
                type,
                steps,
                Math.multiplyExact(batch, neurons),
                model.config().stateVariables().size(),
                Lanes.TILE,
                memory == null ? null : memory.segment());
    }

    @Override
    public long scratchBytes(Backward call) {
        return gradients.bytes(call);
    }

    @Override
    public void close() {
        crew.close();
        gradients.close();
    }

    /**
     * Neurons in a tile: {@link Lanes#TILE}, or fewer if that gives every member a tile and the call is long enough to be worth waking a
     * helper. A power of two, so that no tile crosses a block of the tape.
     */
    private int width(Forward call, int members) {
        long elements = call.elements();
        if (call.steps() * elements < WORTH_SHARING) {
            return Lanes.TILE;
        }
        int width = Lanes.TILE;
        while (width > 64 && width / 2 * (long) members >= elements) {
            width /= 2;
        }
        return width;
    }

    /** Copies floats from a tensor's memory, from {@code index} on, to a line. */
    static void fetch(MemorySegment from, long index, float[] to, int at, int lanes) {
        MemorySegment.copy(from, ValueLayout.JAVA_FLOAT, index * 4, to, at, lanes);
    }

    /** Copies a line to a tensor's memory, from {@code index} on. */
    static void store(float[] from, int at, MemorySegment to, long index, int lanes) {
        MemorySegment.copy(from, at, to, ValueLayout.JAVA_FLOAT, index * 4, lanes);
    }
}
