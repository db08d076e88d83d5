package org.qlif.conformance;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.qlif.DType;
import org.qlif.Tensor;
import org.qlif.spi.Printable;

/**
 * A file in the safetensors format, read without trust: 8 bytes of little-endian header length, a JSON object that gives each
 * tensor's type, shape and place, then the data, without holes. Whatever is not so throws {@link GoldenFormatException};
 * memory taken is bounded by {@value #MAX_HEADER_BYTES} bytes of header and {@value #MAX_FILE_BYTES} of the whole file.
 */
public final class Safetensors {
    /** Golden headers take a few KiB; the bound keeps a hostile one from filling the heap. */
    static final int MAX_HEADER_BYTES = 1 << 20;

    /** Hundreds of times the largest golden file, and what leaves room for a run's results below a gigabyte. */
    static final long MAX_FILE_BYTES = 1 << 27;

    private static final int MAX_RANK = 8;
    /** A cache line: what vector loads like best. */
    private static final long ALIGNMENT = 64;

    private static final String METADATA = "__metadata__";

    /** The element types that are read. */
    private enum Type {
        F32(4),
        U8(1);

        final int bytes;

        Type(int bytes) {
            this.bytes = bytes;
        }
    }

    private record Entry(Type type, long[] shape, long elements, long begin, long end) {
        long bytes() {
            return end - begin;
        }
    }

    private final Path file;
    private final Map<String, Entry> entries;
    private final Map<String, String> metadata;
    private final Map<String, MemorySegment> data;

    private Safetensors(
            Path file, Map<String, Entry> entries, Map<String, String> metadata, Map<String, MemorySegment> data) {
        this.file = file;
        this.entries = Collections.unmodifiableMap(entries);
        this.metadata = Collections.unmodifiableMap(metadata);
        this.data = data;
    }

    /**
     * Reads {@code file} and checks all of its header. The result keeps its memory as long as it is reachable.
     *
     * @throws GoldenFormatException if it is not a safetensors file of known types
     * @throws IOException if it can't be read
     */
    public static Safetensors read(Path file) throws IOException {
        return read(file, Arena.ofAuto());
    }

    /** The same in memory of {@code arena}, with which the result ends. */
    static Safetensors read(Path file, Arena arena) throws IOException {
        // Opening a pipe waits for its other end, and a device may never end.
        if (!Files.readAttributes(file, BasicFileAttributes.class).isRegularFile()) {
            throw new GoldenFormatException(
                    file,
                    "got " + (Files.isDirectory(file) ? "a folder" : "a pipe, socket or device")
                            + ", expected a regular file");
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return read(file, channel, channel.size(), arena);
        }
    }

    /** Reads the {@code size} bytes that {@code channel} is said to have. */
    static Safetensors read(Path file, ReadableByteChannel channel, long size, Arena arena) throws IOException {
        if (size < Long.BYTES) {
            throw new GoldenFormatException(
                    file, "got " + size + " bytes, expected at least 8 for the header's length");
        }
        if (size > MAX_FILE_BYTES) {
            throw new GoldenFormatException(file, "got " + size + " bytes, expected at most " + MAX_FILE_BYTES);
        }
        ByteBuffer prefix = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        fill(file, channel, prefix, size);
        long length = prefix.getLong(0);
        long available = size - Long.BYTES;
        if (length < 2 || length > MAX_HEADER_BYTES || length > available) {
            throw new GoldenFormatException(
                    file,
                    "header length: got " + Long.toUnsignedString(length) + ", expected 2 to "
                            + Math.min(MAX_HEADER_BYTES, available));
        }
        ByteBuffer header = ByteBuffer.allocate((int) length);
        fill(file, channel, header, size);
        String text = decode(file, header.flip());
        if (text.charAt(0) != '{') {
            throw new GoldenFormatException(
                    file, "header: got " + StrictJson.quoted(text.substring(0, 1)) + " at its start, expected '{'");
        }
        HeaderParser parser = new HeaderParser(file, text);
        List<Map.Entry<String, Entry>> inOrder = parser.parse(available - length);
        return new Safetensors(file, parser.entries, parser.metadata, load(file, channel, inOrder, size, arena));
    }

