package org.qlif.spi.host;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A fixed team of threads that share out the parts of one job at a time. The calling thread is a member; helpers spin for a
 * few microseconds after a job and then park. A job allocates nothing.
 */
public final class Team implements AutoCloseable {
    /** The parts of a job. */
    @FunctionalInterface
    public interface Job {
        /**
         * Does part {@code part}.
         *
         * @param member which member of the team does it, 0 to size - 1; a member does one part at a time
         */
        void run(int member, long part);
    }

    /** About 20 microseconds of pause instructions. */
    private static final int SPINS = 2000;

    private final Helper[] helpers;

    /** Parts not yet taken; counts down, so that a late helper takes nothing once it has passed 0. */
    private final AtomicLong remaining = new AtomicLong();

    /** Helpers that may be at work. Raised before a part is taken, so that 0 after the last part means all is done. */
    private final AtomicInteger busy = new AtomicInteger();

    private final AtomicInteger jobs = new AtomicInteger();
    private @Nullable Job job;
    private long parts;
    private volatile @Nullable Throwable failure;
    private volatile boolean closed;

    /** A team of {@code size} members, at least 1. */
    public Team(int size) {
        helpers = new Helper[size - 1];
        for (int i = 0; i < helpers.length; i++) {
            helpers[i] = new Helper(i + 1);
        }
        try {
            for (Helper helper : helpers) {
                helper.start();
            }
        } catch (Throwable noThread) {
            end();
            throw noThread;
        }
    }

    /** The number of members. */
    public int size() {
        return helpers.length + 1;
    }

    /**
     * Runs parts 0 to {@code parts} - 1 of {@code job} and returns when all are done. If some fail, the first failure is thrown
     * when the others have ended.
     *
     * @param alone whether only the calling thread may work
     */
    public void run(Job job, long parts, boolean alone) {
        if (alone || helpers.length == 0 || parts <= 1) {
            for (long part = 0; part < parts; part++) {
                job.run(0, part);
            }
            return;
        }
        this.job = job;
        failure = null;
        this.parts = parts;
        remaining.set(parts);
        jobs.incrementAndGet();
        for (int i = 0; i < helpers.length && i < parts - 1; i++) {
            if (helpers[i].parked) {
                LockSupport.unpark(helpers[i]);
            }
        }
        work(0);
        for (int spins = 0; busy.get() != 0; spins++) {
            if (spins < SPINS) {
                Thread.onSpinWait();
            } else {
                Thread.yield();
            }
        }
        this.job = null;
        if (failure != null) {
            throw sneaky(failure);
        }
    }

    private void work(int member) {
        for (long part = remaining.getAndDecrement(); part > 0; part = remaining.getAndDecrement()) {
            try {
                Objects.requireNonNull(job).run(member, inTurn(parts - part));
            } catch (Throwable thrown) {
                if (failure == null) {
                    failure = thrown;
                }
                remaining.set(0);
            }
        }
    }

    /**
     * The part that whoever comes {@code turn}th does. There are as many stretches of parts as members, and turns go round them: parts
     * done at the same time lie far apart, where no two members write to one cache line. A member mostly stays within a stretch and
     * goes from its first part to its last: a processor's prefetcher runs ahead of rising addresses, not of falling ones.
     */
    private long inTurn(long turn) {
        long stretch = turn % size();
        return stretch * (parts / size()) + Math.min(stretch, parts % size()) + turn / size();
    }

    /** Throws any throwable as it is: the caller shall see the identity that the part threw. */
    @SuppressWarnings("unchecked")
    private static <T extends Throwable> RuntimeException sneaky(Throwable thrown) throws T {
        throw (T) thrown;
    }

    /** Whether {@code thread} is a helper of some team. */
    public static boolean isHelper(Thread thread) {
        return thread instanceof Helper;
    }

    /** Ends the helpers. */
    @Override
    public void close() {
        end();
    }

    private void end() {
        closed = true;
        jobs.incrementAndGet();
        for (Helper helper : helpers) {
            LockSupport.unpark(helper);
        }
    }

    private final class Helper extends Thread {
        private final int member;
        private volatile boolean parked;

        Helper(int member) {
            // Without the thread-locals of whoever opened the kernel: the helper may outlive what they refer to.
            super(null, null, "qlif-" + member, 0, false);
            this.member = member;
            setDaemon(true);
        }

        @Override
        public void run() {
            int seen = 0;
            while (!closed) {
                seen = awaitJob(seen);
                busy.incrementAndGet();
                work(member);
                busy.decrementAndGet();
            }
        }

        private int awaitJob(int seen) {
            for (int spins = 0; spins < SPINS; spins++) {
                if (jobs.get() != seen) {
                    return jobs.get();
                }
                Thread.onSpinWait();
            }
            parked = true;
            while (jobs.get() == seen) {
                LockSupport.park(Team.this);
                // Thread pools of containers interrupt every thread that they find; park returns at once while that
                // stands.
                Thread.interrupted();
            }
            parked = false;
            return jobs.get();
        }
    }
}
