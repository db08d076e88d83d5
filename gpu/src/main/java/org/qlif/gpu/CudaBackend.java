// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
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

/**
 * Offers the devices {@code cuda:0} and up, one for each GPU. If no GPU can run, {@code cuda:0} is still there, with the reason. The system
 * property {@code qlif.cuda} is {@code auto}, the default, or {@code off}, which turns GPUs off.
 */
public final class CudaBackend implements Backend {
    private static final String PROPERTY = "qlif.cuda";
    private static final String CUDA = "cuda";

    /** Above every CPU. */
    private static final int PRIORITY = 30;

    /** For {@link java.util.ServiceLoader}. */
    public CudaBackend() {}

    /** The name of the GPU of this number. */
    static Device cuda(int ordinal) {
        return Device.of(CUDA + ":" + ordinal);
    }

    @Override
    public boolean concerns(Device asked) {
        return asked.equals(Device.AUTO) || asked.kind().equals(CUDA);
    }

    @Override
    public void requireKnownSettings(Device asked) {
        Optional<String> refusal = refusal();
        if (refusal.isPresent()) {
            throw new IllegalArgumentException(refusal.get());
        }
    }

    private static Optional<String> refusal() {
        String setting = System.getProperty(PROPERTY, "auto");
        return setting.equals("auto") || setting.equals("off")
                ? Optional.empty()
                : Optional.of("system property " + PROPERTY + ": got '" + setting + "', expected 'auto' or 'off'");
    }

    @Override
    public List<DeviceInfo> devices() {
        return gpus();
    }

    private static List<DeviceInfo> gpus() {
        Optional<String> refusal = refusal();
        if (refusal.isPresent()) {
            return List.of(absentGpu(List.of(refusal.get()), true));
        }
        if (System.getProperty(PROPERTY, "auto").equals("off")) {
            // Doesn't look for GPUs.
            return List.of(absentGpu(List.of("turned off by -D" + PROPERTY + "=off; drop that to use it"), false));
        }
        try {
            return lookForGpus();
        } catch (RuntimeException | LinkageError failure) {
            return List.of(absentGpu(List.of("the GPUs can't be asked for: " + failure), true));
        }
    }

    private static DeviceInfo absentGpu(List<String> obstacles, boolean present) {
        return DeviceInfo.builder(cuda(0), PRIORITY)
                .obstacles(obstacles)
                .present(present)
                .build();
    }

    private static List<DeviceInfo> lookForGpus() {
        Driver driver = Driver.get();
        String noDriver = driver.obstacle();
        if (noDriver != null) {
            // No GPU can run. Other obstacles are looked for only on request: that takes long, since it loads the
            // library.
            return List.of(DeviceInfo.builder(cuda(0), PRIORITY)
                    .obstacles(List.of(noDriver))
                    .present(driver.gpuPresent())
                    .obstacles(CudaBackend::withoutDriver)
                    .build());
        }
        List<String> obstacles = new ArrayList<>();
        String library = NativeLibrary.get().obstacle();
        if (library != null) {
            obstacles.add(library);
        }
        int count = library == null ? count(obstacles, false) : 0;
        if (!obstacles.isEmpty()) {
            return List.of(absentGpu(obstacles, driver.gpuPresent()));
        }
        List<DeviceInfo> devices = new ArrayList<>();
        for (int ordinal = 0; ordinal < count; ordinal++) {
            devices.add(gpu(ordinal));
        }
        return devices;
    }

    private static List<String> withoutDriver() {
        List<String> obstacles = new ArrayList<>();
        String library = NativeLibrary.get().obstacle();
        if (library != null) {
            obstacles.add(library);
        }
        obstacles.add(Driver.get().obstacle());
        if (library == null) {
            count(obstacles, true);
        }
        return obstacles;
    }

    /** The number of GPUs that the library finds. If there are none, adds an obstacle, unless that only repeats that there is no driver. */
    private static int count(List<String> obstacles, boolean noDriver) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment count = arena.allocate(qlif_h.C_INT);
            int status = qlif_h.qlif_device_count(count);
            if (status != qlif_h.QLIF_SUCCESS()) {
                if (!noDriver || qlif_h.qlif_last_cuda_error() == 0) {
                    obstacles.add(Status.lastError());
                }
                return 0;
            }
            if (count.get(qlif_h.C_INT, 0) == 0) {
                obstacles.add("NVIDIA's driver knows no GPU");
            }
            return count.get(qlif_h.C_INT, 0);
        }
    }

    private static DeviceInfo gpu(int ordinal) {
        DeviceInfo.Builder info = DeviceInfo.builder(cuda(ordinal), PRIORITY);
        try {
            NativeDevice.describe(ordinal).tell(info);
        } catch (DeviceUnavailableException | NativeException reason) {
            info.obstacles(List.of(reason.getMessage()));
        }
        return info.build();
    }

    @Override
    public Optional<String> absence(Device device) {
        if (!device.text().matches(CUDA + ":\\d+")) {
            return Optional.empty();
        }
        List<DeviceInfo> gpus = gpus();
        DeviceInfo first = gpus.getFirst();
        if (!first.obstacles().isEmpty() && gpus.size() == 1) {
            return Optional.of(String.join("; ", first.obstacles()));
        }
        return Optional.of("the machine has " + gpus.size() + (gpus.size() == 1 ? " GPU, " : " GPUs, up to ")
                + gpus.getLast().device());
    }

    @Override
    public List<String> obstacles(NeuronConfig config, KernelOptions options, Device device) {
        return NativeConfig.obstacles(config);
    }

    @Override
    public BackendKernel open(NeuronConfig config, Device device, KernelOptions options) {
        return NativeKernel.open(config, options, new CudaSite(device, ordinal(device)));
    }

    @Override
    public List<String> linearObstacles(KernelOptions options, Device device) {
        return List.of();
    }

    @Override
    public BackendLinear openLinear(Device device, KernelOptions options) {
        return NativeLinear.open(options, new CudaSite(device, ordinal(device)));
    }

    private static int ordinal(Device device) {
        return Integer.parseInt(device.text().substring(CUDA.length() + 1));
    }
}
