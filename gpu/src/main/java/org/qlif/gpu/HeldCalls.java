// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import org.qlif.gpu.ffi.qlif.qlif_h;

/**
 * The library's calls on lent memory (native/include/qlif_held.h), with additional arguments: segments that Java keeps open until the call
 * returns. Java does not keep a segment open if only a struct contains its address: another thread could close its arena during the call.
 */
final class HeldCalls {
    /** The numbers of segments that a call can hold, in ascending order; the first suffices for nearly every call. */
    private static final int[] SIZES = {4, 16, 32, Holds.MOST};

    private HeldCalls() {}

    // Separate classes, so that only the sizes in use are linked; constants, so that the compiler inlines the calls.
    // Four
    // segments are passed one by one: linking a handle that takes an array would take most of a new process's first
    // call.
    private static final class Four {
        static final MethodHandle FORWARD = link("forward", 4);
        static final MethodHandle BACKWARD = link("backward", 4);
        static final MethodHandle DRAW = link("draw", 4);
        static final MethodHandle LINEAR_FORWARD = link("linear_forward", 4);
        static final MethodHandle LINEAR_BACKWARD = link("linear_backward", 4);
    }

    private static final class Sixteen {
        static final MethodHandle FORWARD = spread("forward", 16);
        static final MethodHandle BACKWARD = spread("backward", 16);
        static final MethodHandle DRAW = spread("draw", 16);
        static final MethodHandle LINEAR_FORWARD = spread("linear_forward", 16);
        static final MethodHandle LINEAR_BACKWARD = spread("linear_backward", 16);
    }

    private static final class ThirtyTwo {
        static final MethodHandle FORWARD = spread("forward", 32);
        static final MethodHandle BACKWARD = spread("backward", 32);
        static final MethodHandle DRAW = spread("draw", 32);
    }

    private static final class Most {
        static final MethodHandle FORWARD = spread("forward", Holds.MOST);
        static final MethodHandle BACKWARD = spread("backward", Holds.MOST);
        static final MethodHandle DRAW = spread("draw", Holds.MOST);
    }

    /** The lengths that {@link Holds#segments()} may have. */
    static int[] sizes() {
        return SIZES.clone();
    }

    /** A handle that takes the kernel or layer, args, the stream, and an array of held segments. */
    private static MethodHandle link(String call, int held) {
        FunctionDescriptor function =
                FunctionDescriptor.of(qlif_h.C_INT, qlif_h.C_POINTER, qlif_h.C_POINTER, qlif_h.C_POINTER);
        for (int i = 0; i < held; i++) {
            function = function.appendArgumentLayouts(qlif_h.C_POINTER);
        }
        return Linker.nativeLinker()
                .downcallHandle(
                        SymbolLookup.loaderLookup().findOrThrow("qlif_held_" + call),
                        function,
                        Linker.Option.firstVariadicArg(3));
    }

    /** The same, which takes the held segments as an array. */
    private static MethodHandle spread(String call, int held) {
        return link(call, held).asSpreader(3, MemorySegment[].class, held);
    }

    /** Calls {@code qlif_forward} and returns its status. */
    static int forward(MemorySegment kernel, MemorySegment args, MemorySegment stream, MemorySegment[] held) {
        try {
            return switch (held.length) {
                case 4 -> (int) Four.FORWARD.invokeExact(kernel, args, stream, held[0], held[1], held[2], held[3]);
                case 16 -> (int) Sixteen.FORWARD.invokeExact(kernel, args, stream, held);
                case 32 -> (int) ThirtyTwo.FORWARD.invokeExact(kernel, args, stream, held);
                default -> (int) Most.FORWARD.invokeExact(kernel, args, stream, held);
            };
        } catch (Throwable failure) {
            throw unchecked(failure);
        }
    }

    /** Calls {@code qlif_backward} and returns its status. */
    static int backward(MemorySegment kernel, MemorySegment args, MemorySegment stream, MemorySegment[] held) {
        try {
            return switch (held.length) {
                case 4 -> (int) Four.BACKWARD.invokeExact(kernel, args, stream, held[0], held[1], held[2], held[3]);
                case 16 -> (int) Sixteen.BACKWARD.invokeExact(kernel, args, stream, held);
                case 32 -> (int) ThirtyTwo.BACKWARD.invokeExact(kernel, args, stream, held);
                default -> (int) Most.BACKWARD.invokeExact(kernel, args, stream, held);
            };
        } catch (Throwable failure) {
            throw unchecked(failure);
        }
    }

    /** Calls {@code qlif_draw} and returns its status. */
    static int draw(MemorySegment kernel, MemorySegment args, MemorySegment stream, MemorySegment[] held) {
        try {
            return switch (held.length) {
                case 4 -> (int) Four.DRAW.invokeExact(kernel, args, stream, held[0], held[1], held[2], held[3]);
                case 16 -> (int) Sixteen.DRAW.invokeExact(kernel, args, stream, held);
                case 32 -> (int) ThirtyTwo.DRAW.invokeExact(kernel, args, stream, held);
                default -> (int) Most.DRAW.invokeExact(kernel, args, stream, held);
            };
        } catch (Throwable failure) {
            throw unchecked(failure);
        }
    }

    /** Calls {@code qlif_linear_forward}, whose memory is from at most 16 arenas, and returns its status. */
    static int linearForward(MemorySegment linear, MemorySegment args, MemorySegment stream, MemorySegment[] held) {
        try {
            return switch (held.length) {
                case 4 ->
                    (int) Four.LINEAR_FORWARD.invokeExact(linear, args, stream, held[0], held[1], held[2], held[3]);
                default -> (int) Sixteen.LINEAR_FORWARD.invokeExact(linear, args, stream, held);
            };
        } catch (Throwable failure) {
            throw unchecked(failure);
        }
    }

    /** Calls {@code qlif_linear_backward}, whose memory is from at most 16 arenas, and returns its status. */
    static int linearBackward(MemorySegment linear, MemorySegment args, MemorySegment stream, MemorySegment[] held) {
        try {
            return switch (held.length) {
                case 4 ->
                    (int) Four.LINEAR_BACKWARD.invokeExact(linear, args, stream, held[0], held[1], held[2], held[3]);
                default -> (int) Sixteen.LINEAR_BACKWARD.invokeExact(linear, args, stream, held);
            };
        } catch (Throwable failure) {
            throw unchecked(failure);
        }
    }

    /** Downcalls throw no checked exceptions. */
    private static RuntimeException unchecked(Throwable failure) {
        if (failure instanceof RuntimeException runtime) {
            return runtime;
        }
        if (failure instanceof Error error) {
            throw error;
        }
        throw new AssertionError("a checked exception of a downcall", failure);
    }
}
