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
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.Tensor;
import org.qlif.spi.Printable;

/**
 * Files of one array in NumPy's format, {@code .npy}. Files are not trusted: everything is checked. Versions 1 to 3 are read, in either
 * byte order and in C or Fortran order; version 1 is written.
 *
 * <p>Floating-point numbers of 16, 32 or 64 bits are read as {@link DType#F32}, the last rounded; {@code uint8} and {@code bool} as {@link
 * DType#U8}, other integers but {@code uint64} as {@link DType#I64}.
 *
 * <pre>{@code
 * Npy.write(Path.of("input.npy"), input);
 * Tensor read = Npy.read(Path.of("current.npy"));
 * float[] current = read.toFloatArray();
 * }</pre>
 */
public final class Npy {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};

    /** Far more than any header needs: rank 32 in decimal digits takes fewer than 700 bytes. */
    private static final int MAX_HEADER_BYTES = 1 << 16;

    private static final int MAX_RANK = 8;

    /** The number of elements that are converted at a time. */
    private static final int PIECE = 1 << 17;

    /** The alignment of the data in the file. */
    private static final int ALIGNMENT = 64;

    private static final Pattern ENTRY = Pattern.compile(
            "\\s*'(descr|fortran_order|shape)'\\s*:\\s*('[^']*'|True|False|\\([0-9,\\s]*\\)|\\[.*])\\s*(,|$)",
            Pattern.DOTALL);

    /** Converts the bytes of one element. */
    private interface Element {
        void read(ByteBuffer from, MemorySegment to, long index);
    }

    private enum Type {
        F2(DType.F32, 2, (from, to, i) -> putFloat(to, i, Float.float16ToFloat(from.getShort()))),
        F4(DType.F32, 4, (from, to, i) -> putFloat(to, i, from.getFloat())),
        F8(DType.F32, 8, (from, to, i) -> putFloat(to, i, (float) from.getDouble())),
        I1(DType.I64, 1, (from, to, i) -> putLong(to, i, from.get())),
        I2(DType.I64, 2, (from, to, i) -> putLong(to, i, from.getShort())),
        I4(DType.I64, 4, (from, to, i) -> putLong(to, i, from.getInt())),
        I8(DType.I64, 8, (from, to, i) -> putLong(to, i, from.getLong())),
        U2(DType.I64, 2, (from, to, i) -> putLong(to, i, from.getShort() & 0xffff)),
        U4(DType.I64, 4, (from, to, i) -> putLong(to, i, from.getInt() & 0xffff_ffffL)),
        U1(DType.U8, 1, (from, to, i) -> to.set(ValueLayout.JAVA_BYTE, i, from.get())),
        B1(DType.U8, 1, (from, to, i) -> to.set(ValueLayout.JAVA_BYTE, i, from.get()));

        private final DType read;
        private final int bytes;
        private final Element element;

        Type(DType read, int bytes, Element element) {
            this.read = read;
            this.bytes = bytes;
            this.element = element;
        }

        private static void putFloat(MemorySegment to, long index, float value) {
            to.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
        }

        private static void putLong(MemorySegment to, long index, long value) {
            to.setAtIndex(ValueLayout.JAVA_LONG, index, value);
        }
    }

    private record Header(Type type, ByteOrder order, boolean fortran, long[] shape) {}

    private Npy() {}

    /**
     * Reads {@code file}. The tensor's memory lives as long as the tensor is reachable.
     *
     * @throws FileFormatException if it is not a .npy file of a known type, or longer than {@value Safetensors#MAX_FILE_BYTES} bytes
     * @throws IOException if it can't be read, or there is no memory for it
     */
    public static Tensor read(Path file) throws IOException {
        return read(file, Safetensors.MAX_FILE_BYTES);
    }

    /**
     * Reads {@code file}, as {@link #read(Path)}.
     *
     * @param file the file
     * @param most the longest file that is read, in bytes; a longer one is refused unread
     * @throws FileFormatException if it is not a .npy file of a known type, or too long
     * @throws IOException if it can't be read, or there is no memory for it
     */
    public static Tensor read(Path file, long most) throws IOException {
        try (FileChannel channel = Safetensors.open(file, most)) {
            return read(file, channel, channel.size());
        }
    }

    private static Tensor read(Path file, ReadableByteChannel channel, long size) throws IOException {
        ByteBuffer start = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        if (size < 10) {
            throw new FileFormatException(file, "got " + size + " bytes, expected a .npy file");
        }
        Safetensors.fill(file, channel, start, size);
        if (!Arrays.equals(start.array(), 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
            String kind = Safetensors.kind(start.array());
            throw new FileFormatException(
                    file,
                    "got " + (kind == null ? "other bytes at its start" : kind)
                            + ", expected a .npy file, which starts with \\x93NUMPY");
        }
        int version = start.get(6);
        if (version < 1 || version > 3 || start.get(7) != 0) {
            throw new FileFormatException(
                    file, "version: got " + version + "." + start.get(7) + ", expected 1.0, 2.0 or 3.0");
        }
        int prefix = version == 1 ? Short.BYTES : Integer.BYTES;
        ByteBuffer length = ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        Safetensors.fill(file, channel, length.limit(prefix), size);
        int headerBytes = length.clear().getInt();
        long available = size - start.capacity() - prefix;
        if (headerBytes < 2 || headerBytes > Math.min(MAX_HEADER_BYTES, available)) {
            throw new FileFormatException(
                    file,
                    "header length: got " + Integer.toUnsignedString(headerBytes) + ", expected 2 to "
                            + Math.min(MAX_HEADER_BYTES, available));
        }
        ByteBuffer header = ByteBuffer.allocate(headerBytes);
        Safetensors.fill(file, channel, header, size);
        // Only names of fields, which are refused, can contain other letters.
        Header parsed = parse(file, new String(header.array(), StandardCharsets.ISO_8859_1));
        return load(file, channel, size, available - headerBytes, parsed);
    }

    private static Header parse(Path file, String header) throws FileFormatException {
        String text = header.strip();
        if (!text.startsWith("{") || !text.endsWith("}")) {
            throw new FileFormatException(file, "header: got " + quoted(text) + ", expected a dictionary");
        }
        @Nullable String descr = null;
        @Nullable String order = null;
        @Nullable String shape = null;
        String body = text.substring(1, text.length() - 1).strip();
        Matcher entry = ENTRY.matcher(body);
        int at = 0;
        while (at < body.length()) {
            if (!entry.find(at) || entry.start() != at) {
                throw new FileFormatException(
                        file,
                        "header: got " + quoted(body.substring(at).strip())
                                + ", expected the keys descr, fortran_order and shape");
            }
            String value = entry.group(2);
            boolean twice;
            switch (entry.group(1)) {
                case "descr" -> {
                    twice = descr != null;
                    descr = value;
                }
                case "fortran_order" -> {
                    twice = order != null;
                    order = value;
                }
                default -> {
                    twice = shape != null;
                    shape = value;
                }
            }
            if (twice) {
                throw new FileFormatException(file, "header: got the key '" + entry.group(1) + "' twice");
            }
            at = entry.end();
        }
        if (descr == null || order == null || shape == null) {
            throw new FileFormatException(
                    file, "header: got " + quoted(text) + ", expected the keys descr, fortran_order and shape");
        }
        if (!order.equals("True") && !order.equals("False")) {
            throw new FileFormatException(file, "fortran_order: got " + quoted(order) + ", expected True or False");
        }
        Matcher type = Pattern.compile("'([<>|=]?)([fiub][1248])'").matcher(descr);
        if (!type.matches() || !isKnown(type.group(2))) {
            throw new FileFormatException(
                    file,
                    "descr: got " + quoted(descr) + ", expected one of "
                            + Stream.of(Type.values())
                                    .map(known -> known.name().toLowerCase(Locale.ROOT))
                                    .collect(Collectors.joining(", "))
                            + ", with < or > before it");
        }
        ByteOrder bytes = switch (type.group(1)) {
            case ">" -> ByteOrder.BIG_ENDIAN;
            case "=" -> ByteOrder.nativeOrder();
            default -> ByteOrder.LITTLE_ENDIAN;
        };
        return new Header(
                Type.valueOf(type.group(2).toUpperCase(Locale.ROOT)), bytes, order.equals("True"), shape(file, shape));
    }

    private static boolean isKnown(String type) {
        return Stream.of(Type.values()).anyMatch(known -> known.name().equalsIgnoreCase(type));
    }

    private static long[] shape(Path file, String text) throws FileFormatException {
        if (!text.startsWith("(")) {
            throw badShape(file, text);
        }
        String[] numbers = text.substring(1, text.length() - 1).split(",", -1);
        // There may be nothing after the last comma or between the parentheses.
        int rank = numbers[numbers.length - 1].isBlank() ? numbers.length - 1 : numbers.length;
        if (rank > MAX_RANK) {
            throw new FileFormatException(file, "shape: got " + rank + " axes, expected at most " + MAX_RANK);
        }
        long[] shape = new long[rank];
        for (int axis = 0; axis < rank; axis++) {
            String number = numbers[axis].strip();
            if (!number.matches("[0-9]{1,18}")) {
                throw badShape(file, text);
            }
            shape[axis] = Long.parseLong(number);
        }
        return shape;
    }

    private static FileFormatException badShape(Path file, String text) {
        return new FileFormatException(file, "shape: got " + quoted(text) + ", expected a tuple such as (500, 10)");
    }

    private static Tensor load(Path file, ReadableByteChannel channel, long size, long dataBytes, Header header)
            throws IOException {
        Type type = header.type();
        long[] shape = header.shape();
        long elements = elements(shape, dataBytes);
        if (elements > Long.MAX_VALUE / type.bytes || elements * type.bytes != dataBytes) {
            throw new FileFormatException(
                    file,
                    "got " + dataBytes + " bytes of data, expected those of "
                            + type.name().toLowerCase(Locale.ROOT) + " " + Arrays.toString(shape));
        }
        MemorySegment memory;
        try {
            memory = Arena.ofAuto().allocate(Tensor.byteSize(type.read, shape), ALIGNMENT);
        } catch (OutOfMemoryError full) {
            throw new IOException(Printable.path(file) + ": no memory for its " + elements + " elements", full);
        }
        Walk walk = new Walk(shape, header.fortran());
        ByteBuffer piece = ByteBuffer.allocate((int) Math.min(dataBytes, (long) PIECE * type.bytes))
                .order(header.order());
        for (long done = 0; done < elements; ) {
            piece.clear().limit((int) Math.min(piece.capacity(), (elements - done) * type.bytes));
            Safetensors.fill(file, channel, piece, size);
            piece.flip();
            while (piece.hasRemaining()) {
                type.element.read(piece, memory, walk.next());
                done++;
            }
        }
        if (type == Type.B1) {
            Safetensors.requireBooleans(file, "", memory);
        }
        return Tensor.of(type.read, memory, shape);
    }

    /** The product, or some number above {@code most} if it is larger. */
    private static long elements(long[] shape, long most) {
        long elements = 1;
        // A zero anywhere makes the product 0, whatever the other extents would overflow to.
        if (Arrays.stream(shape).anyMatch(extent -> extent == 0)) {
            return 0;
        }
        for (long extent : shape) {
            if (extent > most / elements) {
                return Long.MAX_VALUE;
            }
            elements *= extent;
        }
        return elements;
    }

    /** The indices in C order of elements that are stored in C or Fortran order. */
    private static final class Walk {
        private final long[] shape;
        private final boolean fortran;
        private final long[] strides;
        private final long[] index;
        private long place;

        Walk(long[] shape, boolean fortran) {
            this.shape = shape;
            this.fortran = fortran && shape.length > 1;
            index = new long[shape.length];
            strides = new long[shape.length];
            long stride = 1;
            for (int axis = shape.length - 1; axis >= 0; axis--) {
                strides[axis] = stride;
                stride *= shape[axis];
            }
        }

        long next() {
            long current = place;
            if (!fortran) {
                place++;
                return current;
            }
            for (int axis = 0; axis < shape.length; axis++) {
                place += strides[axis];
                if (++index[axis] < shape[axis]) {
                    break;
                }
                place -= strides[axis] * shape[axis];
                index[axis] = 0;
            }
            return current;
        }
    }

    /**
     * Writes {@code file}. An existing file is replaced once the new one is complete.
     *
     * @param file the file
     * @param tensor F32, I64 or U8 in the host's memory
     * @throws IllegalArgumentException if it has another type
     * @throws IllegalStateException if it is in the memory of a device
     * @throws IOException if it can't be written; an existing file is unchanged
     */
    public static void write(Path file, Tensor tensor) throws IOException {
        write(OutputFile.prepare("file", file), tensor);
    }

    /**
     * Writes a prepared file, otherwise as {@link #write(Path, Tensor)}.
     *
     * @param file the file
     * @param tensor F32, I64 or U8 in the host's memory
     * @throws IOException if it can't be written; an existing file is unchanged
     */
    public static void write(OutputFile file, Tensor tensor) throws IOException {
        byte[] header = header(tensor);
        MemorySegment data = tensor.segment();
        file.write(channel -> write(channel, header, tensor, data));
    }

    /**
     * Writes the content of such a file to {@code channel}, for instance as an entry of an .npz archive.
     *
     * @param channel where it goes
     * @param tensor F32, I64 or U8 in the host's memory
     * @throws IllegalArgumentException if it has another type
     * @throws IOException if it can't be written
     */
    public static void write(WritableByteChannel channel, Tensor tensor) throws IOException {
        write(channel, header(tensor), tensor, tensor.segment());
    }

    private static void write(WritableByteChannel channel, byte[] header, Tensor tensor, MemorySegment data)
            throws IOException {
        Safetensors.drain(channel, ByteBuffer.wrap(header));
        Safetensors.write(channel, tensor, data);
    }

    private static byte[] header(Tensor tensor) {
        String descr = switch (tensor.type()) {
            case F32 -> "<f4";
            case I64 -> "<i8";
            case U8 -> "|u1";
            case F16, BF16, BIT ->
                throw new IllegalArgumentException("tensor: got " + tensor + ", expected F32, I64 or U8");
        };
        long[] shape = tensor.shape();
        String extents = Arrays.stream(shape).mapToObj(Long::toString).collect(Collectors.joining(", "));
        String text = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + extents
                + (shape.length == 1 ? ",)" : ")") + ", }";
        int before = MAGIC.length + 2 + Short.BYTES;
        int length = Math.ceilDiv(before + text.length() + 1, ALIGNMENT) * ALIGNMENT - before;
        String padded = text + " ".repeat(length - text.length() - 1) + "\n";
        return ByteBuffer.allocate(before + length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(MAGIC)
                .put((byte) 1)
                .put((byte) 0)
                .putShort((short) length)
                .put(padded.getBytes(StandardCharsets.US_ASCII))
                .array();
    }

    private static String quoted(String text) {
        return "'" + Printable.text(text) + "'";
    }
}
