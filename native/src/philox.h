// The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011), and
// how the model uses it (docs/numerics.md).
#ifndef QLIF_PHILOX_H
#define QLIF_PHILOX_H

#include "qlif_math.h"

namespace qlif {

struct Words {
  uint32_t w0, w1, w2, w3;
};

/** The words for counter (c0, c1, c2, c3) under a key, whose low word is the first key word. */
QLIF_FN Words philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint64_t key) {
  uint32_t k0 = (uint32_t)key;
  uint32_t k1 = (uint32_t)(key >> 32);
#if defined(__CUDACC__)
#pragma unroll
#else
#pragma GCC unroll 10
#endif
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0;
    uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return Words{c0, c1, c2, c3};
}

/** The words of an element for the pair of steps that `step` belongs to. */
QLIF_FN Words philox(uint64_t element, uint64_t step, uint32_t stream, uint64_t key) {
  return philox((uint32_t)element, (uint32_t)(element >> 32), (uint32_t)(step >> 1), stream, key);
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
  Words words = philox(block, 0x57495245u, 0x514C4946u, 0u, seed);
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
