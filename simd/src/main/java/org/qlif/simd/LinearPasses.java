// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import static org.qlif.simd.Lanes.F;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The linear layer's loops over one block of terms and one panel of columns, whose weights are in the scratch, one row for each term. There
 * is a method for each panel width, 8, 4, 2 and 1 vectors, so that the sums stay in registers; the compiler would not keep an array of
 * vectors there.
 */
final class LinearPasses {
    /** Rows that a dense pass computes together. */
    static final int DENSE_ROWS = 4;

    /** Floats in a vector. */
    private static final int L = Lanes.LENGTH;

    /** Processors with vectors of 512 bits have 32 of them. */
    static final boolean MANY_REGISTERS = F.vectorBitSize() >= 512;

    private static final int SHIFT = Integer.numberOfTrailingZeros(L);

    private LinearPasses() {}

    /** Copies rows of {@code width} floats, a multiple of the vector length. Strides are in floats. */
    static void copyRows(float[] from, int at, int stride, float[] to, int toAt, int toStride, int rows, int width) {
        for (int row = 0; row < rows; row++) {
            int source = at + row * stride;
            int target = toAt + row * toStride;
            for (int i = 0; i < width; i += L) {
                FloatVector.fromArray(F, from, source + i).intoArray(to, target + i);
            }
        }
    }

    /**
     * Adds the weights of the terms that count to the sums of all rows.
     *
     * @param vectors width of the panel, and so of a term's weights and of a row's sums: 8, 4, 2 or 1 vectors
     * @param weights offset of the block's weights in {@code s}
     * @param block which block of the lists
     * @param at offset of the rows' sums in {@code sums}
     */
    static void add(int vectors, float[] s, int weights, SpikeTerms terms, int block, float[] sums, int at) {
        byte[] list = terms.list;
        int[] starts = terms.starts;
        int blocks = terms.blocks();
        int rows = terms.rows();
        switch (vectors) {
            case 8 -> addEight(s, weights, list, starts, block, blocks, rows, sums, at);
            case 4 -> addFour(s, weights, list, starts, block, blocks, rows, sums, at);
            case 2 -> addTwo(s, weights, list, starts, block, blocks, rows, sums, at);
            default -> addOne(s, weights, list, starts, block, blocks, rows, sums, at);
        }
    }

    /** Like {@link #add}, with each weight multiplied by its term's factor. */
    static void addProducts(int vectors, float[] s, int weights, SpikeTerms terms, int block, float[] sums, int at) {
        byte[] list = terms.list;
        float[] factors = terms.factors;
        int[] starts = terms.starts;
        int blocks = terms.blocks();
        int rows = terms.rows();
        switch (vectors) {
            case 8 -> addProductsEight(s, weights, list, factors, starts, block, blocks, rows, sums, at);
            case 4 -> addProductsFour(s, weights, list, factors, starts, block, blocks, rows, sums, at);
            case 2 -> addProductsTwo(s, weights, list, factors, starts, block, blocks, rows, sums, at);
            default -> addProductsOne(s, weights, list, factors, starts, block, blocks, rows, sums, at);
        }
    }

    private static void addEight(
            float[] s, int weights, byte[] list, int[] starts, int block, int blocks, int rows, float[] sums, int at) {
        int to = at;
        for (int start = block; start < rows * blocks; start += blocks, to += 8 * L) {
            int end = starts[start + 1];
            FloatVector v0 = FloatVector.fromArray(F, sums, to);
            FloatVector v1 = FloatVector.fromArray(F, sums, to + L);
            FloatVector v2 = FloatVector.fromArray(F, sums, to + 2 * L);
            FloatVector v3 = FloatVector.fromArray(F, sums, to + 3 * L);
            FloatVector v4 = FloatVector.fromArray(F, sums, to + 4 * L);
            FloatVector v5 = FloatVector.fromArray(F, sums, to + 5 * L);
            FloatVector v6 = FloatVector.fromArray(F, sums, to + 6 * L);
            FloatVector v7 = FloatVector.fromArray(F, sums, to + 7 * L);
            for (int i = starts[start]; i < end; i++) {
                int w = weights + (list[i] << SHIFT + 3);
                v0 = v0.add(FloatVector.fromArray(F, s, w));
                v1 = v1.add(FloatVector.fromArray(F, s, w + L));
                v2 = v2.add(FloatVector.fromArray(F, s, w + 2 * L));
                v3 = v3.add(FloatVector.fromArray(F, s, w + 3 * L));
                v4 = v4.add(FloatVector.fromArray(F, s, w + 4 * L));
                v5 = v5.add(FloatVector.fromArray(F, s, w + 5 * L));
                v6 = v6.add(FloatVector.fromArray(F, s, w + 6 * L));
                v7 = v7.add(FloatVector.fromArray(F, s, w + 7 * L));
            }
            v0.intoArray(sums, to);
            v1.intoArray(sums, to + L);
            v2.intoArray(sums, to + 2 * L);
            v3.intoArray(sums, to + 3 * L);
            v4.intoArray(sums, to + 4 * L);
            v5.intoArray(sums, to + 5 * L);
            v6.intoArray(sums, to + 6 * L);
            v7.intoArray(sums, to + 7 * L);
        }
    }

