// SPDX-License-Identifier: Apache-2.0
// The linear layer's kernels on the host: docs/numerics.md, "The linear layer", says what they compute, in which order.
//
// A matrix product in pieces of few columns and many rows, so that what is read repeatedly stays in the first-level cache: a block of rows of
// a panel of the right matrix's columns, copied to be contiguous. The left matrix is mostly zeros: the places of its nonzero elements are
// listed once for each row and block, and the panel's rows at these places are added up. If most elements are nonzero, all are taken instead.
// The forward product and the weights' gradient use the same routine: the former with the input on the left and the weights on the right, the
// latter with the transposed input and the output's gradient.
//
// Compiled once for each instruction set, with QLIF_PROGRAM naming the result. The linker must not share any function between these objects.
#include "linear_kernels.h"

#include <string.h>

#include "block_tree.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace qlif {
namespace {

// ---------------------------------------------------------------- masks

QLIF_FN uint64_t lowest(int bits) { return bits < 64 ? ((uint64_t)1 << bits) - 1 : ~(uint64_t)0; }

/** A bit for each of up to 64 values: whether it counts, as all but 0 do, including NaN; and whether it counts as 1. */
struct Mask {
  uint64_t counts;
  uint64_t ones;
};

template <class T>
QLIF_FN int lookAtOne(const T *values, int i, Mask &mask) {
  mask.counts |= (uint64_t)(values[i] != 0) << i;
  mask.ones |= (uint64_t)(sizeof(T) == 1 ? values[i] != 0 : values[i] == 1) << i;
  return 1;
}

// ---------------------------------------------------------------- vectors

#if defined(__AVX512F__)

struct Vector {
  static constexpr int LANES = 16;
  __m512 v;
  QLIF_FN static Vector load(const float *from) { return Vector{_mm512_loadu_ps(from)}; }
  QLIF_FN static Vector all(float x) { return Vector{_mm512_set1_ps(x)}; }
  QLIF_FN void store(float *to) const { _mm512_storeu_ps(to, v); }
  QLIF_FN Vector operator+(Vector b) const { return Vector{_mm512_add_ps(v, b.v)}; }
  QLIF_FN Vector plus(Vector a, Vector b) const { return Vector{_mm512_fmadd_ps(a.v, b.v, v)}; }
  /** Lane i: bit i, as a number. */
  QLIF_FN static Vector ofBits(uint64_t bits) { return Vector{_mm512_maskz_mov_ps((__mmask16)bits, _mm512_set1_ps(1))}; }
  /** Whether a lane is 0 or NaN. */
  QLIF_FN bool hasZeroOrNaN() const { return _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_EQ_UQ) != 0; }
};

/** Sets the bits of the next of up to 64 values, from value i on. Returns how many they were. */
QLIF_FN int look(const float *values, int i, int count, Mask &mask) {
  const __m512 x =
      count - i < 16 ? _mm512_maskz_loadu_ps((__mmask16)lowest(count - i), values + i) : _mm512_loadu_ps(values + i);
  mask.counts |= (uint64_t)_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NEQ_UQ) << i;
  mask.ones |= (uint64_t)_mm512_cmp_ps_mask(x, _mm512_set1_ps(1), _CMP_EQ_OQ) << i;
  return 16;
}

QLIF_FN int look(const uint8_t *values, int, int count, Mask &mask) {
  const __m512i bytes = _mm512_maskz_loadu_epi8(lowest(count), values);
  mask.counts = mask.ones = _mm512_test_epi8_mask(bytes, bytes);
  return count;
}

#elif defined(__AVX2__)

struct Vector {
  static constexpr int LANES = 8;
  __m256 v;
  QLIF_FN static Vector load(const float *from) { return Vector{_mm256_loadu_ps(from)}; }
  QLIF_FN static Vector all(float x) { return Vector{_mm256_set1_ps(x)}; }
  QLIF_FN void store(float *to) const { _mm256_storeu_ps(to, v); }
  QLIF_FN Vector operator+(Vector b) const { return Vector{_mm256_add_ps(v, b.v)}; }
  QLIF_FN Vector plus(Vector a, Vector b) const { return Vector{_mm256_fmadd_ps(a.v, b.v, v)}; }
  /** Lane i: bit i, as a number. */
  QLIF_FN static Vector ofBits(uint64_t bits) {
    const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i set = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)bits), lane), lane);
    return Vector{_mm256_and_ps(_mm256_castsi256_ps(set), _mm256_set1_ps(1))};
  }
  /** Whether a lane is 0 or NaN. */
  QLIF_FN bool hasZeroOrNaN() const { return _mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_EQ_UQ)) != 0; }
};

QLIF_FN int look(const float *values, int i, int count, Mask &mask) {
  if (count - i < 8) {
    return lookAtOne(values, i, mask);
  }
  const __m256 x = _mm256_loadu_ps(values + i);
  mask.counts |= (uint64_t)_mm256_movemask_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_NEQ_UQ)) << i;
  mask.ones |= (uint64_t)_mm256_movemask_ps(_mm256_cmp_ps(x, _mm256_set1_ps(1), _CMP_EQ_OQ)) << i;
  return 8;
}

