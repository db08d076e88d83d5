// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.spi.Backend;
import org.qlif.spi.BackendKernel;
import org.qlif.spi.BackendLinear;
import org.qlif.spi.host.HostJvm;

/**
 * Offers the device {@code cpu:simd}. The device can't run if the incubator module {@code jdk.incubator.vector} is not resolved, so nothing
 * here may use the Vector API before checking for it. The system property {@code qlif.simd} is {@code auto}, the default, or {@code off},
 * which turns the device off.
 */
public final class SimdBackend implements Backend {
    private static final Device DEVICE = Device.of("cpu:simd");
    private static final String PROPERTY = "qlif.simd";
    private static final String MODULE = "jdk.incubator.vector";

    private static final int PRIORITY = 20;

    /** The priority if this backend is slow: below the scalar backend's, which suffers less from the same causes. */
    private static final int SLOW_PRIORITY = 9;

    /** For {@link java.util.ServiceLoader}. */
    public SimdBackend() {}

    @Override
    public boolean concerns(Device asked) {
        return asked.equals(Device.AUTO) || asked.equals(DEVICE) || asked.text().equals(DEVICE.kind());
    }

    @Override
    public void requireKnownSettings(Device asked) {
        String refusal = refusal();
        if (refusal != null) {
            throw new IllegalArgumentException(refusal);
        }
    }

    /** Why the setting is none; null if it is one. */
    private static String refusal() {
        String setting = System.getProperty(PROPERTY, "auto");
        return setting.equals("auto") || setting.equals("off")
                ? null
                : "system property " + PROPERTY + ": got '" + setting + "', expected 'auto' or 'off'";
    }

    @Override
    public List<DeviceInfo> devices() {
        List<String> obstacles = new ArrayList<>();
        String refusal = refusal();
        if (refusal != null) {
            obstacles.add(refusal);
        }
        if (System.getProperty(PROPERTY, "auto").equals("off")) {
            obstacles.add("turned off by -D" + PROPERTY + "=off; drop that to use it");
        }
        if (ModuleLayer.boot().findModule(MODULE).isEmpty()) {
            obstacles.add("the Vector API is not there; start Java with --add-modules " + MODULE);
        }
        if (!obstacles.isEmpty()) {
            return List.of(
                    DeviceInfo.builder(DEVICE, PRIORITY).obstacles(obstacles).build());
        }
        List<String> cautions = VectorCompilation.cautions();
        return List.of(DeviceInfo.builder(DEVICE, cautions.isEmpty() ? PRIORITY : SLOW_PRIORITY)
                .cautions(cautions)
                .more(SimdBackend::describe)
                .build());
    }

    private static void describe(DeviceInfo.Builder info) {
        info.description(VectorWidth.describe())
                .vectorBits(VectorWidth.BITS)
                .threads(Runtime.getRuntime().availableProcessors())
                .memoryBytes(HostJvm.memoryBytes());
    }

    @Override
    public Optional<Object> compiledWhileRunning(NeuronConfig config) {
        return Optional.of(
                switch (config) {
                    case QlifConfig qlif -> new Specialisation(QlifProgram.class, QlifStructure.of(qlif), Mode.RUN);
                    case LifConfig lif -> new Specialisation(LifProgram.class, LifStructure.of(lif), Mode.RUN);
                });
    }

    @Override
    public BackendKernel open(NeuronConfig config, Device device, KernelOptions options) {
        SimdModel model = switch (config) {
            case QlifConfig qlif -> new QlifModel(qlif);
            case LifConfig lif -> new LifModel(lif);
        };
        return new SimdKernel(model, options);
    }

    @Override
    public List<String> linearObstacles(KernelOptions options, Device device) {
        return List.of();
    }

    @Override
    public BackendLinear openLinear(Device device, KernelOptions options) {
        return new SimdLinear(options);
    }
}
