// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
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
    private final MethodHandle deviceWaits;
    private final MethodHandle forgetDeviceWaits;
    private final MethodHandle pools;
    private final MethodHandle noStreams;
    private final MethodHandle captureStream;

    private PretendedDriver(SymbolLookup driver) {
        pause = LINKER.downcallHandle(
                driver.findOrThrow("pretended_pause"), FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
        waiting = LINKER.downcallHandle(
                driver.findOrThrow("pretended_waiting"), FunctionDescriptor.of(ValueLayout.JAVA_INT));
        left = LINKER.downcallHandle(driver.findOrThrow("pretended_left"), FunctionDescriptor.of(ValueLayout.JAVA_INT));
        capture = LINKER.downcallHandle(
                driver.findOrThrow("pretended_capture"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        deviceWaits = LINKER.downcallHandle(
                driver.findOrThrow("pretended_device_waits"), FunctionDescriptor.of(ValueLayout.JAVA_INT));
        forgetDeviceWaits =
                LINKER.downcallHandle(driver.findOrThrow("pretended_forget_device_waits"), FunctionDescriptor.ofVoid());
        pools = LINKER.downcallHandle(
                driver.findOrThrow("pretended_pools"), FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
        noStreams = LINKER.downcallHandle(
                driver.findOrThrow("pretended_no_streams"), FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
        captureStream = LINKER.downcallHandle(
                driver.findOrThrow("pretended_capture_stream"), FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));
    }

    /** The driver; the test is skipped where it is a real one. */
    static PretendedDriver get() {
        Optional<PretendedDriver> driver = find();
        assumeTrue(driver.isPresent(), "NVIDIA's own driver can't be paused");
        return driver.orElseThrow();
    }

    /** The driver, unless it is a real one. */
    static Optional<PretendedDriver> find() {
        SymbolLookup driver = SymbolLookup.libraryLookup("libcuda.so.1", Arena.global());
        return driver.find("pretended_pause").map(_ -> new PretendedDriver(driver));
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

    /** How often the whole device was waited for. */
    int deviceWaits() {
        return call(deviceWaits);
    }

    /** Counts them anew. */
    void forgetDeviceWaits() {
        call(forgetDeviceWaits);
    }

    /** Whether the device has memory pools, from the next time on that it is opened. */
    void pools(boolean are) {
        call(pools, are ? 1 : 0);
    }

    /** Whether there is memory for new streams. */
    void streams(boolean are) {
        call(noStreams, are ? 0 : 1);
    }

    /** Begins a capture as of another library's thread, in the mode that forbids other threads what is unsafe. */
    void beginCapture() {
        call(capture, 1);
    }

    /** Ends it: whether something that is forbidden had ended it before. */
    boolean endCapture() {
        return call(capture, 0) != 0;
    }

    /** Begins a capture of a stream by the calling thread, as of another library's; 0 ends it. */
    void capture(long stream) {
        call(captureStream, stream);
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
