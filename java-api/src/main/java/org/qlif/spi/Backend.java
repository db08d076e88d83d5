// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi;

import java.util.List;
import java.util.Optional;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;

/**
 * A provider of devices, found with {@link java.util.ServiceLoader}. Its constructor must not fail where its device can't run:
 * {@link #devices()} says so instead.
 */
public interface Backend {
    /**
     * Whether {@code asked}, a name or {@code auto}, can mean a device of this backend. If not, it is not asked for its devices, so
     * that who names a CPU starts no GPU's driver.
     */
    default boolean concerns(Device asked) {
        return true;
    }

    /**
     * Refuses settings, such as system properties, whose value this backend doesn't know, if they decide about {@code asked}, a
     * device that it {@link #concerns}. A misspelt setting so never changes a choice in silence. {@link #devices()} doesn't throw
     * for it, but names it as an obstacle.
     *
     * @throws IllegalArgumentException naming the setting, its value and what was expected
     */
    default void requireKnownSettings(Device asked) {}

    /**
     * Every device this backend could offer, runnable or not, each with a priority, the reasons if it can't run, and those for which
     * it is slow here. What it throws becomes such a reason.
     */
    List<DeviceInfo> devices();

    /**
     * Why {@code device}, a name that is not among {@link #devices()} though this backend's devices are named like that, is not
     * there; empty for names that this backend never gives.
     */
    default Optional<String> absence(Device device) {
        return Optional.empty();
    }

    /**
     * Why {@code device}, one of {@link #devices()} that can run, can't run {@code config} with {@code options}, one sentence each; empty if
     * it can, as unless a backend says otherwise. The automatic choice then passes over the device. What this throws becomes such a reason.
     */
    default List<String> obstacles(NeuronConfig config, KernelOptions options, Device device) {
        return List.of();
    }

    /**
     * What the code depends on that runs {@code config}, if it is compiled only while it runs and slow until then: kernels whose values are
     * equal share it. Empty, as unless a backend says otherwise, if the first call is not much slower than others. The automatic choice
     * lets another device do the first calls where there is one.
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
     * each; empty if it has, and its kernels take such a layer in place of an input, too ({@link BackendKernel#takesLinear}). Unless a
     * backend says otherwise, it has none. The automatic choice then passes over the device. What this throws becomes such a reason.
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
