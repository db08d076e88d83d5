// SPDX-License-Identifier: Apache-2.0
// Differences between the compilers of the arithmetic: the host's, and CUDA's for the device.
//
// The arithmetic needs binary32, rounding to nearest even, denormals, and a fused multiply-add exactly where the source has fma(). So the
// host is compiled with -ffp-contract=off and without -ffast-math, and the device with --fmad=false and nvcc's defaults for division, square
// root and denormals.
#ifndef QLIF_PLATFORM_H
#define QLIF_PLATFORM_H

#include <stdint.h>
#include <string.h>

#if defined(__FAST_MATH__) || defined(__USE_FAST_MATH__)
#error "QLIF's bits need IEEE arithmetic: compile without -ffast-math and --use_fast_math"
#endif

// Everything here is always inlined: objects compiled for different instruction sets must not share a copy of a function.
#if defined(__CUDACC__)
#define QLIF_FN __host__ __device__ __forceinline__
#else
#define QLIF_FN inline __attribute__((always_inline))
#endif

// Goes after the parameters of a lambda that must be inlined; the device's compiler inlines all of them.
#if defined(__CUDACC__)
#define QLIF_INLINED
#else
#define QLIF_INLINED __attribute__((always_inline))
#endif

namespace qlif {

QLIF_FN float fma(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rn(a, b, c);
#else
  return __builtin_fmaf(a, b, c);
#endif
}

QLIF_FN float divide(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fdiv_rn(a, b);
#else
  return a / b;
#endif
}

/**
 * The square root of 0 or of a number from 2^-60 to 2^60. On the device, what CUDA makes of a square root, without its check of the range.
 */
QLIF_FN float squareRootInRange(float x) {
#if defined(__CUDA_ARCH__)
  float reciprocal;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(reciprocal) : "f"(x));
  reciprocal = fminf(reciprocal, 0x1p60f);  // infinite for 0
  const float root = __fmul_rn(x, reciprocal);
  return __fmaf_rn(__fmaf_rn(-root, root, x), __fmul_rn(reciprocal, 0.5f), root);
#else
  return __builtin_sqrtf(x);
#endif
}

QLIF_FN uint32_t bitsOf(float x) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(x);
#else
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
#endif
}

QLIF_FN float fromBits(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
#endif
}

/** Clamps x to low and high; NaN stays NaN. A bound may be 0 only if x is never -0, which the device would turn into +0. */
QLIF_FN float clampBetween(float x, float low, float high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  float raised, result;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(raised) : "f"(x), "f"(low));
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(raised), "f"(high));
  return result;
#else
  float raised = x < low ? low : x;
  return raised > high ? high : raised;
#endif
}

QLIF_FN float magnitude(float x) { return fromBits(bitsOf(x) & 0x7fffffffu); }

}  // namespace qlif

#endif
