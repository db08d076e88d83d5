// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;
import org.qlif.io.Npy;
import org.qlif.io.Safetensors;
import org.qlif.simulation.Samples;
import org.qlif.simulation.Simulation;
import org.qlif.spi.Printable;

/** Signals from files: {@code .npy}, {@code .safetensors} and {@code .csv}, as {@link TraceFile} writes them or simpler. */
final class SignalFile {
    /** The longest file: more than the longest signal needs in any of the formats. */
    private static final long MOST_BYTES = 1 << 28;

    private static final String STEP = "step";
    private static final String NEURON = "neuron";
    private static final List<String> TIME = List.of("t", "time");

    /** The prefix of QLIF's traces in files of the live page, which also have traces of another neuron. */
    private static final String PAGE_PREFIX = "qlif.";

    private SignalFile() {}

    /** Whether {@code text} is the name of such a file. */
    static boolean isNamed(String text) {
        return !kind(text).isEmpty();
    }

    private static String kind(String text) {
        String name = text.toLowerCase(Locale.ROOT);
        for (String kind : List.of(".npy", ".safetensors", ".csv")) {
            if (name.endsWith(kind)) {
                return kind;
            }
        }
        return "";
    }

    /**
     * Reads a signal.
     *
     * @param trace the name to look for if a file has several
     */
    static Samples read(Path file, String trace) throws IOException {
        return switch (kind(file.toString())) {
            case ".npy" -> samples(file, Npy.read(file, MOST_BYTES));
            case ".safetensors" ->
                samples(file, ArrayFiles.named(file, Safetensors.read(file, Arena.ofAuto(), MOST_BYTES), trace));
            case ".csv" -> new Csv(file, trace).read();
            default -> throw new FileFormatException(file, "expected a name that ends in .npy, .csv or .safetensors");
        };
    }

    /** {@code (T)}, {@code (T, N)} or {@code (T, 1, N)}. */
    private static Samples samples(Path file, Tensor tensor) throws IOException {
        long[] shape = tensor.shape();
        boolean fits = tensor.rank() == 1 || tensor.rank() == 2 || (tensor.rank() == 3 && shape[1] == 1);
        if (!fits) {
            throw new FileFormatException(
                    file, "got the shape " + Arrays.toString(shape) + ", expected (T), (T, N) or (T, 1, N)");
        }
        return samples(file, "array", floats(tensor), shape[0], tensor.rank() == 1 ? 1 : shape[tensor.rank() - 1]);
    }

    private static Samples samples(Path file, String what, float[] values, long steps, long neurons)
            throws IOException {
        if (values.length == 0 || values.length > Simulation.MOST_NEURON_STEPS) {
            throw new FileFormatException(
                    file,
                    what + ": got (T, N) = (" + steps + ", " + neurons
                            + "), expected at least one step and one neuron, at" + " most "
                            + Simulation.MOST_NEURON_STEPS + " numbers");
        }
        return Samples.of(values, (int) steps, (int) neurons);
    }

    private static float[] floats(Tensor tensor) {
        float[] values = new float[(int) tensor.elements()];
        switch (tensor.type()) {
            case F32 -> System.arraycopy(tensor.toFloatArray(), 0, values, 0, values.length);
            case U8 -> {
                byte[] bytes = tensor.toByteArray();
                for (int i = 0; i < values.length; i++) {
                    values[i] = bytes[i] & 0xff;
                }
            }
            case I64 -> {
                for (int i = 0; i < values.length; i++) {
                    values[i] = tensor.segment().getAtIndex(ValueLayout.JAVA_LONG, i);
                }
            }
            case F16, BF16, BIT ->
                throw new IllegalStateException("files are read as F32, U8 and I64, got " + tensor.type());
        }
        return values;
    }

    /**
     * A table of text: a line for each step and a column for each neuron, with or without a line of names above; or a line for each step
     * and neuron, with the columns that {@link TraceFile} or the live page writes. A first column named "t" or "time" is not a neuron.
     */
    private static final class Csv {
        private final Path file;
        private final String trace;
        private float[] values = new float[1024];
        private int count;
        private int line;

        Csv(Path file, String trace) {
            this.file = file;
            this.trace = trace;
        }

        Samples read() throws IOException {
            if (!Files.isRegularFile(file) && Files.exists(file)) {
                throw new FileFormatException(file, "got something that is not a regular file, expected one");
            }
            if (Files.exists(file) && Files.size(file) > MOST_BYTES) {
                throw new FileFormatException(
                        file, "got " + Files.size(file) + " bytes, expected at most " + MOST_BYTES);
            }
            try (BufferedReader reader = Files.newBufferedReader(file)) {
                return read(reader);
            } catch (CharacterCodingException notText) {
                throw new FileFormatException(file, "got bytes that are not UTF-8, expected text", notText);
            }
        }

        private Samples read(BufferedReader reader) throws IOException {
            List<String> first = next(reader);
            if (first == null) {
                throw new FileFormatException(file, "got no numbers, expected a line for each step");
            }
            if (first.stream().allMatch(Csv::isNumber)) {
                return table(reader, first, 0);
            }
            requireNames(first);
            int column = first.contains(trace) ? first.indexOf(trace) : first.indexOf(PAGE_PREFIX + trace);
            if (column >= 0) {
                return tidy(reader, first, column);
            }
            if (first.contains(STEP) || first.contains(NEURON)) {
                throw new FileFormatException(
                        file,
                        "line " + line + ": got the columns " + Printable.text(String.join(", ", first))
                                + ", expected '" + trace + "' or '" + PAGE_PREFIX + trace + "' among them");
            }
            List<String> second = next(reader);
            if (second == null) {
                throw new FileFormatException(file, "got no numbers below the header, expected a line for each step");
            }
            requireFields(second, first.size());
            boolean timed = first.size() > 1 && TIME.contains(first.getFirst().toLowerCase(Locale.ROOT));
            return table(reader, second, timed ? 1 : 0);
        }

