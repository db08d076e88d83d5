package org.qlif.simd;

import java.util.ArrayList;
import java.util.List;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.spi.Backend;
import org.qlif.spi.BackendKernel;

/**
 * Offers the device {@code cpu:simd}. It can't run where the incubator module {@code jdk.incubator.vector} is not resolved, so
 * nothing here may touch the Vector API before that is known. The system property {@code qlif.simd} turns it off ({@code off})
 * or leaves it to the JVM ({@code auto}).
 */
public final class SimdBackend implements Backend {
    private static final Device DEVICE = Device.of("cpu:simd");
    private static final String PROPERTY = "qlif.simd";
    private static final String MODULE = "jdk.incubator.vector";

    /** For {@link java.util.ServiceLoader}. */
    public SimdBackend() {}

    @Override
    public List<DeviceInfo> devices() {
        List<String> obstacles = new ArrayList<>();
        String setting = System.getProperty(PROPERTY, "auto");
        switch (setting) {
            case "auto" -> {}
            case "off" -> obstacles.add("turned off by -D" + PROPERTY + "=off; drop that to use it");
            default ->
                throw new IllegalArgumentException(
                        "system property " + PROPERTY + ": got '" + setting + "', expected 'auto' or 'off'");
        }
        if (ModuleLayer.boot().findModule(MODULE).isEmpty()) {
            obstacles.add("the Vector API is not there; start Java with --add-modules " + MODULE);
        }
        String description = "";
        if (obstacles.isEmpty()) {
            description = Lanes.describe();
        }
        return List.of(new DeviceInfo(DEVICE, description, 20, obstacles));
    }

    @Override
    public BackendKernel open(NeuronConfig config, Device device, KernelOptions options) {
        return switch (config) {
            case QlifConfig qlif -> new SimdKernel(qlif, options.threads());
        };
    }
}
