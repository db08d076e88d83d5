// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi;

import java.util.Optional;
import org.qlif.Device;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;

/**
 * A linear layer as a backend implements it. {@link org.qlif.SpikeLinear} calls it with arguments that have been checked, one call at a
 * time, and never after {@link #close()}.
 */
public interface BackendLinear extends AutoCloseable {
    /** A description for people to read: instruction set or device, and threads. */
    String description();

    /**
     * Whether calls may lend memory of the device {@code place}; by default, they may not. Memory of the host can always be lent.
     */
    default boolean reaches(Device place) {
        return false;
    }

    /** What the layer offers beyond this interface; see {@link org.qlif.SpikeLinear#extension}. */
    default <T> Optional<T> extension(Class<T> type) {
        return Optional.empty();
    }

    /** Writes the output of {@code call}, which is not null. */
    void forward(LinearForward call);

    /** Writes the gradients that {@code call} requests. */
    void backward(LinearBackward call);

    /** Releases what the layer holds. */
    @Override
    void close();
}
