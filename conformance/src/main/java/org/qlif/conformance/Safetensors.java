package org.qlif.conformance;

import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.IOException;
import java.io.StringReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A file in the safetensors format, read without trust: 8 bytes of little-endian header length, a JSON object that gives each
 * tensor's type, shape and place, then the data, without holes. Whatever is not so throws {@link GoldenFormatException};
 * memory taken is bounded by {@value #MAX_HEADER_BYTES} bytes of header and by what the caller asks for.
 */
public final class Safetensors {
    /** Golden headers take a few KiB; the bound keeps a hostile one from filling the heap. */
    static final int MAX_HEADER_BYTES = 1 << 20;

    private static final int MAX_RANK = 8;
    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
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

    private record Entry(Type type, long[] shape, long elements, long begin, long end) {}

    private final Path file;
    private final Map<String, Entry> entries;
    private final Map<String, String> metadata;
    private final MemorySegment data;

    private Safetensors(Path file, Map<String, Entry> entries, Map<String, String> metadata, MemorySegment data) {
        this.file = file;
        this.entries = Collections.unmodifiableMap(entries);
        this.metadata = Collections.unmodifiableMap(metadata);
        this.data = data;
    }

    /**
     * Opens {@code file} and checks all of its header. The file stays mapped as long as the result is reachable.
     *
     * @throws GoldenFormatException if it is not a safetensors file of known types
     * @throws IOException if it can't be read
     */
    public static Safetensors read(Path file) throws IOException {
        MemorySegment bytes;
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto());
        }
        if (bytes.byteSize() < Long.BYTES) {
            throw new GoldenFormatException(
                    file, "got " + bytes.byteSize() + " bytes, expected at least 8 for the header's length");
        }
        long length = bytes.get(LENGTH, 0);
        long available = bytes.byteSize() - Long.BYTES;
        if (length < 2 || length > MAX_HEADER_BYTES || length > available) {
            throw new GoldenFormatException(
                    file,
                    "header length: got " + Long.toUnsignedString(length) + ", expected 2 to "
                            + Math.min(MAX_HEADER_BYTES, available));
        }
        String header = decode(file, bytes.asSlice(Long.BYTES, length));
        if (header.charAt(0) != '{') {
            throw new GoldenFormatException(file, "header: got '" + header.charAt(0) + "' at its start, expected '{'");
        }
        MemorySegment data = bytes.asSlice(Long.BYTES + length);
        return new HeaderParser(file, header).parse(data);
    }

    private static String decode(Path file, MemorySegment header) {
        try {
            // A new decoder reports malformed input; the charset's own decode() would replace it.
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(header.asByteBuffer())
                    .toString();
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

    /** A new array with the elements of the F32 tensor {@code name}. */
    public float[] floats(String name) {
        Entry entry = typed(name, Type.F32);
        return data.asSlice(entry.begin(), entry.end() - entry.begin()).toArray(FLOAT);
    }

    /** A new array with the elements of the U8 tensor {@code name}. */
    public byte[] bytes(String name) {
        Entry entry = typed(name, Type.U8);
        return data.asSlice(entry.begin(), entry.end() - entry.begin()).toArray(ValueLayout.JAVA_BYTE);
    }

    private Entry typed(String name, Type type) {
        Entry entry = entry(name);
        if (entry.type() != type) {
            throw new GoldenFormatException(
                    file, "tensor '" + name + "': got type " + entry.type() + ", expected " + type);
        }
        if (entry.elements() > Integer.MAX_VALUE - 8) {
            throw new GoldenFormatException(
                    file, "tensor '" + name + "': got " + entry.elements() + " elements, more than an array holds");
        }
        return entry;
    }

    private Entry entry(String name) {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new GoldenFormatException(file, "tensor '" + name + "' is missing");
        }
        return entry;
    }

    /** Walks the header as a stream, so that nesting costs no stack and duplicate keys are seen. */
    private static final class HeaderParser {
        private final Path file;
        private final JsonReader json;
        private final Map<String, Entry> entries = new LinkedHashMap<>();
        private final Map<String, String> metadata = new LinkedHashMap<>();

        HeaderParser(Path file, String header) {
            this.file = file;
            this.json = new JsonReader(new StringReader(header));
            json.setStrictness(Strictness.STRICT);
        }

        Safetensors parse(MemorySegment data) {
            try {
                boolean metadataSeen = false;
                json.beginObject();
                while (json.hasNext()) {
                    String name = json.nextName();
                    if (name.equals(METADATA)) {
                        require(!metadataSeen, "header: got the key '" + METADATA + "' twice");
                        metadataSeen = true;
                        parseMetadata();
                    } else {
                        require(!entries.containsKey(name), "header: got the tensor '" + name + "' twice");
                        entries.put(name, parseEntry(name));
                    }
                }
                json.endObject();
                expect(JsonToken.END_DOCUMENT, "after the header's object");
            } catch (MalformedJsonException | JsonParseException bad) {
                throw new GoldenFormatException(file, "header: got bad JSON, " + bad.getMessage(), bad);
            } catch (IOException ended) {
                throw new GoldenFormatException(file, "header: got JSON that ends early, " + ended.getMessage(), ended);
            }
            requireNoHoles(data.byteSize());
            return new Safetensors(file, entries, metadata, data);
        }

        private void parseMetadata() throws IOException {
            expect(JsonToken.BEGIN_OBJECT, METADATA);
            json.beginObject();
            while (json.hasNext()) {
                String key = json.nextName();
                expect(JsonToken.STRING, METADATA + "." + key);
                require(metadata.put(key, json.nextString()) == null, METADATA + ": got the key '" + key + "' twice");
            }
            json.endObject();
        }

        private Entry parseEntry(String name) throws IOException {
            String where = "tensor '" + name + "'";
            Type type = null;
            long[] shape = null;
            long[] offsets = null;
            expect(JsonToken.BEGIN_OBJECT, where);
            json.beginObject();
            while (json.hasNext()) {
                String key = json.nextName();
                switch (key) {
                    case "dtype" -> {
                        require(type == null, where + ": got the key 'dtype' twice");
                        expect(JsonToken.STRING, where + ".dtype");
                        type = type(where, json.nextString());
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
                        throw problem(where + ": got the key '" + key + "', expected dtype, shape and data_offsets");
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
            throw problem(where + ".dtype: got '" + text + "', expected one of " + Arrays.toString(Type.values()));
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

        private long[] parseExtents(String where, int limit) throws IOException {
            List<Long> values = new ArrayList<>();
            expect(JsonToken.BEGIN_ARRAY, where);
            json.beginArray();
            while (json.hasNext()) {
                require(values.size() < limit, where + ": got more than " + limit + " numbers");
                expect(JsonToken.NUMBER, where);
                values.add(natural(where, json.nextString()));
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
                        file, where + ": got " + text + ", expected a whole number from 0 to 2^63 - 1", notWhole);
            }
        }

        private void requireNoHoles(long dataBytes) {
            long end = 0;
            String previous = "the data's start";
            List<Map.Entry<String, Entry>> inOrder = entries.entrySet().stream()
                    .sorted(Comparator.comparingLong((Map.Entry<String, Entry> entry) ->
                                    entry.getValue().begin())
                            .thenComparingLong(entry -> entry.getValue().end()))
                    .toList();
            for (Map.Entry<String, Entry> named : inOrder) {
                Entry entry = named.getValue();
                String where = "tensor '" + named.getKey() + "'";
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
        }

        private void expect(JsonToken expected, String where) throws IOException {
            JsonToken got = json.peek();
            require(got == expected, where + ": got " + got + ", expected " + expected);
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
