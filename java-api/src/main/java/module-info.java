// SPDX-License-Identifier: Apache-2.0
/**
 * The public API of QLIF: configurations, tensors, states, and kernels that run on a device.
 *
 * <p>This module knows no backend. A backend is another module that provides {@link org.qlif.spi.Backend}.
 */
// The modules that spi.host is for are compiled after this one.
@SuppressWarnings("module")
module org.qlif {
    requires static transitive org.jspecify;
    // To read the JVM's flags where it is there.
    requires static jdk.management;

    exports org.qlif;
    exports org.qlif.io;
    exports org.qlif.spi;
    exports org.qlif.spi.checkpoint to
            org.qlif.djl,
            org.qlif.network;
    exports org.qlif.spi.host to
            org.qlif.scalar,
            org.qlif.simd,
            org.qlif.gpu,
            org.qlif.network,
            org.qlif.djl,
            org.qlif.simulation;

    uses org.qlif.spi.Backend;
}
