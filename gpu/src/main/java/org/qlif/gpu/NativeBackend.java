// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.util.ArrayList;
import java.util.List;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.DeviceUnavailableException;
import org.qlif.KernelOptions;
import org.qlif.NativeException;
import org.qlif.NeuronConfig;
import org.qlif.gpu.ffi.qlif.qlif_h;
import org.qlif.spi.Backend;
import org.qlif.spi.BackendKernel;
import org.qlif.spi.BackendLinear;

/** Offers the device {@code cpu:native}: the native library on the CPU. */
public final class NativeBackend implements Backend {
    private static final Device DEVICE = Device.of("cpu:native");

    /** Below the Vector API, which needs no native code, and above plain Java. */
    private static final int PRIORITY = 15;

    /** For {@link java.util.ServiceLoader}. */
    public NativeBackend() {}

    @Override
    public boolean concerns(Device asked) {
        return asked.equals(Device.AUTO) || asked.equals(DEVICE) || asked.text().equals(DEVICE.kind());
    }

    @Override
    public List<DeviceInfo> devices() {
        return List.of(DeviceInfo.builder(DEVICE, PRIORITY)
                .obstacles(NativeBackend::search)
                .more(NativeBackend::describe)
                .build());
    }

    private static List<String> search() {
        String obstacle = NativeLibrary.get().obstacle();
        if (obstacle == null) {
            try {
                NativeDevice.describe(qlif_h.QLIF_HOST());
            } catch (DeviceUnavailableException | NativeException reason) {
                obstacle = reason.getMessage();
            } catch (RuntimeException | LinkageError failure) {
                obstacle = "the native library can't be asked: " + failure;
            }
        }
        return obstacle == null ? List.of() : List.of(obstacle);
    }

    private static void describe(DeviceInfo.Builder info) {
        if (search().isEmpty()) {
            NativeDevice.describe(qlif_h.QLIF_HOST()).tell(info);
        }
    }

    @Override
    public List<String> obstacles(NeuronConfig config, KernelOptions options, Device device) {
        List<String> obstacles = new ArrayList<>(NativeConfig.obstacles(config));
        obstacles.addAll(linearObstacles(options, device));
        return obstacles;
    }

    @Override
    public BackendKernel open(NeuronConfig config, Device device, KernelOptions options) {
        return NativeKernel.open(config, options, new HostSite());
    }

    @Override
    public List<String> linearObstacles(KernelOptions options, Device device) {
        return options.threadFactory().isEmpty()
                ? List.of()
                : List.of("threadFactory: got one, expected none, since this device makes its threads itself");
    }

    @Override
    public BackendLinear openLinear(Device device, KernelOptions options) {
        return NativeLinear.open(options, new HostSite());
    }
}
