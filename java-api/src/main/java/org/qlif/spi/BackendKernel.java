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
 * A kernel as a backend implements it. {@link org.qlif.Kernel} calls it with arguments that have been checked, one call at a time, and
 * never after {@link #close()}.
 */
public interface BackendKernel extends AutoCloseable {
    /** A description for people to read: instruction set or device, and threads. */
    String description();

    /**
     * Whether calls may lend memory of the device {@code place}; by default, they may not. Memory of the host can always be lent.
     */
    default boolean reaches(Device place) {
        return false;
    }

    /** What the kernel offers beyond this interface; see {@link org.qlif.Kernel#extension}. */
    default <T> Optional<T> extension(Class<T> type) {
        return Optional.empty();
    }

    /**
     * Checks the values of parameters in memory that the host can't reach, if that was requested. Called before each run, after all other
     * checks. By default, does nothing.
     *
     * @throws IllegalArgumentException naming parameter, index and value
     */
    default void check(Parameters parameters) {}

    /** Whether calls may have a linear layer instead of an input; by default, they may not. */
    default boolean takesLinear() {
        return false;
    }

    /**
     * Whether inputs, spike values, their gradients and a tape's potentials may have this type, one of {@link DType#NUMBERS}; by default,
     * only {@link DType#F32}.
     */
    default boolean takes(DType type) {
        return type == DType.F32;
    }

    /** Runs all steps of {@code call}; its linear layer, if it has one, computes the input current and writes it if it has an output. */
    void forward(Forward call);

    /** Runs the backward pass of {@code call}, whose forward run the tape holds. A current that was not written is computed again. */
    void backward(Backward call);

    /** Writes the random numbers that a run would draw. Either tensor may be null, and so may {@code rowIndex}. */
    void draw(
            DrawStream stream,
            long firstStep,
            @Nullable Tensor rowIndex,
            @Nullable Tensor uniforms,
            @Nullable Tensor normals);

    /** The number of bytes of a tape of this shape, with potentials of {@code type}, which it {@link #takes}. */
    long tapeBytes(Tape.Mode mode, DType type, long steps, long batch, long neurons);

    /**
     * A tape of this shape.
     *
     * @param memory the tape's memory, {@code U8}, at least {@link #tapeBytes} long, and aligned to {@link org.qlif.Kernel#ALIGNMENT}:
     *     memory of the kernel's device if it {@link #reaches} that, else native memory of the host. It must not be released here. Null for
     *     memory of the tape's own
     */
    TapeStorage newTape(Tape.Mode mode, DType type, long steps, long batch, long neurons, @Nullable Tensor memory);

    /** The number of bytes that {@link Backward#scratch} needs for {@code call}. */
    long scratchBytes(Backward call);

    /** Releases what the kernel holds. */
    @Override
    void close();
}
