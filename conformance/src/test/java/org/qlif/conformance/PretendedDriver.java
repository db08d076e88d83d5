// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/** What the pretended CUDA driver (gpu/src/test/c) can do for tests, beyond pretending. */
@SuppressWarnings("restricted")
final class PretendedDriver {
    private static final Linker LINKER = Linker.nativeLinker();

    private final MethodHandle pause;
    private final MethodHandle waiting;
    private final MethodHandle left;
    private final MethodHandle capture;

    private PretendedDriver(SymbolLookup driver) {
        pause = LINKER.downcallHandle(
                driver.findOrThrow("pretended_pause"), FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
        waiting = LINKER.downcallHandle(
                driver.findOrThrow("pretended_waiting"), FunctionDescriptor.of(ValueLayout.JAVA_INT));
        left = LINKER.downcallHandle(driver.findOrThrow("pretended_left"), FunctionDescriptor.of(ValueLayout.JAVA_INT));
        capture = LINKER.downcallHandle(
                driver.findOrThrow("pretended_capture"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    }

    /** The driver; the test is skipped where it is a real one. */
    static PretendedDriver get() {
        SymbolLookup driver = SymbolLookup.libraryLookup("libcuda.so.1", Arena.global());
        Optional<MemorySegment> pause = driver.find("pretended_pause");
        assumeTrue(pause.isPresent(), "NVIDIA's own driver can't be paused");
        return new PretendedDriver(driver);
    }

    /** Lets all work look as if it were under way. */
    void pause() {
        call(pause, 1);
    }

    /** Lets it be done. */
    void resume() {
        call(pause, 0);
    }

    /** How many threads wait for work. */
    int waiting() {
        return call(waiting);
    }

    /** How many allocations, holds on the context, streams, events and graphs there are. */
    int left() {
        return call(left);
    }

    /** Begins a capture as of another library's thread, in the mode that forbids other threads what is unsafe. */
    void beginCapture() {
        call(capture, 1);
    }

    /** Ends it: whether something that is forbidden had ended it before. */
    boolean endCapture() {
        return call(capture, 0) != 0;
    }

    private static int call(MethodHandle function, Object... arguments) {
        try {
            Object result = function.invokeWithArguments(arguments);
            return result == null ? 0 : (int) result;
        } catch (Throwable failure) {
            throw new AssertionError(failure);
        }
    }
}
