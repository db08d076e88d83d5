// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import org.qlif.KernelOptions;

/**
 * The threads that may share a kernel's calls, as its options say: members of the team that kernels share, or a team of its own. A call
 * musters members, readies and runs its job, and dismisses them; one that finds the team at work for another kernel has its calling thread
 * alone, and scratch that it borrows. Calls come one at a time.
 */
public final class Crew implements AutoCloseable {
    /** The parts of a job. */
    @FunctionalInterface
    public interface Job {
        /**
         * Does part {@code part}.
         *
         * @param member which member does it, 0 to members - 1; a member does one part at a time
         */
        void run(int member, long part);
    }

    private final Team team;
    private final int size;
    private final long spinNanos;

    /** Borrowed by a calling thread that is alone. */
    private float[] scratch = Team.NONE;

    /** Those that {@code options} ask for; more of a team are started if need be. */
    public Crew(KernelOptions options) {
        size = options.threads();
        spinNanos = options.spin().toNanos();
        team = options.threadFactory().map(factory -> Team.own(size, factory)).orElseGet(() -> Team.shared(size));
    }

    /** The most threads that share a call, the calling one among them. */
    public int size() {
        return size;
    }

    /** {@link #size()}, for people. */
    public String description() {
        return size + (size == 1 ? " thread" : " threads");
    }

    /**
     * How many members share the call, the calling thread among them, until {@link #dismiss}: 1 if it is alone, else as many as
     * have a part.
     *
     * @param parts how many parts the job would have for all
     * @param alone whether only the calling thread may work
     */
    public int muster(long parts, boolean alone) {
        return !alone && parts > 1 && size > 1 && team.take() ? (int) Math.min(size, parts) : 1;
    }

    /** Scratch of a member of those that were mustered, at least this long; what it holds is anyone's. */
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
     * Runs parts 0 to {@code parts} - 1 of {@code job} on the members that were mustered, and returns when all are done. If some fail, the
     * first failure is thrown when the others have ended.
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

    /** Lets the members go; comes after each {@link #muster}. */
    public void dismiss(int members) {
        if (members > 1) {
            team.release();
        } else if (scratch.length > 0) {
            team.giveBack(scratch);
            scratch = Team.NONE;
        }
    }

    /** Whether {@code thread} helps some call. */
    public static boolean isHelper(Thread thread) {
        return Team.isHelper(thread);
    }

    /** Gives the team up; the last kernel to do so ends its threads. */
    @Override
    public void close() {
        team.leave();
    }
}
