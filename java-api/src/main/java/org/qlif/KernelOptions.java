package org.qlif;

/**
 * How a kernel runs, which never changes what it computes.
 *
 * <p>A kernel on the CPU keeps threads - 1 helper threads, which sleep between calls, and about 2 MiB of scratch on the heap for each
 * thread.
 *
 * @param threads how many threads share a call, the calling one among them: 1 to 1024; backends off the CPU ignore it
 */
public record KernelOptions(int threads) {
    /** Checks the range. */
    public KernelOptions {
        Range.wholeWithin(1, 1024).require("threads", threads);
    }

    /** As many threads as the JVM says there are processors. */
    public static KernelOptions defaults() {
        return new KernelOptions(Math.min(1024, Runtime.getRuntime().availableProcessors()));
    }
}
