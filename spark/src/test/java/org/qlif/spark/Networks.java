// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import static org.assertj.core.api.Assertions.assertThat;

import org.qlif.QlifVariable;
import org.qlif.Tensor;
import org.qlif.network.Network;

/** Networks, compared. */
final class Networks {
    private Networks() {}

    /** All that a network has learned, and what training carries on, bit for bit. */
    static void assertSame(Network network, Network expected) {
        assertThat(network.names()).isEqualTo(expected.names());
        for (String name : expected.names()) {
            assertSame(name, network.get(name), expected.get(name));
        }
        assertThat(network.config(1)).isEqualTo(expected.config(1));
        if (expected.statistics(1) == null) {
            assertThat(network.statistics(1)).isNull();
            return;
        }
        for (QlifVariable variable : new QlifVariable[] {QlifVariable.RATE, QlifVariable.HOMEOSTASIS}) {
            assertSame(
                    variable.symbol(),
                    network.statistics(1).get(variable),
                    expected.statistics(1).get(variable));
        }
    }

    /** Says where they differ first, not what both are. */
    private static void assertSame(String name, Tensor values, Tensor expected) {
        assertThat(values.segment().mismatch(expected.segment()))
                .as("first byte of %s that differs", name)
                .isEqualTo(-1);
    }
}
