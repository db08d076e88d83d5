// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A view of memory that a caller lends: a type, a row-major shape, and the {@link MemorySegment} that holds the elements. It never copies.
 * The owner of the memory must keep it alive while a call uses it.
 *
 * <p>Memory of a confined arena belongs to its thread: a call that uses such a tensor must be made on that thread and runs on it alone.
 * Heap arrays and automatic or shared arenas have no such limit.
 *
 * <p>A tensor is in the host's memory unless it was made with {@link #on}. Then it is in the memory of a device, such as {@code cuda:0},
 * which only that device's kernels can reach, and methods of this class that read or write elements throw.
 *
 * <p>Instances are immutable; their elements are not.
 *
 * <pre>{@code
 * Tensor array = Tensor.of(new float[100 * 32 * 128], 100, 32, 128);
 * try (Arena arena = Arena.ofShared()) {
 *     long bytes = Tensor.byteSize(DType.BIT, 100, 32, 128);
 *     Tensor bits = Tensor.of(DType.BIT, arena.allocate(bytes, 64), 100, 32, 128);
 * }
 * }</pre>
 */
public final class Tensor {
    private final DType type;
    private final long[] shape;
    private final long elements;
    private final MemorySegment segment;
    private final @Nullable Device place;

    /**
     * A tensor over the memory of {@code segment}, whose length must be exactly that of the type and shape.
     *
     * @param type the element type
     * @param segment native or heap memory, aligned for the type
     * @param shape extents, each at least 0; none for a scalar
     * @throws IllegalArgumentException if an extent is negative, the byte size is not the segment's, the number of bytes or
     *     elements passes 2^63, or the segment is not aligned
     */
    public static Tensor of(DType type, MemorySegment segment, long... shape) {
        return new Tensor(type, segment, null, shape);
    }

    /**
     * A tensor in the memory of a device, for backends and for callers who manage such memory themselves. Nothing checks that the
     * addresses are the device's: see the backend's own classes for memory that is checked.
     *
     * @param place the device whose memory it is, by its full name
     * @param type the element type
     * @param address the elements: a native segment whose length is exactly that of the type and shape, and whose scope is the memory's
     *     lifetime; it is never read or written here
     * @param shape extents, each at least 0; none for a scalar
     * @throws IllegalArgumentException as {@link #of(DType, MemorySegment, long...)}, or if the segment is on the Java heap, or the place
     *     is the CPU
     */
    public static Tensor on(Device place, DType type, MemorySegment address, long... shape) {
        Objects.requireNonNull(place, "place");
        if (place.kind().equals("cpu") || place.equals(Device.AUTO)) {
            throw new IllegalArgumentException("place: got " + place
                    + ", expected a device with memory of its own, such as cuda:0; Tensor.of is for the host's");
        }
        if (!address.isNative()) {
            throw new IllegalArgumentException("address: got memory on the Java heap, expected memory of " + place);
        }
        return new Tensor(type, address, place, shape);
    }

    private Tensor(DType type, MemorySegment segment, @Nullable Device place, long[] shape) {
        Objects.requireNonNull(type, "type");
        Objects.requireNonNull(segment, "segment");
        long[] extents = shape.clone();
        long bytes = checkedByteSize(type, extents);
        if (segment.byteSize() != bytes) {
            throw new IllegalArgumentException("segment: got " + segment.byteSize() + " bytes, expected " + bytes
                    + " for " + type + Arrays.toString(extents));
        }
        // The memory a zero-length tensor points to is never read.
        if (bytes > 0) {
            long alignment = type.alignment();
            if (segment.maxByteAlignment() < alignment || (segment.address() & (alignment - 1)) != 0) {
                throw new IllegalArgumentException("segment: address or array type is not " + alignment
                        + "-byte aligned as " + type + " asks; got address 0x" + Long.toHexString(segment.address())
                        + ", guaranteed alignment " + segment.maxByteAlignment()
                        + (segment.isNative() ? "" : "; native memory, such as a direct buffer's, can be aligned"));
            }
        }
        this.type = type;
        this.shape = extents;
        this.elements = elements(extents);
        this.segment = segment;
        this.place = place;
    }

    /**
     * An {@link DType#F32} tensor over {@code values}, which must have exactly the elements of {@code shape}.
     *
     * @throws IllegalArgumentException if an extent is negative, or the array has another length
     */
    public static Tensor of(float[] values, long... shape) {
        Objects.requireNonNull(values, "values");
        return ofArray("values", DType.F32, MemorySegment.ofArray(values), values.length, shape);
    }

