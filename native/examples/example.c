/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer of LIF neurons on the host: one forward call, one backward call. Needs nothing but qlif.h and libqlif:
 *
 *     cc -I native/include native/examples/example.c -L native/target -lqlif -o example && LD_LIBRARY_PATH=native/target ./example
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qlif.h"

enum { STEPS = 100, BATCH = 2, NEURONS = 3 };

static void check(qlif_status status, const char *what) {
  if (status != QLIF_SUCCESS) {
    fprintf(stderr, "%s: %s\n", what, qlif_last_error());
    exit(1);
  }
}

int main(void) {
  if (qlif_abi_version() != QLIF_ABI_VERSION) {
    fprintf(stderr, "libqlif has ABI %u, this program was built for %u\n", qlif_abi_version(), QLIF_ABI_VERSION);
    return 1;
  }

  /* The defaults of the model, with another surrogate. */
  qlif_lif_config config;
  check(qlif_lif_defaults(&config, sizeof config), "qlif_lif_defaults");
  config.surrogate = QLIF_SURROGATE_ARCTAN;
  config.surrogate_alpha = 2;

  qlif_kernel *kernel;
  check(qlif_kernel_open(QLIF_HOST, &config.header, NULL, &kernel), "qlif_kernel_open");
  char description[256];
  check(qlif_kernel_describe(kernel, description, sizeof description), "qlif_kernel_describe");
  printf("LIF on %s\n", description);

  /* Where the configuration's parameters start, one value for all neurons. */
  qlif_model_info model = {.size = sizeof model};
  check(qlif_model(QLIF_MODEL_LIF, &model), "qlif_model");
  float parameters[QLIF_LIF_PARAMETERS];
  for (int i = 0; i < model.parameters; i++) {
    check(qlif_parameter_default(&config.header, i, &parameters[i]), "qlif_parameter_default");
  }

  /* (T, B, N), row-major: neuron n of row b gets a constant current. */
  static float input[STEPS][BATCH][NEURONS];
  for (int t = 0; t < STEPS; t++) {
    for (int b = 0; b < BATCH; b++) {
      for (int n = 0; n < NEURONS; n++) {
        input[t][b][n] = 0.1f * (float)(1 + b * NEURONS + n);
      }
    }
  }
  static uint8_t spikes[STEPS][BATCH][NEURONS];

  qlif_tape *tape;
  check(qlif_tape_open(kernel, QLIF_TAPE_COMPACT, QLIF_TYPE_F32, STEPS, BATCH, NEURONS, &tape), "qlif_tape_open");

  /* Zeros first: what is not set is not wanted. */
  qlif_forward_args forward;
  memset(&forward, 0, sizeof forward);
  forward.size = sizeof forward;
  forward.steps = STEPS;
  forward.batch = BATCH;
  forward.neurons = NEURONS;
  forward.input = input;
  for (int i = 0; i < model.parameters; i++) {
    forward.parameters[i] = &parameters[i];
  }
  forward.spikes_u8 = &spikes[0][0][0];
  forward.tape = tape;
  check(qlif_forward(kernel, &forward, NULL), "qlif_forward");

  for (int b = 0; b < BATCH; b++) {
    for (int n = 0; n < NEURONS; n++) {
      int count = 0;
      for (int t = 0; t < STEPS; t++) {
        count += spikes[t][b][n];
      }
      printf("row %d, neuron %d: %d spikes in %d steps\n", b, n, count, STEPS);
    }
  }

  /* The gradients of the number of spikes: 1 for each spike value, the same at all steps. */
  float ones[BATCH][NEURONS];
  for (int b = 0; b < BATCH; b++) {
    for (int n = 0; n < NEURONS; n++) {
      ones[b][n] = 1;
    }
  }
  static float gradInput[STEPS][BATCH][NEURONS];
  float gradients[QLIF_LIF_PARAMETERS];
  qlif_backward_args backward;
  memset(&backward, 0, sizeof backward);
  backward.size = sizeof backward;
  backward.forward = &forward;
  backward.grad_spike_values = ones;
  backward.grad_spike_values_shared = 1;
  backward.grad_input = gradInput;
  for (int i = 0; i < model.parameters; i++) {
    backward.grad_parameters[i] = &gradients[i];
  }
  check(qlif_backward(kernel, &backward, NULL), "qlif_backward");

  for (int i = 0; i < model.parameters; i++) {
    qlif_parameter_info parameter = {.size = sizeof parameter};
    check(qlif_parameter(QLIF_MODEL_LIF, i, &parameter), "qlif_parameter");
    printf("d spikes / d %s = %g at %g\n", parameter.symbol, gradients[i], parameters[i]);
  }
  printf("d spikes / d input at the first step of row 0, neuron 0 = %g\n", gradInput[0][0][0]);

  check(qlif_tape_close(tape), "qlif_tape_close");
  check(qlif_kernel_close(kernel), "qlif_kernel_close");
  return 0;
}