QLIF_FN int look(const uint8_t *values, int i, int count, Mask &mask) {
  if (count - i < 16) {
    return lookAtOne(values, i, mask);
  }
  const __m128i bytes = _mm_loadu_si128((const __m128i *)(values + i));
  const uint64_t counts = 0xffff & ~(uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_setzero_si128()));
  mask.counts |= counts << i;
  mask.ones |= counts << i;
  return 16;
}

#else

struct Vector {
  static constexpr int LANES = 8;
  float v[LANES];
  template <class Lane>
  QLIF_FN static Vector of(Lane lane) {
    Vector result;
    for (int i = 0; i < LANES; i++) {
      result.v[i] = lane(i);
    }
    return result;
  }
  QLIF_FN static Vector load(const float *from) {
    return of([=](int i) { return from[i]; });
  }
  QLIF_FN static Vector all(float x) {
    return of([=](int) { return x; });
  }
  QLIF_FN void store(float *to) const { memcpy(to, v, sizeof v); }
  QLIF_FN Vector operator+(Vector b) const {
    return of([&](int i) { return v[i] + b.v[i]; });
  }
  QLIF_FN Vector plus(Vector a, Vector b) const {
    return of([&](int i) { return fma(a.v[i], b.v[i], v[i]); });
  }
  /** Lane i: bit i, as a number. */
  QLIF_FN static Vector ofBits(uint64_t bits) {
    return of([=](int i) { return (float)(bits >> i & 1); });
  }
  /** Whether a lane is 0 or NaN. */
  QLIF_FN bool hasZeroOrNaN() const {
    bool has = false;
    for (int i = 0; i < LANES; i++) {
      has |= !(v[i] < 0 || v[i] > 0);
    }
    return has;
  }
};

template <class T>
QLIF_FN int look(const T *values, int i, int, Mask &mask) {
  return lookAtOne(values, i, mask);
}

#endif

// ---------------------------------------------------------------- sizes

/** Vectors in the width of a panel: enough independent sums to hide an addition's latency. */
#if defined(__AVX512F__)
constexpr int PANEL_VECTORS = 4;
#else
constexpr int PANEL_VECTORS = 8;
#endif
constexpr int PANEL = PANEL_VECTORS * Vector::LANES;

/** Rows of the right matrix in a block: a panel of them is 28 KB. */
constexpr int INNER = 28672 / (PANEL * (int)sizeof(float));

/** Rows of the right matrix for which places are listed at a time; a multiple of the block size of both instruction sets. */
constexpr int CHUNK = 1120;

/** Words of a row's mask: one more than needed, so that rows don't all map to the same cache lines. */
constexpr int MASK_WORDS = (CHUNK + 63) / 64 + 1;

/** Rows, and maximum number of vectors, of a dense product whose sums are in registers at once. */
#if defined(__AVX512F__)
constexpr int DENSE_ROWS = 4;
constexpr int DENSE_VECTORS = 4;
#else
constexpr int DENSE_ROWS = 6;
constexpr int DENSE_VECTORS = 2;
#endif

/** The share of nonzero elements, in percent, above which taking all is faster: if all are 1, and for other numbers. Measured. */
#if defined(__AVX512F__)
constexpr int DENSE_SPIKES = 65;
constexpr int DENSE_NUMBERS = 52;
#else
constexpr int DENSE_SPIKES = 90;
constexpr int DENSE_NUMBERS = 76;
#endif

/** Rows of the left matrix summed at a time: their sums in a panel stay in the second-level cache. */
constexpr int64_t TILE = 256;

/** Rows of a forward call up to which copying the weights would take longer than adding them. */
constexpr int64_t FEW = 12;

static_assert(CHUNK % INNER == 0 && INNER * PANEL * sizeof(float) < 65536, "a place fits 16 bits");
static_assert(INNER % Vector::LANES == 0 && INNER % 8 == 0, "a block is whole vectors, and bytes of masks");
static_assert(PANEL_VECTORS % DENSE_VECTORS == 0, "a panel is a number of them");

// ---------------------------------------------------------------- the left matrix

/** The 64 bits from bit `at` on of `count` words; bits past the last word are arbitrary. */
QLIF_FN uint64_t bitsAt(const uint64_t *words, int64_t count, int64_t at) {
  const int64_t word = at / 64;
  const int shift = (int)(at % 64);
  uint64_t bits = words[word] >> shift;
  if (shift > 0 && word + 1 < count) {
    bits |= words[word + 1] << (64 - shift);
  }
  return bits;
}

template <class T>
QLIF_FN Mask maskOf(const T *values, int count) {
  Mask mask{};
  for (int i = 0; i < count;) {
    i += look(values, i, count, mask);
  }
  return mask;
}

/** A row of the input. */
struct Line {
  const void *values;  // its first value; for bits, its step's first word
  int64_t bit;         // for bits, where it begins in its step

  const float *floats() const { return (const float *)values; }
};