    private static void addFour(
            float[] s, int weights, byte[] list, int[] starts, int block, int blocks, int rows, float[] sums, int at) {
        int to = at;
        for (int start = block; start < rows * blocks; start += blocks, to += 4 * L) {
            int end = starts[start + 1];
            FloatVector v0 = FloatVector.fromArray(F, sums, to);
            FloatVector v1 = FloatVector.fromArray(F, sums, to + L);
            FloatVector v2 = FloatVector.fromArray(F, sums, to + 2 * L);
            FloatVector v3 = FloatVector.fromArray(F, sums, to + 3 * L);
            for (int i = starts[start]; i < end; i++) {
                int w = weights + (list[i] << SHIFT + 2);
                v0 = v0.add(FloatVector.fromArray(F, s, w));
                v1 = v1.add(FloatVector.fromArray(F, s, w + L));
                v2 = v2.add(FloatVector.fromArray(F, s, w + 2 * L));
                v3 = v3.add(FloatVector.fromArray(F, s, w + 3 * L));
            }
            v0.intoArray(sums, to);
            v1.intoArray(sums, to + L);
            v2.intoArray(sums, to + 2 * L);
            v3.intoArray(sums, to + 3 * L);
        }
    }

    private static void addTwo(
            float[] s, int weights, byte[] list, int[] starts, int block, int blocks, int rows, float[] sums, int at) {
        int to = at;
        for (int start = block; start < rows * blocks; start += blocks, to += 2 * L) {
            int end = starts[start + 1];
            FloatVector v0 = FloatVector.fromArray(F, sums, to);
            FloatVector v1 = FloatVector.fromArray(F, sums, to + L);
            for (int i = starts[start]; i < end; i++) {
                int w = weights + (list[i] << SHIFT + 1);
                v0 = v0.add(FloatVector.fromArray(F, s, w));
                v1 = v1.add(FloatVector.fromArray(F, s, w + L));
            }
            v0.intoArray(sums, to);
            v1.intoArray(sums, to + L);
        }
    }

    private static void addOne(
            float[] s, int weights, byte[] list, int[] starts, int block, int blocks, int rows, float[] sums, int at) {
        int to = at;
        for (int start = block; start < rows * blocks; start += blocks, to += L) {
            int end = starts[start + 1];
            FloatVector v0 = FloatVector.fromArray(F, sums, to);
            for (int i = starts[start]; i < end; i++) {
                int w = weights + (list[i] << SHIFT);
                v0 = v0.add(FloatVector.fromArray(F, s, w));
            }
            v0.intoArray(sums, to);
        }
    }

