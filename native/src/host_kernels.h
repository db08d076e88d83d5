// SPDX-License-Identifier: Apache-2.0
// The host's kernels, compiled once for each instruction set from host_kernels.cpp.
#ifndef QLIF_HOST_KERNELS_H
#define QLIF_HOST_KERNELS_H

#include "device.h"
#include "philox.h"

namespace qlif {

/** Elements in a block, which advances through time together: those of one word of spike bits, so that no two threads share a word. */
constexpr int LANES = 64;

/**
 * A tape in host memory, block by block (a block is LANES elements; the last one is padded). So a thread accesses contiguous memory, whereas
 * the rows of a tensor are on a different page at every step.
 */
struct HostTapeView {
  TakenNumbers voltages;  // (blocks, T, LANES), V'; null in COMPACT mode
  uint64_t *bits;      // (blocks, T)
  float *checkpoints;  // (blocks, count, state variables, LANES): number c is the state before step SEGMENT * (c + 1)
  int64_t count;
};

/** Partial sums of the modulation's gradients of a row, by n modulo this. */
constexpr int PARTIAL = 256;

/**
 * Sums over time for each element, (parameters + 1, elements), of which the last row is the modulation's; and the modulation's gradient at
 * every step, (T, elements), or null if not wanted.
 */
struct HostSums {
  float *sums;
  float *modulationSteps;
  /** Or, if not null, sums that a block adds its modulation's gradient to: LANES at each step, every `modulationStride` numbers. */
  double *modulationSums;
  int64_t modulationStride;
  bool begins;  // whether the block is the first that adds to these sums
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
  HostInput input;  // used instead of that of args
  int64_t elements;
  HostTapeView tape;  // bits is null if there is none
  const RoundKeys *keys;  // with which a step draws, for each block of wires
  bool modulated;     // whether the modulation in args is M itself, already transformed
};

struct HostBackward {
  HostForward forward;
  BackwardArgs args;
  HostSums sums;
  bool wantsModulation;  // whether the caller wants the modulation's gradient
};

struct HostDraw {
  DrawArgs args;
  const RoundKeys *keys;
};

/** (batch, neurons) values to be summed over the batch, over neurons, or both. */
struct HostSum {
  const float *values;
  /**
   * If not null, blocks of BLOCK_ROWS rows are summed already, in place of values: sums of LANES neurons each, neuron after neuron, block
   * after block, every `stride` numbers.
   */
  const double *blocks;
  int64_t stride;
  int64_t batch;
  int64_t neurons;
  bool overBatch;
  bool overNeurons;
};

/** The number with which element (b, n) of a call draws, modulo 2^64. */
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

/** The floats whose masked bits are from low to high. */
struct BitRange {
  uint32_t mask;
  uint32_t low;
  uint32_t high;
};

struct HostProgram {
  /** Bytes of memory that each thread needs as `worker`, which is aligned to a cache line. */
  size_t workerBytes;
  /** Maximum number of blocks that forward and backward do in one call. */
  int blocks;
  /** Neuron-steps below which waking a helper costs more than it saves: some microseconds' work. */
  int64_t alone;
  void (*forward)(const HostForward &call, int64_t first, int count, void *worker);
  void (*backward)(const HostBackward &call, int64_t first, int count, void *worker);
  /** Does one block. */
  void (*draw)(const HostDraw &call, int64_t block, void *worker);
  /** Computes M from an external modulation; m may be external. Null if the model takes no modulation. */
  void (*modulate)(const ModelConfig &config, const float *external, float *m, int64_t count);
  /** Sums in the order of docs/numerics.md. */
  void (*sum)(const HostSum &sum, float *result, void *worker);
  /** Adds the PARTIAL sums of a row in that order, destroying them. */
  float (*fold)(double *partial);
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