/** The input, row by row. */
struct Input {
  const LinearArgs &args;
  int64_t words;  // in a step's bits

  explicit Input(const LinearArgs &args) : args(args), words((args.batch * args.inputs + 63) / 64) {}

  Line line(int64_t t, int64_t b) const {
    if (args.inputType == QLIF_INPUT_BIT) {
      return Line{(const uint64_t *)args.input + t * words, b * args.inputs};
    }
    const int64_t size = args.inputType == QLIF_INPUT_U8 ? 1 : (int64_t)sizeof(float);
    return Line{(const char *)args.input + (t * args.batch + b) * args.inputs * size, 0};
  }

  /** Bit i tells whether element k + i of a row counts, for up to 64 elements. Clears `plain` if one is neither 0 nor 1. */
  QLIF_FN uint64_t bits(const Line &line, int64_t k, int count, bool &plain) const {
    switch (args.inputType) {
      case QLIF_INPUT_BIT:
        return bitsAt((const uint64_t *)line.values, words, line.bit + k) & lowest(count);
      case QLIF_INPUT_U8:
        return maskOf((const uint8_t *)line.values + k, count).counts;
      default: {
        const Mask mask = maskOf(line.floats() + k, count);
        plain = plain && mask.counts == mask.ones;
        return mask.counts;
      }
    }
  }
};

// ---------------------------------------------------------------- terms

/** Hands out memory aligned to cache lines. */
struct Room {
  char *at;

  template <class T>
  T *take(size_t count) {
    T *taken = (T *)at;
    at += (count * sizeof(T) + 63) / 64 * 64;
    return taken;
  }
};

/** For each byte, the offsets in a block of its set bits, in ascending order, followed by zeros. */
struct PlacesOfByte {
  alignas(16) uint16_t offsets[256][8];

  constexpr PlacesOfByte() : offsets() {
    for (int byte = 0; byte < 256; byte++) {
      int count = 0;
      for (int bit = 0; bit < 8; bit++) {
        if (byte >> bit & 1) {
          offsets[byte][count++] = (uint16_t)(bit * PANEL * (int)sizeof(float));
        }
      }
    }
  }
};

constexpr PlacesOfByte PLACES_OF_BYTE;

/**
 * Lists the places of a row's nonzero elements in a block, columns `from` to `to`. Returns the list's end. Works on eight elements at a time:
 * eight places are stored, and the next store overwrites the surplus. Searching for set bits one by one would cost a mispredicted branch per
 * word.
 */
QLIF_FN uint16_t *listBlock(const uint64_t *mask, int from, int to, uint16_t *offsets) {
  for (int at = from; at < to; at += 8) {
    const int byte = (int)(mask[at / 64] >> at % 64 & 0xff);
    const uint16_t base = (uint16_t)((at - from) * (PANEL * (int)sizeof(float)));
    for (int i = 0; i < 8; i++) {
      offsets[i] = (uint16_t)(PLACES_OF_BYTE.offsets[byte][i] + base);
    }
    offsets += __builtin_popcount((unsigned)byte);
  }
  return offsets;
}

/** The column of its block that a place stands for. */
QLIF_FN int columnOf(uint16_t offset) { return offset / (PANEL * (int)sizeof(float)); }

/** Up to CHUNK columns of the left matrix, of which only the nonzero elements matter. */
struct Terms {
  uint64_t *masks;    // (rows, MASK_WORDS): whether an element counts
  uint32_t *starts;   // (blocks, rows) and the end: where each list begins
  uint16_t *offsets;  // of the right matrix's row in its block, in bytes
  float *values;      // the listed elements, or (rows, CHUNK) all elements; null if all are 1
  int rows;
  int inner;
  bool plain;  // all nonzero elements are 1
  bool all;    // no element is 0
  bool dense;  // all elements are taken

  static size_t maskWords(size_t rows) { return (rows + 63) / 64 * 64 * MASK_WORDS; }

  static size_t bytes(size_t rows, bool withValues) {
    const size_t places = rows * CHUNK;
    return maskWords(rows) * sizeof(uint64_t) + (rows * (CHUNK / INNER) + 1) * sizeof(uint32_t) + (places + 8) * sizeof(uint16_t) +
           (withValues ? places * sizeof(float) : 0) + 4 * 64;
  }

  uint64_t *mask(int row) { return masks + row * MASK_WORDS; }
  const uint64_t *mask(int row) const { return masks + row * MASK_WORDS; }

  /** Decides whether to take all elements. Called once the masks are set. */
  void chooseWay(int rows, int inner, bool plain) {
    this->rows = rows;
    this->inner = inner;
    this->plain = plain;
    int64_t set = 0;
    for (int row = 0; row < rows; row++) {
      for (int at = 0; at < inner; at += 64) {
        set += __builtin_popcountll(mask(row)[at / 64]);
      }
    }
    const int64_t count = (int64_t)rows * inner;
    all = set == count;
    dense = 100 * set > (plain ? DENSE_SPIKES : DENSE_NUMBERS) * count;
  }

