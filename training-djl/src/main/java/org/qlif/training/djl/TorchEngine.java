// SPDX-License-Identifier: Apache-2.0
package org.qlif.training.djl;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** DJL's PyTorch engine, from the jars only: without downloads and without telemetry. */
final class TorchEngine {
    private static final String NAME = "PyTorch";

    private TorchEngine() {}

    private static boolean loaded;

    /**
     * Loads the engine, which on a machine's first use unpacks it.
     *
     * @throws IOException if that can't be done; the message names the folder, the reason and what to do
     */
    static synchronized void load() throws IOException {
        if (loaded) {
            return;
        }
        // Set first, since the engine's classes read them when they load. A value that the user set stays.
        setDefault("ai.djl.offline", "true");
        setDefault("OPT_OUT_TRACKING", "true");
        setDefault("ai.djl.pytorch.num_interop_threads", "1");
        letIdleThreadsSleep();
        TorchFolder.requireUsable();
        try {
            Engine.getEngine(NAME);
        } catch (RuntimeException | LinkageError failure) {
            // The engine wraps the cause, such as a full disk or a library that can't be loaded, in exceptions that
            // don't mention it.
            Throwable root = failure;
            while (root.getCause() != null) {
                root = root.getCause();
            }
            String reason = root.getMessage() == null ? root.toString() : root.getMessage();
            throw TorchFolder.unusable(TorchFolder.path(), reason, failure);
        }
        loaded = true;
    }

    /**
     * A manager of CPU memory, which the caller closes; from now on the engine uses {@code threads} threads.
     *
     * @throws UncheckedIOException if {@link #load} throws
     */
    static NDManager open(int threads) {
        try {
            load();
        } catch (IOException unusable) {
            throw new UncheckedIOException(unusable);
        }
        Engine engine = Engine.getEngine(NAME);
        JniUtils.setNumThreads(threads);
        return engine.newBaseManager(Device.cpu());
    }

    static String description() {
        return "PyTorch " + Engine.getEngine(NAME).getVersion() + " through DJL " + Engine.getDjlVersion();
    }

    /**
     * The engine's OpenMP threads spin for milliseconds after each piece of work unless the environment says otherwise when
     * their library loads; meanwhile they occupy processors that the kernel's threads need, which costs whole steps if something else is
     * running, too. A value that the user set stays.
     */
    @SuppressWarnings("restricted")
    private static void letIdleThreadsSleep() {
        Linker linker = Linker.nativeLinker();
        linker.defaultLookup().find("setenv").ifPresent(setenv -> {
            MethodHandle call = linker.downcallHandle(
                    setenv,
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
            int keepPresentValue = 0;
            try (Arena arena = Arena.ofConfined()) {
                int status = (int) call.invokeExact(
                        arena.allocateFrom("OMP_WAIT_POLICY"), arena.allocateFrom("passive"), keepPresentValue);
                if (status != 0) {
                    throw new IllegalStateException("setenv: got status " + status + ", expected 0");
                }
            } catch (RuntimeException | Error known) {
                throw known;
            } catch (Throwable impossible) {
                throw new AssertionError("setenv declares no exception", impossible);
            }
        });
    }

    private static void setDefault(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }
}