    /**
     * A {@link DType#U8} tensor over {@code values}, which must have exactly the elements of {@code shape}.
     *
     * @throws IllegalArgumentException if an extent is negative, or the array has another length
     */
    public static Tensor of(byte[] values, long... shape) {
        Objects.requireNonNull(values, "values");
        return ofArray("values", DType.U8, MemorySegment.ofArray(values), values.length, shape);
    }

    /**
     * A {@link DType#BIT} tensor over {@code words}; see {@link DType#BIT} for their number and order.
     *
     * @throws IllegalArgumentException if an extent is negative, or the array has another length
     */
    public static Tensor of(long[] words, long... shape) {
        Objects.requireNonNull(words, "words");
        return ofArray("words", DType.BIT, MemorySegment.ofArray(words), words.length, shape);
    }

    private static Tensor ofArray(String name, DType type, MemorySegment array, int length, long[] shape) {
        long bytes = checkedByteSize(type, shape);
        if (array.byteSize() != bytes) {
            throw new IllegalArgumentException(name + ": got an array of length " + length + ", expected "
                    + bytes / type.alignment() + " for " + type + Arrays.toString(shape));
        }
        return of(type, array, shape);
    }

    /**
     * An {@link DType#F32} tensor over the buffer from its position to its limit.
     *
     * @throws IllegalArgumentException if the buffer's byte order is not the native one, its length is not exactly that of the shape,
     *     or an extent is negative
     */
    public static Tensor of(FloatBuffer values, long... shape) {
        requireNativeOrder(values.order());
        return of(DType.F32, MemorySegment.ofBuffer(values), shape);
    }

    /**
     * A tensor of {@code type} over the buffer from its position to its limit. Its byte order setting is ignored: elements are in native
     * order. A heap buffer only works for {@link DType#U8}, since it is not aligned for other types: use a direct buffer.
     *
     * @throws IllegalArgumentException if the buffer's length is not exactly that of the type and shape, it is not aligned for the type, or
     *     an extent is negative
     */
    public static Tensor of(DType type, ByteBuffer bytes, long... shape) {
        return of(type, MemorySegment.ofBuffer((Buffer) bytes), shape);
    }

    /**
     * A new zero-filled tensor on the Java heap.
     *
     * @throws IllegalArgumentException if an extent is negative, or the elements do not fit an array
     */
    public static Tensor zeros(DType type, long... shape) {
        long bytes = checkedByteSize(type, shape);
        MemorySegment segment = switch (type) {
            case F32 -> MemorySegment.ofArray(new float[arrayLength(bytes / 4)]);
            case F16, BF16 -> MemorySegment.ofArray(new short[arrayLength(bytes / 2)]);
            case U8 -> MemorySegment.ofArray(new byte[arrayLength(bytes)]);
            case BIT, I64 -> MemorySegment.ofArray(new long[arrayLength(bytes / 8)]);
        };
        return of(type, segment, shape);
    }

    /**
     * The number of bytes of a tensor of this type and shape, for {@link #of(DType, MemorySegment, long...)}.
     *
     * @throws IllegalArgumentException if an extent is negative, or the number passes 2^63
     */
    public static long byteSize(DType type, long... shape) {
        return checkedByteSize(type, shape);
    }

    /**
     * A view of the entries {@code from} to {@code to}, exclusive, along the first axis, such as some steps of a sequence. It shares the
     * memory, in any place, and lives as long as the memory does.
     *
     * <pre>{@code
     * Tensor firstHalf = input.slice(0, 50); // (100, B, N) -> (50, B, N)
     * }</pre>
     *
     * @throws IllegalStateException if this is a scalar
     * @throws IndexOutOfBoundsException unless 0 &lt;= from &lt;= to &lt;= the first extent
     */
    public Tensor slice(long from, long to) {
        if (shape.length == 0) {
            throw new IllegalStateException("this tensor is " + this + ", expected one with an axis to slice along");
        }
        Objects.checkFromToIndex(from, to, shape[0]);
        // Entries of the first axis are whole bytes, also for BIT, whose steps are padded to words.
        long entry = shape[0] == 0 ? 0 : segment.byteSize() / shape[0];
        long[] extents = shape.clone();
        extents[0] = to - from;
        return new Tensor(type, segment.asSlice(from * entry, (to - from) * entry), place, extents);
    }