  /** Makes the lists. number(row, column) returns an element. */
  template <class Number>
  void list(Number number) {
    uint16_t *end = offsets;
    uint32_t *start = starts;
    for (int from = 0; from < inner; from += INNER) {
      const int to = inner - from < INNER ? inner : from + INNER;
      for (int row = 0; row < rows; row++) {
        *start++ = (uint32_t)(end - offsets);
        uint16_t *const next = listBlock(mask(row), from, to, end);
        for (; !plain && end != next; end++) {
          values[end - offsets] = number(row, from + columnOf(*end));
        }
        end = next;
      }
    }
    *start = (uint32_t)(end - offsets);
  }
};

Terms termsIn(Room &room, int64_t rows, bool withValues) {
  Terms terms{};
  terms.masks = room.take<uint64_t>(Terms::maskWords((size_t)rows));
  terms.starts = room.take<uint32_t>((size_t)rows * (CHUNK / INNER) + 1);
  terms.offsets = room.take<uint16_t>((size_t)rows * CHUNK + 8);
  terms.values = withValues ? room.take<float>((size_t)rows * CHUNK) : nullptr;
  return terms;
}

// ---------------------------------------------------------------- sums

/** Adds the rows of a block of the right matrix that a list names, which must not be empty, to a row's sums. */
template <int VECTORS, bool VALUES>
QLIF_FN void addListed(const uint16_t *offset, const uint16_t *end, const float *value, const float *right, float *sums) {
  Vector sum[VECTORS];
#pragma GCC unroll 8
  for (int v = 0; v < VECTORS; v++) {
    sum[v] = Vector::load(sums + v * Vector::LANES);
  }
#pragma GCC unroll 1
  do {
    const float *from = (const float *)((const char *)right + *offset++);
    if constexpr (VALUES) {
      const Vector x = Vector::all(*value++);
#pragma GCC unroll 8
      for (int v = 0; v < VECTORS; v++) {
        sum[v] = sum[v].plus(x, Vector::load(from + v * Vector::LANES));
      }
    } else {
#pragma GCC unroll 8
      for (int v = 0; v < VECTORS; v++) {
        sum[v] = sum[v] + Vector::load(from + v * Vector::LANES);
      }
    }
  } while (offset != end);
#pragma GCC unroll 8
  for (int v = 0; v < VECTORS; v++) {
    sum[v].store(sums + v * Vector::LANES);
  }
}

/** Adds the rows of a block of the right matrix that their lists name to the sums of all rows. */
template <int VECTORS, bool VALUES>
void addBlock(const Terms &terms, int block, const float *right, float *sums) {
  const uint32_t *starts = terms.starts + (int64_t)block * terms.rows;
  for (int row = 0; row < terms.rows; row++, sums += PANEL) {
    const uint16_t *const offset = terms.offsets + starts[row];
    const uint16_t *const end = terms.offsets + starts[row + 1];
    if (offset != end) {
      addListed<VECTORS, VALUES>(offset, end, VALUES ? terms.values + starts[row] : nullptr, right, sums);
    }
  }
}

/** Calls `call` with the number of vectors as a constant: 1, 2, 4 or a whole panel. */
template <class Call>
QLIF_FN void withVectors(int vectors, Call call) {
  switch (vectors) {
    case 1:
      return call.template operator()<1>();
    case 2:
      return call.template operator()<2>();
    case 3:
    case 4:
      return call.template operator()<4>();
    default:
      return call.template operator()<PANEL_VECTORS>();
  }
}

/**
 * Adds a dense product to the sums of DENSE_ROWS rows: `count` columns of the left matrix, from left[row] on, and as many rows of a block.
 */
template <int VECTORS>
void addDense(const float *const (&left)[DENSE_ROWS], int count, const float *right, float *sums) {
  Vector sum[DENSE_ROWS][VECTORS];
#pragma GCC unroll 8
  for (int r = 0; r < DENSE_ROWS; r++) {
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) {
      sum[r][v] = Vector::load(sums + r * PANEL + v * Vector::LANES);
    }
  }
#pragma GCC unroll 1
  for (int i = 0; i < count; i++, right += PANEL) {
    Vector factor[VECTORS];
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) {
      factor[v] = Vector::load(right + v * Vector::LANES);
    }