    private static void addProductsEight(
            float[] s,
            int weights,
            byte[] list,
            float[] factors,
            int[] starts,
            int block,
            int blocks,
            int rows,
            float[] sums,
            int at) {
        int to = at;
        for (int start = block; start < rows * blocks; start += blocks, to += 8 * L) {
            int end = starts[start + 1];
            FloatVector v0 = FloatVector.fromArray(F, sums, to);
            FloatVector v1 = FloatVector.fromArray(F, sums, to + L);
            FloatVector v2 = FloatVector.fromArray(F, sums, to + 2 * L);
            FloatVector v3 = FloatVector.fromArray(F, sums, to + 3 * L);
            FloatVector v4 = FloatVector.fromArray(F, sums, to + 4 * L);
            FloatVector v5 = FloatVector.fromArray(F, sums, to + 5 * L);
            FloatVector v6 = FloatVector.fromArray(F, sums, to + 6 * L);
            FloatVector v7 = FloatVector.fromArray(F, sums, to + 7 * L);
            for (int i = starts[start]; i < end; i++) {
                int w = weights + (list[i] << SHIFT + 3);
                FloatVector x = FloatVector.broadcast(F, factors[i]);
                v0 = x.fma(FloatVector.fromArray(F, s, w), v0);
                v1 = x.fma(FloatVector.fromArray(F, s, w + L), v1);
                v2 = x.fma(FloatVector.fromArray(F, s, w + 2 * L), v2);
                v3 = x.fma(FloatVector.fromArray(F, s, w + 3 * L), v3);
                v4 = x.fma(FloatVector.fromArray(F, s, w + 4 * L), v4);
                v5 = x.fma(FloatVector.fromArray(F, s, w + 5 * L), v5);
                v6 = x.fma(FloatVector.fromArray(F, s, w + 6 * L), v6);
                v7 = x.fma(FloatVector.fromArray(F, s, w + 7 * L), v7);
            }
            v0.intoArray(sums, to);
            v1.intoArray(sums, to + L);
            v2.intoArray(sums, to + 2 * L);
            v3.intoArray(sums, to + 3 * L);
            v4.intoArray(sums, to + 4 * L);
            v5.intoArray(sums, to + 5 * L);
            v6.intoArray(sums, to + 6 * L);
            v7.intoArray(sums, to + 7 * L);
        }
    }

    private static void addProductsFour(
            float[] s,
            int weights,
            byte[] list,
            float[] factors,
            int[] starts,
            int block,
            int blocks,
            int rows,
            float[] sums,
            int at) {
        int to = at;
        for (int start = block; start < rows * blocks; start += blocks, to += 4 * L) {
            int end = starts[start + 1];
            FloatVector v0 = FloatVector.fromArray(F, sums, to);
            FloatVector v1 = FloatVector.fromArray(F, sums, to + L);
            FloatVector v2 = FloatVector.fromArray(F, sums, to + 2 * L);
            FloatVector v3 = FloatVector.fromArray(F, sums, to + 3 * L);
            for (int i = starts[start]; i < end; i++) {
                int w = weights + (list[i] << SHIFT + 2);
                FloatVector x = FloatVector.broadcast(F, factors[i]);
                v0 = x.fma(FloatVector.fromArray(F, s, w), v0);
                v1 = x.fma(FloatVector.fromArray(F, s, w + L), v1);
                v2 = x.fma(FloatVector.fromArray(F, s, w + 2 * L), v2);
                v3 = x.fma(FloatVector.fromArray(F, s, w + 3 * L), v3);
            }
            v0.intoArray(sums, to);
            v1.intoArray(sums, to + L);
            v2.intoArray(sums, to + 2 * L);
            v3.intoArray(sums, to + 3 * L);
        }
    }

    private static void addProductsTwo(
            float[] s,
            int weights,
            byte[] list,
            float[] factors,
            int[] starts,
            int block,
            int blocks,
            int rows,
            float[] sums,
            int at) {
        int to = at;
        for (int start = block; start < rows * blocks; start += blocks, to += 2 * L) {
            int end = starts[start + 1];
            FloatVector v0 = FloatVector.fromArray(F, sums, to);
            FloatVector v1 = FloatVector.fromArray(F, sums, to + L);
            for (int i = starts[start]; i < end; i++) {
                int w = weights + (list[i] << SHIFT + 1);
                FloatVector x = FloatVector.broadcast(F, factors[i]);
                v0 = x.fma(FloatVector.fromArray(F, s, w), v0);
                v1 = x.fma(FloatVector.fromArray(F, s, w + L), v1);
            }
            v0.intoArray(sums, to);
            v1.intoArray(sums, to + L);
        }
    }

    private static void addProductsOne(
            float[] s,
            int weights,
            byte[] list,
            float[] factors,
            int[] starts,
            int block,
            int blocks,
            int rows,
            float[] sums,
            int at) {
        int to = at;
        for (int start = block; start < rows * blocks; start += blocks, to += L) {
            int end = starts[start + 1];
            FloatVector v0 = FloatVector.fromArray(F, sums, to);
            for (int i = starts[start]; i < end; i++) {
                int w = weights + (list[i] << SHIFT);
                FloatVector x = FloatVector.broadcast(F, factors[i]);
                v0 = x.fma(FloatVector.fromArray(F, s, w), v0);
            }
            v0.intoArray(sums, to);
        }
    }

