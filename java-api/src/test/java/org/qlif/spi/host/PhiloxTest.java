// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The known answers that were published with Philox4x32-10. */
final class PhiloxTest {
    private static void check(int[] counter, int k0, int k1, int... words) {
        Philox philox = new Philox();
        philox.generate(counter[0], counter[1], counter[2], counter[3], (k0 & 0xFFFFFFFFL) | (long) k1 << 32);
        assertThat(new int[] {philox.w0, philox.w1, philox.w2, philox.w3}).isEqualTo(words);
    }

    @Test
    void knownAnswers() {
        check(new int[] {0, 0, 0, 0}, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
        check(new int[] {-1, -1, -1, -1}, -1, -1, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
        check(
                new int[] {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                0xa4093822,
                0x299f31d0,
                0xd16cfe09,
                0x94fdcceb,
                0x5001e420,
                0x24126ea1);
    }

    @Test
    void wireKeysDifferFromTheSeedAndFromEachOther() {
        assertThat(new long[] {7, Philox.wireKey(7, 1), Philox.wireKey(7, 2), Philox.wireKey(8, 1)})
                .doesNotHaveDuplicates();
    }
}
