// SPDX-License-Identifier: Apache-2.0
// The surrogate derivatives of a spike, for all models.
#ifndef QLIF_SURROGATE_H
#define QLIF_SURROGATE_H

#include "../include/qlif.h"
#include "qlif_math.h"

namespace qlif {

/** The derivative at a gap to the threshold; scale is a, or -1 / (2 a^2) for GAUSSIAN. */
QLIF_FN float surrogate(int surrogate, float scale, float gap) {
  const float x = magnitude(gap);
  switch (surrogate) {
    case QLIF_SURROGATE_HEAVISIDE: {
      const float tent = fma(-scale, x, 1.0f);
      return tent < 0.0f ? 0.0f : tent;
    }
    case QLIF_SURROGATE_FAST_SIGMOID: {
      const float q = fma(scale, x, 1.0f);
      return divide(1.0f, q * q);
    }
    case QLIF_SURROGATE_GAUSSIAN:
      return qlif::exp(scale * (x * x));
    case QLIF_SURROGATE_ARCTAN: {
      const float q = scale * x;
      return divide(1.0f, fma(q, q, 1.0f));
    }
  }
  // Configurations with any other surrogate are refused.
  __builtin_unreachable();
}

}  // namespace qlif

#endif
