// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The programs in {@code examples} run from their sources, and print what they are there to show. */
class ProgramsTest extends ForkedJvm {
    private Path programs;

    @BeforeEach
    void findPrograms() throws IOException {
        directory = Golden.folder().toRealPath().getParent();
        programs = directory.resolve("examples");
    }

    /** A program that is added needs a test below. The line after its licence says what it is for, as {@code examples/run} lists it. */
    @Test
    void allAreTestedAndIntroduced() throws IOException {
        try (Stream<Path> files = Files.list(programs)) {
            assertThat(files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(".java")))
                    .containsExactlyInAnyOrder(
                            "Minimal.java",
                            "NamedDevice.java",
                            "Neuromodulation.java",
                            "SaveAndResume.java",
                            "Streaming.java",
                            "TrainDigits.java")
                    .allSatisfy(name -> {
                        List<String> lines = Files.readAllLines(programs.resolve(name));
                        assertThat(lines.get(1)).startsWith("// ").endsWith(".");
                        assertThat(lines.get(3)).startsWith("//     examples/run " + name.replace(".java", ""));
                    });
        }
    }

    @Test
    void minimal() throws Exception {
        List<String> rows = program("Minimal");
        assertThat(rows).hasSize(8).allMatch(row -> row.matches("neuron \\d  [|.]{100}  .. spikes, V .*"));
        assertThat(spikes(rows.getLast())).isGreaterThan(spikes(rows.getFirst()));
    }

    private static long spikes(String row) {
        return row.chars().filter(symbol -> symbol == '|').count();
    }

    @Test
    void streamingGivesTheSpikesOfOneCall() throws Exception {
        List<String> rows = program("Streaming");
        assertThat(rows).hasSize(41).last().isEqualTo("same spikes as in one call: true");
        assertThat(String.join("", rows)).contains("#");
    }

    @Test
    void devicesGiveTheSameBits() throws Exception {
        List<String> rows = program("NamedDevice");
        Matcher scalar = Pattern.compile("cpu:scalar +(.* [0-9a-f]{8}) \\(.*")
                .matcher(rows.stream()
                        .filter(row -> row.startsWith("cpu:scalar"))
                        .findFirst()
                        .orElseThrow());
        assertThat(scalar.matches()).isTrue();
        assertThat(rows).allMatch(row -> row.contains(scalar.group(1)) || row.contains("can't run here"));
        assertThat(program("NamedDevice", "cpu:scalar"))
                .singleElement()
                .asString()
                .contains(scalar.group(1));
    }

    /** A high modulation comes with more spikes than a low one. */
    @Test
    void neuromodulation() throws Exception {
        List<String> rows = program("Neuromodulation");
        assertThat(rows).hasSize(40);
        assertThat(meanRate(rows, "m  2.85")).isGreaterThan(1.5 * meanRate(rows, "m -2.85"));
    }

    private static double meanRate(List<String> rows, String start) {
        return rows.stream()
                .filter(row -> row.startsWith(start))
                .mapToDouble(row -> Double.parseDouble(row.substring(start.length(), row.indexOf('%'))))
                .average()
                .orElseThrow();
    }

    @Test
    void savedLayerGoesOn() throws Exception {
        List<String> rows = program("SaveAndResume");
        assertThat(rows).startsWith("same spikes after loading: true").contains("layers.0.state.v F32 [1, 100]");
        Matcher saved = Pattern.compile("saved in (.*), \\d+ bytes.*").matcher(rows.getLast());
        assertThat(saved.matches()).isTrue();
        assertThat(Path.of(saved.group(1))).exists();
        Files.delete(Path.of(saved.group(1)));
    }

    @Test
    void digitsAreLearned() throws Exception {
        List<String> rows = program("TrainDigits", "2000", "2");
        assertThat(rows).hasSize(3).first().asString().startsWith("training on cpu:");
        Matcher last = Pattern.compile("epoch 2: loss .* (\\d+\\.\\d) %").matcher(rows.getLast());
        assertThat(last.matches()).as(rows.getLast()).isTrue();
        assertThat(Double.parseDouble(last.group(1))).isGreaterThan(40);
    }

    private List<String> program(String name, String... arguments) throws Exception {
        List<String> options = new ArrayList<>(VECTORS);
        options.addAll(NATIVE);
        options.addAll(List.of("-Djava.io.tmpdir=" + folder, "-cp", classPath(any -> true)));
        options.add(programs.resolve(name + ".java").toString());
        return run(options, arguments).out();
    }
}
