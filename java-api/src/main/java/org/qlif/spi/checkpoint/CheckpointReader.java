// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;
import org.qlif.io.Safetensors;
import org.qlif.spi.Printable;

/**
 * Reads a checkpoint, docs/checkpoints.md, name by name. A requested name must be present and well-formed, and {@link #finish} refuses
 * names that were never requested, so that nothing in a file is overlooked. Not thread-safe.
 */
public final class CheckpointReader {
    static final String FORMAT = "format";
    static final String FORMAT_NAME = "qlif";
    static final String FORMAT_VERSION = "format_version";
    static final String VERSION = "1";
    static final String LAYERS = "layers";

    private static final int MAX_LAYERS = 1000;
    private static final String EXTRA = "extra.";

    /** What is read goes to the heap, and from there into a layer or network; a larger file would not fit. */
    private static final int HEAP_SHARE = 3;

    private final Safetensors file;
    private final Set<String> asked = new HashSet<>();
    private final int layers;

    private CheckpointReader(Safetensors file) throws FileFormatException {
        this.file = file;
        String format = textOrNull(FORMAT);
        if (!FORMAT_NAME.equals(format)) {
            throw new FileFormatException(
                    file.file(),
                    "format: got " + (format == null ? "none" : quoted(format)) + ", expected '" + FORMAT_NAME
                            + "': this safetensors file holds something else");
        }
        String version = text(FORMAT_VERSION);
        if (!version.equals(VERSION)) {
            throw refusal(FORMAT_VERSION, quoted(version), "'" + VERSION + "', which this release of QLIF reads");
        }
        layers = (int) whole(LAYERS, 1, MAX_LAYERS);
    }

    /**
     * Opens {@code file}.
     *
     * @throws FileFormatException if it is not a checkpoint of this version
     * @throws IOException if it can't be read
     */
    public static CheckpointReader open(Path file) throws IOException {
        return open(file, Runtime.getRuntime().maxMemory() / HEAP_SHARE);
    }

    /** The same for a file of at most {@code most} bytes. */
    static CheckpointReader open(Path file, long most) throws IOException {
        long size = Files.size(file);
        if (size > most) {
            throw new FileFormatException(
                    file,
                    "got " + size + " bytes, expected at most " + most
                            + ", a third of what the JVM's heap can grow to (-Xmx)");
        }
        return new CheckpointReader(Safetensors.read(file, Arena.ofAuto(), most));
    }

    /** The file. */
    public Path file() {
        return file.file();
    }

    /** The number of layers. */
    public int layers() {
        return layers;
    }

    /** Whether there is a text or number of this name. */
    public boolean has(String name) {
        return file.metadata().containsKey(name);
    }

    /** Whether there is a tensor of this name. */
    public boolean hasTensor(String name) {
        return file.has(name);
    }

    /** A text, or null if there is none. */
    public @Nullable String textOrNull(String name) {
        asked.add(name);
        return file.metadata().get(name);
    }

    /** A text. */
    public String text(String name) throws FileFormatException {
        String text = textOrNull(name);
        if (text == null) {
            throw missing(name);
        }
        return text;
    }

    /** A whole number in these bounds, both inclusive. */
    public long whole(String name, long least, long most) throws FileFormatException {
        String text = text(name);
        if (text.matches("0|-?[1-9][0-9]{0,18}")) {
            try {
                long value = Long.parseLong(text);
                if (value >= least && value <= most) {
                    return value;
                }
            } catch (NumberFormatException tooLarge) {
                throw new FileFormatException(file(), name + ": got " + quoted(text) + ", expected 64 bits", tooLarge);
            }
        }
        throw refusal(name, quoted(text), "a whole number from " + least + " to " + most);
    }

    /** A whole number in these bounds, both inclusive, or {@code otherwise} if there is none. */
    public long whole(String name, long least, long most, long otherwise) throws FileFormatException {
        return has(name) ? whole(name, least, most) : otherwise;
    }

    /** A finite number. */
    public double real(String name) throws FileFormatException {
        String text = text(name);
        // parseDouble also accepts hexadecimal numbers and suffixes, which this format does not have.
        if (text.matches("-?[0-9]{1,25}(\\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?")) {
            double value = Double.parseDouble(text);
            if (Double.isFinite(value)) {
                return value;
            }
        }
        throw refusal(name, quoted(text), "a finite decimal number");
    }

