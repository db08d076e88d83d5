// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

import java.util.List;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.spi.Backend;
import org.qlif.spi.BackendKernel;
import org.qlif.spi.BackendLinear;
import org.qlif.spi.host.HostJvm;

/** Offers the device {@code cpu:scalar}, which runs wherever Java 25 runs. */
public final class ScalarBackend implements Backend {
    private static final Device DEVICE = Device.of("cpu:scalar");

    /** Below devices that use vectors. */
    private static final int PRIORITY = 10;

    /** For {@link java.util.ServiceLoader}. */
    public ScalarBackend() {}

    @Override
    public boolean concerns(Device asked) {
        return asked.equals(Device.AUTO) || asked.equals(DEVICE) || asked.text().equals(DEVICE.kind());
    }

    @Override
    public List<DeviceInfo> devices() {
        return List.of(DeviceInfo.builder(DEVICE, PRIORITY)
                .cautions(HostJvm.cautions())
                .more(ScalarBackend::describe)
                .build());
    }

    private static void describe(DeviceInfo.Builder info) {
        info.description("plain Java on " + System.getProperty("os.arch"))
                .threads(Runtime.getRuntime().availableProcessors())
                .memoryBytes(HostJvm.memoryBytes());
    }

    @Override
    public BackendKernel open(NeuronConfig config, Device device, KernelOptions options) {
        return switch (config) {
            case QlifConfig qlif -> new ScalarKernel<>(qlif, () -> new QlifNeuron(qlif), options);
            case LifConfig lif -> new ScalarKernel<>(lif, () -> new LifNeuron(lif), options);
        };
    }

    @Override
    public List<String> linearObstacles(KernelOptions options, Device device) {
        return List.of();
    }

    @Override
    public BackendLinear openLinear(Device device, KernelOptions options) {
        return new ScalarLinear();
    }
}
