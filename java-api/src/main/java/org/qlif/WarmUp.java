// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.qlif.spi.host.HostJvm;

/**
 * Warms up code that the JVM compiles while it runs: runs a kernel with this code and the kernel for the first calls in turn, on data of
 * its own, until the former is faster. There is one instance for each code in the process, whatever the number of kernels. It only refers
 * to kernels that it opens and closes itself. Thread-safe.
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

    /** One daemon thread for all, which ends when there is nothing to do. */
    private static final ThreadPoolExecutor THREAD = thread();

    private static final Map<Object, WarmUp> KNOWN = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Object, WarmUp> eldest) {
            return size() > REMEMBERED;
        }
    };

    private final AtomicBoolean begun = new AtomicBoolean();
    private volatile boolean done;

    private WarmUp() {}

    private static ThreadPoolExecutor thread() {
        ThreadPoolExecutor executor = new ThreadPoolExecutor(
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
        executor.allowCoreThreadTimeOut(true);
        return executor;
    }

    /** The instance for {@code code}, a value of {@link org.qlif.spi.Backend#compiledWhileRunning}. */
    static WarmUp of(Object code) {
        synchronized (KNOWN) {
            return KNOWN.computeIfAbsent(code, _ -> new WarmUp());
        }
    }

    /** Whether the code has become faster. */
    boolean isDone() {
        return done;
    }

    /** Begins in the background, unless it has begun. */
    void begin(NeuronConfig config, Function<KernelOptions, Kernel> first, Function<KernelOptions, Kernel> compiled) {
        if (begun.compareAndSet(false, true)) {
            THREAD.execute(() -> run(config, first, compiled));
        }
    }

    private void run(
            NeuronConfig config, Function<KernelOptions, Kernel> first, Function<KernelOptions, Kernel> compiled) {
        KernelOptions alone = KernelOptions.defaults().withThreads(1);
        try (Kernel one = first.apply(alone);
                Kernel other = compiled.apply(alone)) {
            Forward call = call(config);
            long least = Long.MAX_VALUE;
            long start = HostJvm.workNanos();
            while (HostJvm.workNanos() - start < PATIENCE_NANOS) {
                least = Math.min(least, time(one, call));
                if (time(other, call) < least) {
                    done = true;
                    return;
                }
            }
        } catch (RuntimeException | LinkageError | OutOfMemoryError failure) {
            // Calls stay where they are; asking for the device by name reports the failure.
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
