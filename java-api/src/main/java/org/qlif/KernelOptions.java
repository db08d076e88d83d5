// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/**
 * How a kernel runs, which never changes what it computes. Immutable.
 *
 * <p>The kernels of a process on the CPU share one team of helper threads, and the scratch memory that goes with them, about 2 MiB a
 * thread. A kernel uses as many members of the team as its options say, the calling thread among them; the team grows to the largest number
 * that a kernel has asked for, and does not shrink while a kernel is open. A call that finds the team at another kernel's work, or is too
 * small to share, runs on its calling thread alone, in scratch that such calls hand on to each other: no call waits for another. The helpers
 * are daemon threads, sleep between calls, and end when the last kernel is closed or reclaimed. {@code cpu:native}
 * has such a team of its own, in C++.
 *
 * <p>Backends off the CPU have no helper threads and ignore all this.
 *
 * <pre>{@code
 * KernelOptions options = KernelOptions.defaults().withThreads(4).withSpin(Duration.ZERO);
 * }</pre>
 */
public final class KernelOptions {
    private static final int MOST_THREADS = 1024;

    private static final Duration LONGEST_SPIN = Duration.ofSeconds(1);

    private static final Duration DEFAULT_SPIN = Duration.ofNanos(20_000);

    private final int threads;
    private final @Nullable ThreadFactory threadFactory;
    private final Duration spin;

    private KernelOptions(int threads, @Nullable ThreadFactory threadFactory, Duration spin) {
        this.threads = threads;
        this.threadFactory = threadFactory;
        this.spin = spin;
    }

    /** As many threads as the JVM says there are processors, of the shared team, which look 20 microseconds for the next call. */
    public static KernelOptions defaults() {
        int processors = Runtime.getRuntime().availableProcessors();
        return new KernelOptions(Math.min(MOST_THREADS, processors), null, DEFAULT_SPIN);
    }

    /**
     * These options with so many threads that share a call.
     *
     * @param threads how many, the calling one among them: 1 to 1024
     * @throws IllegalArgumentException if it is another number
     */
    public KernelOptions withThreads(int threads) {
        Range.wholeWithin(1, MOST_THREADS).require("threads", threads);
        return new KernelOptions(threads, threadFactory, spin);
    }

    /**
     * These options with a team of the kernel's own, whose helper threads {@code factory} makes when the kernel is opened; they end when it
     * is closed or reclaimed.
     *
     * @param factory must return an unstarted thread of the platform each time, else the kernel is not opened; decides whether it is a
     *     daemon. {@code cpu:native}, whose threads are made in C++, takes none: it is passed over, or if asked for by name refuses
     */
    public KernelOptions withThreadFactory(ThreadFactory factory) {
        return new KernelOptions(threads, Objects.requireNonNull(factory, "factory"), spin);
    }

    /**
     * These options with helpers that look for the next call this long after one of this kernel before they sleep. To wake a sleeping helper
     * takes some microseconds, in which the caller already works.
     *
     * @param spin from zero, which saves the most power, to one second
     * @throws IllegalArgumentException if it is negative or longer
     */
    public KernelOptions withSpin(Duration spin) {
        if (Objects.requireNonNull(spin, "spin").isNegative() || spin.compareTo(LONGEST_SPIN) > 0) {
            throw new IllegalArgumentException("spin: got " + spin + ", expected from PT0S to " + LONGEST_SPIN);
        }
        return new KernelOptions(threads, threadFactory, spin);
    }

    /** How many threads share a call, the calling one among them. */
    public int threads() {
        return threads;
    }

    /** What makes the helper threads; empty if the kernel uses the shared team. */
    public Optional<ThreadFactory> threadFactory() {
        return Optional.ofNullable(threadFactory);
    }

    /** How long helpers look for the next call before they sleep. */
    public Duration spin() {
        return spin;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof KernelOptions that
                && threads == that.threads
                && Objects.equals(threadFactory, that.threadFactory)
                && spin.equals(that.spin);
    }

    @Override
    public int hashCode() {
        return Objects.hash(threads, threadFactory, spin);
    }

    @Override
    public String toString() {
        return "KernelOptions[threads=" + threads + ", spin=" + spin
                + (threadFactory == null ? "" : ", threadFactory=" + threadFactory) + "]";
    }
}
