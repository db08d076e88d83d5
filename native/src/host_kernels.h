// The host's kernels, compiled once for each instruction set from host_kernels.cpp.
#ifndef QLIF_HOST_KERNELS_H
#define QLIF_HOST_KERNELS_H

#include "arguments.h"
#include "options.h"

namespace qlif {

/** Elements that are taken through time together: those of one word of spike bits, so that no two threads share a word. */
constexpr int LANES = 64;

/**
 * A tape in host memory, block by block (a block is LANES elements, the last one padded): what a thread reads and writes is one
 * stream, while a row of a tensor starts on another page at every step.
 */
struct HostTapeView {
  float *voltages;     // (blocks, T, LANES), V'; null in COMPACT mode
  uint64_t *bits;      // (blocks, T)
  float *checkpoints;  // (blocks, count, VARIABLES, LANES): number c is the state before step SEGMENT * (c + 1)
  int64_t count;
};

/** Sums over time for each element, (PARAMETERS + 1, elements), the last row the modulation's; and, where it is wanted, the
 * modulation's gradient at every step, (T, elements), else null. */
struct HostSums {
  float *sums;
  float *modulationSteps;
};

struct HostForward {
  Options options;
  Constants constants;
  qlif_forward_args args;
  int64_t elements;
  HostTapeView tape;  // bits is null: none
};

struct HostBackward {
  HostForward forward;
  qlif_backward_args args;
  HostSums sums;
};

struct HostDraw {
  qlif_draw_args args;
};

/** What one thread works with: lines of one value a lane. */
struct alignas(64) HostWorker {
  float state[VARIABLES][LANES];
  float given[PARAMETERS][LANES];
  float parameters[5][LANES];
  float input[LANES];
  float external[LANES];
  float modulationSlope[LANES];
  float vPre[LANES];
  float spike[LANES];
  float p[LANES];
  float delta[LANES];
  float theta[LANES];
  float slope[LANES];
  float gradY[LANES];
  float gradV[LANES];
  float gradInput[LANES];
  float gradModulation[LANES];
  float adjoints[8][LANES];
  float gradients[6][LANES];
  float turn[LANES];
  float radius[LANES];
  // For the even and the odd step of a pair.
  float noise[2][LANES];
  float uniforms[2][MAX_WIRES][LANES];
  uint32_t words[4][LANES];
  uint32_t elementLow[LANES];
  uint32_t elementHigh[LANES];
  int64_t modulationOffset[LANES];
  uint8_t fired[LANES];
  uint64_t wireKeys[MAX_WIRES / 2 + 1];
  // The backward pass: one line a step of a segment.
  float kept[SEGMENT][6][LANES];
  float keptVPre[SEGMENT][LANES];
};

/** Floats whose bits, as far as the mask goes, are numbers from low to high. */
struct BitRange {
  uint32_t mask;
  uint32_t low;
  uint32_t high;
};

struct HostProgram {
  // Each does one block of LANES elements.
  void (*forward)(const HostForward &call, int64_t block, HostWorker &worker);
  void (*backward)(const HostBackward &call, int64_t block, HostWorker &worker);
  void (*draw)(const HostDraw &call, int64_t block, HostWorker &worker);
  bool (*areWithin)(const float *values, int64_t count, BitRange range);
};

#if defined(__x86_64__)
HostProgram hostProgramV3(Variant variant);
HostProgram hostProgramV4(Variant variant);
#else
HostProgram hostProgramBaseline(Variant variant);
#endif

}  // namespace qlif

#endif
