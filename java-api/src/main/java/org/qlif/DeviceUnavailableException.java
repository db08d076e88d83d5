// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/**
 * Thrown if a device that was asked for by name can't run here. The message says why, and what would help.
 *
 * <pre>{@code
 * try (Kernel kernel = Kernel.open(config, "cuda:0")) {
 *     kernel.forward(forward);
 * } catch (DeviceUnavailableException absent) {
 *     System.err.println(absent.getMessage());
 * }
 * }</pre>
 */
public final class DeviceUnavailableException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** For backends and this library. */
    public DeviceUnavailableException(String message) {
        super(message);
    }
}