    /**
     * Adds the products of all terms, including those with a factor of 0, to the sums of {@code rows} rows, a multiple of {@link
     * #DENSE_ROWS}.
     *
     * @param vectors width of the panel: an even number
     * @param x offset of the block's factors in {@code factors}
     * @param stride floats between the factors of two rows
     */
    static void addDense(
            int vectors,
            float[] s,
            int weights,
            int terms,
            float[] factors,
            int x,
            int stride,
            int rows,
            float[] sums,
            int at) {
        int width = vectors * L;
        int wide = MANY_REGISTERS && vectors % 4 == 0 ? 4 * L : 2 * L;
        for (int row = 0; row < rows; row += DENSE_ROWS) {
            for (int column = 0; column < width; column += wide) {
                int w = weights + column;
                int from = x + row * stride;
                int to = at + row * width + column;
                if (wide == 4 * L) {
                    addDenseFour(s, w, width, terms, factors, from, stride, sums, to);
                } else {
                    addDenseTwo(s, w, width, terms, factors, from, stride, sums, to);
                }
            }
        }
    }

    /** For four rows and two vectors of columns. */
    private static void addDenseTwo(
            float[] s, int weights, int width, int terms, float[] factors, int x, int stride, float[] sums, int at) {
        FloatVector v00 = FloatVector.fromArray(F, sums, at);
        FloatVector v01 = FloatVector.fromArray(F, sums, at + L);
        FloatVector v10 = FloatVector.fromArray(F, sums, at + width);
        FloatVector v11 = FloatVector.fromArray(F, sums, at + width + L);
        FloatVector v20 = FloatVector.fromArray(F, sums, at + 2 * width);
        FloatVector v21 = FloatVector.fromArray(F, sums, at + 2 * width + L);
        FloatVector v30 = FloatVector.fromArray(F, sums, at + 3 * width);
        FloatVector v31 = FloatVector.fromArray(F, sums, at + 3 * width + L);
        int w = weights;
        for (int i = x; i < x + terms; i++, w += width) {
            FloatVector w0 = FloatVector.fromArray(F, s, w);
            FloatVector w1 = FloatVector.fromArray(F, s, w + L);
            FloatVector x0 = FloatVector.broadcast(F, factors[i]);
            v00 = x0.fma(w0, v00);
            v01 = x0.fma(w1, v01);
            FloatVector x1 = FloatVector.broadcast(F, factors[i + stride]);
            v10 = x1.fma(w0, v10);
            v11 = x1.fma(w1, v11);
            FloatVector x2 = FloatVector.broadcast(F, factors[i + 2 * stride]);
            v20 = x2.fma(w0, v20);
            v21 = x2.fma(w1, v21);
            FloatVector x3 = FloatVector.broadcast(F, factors[i + 3 * stride]);
            v30 = x3.fma(w0, v30);
            v31 = x3.fma(w1, v31);
        }
        v00.intoArray(sums, at);
        v01.intoArray(sums, at + L);
        v10.intoArray(sums, at + width);
        v11.intoArray(sums, at + width + L);
        v20.intoArray(sums, at + 2 * width);
        v21.intoArray(sums, at + 2 * width + L);
        v30.intoArray(sums, at + 3 * width);
        v31.intoArray(sums, at + 3 * width + L);
    }