        /** Throws unless these are names: otherwise a line of numbers with a typo would be taken for names, and its step lost. */
        private void requireNames(List<String> fields) throws FileFormatException {
            boolean numbers = fields.stream().anyMatch(Csv::isNumber);
            for (int i = 0; i < fields.size(); i++) {
                String field = fields.get(i);
                if (numbers ? !isNumber(field) : !isName(field)) {
                    throw problem(i, fields, numbers ? "a number" : "a number or a name");
                }
            }
        }

        /** The fields of the next line that is not blank; null at the end. */
        private List<String> next(BufferedReader reader) throws IOException {
            String text = reader.readLine();
            line++;
            while (text != null && text.isBlank()) {
                text = reader.readLine();
                line++;
            }
            if (text == null) {
                return null;
            }
            // A byte order mark is not part of the text.
            String stripped = (text.startsWith("\uFEFF") ? text.substring(1) : text).strip();
            String[] fields = stripped.contains(",") ? stripped.split(",", -1) : stripped.split("\\s+");
            List<String> list = new ArrayList<>(fields.length);
            for (String field : fields) {
                String bare = field.strip();
                boolean quoted = bare.length() > 1 && bare.startsWith("\"") && bare.endsWith("\"");
                list.add(quoted ? bare.substring(1, bare.length() - 1) : bare);
            }
            return list;
        }

        /** The columns from {@code skipped} on. */
        private Samples table(BufferedReader reader, List<String> first, int skipped) throws IOException {
            int columns = first.size();
            int steps = 0;
            for (List<String> fields = first; fields != null; fields = next(reader)) {
                requireFields(fields, columns);
                for (int i = skipped; i < columns; i++) {
                    add(number(fields, i));
                }
                steps++;
            }
            return samples(file, "table", Arrays.copyOf(values, count), steps, columns - skipped);
        }

        private Samples tidy(BufferedReader reader, List<String> names, int column) throws IOException {
            int neuronColumn = names.indexOf(NEURON);
            int neurons = neuronColumn < 0 ? 1 : 0;
            for (List<String> fields = next(reader); fields != null; fields = next(reader)) {
                requireFields(fields, names.size());
                if (neuronColumn >= 0) {
                    float neuron = number(fields, neuronColumn);
                    // The first 0 after other numbers tells how many neurons there are.
                    neurons = neurons == 0 && count > 0 && neuron == 0 ? count : neurons;
                    int expected = neurons == 0 ? count : count % neurons;
                    if (neuron != expected) {
                        throw problem(neuronColumn, fields, "neuron " + expected + ", as neurons follow each other");
                    }
                }
                add(number(fields, column));
            }
            int found = neurons == 0 ? count : neurons;
            if (found > 0 && count % found != 0) {
                throw new FileFormatException(
                        file, "got " + count + " lines, expected a multiple of " + found + ", its number of neurons");
            }
            return samples(
                    file, "column '" + trace + "'", Arrays.copyOf(values, count), count / Math.max(1, found), found);
        }

        private void add(float value) throws FileFormatException {
            if (count == Simulation.MOST_NEURON_STEPS) {
                throw new FileFormatException(
                        file, "got more than " + Simulation.MOST_NEURON_STEPS + " numbers, expected at most as many");
            }
            if (count == values.length) {
                values = Arrays.copyOf(values, 2 * count);
            }
            values[count++] = value;
        }

        private void requireFields(List<String> fields, int expected) throws FileFormatException {
            if (fields.size() != expected) {
                throw new FileFormatException(
                        file,
                        "line " + line + ": got " + fields.size() + " fields, expected " + expected
                                + ", as many as above");
            }
        }

        private float number(List<String> fields, int column) throws FileFormatException {
            String text = fields.get(column);
            if (!isNumber(text)) {
                throw problem(column, fields, "a number");
            }
            return switch (text.toLowerCase(Locale.ROOT)) {
                case "nan" -> Float.NaN;
                case "inf", "+inf", "infinity", "+infinity" -> Float.POSITIVE_INFINITY;
                case "-inf", "-infinity" -> Float.NEGATIVE_INFINITY;
                default -> Float.parseFloat(text);
            };
        }

        private FileFormatException problem(int column, List<String> fields, String expected) {
            return new FileFormatException(
                    file,
                    "line " + line + ", column " + (column + 1) + ": got '" + Printable.text(fields.get(column))
                            + "', expected " + expected);
        }

        /** Whether this text, which is not a number, was not meant to be one. */
        private static boolean isName(String text) {
            // With a decimal point, letters that look like digits are taken for digits: O.5 for 0.5.
            String digits = text.replace('O', '0').replace('o', '0').replace('l', '1');
            return !text.isEmpty() && !text.matches("[-+.]*[0-9].*") && !(text.contains(".") && isNumber(digits));
        }

        private static boolean isNumber(String text) {
            return text.matches("(?i)[-+]?(([0-9]+\\.?[0-9]*|\\.[0-9]+)(e[-+]?[0-9]+)?|inf|infinity)|nan");
        }
    }
}
