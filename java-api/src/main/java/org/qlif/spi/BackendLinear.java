// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi;

import java.util.Optional;
import org.qlif.Device;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;

/**
 * A linear layer as a backend implements it. {@link org.qlif.SpikeLinear} stands before it: arguments have been checked, calls come one
 * at a time, and none after {@link #close()}.
 */
public interface BackendLinear extends AutoCloseable {
    /** What runs, for people: instruction set or device, and threads. */
    String description();

    /**
     * Whether calls may lend memory of the device {@code place}; memory of the host can always be lent. Unless a backend says
     * otherwise, there is no such device.
     */
    default boolean reaches(Device place) {
        return false;
    }

    /** What the layer offers beyond this interface; see {@link org.qlif.SpikeLinear#extension}. */
    default <T> Optional<T> extension(Class<T> type) {
        return Optional.empty();
    }

    /** Writes the output of {@code call}, which is there. */
    void forward(LinearForward call);

    /** Writes the gradients that {@code call} asks for. */
    void backward(LinearBackward call);

    /** Releases what the layer holds. */
    @Override
    void close();
}
