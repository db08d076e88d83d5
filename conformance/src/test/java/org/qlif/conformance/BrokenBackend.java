// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.List;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;
import org.qlif.spi.Backend;
import org.qlif.spi.BackendKernel;

/** Fails when it is asked what it offers, as {@code -Dqlif.test.failure} says. Only forked JVMs register it. */
public final class BrokenBackend implements Backend {
    /** For {@link java.util.ServiceLoader}. */
    public BrokenBackend() {
        if (System.getProperty("qlif.test.failure").equals("constructor")) {
            throw new IllegalStateException("no constructor\nof a second line");
        }
    }

    @Override
    public List<DeviceInfo> devices() {
        switch (System.getProperty("qlif.test.failure")) {
            case "error" -> throw new NoClassDefFoundError("no/such/Class");
            case "null" -> {
                return null;
            }
            default -> throw new IllegalArgumentException("of two\nlines \u001b[31m");
        }
    }

    @Override
    public BackendKernel open(NeuronConfig config, Device device, KernelOptions options) {
        throw new AssertionError("opened a device that nobody offered");
    }
}
