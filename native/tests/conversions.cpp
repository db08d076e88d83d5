// SPDX-License-Identifier: Apache-2.0
// Compares the conversions with those of types.h, for every 16-bit number and for floats between two of them.
#include <math.h>
#include <stdio.h>

#include <limits>
#include <vector>

#include "../src/narrow.h"
#include "types.h"

using namespace qlif;

namespace {

int failures = 0;

template <class Type>
void narrows(const char *name, int32_t type, const std::vector<float> &values) {
  // A loop like those in the kernels.
  std::vector<uint16_t> words(values.size());
  for (size_t i = 0; i < values.size(); i++) {
    words[i] = Type::narrow(values[i]);
  }
  for (size_t i = 0; i < values.size(); i++) {
    const uint16_t expected = narrow_of(type, values[i]);
    const bool same = isnan(values[i]) ? is_no_number(type, words[i]) : words[i] == expected;
    if (!same && failures++ < 10) {
      fprintf(stderr, "%s: %a: got 0x%04x, expected 0x%04x\n", name, values[i], words[i], expected);
    }
  }
}

template <class Type>
void check(const char *name, int32_t type) {
  std::vector<float> values;
  for (int word = 0; word < 0x10000; word++) {
    values.push_back(Type::widen((uint16_t)word));
    const float expected = (float)wide_of(type, (uint16_t)word);
    const float got = values.back();
    const bool same = isnan(expected) ? isnan(got) : got == expected && signbit(got) == signbit(expected);
    const bool returns = isnan(expected) ? is_no_number(type, Type::narrow(got)) : Type::narrow(got) == word;
    if ((!same || !returns) && failures++ < 10) {
      fprintf(stderr, "%s: 0x%04x: got %a, expected %a, and back 0x%04x\n", name, word, got, expected, Type::narrow(got));
    }
  }
  narrows<Type>(name, type, values);
  // The midpoint between two neighbours, the last of which is infinity, and the floats on both sides of it.
  std::vector<float> between;
  for (int word = 0; word < 0x8000 && !isinf(values[word]); word++) {
    const double next = isinf(values[word + 1]) ? 2.0 * values[word] - values[word - 1] : values[word + 1];
    const float tie = (float)((values[word] + next) / 2);
    for (float value : {tie, nextafterf(tie, 0), nextafterf(tie, INFINITY)}) {
      between.push_back(value);
      between.push_back(-value);
    }
  }
  const std::numeric_limits<float> limits;
  for (float value : {limits.max(), limits.min(), limits.denorm_min(), nextafterf(limits.min(), 0), INFINITY, limits.quiet_NaN(),
           limits.signaling_NaN(), fromBits(0x7f800001), fromBits(0x7fffffff)}) {
    between.push_back(value);
    between.push_back(-value);
  }
  // Arbitrary bits.
  uint32_t bits = 1;
  for (int i = 0; i < 2000000; i++) {
    bits = bits * 1664525u + 1013904223u;
    between.push_back(fromBits(bits ^ bits >> 15));
  }
  narrows<Type>(name, type, between);
}

}  // namespace

int main() {
  check<F16>("fp16", QLIF_TYPE_F16);
  check<Bf16>("bf16", QLIF_TYPE_BF16);
  if (failures > 0) {
    fprintf(stderr, "%d failures\n", failures);
    return 1;
  }
  puts("all passed");
  return 0;
}
