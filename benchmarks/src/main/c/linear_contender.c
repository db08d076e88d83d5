/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A linear layer driven by spikes in plain C, docs/numerics.md: output and gradient of the weights. A contender for SpikeLinear, written
 * to win: no part of QLIF uses it. It sums the gradient over all rows one after another, not by blocks, and so has other last bits.
 *
 * What made it fast:
 *  - a panel of 64 columns is 4 or 8 vectors of sums, which stay in registers while the weights of the inputs that are set are added;
 *  - the weights of 112 terms of a panel take 28 KB, so that they come from the first-level cache;
 *  - a row's terms are listed once for all panels.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PANEL 64
#define TERMS 112
#define ROWS 512

/* A register of floats; and the same for memory that is aligned for floats alone. */
#ifdef __AVX512F__
#define BYTES 64
#else
#define BYTES 32
#endif
#define VECTORS (PANEL * 4 / BYTES)
typedef float vec __attribute__((vector_size(BYTES), may_alias));
typedef float loose __attribute__((vector_size(BYTES), aligned(4), may_alias));

typedef struct {
    uint8_t *list; /* each row's terms that count, as indices in their block */
    int32_t *start; /* by row and block; one more at the end */
    int rows, blocks, terms;
} lists;

static int least(long a, long b) { return (int)(a < b ? a : b); }

static lists make_lists(int rows, int terms) {
    lists made = {malloc((size_t)rows * terms + 1), NULL, rows, (terms + TERMS - 1) / TERMS, terms};
    made.start = malloc(((size_t)rows * made.blocks + 1) * sizeof(int32_t));
    return made;
}

static void free_lists(lists made) {
    free(made.list);
    free(made.start);
}

/* Lists the bits of one row that begins at bit `from`. Returns the new end of the list. */
static int32_t list_row(lists *to, int row, int32_t end, const uint64_t *words, long from) {
    for (int block = 0; block < to->blocks; block++) {
        to->start[row * to->blocks + block] = end;
        int stop = least(TERMS, to->terms - block * TERMS);
        for (int term = 0; term < stop; term += 64) {
            long bit = from + block * TERMS + term;
            int count = least(64, stop - term), shift = (int)(bit & 63);
            uint64_t left = words[bit >> 6] >> shift;
            if (shift != 0 && shift + count > 64) left |= words[(bit >> 6) + 1] << (64 - shift);
            if (count < 64) left &= ((uint64_t)1 << count) - 1;
            for (; left != 0; left &= left - 1) to->list[end++] = (uint8_t)(term + __builtin_ctzll(left));
        }
    }
    return end;
}

/* Adds a block's listed terms to the rows' sums. */
static void add_block(const float *block_of_weights, const lists *terms, int block, float *sums) {
    for (int row = 0; row < terms->rows; row++) {
        int32_t at = terms->start[row * terms->blocks + block], end = terms->start[row * terms->blocks + block + 1];
        vec *to = (vec *)(sums + (long)row * PANEL), sum[VECTORS];
        for (int i = 0; i < VECTORS; i++) sum[i] = to[i];
        for (; at < end; at++) {
            const vec *w = (const vec *)(block_of_weights + terms->list[at] * PANEL);
            for (int i = 0; i < VECTORS; i++) sum[i] += w[i];
        }
        for (int i = 0; i < VECTORS; i++) to[i] = sum[i];
    }
}

/* Copies the panel's columns of some rows of a matrix, padded with zeros. */
static void pack(const float *from, long stride, int rows, int columns, float *to) {
    for (int row = 0; row < rows; row++, from += stride, to += PANEL) {
        if (columns == PANEL) {
            for (int i = 0; i < VECTORS; i++) ((vec *)to)[i] = ((const loose *)from)[i];
        } else {
            memset(to, 0, PANEL * sizeof(float));
            memcpy(to, from, columns * sizeof(float));
        }
    }
}

/* sums (rows, PANEL) += terms x matrix, whose row t is at matrix + t * stride. */
static void product(const lists *terms, const float *matrix, long stride, int columns, float *packed, float *sums) {
    for (int block = 0; block < terms->blocks; block++) {
        pack(matrix + (long)block * TERMS * stride, stride, least(TERMS, terms->terms - block * TERMS), columns, packed);
        add_block(packed, terms, block, sums);
    }
}

