// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Threads that share the parts of one job at a time, and their scratch memory. A caller takes the team, if it is free, and becomes its
 * member 0; helpers spin a while for the next job and then sleep. Kernels share one team ({@link #shared}), which lives as long as any of
 * them, and grows but never shrinks. A job allocates nothing.
 */
final class Team {
    /** How often the calling thread only spins for its helpers before it does more. */
    private static final int LOOKS = 2000;

    /** The first bit above the number of parts in {@link #tickets}. */
    private static final int PARTS_BITS = 52;

    private static final long PARTS_MASK = (1L << PARTS_BITS) - 1;

    static final float[] NONE = {};

    /** The number of scratch arrays that are kept for callers that work alone. */
    private static final int SPARE = 16;

    /** The running threads of all teams. */
    private static final Set<Thread> HELPERS = ConcurrentHashMap.newKeySet();

    /** The team of all kernels that don't ask for one of their own; null while there is none. Guarded by the class. */
    private static @Nullable Team shared;

    /** Makes the helpers' threads; null for our own daemon threads. */
    private final @Nullable ThreadFactory factory;

    /** The number of kernels that use it. Guarded by the class, except while a separate team is made. */
    private int users;

    /** Members 1 and up. */
    private volatile Helper[] helpers = {};

    /** Member 0's. Only for the thread that has taken the team. */
    private float[] scratch = NONE;

    private final AtomicBoolean taken = new AtomicBoolean();

    /** Scratch that callers without helpers have returned, for the next ones; none of it belongs to a kernel. */
    private final AtomicReferenceArray<float @Nullable []> spare = new AtomicReferenceArray<>(SPARE);

    /**
     * The number of parts not yet begun and, in higher bits, how many members may take one. Both are in one word, since a helper that is
     * late for a job must not take a part of the next one if that has fewer members.
     */
    private final AtomicLong tickets = new AtomicLong();

    /**
     * The number of helpers that may be working. Incremented before a part is taken, so that 0 after the last part means that all is done.
     */
    private final AtomicInteger busy = new AtomicInteger();

    private final AtomicInteger jobs = new AtomicInteger();
    private Crew.@Nullable Job job;
    private long parts;
    private volatile long spinNanos;
    private volatile long briefJobEnded = System.nanoTime();
    private volatile int briefSuccession;
    private volatile @Nullable Throwable failure;
    private volatile boolean closed;

    private Team(@Nullable ThreadFactory factory) {
        this.factory = factory;
    }

    /** The team that kernels share, of at least {@code size} members, until {@link #leave()}. */
    static Team shared(int size) {
        synchronized (Team.class) {
            Team team = shared == null ? new Team(null) : shared;
            team.join(size);
            shared = team;
            return team;
        }
    }

    /** A separate team of {@code size} members, until {@link #leave()}. */
    static Team own(int size, ThreadFactory factory) {
        // Not under the lock, since the factory is the caller's code.
        Team team = new Team(factory);
        team.join(size);
        return team;
    }

    private void join(int size) {
        try {
            while (helpers.length < size - 1) {
                Helper helper = new Helper(helpers.length + 1);
                Helper[] more = Arrays.copyOf(helpers, helpers.length + 1);
                more[helpers.length] = helper;
                helper.start();
                helpers = more;
            }
        } catch (Throwable noThread) {
            if (users == 0) {
                end();
            }
            throw noThread;
        }
        users++;
    }

    /** Leaves the team, which ends when the last user leaves. */
    void leave() {
        synchronized (Team.class) {
            users--;
            if (users > 0) {
                return;
            }
            if (this == shared) {
                shared = null;
            }
        }
        end();
    }

    /** Takes the team if it is free, until {@link #release()}. Never waits. */
    boolean take() {
        return !taken.get() && taken.compareAndSet(false, true);
    }

    /**
     * Called at the beginning of a job of some tens of microseconds: whether helpers should share it. They should if they are awake, or if
     * such jobs follow each other so closely that they would stay awake for the next. Waking one takes a system call, and on virtual
     * processors it arrives up to 40 microseconds later.
     */
    boolean helpsBriefJob(int members, long spinNanos) {
        boolean soon = System.nanoTime() - briefJobEnded < spinNanos;
        // Two in a row don't count yet: a forward and a backward pass may come together, with nothing after them for a
        // while.
        int succession = soon ? Math.min(briefSuccession + 1, 2) : 0;
        briefSuccession = succession;
        // Looking at the last one is enough: helpers fall asleep at about the same time, unless a job needed only the
        // first ones.
        return !helpers[members - 2].parked || succession == 2;
    }

    void endBriefJob() {
        briefJobEnded = System.nanoTime();
    }

    /** Ends {@link #take}. */
    void release() {
        taken.setRelease(false);
    }

    /** The scratch of {@code member}, at least this long, with arbitrary content. Only for the thread that has taken the team. */
    float[] scratch(int member, int floats) {
        if (member == 0) {
            scratch = HostMemory.atLeast(floats, scratch);
            return scratch;
        }
        Helper helper = helpers[member - 1];
        helper.scratch = HostMemory.atLeast(floats, helper.scratch);
        return helper.scratch;
    }

    /** Scratch for a caller without helpers, at least this long, with arbitrary content, until {@link #giveBack}. */
    float[] borrow(int floats) {
        float[] given = NONE;
        for (int i = 0; i < SPARE && given.length == 0; i++) {
            float[] found = spare.get(i) == null ? null : spare.getAndSet(i, null);
            given = found == null ? given : found;
        }
        return HostMemory.atLeast(floats, given);
    }

    /** Takes back borrowed scratch, or leaves it to the garbage collector if there is enough. */
    void giveBack(float[] borrowed) {
        for (int i = 0; i < SPARE; i++) {
            if (spare.get(i) == null && spare.compareAndSet(i, null, borrowed)) {
                return;
            }
        }
    }

    /**
     * Runs parts 0 to {@code parts} - 1 of {@code job} and returns when all are done. If some fail, throws the first failure once the
     * others have ended. Only for the thread that has taken the team.
     *
     * @param members how many may share them, including the calling thread
     * @param spinNanos how long helpers spin for the next job before they sleep
     */
    void run(Crew.Job job, long parts, int members, long spinNanos) {
        this.job = job;
        this.parts = parts;
        this.spinNanos = spinNanos;
        failure = null;
        tickets.set((long) members << PARTS_BITS | parts);
        jobs.incrementAndGet();
        Helper[] all = helpers;
        for (int i = 0; i < members - 1 && i < parts - 1; i++) {
            if (all[i].parked) {
                LockSupport.unpark(all[i].thread);
            }
        }
        work(0);
        for (int looks = 0; busy.get() != 0; looks++) {
            if (looks < LOOKS) {
                Thread.onSpinWait();
            } else {
                Thread.yield();
            }
        }
        this.job = null;
        Throwable thrown = failure;
        if (thrown != null) {
            failure = null;
            throw sneaky(thrown);
        }
    }

    private void work(int member) {
        while (true) {
            long ticket = tickets.get();
            long left = ticket & PARTS_MASK;
            int members = (int) (ticket >>> PARTS_BITS);
            if (left == 0 || member >= members) {
                return;
            }
            if (tickets.compareAndSet(ticket, ticket - 1)) {
                try {
                    Objects.requireNonNull(job).run(member, inTurn(parts - left, members));
                } catch (Throwable thrown) {
                    if (failure == null) {
                        failure = thrown;
                    }
                    tickets.set(0);
                }
            }
        }
    }

    /**
     * The part of turn {@code turn}. There are as many stretches of parts as members, and turns rotate through them, so that parts in
     * progress are far apart and no two members write to one cache line. A member mostly stays within a stretch and takes its parts in
     * ascending order, since prefetchers follow ascending addresses, not descending ones.
     */
    private long inTurn(long turn, int members) {
        long stretch = turn % members;
        return stretch * (parts / members) + Math.min(stretch, parts % members) + turn / members;
    }

    /** Throws any throwable unchanged, so that the caller sees what the part threw. */
    @SuppressWarnings("unchecked")
    private static <T extends Throwable> RuntimeException sneaky(Throwable thrown) throws T {
        throw (T) thrown;
    }

    /** Whether {@code thread} is a helper of some team. */
    static boolean isHelper(Thread thread) {
        return HELPERS.contains(thread);
    }

    private void end() {
        closed = true;
        jobs.incrementAndGet();
        for (Helper helper : helpers) {
            LockSupport.unpark(helper.thread);
        }
    }

    private final class Helper implements Runnable {
        private final int member;
        private final Thread thread;
        private volatile boolean parked;

        /** Only for the thread that has taken the team. */
        private float[] scratch = NONE;

        Helper(int member) {
            this.member = member;
            this.thread = factory == null ? newThread(this) : factory.newThread(this);
            if (thread == null || thread.isVirtual() || thread.getState() != Thread.State.NEW) {
                end();
                // A thread that was started already may run this helper, which nothing would ever wake.
                LockSupport.unpark(thread);
                throw new IllegalArgumentException(
                        "threadFactory: got " + thread + ", expected a platform thread that has not been started");
            }
        }

        void start() {
            HELPERS.add(thread);
            try {
                thread.start();
            } catch (Throwable noThread) {
                HELPERS.remove(thread);
                throw noThread;
            }
        }

        private static Thread newThread(Helper helper) {
            // Without the thread-locals and the class loader of the thread that opened the kernel, since the helper may
            // outlive what they
            // refer to.
            return Thread.ofPlatform()
                    .name("qlif-helper-" + helper.member)
                    .daemon()
                    .inheritInheritableThreadLocals(false)
                    .unstarted(helper);
        }

        @Override
        public void run() {
            try {
                int seen = 0;
                while (!closed) {
                    seen = awaitJob(seen);
                    busy.incrementAndGet();
                    work(member);
                    busy.decrementAndGet();
                }
            } finally {
                HELPERS.remove(thread);
            }
        }

        private int awaitJob(int seen) {
            long start = System.nanoTime();
            for (int looks = 0; jobs.get() == seen; looks++) {
                // Reading the clock takes longer than a check.
                if (looks % 32 == 0 && System.nanoTime() - start >= spinNanos) {
                    sleep(seen);
                } else {
                    Thread.onSpinWait();
                }
            }
            return jobs.get();
        }

        private void sleep(int seen) {
            parked = true;
            while (jobs.get() == seen) {
                LockSupport.park(Team.this);
                // Thread pools of containers interrupt all threads they find; while the interrupt is pending, park
                // returns at once.
                Thread.interrupted();
            }
            parked = false;
        }
    }
}
