// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.IOException;

/** An engine that can train the network of the smoke test. Engines in other modules are found by {@link java.util.ServiceLoader}. */
public interface TrainingEngine {
    /** The known engines. */
    enum Name {
        /** This project's own, on the JDK alone: {@code org.qlif.network}. */
        QLIF("qlif"),
        /** DJL with PyTorch, of the module {@code training-djl}. */
        DJL("djl");

        private final String text;

        Name(String text) {
            this.text = text;
        }

        /** The name in options. */
        @Override
        public String toString() {
            return text;
        }
    }

    /** Which one this is. */
    Name name();

    /**
     * Makes a network, ready to train.
     *
     * @throws IOException if the engine can't be loaded
     * @throws OptionException if the network is too large for it
     * @throws IllegalArgumentException if the device is unknown, or can't run the network
     * @throws org.qlif.DeviceUnavailableException if the device can't run here
     */
    TrainingRun open(TrainingTask task) throws IOException;
}