#pragma GCC unroll 8
    for (int r = 0; r < DENSE_ROWS; r++) {
      const Vector x = Vector::all(left[r][i]);
#pragma GCC unroll 8
      for (int v = 0; v < VECTORS; v++) {
        sum[r][v] = sum[r][v].plus(x, factor[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < DENSE_ROWS; r++) {
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) {
      sum[r][v].store(sums + r * PANEL + v * Vector::LANES);
    }
  }
}

/**
 * Adds a dense product to the sums of rows, after which there must be room for DENSE_ROWS more. left(row) returns `count` numbers of a row.
 */
template <class Left>
void addDense(int vectors, int rows, int count, const float *right, float *sums, Left left) {
  for (int row = 0; row < rows; row += DENSE_ROWS) {
    const float *lefts[DENSE_ROWS];
    for (int r = 0; r < DENSE_ROWS; r++) {
      // Repeats the last row past the end.
      lefts[r] = left(row + r < rows ? row + r : rows - 1);
    }
    for (int v = 0; v < vectors; v += DENSE_VECTORS) {
      const float *const from = right + v * Vector::LANES;
      float *const to = sums + row * PANEL + v * Vector::LANES;
      if (vectors - v == 1) {
        addDense<1>(lefts, count, from, to);
      } else if (vectors - v == 2) {
        addDense<2>(lefts, count, from, to);
      } else {
        addDense<DENSE_VECTORS>(lefts, count, from, to);
      }
    }
  }
}

/** The vectors that a panel from column `column` on needs. */
int vectorsOf(int64_t columns, int64_t column) {
  const int64_t left = columns - column;
  return left >= PANEL ? PANEL_VECTORS : (int)((left + Vector::LANES - 1) / Vector::LANES);
}

int widthOf(int64_t columns, int64_t column) { return columns - column < PANEL ? (int)(columns - column) : PANEL; }

// Like memset and memcpy, but for whole vectors. For those the compiler would use string instructions or calls.

QLIF_FN void clearPanel(float *to) {
#pragma GCC unroll 8
  for (int v = 0; v < PANEL_VECTORS; v++) {
    Vector::all(0).store(to + v * Vector::LANES);
  }
}

QLIF_FN void copyPanel(float *to, const float *from) {
#pragma GCC unroll 8
  for (int v = 0; v < PANEL_VECTORS; v++) {
    Vector::load(from + v * Vector::LANES).store(to + v * Vector::LANES);
  }
}

/** Copies a panel's part of a row. */
QLIF_FN void copyPart(float *to, const float *from, int width) {
  if (width == PANEL) {
    copyPanel(to, from);
  } else {
    memcpy(to, from, (size_t)width * sizeof(float));
  }
}

/** Copies part of a row into a panel's row, followed by zeros. */
QLIF_FN void copyRow(float *to, const float *from, int width) {
  if (width == PANEL) {
    copyPanel(to, from);
  } else {
    memcpy(to, from, (size_t)width * sizeof(float));
    memset(to + width, 0, (size_t)(PANEL - width) * sizeof(float));
  }
}

/** Whether any of a row's first `width` sums is 0 or NaN. */
bool isDoubtful(const float *sums, int width) {
  int i = 0;
  for (; i + Vector::LANES <= width; i += Vector::LANES) {
    if (Vector::load(sums + i).hasZeroOrNaN()) {
      return true;
    }
  }
  for (; i < width; i++) {
    if (!(sums[i] < 0 || sums[i] > 0)) {
      return true;
    }
  }
  return false;
}

/**
 * Sums rows whose sums are 0 or NaN again, from their nonzero terms only. begin(row) resets a row of sums; pack(at) copies a block of the
 * right matrix and returns how many rows it has.
 */
template <class Begin, class Pack, class Numbers>
void sumDoubtful(const Terms &terms, int vectors, int width, const float *block, float *sums, Begin begin, Pack pack, Numbers numbers) {
  // Reuses the memory for the lists' starts, since there are no lists.
  uint32_t *const doubtful = terms.starts;
  int count = 0;
  for (int row = 0; row < terms.rows; row++) {
    if (isDoubtful(sums + row * PANEL, width)) {
      begin(row);
      doubtful[count++] = (uint32_t)row;
    }
  }
  for (int from = 0; count > 0 && from < terms.inner; from += INNER) {
    const int to = from + pack(from);
    for (int i = 0; i < count; i++) {
      const int row = (int)doubtful[i];
      uint16_t offsets[INNER + 8];
      const uint16_t *const end = listBlock(terms.mask(row), from, to, offsets);
      if (end == offsets) {
        continue;
      }
      float values[INNER];
      for (int place = 0; !terms.plain && offsets + place != end; place++) {
        values[place] = numbers(row, from)[columnOf(offsets[place])];
      }
      withVectors(vectors, [&]<int VECTORS>() {
        if (terms.plain) {
          addListed<VECTORS, false>(offsets, end, nullptr, block, sums + row * PANEL);
        } else {
          addListed<VECTORS, true>(offsets, end, values, block, sums + row * PANEL);
        }
      });
    }
  }
}

/**
 * Adds the product of `terms` and as many rows of the right matrix to rows of sums, after which there must be room for DENSE_ROWS more.
 * right(i) returns a row of that matrix; numbers(row, i) the left matrix's row from column i on, if it is not plain; before(row) a row of
 * previous sums, or null for zeros; put(row, column, width, values) takes part of a row of sums.
 *
 * The dense product includes elements of 0. Such a term changes a sum in two cases only: if the other factor is not finite, the sum becomes
 * NaN; and it may turn -0 into +0, which makes no difference once a nonzero term follows. So rows whose sums come out as NaN or 0 are summed
 * again from their nonzero terms.
 */
template <class Right, class Numbers, class Before, class Put>
void addProduct(const Terms &terms, int64_t columns, float *block, float *sums, Right right, Numbers numbers, Before before, Put put) {
  const int rows = terms.rows;
  memset(sums + (int64_t)rows * PANEL, 0, DENSE_ROWS * PANEL * sizeof(float));
  for (int64_t column = 0; column < columns; column += PANEL) {
    const int vectors = vectorsOf(columns, column);
    const int width = widthOf(columns, column);
    const auto begin = [&](int row) {
      const float *from = before(row);
      if (from == nullptr) {
        clearPanel(sums + row * PANEL);
      } else {
        copyRow(sums + row * PANEL, from + column, width);
      }
    };
    const auto pack = [&](int at) {
      const int count = terms.inner - at < INNER ? terms.inner - at : INNER;
      for (int i = 0; i < count; i++) {
        copyRow(block + i * PANEL, right(at + i) + column, width);
      }
      return count;
    };
    for (int row = 0; row < rows; row++) {
      begin(row);
    }
    for (int at = 0; at < terms.inner; at += INNER) {
      const int count = pack(at);
      if (!terms.dense) {
        withVectors(vectors, [&]<int VECTORS>() {
          if (terms.plain) {
            addBlock<VECTORS, false>(terms, at / INNER, block, sums);
          } else {
            addBlock<VECTORS, true>(terms, at / INNER, block, sums);
          }
        });
      } else if (!terms.plain) {
        addDense(vectors, rows, count, block, sums, [&](int row) { return numbers(row, at); });
      } else {
        float ones[DENSE_ROWS][INNER];
        addDense(vectors, rows, count, block, sums, [&](int row) {
          float *const to = ones[row % DENSE_ROWS];
          for (int i = 0; i < count; i += Vector::LANES) {
            Vector::ofBits(terms.mask(row)[(at + i) / 64] >> (at + i) % 64).store(to + i);
          }
          return (const float *)to;
        });
      }
    }
    if (terms.dense && !terms.all) {
      sumDoubtful(terms, vectors, width, block, sums, begin, pack, numbers);
    }
    for (int row = 0; row < rows; row++) {
      put(row, column, width, sums + row * PANEL);
    }
  }
}

// ---------------------------------------------------------------- forward

bool mayHaveValues(const LinearArgs &args) { return args.inputType == QLIF_INPUT_F32; }

size_t forwardBytes(const LinearJob &job) {
  const size_t rows = (size_t)job.mostRows();
  return Terms::bytes(rows, mayHaveValues(job.args)) + (INNER + rows + DENSE_ROWS) * PANEL * sizeof(float) + rows * sizeof(Line) + 3 * 64;
}

/** For few rows: adds the weights without copying them first. */
void forwardRow(const LinearArgs &args, const Input &input, const Line &line, float *output, Room room) {
  uint32_t *const places = room.take<uint32_t>(CHUNK);
  float *const values = room.take<float>(CHUNK);
  for (int64_t m = 0; m < args.columns; m++) {
    output[m] = args.bias != nullptr ? args.bias[args.column + m] : 0.0f;
  }
  for (int64_t chunk = 0; chunk < args.inputs; chunk += CHUNK) {
    const int64_t to = args.inputs - chunk < CHUNK ? args.inputs : chunk + CHUNK;
    bool plain = true;
    int count = 0;
    for (int64_t k = chunk; k < to; k += 64) {
      uint64_t mask = input.bits(line, k, to - k < 64 ? (int)(to - k) : 64, plain);
      for (; mask != 0; mask &= mask - 1) {
        const int64_t place = k + __builtin_ctzll(mask);
        places[count] = (uint32_t)(place - chunk);
        values[count++] = mayHaveValues(args) ? line.floats()[place] : 1.0f;
      }
    }
    const float *const weights = args.weights + chunk * args.outputs + args.column;
    int64_t m = 0;
    for (; m + 4 * Vector::LANES <= args.columns; m += 4 * Vector::LANES) {
      Vector sum[4];
#pragma GCC unroll 4
      for (int v = 0; v < 4; v++) {
        sum[v] = Vector::load(output + m + v * Vector::LANES);
      }
      for (int i = 0; i < count; i++) {
        const float *from = weights + (int64_t)places[i] * args.outputs + m;
        const Vector x = Vector::all(values[i]);
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++) {
          sum[v] = sum[v].plus(x, Vector::load(from + v * Vector::LANES));
        }
      }
#pragma GCC unroll 4
      for (int v = 0; v < 4; v++) {
        sum[v].store(output + m + v * Vector::LANES);
      }
    }
    for (int i = 0; i < count && m < args.columns; i++) {
      const float *from = weights + (int64_t)places[i] * args.outputs;
#pragma GCC ivdep
      for (int64_t n = m; n < args.columns; n++) {
        output[n] = fma(values[i], from[n], output[n]);
      }
    }
  }
}

