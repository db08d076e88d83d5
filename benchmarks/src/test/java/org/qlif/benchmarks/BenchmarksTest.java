// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class BenchmarksTest {
    @ParameterizedTest
    @CsvSource({
        "compare, --shapes, 20x128, expected TxBxN of positive whole numbers",
        "compare, --shapes, 99999x99999x99999, at most 2147483647 neuron-steps",
        "compare, --model, elif, 'expected one of [qlif, lif, plain-lif]'",
        "compare, --threads, 0, expected a whole number of at least 1",
        "compare, --forks, 0, expected a whole number of at least 1",
        "turns, --shapes, 20x128, expected TxBxN of positive whole numbers",
        "turns, --pass, sideways, 'expected one of [FORWARD, TRAIN, TRAIN_COMPACT]'",
        "turns, --seconds, 0, expected a whole number of at least 1",
        "djl, --neurons, lif, 'expected one of [DEFAULT, SNAPSHOT_2025_08_15, SNAPSHOT_2025_08_24, PLAIN_LIF]'",
        "all, --iterations, few, expected a whole number of at least 1",
        "linear, --layer, 20x128x784, expected TxBxKxM of positive whole numbers",
        "linear, --layer, 9999x9999x9999x1, at most 2147483647",
        "linear, --into, no-such-file.md, no such file",
        "compare, --into, no-such-file.md, no such file",
    })
    void refusesWhatItCanNotMeasure(String command, String option, String value, String said) {
        StringWriter errors = new StringWriter();
        CommandLine line = Benchmarks.commandLine().setErr(new PrintWriter(errors));
        assertThat(line.execute(command, option, value)).isNotZero();
        assertThat(errors.toString()).contains(value, said).doesNotContain("\tat ");
    }
}
