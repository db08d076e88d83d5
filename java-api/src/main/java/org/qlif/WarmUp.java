// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.qlif.spi.host.HostJvm;

/**
 * Warms up code that the JVM compiles while it runs: runs a kernel with this code and the kernel for the first calls in turn, on data of
 * its own, until the former is faster. There is one instance for each code in the process, whatever the number of kernels. It only refers
 * to kernels that it opens and closes itself.
 */
final class WarmUp {
    /** How many are remembered, the latest ones: as many as a backend may keep compiled. */
    private static final int REMEMBERED = 48;

    private static final int STEPS = 20;
    private static final int NEURONS = 1024;

    /**
     * The CPU time of the thread within which the code must become faster. Not wall time: on a busy machine, the JVM's compilers also get
     * little of that.
     */
    private static final long PATIENCE_NANOS = 10_000_000_000L;

    /** How long the end of the process waits at most for the work in the background, whose parts take 0.1 to 0.3 s. */
    private static final long END_SECONDS = 5;

    /** Guarded by itself. */
    private static final Map<Object, WarmUp> KNOWN = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Object, WarmUp> eldest) {
            return size() > REMEMBERED;
        }
    };

    /** Whether any code in this process has become faster. Until then, there is nothing to look up. */
    private static volatile boolean someDone;

    /** Whether the best device for the first calls of some code has been found and loaded. */
    private static volatile boolean someLoaded;

    /** Whether the process is ending and waits for the work in the background. */
    private static volatile boolean ending;

    private boolean tried;
    private volatile boolean done;

    private WarmUp() {}

    /** One daemon thread for all, which ends when there is nothing to do. A separate class, so that it is created only when needed. */
    private static final class Background {
        static final ThreadPoolExecutor THREAD = new ThreadPoolExecutor(
                1,
                1,
                1,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                Thread.ofPlatform()
                        .name("qlif-warm-up")
                        .daemon()
                        .priority(Thread.MIN_PRIORITY)
                        .factory());

        static {
            THREAD.allowCoreThreadTimeOut(true);
        }
    }

    private static WarmUp of(Object code) {
        synchronized (KNOWN) {
            return KNOWN.computeIfAbsent(code, _ -> new WarmUp());
        }
    }

    /** Whether {@code code}, a value of {@link org.qlif.spi.Backend#compiledWhileRunning}, has become faster. */
    static boolean isDone(Object code) {
        return someDone && of(code).done;
    }

    /** Whether the best device for first calls is loaded, so that finding it again takes little time. */
    static boolean isLoaded() {
        return someLoaded;
    }

    /** How far the background has come for one kernel. */
    enum Progress {
        /** It has begun. */
        BEGUN,
        /** The best device for the first calls has been found and loaded. */
        LOADED,
        /** The code is faster. */
        FASTER
    }

    /**
     * Begins in the background, unless that has happened before, to race {@code taken}, which runs {@code code}, against the best device for
     * the first calls among those that {@code asked} can mean.
     *
     * @return how far it has come, from then on
     */
    static AtomicReference<Progress> begin(Object code, NeuronConfig config, Device asked, Devices.Choice taken) {
        AtomicReference<Progress> progress = new AtomicReference<>(Progress.BEGUN);
        // The lookup is in the background, too: linking the hash functions of a code takes longer than a call.
        Background.THREAD.execute(() -> untilTheEnd(() -> {
            WarmUp warmUp = of(code);
            if (!warmUp.tried) {
                warmUp.tried = true;
                warmUp.run(config, asked, taken, progress);
            }
            progress.set(warmUp.done ? Progress.FASTER : Progress.LOADED);
        }));
        return progress;
    }

    /**
     * Does {@code work}. A JVM that writes an archive of its classes at the end of the process crashes if another thread links classes
     * meanwhile (JDK 25), so there the end waits for the work, which stops early when {@link #ending} is set. Elsewhere it doesn't wait.
     */
    private static void untilTheEnd(Runnable work) {
        CountDownLatch over = new CountDownLatch(1);
        Thread end = new Thread(() -> end(over), "qlif-end");
        try {
            Runtime.getRuntime().addShutdownHook(end);
        } catch (IllegalStateException late) {
            return;
        }
        try {
            // Asking loads classes, too.
            if (!HostJvm.archivesClasses()) {
                remove(end);
            }
            if (!ending) {
                work.run();
            }
        } finally {
            // The last, since the end goes on then.
            try {
                remove(end);
            } finally {
                over.countDown();
            }
        }
    }

    private static void end(CountDownLatch over) {
        ending = true;
        try {
            over.await(END_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
    }

    private static void remove(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException late) {
            // It runs, or has run.
        }
    }

    private void run(NeuronConfig config, Device asked, Devices.Choice taken, AtomicReference<Progress> progress) {
        KernelOptions alone = KernelOptions.defaults().withThreads(1);
        try {
            Devices.Choice first = Devices.starter(asked, taken, config, alone, false);
            if (first != null && !ending) {
                run(config, first, taken, progress);
            }
        } catch (RuntimeException | LinkageError | OutOfMemoryError failure) {
            // Calls stay where they are; asking for the device by name reports the failure.
        }
    }

    private void run(
            NeuronConfig config, Devices.Choice first, Devices.Choice taken, AtomicReference<Progress> progress) {
        KernelOptions alone = KernelOptions.defaults().withThreads(1);
        try (Kernel one = Kernel.open(config, first, alone)) {
            Forward call = call(config);
            one.forward(call);
            someLoaded = true;
            progress.set(Progress.LOADED);
            if (ending) {
                return;
            }
            try (Kernel other = Kernel.open(config, taken, alone)) {
                race(one, other, call);
            }
        }
    }

    private void race(Kernel one, Kernel other, Forward call) {
        long least = Long.MAX_VALUE;
        long start = HostJvm.workNanos();
        while (!ending && HostJvm.workNanos() - start < PATIENCE_NANOS) {
            least = Math.min(least, time(one, call));
            if (time(other, call) < least) {
                done = true;
                someDone = true;
                return;
            }
        }
    }

    private static long time(Kernel kernel, Forward call) {
        long start = System.nanoTime();
        kernel.forward(call);
        return System.nanoTime() - start;
    }

    /** A call with everything that {@link Relay} takes. */
    private static Forward call(NeuronConfig config) {
        float[] input = new float[STEPS * NEURONS];
        Random random = new Random(1);
        for (int i = 0; i < input.length; i++) {
            input[i] = (float) (0.5 + random.nextGaussian());
        }
        long[] shape = {STEPS, 1, NEURONS};
        Forward call = new Forward()
                .input(Tensor.of(input, shape))
                .parameters(Parameters.shared(config))
                .draws(new DrawStream(1, 0))
                .initialState(State.initial(config, 1, NEURONS))
                .finalState(State.initial(config, 1, NEURONS))
                .spikeValues(Tensor.zeros(DType.F32, shape))
                .voltages(Tensor.zeros(DType.F32, shape));
        for (DType type : new DType[] {DType.U8, DType.F32}) {
            call.spikes(Tensor.zeros(type, shape));
        }
        return call;
    }
}
