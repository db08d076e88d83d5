// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;

/** What one call keeps open: a segment of each arena that its memory is from. Allocates only in its constructor. */
final class Holds implements UnderWay.Uses {
    /** The maximum, reached by a backward call whose tensors are all in different arenas: what both calls read, and the gradients. */
    static final int MOST;

    static {
        int parameters = QlifParameter.values().length;
        int variables = QlifVariable.values().length;
        // Read: the input, or a linear layer's input, weights and bias, or its output; modulation, uniforms, normals,
        // row indices and tape. Written by a forward call: spikes of three types, spike values, voltages, the layer's
        // output.
        int read = 8 + parameters + variables;
        int forward = read + variables + 6 + QlifTrace.values().length;
        // In a backward call also the gradients of spike values, voltages, input and modulation, and scratch memory.
        int backward = read + 5 + 2 * variables + parameters;
        MOST = Math.max(forward, backward);
    }

    /** An array for each length that a call can take: the held segments, then NULL. */
    private final MemorySegment[][] arguments;

    private final MemorySegment.@Nullable Scope[] scopes = new MemorySegment.@Nullable Scope[MOST];
    private int count;

    Holds() {
        int[] sizes = HeldCalls.sizes();
        arguments = new MemorySegment[sizes.length][];
        for (int i = 0; i < sizes.length; i++) {
            arguments[i] = new MemorySegment[sizes[i]];
            Arrays.fill(arguments[i], MemorySegment.NULL);
        }
    }

    /** Adds the arena of native memory, unless it is held already. */
    void add(MemorySegment segment) {
        MemorySegment.Scope scope = segment.scope();
        for (int i = 0; i < count; i++) {
            if (scopes[i] == scope) {
                return;
            }
        }
        if (count == MOST) {
            throw new AssertionError("a call lends memory of more than " + MOST + " arenas");
        }
        scopes[count] = scope;
        for (MemorySegment[] segments : arguments) {
            if (count < segments.length) {
                segments[count] = segment;
            }
        }
        count++;
    }

    /** The segments to pass, padded with NULL to a length in {@link HeldCalls#sizes()}. */
    MemorySegment[] segments() {
        int size = 0;
        while (arguments[size].length < count) {
            size++;
        }
        return arguments[size];
    }

    int count() {
        return count;
    }

    /** The scope of the held arena of this number. */
    MemorySegment.Scope scope(int index) {
        return Objects.requireNonNull(scopes[index]);
    }

    @Override
    public boolean includes(MemorySegment.Scope scope) {
        for (int i = 0; i < count; i++) {
            if (scopes[i] == scope) {
                return true;
            }
        }
        return false;
    }

    void clear() {
        for (int i = 0; i < count; i++) {
            scopes[i] = null;
            for (MemorySegment[] segments : arguments) {
                if (i < segments.length) {
                    segments[i] = MemorySegment.NULL;
                }
            }
        }
        count = 0;
    }
}
