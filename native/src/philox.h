// The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011), and
// how the model uses it (docs/numerics.md).
#ifndef QLIF_PHILOX_H
#define QLIF_PHILOX_H

#include "qlif_math.h"

namespace qlif {

/** The words of a counter; of a vector of counters where Word is a vector. */
template <class Word>
struct WordsOf {
  Word w0, w1, w2, w3;
};

using Words = WordsOf<uint32_t>;

/** The high and the low half of a product. */
QLIF_FN void multiply(uint32_t factor, uint32_t x, uint32_t &high, uint32_t &low) {
  uint64_t product = (uint64_t)factor * x;
  high = (uint32_t)(product >> 32);
  low = (uint32_t)product;
}

/** The words for counter (c0, c1, c2, c3) under a key, whose low word is the first key word. Word needs multiply() and ^. */
template <class Word>
QLIF_FN WordsOf<Word> philox(Word c0, Word c1, Word c2, Word c3, uint64_t key) {
  uint32_t k0 = (uint32_t)key;
  uint32_t k1 = (uint32_t)(key >> 32);
#if defined(__CUDACC__)
#pragma unroll
#else
#pragma GCC unroll 10
#endif
  for (int round = 0; round < 10; round++) {
    Word high0, low0, high2, low2;
    multiply(0xD2511F53u, c0, high0, low0);
    multiply(0xCD9E8D57u, c2, high2, low2);
    c0 = high2 ^ c1 ^ k0;
    c1 = low2;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return WordsOf<Word>{c0, c1, c2, c3};
}

/** The words of an element for the pair of steps that `step` belongs to. */
QLIF_FN Words philox(uint64_t element, uint64_t step, uint32_t stream, uint64_t key) {
  return philox<uint32_t>((uint32_t)element, (uint32_t)(element >> 32), (uint32_t)(step >> 1), stream, key);
}

/** In [0, 1): 24 bits of a word. Words are converted as signed numbers, which is one instruction everywhere; 24 bits are positive. */
QLIF_FN float uniform(uint32_t word) { return (float)(int32_t)(word >> 8) * 0x1p-24f; }

/** In (0, 1]: the first number of a Box-Muller pair. */
QLIF_FN float uniformAboveZero(uint32_t word) { return (float)(int32_t)((word >> 8) + 1) * 0x1p-24f; }

/** The radius of a Box-Muller pair. The even step's normal is this times cos2pi(uniform(w3)), the odd step's times sin2pi of it. */
QLIF_FN float radius(Words words) { return squareRoot(minusTwoLog(uniformAboveZero(words.w2))); }

QLIF_FN float normal(Words words, bool odd) {
  float turn = uniform(words.w3);
  return radius(words) * (odd ? sin2pi(turn) : cos2pi(turn));
}

/** The key of block k >= 1 of a multi-qubit readout's wires: wires 2k-1 and 2k. */
QLIF_FN uint64_t wireKey(uint64_t seed, uint32_t block) {
  Words words = philox<uint32_t>(block, 0x57495245u, 0x514C4946u, 0u, seed);
  return words.w0 | (uint64_t)words.w1 << 32;
}

/** The decision uniform of a wire from its block's words; wire 0 is its own block, 0. */
QLIF_FN float wireUniform(Words block, int wire, bool odd) {
  bool second = wire > 0 && wire % 2 == 0;
  return uniform(second ? (odd ? block.w3 : block.w2) : (odd ? block.w1 : block.w0));
}

/** The block that a wire's words are in. */
QLIF_FN int wireBlock(int wire) { return (wire + 1) / 2; }

}  // namespace qlif

#endif
