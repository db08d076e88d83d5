// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/**
 * A native library or a device failed in a call that was right as far as could be checked beforehand: memory ran out, the device
 * broke down. Where a device can't run at all, {@link DeviceUnavailableException} says so instead.
 *
 * <p>What a failed call would have written is undefined; what can be done next depends on the {@link #kind()}.
 *
 * <pre>{@code
 * try {
 *     kernel.forward(forward);
 * } catch (NativeException failure) {
 *     if (failure.kind() != NativeException.Kind.OUT_OF_MEMORY) {
 *         throw failure;
 *     }
 *     // Run the rows in two calls, by half the memory.
 * }
 * }</pre>
 */
public final class NativeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What failed, and what can still be done. */
    public enum Kind {
        /** Host or device memory ran out; nothing leaked, and the next call works. */
        OUT_OF_MEMORY,
        /** The device stopped at an error that it can't leave: all further calls on it fail until the process ends. */
        DEVICE_FAULT,
        /** Any other error that CUDA reported. */
        CUDA,
        /** The library refused an argument that Java had let pass, which is a mistake in one of them; nothing was written. */
        INVALID_ARGUMENT,
        /** Another thread was in a call on the same object; nothing was done. */
        BUSY,
        /** Any other failure, such as that no further thread could be started. */
        INTERNAL
    }

    private final Kind kind;
    private final int status;
    private final int cudaError;

    /**
     * For backends.
     *
     * @param kind what failed
     * @param status what the native function returned
     * @param cudaError CUDA's own code, 0 if it did not come from CUDA
     * @param message which call failed, and the device's own words
     */
    public NativeException(Kind kind, int status, int cudaError, String message) {
        super(message);
        this.kind = kind;
        this.status = status;
        this.cudaError = cudaError;
    }

    /** What failed. */
    public Kind kind() {
        return kind;
    }

    /** What the native function returned. */
    public int status() {
        return status;
    }

    /** CUDA's own code, such as 2 for CUDA_ERROR_OUT_OF_MEMORY; 0 if the failure did not come from CUDA. */
    public int cudaError() {
        return cudaError;
    }
}
