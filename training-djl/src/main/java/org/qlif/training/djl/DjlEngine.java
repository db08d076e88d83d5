package org.qlif.training.djl;

import java.io.IOException;
import org.qlif.training.TrainingEngine;
import org.qlif.training.TrainingRun;
import org.qlif.training.TrainingTask;

/** DJL's PyTorch engine, on the CPU. */
public final class DjlEngine implements TrainingEngine {
    /** For the service loader. */
    public DjlEngine() {}

    @Override
    public Name name() {
        return Name.DJL;
    }

    @Override
    public TrainingRun open(TrainingTask task) throws IOException {
        DjlRun.requireAddressable(task);
        TorchEngine.load();
        return new DjlRun(task);
    }
}