void forward(const LinearJob &job, int64_t part, void *worker) {
  const LinearArgs &args = job.args;
  const Input input(args);
  const int64_t first = job.parts.first(part);
  const int rows = (int)(job.parts.first(part + 1) - first);
  const auto line = [&](int row) { return input.line((first + row) / args.rows, args.row + (first + row) % args.rows); };
  const auto output = [&](int row) {
    return args.output + (first + row) / args.rows * args.outputStep + (first + row) % args.rows * args.outputRow;
  };
  if (rows <= FEW || args.inputs == 0) {
    for (int row = 0; row < rows; row++) {
      forwardRow(args, input, line(row), output(row), Room{(char *)worker});
    }
    return;
  }
  Room room{(char *)worker};
  float *const block = room.take<float>(INNER * PANEL);
  float *const sums = room.take<float>((size_t)(rows + DENSE_ROWS) * PANEL);
  Line *const lines = room.take<Line>((size_t)rows);
  for (int row = 0; row < rows; row++) {
    lines[row] = line(row);
  }
  Terms terms = termsIn(room, rows, mayHaveValues(args));
  for (int64_t from = 0; from < args.inputs; from += CHUNK) {
    const int inner = (int)(args.inputs - from < CHUNK ? args.inputs - from : CHUNK);
    bool plain = true;
    for (int row = 0; row < rows; row++) {
      for (int at = 0; at < inner; at += 64) {
        terms.mask(row)[at / 64] = input.bits(lines[row], from + at, inner - at < 64 ? inner - at : 64, plain);
      }
    }
    const auto numbers = [&](int row, int at) { return lines[row].floats() + from + at; };
    terms.chooseWay(rows, inner, plain);
    if (!terms.dense) {
      terms.list([&](int row, int at) { return *numbers(row, at); });
    }
    const float *const bias = args.bias == nullptr ? nullptr : args.bias + args.column;
    addProduct(terms, args.columns, block, sums, [&](int at) { return args.weights + (from + at) * args.outputs + args.column; },
        numbers, [&](int row) { return from == 0 ? bias : (const float *)output(row); },
        [&](int row, int64_t column, int width, const float *values) {
          copyPart(output(row) + column, values, width);
        });
  }
}

