// SPDX-License-Identifier: Apache-2.0
package org.qlif.io;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
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
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.Tensor;
import org.qlif.spi.Printable;

/**
 * A file in the safetensors format: 8 bytes of little-endian header length, a JSON object that gives each tensor's type, shape and place,
 * then the data, without gaps. Files are not trusted: any deviation throws {@link FileFormatException}. Types are F32, I64, U8 and BOOL,
 * which is read as U8. Immutable and thread-safe.
 *
 * <pre>{@code
 * Safetensors.write(Path.of("run.safetensors"), Map.of("title", "a run"), Map.of("current", input, "spikes", spikeValues));
 * Safetensors file = Safetensors.read(Path.of("run.safetensors"));
 * long[] shape = file.shape("current");
 * float[] values = file.tensor("current").toFloatArray();
 * }</pre>
 */
public final class Safetensors {
    /** The maximum length of a header in bytes, so that a hostile file can't fill the heap. */
    public static final int MAX_HEADER_BYTES = 1 << 24;

    /** The maximum length of a file in bytes, unless another one is given. */
    public static final long MAX_FILE_BYTES = 1L << 35;

    private static final int MAX_RANK = 8;
    /** A cache line, which is best for vector loads. */
    private static final long ALIGNMENT = 64;

    /** The number of bytes that are read or written at a time. */
    private static final int PIECE = 1 << 20;

    private static final String METADATA = "__metadata__";

    /** The element types that are read and, except for BOOL, written. */
    private enum Type {
        F32(DType.F32, 4),
        I64(DType.I64, 8),
        U8(DType.U8, 1),
        BOOL(DType.U8, 1);

        final DType read;
        final int bytes;

