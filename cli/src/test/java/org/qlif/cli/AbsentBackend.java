// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.util.List;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;
import org.qlif.spi.Backend;
import org.qlif.spi.BackendKernel;

/** Offers a device that can't run on any machine, and one that is slow on all: none that an automatic choice would take. */
public final class AbsentBackend implements Backend {
    static final String OBSTACLE = "no such accelerator was ever built; find another";
    static final String CAUTION = "this one is made of brass; find another";

    @Override
    public List<DeviceInfo> devices() {
        return List.of(
                DeviceInfo.builder(Device.of("absent:test"), -1)
                        .obstacles(List.of(OBSTACLE))
                        .build(),
                DeviceInfo.builder(Device.of("slow:test"), 100)
                        .description("brass")
                        .cautions(List.of(CAUTION))
                        .build());
    }

    @Override
    public BackendKernel open(NeuronConfig config, Device device, KernelOptions options) {
        throw new AssertionError("opened a device that can't run");
    }
}
