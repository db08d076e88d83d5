// SPDX-License-Identifier: Apache-2.0
import org.qlif.scalar.ScalarBackend;
import org.qlif.spi.Backend;

/** The plain scalar CPU backend, device {@code cpu:scalar}: the equations of docs/model.md, one neuron at a time. */
module org.qlif.scalar {
    requires org.qlif;

    exports org.qlif.scalar to
            org.qlif;

    provides Backend with
            ScalarBackend;
}
