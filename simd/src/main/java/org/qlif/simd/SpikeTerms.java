// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import static org.qlif.simd.Lanes.F;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.qlif.DType;
import org.qlif.LinearForward;
import org.qlif.Tensor;

/**
 * The terms of the sums of some rows. A term's factor is an input; terms with a factor of 0 don't count. A row is either a row of the
 * input, and its terms are the inputs, or the other way round. Holds the input as bits, and as floats if some are neither 0 nor 1. From
 * these it makes what passes read: the lists of the terms that count, for each row and each block of {@link #BLOCK} terms, or all factors
 * as floats. Not thread-safe.
 */
final class SpikeTerms {
    /**
     * Terms in a block: a multiple of eight, small enough that a panel's block of weights stays in the first-level cache and that a term's
     * number in its block fits a byte.
     */
    static final int BLOCK = 112;

    private static final VectorSpecies<Byte> BYTES = VectorSpecies.of(byte.class, F.vectorShape());
    private static final int WORD = 64;
    private static final int SQUARE = 16;

    private static final VarHandle BYTES_AS_LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long[] PLACES = places();

    /** The number 8 in each byte. */
    private static final long EIGHT_ON = 0x0808080808080808L;

    private int rows;
    private int terms;

    /** The input's bits as read: for each source row, the words of its columns. */
    private long[] source = {};

    private int sourceRows;
    private int sourceWords;
    /** The input as floats, by source row and column; only if {@link #general}. */
    private float[] numbers = {};

    private int numbersStride;
    private boolean transposed;
    private boolean general;

    /** The bits transposed, by row and term, if rows are columns of the input. */
    private long[] bits = {};

    /** Which terms count, by row and term: either {@link #source} or {@link #bits}. */
    private long[] counting = {};

    private int words;
    private long set;

    /** Buffers for a row of the input. */
    private float[] floatRow = {};

    private byte[] byteRow = {};
    private long[] wordRow = {};
    private final long[] square = new long[WORD];

    /** The terms that count, row by row, as numbers within their block. */
    byte[] list = {};
    /** Where a row's terms of a block begin in {@link #list}, by row and block; they end where the next ones begin. */
    int[] starts = {};
    /** The factors of the listed terms, if {@link #general}. */
    float[] factors = {};

    /** All factors, by row and term; rows are {@link #denseStride} floats apart. */
    float[] dense = {};

    private float[] ownDense = {};
    int denseStride;

    int rows() {
        return rows;
    }

    int terms() {
        return terms;
    }

    int blocks() {
        return (terms + BLOCK - 1) / BLOCK;
    }

    /** Whether some factor is neither 0 nor 1. */
    boolean general() {
        return general;
    }

    /** How many terms count in all rows together. */
    long set() {
        return set;
    }

    /**
     * Reads terms whose rows are rows of the input. Number rows {@code b} to {@code b + batch} of all steps consecutively, step by step:
     * this takes {@code rows} of them from number {@code row} on, and {@code terms} columns from {@code column} on.
     */
    void ofRows(LinearForward call, long b, long batch, long row, int rows, long column, int terms) {
        this.rows = rows;
        this.terms = terms;
        transposed = false;
        begin(rows, terms);
        for (boolean numbers = false; ; numbers = true) {
            for (int i = 0; i < rows; i++) {
                read(call, (row + i) / batch, b + (row + i) % batch, column, i, numbers);
            }
            if (numbers || !general) {
                break;
            }
        }
        words = sourceWords;
        counting = source;
        count();
    }

    /**
     * Reads terms whose rows are columns of the input, from {@code column} on. The terms of each are rows {@code b} to {@code b + batch} of
     * {@code steps} steps from {@code step} on, step by step.
     *
     * @param bias whether to add a last row in which every term counts, with a factor of 1
     */
    void ofColumns(
            LinearForward call, long step, int steps, long b, int batch, long column, int columns, boolean bias) {
        rows = columns + (bias ? 1 : 0);
        terms = steps * batch;
        transposed = true;
        begin(terms, columns);
        for (boolean numbers = false; ; numbers = true) {
            for (int t = 0; t < steps; t++) {
                for (int i = 0; i < batch; i++) {
                    read(call, step + t, b + i, column, t * batch + i, numbers);
                }
            }
            if (numbers || !general) {
                break;
            }
        }
        transpose(columns);
        if (bias) {
            for (int word = 0; word < words; word++) {
                int there = Math.min(WORD, terms - word * WORD);
                bits[columns * words + word] = there == WORD ? -1L : (1L << there) - 1;
            }
        }
        counting = bits;
        count();
    }

    private void begin(int sourceRows, int sourceColumns) {
        this.sourceRows = sourceRows;
        sourceWords = words(sourceColumns);
        source = ensure(source, sourceRows * sourceWords);
        numbersStride = sourceColumns;
        general = false;
    }

    private static int words(int bits) {
        return (bits + WORD - 1) / WORD;
    }

    private static long[] ensure(long[] array, int length) {
        return array.length >= length ? array : new long[length];
    }

