// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.jni.JniUtils;

/** The engine that the tests run on. */
final class Engines {
    private Engines() {}

    /** A manager of its own, to be closed by the caller. */
    static NDManager manager() {
        Engine engine = Engine.getEngine("PyTorch");
        // A thread that did not load the engine records until it is told not to.
        JniUtils.setGradMode(false);
        return engine.newBaseManager(Device.cpu());
    }
}
