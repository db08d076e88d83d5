// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;

/**
 * A pass of a program: calls one of its methods.
 *
 * <p>Never used by its own name: {@link ProgramClasses} defines this class anew for every method of every program's class. A lambda would
 * be one class for all programs. After two of them had run, the compiler would inline the methods of both. The second one's callees would
 * have run so little by then that the compiler would not inline them (too big for a rare call), and it would not reconsider: their vectors
 * would be objects for the rest of the process.
 */
final class ProgramPass implements Pass {
    private static final MethodHandle METHOD = ProgramClasses.madeFor(MethodHandles.lookup(), MethodHandle.class);

    private final Program program;

    ProgramPass(Program program) {
        this.program = program;
    }

    @Override
    public void run(Tile tile) {
        try {
            METHOD.invokeExact(program, tile);
        } catch (RuntimeException | Error failure) {
            throw failure;
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }
}
