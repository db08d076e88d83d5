// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * What machines that share training steps send each other by, for {@link Trainer#train(Batch, Exchange)}: each has one of these, and all do the
 * same exchanges in the same order. How bytes travel is the implementation's; threads of one process may be machines, too.
 *
 * <pre>{@code
 * Exchange alone = new Exchange() { // a group of one, which sends nothing
 *     public int rank() { return 0; }
 *     public int size() { return 1; }
 *     public void exchange(ByteBuffer[] out, ByteBuffer[] in) {}
 * };
 * StepResult step = trainer.train(new Batch(encoder, loss, rows), alone);
 * }</pre>
 */
public interface Exchange {
    /** Which of the machines this is, from 0. */
    int rank();

    /** How many machines there are. */
    int size();

    /**
     * The first block of a batch that machine {@code machine} of {@code size} does; its last is the one before the next machine's first. With more
     * machines than blocks, some do none.
     *
     * @param blocks how many the batch has, at least 0
     * @param machine from 0 to {@code size}, which stands for the end
     * @param size how many machines there are
     */
    static int firstBlock(int blocks, int machine, int size) {
        return (int) ((long) blocks * machine / size);
    }

    /**
     * Sends each of the others its bytes and receives theirs: machine p gets {@code out[p]}, and {@code in[p]} is filled by it. Sender and receiver
     * agree on their number. Returns when all buffers are used up, from position to limit; those at {@link #rank} are ignored. They are
     * direct buffers.
     *
     * @throws IOException if another machine can't be reached any more; this can't be used on then
     */
    void exchange(ByteBuffer[] out, ByteBuffer[] in) throws IOException;
}
