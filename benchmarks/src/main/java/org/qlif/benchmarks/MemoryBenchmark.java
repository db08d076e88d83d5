// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import org.openjdk.jmh.annotations.Param;
import org.qlif.QlifConfig;

/**
 * Where does memory matter? Java arrays, aligned and unaligned off-heap memory, for a run whose 0.6 MB of input and spikes stay
 * in a core's cache, and for one whose 65 MB do not.
 */
public class MemoryBenchmark extends KernelBenchmark {
    /** Where the tensors lie. */
    @Param
    public Storage storage;

    /** The device. */
    @Param("cpu:simd")
    public String device;

    /** T, B and N. */
    @Param({"100x1x1280", "100x32x4096"})
    public String shape;

    /** The pass of a call. */
    @Param({"FORWARD", "TRAIN"})
    public Pass pass;

    /** The kernel's threads. */
    @Param("1")
    public int threads;

    @Override
    KernelRun prepare() {
        return new KernelRun(device, threads, Workload.busy(QlifConfig.defaults(), Shape.parse(shape)), pass, storage);
    }
}