// ---------------------------------------------------------------- the gradients of weights and bias

/** Maximum number of rows of the weights in a part. A part keeps log2(blocks of the batch) sums of all their columns. */
int64_t weightRows(const LinearArgs &args) {
  constexpr int64_t FLOATS = 1 << 18;
  const int64_t rows = args.outputs == 0 ? TILE : FLOATS / args.outputs;
  return rows < 16 ? 16 : rows > 2 * TILE ? 2 * TILE : rows;
}

size_t weightsBytes(const LinearJob &job) {
  const size_t rows = (size_t)job.mostRows();
  const size_t width = rows * (size_t)job.args.outputs;
  return Terms::bytes(rows, mayHaveValues(job.args)) + (INNER + rows + DENSE_ROWS) * PANEL * sizeof(float) +
         CHUNK * (sizeof(Line) + sizeof(float *)) + width * (size_t)BlockTree::room(blocksOf(job.args.batch)) * sizeof(float) + 5 * 64;
}

/** Transposes a square of bits: bit i of word j becomes bit j of word i. */
void transpose(uint64_t (&words)[64]) {
  uint64_t mask = 0x00000000ffffffffu;
  for (int half = 32; half > 0; half /= 2, mask ^= mask << half) {
    for (int i = 0; i < 64; i = ((i | half) + 1) & ~half) {
      const uint64_t swapped = (words[i] >> half ^ words[i | half]) & mask;
      words[i] ^= swapped << half;
      words[i | half] ^= swapped;
    }
  }
}

/** Transposes numbers of the input, square by square, so that both sides stay in the cache; the bias's row, if there is one, is ones. */
void transpose(const Line *lines, int64_t first, int spikes, int rows, int inner, float *to) {
  constexpr int SIDE = 16;
  for (int row = 0; row < spikes; row += SIDE) {
    const int high = spikes - row < SIDE ? spikes - row : SIDE;
    for (int at = 0; at < inner; at += SIDE) {
      const int wide = inner - at < SIDE ? inner - at : SIDE;
      for (int i = 0; i < high; i++) {
        for (int j = 0; j < wide; j++) {
          to[(row + i) * CHUNK + at + j] = lines[at + j].floats()[first + row + i];
        }
      }
    }
  }
  for (int at = 0; spikes < rows && at < inner; at++) {
    to[spikes * CHUNK + at] = 1;
  }
}