    private static float[] ensure(float[] array, int length) {
        return array.length >= length ? array : new float[length];
    }

    private void count() {
        long sum = 0;
        for (int i = 0; i < rows * words; i++) {
            sum += Long.bitCount(counting[i]);
        }
        set = sum;
    }

    /** Reads a row of the input into source row {@code to}: its bits, or if {@code asNumbers} its floats. */
    private void read(LinearForward call, long t, long b, long column, int to, boolean asNumbers) {
        Tensor input = call.input();
        long index = b * call.inputs() + column;
        int columns = numbersStride;
        if (input.type() == DType.BIT) {
            long stepWords = (call.batch() * call.inputs() + WORD - 1) / WORD;
            readBits(input.segment(), t * stepWords, index, columns, to);
            return;
        }
        index += t * call.batch() * call.inputs();
        if (input.type() == DType.U8) {
            readBytes(input.segment(), index, columns, to);
            return;
        }
        if (asNumbers) {
            // Dense passes read some rows beyond the last one.
            numbers = ensure(numbers, (sourceRows + LinearPasses.DENSE_ROWS) * columns);
            MemorySegment.copy(input.segment(), ValueLayout.JAVA_FLOAT, index * 4, numbers, to * columns, columns);
        } else {
            readFloats(input.segment(), index, columns, to);
        }
    }

    private void readBits(MemorySegment from, long firstWord, long index, int columns, int to) {
        int shift = (int) (index % WORD);
        int count = words(shift + columns);
        if (wordRow.length < count + 1) {
            wordRow = new long[count + 1];
        }
        MemorySegment.copy(from, ValueLayout.JAVA_LONG, (firstWord + index / WORD) * 8, wordRow, 0, count);
        wordRow[count] = 0;
        int at = to * sourceWords;
        for (int word = 0; word < sourceWords; word++) {
            // Java would treat a shift by 64 as a shift by 0.
            long high = shift == 0 ? 0 : wordRow[word + 1] << (WORD - shift);
            source[at + word] = wordRow[word] >>> shift | high;
        }
        clearTail(at, columns);
    }

    private void clearTail(int at, int columns) {
        if (columns % WORD != 0) {
            source[at + sourceWords - 1] &= (1L << columns % WORD) - 1;
        }
    }

    private void readBytes(MemorySegment from, long index, int columns, int to) {
        if (byteRow.length < sourceWords * WORD) {
            byteRow = new byte[sourceWords * WORD];
        }
        MemorySegment.copy(from, ValueLayout.JAVA_BYTE, index, byteRow, 0, columns);
        int at = to * sourceWords;
        bitsOfBytes(byteRow, source, at, sourceWords);
        clearTail(at, columns);
    }

    private static void bitsOfBytes(byte[] from, long[] to, int at, int words) {
        for (int word = 0; word < words; word++) {
            long bits = 0;
            for (int i = 0; i < WORD; i += BYTES.length()) {
                bits |= ByteVector.fromArray(BYTES, from, word * WORD + i)
                                .compare(VectorOperators.NE, (byte) 0)
                                .toLong()
                        << i;
            }
            to[at + word] = bits;
        }
    }

    private void readFloats(MemorySegment from, long index, int columns, int to) {
        if (floatRow.length < sourceWords * WORD) {
            floatRow = new float[sourceWords * WORD];
        }
        MemorySegment.copy(from, ValueLayout.JAVA_FLOAT, index * 4, floatRow, 0, columns);
        Arrays.fill(floatRow, columns, sourceWords * WORD, 0f);
        general |= bitsOfFloats(floatRow, source, to * sourceWords, sourceWords) != 0;
    }

    /** Returns a nonzero value if some are neither 0 nor 1. */
    private static long bitsOfFloats(float[] from, long[] to, int at, int words) {
        long others = 0;
        for (int word = 0; word < words; word++) {
            long bits = 0;
            for (int i = 0; i < WORD; i += Lanes.LENGTH) {
                FloatVector x = FloatVector.fromArray(F, from, word * WORD + i);
                VectorMask<Float> counts = x.compare(VectorOperators.NE, 0f);
                bits |= counts.toLong() << i;
                others |= counts.toLong() & x.compare(VectorOperators.NE, 1f).toLong();
            }
            to[at + word] = bits;
        }
        return others;
    }

    private void transpose(int columns) {
        words = words(terms);
        bits = ensure(bits, rows * words);
        for (int sourceWord = 0; sourceWord < sourceWords; sourceWord++) {
            int wide = Math.min(WORD, columns - sourceWord * WORD);
            for (int word = 0; word < words; word++) {
                int high = Math.min(WORD, terms - word * WORD);
                for (int i = 0; i < high; i++) {
                    square[i] = source[(word * WORD + i) * sourceWords + sourceWord];
                }
                Arrays.fill(square, high, WORD, 0);
                transpose(square);
                for (int i = 0; i < wide; i++) {
                    bits[(sourceWord * WORD + i) * words + word] = square[i];
                }
            }
        }
    }

