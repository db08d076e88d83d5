// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.qlif.Tensor;
import org.qlif.io.Npy;
import org.qlif.io.OutputFile;
import org.qlif.io.Safetensors;
import org.qlif.simulation.Signal;
import org.qlif.simulation.Simulation;
import org.qlif.simulation.Traces;

/** A file of traces: {@code .csv}, {@code .npz} and {@code .safetensors} hold all, {@code .npy} one. */
final class TraceFile {
    private enum Kind {
        CSV,
        NPY,
        NPZ,
        SAFETENSORS
    }

    /** The earliest time that a zip archive can store, so that equal traces give equal bytes. */
    private static final LocalDateTime NO_TIME = LocalDateTime.of(1980, 1, 1, 0, 0);

    /** A table with this number of lines takes seconds. */
    private static final int MANY_LINES = 100_000;

    /** The number of lines between two updates of the bar. */
    private static final int LINES_A_BAR = 10_000;

    private final Kind kind;
    private final OutputFile file;

    private TraceFile(Kind kind, OutputFile file) {
        this.kind = kind;
        this.file = file;
    }

    /** Whether the name of {@code file} has a known ending. */
    static boolean isNamed(Path file) {
        return kind(file) != null;
    }

    /** Whether the name of {@code file} is that of a file of one trace. */
    static boolean holdsOne(Path file) {
        return kind(file) == Kind.NPY;
    }

    private static Kind kind(Path file) {
        String name = file.toString().toLowerCase(Locale.ROOT);
        for (Kind kind : Kind.values()) {
            if (name.endsWith("." + kind.name().toLowerCase(Locale.ROOT))) {
                return kind;
            }
        }
        return null;
    }

    /**
     * Prepares the file, and throws if it can't be written.
     *
     * @param option the option that names the file, whose name {@linkplain #isNamed says} what kind it is
     */
    static TraceFile prepare(String option, Path file) throws IOException {
        return new TraceFile(kind(file), OutputFile.prepare(option, file));
    }

    /**
     * Writes the file.
     *
     * @param trace the trace for a file of one array
     * @param progress reports the progress of a long table
     */
    void write(Traces traces, String trace, Progress progress) throws IOException {
        switch (kind) {
            case CSV -> file.write(channel -> csv(channel, traces, progress));
            case NPY -> Npy.write(file, tensor(traces, trace));
            case NPZ -> file.write(channel -> npz(channel, traces));
            case SAFETENSORS -> {
                Map<String, Tensor> tensors = new LinkedHashMap<>();
                traces.names().forEach(name -> tensors.put(name, tensor(traces, name)));
                Safetensors.write(file, settings(traces.simulation()), tensors);
            }
        }
    }

    private static Tensor tensor(Traces traces, String name) {
        return Tensor.of(traces.get(name), traces.steps(), traces.neurons());
    }

    /** What was run, as text. */
    private static Map<String, String> settings(Simulation simulation) {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("config", simulation.config().toString());
        settings.put("current", simulation.current().toString());
        Signal modulation = simulation.modulation();
        if (modulation != null) {
            settings.put("modulation", modulation.toString());
        }
        settings.put("seed", Long.toString(simulation.seed()));
        return settings;
    }

    private static void npz(WritableByteChannel channel, Traces traces) throws IOException {
        // Closing it would close the channel, which others do.
        ZipOutputStream zip = new ZipOutputStream(Channels.newOutputStream(channel));
        zip.setLevel(Deflater.BEST_SPEED);
        for (String name : traces.names()) {
            ZipEntry entry = new ZipEntry(name + ".npy");
            entry.setTimeLocal(NO_TIME);
            zip.putNextEntry(entry);
            Npy.write(Channels.newChannel(zip), tensor(traces, name));
            zip.closeEntry();
        }
        zip.finish();
    }

    /** A line for each step and neuron. */
    private void csv(WritableByteChannel channel, Traces traces, Progress progress) throws IOException {
        Writer out = new BufferedWriter(
                new OutputStreamWriter(Channels.newOutputStream(channel), StandardCharsets.UTF_8), 1 << 16);
        out.write("step,neuron," + String.join(",", traces.names()) + "\n");
        float[][] columns = traces.all().values().toArray(float[][]::new);
        int lines = columns[0].length;
        try (Progress.Bar bar =
                progress.bar(String.valueOf(file.path().getFileName()), lines < MANY_LINES ? 0 : lines)) {
            for (int i = 0; i < lines; i++) {
                out.write(Integer.toString(i / traces.neurons()));
                out.write(',');
                out.write(Integer.toString(i % traces.neurons()));
                for (float[] column : columns) {
                    out.write(',');
                    out.write(text(column[i]));
                }
                out.write('\n');
                if (i % LINES_A_BAR == LINES_A_BAR - 1) {
                    bar.reached(i + 1);
                }
            }
            bar.reached(lines);
        }
        out.flush();
    }

    /** The shortest text that reads back as the same number; whole numbers, such as spikes, have no fraction. */
    static String text(float value) {
        if (Float.isNaN(value)) {
            return "nan";
        }
        if (Float.isInfinite(value)) {
            return value > 0 ? "inf" : "-inf";
        }
        return value == (int) value && Math.abs(value) < 1e6 && (value != 0 || 1 / value > 0)
                ? Integer.toString((int) value)
                : Float.toString(value);
    }

    /** The requested path. */
    @Override
    public String toString() {
        return file.toString();
    }
}
