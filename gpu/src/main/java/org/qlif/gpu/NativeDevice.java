package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import org.qlif.gpu.ffi.qlif.qlif_device_info;
import org.qlif.gpu.ffi.qlif.qlif_h;

/**
 * What the library says of a device.
 *
 * @param name its own name
 * @param computeCapability such as 9.0
 * @param multiprocessors of a GPU; hardware threads of the host
 * @param driverVersion the newest CUDA version that the driver knows, such as 13.0
 * @param memoryBytes the size of its memory
 */
record NativeDevice(
        String name, String computeCapability, int multiprocessors, String driverVersion, long memoryBytes) {
    /**
     * What the device of this number is.
     *
     * @throws org.qlif.DeviceUnavailableException if it can't run here
     */
    static NativeDevice describe(int number) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = NativeLibrary.newDeviceInfo(arena);
            Status.check(qlif_h.qlif_device_describe(number, info), "qlif_device_describe");
            int driver = qlif_device_info.driver_version(info);
            return new NativeDevice(
                    qlif_device_info.name(info).getString(0),
                    qlif_device_info.compute_major(info) + "." + qlif_device_info.compute_minor(info),
                    qlif_device_info.multiprocessors(info),
                    driver / 1000 + "." + driver % 1000 / 10,
                    qlif_device_info.memory_bytes(info));
        }
    }

    /** The description of a GPU, for people. */
    String describeGpu() {
        return String.format(
                Locale.ROOT,
                "%s, compute capability %s, %d multiprocessors, %.1f GiB, CUDA %s driver",
                name,
                computeCapability,
                multiprocessors,
                memoryBytes / (double) (1L << 30),
                driverVersion);
    }
}
