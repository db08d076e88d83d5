// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The connection between machines that share training steps, for {@link Trainer#train(Batch, Exchange)}. Each machine has one, and all do
 * the same exchanges in the same order. Implementations decide how bytes travel; the machines may also be threads of one process.
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
    /** The number of this machine, from 0. */
    int rank();

    /** The number of machines. */
    int size();

    /**
     * The first block of a batch that machine {@code machine} of {@code size} does; it ends before the next machine's first block. If there
     * are more machines than blocks, some do none.
     *
     * @param blocks how many the batch has, at least 0
     * @param machine from 0 to {@code size}, which stands for the end
     * @param size the number of machines
     */
    static int firstBlock(int blocks, int machine, int size) {
        return (int) ((long) blocks * machine / size);
    }

    /**
     * Exchanges bytes with all other machines: sends {@code out[p]} to machine p and receives {@code in[p]} from it, from position to
     * limit. Sender and receiver use buffers of the same length. Buffers at {@link #rank} are ignored. All are direct buffers. Returns when
     * all bytes have been sent and received.
     *
     * @throws IOException if another machine can no longer be reached; the exchange can't be used afterwards
     */
    void exchange(ByteBuffer[] out, ByteBuffer[] in) throws IOException;
}
