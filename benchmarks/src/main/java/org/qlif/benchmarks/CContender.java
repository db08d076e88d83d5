// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.qlif.DType;
import org.qlif.Tensor;

/** The base of the C contenders: aligned memory, and calls of their functions. */
abstract class CContender implements Contender {
    private final Arena arena = Arena.ofShared();
    private final Shape shape;
    private final MemorySegment spikes;

    CContender(Shape shape) {
        this.shape = shape;
        spikes = zeros(DType.U8, shape.neuronSteps()).segment();
    }

    /** A contender for {@code workload}, with its own elementary functions if it needs any. */
    static Contender of(Workload workload, int threads, Pass pass) {
        return CLifContender.Variant.of(workload.config())
                .<Contender>map(variant -> new CLifContender(variant, workload, threads, pass))
                .orElseGet(() -> new CQlifContender(CQlifContender.Math.OWN, workload, threads));
    }

    @SuppressWarnings("restricted")
    static MethodHandle function(SymbolLookup library, String name, FunctionDescriptor type) {
        return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), type);
    }

    /** Rethrows what the call of a C function threw, which can only be an error in Java. */
    static AssertionError rethrow(Throwable thrown) {
        switch (thrown) {
            case RuntimeException known -> throw known;
            case Error known -> throw known;
            default -> throw new AssertionError("a C function throws nothing", thrown);
        }
    }

    final Shape shape() {
        return shape;
    }

    final MemorySegment off(float[] values) {
        return Storage.ALIGNED.allocate(arena, values, values.length).segment();
    }

    final Tensor zeros(DType type, long length) {
        return Storage.ALIGNED.allocate(arena, type, length);
    }

    /** The memory for the spikes of a run. */
    final MemorySegment spikeBytes() {
        return spikes;
    }

    @Override
    public final byte[] spikes() {
        return spikes.toArray(ValueLayout.JAVA_BYTE);
    }

    @Override
    public final void close() {
        arena.close();
    }
}