    /**
     * Reads the tensors one after the other, each to a place that is aligned for its type, which it need not be in the file. A
     * mapped file would spare this copy, and kill the JVM's thread wherever the file is cut short later.
     */
    private static Map<String, MemorySegment> load(
            Path file, ReadableByteChannel channel, List<Map.Entry<String, Entry>> inOrder, long size, Arena arena)
            throws IOException {
        long total = 0;
        for (Map.Entry<String, Entry> each : inOrder) {
            total += aligned(each.getValue().bytes());
        }
        MemorySegment memory = arena.allocate(total, ALIGNMENT);
        Map<String, MemorySegment> data = new HashMap<>();
        long at = 0;
        for (Map.Entry<String, Entry> each : inOrder) {
            Entry entry = each.getValue();
            MemorySegment place = memory.asSlice(at, entry.bytes());
            fill(file, channel, place.asByteBuffer(), size);
            if (entry.type() == Type.F32 && ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
                for (long i = 0; i < entry.elements(); i++) {
                    int bits = place.getAtIndex(ValueLayout.JAVA_INT, i);
                    place.setAtIndex(ValueLayout.JAVA_INT, i, Integer.reverseBytes(bits));
                }
            }
            data.put(each.getKey(), place.asReadOnly());
            at += aligned(entry.bytes());
        }
        return data;
    }

    private static long aligned(long bytes) {
        return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }

    private static void fill(Path file, ReadableByteChannel channel, ByteBuffer target, long size) throws IOException {
        while (target.hasRemaining()) {
            if (channel.read(target) < 0) {
                throw new GoldenFormatException(
                        file,
                        "got an end before the " + size + " bytes that it had at first: cut short while it was read");
            }
        }
    }

    private static String decode(Path file, ByteBuffer header) {
        try {
            // A new decoder reports malformed input; the charset's own decode() would replace it.
            return StandardCharsets.UTF_8.newDecoder().decode(header).toString();
        } catch (CharacterCodingException notUtf8) {
            throw new GoldenFormatException(file, "header: got bytes that are not UTF-8, expected UTF-8", notUtf8);
        }
    }

    /** The file. */
    public Path file() {
        return file;
    }

    /** The names of the tensors, in the header's order. */
    public Set<String> names() {
        return entries.keySet();
    }

    /** Whether there is a tensor {@code name}. */
    public boolean has(String name) {
        return entries.containsKey(name);
    }

    /** The metadata strings; empty if there are none. */
    public Map<String, String> metadata() {
        return metadata;
    }

    /** The shape of tensor {@code name}. */
    public long[] shape(String name) {
        return entry(name).shape().clone();
    }

    /** The element type of tensor {@code name}. */
    DType type(String name) {
        return switch (entry(name).type()) {
            case F32 -> DType.F32;
            case U8 -> DType.U8;
        };
    }

    /** Tensor {@code name} itself, which can only be read. */
    Tensor tensor(String name) {
        return Tensor.of(type(name), data.get(name), entry(name).shape());
    }

    /** A new array with the elements of the F32 tensor {@code name}. */
    public float[] floats(String name) {
        return typed(name, Type.F32).toArray(ValueLayout.JAVA_FLOAT);
    }

    /** A new array with the elements of the U8 tensor {@code name}. */
    public byte[] bytes(String name) {
        return typed(name, Type.U8).toArray(ValueLayout.JAVA_BYTE);
    }

    private MemorySegment typed(String name, Type type) {
        Entry entry = entry(name);
        if (entry.type() != type) {
            throw new GoldenFormatException(
                    file, "tensor " + StrictJson.quoted(name) + ": got type " + entry.type() + ", expected " + type);
        }
        return data.get(name);
    }

