// SPDX-License-Identifier: Apache-2.0
import org.qlif.simd.SimdBackend;
import org.qlif.spi.Backend;

/** The Vector API backend for the CPU, device {@code cpu:simd}: fused over time, multi-threaded, specialized for a configuration. */
module org.qlif.simd {
    requires jdk.incubator.vector;
    requires org.qlif;

    exports org.qlif.simd to
            org.qlif;

    provides Backend with
            SimdBackend;
}
