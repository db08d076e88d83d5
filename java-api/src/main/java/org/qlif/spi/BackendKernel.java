// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Parameters;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * A kernel as a backend implements it. {@link org.qlif.Kernel} stands before it: arguments have been checked, calls come one
 * at a time, and none after {@link #close()}.
 */
public interface BackendKernel extends AutoCloseable {
    /** What runs, for people: instruction set or device, and threads. */
    String description();

    /**
     * Whether calls may lend memory of the device {@code place}; memory of the host can always be lent. Unless a backend says
     * otherwise, there is no such device.
     */
    default boolean reaches(Device place) {
        return false;
    }

    /** What the kernel offers beyond this interface; see {@link org.qlif.Kernel#extension}. */
    default <T> Optional<T> extension(Class<T> type) {
        return Optional.empty();
    }

    /**
     * Checks the values of parameters that are out of the host's reach, if that was asked for; comes before each run, when everything
     * else has been checked. Unless a backend says otherwise, there are none.
     *
     * @throws IllegalArgumentException naming parameter, index and value
     */
    default void check(Parameters parameters) {}

    /** Whether calls may have a linear layer in place of an input. Unless a backend says otherwise, they may not. */
    default boolean takesLinear() {
        return false;
    }

    /**
     * Whether input, spike values and their gradients may be of this type, one of {@link DType#NUMBERS}, and a tape's potentials. Unless a backend says
     * otherwise, only {@link DType#F32}.
     */
    default boolean takes(DType type) {
        return type == DType.F32;
    }

    /** Runs all steps of {@code call}; its linear layer, if it has one, computes the input current and writes it if it has an output. */
    void forward(Forward call);

    /** Runs the backward pass of {@code call}, whose forward run the tape holds. A current that was not written is computed again. */
    void backward(Backward call);

    /** Writes the numbers that a run would draw; either tensor may be null, and so may {@code rowIndex}. */
    void draw(
            DrawStream stream,
            long firstStep,
            @Nullable Tensor rowIndex,
            @Nullable Tensor uniforms,
            @Nullable Tensor normals);

    /** The bytes of memory that a tape of this shape takes, with potentials of {@code type}, which it {@link #takes}. */
    long tapeBytes(Tape.Mode mode, DType type, long steps, long batch, long neurons);

    /**
     * A tape of this shape.
     *
     * @param memory where it is, {@code U8}, at least {@link #tapeBytes} long, and aligned to {@link org.qlif.Kernel#ALIGNMENT}: memory of the
     *     kernel's device if it {@link #reaches} that, else native memory of the host; never to be released here. Null for memory of the
     *     tape's own
     */
    TapeStorage newTape(Tape.Mode mode, DType type, long steps, long batch, long neurons, @Nullable Tensor memory);

    /** The bytes that {@link Backward#scratch} needs for {@code call}. */
    long scratchBytes(Backward call);

    /** Releases what the kernel holds. */
    @Override
    void close();
}
