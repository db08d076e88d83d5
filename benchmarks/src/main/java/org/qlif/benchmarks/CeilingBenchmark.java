// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * How near is the machine's ceiling? The peak rates of one thread of this JVM, in operations per nanosecond: vector operations of the two
 * kinds that kernels consist of, and bytes copied, either in one stream or row by row as a kernel loads them.
 */
// Each thread has its own memory, since several would compete for cache lines: -t 2 measures two threads at once.
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CeilingBenchmark extends NeuronBenchmark {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
    private static final int TURNS = 1024;

    /** Independent chains: more than latency times ports of any current processor. */
    private static final int CHAINS = 10;

    /** The multiply-adds of a call of {@link #fma}. */
    static final int MULTIPLY_ADDS = TURNS * CHAINS;

    /** A multiplication and an exclusive or for each chain. */
    private static final int MIXED = 2 * CHAINS;

    private static final int COPIED = 64 << 20;

    /** Bytes in a row, which a tile reads for each step, and in a step. */
    private static final int ROW = 1024;

    private static final int STEP = 1 << 20;

    private float factor;
    private int multiplier;
    private byte[] from;
    private byte[] to;

    /** Fills what is read. */
    @Setup
    public void prepare() {
        prepareOperations();
        from = new byte[COPIED];
        to = new byte[COPIED];
        announce(F + ", " + I);
    }

    /** What {@link #fma} and {@link #multiplyXor} need. */
    void prepareOperations() {
        factor = 0.999f;
        multiplier = 0xD2511F53;
    }

    /** Fused multiply-adds of whole vectors. */
    @Benchmark
    @OperationsPerInvocation(MULTIPLY_ADDS)
    public float fma() {
        FloatVector m = FloatVector.broadcast(F, factor);
        FloatVector c = FloatVector.broadcast(F, 1f - factor);
        FloatVector x0 = m;
        FloatVector x1 = m.add(1f);
        FloatVector x2 = m.add(2f);
        FloatVector x3 = m.add(3f);
        FloatVector x4 = m.add(4f);
        FloatVector x5 = m.add(5f);
        FloatVector x6 = m.add(6f);
        FloatVector x7 = m.add(7f);
        FloatVector x8 = m.add(8f);
        FloatVector x9 = m.add(9f);
        for (int i = 0; i < TURNS; i++) {
            x0 = x0.fma(m, c);
            x1 = x1.fma(m, c);
            x2 = x2.fma(m, c);
            x3 = x3.fma(m, c);
            x4 = x4.fma(m, c);
            x5 = x5.fma(m, c);
            x6 = x6.fma(m, c);
            x7 = x7.fma(m, c);
            x8 = x8.fma(m, c);
            x9 = x9.fma(m, c);
        }
        return x0.add(x1)
                .add(x2)
                .add(x3)
                .add(x4)
                .add(x5)
                .add(x6)
                .add(x7)
                .add(x8)
                .add(x9)
                .reduceLanes(VectorOperators.ADD);
    }

    /** 32-bit multiplications and exclusive ors of whole vectors, half and half. */
    @Benchmark
    @OperationsPerInvocation(TURNS * MIXED)
    public int multiplyXor() {
        IntVector m = IntVector.broadcast(I, multiplier);
        IntVector k = IntVector.broadcast(I, ~multiplier);
        IntVector x0 = m;
        IntVector x1 = m.add(1);
        IntVector x2 = m.add(2);
        IntVector x3 = m.add(3);
        IntVector x4 = m.add(4);
        IntVector x5 = m.add(5);
        IntVector x6 = m.add(6);
        IntVector x7 = m.add(7);
        IntVector x8 = m.add(8);
        IntVector x9 = m.add(9);
        for (int i = 0; i < TURNS; i++) {
            x0 = x0.mul(m).lanewise(VectorOperators.XOR, k);
            x1 = x1.mul(m).lanewise(VectorOperators.XOR, k);
            x2 = x2.mul(m).lanewise(VectorOperators.XOR, k);
            x3 = x3.mul(m).lanewise(VectorOperators.XOR, k);
            x4 = x4.mul(m).lanewise(VectorOperators.XOR, k);
            x5 = x5.mul(m).lanewise(VectorOperators.XOR, k);
            x6 = x6.mul(m).lanewise(VectorOperators.XOR, k);
            x7 = x7.mul(m).lanewise(VectorOperators.XOR, k);
            x8 = x8.mul(m).lanewise(VectorOperators.XOR, k);
            x9 = x9.mul(m).lanewise(VectorOperators.XOR, k);
        }
        return x0.add(x1)
                .add(x2)
                .add(x3)
                .add(x4)
                .add(x5)
                .add(x6)
                .add(x7)
                .add(x8)
                .add(x9)
                .reduceLanes(VectorOperators.XOR);
    }

    /** Bytes copied between arrays past every cache but the last. */
    @Benchmark
    @OperationsPerInvocation(COPIED)
    public byte copy() {
        MemorySegment.copy(MemorySegment.ofArray(from), 0, MemorySegment.ofArray(to), 0, COPIED);
        return to[0];
    }

    /** Bytes fetched past every cache but the last in rows of a tile, the tile's row of every step and then the next tile's. */
    @Benchmark
    @OperationsPerInvocation(COPIED)
    public byte rows() {
        MemorySegment source = MemorySegment.ofArray(from);
        MemorySegment row = MemorySegment.ofArray(to);
        for (int at = 0; at < STEP; at += ROW) {
            for (int step = at; step < COPIED; step += STEP) {
                MemorySegment.copy(source, step, row, 0, ROW);
            }
        }
        return to[0];
    }
}
