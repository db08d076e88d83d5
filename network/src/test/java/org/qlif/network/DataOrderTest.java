// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DataOrderTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 31, 32, 33, 64, 1000})
    void anEpochIsEveryRowOnceBlockByBlock(int rows) {
        DataOrder order = new DataOrder(rows, 5);
        for (int epoch = 0; epoch < 3; epoch++) {
            int[] sequence = order.epoch(epoch);
            assertThat(Arrays.stream(sequence).sorted().toArray())
                    .isEqualTo(IntStream.range(0, rows).toArray());
            int[] byBlocks = Arrays.stream(order.blocks(epoch))
                    .flatMap(block -> Arrays.stream(order.block(block)))
                    .toArray();
            assertThat(byBlocks).isEqualTo(sequence);
            int last = rows / Trainer.BLOCK;
            if (rows % Trainer.BLOCK != 0) {
                assertThat(order.blocks(epoch)).endsWith(last);
                assertThat(order.block(last)).hasSize(rows % Trainer.BLOCK);
            }
        }
    }

    @Test
    void epochsPermuteBlocksAndSeedsRows() {
        DataOrder order = new DataOrder(3200, 5);
        assertThat(order.epoch(1)).isNotEqualTo(order.epoch(0)).isEqualTo(new DataOrder(3200, 5).epoch(1));
        assertThat(order.block(0)).isNotEqualTo(IntStream.range(0, 32).toArray());
        assertThat(new DataOrder(3200, 6).block(0)).isNotEqualTo(order.block(0));
        assertThat(new DataOrder(3200, 6).blocks(0)).isNotEqualTo(order.blocks(0));
    }

    /** Each row is as often in each quarter of the permutation as chance has it: 250 of 1000 seeds, standard deviation 13.7. */
    @Test
    void everyPlaceIsAsLikely() {
        int[][] hits = new int[32][4];
        for (int seed = 0; seed < 1000; seed++) {
            int[] block = new DataOrder(32, seed).block(0);
            for (int place = 0; place < 32; place++) {
                hits[block[place]][place / 8]++;
            }
        }
        for (int[] row : hits) {
            for (int count : row) {
                assertThat(count).isBetween(250 - 62, 250 + 62);
            }
        }
    }

    @Test
    void refusesWhatIsNotThere() {
        DataOrder order = new DataOrder(33, 0);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new DataOrder(-1, 0))
                .withMessage("rows: got -1, expected at least 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> order.epoch(-1))
                .withMessage("epoch: got -1, expected at least 0");
        assertThatThrownBy(() -> order.block(2)).isInstanceOf(IndexOutOfBoundsException.class);
    }
}
