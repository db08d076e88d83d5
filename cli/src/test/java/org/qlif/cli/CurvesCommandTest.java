// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CurvesCommandTest {
    @TempDir
    private Path folder;

    private Invocation draw(Path out) {
        return Invocation.of(
                "curves",
                "--out",
                out.toString(),
                "--steps",
                "130",
                "--rows",
                "2",
                "--device",
                "cpu:scalar",
                "--threads",
                "1");
    }

    @Test
    void drawsAndPrintsWhatItDrew() throws IOException {
        Path out = folder.resolve("made").resolve("here");
        Invocation curves = draw(out);
        assertThat(curves.err()).isEmpty();
        assertThat(curves.exitCode()).isZero();
        assertThat(curves.out())
                .contains("2 neurons each, the first 130 steps", "preset 2025-08-24", "plain LIF", "SIGMOID")
                .contains("Written: " + out.resolve("firing-rate.png") + ", " + out.resolve("spike-probability.png"));
        for (String picture : List.of("firing-rate.png", "spike-probability.png")) {
            BufferedImage image = ImageIO.read(out.resolve(picture).toFile());
            assertThat(image.getWidth()).isGreaterThan(800);
            assertThat(image.getHeight()).isGreaterThan(800);
        }
    }

    /** The calibration point, the cosine's period, and no spike of a plain LIF below its threshold. */
    @Test
    void theNumbersAreThoseOfTheModel() {
        List<String> lines = draw(folder).out().lines().toList();
        int probabilities = lines.indexOf("Spike probability over the gap:");
        double[] atZero = row(lines.subList(probabilities, lines.size()), "0.0");
        assertThat(atZero[1]).isEqualTo(0.02, within(1e-4));
        assertThat(atZero[2]).isEqualTo(0.02, within(1e-4));
        assertThat(atZero[3]).isEqualTo(0.02 * Math.exp(-1), within(1e-4));
        assertThat(atZero[4]).isEqualTo(0.5, within(1e-4));
        double scale = 2 * 0.1 / Math.sin(Math.acos(0.96));
        double[] atFour = row(lines.subList(probabilities, lines.size()), "4.0");
        assertThat(atFour[1]).isEqualTo((1 - Math.cos(Math.acos(0.96) + 4 * scale)) / 2, within(1e-4));

        double[] belowThreshold = row(lines.subList(0, probabilities), "0.5");
        assertThat(belowThreshold[4]).isZero();
        // dt / tau = 1/20 of a current of 10: 0.5, 0.975, 1.42625, so a spike every third step.
        assertThat(row(lines.subList(0, probabilities), "10.0")[4]).isEqualTo(100 * 43 / 130.0, within(0.01));
    }

    private static double[] row(List<String> lines, String x) {
        return lines.stream()
                .filter(line -> line.startsWith(x + " "))
                .findFirst()
                .map(line -> Arrays.stream(line.split(" +"))
                        .mapToDouble(Double::parseDouble)
                        .toArray())
                .orElseThrow();
    }

    /** Only where it takes long. */
    @Test
    void aTerminalShowsManySteps() {
        String[] few = {"curves", "--out", folder.toString(), "--steps", "10", "--rows", "1"};
        assertThat(Invocation.onTerminal(few)).isEmpty();
        String[] many = {"curves", "--out", folder.toString(), "--steps", "4000", "--rows", "64"};
        assertThat(Invocation.onTerminal(many)).contains("curves 100% ", " 10/10 ");
    }

    @Test
    void drawsTheNeuronThatIsSet() {
        Invocation curves = Invocation.of(
                "curves", "--out", folder.toString(), "--steps", "2", "--rows", "1", "--set", "angle_map=TANH");
        assertThat(curves.err()).isEmpty();
        assertThat(curves.out()).contains("QLIF angle_map=TANH").doesNotContain("QLIF, defaults", "LINEAR (defaults");
        List<String> lines = curves.out().lines().toList();
        double[] atTen = row(lines.subList(lines.indexOf("Spike probability over the gap:"), lines.size()), "10.0");
        assertThat(atTen[1]).isEqualTo(atTen[2], within(1e-4));
    }

    @Test
    void theSameOptionsGiveTheSame() throws IOException {
        Path first = folder.resolve("first");
        Path second = folder.resolve("second");
        assertThat(draw(first).out().replace("first", "second"))
                .isEqualTo(draw(second).out().replace("first", "second"));
        for (String picture : List.of("firing-rate.png", "spike-probability.png")) {
            assertThat(first.resolve(picture)).hasSameBinaryContentAs(second.resolve(picture));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "--steps, 0, '--steps: got 0, expected a whole number from 1 to 1000000'",
        "--steps, 1e3, 'got ''1e3'', expected a whole number'",
        "--rows, 1025, '--rows: got 1025, expected a whole number from 1 to 1024'",
        "--threads, 0, '--threads: got 0, expected a whole number from 1 to '",
        "--device, tpu, --device: got 'tpu'",
    })
    void refusesValuesByTheNameOfTheirOption(String option, String value, String message) {
        Path out = folder.resolve("none");
        Invocation curves = Invocation.of("curves", "--out", out.toString(), option, value);
        assertThat(curves.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(curves.out()).isEmpty();
        assertThat(curves.err().lines())
                .singleElement()
                .asString()
                .startsWith("qlif: ")
                .contains(message);
        assertThat(out).doesNotExist();
    }

    @Test
    void aFolderThatCantBeMadeIsOneLine() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "");
        Invocation curves = draw(file);
        assertThat(curves.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(curves.out()).isEmpty();
        assertThat(curves.err().lines())
                .singleElement()
                .asString()
                .startsWith("qlif: --out: can't write " + file.resolve("firing-rate.png"));
    }
}
