/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tests' own conversions of 16-bit types, step by step in float64: docs/numerics.md.
 */
#ifndef QLIF_TESTS_TYPES_H
#define QLIF_TESTS_TYPES_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "qlif.h"

/* The bits of the fraction, and the least exponent of a normal number. */
static inline int fraction_bits(int32_t type) { return type == QLIF_TYPE_F16 ? 10 : 7; }
static inline int least_exponent(int32_t type) { return type == QLIF_TYPE_F16 ? -14 : -126; }

static inline double wide_of(int32_t type, uint16_t word) {
  const int bits = fraction_bits(type);
  const int exponent = (word & 0x7fff) >> bits;
  const int fraction = word & ((1 << bits) - 1);
  const int greatest = 0x7fff >> bits;
  double value = exponent == greatest ? fraction != 0 ? NAN : INFINITY
                 : exponent == 0      ? ldexp(fraction, least_exponent(type) - bits)
                                      : ldexp((1 << bits) + fraction, exponent - 1 + least_exponent(type) - bits);
  return word & 0x8000 ? -value : value;
}

/* The nearest word, ties to even; 0x7fff for NaN. */
static inline uint16_t narrow_of(int32_t type, double value) {
  const int bits = fraction_bits(type);
  const uint16_t sign = signbit(value) ? 0x8000 : 0;
  int exponent;
  if (isnan(value)) return 0x7fff;
  value = fabs(value);
  if (value == 0) return sign;
  frexp(value, &exponent);
  exponent = exponent - 1 < least_exponent(type) ? least_exponent(type) : exponent - 1;
  /* In units of the last place. If rounding reaches the next power of two, the exponent grows. */
  if (isinf(value)) return (uint16_t)(sign | (0x7fff >> bits << bits));
  const double units = nearbyint(ldexp(value, bits - exponent));
  const double whole = ldexp((double)(exponent - least_exponent(type)), bits) + units;
  const double infinite = (double)(0x7fff >> bits << bits);
  return (uint16_t)(sign | (uint16_t)(whole > infinite ? infinite : whole));
}

static inline int is_no_number(int32_t type, uint16_t word) { return (word & 0x7fff) > (0x7fff >> fraction_bits(type) << fraction_bits(type)); }

#endif
