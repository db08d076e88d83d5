// SPDX-License-Identifier: Apache-2.0
// The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011), and
// how the model uses it (docs/numerics.md).
#ifndef QLIF_PHILOX_H
#define QLIF_PHILOX_H

#include "qlif_math.h"

namespace qlif {

constexpr int PHILOX_ROUNDS = 10;

/** The words of a counter, or of a vector of counters if Word is a vector. */
template <class Word>
struct WordsOf {
  Word w0, w1, w2, w3;
};

using Words = WordsOf<uint32_t>;

/** The high and the low half of a product. */
QLIF_FN void multiply(uint32_t factor, uint32_t x, uint32_t &high, uint32_t &low) {
#if defined(__CUDA_ARCH__)
  high = __umulhi(factor, x);
  low = factor * x;
#else
  uint64_t product = (uint64_t)factor * x;
  high = (uint32_t)(product >> 32);
  low = (uint32_t)product;
#endif
}

/** A key; its low word is the first key word. Computes the words of a round from its number. */
struct Key {
  uint64_t words;

  QLIF_FN uint32_t low(int round) const { return (uint32_t)words + (uint32_t)round * 0x9E3779B9u; }
  QLIF_FN uint32_t high(int round) const { return (uint32_t)(words >> 32) + (uint32_t)round * 0xBB67AE85u; }
};

/** The same, precomputed. */
struct RoundKeys {
  uint32_t lows[PHILOX_ROUNDS];
  uint32_t highs[PHILOX_ROUNDS];

  QLIF_FN static RoundKeys of(Key key) {
    RoundKeys keys;
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
      keys.lows[round] = key.low(round);
      keys.highs[round] = key.high(round);
    }
    return keys;
  }

  QLIF_FN uint32_t low(int round) const { return lows[round]; }
  QLIF_FN uint32_t high(int round) const { return highs[round]; }
};

constexpr uint32_t PHILOX_M0 = 0xD2511F53u;
constexpr uint32_t PHILOX_M1 = 0xCD9E8D57u;

/** The rounds from number FIRST to number LAST. Word needs multiply() and ^. */
template <int FIRST, int LAST, class Word, class Keys>
QLIF_FN WordsOf<Word> philoxRounds(WordsOf<Word> c, const Keys &keys) {
#if defined(__CUDACC__)
#pragma unroll
#else
#pragma GCC unroll 10
#endif
  for (int round = FIRST; round <= LAST; round++) {
    Word high0, low0, high2, low2;
    multiply(PHILOX_M0, c.w0, high0, low0);
    multiply(PHILOX_M1, c.w2, high2, low2);
    c = WordsOf<Word>{high2 ^ c.w1 ^ keys.low(round), low2, high0 ^ c.w3 ^ keys.high(round), low0};
  }
  return c;
}

/** The words for counter (c0, c1, c2, c3) under a key. */
template <class Word, class Keys>
QLIF_FN WordsOf<Word> philox(Word c0, Word c1, Word c2, Word c3, const Keys &keys) {
  return philoxRounds<0, PHILOX_ROUNDS - 1>(WordsOf<Word>{c0, c1, c2, c3}, keys);
}

/**
 * The first two rounds of a vector of counters that differ only in c0, which is given as its product with PHILOX_M0. They multiply one vector
 * in place of four. Word also needs all().
 */
template <class Word, class Keys>
QLIF_FN WordsOf<Word> philoxTwoRounds(Word high0, Word low0, uint32_t c1, uint32_t c2, uint32_t c3, const Keys &keys) {
  uint32_t high, low, next2, last2;
  multiply(PHILOX_M1, c2, high, low);
  // All counters now have the same first word.
  multiply(PHILOX_M0, high ^ c1 ^ keys.low(0), next2, last2);
  Word high2, low2;
  multiply(PHILOX_M1, high0 ^ (c3 ^ keys.high(0)), high2, low2);
  return WordsOf<Word>{high2 ^ (low ^ keys.low(1)), low2, low0 ^ (next2 ^ keys.high(1)), Word::all(last2)};
}

/** The words of an element for the pair of steps that `step` belongs to. */
template <class Keys>
QLIF_FN Words philox(uint64_t element, uint64_t step, uint32_t stream, const Keys &keys) {
  return philox<uint32_t>((uint32_t)element, (uint32_t)(element >> 32), (uint32_t)(step >> 1), stream, keys);
}

/** 24 bits of a word. Converted as a signed number, which is one instruction everywhere; 24 bits are never negative. */
QLIF_FN float upperBits(uint32_t word) { return (float)(int32_t)(word >> 8); }

/** In [0, 1). */
QLIF_FN float uniform(uint32_t word) { return upperBits(word) * 0x1p-24f; }

/** In (0, 1]: the first number of a Box-Muller pair. */
QLIF_FN float uniformAboveZero(uint32_t word) { return (float)(int32_t)((word >> 8) + 1) * 0x1p-24f; }

/** The radius of a Box-Muller pair. The even step's normal is this times cos2pi(uniform(w3)), the odd step's times sin2pi of it. */
QLIF_FN float radius(Words words) { return squareRootInRange(minusTwoLog(uniformAboveZero(words.w2))); }

QLIF_FN float normal(Words words, bool odd) {
  float turn = uniform(words.w3);
  return radius(words) * (odd ? sin2pi(turn) : cos2pi(turn));
}

/** The key of block k >= 1 of a multi-qubit readout's wires: wires 2k-1 and 2k. */
QLIF_FN uint64_t wireKey(uint64_t seed, uint32_t block) {
  Words words = philox<uint32_t>(block, 0x57495245u, 0x514C4946u, 0u, Key{seed});
  return words.w0 | (uint64_t)words.w1 << 32;
}

/** Which word of its block, from 0 to 3, is a wire's at the even or odd step of a pair; wire 0 is its own block, 0. */
QLIF_FN int wireWord(int wire, bool odd) { return (wire > 0 && wire % 2 == 0 ? 2 : 0) + (odd ? 1 : 0); }

/** The decision uniform of a wire from its block's words. */
QLIF_FN float wireUniform(Words block, int wire, bool odd) {
  bool second = wireWord(wire, false) == 2;
  return uniform(second ? (odd ? block.w3 : block.w2) : (odd ? block.w1 : block.w0));
}

/** The block with a wire's words. */
QLIF_FN int wireBlock(int wire) { return (wire + 1) / 2; }

}  // namespace qlif

#endif
