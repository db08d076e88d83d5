// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The tool, started by the script {@code ./qlif}, where what it prints does not arrive. */
@EnabledOnOs(value = OS.LINUX, disabledReason = "only Linux has /dev/full")
class OutputTest {
    private static final String FULL = "qlif: can't write the output: No space left on device\n";
    private static final String TRAIN =
            "train --data '%s' --hidden 4 --steps 2 --batch 16 --epochs 1 --test-images 16 --threads 1"
                    .formatted(Repository.file("data/mnist"));

    @TempDir
    private Path folder;

    private Checkout checkout;

    @BeforeEach
    void makeCheckout() throws IOException, InterruptedException {
        checkout = new Checkout(folder, "checkout");
        assertThat(checkout.qlif("--version").exitCode()).isZero();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--help",
                "--version",
                "devices",
                "bench --help",
                "bench --shape 3,2,5 --threads 1",
                "bench --shape 3,2,5 --threads 1 --json",
                "verify --threads 1 GOLDEN",
                "simulate --steps 3",
                "TRAIN --train-images 16"
            })
    void fullDiskIsSaidAndFails(String arguments) throws Exception {
        String golden = "'" + Repository.file("golden/rng-philox-000.safetensors") + "'";
        String command = arguments.replace("GOLDEN", golden).replace("TRAIN", TRAIN);
        assertThat(checkout.shell("\"$QLIF\" " + command + " >/dev/full")).isEqualTo(new Invocation(1, "", FULL));
    }

    @Test
    void aReaderWhoLeavesEndsTheWorkQuietly() throws Exception {
        // All of MNIST, again and again: hours, unless the second line is the last.
        Invocation run = checkout.shell("\"$QLIF\" " + TRAIN.replace("--epochs 1 ", "--epochs 1000 ")
                + " --train-images 0 | head -1; echo ${PIPESTATUS[0]}");
        assertThat(run.err()).isEmpty();
        assertThat(run.out().lines()).hasSize(2).last().isEqualTo("1");
    }

    @Test
    void aReaderWhoLeavesBetweenTwoLinesIsNoticedAtTheNextStep() throws Exception {
        // The five lines before training, then nothing for a thousand images of a thousand steps each.
        Invocation run = checkout.shell("\"$QLIF\" " + TRAIN.replace("--steps 2", "--steps 1000")
                + " --train-images 0 | (head -5; sleep 1); echo ${PIPESTATUS[0]}");
        assertThat(run.err()).isEmpty();
        assertThat(run.out()).doesNotContain("[TRAIN]").endsWith("\n1\n");
    }

    @Test
    void aFullOrClosedStderrDoesNoHarm() throws Exception {
        assertThat(checkout.shell("\"$QLIF\" bench --nonsense 2>/dev/full").exitCode())
                .isEqualTo(Cli.USAGE);
        assertThat(checkout.shell("\"$QLIF\" bench --nonsense 2>&-").exitCode()).isEqualTo(Cli.USAGE);
        assertThat(checkout.shell("\"$QLIF\" --version <&- 2>&-").exitCode()).isZero();
    }

    @Test
    void progressFitsTheTerminal() throws Exception {
        assumeTrue(checkout.shell("script -qec true /dev/null").exitCode() == 0, "script is not there");
        Invocation run = checkout.shell("script -qec \"stty cols 60; '$QLIF' " + TRAIN.replace("'", "")
                + " --train-images 160 >'" + folder + "/lines'\" /dev/null");
        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).contains("epoch 1");
        assertThat(run.out().split("[\r\n]+"))
                .allSatisfy(line -> assertThat(line.length()).isLessThan(60));
        assertThat(Files.readString(folder.resolve("lines")))
                .contains("[TEST] epoch 1")
                .doesNotContain("\r");
    }
}
