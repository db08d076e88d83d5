// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;

/**
 * A pass of a program: calls one of its methods.
 *
 * <p>Never used by its own name: {@link ProgramClasses} defines this class anew for every method of every program's class. A lambda would
 * be one class for all programs. Once two of them had run, the compiler would inline the methods of both; since the second one's callees
 * have hardly run by then, it would leave them out as too large for a rare call, and not reconsider: vectors would be objects for the rest
 * of the process.
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