    /** The element type. */
    public DType type() {
        return type;
    }

    /** The number of dimensions. */
    public int rank() {
        return shape.length;
    }

    /**
     * The extent of dimension {@code axis}.
     *
     * @throws IndexOutOfBoundsException if there is no such dimension
     */
    public long extent(int axis) {
        if (axis < 0 || axis >= shape.length) {
            throw new IndexOutOfBoundsException(
                    "axis: got " + axis + " of " + this + ", whose rank is " + shape.length);
        }
        return shape[axis];
    }

    /** A copy of the shape. */
    public long[] shape() {
        return shape.clone();
    }

    /** The number of elements. */
    public long elements() {
        return elements;
    }

    /**
     * The memory that holds the elements.
     *
     * @throws IllegalStateException if it is a device's
     */
    public MemorySegment segment() {
        requireHost();
        return segment;
    }

    /** The device whose memory holds the elements, such as {@code cuda:0}; null for memory of the host. */
    public @Nullable Device place() {
        return place;
    }

    /** The address of the first element in the memory of its {@link #place()}; meaningless for a Java array. */
    public long address() {
        return segment.address();
    }

    /** The memory in any place: its scope, length and address; not to be read or written here. For backends. */
    public MemorySegment memory() {
        return segment;
    }

    /**
     * Element {@code index} of the flattened tensor of {@linkplain DType#NUMBERS numbers}.
     *
     * @throws IndexOutOfBoundsException if there is no such element
     */
    public float getFloat(long index) {
        requireNumbers();
        requireHost();
        // The segment itself would multiply first, and 2^62 * 4 overflows to 0.
        Objects.checkIndex(index, elements);
        return type.get(segment, index);
    }

    /**
     * Sets element {@code index} of the flattened tensor of {@linkplain DType#NUMBERS numbers}, rounded to its type.
     *
     * @throws IndexOutOfBoundsException if there is no such element
     */
    public void setFloat(long index, float value) {
        requireNumbers();
        requireHost();
        Objects.checkIndex(index, elements);
        type.set(segment, index, value);
    }

    /**
     * A new tensor on the Java heap with these {@linkplain DType#NUMBERS numbers} converted to another type, rounded to nearest if it is
     * narrower.
     *
     * <pre>{@code
     * Tensor narrow = Tensor.of(current, 100, 32, 128).to(DType.BF16);
     * }</pre>
     *
     * @throws IllegalArgumentException if {@code type} is not among {@link DType#NUMBERS}, or the elements do not fit an array
     * @throws IllegalStateException if this has no numbers, is in the memory of a device, or that memory is closed
     */
    public Tensor to(DType type) {
        if (!DType.NUMBERS.contains(Objects.requireNonNull(type, "type"))) {
            throw new IllegalArgumentException("type: got " + type + ", expected one of " + DType.NUMBERS);
        }
        requireNumbers();
        requireHost();
        Tensor result = zeros(type, shape);
        for (long i = 0; i < elements; i++) {
            type.set(result.segment, i, this.type.get(segment, i));
        }
        return result;
    }

    /**
     * A new array with all elements of a tensor of {@linkplain DType#NUMBERS numbers}.
     *
     * @throws IllegalStateException if it has another type, is in the memory of a device, or that memory is closed
     */
    public float[] toFloatArray() {
        requireNumbers();
        requireHost();
        return type == DType.F32
                ? segment.toArray(ValueLayout.JAVA_FLOAT)
                : to(DType.F32).toFloatArray();
    }

    /**
     * A new array with all elements of a {@link DType#U8} tensor.
     *
     * @throws IllegalStateException if it has another type, is in the memory of a device, or that memory is closed
     */
    public byte[] toByteArray() {
        requireType(DType.U8);
        requireHost();
        return segment.toArray(ValueLayout.JAVA_BYTE);
    }

    /**
     * A new array with all words of a {@link DType#BIT} tensor.
     *
     * @throws IllegalStateException if it has another type, is in the memory of a device, or that memory is closed
     */
    public long[] toLongArray() {
        requireType(DType.BIT);
        requireHost();
        return segment.toArray(ValueLayout.JAVA_LONG);
    }