    /** Transposes 64 by 64 bits: swaps the upper right quarter with the lower left one, then the same within each quarter, down to bits. */
    private static void transpose(long[] square) {
        long mask = 0xFFFFFFFFL;
        for (int half = WORD / 2; half > 0; half >>= 1, mask ^= mask << half) {
            for (int i = 0; i < WORD; i = ((i | half) + 1) & ~half) {
                long swapped = ((square[i] >>> half) ^ square[i | half]) & mask;
                square[i | half] ^= swapped;
                square[i] ^= swapped << half;
            }
        }
    }

    /** Makes {@link #list}, and {@link #factors} if some are not 1. */
    void makeLists() {
        int blocks = blocks();
        int length = (int) set;
        if (list.length < length + Long.BYTES) {
            // The longest list there can be, so that later calls don't allocate.
            list = new byte[rows * terms + Long.BYTES];
        }
        if (starts.length < rows * blocks + 1) {
            starts = new int[rows * blocks + 1];
        }
        int end = listTerms(counting, rows, words, terms, list, starts);
        starts[rows * blocks] = end;
        if (general) {
            makeFactors(blocks);
        }
    }

    /**
     * Lists the set bits, eight bits at a time. A table holds their places as eight bytes; all eight are stored, and the next store
     * overwrites the surplus. Searching for set bits one by one would cost a mispredicted branch per word.
     */
    private static int listTerms(long[] bits, int rows, int words, int terms, byte[] list, int[] starts) {
        int end = 0;
        int start = 0;
        for (int row = 0; row < rows; row++) {
            int at = row * words;
            for (int term = 0; term < terms; term += BLOCK) {
                starts[start++] = end;
                long base = 0;
                int stop = Math.min(term + BLOCK, terms);
                for (int from = term; from < stop; from += Byte.SIZE, base += EIGHT_ON) {
                    int eight = (int) (bits[at + from / WORD] >>> from) & 0xFF;
                    BYTES_AS_LONG.set(list, end, PLACES[eight] + base);
                    end += Integer.bitCount(eight);
                }
            }
        }
        return end;
    }

    /** For each value of eight bits, the places of the set bits, one per byte, the lowest first. */
    private static long[] places() {
        long[] places = new long[1 << Byte.SIZE];
        for (int eight = 0; eight < places.length; eight++) {
            int to = 0;
            for (int bit = 0; bit < Byte.SIZE; bit++) {
                if ((eight >>> bit & 1) != 0) {
                    places[eight] |= (long) bit << to;
                    to += Byte.SIZE;
                }
            }
        }
        return places;
    }

    private void makeFactors(int blocks) {
        if (factors.length < set) {
            factors = new float[rows * terms];
        }
        for (int row = 0; row < rows; row++) {
            for (int block = 0; block < blocks; block++) {
                int start = row * blocks + block;
                for (int i = starts[start]; i < starts[start + 1]; i++) {
                    factors[i] = factor(row, block * BLOCK + list[i]);
                }
            }
        }
    }

    private float factor(int row, int term) {
        if (!general) {
            return 1f;
        }
        if (!transposed) {
            return numbers[row * numbersStride + term];
        }
        // The last row may be the bias's, which is not a column of the input.
        return row == numbersStride ? 1f : numbers[term * numbersStride + row];
    }

    /** Makes {@link #dense}, padded with rows of arbitrary content to a multiple of {@link LinearPasses#DENSE_ROWS}. */
    void makeDense() {
        if (general && !transposed) {
            dense = numbers;
            denseStride = numbersStride;
            return;
        }
        denseStride = words * WORD;
        ownDense = ensure(ownDense, (rows + LinearPasses.DENSE_ROWS) * denseStride);
        dense = ownDense;
        if (general) {
            transposeNumbers();
        } else {
            numbersOfBits(counting, rows * words, dense);
        }
    }

    private static void numbersOfBits(long[] bits, int words, float[] to) {
        for (int word = 0; word < words; word++) {
            for (int i = 0; i < WORD; i += Lanes.LENGTH) {
                VectorMask<Float> counts = VectorMask.fromLong(F, bits[word] >>> i);
                FloatVector.zero(F).blend(1f, counts).intoArray(to, word * WORD + i);
            }
        }
    }

    /** Goes square by square, so that both source and target stay in the first-level cache. */
    private void transposeNumbers() {
        int columns = numbersStride;
        for (int term = 0; term < terms; term += SQUARE) {
            for (int row = 0; row < columns; row += SQUARE) {
                transposeSquare(term, Math.min(term + SQUARE, terms), row, Math.min(row + SQUARE, columns));
            }
        }
        if (rows > columns) {
            Arrays.fill(dense, columns * denseStride, columns * denseStride + terms, 1f);
        }
    }

    private void transposeSquare(int firstTerm, int lastTerm, int firstRow, int lastRow) {
        float[] from = numbers;
        float[] to = dense;
        int fromStride = numbersStride;
        int toStride = denseStride;
        for (int row = firstRow; row < lastRow; row++) {
            for (int term = firstTerm; term < lastTerm; term++) {
                to[row * toStride + term] = from[term * fromStride + row];
            }
        }
    }
}