    /**
     * A text converted by {@code parser}, which throws {@link IllegalArgumentException} for illegal text, with a message that says what it
     * got and expected.
     */
    public <T> T parsed(String name, Function<String, T> parser) throws FileFormatException {
        return checked(name, text(name), parser);
    }

    /** The same for an optional text. */
    public <T> T parsed(String name, String otherwise, Function<String, T> parser) throws FileFormatException {
        String text = textOrNull(name);
        return checked(name, text == null ? otherwise : text, parser);
    }

    /** The result of {@code parser} for {@code value}. Its exception becomes one about {@code name} in this file. */
    public <S, T> T checked(String name, S value, Function<S, T> parser) throws FileFormatException {
        try {
            return parser.apply(value);
        } catch (IllegalArgumentException refused) {
            throw new FileFormatException(file(), name + ": " + refused.getMessage(), refused);
        }
    }

    /** The shape of an F32 tensor. */
    public long[] shape(String name) throws FileFormatException {
        asked.add(name);
        if (!file.has(name)) {
            throw missing("tensor " + quoted(name));
        }
        if (file.type(name) != DType.F32) {
            throw refusal("tensor " + quoted(name), "type " + file.type(name), "F32");
        }
        return file.shape(name);
    }

    /** A new F32 tensor on the Java heap with the values of one that must have one of these shapes. */
    public Tensor tensor(String name, long[]... shapes) throws FileFormatException {
        long[] shape = shape(name);
        if (Arrays.stream(shapes).noneMatch(each -> Arrays.equals(each, shape))) {
            throw refusal(
                    "tensor " + quoted(name),
                    "the shape " + Arrays.toString(shape),
                    String.join(
                            " or ", Arrays.stream(shapes).map(Arrays::toString).toList()));
        }
        return checked("tensor " + quoted(name), shape, extents -> {
            Tensor copy = Tensor.zeros(DType.F32, extents);
            copy.copyFrom(file.tensor(name));
            return copy;
        });
    }

    /** The texts that writers added for themselves, by name without the prefix. */
    public Map<String, String> extras() {
        Map<String, String> extras = new LinkedHashMap<>();
        file.metadata().forEach((name, value) -> {
            if (name.startsWith(EXTRA)) {
                extras.put(name.substring(EXTRA.length()), value);
            }
        });
        return extras;
    }

    /** The tensors that writers added for themselves, read-only, by name without the prefix. */
    public Map<String, Tensor> extraTensors() {
        Map<String, Tensor> extras = new LinkedHashMap<>();
        for (String name : file.names()) {
            if (name.startsWith(EXTRA)) {
                extras.put(name.substring(EXTRA.length()), file.tensor(name));
            }
        }
        return extras;
    }

    /** Counts all names with this prefix as requested. */
    public void ignore(String prefix) {
        file.metadata().keySet().stream()
                .filter(name -> name.startsWith(prefix))
                .forEach(asked::add);
        file.names().stream().filter(name -> name.startsWith(prefix)).forEach(asked::add);
    }

    /** Throws if there is a name that was never requested and is not a writer's own. */
    public void finish() throws FileFormatException {
        for (String name : file.metadata().keySet()) {
            if (!asked.contains(name) && !name.startsWith(EXTRA)) {
                throw refusal(quoted(name), "metadata of this name", "none, in a file of this kind");
            }
        }
        for (String name : file.names()) {
            if (!asked.contains(name) && !name.startsWith(EXTRA)) {
                throw refusal("tensor " + quoted(name), "a tensor of this name", "none, in a file of this kind");
            }
        }
    }

    /** The exception for a bad value of {@code name}. */
    public FileFormatException refusal(String name, String got, String expected) {
        return new FileFormatException(file(), name + ": got " + got + ", expected " + expected);
    }

    private FileFormatException missing(String name) {
        return new FileFormatException(file(), name + ": is missing");
    }

    /** A text of the file as shown in messages. */
    public static String quoted(String text) {
        return "'" + Printable.text(text) + "'";
    }
}
