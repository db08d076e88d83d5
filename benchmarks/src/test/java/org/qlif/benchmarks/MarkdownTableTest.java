// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MarkdownTableTest {
    @Test
    void columnsArePaddedAndAligned() {
        MarkdownTable table = new MarkdownTable(List.of("who", "(1, 2, 3)"))
                .row(List.of("a long name", "12.3"))
                .row(List.of("b", "–"));

        assertThat(table).hasToString("""
                | who         | (1, 2, 3) |
                |:------------|----------:|
                | a long name |      12.3 |
                | b           |         – |
                """);
    }

    @ParameterizedTest
    @CsvSource({"351.4,351", "99.97,100", "99.9,99.9", "10.04,10.0", "9.998,10.0", "9.99,9.99", "0.334,0.33", "NaN,–"})
    void numbersHaveThreeDigits(double value, String text) {
        assertThat(MarkdownTable.number(value)).isEqualTo(text);
    }

    @Test
    void aRowOfAnotherLengthIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MarkdownTable(List.of("a", "b")).row(List.of("1")))
                .withMessageContaining("got 1, expected one for each of the 2 columns");
    }
}
