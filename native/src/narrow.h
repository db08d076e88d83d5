// SPDX-License-Identifier: Apache-2.0
// The types of large arrays, QLIF_TYPE_: values are converted to float32 when they are read, and results are rounded last. docs/numerics.md
// defines the conversions.
#ifndef QLIF_NARROW_H
#define QLIF_NARROW_H

#include "../include/qlif.h"
#include "platform.h"

namespace qlif {

struct F32 {
  using Word = float;
  QLIF_FN static float widen(float x) { return x; }
  QLIF_FN static float narrow(float x) { return x; }
};

/** IEEE 754 binary16. */
struct F16 {
  using Word = uint16_t;

  QLIF_FN static float widen(uint16_t word) {
#if defined(__CUDA_ARCH__)
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(word));
    return x;
#else
    const uint32_t sign = (uint32_t)(word & 0x8000) << 16;
    const uint32_t rest = (uint32_t)(word & 0x7fff) << 13;
    // The exponent's bias is 112 less than a float's. Multiplying by 2^112 also normalizes subnormals. Infinities and NaN are handled below.
    const uint32_t finite = bitsOf(fromBits(rest) * 0x1p112f);
    return fromBits(sign | (rest < 0x7c00u << 13 ? finite : rest | 0x7f800000u));
#endif
  }

  QLIF_FN static uint16_t narrow(float x) {
#if defined(__CUDA_ARCH__)
    uint16_t word;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(word) : "f"(x));
    return word;
#else
    const uint32_t sign = bitsOf(x) >> 16 & 0x8000;
    const uint32_t rest = bitsOf(x) & 0x7fffffffu;
    // Subnormals: the last place of a sum with 1/2 is that of these, so the addition rounds them. Other numbers must not be added.
    const uint32_t small = bitsOf(fromBits(rest < 0x38800000u ? rest : 0) + 0.5f) - 0x3f000000u;
    // Rounds to nearest, ties to even. A carry goes into the exponent, and turns the largest one into infinity.
    const uint32_t normal = (rest - (112u << 23) + 0xfffu + (rest >> 13 & 1)) >> 13;
    const uint32_t finite = rest < 0x38800000u ? small : normal;
    const uint32_t beyond = rest > 0x7f800000u ? 0x7e00u : 0x7c00u;
    return (uint16_t)(sign | (rest < 0x47800000u ? finite : beyond));
#endif
  }
};

/** The upper half of a float. */
struct Bf16 {
  using Word = uint16_t;

  QLIF_FN static float widen(uint16_t word) { return fromBits((uint32_t)word << 16); }

  QLIF_FN static uint16_t narrow(float x) {
    const uint32_t bits = bitsOf(x);
    const uint32_t nearest = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
    const uint32_t quiet = (bits >> 16 & 0x8000u) | 0x7fc0u;
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : nearest);
  }
};

/** The number of types, and each type by its number. */
constexpr int TYPES = 3;

template <int TYPE>
struct TypeOf;
template <>
struct TypeOf<QLIF_TYPE_F32> {
  using Type = F32;
};
template <>
struct TypeOf<QLIF_TYPE_F16> {
  using Type = F16;
};
template <>
struct TypeOf<QLIF_TYPE_BF16> {
  using Type = Bf16;
};

/** Calls visit with the type of this number, which must exist. */
template <class Visit>
QLIF_FN void byType(int32_t type, Visit visit) {
  switch (type) {
    case QLIF_TYPE_F16:
      return visit(F16());
    case QLIF_TYPE_BF16:
      return visit(Bf16());
    default:
      return visit(F32());
  }
}

QLIF_FN int sizeOfType(int32_t type) { return type == QLIF_TYPE_F32 ? 4 : 2; }

}  // namespace qlif

#endif
