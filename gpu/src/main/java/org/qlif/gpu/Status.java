// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.util.function.IntSupplier;
import org.qlif.DeviceUnavailableException;
import org.qlif.NativeException;
import org.qlif.NativeException.Kind;
import org.qlif.gpu.ffi.qlif.qlif_h;

/** Turns what the library's functions return into exceptions. */
final class Status {
    private Status() {}

    /** Throws if {@code status}, just returned by {@code function} on this thread, is not success. */
    static void check(int status, String function) {
        if (status != qlif_h.QLIF_SUCCESS()) {
            throw failure(status, function);
        }
    }

    /**
     * Closes an object of the library. Retries as long as another thread is in a call on it, since the object would otherwise never be
     * freed. Throws if closing reports a failure; the object is gone in any case.
     */
    static void close(String function, IntSupplier close) {
        boolean interrupted = false;
        int status = close.getAsInt();
        while (status == qlif_h.QLIF_BUSY()) {
            try {
                Thread.sleep(1);
            } catch (InterruptedException later) {
                interrupted = true;
            }
            status = close.getAsInt();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        check(status, function);
    }

    /** The exception for a status that is not success, with the library's text. Call it immediately, on the same thread. */
    static RuntimeException failure(int status, String function) {
        int cuda = qlif_h.qlif_last_cuda_error();
        String message = function + ": " + lastError();
        if (status == qlif_h.QLIF_UNAVAILABLE()) {
            return new DeviceUnavailableException(message);
        }
        return new NativeException(kind(status), status, cuda, message);
    }

    /** The text of this thread's last failure. */
    static String lastError() {
        return NativeLibrary.text(qlif_h.qlif_last_error());
    }

    private static Kind kind(int status) {
        if (status == qlif_h.QLIF_INVALID_ARGUMENT()) {
            return Kind.INVALID_ARGUMENT;
        } else if (status == qlif_h.QLIF_OUT_OF_MEMORY()) {
            return Kind.OUT_OF_MEMORY;
        } else if (status == qlif_h.QLIF_DEVICE_FAULT()) {
            return Kind.DEVICE_FAULT;
        } else if (status == qlif_h.QLIF_CUDA_ERROR()) {
            return Kind.CUDA;
        } else if (status == qlif_h.QLIF_BUSY()) {
            return Kind.BUSY;
        }
        return Kind.INTERNAL;
    }
}