void weights(const LinearJob &job, int64_t part, void *worker) {
  const LinearArgs &args = job.args;
  const Input input(args);
  const int64_t first = job.parts.first(part);
  const int rows = (int)(job.parts.first(part + 1) - first);
  // The last row is the bias's, to which every row of the batch contributes.
  const int64_t ofWeights = args.gradWeights == nullptr ? 0 : args.inputs;
  const int spikes = (int)(ofWeights - first < rows ? (ofWeights > first ? ofWeights - first : 0) : rows);
  const int64_t width = (int64_t)rows * args.outputs;

  Room room{(char *)worker};
  float *const block = room.take<float>(INNER * PANEL);
  float *const sums = room.take<float>((size_t)(rows + DENSE_ROWS) * PANEL);
  Line *const lines = room.take<Line>(CHUNK);
  const float **const right = room.take<const float *>(CHUNK);
  Terms terms = termsIn(room, rows, mayHaveValues(args));
  BlockTree tree(room.take<float>(0), width);

  for (int64_t b = 0; b < args.batch; b += BLOCK_ROWS) {
    const int batch = (int)(args.batch - b < BLOCK_ROWS ? args.batch - b : BLOCK_ROWS);
    float *const total = tree.next();
    const int64_t stepsAtOnce = CHUNK / batch;
    for (int64_t t = 0; t < args.steps || t == 0; t += stepsAtOnce) {
      const int64_t steps = args.steps - t < stepsAtOnce ? args.steps - t : stepsAtOnce;
      const int inner = (int)steps * batch;
      for (int at = 0; at < inner; at++) {
        const int64_t step = t + at / batch;
        const int64_t row = b + at % batch;
        lines[at] = input.line(step, row);
        right[at] = args.gradOutput + ((args.gradOutputShared ? 0 : step * args.batch) + row) * args.outputs;
      }
      bool plain = true;
      for (int from = 0; from < spikes; from += 64) {
        const int count = spikes - from < 64 ? spikes - from : 64;
        for (int at = 0; at < inner; at += 64) {
          uint64_t square[64];
          for (int i = 0; i < 64; i++) {
            square[i] = at + i < inner ? input.bits(lines[at + i], first + from, count, plain) : 0;
          }
          transpose(square);
          for (int i = 0; i < 64; i++) {
            terms.mask(from + i)[at / 64] = square[i];
          }
        }
      }
      for (int at = 0; spikes < rows && at < inner; at += 64) {
        terms.mask(spikes)[at / 64] = lowest(inner - at);
      }
      terms.chooseWay(rows, inner, plain);
      if (!terms.dense) {
        terms.list([&](int row, int at) { return row < spikes ? lines[at].floats()[first + row] : 1.0f; });
      } else if (!plain) {
        transpose(lines, first, spikes, rows, inner, terms.values);
      }
      addProduct(terms, args.outputs, block, sums, [&](int at) { return right[at]; },
          [&](int row, int at) { return terms.values + row * CHUNK + at; },
          [&](int row) { return t == 0 ? nullptr : (const float *)total + row * args.outputs; },
          [&](int row, int64_t column, int width, float *values) {
            // Adds the earlier subtrees now, while these sums are in the cache.
            const int64_t at = row * args.outputs + column;
            if (t + steps == args.steps) {
              tree.complete(values, at, width);
            }
            copyPart(total + at, values, width);
          });
    }
    tree.added();
  }
  const float *const total = tree.sum();
  if (spikes > 0) {
    memcpy(args.gradWeights + first * args.outputs, total, (size_t)spikes * args.outputs * sizeof(float));
  }
  if (spikes < rows) {
    memcpy(args.gradBias, total + (int64_t)spikes * args.outputs, (size_t)args.outputs * sizeof(float));
  }
}

// ---------------------------------------------------------------- the gradient of the input

size_t inputBytes(const LinearJob &job) {
  return (INNER + (size_t)job.mostRows() + DENSE_ROWS) * PANEL * sizeof(float) + 2 * 64;
}

void gradientOfInput(const LinearJob &job, int64_t part, void *worker) {
  const LinearArgs &args = job.args;
  const int64_t first = job.parts.first(part);
  const int rows = (int)(job.parts.first(part + 1) - first);
  Room room{(char *)worker};
  float *const block = room.take<float>(INNER * PANEL);
  float *const sums = room.take<float>((size_t)(rows + DENSE_ROWS) * PANEL);
  for (int64_t column = 0; column < args.inputs; column += PANEL) {
    const int width = widthOf(args.inputs, column);
    const int vectors = vectorsOf(args.inputs, column);
    memset(sums, 0, (size_t)(rows + DENSE_ROWS) * PANEL * sizeof(float));
    for (int64_t from = 0; from < args.outputs; from += INNER) {
      const int count = (int)(args.outputs - from < INNER ? args.outputs - from : INNER);
      // The weights' columns become rows. Rows past the last column get arbitrary values, whose results are discarded.
      for (int k = 0; k < vectors * Vector::LANES; k++) {
        const float *line = args.weights + (column + (k < width ? k : 0)) * args.outputs + from;
        for (int m = 0; m < count; m++) {
          block[m * PANEL + k] = line[m];
        }
      }
      addDense(vectors, rows, count, block, sums, [&](int row) { return args.gradOutput + (first + row) * args.outputs + from; });
    }
    for (int row = 0; row < rows; row++) {
      memcpy(args.gradInput + (first + row) * args.inputs + column, sums + row * PANEL, (size_t)width * sizeof(float));
    }
  }
}

}  // namespace

LinearProgram QLIF_PROGRAM() {
  return LinearProgram{TILE, weightRows, forwardBytes, weightsBytes, inputBytes, forward, weights, gradientOfInput};
}

}  // namespace qlif
