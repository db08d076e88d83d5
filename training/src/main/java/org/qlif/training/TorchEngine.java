package org.qlif.training;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.jni.JniUtils;

/** DJL's PyTorch engine, from the jars alone: nothing is downloaded, nobody is told. */
final class TorchEngine {
    private static final String NAME = "PyTorch";

    private TorchEngine() {}

    /** A manager of CPU memory, to be closed by the caller; the engine uses {@code threads} threads from now on. */
    static synchronized NDManager open(int threads) {
        // Read when the engine's classes load, so they come first. A value that the user gave stays.
        setDefault("ai.djl.offline", "true");
        setDefault("OPT_OUT_TRACKING", "true");
        setDefault("ai.djl.pytorch.num_interop_threads", "1");
        Engine engine = Engine.getEngine(NAME);
        JniUtils.setNumThreads(threads);
        return engine.newBaseManager(Device.cpu());
    }

    static String description() {
        return "PyTorch " + Engine.getEngine(NAME).getVersion() + " through DJL " + Engine.getDjlVersion();
    }

    private static void setDefault(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }
}
