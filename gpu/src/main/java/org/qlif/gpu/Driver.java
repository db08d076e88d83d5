// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.qlif.NativeException;
import org.qlif.NativeException.Kind;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * The part of CUDA's driver API that this module calls itself, for memory, streams, events and graphs. The driver is looked up on first
 * use; the bindings must not be touched without it.
 */
final class Driver {
    /** Files that exist if the operating system's kernel drives an NVIDIA GPU; the last one is that of WSL. */
    private static final List<Path> TRACES =
            List.of(Path.of("/proc/driver/nvidia/version"), Path.of("/dev/nvidiactl"), Path.of("/dev/dxg"));

    private static @Nullable Driver driver;

    private final @Nullable String obstacle;
    private final boolean gpuPresent;

    private Driver(@Nullable String obstacle, boolean gpuPresent) {
        this.obstacle = obstacle;
        this.gpuPresent = gpuPresent;
    }

    /** The driver, looked up by the first call. Never fails: see {@link #obstacle()}. */
    static synchronized Driver get() {
        if (driver == null) {
            driver = find();
        }
        return driver;
    }

    private static Driver find() {
        try {
            SymbolLookup.libraryLookup("libcuda.so.1", Arena.global());
        } catch (IllegalArgumentException absent) {
            boolean traces = TRACES.stream().anyMatch(Files::exists);
            return new Driver(
                    "no NVIDIA driver was found: there is no libcuda.so.1"
                            + (traces
                                    ? ", though the machine drives an NVIDIA GPU; start the container with access to it, or put the"
                                            + " driver's library on the library path"
                                    : "; install NVIDIA's driver if the machine has a GPU"),
                    traces);
        } catch (IllegalCallerException refused) {
            return new Driver(
                    "Java refuses native access: start it with --enable-native-access=org.qlif.gpu, or ALL-UNNAMED on the class path",
                    true);
        }
        int result = cuda_h.cuInit(0);
        if (result == cuda_h.CUDA_SUCCESS()) {
            return new Driver(null, true);
        }
        return new Driver("NVIDIA's driver does not start: " + text(result), result != cuda_h.CUDA_ERROR_NO_DEVICE());
    }

    /** Why there is no driver; null if there is one. */
    @Nullable
    String obstacle() {
        return obstacle;
    }

    /** Whether the machine seems to have an NVIDIA GPU. */
    boolean gpuPresent() {
        return gpuPresent;
    }

    /** Throws if {@code result}, returned by the driver's {@code function}, is an error. */
    static void check(int result, String function) {
        if (result != cuda_h.CUDA_SUCCESS()) {
            throw new NativeException(kind(result), result, result, function + ": " + text(result));
        }
    }

    private static Kind kind(int result) {
        if (result == cuda_h.CUDA_ERROR_OUT_OF_MEMORY()) {
            return Kind.OUT_OF_MEMORY;
        }
        return isFault(result) ? Kind.DEVICE_FAULT : Kind.CUDA;
    }

    /** The errors after which CUDA refuses all further work of the process. */
    private static boolean isFault(int result) {
        return result == cuda_h.CUDA_ERROR_ILLEGAL_ADDRESS()
                || result == cuda_h.CUDA_ERROR_LAUNCH_FAILED()
                || result == cuda_h.CUDA_ERROR_LAUNCH_TIMEOUT()
                || result == cuda_h.CUDA_ERROR_MISALIGNED_ADDRESS()
                || result == cuda_h.CUDA_ERROR_ILLEGAL_INSTRUCTION()
                || result == cuda_h.CUDA_ERROR_INVALID_ADDRESS_SPACE()
                || result == cuda_h.CUDA_ERROR_INVALID_PC()
                || result == cuda_h.CUDA_ERROR_HARDWARE_STACK_ERROR()
                || result == cuda_h.CUDA_ERROR_ASSERT()
                || result == cuda_h.CUDA_ERROR_ECC_UNCORRECTABLE()
                || result == cuda_h.CUDA_ERROR_NVLINK_UNCORRECTABLE()
                || result == cuda_h.CUDA_ERROR_CONTEXT_IS_DESTROYED()
                || result == cuda_h.CUDA_ERROR_CONTAINED()
                || result == cuda_h.CUDA_ERROR_TENSOR_MEMORY_LEAK()
                || result == cuda_h.CUDA_ERROR_MPS_CLIENT_TERMINATED()
                || result == cuda_h.CUDA_ERROR_EXTERNAL_DEVICE();
    }

    private static String text(int result) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(cuda_h.C_POINTER);
            if (cuda_h.cuGetErrorName(result, text) != cuda_h.CUDA_SUCCESS()) {
                return "CUDA error " + result;
            }
            String name = NativeLibrary.text(text.get(cuda_h.C_POINTER, 0));
            cuda_h.cuGetErrorString(result, text);
            return name + " (" + result + "), " + NativeLibrary.text(text.get(cuda_h.C_POINTER, 0));
        }
    }
}
