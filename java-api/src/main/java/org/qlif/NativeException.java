// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/**
 * Thrown if a native library or a device fails in a call whose arguments passed all checks: because memory ran out, or because the device
 * failed. If a device can't run at all, {@link DeviceUnavailableException} is thrown instead.
 *
 * <p>The outputs of a failed call are undefined. What can be done next depends on the {@link #kind()}.
 *
 * <pre>{@code
 * try {
 *     kernel.forward(forward);
 * } catch (NativeException failure) {
 *     if (failure.kind() != NativeException.Kind.OUT_OF_MEMORY) {
 *         throw failure;
 *     }
 *     // Run the rows in two calls, with half the memory each.
 * }
 * }</pre>
 */
public final class NativeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What failed, and what can still be done. */
    public enum Kind {
        /** Host or device memory ran out; nothing leaked, and the next call works. */
        OUT_OF_MEMORY,
        /** An error from which the device can't recover: all further calls on it fail until the process ends. */
        DEVICE_FAULT,
        /** Any other error that CUDA reported. */
        CUDA,
        /** The library refused an argument that had passed Java's checks, which is a bug in one of them; nothing was written. */
        INVALID_ARGUMENT,
        /** Another thread was in a call on the same object; nothing was done. */
        BUSY,
        /** Any other failure, such as a thread that could not be started. */
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
     * @param message which call failed, and the device's own message
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
