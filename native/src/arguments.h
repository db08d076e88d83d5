// SPDX-License-Identifier: Apache-2.0
// The arguments of a call as devices take them: checked and complete.
#ifndef QLIF_ARGUMENTS_H
#define QLIF_ARGUMENTS_H

#include "../include/qlif.h"

namespace qlif {

/** A large array, read or written, and its QLIF_TYPE_. */
struct GivenNumbers {
  const void *data;
  int32_t type;
};
struct TakenNumbers {
  void *data;
  int32_t type;
};

/** qlif_forward_args, with the same names. */
struct ForwardArgs {
  int64_t steps;
  int64_t batch;
  int64_t neurons;
  int64_t first_step;
  uint64_t seed;
  int64_t element_offset;
  uint32_t stream;
  uint32_t per_neuron_parameters;
  const qlif_draw_key *key;  // null on the host, where it has been read already
  const uint64_t *row_index;  // null if nothing is drawn
  GivenNumbers input;
  const float *parameters[QLIF_MAX_PARAMETERS];
  // Strides are 0 if the modulation is absent or has one value.
  qlif_broadcast modulation;
  const float *uniforms;
  const float *normals;
  const float *initial_state[QLIF_MAX_STATE_VARIABLES];
  bool initial_state_shared;  // arrays have N values instead of B * N
  float *final_state[QLIF_MAX_STATE_VARIABLES];
  float *spikes_f32;
  uint8_t *spikes_u8;
  uint64_t *spikes_bit;
  TakenNumbers spike_values;
  float *voltages;
  float *traces[QLIF_MAX_TRACES];
};

/** qlif_backward_args, with the same names, except for the forward call. */
struct BackwardArgs {
  GivenNumbers grad_spike_values;
  int64_t grad_spike_values_stride;  // numbers from one step to the next: B * N, or 0 if all share one gradient
  const float *grad_voltages;
  const float *grad_final_state[QLIF_MAX_STATE_VARIABLES];
  TakenNumbers grad_input;
  float *grad_modulation;
  float *grad_parameters[QLIF_MAX_PARAMETERS];
  float *grad_initial_state[QLIF_MAX_STATE_VARIABLES];
};

/** qlif_draw_args, with the same names. */
struct DrawArgs {
  uint32_t stream;
  uint64_t seed;
  int64_t element_offset;
  int64_t first_step;
  int64_t steps;
  int64_t wires;
  int64_t elements;
  int64_t neurons;            // ignored without row_index
  const uint64_t *row_index;  // null if the elements are consecutive
  float *uniforms;
  float *normals;
};

/** A linear layer's arguments; output is null in a backward call. */
struct LinearArgs {
  int64_t steps;
  int64_t batch;
  int64_t inputs;
  int64_t outputs;
  int32_t inputType;  // QLIF_INPUT_
  const void *input;
  const float *weights;
  const float *bias;  // null if there is none
  float *output;
  // Of a forward call: the rows of a step, and the columns, to compute, and the floats between steps and between rows of `output`, which
  // begins with the first of them.
  int64_t row;
  int64_t rows;
  int64_t column;
  int64_t columns;
  int64_t outputStep;
  int64_t outputRow;
  // Of a backward call.
  const float *gradOutput;
  bool gradOutputShared;  // one (B, M) for all steps
  float *gradWeights;
  float *gradBias;
  float *gradInput;
};

/** Scratch memory given by the caller. */
struct Scratch {
  void *memory;  // null for the kernel's own
};

}  // namespace qlif

#endif
