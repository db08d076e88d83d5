// SPDX-License-Identifier: Apache-2.0
// The host's kernels, compiled once for each instruction set from host_kernels.cpp.
#ifndef QLIF_HOST_KERNELS_H
#define QLIF_HOST_KERNELS_H

#include "device.h"

namespace qlif {

/** Elements that are taken through time together: those of one word of spike bits, so that no two threads share a word. */
constexpr int LANES = 64;

/**
 * A tape in host memory, block by block (a block is LANES elements, the last one padded): what a thread reads and writes is one
 * stream, while a row of a tensor starts on another page at every step.
 */
struct HostTapeView {
  TakenNumbers voltages;  // (blocks, T, LANES), V'; null in COMPACT mode
  uint64_t *bits;      // (blocks, T)
  float *checkpoints;  // (blocks, count, state variables, LANES): number c is the state before step SEGMENT * (c + 1)
  int64_t count;
};

/** Sums over time for each element, (parameters + 1, elements), the last row the modulation's; and, where it is wanted, the
 * modulation's gradient at every step, (T, elements), else null. */
struct HostSums {
  float *sums;
  float *modulationSteps;
};

/** Where the input current is: element e of step t is number t * stride + e - first. */
struct HostInput {
  GivenNumbers values;
  int64_t stride;
  int64_t first;
};

struct HostForward {
  const ModelConfig &config;
  ForwardArgs args;
  HostInput input;  // in place of that of args
  int64_t elements;
  HostTapeView tape;  // bits is null: none
};

struct HostBackward {
  HostForward forward;
  BackwardArgs args;
  HostSums sums;
  bool wantsModulation;  // whether the modulation's gradient is asked for
};

struct HostDraw {
  DrawArgs args;
};

/** Under which number element (b, n) of a call draws, modulo 2^64. */
inline uint64_t elementNumber(const ForwardArgs &args, int64_t b, int64_t n) {
  return args.row_index != nullptr ? args.row_index[b] * (uint64_t)args.neurons + (uint64_t)n
                                   : (uint64_t)args.element_offset + (uint64_t)b * (uint64_t)args.neurons + (uint64_t)n;
}

inline uint64_t elementNumber(const DrawArgs &args, int64_t element) {
  if (args.row_index == nullptr) {
    return (uint64_t)args.element_offset + (uint64_t)element;
  }
  return args.row_index[element / args.neurons] * (uint64_t)args.neurons + (uint64_t)(element % args.neurons);
}

/** Floats whose bits, as far as the mask goes, are numbers from low to high. */
struct BitRange {
  uint32_t mask;
  uint32_t low;
  uint32_t high;
};

struct HostProgram {
  /** Bytes that each thread works with: `worker` is aligned to a cache line. */
  size_t workerBytes;
  /** The most blocks of LANES elements that forward and backward do in one call. */
  int blocks;
  /** Work, in neuron-steps, below which waking a helper costs more than it saves: some microseconds'. */
  int64_t alone;
  void (*forward)(const HostForward &call, int64_t first, int count, void *worker);
  void (*backward)(const HostBackward &call, int64_t first, int count, void *worker);
  /** One block. */
  void (*draw)(const HostDraw &call, int64_t block, void *worker);
  bool (*areWithin)(const float *values, int64_t count, BitRange range);
};

#if defined(__x86_64__)
HostProgram hostProgramV3(const ModelConfig &config);
HostProgram hostProgramV4(const ModelConfig &config);
#else
HostProgram hostProgramBaseline(const ModelConfig &config);
#endif

}  // namespace qlif

#endif
