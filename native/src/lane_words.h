// SPDX-License-Identifier: Apache-2.0
// Instructions that compilers do not find by themselves: for 32-bit words of several lanes, the multiplication of 32 by 32 bits to 64, on
// which the generator spends most of its time; and packing comparisons into bits.
#ifndef QLIF_LANE_WORDS_H
#define QLIF_LANE_WORDS_H

#include "platform.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace qlif {

#if defined(__AVX512F__)

using LaneVector = __m512i;

QLIF_FN LaneVector laneProduct(LaneVector a, LaneVector b) { return _mm512_mul_epu32(a, b); }
QLIF_FN LaneVector laneXor(LaneVector a, LaneVector b) { return _mm512_xor_si512(a, b); }
QLIF_FN LaneVector laneHigh(LaneVector a) { return _mm512_srli_epi64(a, 32); }
QLIF_FN LaneVector laneAll(uint32_t x) { return _mm512_set1_epi64((long long)x); }
QLIF_FN LaneVector laneWords(uint32_t x) { return _mm512_set1_epi32((int)x); }
QLIF_FN LaneVector laneLoad(const uint32_t *from) { return _mm512_loadu_si512(from); }
QLIF_FN void laneStore(uint32_t *to, LaneVector a) { _mm512_storeu_si512(to, a); }
/** The low halves of even and of odd lanes, in the order of the lanes; and the high halves. */
QLIF_FN LaneVector laneLows(LaneVector even, LaneVector odd) {
  return _mm512_castps_si512(_mm512_mask_moveldup_ps(_mm512_castsi512_ps(even), 0xaaaa, _mm512_castsi512_ps(odd)));
}
QLIF_FN LaneVector laneHighs(LaneVector even, LaneVector odd) {
  return _mm512_castps_si512(_mm512_mask_movehdup_ps(_mm512_castsi512_ps(odd), 0x5555, _mm512_castsi512_ps(even)));
}

#elif defined(__AVX2__)

using LaneVector = __m256i;

QLIF_FN LaneVector laneProduct(LaneVector a, LaneVector b) { return _mm256_mul_epu32(a, b); }
QLIF_FN LaneVector laneXor(LaneVector a, LaneVector b) { return _mm256_xor_si256(a, b); }
QLIF_FN LaneVector laneHigh(LaneVector a) { return _mm256_srli_epi64(a, 32); }
QLIF_FN LaneVector laneAll(uint32_t x) { return _mm256_set1_epi64x((long long)x); }
QLIF_FN LaneVector laneWords(uint32_t x) { return _mm256_set1_epi32((int)x); }
QLIF_FN LaneVector laneLoad(const uint32_t *from) { return _mm256_loadu_si256((const __m256i *)from); }
QLIF_FN void laneStore(uint32_t *to, LaneVector a) { _mm256_storeu_si256((__m256i *)to, a); }
QLIF_FN LaneVector laneLows(LaneVector even, LaneVector odd) { return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa); }
QLIF_FN LaneVector laneHighs(LaneVector even, LaneVector odd) { return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa); }

#endif

#if defined(__AVX2__)

#if defined(__AVX512F__)
constexpr int LANE_VECTORS = 2;
#else
constexpr int LANE_VECTORS = 1;
#endif

#define QLIF_VECTORS _Pragma("GCC unroll 2") for (int v = 0; v < LANE_VECTORS; v++)

/**
 * Even and odd lanes separately, each word in the low half of 64 bits; the high half is arbitrary. As many vectors as registers allow: each
 * operation does all of them in turn, so that the processor need not look far ahead for independent operations.
 */
struct LaneWords {
  static constexpr int WORDS = sizeof(LaneVector) / 4;
  static constexpr int COUNT = LANE_VECTORS * WORDS;

  LaneVector even[LANE_VECTORS], odd[LANE_VECTORS];

  QLIF_FN static LaneWords load(const uint32_t *from) {
    LaneWords words;
    QLIF_VECTORS {
      words.even[v] = laneLoad(from + v * WORDS);
      words.odd[v] = laneHigh(words.even[v]);
    }
    return words;
  }
  QLIF_FN static LaneWords all(uint32_t x) {
    LaneWords words;
    QLIF_VECTORS { words.even[v] = words.odd[v] = laneAll(x); }
    return words;
  }
};

