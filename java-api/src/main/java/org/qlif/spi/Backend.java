package org.qlif.spi;

import java.util.List;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;

/**
 * A provider of devices, found with {@link java.util.ServiceLoader}. Its constructor must not fail where its device can't run:
 * {@link #devices()} says so instead.
 */
public interface Backend {
    /** Every device this backend could offer, runnable or not, each with a priority and the reasons if it can't run. */
    List<DeviceInfo> devices();

    /**
     * A kernel for {@code config} on {@code device}, which is one of {@link #devices()} and can run.
     *
     * @throws IllegalArgumentException if the backend can't run this configuration
     */
    BackendKernel open(NeuronConfig config, Device device, KernelOptions options);
}
