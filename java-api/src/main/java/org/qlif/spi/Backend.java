// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi;

import java.util.List;
import java.util.Optional;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;

/**
 * A provider of devices, found with {@link java.util.ServiceLoader}. Its constructor must not fail if its devices can't run: {@link
 * #devices()} reports that instead.
 */
public interface Backend {
    /**
     * Whether {@code asked}, a name or {@code auto}, can mean a device of this backend. If not, {@link #devices()} is not called, so that
     * asking for a CPU doesn't start a GPU's driver.
     */
    default boolean concerns(Device asked) {
        return true;
    }

    /**
     * Throws if a setting that affects {@code asked}, such as a system property, has an unknown value, so that a misspelt setting never
     * changes a choice silently. Called if this backend {@link #concerns} the device. {@link #devices()} doesn't throw for it, but reports
     * an obstacle.
     *
     * @throws IllegalArgumentException naming the setting, its value and what was expected
     */
    default void requireKnownSettings(Device asked) {}

    /**
     * All devices of this backend, whether they can run or not, each with a priority, and with the reasons if it can't run or is slow here.
     * An exception becomes such a reason.
     */
    List<DeviceInfo> devices();

    /**
     * Why there is no {@code device}, a name that devices of this backend can have but that is not among {@link #devices()}; empty for
     * other names.
     */
    default Optional<String> absence(Device device) {
        return Optional.empty();
    }

    /**
     * Why {@code device}, one of {@link #devices()} that can run, can't run {@code config} with {@code options}, one sentence each; empty,
     * the default, if it can. If not, the automatic choice passes over the device. An exception becomes such a reason.
     */
    default List<String> obstacles(NeuronConfig config, KernelOptions options, Device device) {
        return List.of();
    }

    /**
     * Identifies the code that runs {@code config}, if it is compiled only while it runs, and slow until then: kernels with equal values
     * share the code. Empty, the default, if the first call is not much slower than others. The automatic choice lets another device run
     * the first calls, if there is one.
     */
    default Optional<Object> compiledWhileRunning(NeuronConfig config) {
        return Optional.empty();
    }

    /**
     * A kernel for {@code config} on {@code device}, which is one of {@link #devices()}, can run, and has no {@link #obstacles} to this
     * configuration.
     *
     * @throws org.qlif.NativeException if the device fails
     */
    BackendKernel open(NeuronConfig config, Device device, KernelOptions options);

    /**
     * Why {@code device}, one of {@link #devices()} that can run, has no linear layer driven by spikes with {@code options}, one sentence
     * each; empty if it has one, and its kernels take such a layer instead of an input ({@link BackendKernel#takesLinear}). By default, it
     * has none. The automatic choice then passes over the device. An exception becomes such a reason.
     */
    default List<String> linearObstacles(KernelOptions options, Device device) {
        return List.of("it has no linear layer driven by spikes; take a device of the CPU");
    }

    /**
     * A linear layer on {@code device}, which is one of {@link #devices()}, can run, and has no {@link #linearObstacles}.
     *
     * @throws org.qlif.NativeException if the device fails
     */
    default BackendLinear openLinear(Device device, KernelOptions options) {
        throw new UnsupportedOperationException(device + " has no linear layer driven by spikes");
    }
}
