// SPDX-License-Identifier: Apache-2.0
// Which instructions the host's CPU has, and thus which of the compiled kernels run.
#include "instructions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utility>

#include "device.h"

namespace qlif {

#if defined(__x86_64__)

namespace {

constexpr const char *V3 = "x86-64-v3";
constexpr const char *V4 = "x86-64-v4";

/** Whether the CPU has all of these features. Writes the names of missing ones. */
bool hasAll(const std::pair<const char *, bool> *features, int count, char *missing, size_t length) {
  size_t end = 0;
  missing[0] = 0;
  for (int i = 0; i < count; i++) {
    if (!features[i].second && end < length) {
      end += (size_t)snprintf(missing + end, length - end, "%s%s", end == 0 ? "" : ", ", features[i].first);
    }
  }
  return end == 0;
}

const char *choose() {
  __builtin_cpu_init();
  // Everything that the compiler may use at each level, beyond what every x86-64 has.
  const std::pair<const char *, bool> v3[] = {
      {"SSE4.2", __builtin_cpu_supports("sse4.2")},
      {"POPCNT", __builtin_cpu_supports("popcnt")},
      {"AVX", __builtin_cpu_supports("avx")},
      {"AVX2", __builtin_cpu_supports("avx2")},
      {"FMA", __builtin_cpu_supports("fma")},
      {"BMI1", __builtin_cpu_supports("bmi")},
      {"BMI2", __builtin_cpu_supports("bmi2")},
      {"F16C", __builtin_cpu_supports("f16c")},
      {"LZCNT", __builtin_cpu_supports("lzcnt")},
      {"MOVBE", __builtin_cpu_supports("movbe")},
  };
  const std::pair<const char *, bool> v4[] = {
      {"AVX512F", __builtin_cpu_supports("avx512f")},
      {"AVX512BW", __builtin_cpu_supports("avx512bw")},
      {"AVX512CD", __builtin_cpu_supports("avx512cd")},
      {"AVX512DQ", __builtin_cpu_supports("avx512dq")},
      {"AVX512VL", __builtin_cpu_supports("avx512vl")},
  };
  char missing[128];
  if (!hasAll(v3, sizeof v3 / sizeof v3[0], missing, sizeof missing)) {
    fail(QLIF_UNAVAILABLE, "the host's CPU lacks %s, which the library's host kernels need: they are compiled for x86-64-v3 and v4",
        missing);
  }
  const bool v4Runs = hasAll(v4, sizeof v4 / sizeof v4[0], missing, sizeof missing);
  const char *asked = getenv("QLIF_INSTRUCTIONS");
  if (asked == nullptr || *asked == 0) {
    return v4Runs ? V4 : V3;
  }
  if (strcmp(asked, V3) == 0) {
    return V3;
  }
  if (strcmp(asked, V4) != 0) {
    fail(QLIF_UNAVAILABLE, "QLIF_INSTRUCTIONS: got '%.40s', expected '%s' or '%s'", asked, V3, V4);
  }
  if (!v4Runs) {
    fail(QLIF_UNAVAILABLE, "QLIF_INSTRUCTIONS: got '%s', but the host's CPU lacks %s", V4, missing);
  }
  return V4;
}

}  // namespace

const char *instructionSet() {
  // Chosen again if that failed.
  static const char *const chosen = choose();
  return chosen;
}

bool hasV4() { return strcmp(instructionSet(), V4) == 0; }

#else

const char *instructionSet() { return "baseline"; }

#endif

}  // namespace qlif
