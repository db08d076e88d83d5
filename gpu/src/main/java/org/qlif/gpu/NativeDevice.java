// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;
import org.qlif.DeviceInfo;
import org.qlif.gpu.ffi.qlif.qlif_device_info;
import org.qlif.gpu.ffi.qlif.qlif_h;

/**
 * The library's description of a device.
 *
 * @param number the device's number in the library
 * @param name its name
 * @param computeCapability such as 9.0
 * @param multiprocessors the GPU's multiprocessors, or the host's hardware threads
 * @param driverVersion the newest CUDA version that the driver knows, such as 13.0
 * @param memoryBytes the size of its memory
 * @param vectorBits the vector width of the host's kernels, 0 if unknown
 */
record NativeDevice(
        int number,
        String name,
        String computeCapability,
        int multiprocessors,
        String driverVersion,
        long memoryBytes,
        int vectorBits) {
    /**
     * Describes the device of this number.
     *
     * @throws org.qlif.DeviceUnavailableException if it can't run here
     */
    static NativeDevice describe(int number) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = NativeLibrary.newDeviceInfo(arena);
            Status.check(qlif_h.qlif_device_describe(number, info), "qlif_device_describe");
            int driver = qlif_device_info.driver_version(info);
            return new NativeDevice(
                    number,
                    qlif_device_info.name(info).getString(0),
                    qlif_device_info.compute_major(info) + "." + qlif_device_info.compute_minor(info),
                    qlif_device_info.multiprocessors(info),
                    driver / 1000 + "." + driver % 1000 / 10,
                    qlif_device_info.memory_bytes(info),
                    qlif_device_info.vector_bits(info));
        }
    }

    /** Adds everything to {@code info}. */
    void tell(DeviceInfo.Builder info) {
        info.memoryBytes(OptionalLong.of(memoryBytes));
        if (isHost()) {
            info.description(name + ", C library " + NativeLibrary.get().version())
                    .threads(multiprocessors);
            if (vectorBits > 0) {
                info.vectorBits(vectorBits);
            }
        } else {
            info.description(name + ", " + multiprocessors + " multiprocessors")
                    .computeCapability(computeCapability)
                    .driverVersion(driverVersion);
        }
    }

    private boolean isHost() {
        return number == qlif_h.QLIF_HOST();
    }
}
