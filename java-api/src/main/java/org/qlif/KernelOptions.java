// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/**
 * How a kernel runs. Options never change what it computes. Immutable.
 *
 * <p>The kernels of a process on the CPU share one team of helper threads, and their scratch memory, about 2 MiB per thread.
 * A kernel uses as many members of the team as its options say, including the calling thread; the team grows to the largest number that a
 * kernel has asked for, and does not shrink while a kernel is open. A call that is too small to share, or finds the team busy with another
 * kernel, runs on its calling thread alone, in scratch memory that such calls share in turn: no call waits for another. A
 * call that takes one thread less than about a tenth of a millisecond does not wake helpers that sleep, unless such calls follow each other
 * closely. The helpers are daemon threads, sleep between calls, and end when the last kernel is closed or reclaimed. {@code cpu:native} has its own such team, in
 * C++.
 *
 * <p>Backends for GPUs have no helper threads and ignore these options.
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

    /** One thread for each processor that the JVM reports, from the shared team, whose helpers spin for the next call for 20 microseconds. */
    public static KernelOptions defaults() {
        int processors = Runtime.getRuntime().availableProcessors();
        return new KernelOptions(Math.min(MOST_THREADS, processors), null, DEFAULT_SPIN);
    }

    /**
     * Returns these options with another number of threads that share a call.
     *
     * @param threads how many, including the calling one: 1 to 1024
     * @throws IllegalArgumentException if it is out of this range
     */
    public KernelOptions withThreads(int threads) {
        Range.wholeWithin(1, MOST_THREADS).require("threads", threads);
        return new KernelOptions(threads, threadFactory, spin);
    }

    /**
     * Returns these options with a separate team for the kernel, whose helper threads {@code factory} makes when the kernel is opened; they
     * end when it is closed or reclaimed.
     *
     * @param factory must return an unstarted platform thread each time, or the kernel is not opened; decides whether it is a daemon.
     *     {@code cpu:native}, whose threads are made in C++, takes no factory: the automatic choice passes it over, and asking for it by
     *     name fails
     */
    public KernelOptions withThreadFactory(ThreadFactory factory) {
        return new KernelOptions(threads, Objects.requireNonNull(factory, "factory"), spin);
    }

    /**
     * Returns these options with helpers that spin this long for the next call before they sleep. Waking a sleeping helper takes some
     * microseconds; meanwhile the caller already works. Calls that take one thread less than about a tenth of a millisecond are shared only
     * if helpers still spin, or if three such calls follow each other within this time each.
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

    /** How many threads share a call, including the calling one. */
    public int threads() {
        return threads;
    }

    /** The factory of the helper threads; empty if the kernel uses the shared team. */
    public Optional<ThreadFactory> threadFactory() {
        return Optional.ofNullable(threadFactory);
    }

    /** How long helpers spin for the next call before they sleep. */
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