QLIF_FN LaneWords operator^(LaneWords a, LaneWords b) {
  QLIF_VECTORS {
    a.even[v] = laneXor(a.even[v], b.even[v]);
    a.odd[v] = laneXor(a.odd[v], b.odd[v]);
  }
  return a;
}
QLIF_FN LaneWords operator^(LaneWords a, uint32_t x) {
  QLIF_VECTORS {
    a.even[v] = laneXor(a.even[v], laneWords(x));
    a.odd[v] = laneXor(a.odd[v], laneWords(x));
  }
  return a;
}

QLIF_FN void multiply(uint32_t factor, LaneWords x, LaneWords &high, LaneWords &low) {
  QLIF_VECTORS {
    low.even[v] = laneProduct(x.even[v], laneAll(factor));
    low.odd[v] = laneProduct(x.odd[v], laneAll(factor));
    high.even[v] = laneHigh(low.even[v]);
    high.odd[v] = laneHigh(low.odd[v]);
  }
}

/** Writes the low words of the products of `factor` and x, and their high words after ^ with y and z. */
QLIF_FN void storeProducts(uint32_t factor, LaneWords x, LaneWords y, uint32_t z, uint32_t *high, uint32_t *low) {
  QLIF_VECTORS {
    const LaneVector even = laneProduct(x.even[v], laneAll(factor));
    const LaneVector odd = laneProduct(x.odd[v], laneAll(factor));
    laneStore(low + v * LaneWords::WORDS, laneLows(even, odd));
    laneStore(high + v * LaneWords::WORDS, laneXor(laneXor(laneHighs(even, odd), laneLows(y.even[v], y.odd[v])), laneWords(z)));
  }
}

#else

/** One lane at a time. */
struct LaneWords {
  static constexpr int COUNT = 1;

  uint32_t word;

  QLIF_FN static LaneWords load(const uint32_t *from) { return LaneWords{*from}; }
  QLIF_FN static LaneWords all(uint32_t x) { return LaneWords{x}; }
};

QLIF_FN LaneWords operator^(LaneWords a, LaneWords b) { return LaneWords{a.word ^ b.word}; }
QLIF_FN LaneWords operator^(LaneWords a, uint32_t x) { return LaneWords{a.word ^ x}; }

QLIF_FN void multiply(uint32_t factor, LaneWords x, LaneWords &high, LaneWords &low) {
  uint64_t product = (uint64_t)factor * x.word;
  high = LaneWords{(uint32_t)(product >> 32)};
  low = LaneWords{(uint32_t)product};
}

QLIF_FN void storeProducts(uint32_t factor, LaneWords x, LaneWords y, uint32_t z, uint32_t *high, uint32_t *low) {
  const uint64_t product = (uint64_t)factor * x.word;
  *high = (uint32_t)(product >> 32) ^ y.word ^ z;
  *low = (uint32_t)product;
}

#endif

/** Bit i of the result tells whether number i of 64 is not 0. */
QLIF_FN uint64_t spikeBits(const float *spike) {
  uint64_t bits = 0;
#if defined(__AVX512F__)
  for (int i = 0; i < 4; i++) {
    bits |= (uint64_t)_mm512_cmp_ps_mask(_mm512_loadu_ps(spike + 16 * i), _mm512_setzero_ps(), _CMP_NEQ_UQ) << (16 * i);
  }
#elif defined(__AVX2__)
  for (int i = 0; i < 8; i++) {
    const __m256 differs = _mm256_cmp_ps(_mm256_loadu_ps(spike + 8 * i), _mm256_setzero_ps(), _CMP_NEQ_UQ);
    bits |= (uint64_t)(uint32_t)_mm256_movemask_ps(differs) << (8 * i);
  }
#else
  for (int i = 0; i < 64; i++) {
    bits |= (uint64_t)(spike[i] != 0.0f) << i;
  }
#endif
  return bits;
}

/** The same for bytes, each 0 or 1. */
QLIF_FN uint64_t spikeBits(const uint8_t *fired) {
#if defined(__AVX512BW__)
  const __m512i bytes = _mm512_loadu_si512(fired);
  return _mm512_test_epi8_mask(bytes, bytes);
#elif defined(__AVX2__)
  uint64_t bits = 0;
  for (int i = 0; i < 2; i++) {
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)(fired + 32 * i));
    bits |= (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(bytes, 7)) << (32 * i);
  }
  return bits;
#else
  uint64_t bits = 0;
  for (int i = 0; i < 64; i++) {
    bits |= (uint64_t)fired[i] << i;
  }
  return bits;
#endif
}

}  // namespace qlif

#endif