    /** For four rows and four vectors of columns; needs 32 registers. */
    private static void addDenseFour(
            float[] s, int weights, int width, int terms, float[] factors, int x, int stride, float[] sums, int at) {
        FloatVector v00 = FloatVector.fromArray(F, sums, at);
        FloatVector v01 = FloatVector.fromArray(F, sums, at + L);
        FloatVector v02 = FloatVector.fromArray(F, sums, at + 2 * L);
        FloatVector v03 = FloatVector.fromArray(F, sums, at + 3 * L);
        FloatVector v10 = FloatVector.fromArray(F, sums, at + width);
        FloatVector v11 = FloatVector.fromArray(F, sums, at + width + L);
        FloatVector v12 = FloatVector.fromArray(F, sums, at + width + 2 * L);
        FloatVector v13 = FloatVector.fromArray(F, sums, at + width + 3 * L);
        FloatVector v20 = FloatVector.fromArray(F, sums, at + 2 * width);
        FloatVector v21 = FloatVector.fromArray(F, sums, at + 2 * width + L);
        FloatVector v22 = FloatVector.fromArray(F, sums, at + 2 * width + 2 * L);
        FloatVector v23 = FloatVector.fromArray(F, sums, at + 2 * width + 3 * L);
        FloatVector v30 = FloatVector.fromArray(F, sums, at + 3 * width);
        FloatVector v31 = FloatVector.fromArray(F, sums, at + 3 * width + L);
        FloatVector v32 = FloatVector.fromArray(F, sums, at + 3 * width + 2 * L);
        FloatVector v33 = FloatVector.fromArray(F, sums, at + 3 * width + 3 * L);
        int w = weights;
        for (int i = x; i < x + terms; i++, w += width) {
            FloatVector w0 = FloatVector.fromArray(F, s, w);
            FloatVector w1 = FloatVector.fromArray(F, s, w + L);
            FloatVector w2 = FloatVector.fromArray(F, s, w + 2 * L);
            FloatVector w3 = FloatVector.fromArray(F, s, w + 3 * L);
            FloatVector x0 = FloatVector.broadcast(F, factors[i]);
            v00 = x0.fma(w0, v00);
            v01 = x0.fma(w1, v01);
            v02 = x0.fma(w2, v02);
            v03 = x0.fma(w3, v03);
            FloatVector x1 = FloatVector.broadcast(F, factors[i + stride]);
            v10 = x1.fma(w0, v10);
            v11 = x1.fma(w1, v11);
            v12 = x1.fma(w2, v12);
            v13 = x1.fma(w3, v13);
            FloatVector x2 = FloatVector.broadcast(F, factors[i + 2 * stride]);
            v20 = x2.fma(w0, v20);
            v21 = x2.fma(w1, v21);
            v22 = x2.fma(w2, v22);
            v23 = x2.fma(w3, v23);
            FloatVector x3 = FloatVector.broadcast(F, factors[i + 3 * stride]);
            v30 = x3.fma(w0, v30);
            v31 = x3.fma(w1, v31);
            v32 = x3.fma(w2, v32);
            v33 = x3.fma(w3, v33);
        }
        v00.intoArray(sums, at);
        v01.intoArray(sums, at + L);
        v02.intoArray(sums, at + 2 * L);
        v03.intoArray(sums, at + 3 * L);
        v10.intoArray(sums, at + width);
        v11.intoArray(sums, at + width + L);
        v12.intoArray(sums, at + width + 2 * L);
        v13.intoArray(sums, at + width + 3 * L);
        v20.intoArray(sums, at + 2 * width);
        v21.intoArray(sums, at + 2 * width + L);
        v22.intoArray(sums, at + 2 * width + 2 * L);
        v23.intoArray(sums, at + 2 * width + 3 * L);
        v30.intoArray(sums, at + 3 * width);
        v31.intoArray(sums, at + 3 * width + L);
        v32.intoArray(sums, at + 3 * width + 2 * L);
        v33.intoArray(sums, at + 3 * width + 3 * L);
    }

    /** Adds the products of the terms that count to one row's sums. */
    static void addCounting(
            int vectors, float[] s, int weights, int terms, float[] factors, int x, float[] sums, int at) {
        for (int vector = 0; vector < vectors; vector++) {
            FloatVector v = FloatVector.fromArray(F, sums, at + vector * L);
            for (int i = 0; i < terms; i++) {
                float factor = factors[x + i];
                if (factor != 0) {
                    FloatVector w = FloatVector.fromArray(F, s, weights + (i * vectors + vector) * L);
                    v = FloatVector.broadcast(F, factor).fma(w, v);
                }
            }
            v.intoArray(sums, at + vector * L);
        }
    }

    /** Whether any of a row's first {@code columns} sums is NaN or 0. */
    static boolean isDoubtful(float[] sums, int at, int columns) {
        int i = 0;
        for (; i + L <= columns; i += L) {
            if (!FloatVector.fromArray(F, sums, at + i)
                    .abs()
                    .compare(VectorOperators.GT, 0f)
                    .allTrue()) {
                return true;
            }
        }
        for (; i < columns; i++) {
            if (!(Math.abs(sums[at + i]) > 0)) {
                return true;
            }
        }
        return false;
    }
}