        Type(DType read, int bytes) {
            this.read = read;
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
     * Reads {@code file} and checks the whole header. The memory lives as long as the result is reachable.
     *
     * @throws FileFormatException if it is not a safetensors file of known types, or longer than {@value #MAX_FILE_BYTES} bytes
     * @throws IOException if it can't be read, or there is no memory for it
     */
    public static Safetensors read(Path file) throws IOException {
        return read(file, Arena.ofAuto(), MAX_FILE_BYTES);
    }

    /**
     * Reads {@code file} into memory of {@code arena}, which is the tensors' lifetime.
     *
     * @param file the file
     * @param arena allocates the memory
     * @param most the longest file that is read, in bytes; a longer one is refused unread
     * @throws FileFormatException if it is not a safetensors file of known types, or too long
     * @throws IOException if it can't be read, or there is no memory for it
     */
    public static Safetensors read(Path file, Arena arena, long most) throws IOException {
        try (FileChannel channel = open(file, most)) {
            return read(file, channel, channel.size(), arena);
        }
    }

    /** Opens a regular file of at most {@code most} bytes. */
    static FileChannel open(Path file, long most) throws IOException {
        // Opening a pipe waits for its other end, and a device may never end.
        if (!Files.readAttributes(file, BasicFileAttributes.class).isRegularFile()) {
            throw new FileFormatException(
                    file,
                    "got " + (Files.isDirectory(file) ? "a folder" : "a pipe, socket or device")
                            + ", expected a regular file");
        }
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        try {
            if (channel.size() > most) {
                throw new FileFormatException(file, "got " + channel.size() + " bytes, expected at most " + most);
            }
            return channel;
        } catch (IOException refusal) {
            channel.close();
            throw refusal;
        }
    }

    /** Reads {@code size} bytes from {@code channel}. */
    static Safetensors read(Path file, ReadableByteChannel channel, long size, Arena arena) throws IOException {
        if (size < Long.BYTES) {
            throw new FileFormatException(file, "got " + size + " bytes, expected at least 8 for the header's length");
        }
        ByteBuffer prefix = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        fill(file, channel, prefix, size);
        long length = prefix.getLong(0);
        long available = size - Long.BYTES;
        if (length < 2 || length > MAX_HEADER_BYTES || length > available) {
            requireNoOther(file, prefix.array());
            throw new FileFormatException(
                    file,
                    "header length: got " + Long.toUnsignedString(length) + ", expected 2 to "
                            + Math.min(MAX_HEADER_BYTES, available)
                            + "; the file is truncated or not a safetensors file");
        }
        ByteBuffer header = ByteBuffer.allocate((int) length);
        fill(file, channel, header, size);
        if (header.get(0) != '{') {
            requireNoOther(file, prefix.array());
            String start = Character.isISOControl(header.get(0)) || header.get(0) < 0
                    ? String.format("byte 0x%02X", header.get(0))
                    : quoted(Character.toString(header.get(0)));
            throw new FileFormatException(file, "header: got " + start + " at its start, expected '{'");
        }
        HeaderParser parser = new HeaderParser(file, decode(file, header.flip()));
        List<Map.Entry<String, Entry>> inOrder = parser.parse(available - length);
        return new Safetensors(file, parser.entries, parser.metadata, load(file, channel, inOrder, size, arena));
    }

    /** Throws if a file begins like one of another format that people mistake for this one. */
    private static void requireNoOther(Path file, byte[] start) throws FileFormatException {
        String kind = kind(start);
        if (kind != null) {
            throw new FileFormatException(file, "got " + kind + ", expected a safetensors file");
        }
    }

    /** The format of a file with these first eight bytes, if it is one that people mistake for a file of tensors; else null. */
    static @Nullable String kind(byte[] start) {
        int first = start[0] & 0xff;
        int second = start[1] & 0xff;
        if (first == 0x80 && second >= 2 && second <= 5) {
            return "a Python pickle, which is code that would run";
        } else if (first == 'P' && second == 'K') {
            return "a zip archive, as torch.save (a pickle) and numpy.savez write";
        } else if (first == 0x89 && second == 'H' && start[2] == 'D' && start[3] == 'F') {
            return "an HDF5 file";
        } else if (first == 0x93 && second == 'N' && start[2] == 'U') {
            return "a .npy file";
        } else if (first == 0x1f && second == 0x8b) {
            return "a gzip file";
        }
        return null;
    }

    /**
     * Reads the tensors one after the other, each to memory aligned for its type, as it need not be in the file. Mapping the file would
     * save this copy, but crash the thread if the file is truncated later.
     */
    private static Map<String, MemorySegment> load(
            Path file, ReadableByteChannel channel, List<Map.Entry<String, Entry>> inOrder, long size, Arena arena)
            throws IOException {
        long total = 0;
        for (Map.Entry<String, Entry> each : inOrder) {
            total += aligned(each.getValue().bytes());
        }
        MemorySegment memory;
        try {
            memory = arena.allocate(total, ALIGNMENT);
        } catch (OutOfMemoryError full) {
            throw new IOException(Printable.path(file) + ": no memory for its " + total + " bytes", full);
        }
        Map<String, MemorySegment> data = new HashMap<>();
        long at = 0;
        for (Map.Entry<String, Entry> each : inOrder) {
            Entry entry = each.getValue();
            MemorySegment place = memory.asSlice(at, entry.bytes());
            // A buffer has at most 2^31 - 1 bytes.
            for (long done = 0; done < place.byteSize(); done += PIECE) {
                long length = Math.min(PIECE, place.byteSize() - done);
                fill(file, channel, place.asSlice(done, length).asByteBuffer(), size);
            }
            if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
                reverse(place, entry.type().bytes);
            }
            if (entry.type() == Type.BOOL) {
                requireBooleans(file, "tensor " + quoted(each.getKey()) + ": ", place);
            }
            data.put(each.getKey(), place.asReadOnly());
            at += aligned(entry.bytes());
        }
        return data;
    }

    /** Reverses the bytes of each element. */
    private static void reverse(MemorySegment values, int bytes) {
        for (long i = 0; bytes == Integer.BYTES && i < values.byteSize() / bytes; i++) {
            values.setAtIndex(
                    ValueLayout.JAVA_INT, i, Integer.reverseBytes(values.getAtIndex(ValueLayout.JAVA_INT, i)));
        }
        for (long i = 0; bytes == Long.BYTES && i < values.byteSize() / bytes; i++) {
            values.setAtIndex(ValueLayout.JAVA_LONG, i, Long.reverseBytes(values.getAtIndex(ValueLayout.JAVA_LONG, i)));
        }
    }

    /** Throws unless all are 0 or 1; {@code where} is the prefix of the message. */
    static void requireBooleans(Path file, String where, MemorySegment values) throws FileFormatException {
        for (long i = 0; i < values.byteSize(); i++) {
            byte value = values.get(ValueLayout.JAVA_BYTE, i);
            if (value != 0 && value != 1) {
                throw new FileFormatException(
                        file, where + "got " + (value & 0xff) + " at index " + i + ", expected 0 or 1");
            }
        }
    }

    private static long aligned(long bytes) {
        return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }

    static void fill(Path file, ReadableByteChannel channel, ByteBuffer target, long size) throws IOException {
        while (target.hasRemaining()) {
            if (channel.read(target) < 0) {
                throw new FileFormatException(
                        file,
                        "got the end of the file before the " + size
                                + " bytes that it had before: it was truncated while it was read");
            }
        }
    }

    private static String decode(Path file, ByteBuffer header) throws FileFormatException {
        try {
            // A new decoder reports malformed input; the charset's own decode() would replace it.
            return StandardCharsets.UTF_8.newDecoder().decode(header).toString();
        } catch (CharacterCodingException notUtf8) {
            throw new FileFormatException(file, "header: got bytes that are not UTF-8, expected UTF-8", notUtf8);
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

    /**
     * The shape of tensor {@code name}.
     *
     * @throws IllegalArgumentException if there is none
     */
    public long[] shape(String name) {
        return entry(name).shape().clone();
    }

    /**
     * The element type of tensor {@code name}.
     *
     * @throws IllegalArgumentException if there is none
     */
    public DType type(String name) {
        return entry(name).type().read;
    }

    /**
     * Tensor {@code name}, in read-only memory.
     *
     * @throws IllegalArgumentException if there is none
     */
    public Tensor tensor(String name) {
        Entry entry = entry(name);
        return Tensor.of(entry.type().read, Objects.requireNonNull(data.get(name)), entry.shape());
    }

    private Entry entry(String name) {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new IllegalArgumentException("name: got " + quoted(name) + ", expected a tensor of "
                    + Printable.path(file) + ", one of " + Printable.text(names().toString()));
        }
        return entry;
    }

    /** A name of the file as shown in messages. */
    static String quoted(String name) {
        return "'" + Printable.text(name) + "'";
    }

    /**
     * Writes a file. An existing file is replaced once the new one is complete. Equal content gives equal bytes: metadata and tensors have
     * the order of their maps, except that tensors of longer elements come first, so that all are aligned.
     *
     * @param file the file
     * @param metadata any strings
     * @param tensors F32, I64 or U8, by name
     * @throws IOException if it can't be written; an existing file is unchanged
     * @throws IllegalArgumentException if a tensor has another type, a name is {@code __metadata__} or not valid Unicode, or the header
     *     would be longer than {@value #MAX_HEADER_BYTES} bytes; nothing is written
     * @throws IllegalStateException if a tensor is in a device's memory; nothing is written
     */
    public static void write(Path file, Map<String, String> metadata, Map<String, Tensor> tensors) throws IOException {
        write(OutputFile.prepare("file", file), metadata, tensors);
    }

    /**
     * Writes a prepared file, otherwise as {@link #write(Path, Map, Map)}.
     *
     * @param file the file
     * @param metadata any strings
     * @param tensors F32, I64 or U8, by name
     * @throws IOException if it can't be written; an existing file is unchanged
     */
    public static void write(OutputFile file, Map<String, String> metadata, Map<String, Tensor> tensors)
            throws IOException {
        List<Map.Entry<String, Tensor>> inOrder = tensors.entrySet().stream()
                .sorted(Comparator.comparingInt(each -> -written(each.getKey(), each.getValue()).bytes))
                .toList();
        byte[] header = header(metadata, inOrder).getBytes(StandardCharsets.UTF_8);
        if (header.length > MAX_HEADER_BYTES) {
            throw new IllegalArgumentException("metadata, tensors: got a header of " + header.length
                    + " bytes, expected at most " + MAX_HEADER_BYTES);
        }
        // All are checked before the first is written.
        List<MemorySegment> data =
                inOrder.stream().map(each -> each.getValue().segment()).toList();
        file.write(channel -> {
            ByteBuffer start = ByteBuffer.allocate(Long.BYTES + header.length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(header.length)
                    .put(header)
                    .flip();
            drain(channel, start);
            for (int i = 0; i < data.size(); i++) {
                write(channel, inOrder.get(i).getValue(), data.get(i));
            }
        });
    }

    private static Type written(String name, Tensor tensor) {
        return switch (tensor.type()) {
            case F32 -> Type.F32;
            case I64 -> Type.I64;
            case U8 -> Type.U8;
            case F16, BF16, BIT ->
                throw new IllegalArgumentException(quoted(name) + ": got " + tensor + ", expected F32, I64 or U8");
        };
    }

    private static String header(Map<String, String> metadata, List<Map.Entry<String, Tensor>> tensors) {
        StringBuilder json = new StringBuilder("{");
        if (!metadata.isEmpty()) {
            json.append('"').append(METADATA).append("\":{");
            metadata.forEach((key, value) -> {
                json.append(json.charAt(json.length() - 1) == '{' ? "" : ",");
                appendText(json, key);
                json.append(':');
                appendText(json, value);
            });
            json.append('}');
        }
        long at = 0;
        for (Map.Entry<String, Tensor> each : tensors) {
            if (each.getKey().equals(METADATA)) {
                throw new IllegalArgumentException("tensors: got the name '" + METADATA + "', expected another");
            }
            json.append(json.length() == 1 ? "" : ",");
            appendText(json, each.getKey());
            Type type = written(each.getKey(), each.getValue());
            long end = at + each.getValue().elements() * type.bytes;
            json.append(":{\"dtype\":\"").append(type).append("\",\"shape\":");
            json.append(Arrays.toString(each.getValue().shape()).replace(" ", ""));
            json.append(",\"data_offsets\":[")
                    .append(at)
                    .append(',')
                    .append(end)
                    .append("]}");
            at = end;
        }
        json.append('}');
        int bytes = json.toString().getBytes(StandardCharsets.UTF_8).length;
        return json.append(" ".repeat(Math.floorMod(-bytes, Long.BYTES))).toString();
    }

    private static void appendText(StringBuilder json, String text) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new IllegalArgumentException(
                    "metadata, tensors: got " + quoted(text) + ", expected Unicode text without unpaired surrogates");
        }
        json.append('"');
        for (char each : text.toCharArray()) {
            if (each == '"' || each == '\\') {
                json.append('\\').append(each);
            } else if (each < ' ') {
                json.append(String.format("\\u%04x", (int) each));
            } else {
                json.append(each);
            }
        }
        json.append('"');
    }

    static void write(WritableByteChannel channel, Tensor tensor, MemorySegment data) throws IOException {
        boolean reversed = ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN && tensor.type() != DType.U8;
        for (long at = 0; at < data.byteSize(); at += PIECE) {
            MemorySegment piece = data.asSlice(at, Math.min(PIECE, data.byteSize() - at));
            // A copy, since the segment of an array of numbers has no byte buffer.
            MemorySegment bytes =
                    MemorySegment.ofArray(new byte[(int) piece.byteSize()]).copyFrom(piece);
            if (reversed) {
                MemorySegment aligned =
                        Arena.ofAuto().allocate(piece.byteSize(), Long.BYTES).copyFrom(piece);
                reverse(aligned, tensor.type() == DType.F32 ? Integer.BYTES : Long.BYTES);
                bytes.copyFrom(aligned);
            }
            drain(channel, bytes.asByteBuffer());
        }
    }

    static void drain(WritableByteChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /** Walks the header. */
    private static final class HeaderParser {
        private final Path file;
        private final HeaderJson json;
        private final Map<String, Entry> entries = new LinkedHashMap<>();
        private final Map<String, String> metadata = new LinkedHashMap<>();

        HeaderParser(Path file, String header) {
            this.file = file;
            this.json = new HeaderJson(file, header);
        }

        /** Stores the content of the header, and returns the tensors in the order of their data. */
        List<Map.Entry<String, Entry>> parse(long dataBytes) throws FileFormatException {
            boolean metadataSeen = false;
            json.beginObject("header");
            while (json.hasNext('}')) {
                String name = json.nextName();
                if (name.equals(METADATA)) {
                    require(!metadataSeen, "header: got the key '" + METADATA + "' twice");
                    metadataSeen = true;
                    parseMetadata();
                } else {
                    String where = "tensor " + quoted(name);
                    require(!entries.containsKey(name), "header: got the " + where + " twice");
                    entries.put(name, parseEntry(where));
                }
            }
            json.end();
            return requireNoHoles(dataBytes);
        }

        private void parseMetadata() throws FileFormatException {
            json.beginObject(METADATA);
            while (json.hasNext('}')) {
                String key = json.nextName();
                String text = json.nextString(METADATA + "." + Printable.text(key));
                require(metadata.put(key, text) == null, METADATA + ": got the key " + quoted(key) + " twice");
            }
        }

        private Entry parseEntry(String where) throws FileFormatException {
            @Nullable Type type = null;
            long @Nullable [] shape = null;
            long @Nullable [] offsets = null;
            json.beginObject(where);
            while (json.hasNext('}')) {
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
                        throw problem(
                                where + ": got the key " + quoted(key) + ", expected dtype, shape and data_offsets");
                }
            }
            if (type == null || shape == null || offsets == null) {
                throw problem(where + ": got an incomplete entry, expected dtype, shape and data_offsets");
            }
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

        private Type type(String where, String text) throws FileFormatException {
            for (Type type : Type.values()) {
                if (type.name().equals(text)) {
                    return type;
                }
            }
            throw problem(
                    where + ".dtype: got " + quoted(text) + ", expected one of " + Arrays.toString(Type.values()));
        }

        private long elements(String where, long[] shape) throws FileFormatException {
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

        private long[] parseExtents(String where, int limit) throws FileFormatException {
            List<Long> values = new ArrayList<>();
            json.beginArray(where);
            while (json.hasNext(']')) {
                require(values.size() < limit, where + ": got more than " + limit + " numbers");
                values.add(json.nextNatural(where));
            }
            return values.stream().mapToLong(Long::longValue).toArray();
        }

        private List<Map.Entry<String, Entry>> requireNoHoles(long dataBytes) throws FileFormatException {
            long end = 0;
            String previous = "the data's start";
            List<Map.Entry<String, Entry>> inOrder = entries.entrySet().stream()
                    .sorted(Comparator.comparingLong((Map.Entry<String, Entry> entry) ->
                                    entry.getValue().begin())
                            .thenComparingLong(entry -> entry.getValue().end()))
                    .toList();
            for (Map.Entry<String, Entry> named : inOrder) {
                Entry entry = named.getValue();
                String where = "tensor " + quoted(named.getKey());
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

        private void require(boolean condition, String problem) throws FileFormatException {
            if (!condition) {
                throw problem(problem);
            }
        }

        private FileFormatException problem(String problem) {
            return new FileFormatException(file, problem);
        }
    }
}