    /**
     * Sets every element of a tensor of {@linkplain DType#NUMBERS numbers}.
     *
     * @throws IllegalStateException if it has another type, is in the memory of a device, or that memory is closed
     */
    public void fill(float value) {
        requireNumbers();
        requireHost();
        if (value == 0f && Float.floatToRawIntBits(value) == 0) {
            segment.fill((byte) 0);
            return;
        }
        for (long i = 0; i < elements; i++) {
            type.set(segment, i, value);
        }
    }

    /**
     * Copies the elements of {@code source}, which must have this tensor's type and shape.
     *
     * @throws IllegalArgumentException if it has another type or shape
     * @throws IllegalStateException if one of the two is in the memory of a device
     */
    public void copyFrom(Tensor source) {
        if (source.type != type || !Arrays.equals(source.shape, shape)) {
            throw new IllegalArgumentException("source: got " + source + ", expected " + this);
        }
        requireHost();
        source.requireHost();
        segment.copyFrom(source.segment);
    }

    boolean hasShape(long... expected) {
        return Arrays.equals(shape, expected);
    }

    /** Type, shape and, unless it is the host, place, such as {@code F32[20, 128, 512]} and {@code U8[3] on cuda:0}. */
    @Override
    public String toString() {
        return type + Arrays.toString(shape) + (place == null ? "" : " on " + place);
    }

    private void requireHost() {
        if (place != null) {
            throw new IllegalStateException(
                    "this tensor is " + this + ", whose memory the host can't reach; copy it to the host first");
        }
    }

    private void requireNumbers() {
        if (!DType.NUMBERS.contains(type)) {
            throw new IllegalStateException("this tensor is " + this + ", not of a type of " + DType.NUMBERS);
        }
    }

    private void requireType(DType expected) {
        if (type != expected) {
            throw new IllegalStateException("this tensor is " + this + ", not " + expected);
        }
    }

    private static void requireNativeOrder(ByteOrder order) {
        if (order != ByteOrder.nativeOrder()) {
            throw new IllegalArgumentException("values: got byte order " + order + ", expected the native "
                    + ByteOrder.nativeOrder() + " (ByteBuffer.order(ByteOrder.nativeOrder()) before asFloatBuffer())");
        }
    }

    private static long checkedByteSize(DType type, long[] shape) {
        for (int axis = 0; axis < shape.length; axis++) {
            if (shape[axis] < 0) {
                throw new IllegalArgumentException(
                        "shape: got extent " + shape[axis] + " at axis " + axis + ", expected at least 0");
            }
        }
        elements(shape);
        try {
            return type.byteSize(shape);
        } catch (ArithmeticException overflow) {
            throw new IllegalArgumentException(
                    "shape: got " + Arrays.toString(shape) + " of " + type + ", expected fewer than 2^63 bytes");
        }
    }

    /** The number of elements: 0 if an extent is 0, however large the others are. */
    private static long elements(long[] shape) {
        long product = 1;
        boolean overflow = false;
        for (long extent : shape) {
            if (extent == 0) {
                return 0;
            }
            overflow |= Math.multiplyHigh(product, extent) != 0 || product * extent < 0;
            product *= extent;
        }
        if (overflow) {
            throw new IllegalArgumentException(
                    "shape: got " + Arrays.toString(shape) + ", expected fewer than 2^63 elements");
        }
        return product;
    }

    /**
     * B * N, which kernels use even if T = 0 leaves no elements. The limit ensures that sizes of a step, at most 64 bytes per element,
     * don't overflow.
     *
     * @param name the argument whose shape it is
     * @throws IllegalArgumentException if it passes 2^57
     */
    static long elementsPerStep(String name, long batch, long neurons) {
        if (batch != 0 && neurons > (1L << 57) / batch) {
            throw new IllegalArgumentException(
                    name + ": got B = " + batch + " and N = " + neurons + ", expected a B * N of at most 2^57");
        }
        return batch * neurons;
    }

    /** Throws unless {@code extent}, the argument {@code name}, can be a tensor's. */
    static void requireExtent(String name, long extent) {
        if (extent < 0) {
            throw new IllegalArgumentException(name + ": got " + extent + ", expected at least 0");
        }
    }

    private static int arrayLength(long length) {
        if (length > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException("shape: got " + length + " array elements, expected at most "
                    + (Integer.MAX_VALUE - 8) + "; use Tensor.of with a MemorySegment of an Arena");
        }
        return (int) length;
    }
}
