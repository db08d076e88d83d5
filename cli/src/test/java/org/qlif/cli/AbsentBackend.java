package org.qlif.cli;

import java.util.List;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;
import org.qlif.spi.Backend;
import org.qlif.spi.BackendKernel;

/** Offers a device that can't run on any machine, and that no automatic choice would take. */
public final class AbsentBackend implements Backend {
    static final String OBSTACLE = "no such accelerator was ever built; find another";

    @Override
    public List<DeviceInfo> devices() {
        return List.of(new DeviceInfo(Device.of("absent:test"), "", Integer.MIN_VALUE, List.of(OBSTACLE)));
    }

    @Override
    public BackendKernel open(NeuronConfig config, Device device, KernelOptions options) {
        throw new AssertionError("opened a device that can't run");
    }
}
