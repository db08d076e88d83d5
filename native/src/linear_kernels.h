// SPDX-License-Identifier: Apache-2.0
// The linear layer's kernels on the host, compiled once for each instruction set from linear_kernels.cpp.
#ifndef QLIF_LINEAR_KERNELS_H
#define QLIF_LINEAR_KERNELS_H

#include <stddef.h>

#include "arguments.h"

namespace qlif {

/** How a job's rows are split, as evenly as possible: part i is rows first(i) to first(i + 1) - 1. */
struct LinearParts {
  int64_t rows;
  int64_t count;

  int64_t first(int64_t part) const { return part * (rows / count) + (part < rows % count ? part : rows % count); }
};

/** One of the products of a call, with at least one row, in parts for threads. */
struct LinearJob {
  const LinearArgs &args;
  LinearParts parts;

  /** The rows of the largest part. */
  int64_t mostRows() const { return (parts.rows + parts.count - 1) / parts.count; }
};

struct LinearProgram {
  /** Maximum number of rows in a part: of the input, and of the weights. */
  int64_t inputRows;
  int64_t (*weightRows)(const LinearArgs &args);
  /** Bytes of memory that each thread needs, aligned to a cache line. */
  size_t (*forwardBytes)(const LinearJob &job);
  size_t (*weightsBytes)(const LinearJob &job);
  size_t (*inputBytes)(const LinearJob &job);
  /** The rows are those of the input. */
  void (*forward)(const LinearJob &job, int64_t part, void *worker);
  /** The rows are those of the weights, and one more for the bias. */
  void (*weights)(const LinearJob &job, int64_t part, void *worker);
  /** The rows are those of the input; only those of the first step if all steps share the gradient. */
  void (*input)(const LinearJob &job, int64_t part, void *worker);
};

#if defined(__x86_64__)
LinearProgram linearProgramV3();
LinearProgram linearProgramV4();
#else
LinearProgram linearProgramBaseline();
#endif

}  // namespace qlif

#endif
