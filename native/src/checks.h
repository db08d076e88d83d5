// SPDX-License-Identifier: Apache-2.0
// Checks of numbers that more than one file needs. Each throws a Failure that names what it checked.
#ifndef QLIF_CHECKS_H
#define QLIF_CHECKS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

namespace qlif {

inline float readBack(const char *text, float) { return strtof(text, nullptr); }
inline double readBack(const char *text, double) { return strtod(text, nullptr); }

/** The shortest text that reads back as this number, a float or a double. */
template <class Number, size_t LENGTH>
const char *textOf(Number value, char (&text)[LENGTH]) {
  static_assert(LENGTH >= 32, "a double takes up to 24 characters");
  if (value != value) {
    return "nan";
  }
  // At least as many digits as the integer part has: 100, not 1e+02.
  int whole = 1;
  for (double rest = value < 0 ? -value : value; rest >= 10 && whole < 7; rest /= 10) {
    whole++;
  }
  for (int digits = whole; digits <= 17; digits++) {
    snprintf(text, LENGTH, "%.*g", digits, (double)value);
    if (readBack(text, value) == value) {
      break;
    }
  }
  // The process's locale may have a decimal comma.
  if (char *comma = strchr(text, ',')) {
    *comma = '.';
  }
  return text;
}

inline void requireRange(const char *name, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got %lld, expected %lld to %lld", name, (long long)value, (long long)low, (long long)high);
  }
}

/** a * b, neither of them negative; fails if it overflows. */
inline int64_t product(const char *name, int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got %lld times %lld, expected a product below 2^63", name, (long long)a, (long long)b);
  }
  return product;
}

/** a + b, neither of them negative; fails if it overflows. */
inline int64_t sum(const char *name, int64_t a, int64_t b) {
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got %lld and %lld, expected a sum below 2^63", name, (long long)a, (long long)b);
  }
  return sum;
}

}  // namespace qlif

#endif
