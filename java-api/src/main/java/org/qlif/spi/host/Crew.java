// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import org.qlif.KernelOptions;

/**
 * The threads that may share a kernel's calls, as its options say: members of the team that kernels share, or a team of its own. A call
 * musters members, runs its job, and dismisses them. If the team is busy with another kernel, the call only has its calling thread, with
 * borrowed scratch. One call at a time.
 */
public final class Crew implements AutoCloseable {
    /** The parts of a job. */
    @FunctionalInterface
    public interface Job {
        /**
         * Does part {@code part}.
         *
         * @param member the member that does it, 0 to members - 1; a member does one part at a time
         */
        void run(int member, long part);
    }

    private final Team team;
    private final int size;
    private final long spinNanos;

    /** Scratch borrowed for a calling thread that works alone. */
    private float[] scratch = Team.NONE;

    /** Whether the mustered members have a brief job. */
    private boolean brief;

    /** The threads that {@code options} request; starts more if needed. */
    public Crew(KernelOptions options) {
        size = options.threads();
        spinNanos = options.spin().toNanos();
        team = options.threadFactory().map(factory -> Team.own(size, factory)).orElseGet(() -> Team.shared(size));
    }

    /** The maximum number of threads that share a call, including the calling one. */
    public int size() {
        return size;
    }

    /** {@link #size()}, in words. */
    public String description() {
        return size + (size == 1 ? " thread" : " threads");
    }

    /**
     * Returns how many members share the call until {@link #dismiss}, including the calling thread: 1 if it works alone, else as many as
     * have a part.
     *
     * @param parts how many parts the job has if it is shared
     * @param brief whether one thread does the job in less than about a tenth of a millisecond: then helpers that sleep are not woken, unless
     *     such jobs follow each other closely
     * @param alone whether only the calling thread may work
     */
    public int muster(long parts, boolean brief, boolean alone) {
        int members = alone ? 1 : (int) Math.min(size, parts);
        this.brief = brief && members > 1;
        return members > 1 && (!brief || team.helpsBriefJob(members, spinNanos)) && team.take() ? members : 1;
    }

    /** Scratch of a mustered member, at least this long; its contents are undefined. */
    public float[] scratch(int member, int members, int floats) {
        if (members > 1) {
            return team.scratch(member, floats);
        }
        if (scratch.length < floats) {
            scratch = team.borrow(floats);
        }
        return scratch;
    }

    /**
     * Runs parts 0 to {@code parts} - 1 of {@code job} on the mustered members, and returns when all are done. If some fail, throws the
     * first failure once the others have ended.
     */
    public void run(Job job, long parts, int members) {
        if (members > 1) {
            team.run(job, parts, members, spinNanos);
            return;
        }
        for (long part = 0; part < parts; part++) {
            job.run(0, part);
        }
    }

    /** Dismisses the members; must follow each {@link #muster}. */
    public void dismiss(int members) {
        if (brief) {
            team.endBriefJob();
        }
        if (members > 1) {
            team.release();
        } else if (scratch.length > 0) {
            team.giveBack(scratch);
            scratch = Team.NONE;
        }
    }

    /** Whether {@code thread} is a helper of some call. */
    public static boolean isHelper(Thread thread) {
        return Team.isHelper(thread);
    }

    /** Leaves the team; its threads end when the last kernel leaves it. */
    @Override
    public void close() {
        team.leave();
    }
}
