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

    // A handle with a function's address inside would be linked for each function, so handles take the address.
    // They are in separate classes, so that only the sizes in use are linked. All are constants, so that the compiler
    // inlines the calls.
    private static final class Address {
        static final MemorySegment FORWARD = find("forward");
        static final MemorySegment BACKWARD = find("backward");
        static final MemorySegment DRAW = find("draw");
        static final MemorySegment LINEAR_FORWARD = find("linear_forward");
        static final MemorySegment LINEAR_BACKWARD = find("linear_backward");
    }

    // Four segments are passed one by one: linking a handle that takes an array would take most of a new process's
    // first call.
    private static final class Four {
        static final MethodHandle CALL = link(4);
    }

    private static final class Sixteen {
        static final MethodHandle CALL = spread(16);
    }

    private static final class ThirtyTwo {
        static final MethodHandle CALL = spread(32);
    }

    private static final class Most {
        static final MethodHandle CALL = spread(Holds.MOST);
    }

    /** The lengths that {@link Holds#segments()} may have. */
    static int[] sizes() {
        return SIZES.clone();
    }

    private static MemorySegment find(String call) {
        return SymbolLookup.loaderLookup().findOrThrow("qlif_held_" + call);
    }

    /** A handle that takes the address of a call, the kernel or layer, args, the stream, and held segments. */
    private static MethodHandle link(int held) {
        FunctionDescriptor function =
                FunctionDescriptor.of(qlif_h.C_INT, qlif_h.C_POINTER, qlif_h.C_POINTER, qlif_h.C_POINTER);
        for (int i = 0; i < held; i++) {
            function = function.appendArgumentLayouts(qlif_h.C_POINTER);
        }
        return Linker.nativeLinker().downcallHandle(function, Linker.Option.firstVariadicArg(3));
    }

    /** The same, which takes the held segments as an array. */
    private static MethodHandle spread(int held) {
        return link(held).asSpreader(4, MemorySegment[].class, held);
    }

    /** Calls {@code qlif_forward} and returns its status. */
    static int forward(MemorySegment kernel, MemorySegment args, MemorySegment stream, MemorySegment[] held) {
        return call(Address.FORWARD, kernel, args, stream, held);
    }

    /** Calls {@code qlif_backward} and returns its status. */
    static int backward(MemorySegment kernel, MemorySegment args, MemorySegment stream, MemorySegment[] held) {
        return call(Address.BACKWARD, kernel, args, stream, held);
    }

    /** Calls {@code qlif_draw} and returns its status. */
    static int draw(MemorySegment kernel, MemorySegment args, MemorySegment stream, MemorySegment[] held) {
        return call(Address.DRAW, kernel, args, stream, held);
    }

    /** Calls {@code qlif_linear_forward} and returns its status. */
    static int linearForward(MemorySegment linear, MemorySegment args, MemorySegment stream, MemorySegment[] held) {
        return call(Address.LINEAR_FORWARD, linear, args, stream, held);
    }

    /** Calls {@code qlif_linear_backward} and returns its status. */
    static int linearBackward(MemorySegment linear, MemorySegment args, MemorySegment stream, MemorySegment[] held) {
        return call(Address.LINEAR_BACKWARD, linear, args, stream, held);
    }

    private static int call(
            MemorySegment function,
            MemorySegment handle,
            MemorySegment args,
            MemorySegment stream,
            MemorySegment[] held) {
        try {
            return switch (held.length) {
                case 4 ->
                    (int) Four.CALL.invokeExact(function, handle, args, stream, held[0], held[1], held[2], held[3]);
                case 16 -> (int) Sixteen.CALL.invokeExact(function, handle, args, stream, held);
                case 32 -> (int) ThirtyTwo.CALL.invokeExact(function, handle, args, stream, held);
                default -> (int) Most.CALL.invokeExact(function, handle, args, stream, held);
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