    private Entry entry(String name) {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new GoldenFormatException(file, "tensor " + StrictJson.quoted(name) + " is missing");
        }
        return entry;
    }

    /** Walks the header. */
    private static final class HeaderParser {
        private final Path file;
        private final StrictJson json;
        private final Map<String, Entry> entries = new LinkedHashMap<>();
        private final Map<String, String> metadata = new LinkedHashMap<>();

        HeaderParser(Path file, String header) {
            this.file = file;
            this.json = new StrictJson(file, "header", header);
        }

        /** Fills in what the header says, and returns the tensors in the order of their data. */
        List<Map.Entry<String, Entry>> parse(long dataBytes) {
            boolean metadataSeen = false;
            json.beginObject("header");
            while (json.hasNext()) {
                String name = json.nextName();
                if (name.equals(METADATA)) {
                    require(!metadataSeen, "header: got the key '" + METADATA + "' twice");
                    metadataSeen = true;
                    parseMetadata();
                } else {
                    String where = "tensor " + StrictJson.quoted(name);
                    require(!entries.containsKey(name), "header: got the " + where + " twice");
                    entries.put(name, parseEntry(where));
                }
            }
            json.endObject();
            json.end();
            return requireNoHoles(dataBytes);
        }

        private void parseMetadata() {
            json.beginObject(METADATA);
            while (json.hasNext()) {
                String key = json.nextName();
                String text = json.nextString(METADATA + "." + Printable.text(key));
                require(
                        metadata.put(key, text) == null,
                        METADATA + ": got the key " + StrictJson.quoted(key) + " twice");
            }
            json.endObject();
        }

        private Entry parseEntry(String where) {
            Type type = null;
            long[] shape = null;
            long[] offsets = null;
            json.beginObject(where);
            while (json.hasNext()) {
                String key = json.nextName();
                switch (key) {
                    case "dtype" -> {
                        require(type == null, where + ": got the key 'dtype' twice");
                        type = type(where, json.nextString(where + ".dtype"));
                    }
                    case "shape" -> {
                        require(shape == null, where + ": got the key 'shape' twice");
                        shape = parseExtents(where + ".shape", MAX_RANK);
                    }
                    case "data_offsets" -> {
                        require(offsets == null, where + ": got the key 'data_offsets' twice");
                        offsets = parseExtents(where + ".data_offsets", 2);
                    }
                    default ->
                        throw problem(where + ": got the key " + StrictJson.quoted(key)
                                + ", expected dtype, shape and data_offsets");
                }
            }
            json.endObject();
            require(
                    type != null && shape != null && offsets != null,
                    where + ": got an incomplete entry, expected dtype, shape and data_offsets");
            require(
                    offsets.length == 2 && offsets[0] <= offsets[1],
                    where + ".data_offsets: got " + Arrays.toString(offsets)
                            + ", expected [begin, end] with begin <= end");
            long elements = elements(where, shape);
            long bytes = offsets[1] - offsets[0];
            require(
                    elements <= Long.MAX_VALUE / type.bytes && bytes == elements * type.bytes,
                    where + ": got " + bytes + " bytes, expected those of " + type + Arrays.toString(shape));
            return new Entry(type, shape, elements, offsets[0], offsets[1]);
        }

        private Type type(String where, String text) {
            for (Type type : Type.values()) {
                if (type.name().equals(text)) {
                    return type;
                }
            }
            throw problem(where + ".dtype: got " + StrictJson.quoted(text) + ", expected one of "
                    + Arrays.toString(Type.values()));
        }

        private long elements(String where, long[] shape) {
            long elements = 1;
            // A zero anywhere makes the product 0, whatever the other extents would overflow to.
            if (Arrays.stream(shape).anyMatch(extent -> extent == 0)) {
                return 0;
            }
            for (long extent : shape) {
                require(
                        extent <= Long.MAX_VALUE / elements,
                        where + ".shape: got " + Arrays.toString(shape) + ", more than 2^63 elements");
                elements *= extent;
            }
            return elements;
        }

        private long[] parseExtents(String where, int limit) {
            List<Long> values = new ArrayList<>();
            json.beginArray(where);
            while (json.hasNext()) {
                require(values.size() < limit, where + ": got more than " + limit + " numbers");
                values.add(natural(where, json.nextNumber(where)));
            }
            json.endArray();
            return values.stream().mapToLong(Long::longValue).toArray();
        }

        private long natural(String where, String text) {
            try {
                long value = Long.parseLong(text);
                require(value >= 0, where + ": got " + text + ", expected a whole number >= 0");
                return value;
            } catch (NumberFormatException notWhole) {
                throw new GoldenFormatException(
                        file,
                        where + ": got " + Printable.text(text) + ", expected a whole number from 0 to 2^63 - 1",
                        notWhole);
            }
        }

        private List<Map.Entry<String, Entry>> requireNoHoles(long dataBytes) {
            long end = 0;
            String previous = "the data's start";
            List<Map.Entry<String, Entry>> inOrder = entries.entrySet().stream()
                    .sorted(Comparator.comparingLong((Map.Entry<String, Entry> entry) ->
                                    entry.getValue().begin())
                            .thenComparingLong(entry -> entry.getValue().end()))
                    .toList();
            for (Map.Entry<String, Entry> named : inOrder) {
                Entry entry = named.getValue();
                String where = "tensor " + StrictJson.quoted(named.getKey());
                require(
                        entry.begin() == end,
                        where + ": got data from " + entry.begin() + ", expected from " + end + ", the end of "
                                + previous + " (no overlap, no hole)");
                require(
                        entry.end() <= dataBytes,
                        where + ": got data to " + entry.end() + ", expected at most " + dataBytes
                                + ", the file's end");
                end = entry.end();
                previous = where;
            }
            require(
                    end == dataBytes,
                    "got " + (dataBytes - end) + " bytes after the last tensor, expected the file to end there");
            return inOrder;
        }

        private void require(boolean condition, String problem) {
            if (!condition) {
                throw problem(problem);
            }
        }

        private GoldenFormatException problem(String problem) {
            return new GoldenFormatException(file, problem);
        }
    }
}
