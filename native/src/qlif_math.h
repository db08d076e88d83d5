// SPDX-License-Identifier: Apache-2.0
// Elementary functions in single precision: the same operations as in the Java library's ScalarMath, in the same order, with the same names.
// That class has formulas, domains and measured error bounds.
//
// Straight-line code of correctly rounded operations, compare-and-select and 32-bit integer operations, so every compiler and device gives
// the same bits. Rounding to an integer means adding and subtracting 1.5 * 2^23, or that plus 127 if the low bits of the sum are to be a
// biased exponent. Selections let NaN pass through.
#ifndef QLIF_MATH_H
#define QLIF_MATH_H

#include "platform.h"

namespace qlif {

constexpr float ROUND = 12582912.0f;
constexpr float ROUND_BIASED = 12583039.0f;
constexpr float LOG2E = 1.44269504f;
constexpr float LN2_HI = 0.693147182f;
constexpr float LN2_LO = -1.90465432e-9f;
constexpr float TWO_PI_HI = 6.28318548f;
constexpr float TWO_PI_LO = -1.74845553e-7f;
constexpr float INV_TWO_PI = 0.159154937f;
constexpr float Z_MAX = 12.0f;

/** 2^k from a rounding sum that holds k + 127 in its low bits. */
QLIF_FN float powerOfTwo(float t) { return fromBits(bitsOf(t) << 23); }

/** e^x, clamped to normal numbers. */
QLIF_FN float exp(float x) {
  x = x > 88.37f ? 88.37f : x;
  x = x < -87.3365f ? -87.3365f : x;
  float t = fma(x, LOG2E, ROUND_BIASED);
  float k = t - ROUND_BIASED;
  float r = fma(k, -LN2_HI, x);
  r = fma(k, -LN2_LO, r);
  float p = fma(0.00138588739f, r, 0.00837413315f);
  p = fma(p, r, 0.0416684113f);
  p = fma(p, r, 0.166664585f);
  p = fma(p, r, 0.499999881f);
  p = fma(p, r, 1.0f);
  p = fma(p, r, 1.0f);
  return p * powerOfTwo(t);
}

/** e^-x, for the refractory trace. */
QLIF_FN float decay(float x) {
  x = x > 87.0f ? 87.0f : x;
  float t = fma(x, -LOG2E, ROUND_BIASED);
  float f = fma(x, -LOG2E, ROUND_BIASED - t);
  float p = fma(0.0013264727f, f, 0.009671513f);
  p = fma(p, f, 0.055507336f);
  p = fma(p, f, 0.24022242f);
  p = fma(p, f, 0.693147f);
  p = fma(p, f, 1.0f);
  return p * powerOfTwo(t);
}

/** -2 ln(u), for u = k * 2^-24 with k in 1..2^24. */
QLIF_FN float minusTwoLog(float u) {
  uint32_t b = bitsOf(u);
  uint32_t e = (b - 0x3f0ccccdu) & 0xff800000u;  // e * 2^23; 0x3f0ccccd is 0.55
  float g = 1.0f - fromBits(b - e);
  float s = (float)(int32_t)e * -0x1.62e43p-23f;  // -2 ln 2 * 2^-23
  float q = fma(1.48943353f, g, -0.905427217f);
  q = fma(q, g, 0.720139384f);
  q = fma(q, g, 0.263734311f);
  q = fma(q, g, 0.401683837f);
  q = fma(q, g, 0.500678599f);
  q = fma(q, g, 0.666615486f);
  q = fma(q, g, 1.00000024f);
  return fma(g * g, q, fma(g, 2.0f, s));
}

/** cos(2 pi u), for u = k * 2^-24 in [0, 1). */
QLIF_FN float cos2pi(float u) {
  float t = 0.5f - u;
  uint32_t bits = bitsOf(t);
  uint32_t sign = bits & 0x80000000u;
  float a = fromBits(bits ^ sign) - 0.25f;
  float z = a * a;
  float p = fma(39.5490952f, z, -76.5499802f);
  p = fma(p, z, 81.6005859f);
  p = fma(p, z, -41.3416214f);
  p = fma(p, z, 6.28318453f);
  return p * a;
}

/** sin(2 pi u), for u = k * 2^-24 in [0, 1). */
QLIF_FN float sin2pi(float u) {
  float t = 0.5f - u;
  uint32_t bits = bitsOf(t);
  uint32_t sign = bits & 0x80000000u;
  float a = fromBits(bits ^ sign) - 0.25f;
  float z = a * a;
  float p = fma(56.3381615f, z, -85.2535934f);
  p = fma(p, z, 64.9351959f);
  p = fma(p, z, -19.7391815f);
  p = fma(p, z, 1.0f);
  return fromBits(bitsOf(p) ^ sign);
}

/** phi minus the nearest multiple of 2 pi. */
QLIF_FN float reducePhase(float phi) {
  float k = fma(phi, INV_TWO_PI, ROUND) - ROUND;
  float r = fma(k, -TWO_PI_HI, phi);
  return fma(k, -TWO_PI_LO, r);
}

/** (1 - cos(phi)) / 2. */
QLIF_FN float versin(float phi) {
  float r = reducePhase(phi);
  float z = r * r;
  z = z > Z_MAX ? Z_MAX : z;
  float v = fma(-9.26346644e-8f, z, 2.16798817e-5f);
  v = fma(v, z, -0.00260413182f);
  v = fma(v, z, 0.125f);
  v = v * z;
  return fma(v, 1.0f - v, v);
}

/** sin(phi) / 2, the derivative of versin. */
QLIF_FN float halfSin(float phi) {
  float r = reducePhase(phi);
  float z = r * r;
  r = z > Z_MAX ? 0.0f : r;
  z = z > Z_MAX ? Z_MAX : z;
  float f = fma(z, -0.101321191f, 1.0f);
  float b = fma(1.00270839e-7f, z, -1.23267391e-5f);
  b = fma(b, z, 0.000855792954f);
  b = fma(b, z, -0.0326721482f);
  b = fma(b, z, 0.499999791f);
  return b * (r * f);
}

QLIF_FN float tanh(float x) {
  uint32_t bits = bitsOf(x);
  uint32_t sign = bits & 0x80000000u;
  float a = fromBits(bits ^ sign);
  a = a > 10.0f ? 10.0f : a;
  float t = fma(a, 2.88539008f, ROUND_BIASED);  // 2 log2 e
  float k = t - ROUND_BIASED;
  float r = fma(k, -0.346573591f, a);  // LN2_HI / 2
  float q = fma(0.265541166f, r, 0.670021474f);
  q = fma(q, r, 1.33337796f);
  q = fma(q, r, 1.99997377f);
  q = fma(q, r, 2.0f);
  q = q * r;
  float scale = powerOfTwo(t);
  float m = fma(scale, q, scale - 1.0f);
  float y = divide(m, m + 2.0f);
  return fromBits(bitsOf(y) ^ sign);
}

/** 1 / (1 + e^-x). */
QLIF_FN float sigmoid(float x) {
  x = x > 87.33f ? 87.33f : x;
  x = x < -87.33f ? -87.33f : x;
  float t = fma(x, -LOG2E, ROUND_BIASED);
  float k = t - ROUND_BIASED;
  float r = fma(k, LN2_HI, x);
  r = fma(k, LN2_LO, r);
  float p = fma(0.00138588739f, r, -0.00837413315f);
  p = fma(p, r, 0.0416684113f);
  p = fma(p, r, -0.166664585f);
  p = fma(p, r, 0.499999881f);
  p = fma(p, r, -1.0f);
  p = fma(p, r, 1.0f);
  return divide(1.0f, fma(p, powerOfTwo(t), 1.0f));
}

}  // namespace qlif

#endif