/* bits (steps, ceil(batch * inputs / 64)), weights (inputs, outputs), bias (outputs), output (steps, batch, outputs). */
void linear_contender_forward(long steps, long batch, long inputs, long outputs, const uint64_t *bits, const float *weights,
        const float *bias, float *output, int threads) {
    long step_words = (batch * inputs + 63) / 64, rows = steps * batch, chunk = (rows + 2 * threads - 1) / (2 * threads);
    if (chunk > ROWS) chunk = ROWS;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (long first = 0; first < rows; first += chunk) {
        int count = least(chunk, rows - first);
        lists terms = make_lists(count, (int)inputs);
        float *packed = aligned_alloc(64, TERMS * PANEL * sizeof(float));
        float *sums = aligned_alloc(64, (size_t)count * PANEL * sizeof(float));
        int32_t end = 0;
        for (int row = 0; row < count; row++) {
            long t = (first + row) / batch, b = (first + row) % batch;
            end = list_row(&terms, row, end, bits + t * step_words, b * inputs);
        }
        terms.start[count * terms.blocks] = end;
        for (long m = 0; m < outputs; m += PANEL) {
            int columns = least(PANEL, outputs - m);
            for (int row = 0; row < count; row++) pack(bias + m, 0, 1, columns, sums + row * PANEL);
            product(&terms, weights + m, outputs, columns, packed, sums);
            for (int row = 0; row < count; row++) {
                memcpy(output + (first + row) * outputs + m, sums + row * PANEL, columns * sizeof(float));
            }
        }
        free(packed);
        free(sums);
        free_lists(terms);
    }
}

/* Swaps rows and columns of 64 by 64 bits. */
static void transpose(uint64_t square[64]) {
    uint64_t mask = 0xFFFFFFFFu;
    for (int half = 32; half > 0; half >>= 1, mask ^= mask << half) {
        for (int i = 0; i < 64; i = ((i | half) + 1) & ~half) {
            uint64_t swapped = ((square[i] >> half) ^ square[i | half]) & mask;
            square[i | half] ^= swapped;
            square[i] ^= swapped << half;
        }
    }
}

/* The bits of some columns, a row of words for each: step by step the rows of the batch. */
static void transposed(long steps, long batch, long inputs, const uint64_t *bits, long first, int count, uint64_t *to) {
    long step_words = (batch * inputs + 63) / 64, rows = steps * batch, words = (rows + 63) / 64;
    uint64_t square[64];
    for (int k = 0; k < count; k += 64) {
        int wide = least(64, count - k);
        for (long word = 0; word < words; word++) {
            int high = least(64, rows - word * 64);
            for (int i = 0; i < 64; i++) {
                long row = word * 64 + i, bit = row % batch * inputs + first + k;
                const uint64_t *from = bits + row / batch * step_words + (bit >> 6);
                int shift = (int)(bit & 63);
                square[i] = i >= high ? 0 : from[0] >> shift | (shift != 0 && shift + wide > 64 ? from[1] << (64 - shift) : 0);
            }
            transpose(square);
            for (int i = 0; i < wide; i++) to[(k + i) * words + word] = square[i];
        }
    }
}

/* grad_output (steps, batch, outputs), grad_weights (inputs, outputs). */
void linear_contender_grad_weights(long steps, long batch, long inputs, long outputs, const uint64_t *bits,
        const float *grad_output, float *grad_weights, int threads) {
    long rows = steps * batch, words = (rows + 63) / 64, chunk = (inputs + threads - 1) / threads;
    if (chunk > ROWS) chunk = ROWS;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (long first = 0; first < inputs; first += chunk) {
        int count = least(chunk, inputs - first);
        lists terms = make_lists(count, (int)rows);
        float *packed = aligned_alloc(64, TERMS * PANEL * sizeof(float));
        float *sums = aligned_alloc(64, (size_t)count * PANEL * sizeof(float));
        uint64_t *columns_bits = malloc((size_t)count * words * sizeof(uint64_t));
        transposed(steps, batch, inputs, bits, first, count, columns_bits);
        int32_t end = 0;
        for (int k = 0; k < count; k++) end = list_row(&terms, k, end, columns_bits, k * words * 64);
        terms.start[count * terms.blocks] = end;
        for (long m = 0; m < outputs; m += PANEL) {
            int columns = least(PANEL, outputs - m);
            memset(sums, 0, (size_t)count * PANEL * sizeof(float));
            product(&terms, grad_output + m, outputs, columns, packed, sums);
            for (int k = 0; k < count; k++) {
                memcpy(grad_weights + (first + k) * outputs + m, sums + k * PANEL, columns * sizeof(float));
            }
        }
        free(columns_bits);
        free(packed);
        free(sums);
        free_lists(terms);
    }
}
