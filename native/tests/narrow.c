/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays of 16-bit numbers: a call gives the bits of a float32 call with the same inputs, rounded when they are written. DEVICE: the device
 * under test; expected results are always the host's.
 */
#include "scenario.h"
#include "types.h"

#ifndef DEVICE
#define DEVICE QLIF_HOST
#endif

static int size_of(int32_t type) { return type == QLIF_TYPE_F32 ? 4 : 2; }

/* Converts numbers to an array of the type, and rounds the numbers themselves accordingly. NULL for NULL. */
static void *narrowed(int32_t type, float *values, int64_t count) {
  if (values == NULL) return NULL;
  if (type == QLIF_TYPE_F32) return memcpy(floats(count), values, (size_t)count * 4);
  uint16_t *words = malloc((size_t)(count > 0 ? count : 1) * 2);
  for (int64_t i = 0; i < count; i++) {
    words[i] = narrow_of(type, values[i]);
    values[i] = (float)wide_of(type, words[i]);
  }
  return words;
}

static void same_numbers(const char *what, int32_t type, const void *array, float *expected, int64_t count) {
  void *words = narrowed(type, expected, count);
  same_bytes(what, array, words, array == NULL ? 0 : count, (size_t)size_of(type));
  free(words);
}

/* Rounds the V' on a host tape, which come first, as a tape of the type would have stored them. */
static void round_tape(const scenario *s, int32_t type, void *memory) {
  float *values = memory;
  int64_t count = s->mode == QLIF_TAPE_VOLTAGE && rows_of(s) > 0 ? (elements_of(s) + 63) / 64 * 64 * s->forward.steps : 0;
  for (int64_t i = 0; type != QLIF_TYPE_F32 && i < count; i++) values[i] = (float)wide_of(type, narrow_of(type, values[i]));
}

static void run_rounded(scenario *s, int32_t tape_type) {
  qlif_kernel *kernel;
  qlif_forward_args *f = &s->forward;
  uint64_t bytes;
  CHECK_OK(open_kernel(QLIF_HOST, &s->config.header, 1, &kernel));
  CHECK_OK(qlif_tape_bytes_for(kernel, s->mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &bytes));
  lent memory = lend(bytes);
  CHECK_OK(qlif_tape_open_in(kernel, s->mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, memory.memory, bytes, 0, &f->tape));
  CHECK_OK(qlif_forward(kernel, f, NULL));
  round_tape(s, tape_type, memory.memory);
  CHECK_OK(qlif_backward(kernel, BACKWARD_OF(s), NULL));
  CHECK_OK(qlif_tape_close(f->tape));
  CHECK_OK(qlif_kernel_close(kernel));
  take_back(&memory);
  f->tape = NULL;
}

static void run_narrow(scenario *s, int32_t tape_type, int threads) {
  qlif_kernel *kernel;
  qlif_forward_args *f = &s->forward;
  uint64_t bytes;
  uint64_t wide;
  CHECK_OK(open_kernel(DEVICE, &s->config.header, threads, &kernel));
  CHECK_OK(qlif_tape_bytes_for(kernel, s->mode, tape_type, f->steps, f->batch, f->neurons, &bytes));
  CHECK_OK(qlif_tape_bytes_for(kernel, s->mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &wide));
  /* Two bytes less for each V', apart from padding. */
  const int64_t saved = tape_type == QLIF_TYPE_F32 || s->mode == QLIF_TAPE_COMPACT ? 0 : rows_of(s) * 2;
  const int64_t over = (int64_t)wide - (int64_t)bytes - saved;
  CHECK(saved == 0 ? wide == bytes : over > -256 && over < 256 + f->steps * 128);
  lent memory = lend(bytes);
  CHECK_OK(qlif_tape_open_in(kernel, s->mode, tape_type, f->steps, f->batch, f->neurons, memory.memory, bytes, 0, &f->tape));
  CHECK(qlif_tape_bytes(f->tape) == bytes);
  CHECK_OK(qlif_forward(kernel, f, NULL));
  CHECK_OK(qlif_backward(kernel, BACKWARD_OF(s), NULL));
  CHECK_OK(qlif_tape_close(f->tape));
  CHECK_OK(qlif_kernel_close(kernel));
  take_back(&memory);
  f->tape = NULL;
}

static void test_calls(int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario wide = i % 2 ? usual_scenario(12000) : random_scenario(12000);
    scenario narrow = again(&wide);
    const int64_t rows = rows_of(&wide);
    qlif_forward_args *f = &narrow.forward;
    qlif_backward_args *b = &narrow.args;
    /* Sometimes the same type for all arrays, for which there are GPU kernels. */
    const int32_t one = i % 4 == 1 ? random_int(0, 2) : -1;
    f->input_type = one >= 0 ? one : random_int(0, 2);
    f->spike_value_type = one >= 0 ? one : random_int(0, 2);
    b->grad_type = one >= 0 ? one : random_int(0, 2);
    b->grad_input_type = one >= 0 ? one : random_int(0, 2);
    const int32_t tape_type = one >= 0 ? one : random_int(0, 2);
    f->input = narrowed(f->input_type, (float *)wide.forward.input, rows);
    b->grad_spike_values = narrowed(b->grad_type, (float *)wide.args.grad_spike_values, rows);
    /* Exactly as much memory as required. */
    free(f->spike_values);
    f->spike_values = wide.forward.spike_values == NULL ? NULL : poisoned(rows, (size_t)size_of(f->spike_value_type));
    free(b->grad_input);
    b->grad_input = poisoned(rows, (size_t)size_of(b->grad_input_type));
    run_rounded(&wide, tape_type);
    run_narrow(&narrow, tape_type, 1 + i % 3);
    same_numbers("spike_values", f->spike_value_type, f->spike_values, wide.forward.spike_values, wide.forward.spike_values == NULL ? 0 : rows);
    same_numbers("grad_input", b->grad_input_type, b->grad_input, wide.args.grad_input, rows);
    /* Everything else must be equal. */
    free(wide.forward.spike_values);
    free(wide.args.grad_input);
    wide.forward.spike_values = wide.args.grad_input = NULL;
    void *spike_values = f->spike_values;
    void *grad_input = b->grad_input;
    f->spike_values = b->grad_input = NULL;
    same_results(&wide, &narrow);
    free(spike_values);
    free(grad_input);
    free((void *)f->input);
    free((void *)b->grad_spike_values);
    free_outputs(&narrow);
    free_scenario(&wide);
  }
}

/* Models that draw nothing, for which there are GPU kernels for each type; whole and partial groups of steps and blocks of lanes. */
static void test_short(int rounds) {
  qlif_lif_config lif;
  qlif_qlif_config plain = plain_config();
  CHECK_OK(qlif_lif_defaults(&lif, sizeof lif));
  for (int i = 0; i < rounds; i++) {
    lif.surrogate = plain.surrogate = random_int(0, 3);
    const int is_lif = i % 4 < 2;
    const qlif_config *config = is_lif ? &lif.header : &plain.header;
    const int count = is_lif ? QLIF_LIF_PARAMETERS : QLIF_PARAMETERS;
    const int32_t type = 1 + i % 2;
    const int64_t shape[] = {random_int(0, 1) ? 8 * random_int(1, 17) : random_int(1, 140), random_int(1, 3), random_int(1, 150)};
    const int64_t first_step = random_int(0, 3) > 0 ? 8 * random_int(0, 20) : random_int(0, 200);
    const int64_t elements = shape[1] * shape[2];
    const int64_t rows = shape[0] * elements;
    const float lif_parameters[] = {random_float(50, 400), random_float(50, 200), random_float(0.2f, 0.6f)};
    const float plain_parameters[QLIF_PARAMETERS] = {random_float(0.2f, 0.6f), random_float(2, 8), 0, 0, 0};
    const float *parameters = is_lif ? lif_parameters : plain_parameters;
    float *input = random_floats(rows, -0.5f, 3);
    float *grad = random_floats(rows, -1, 1);
    void *input16 = narrowed(type, input, rows);
    void *grad16 = narrowed(type, grad, rows);
    float grad_parameters[2][QLIF_MAX_PARAMETERS];
    float *values = poisoned(rows, 4);
    float *grad_input = poisoned(rows, 4);
    uint16_t *values16 = poisoned(rows, 2);
    uint16_t *grad_input16 = poisoned(rows, 2);
    for (int narrow = 0; narrow < 2; narrow++) {
      const int32_t t = narrow ? type : QLIF_TYPE_F32;
      qlif_kernel *kernel;
      qlif_forward_args f = {.size = sizeof f, .input_type = t, .spike_value_type = t, .first_step = first_step, .steps = shape[0], .batch = shape[1], .neurons = shape[2]};
      qlif_backward_args b = {.size = sizeof b, .grad_type = t, .grad_input_type = t, .forward = &f};
      f.input = narrow ? input16 : input;
      f.spike_values = narrow ? (void *)values16 : values;
      b.grad_spike_values = narrow ? grad16 : grad;
      b.grad_input = narrow ? (void *)grad_input16 : grad_input;
      for (int p = 0; p < count; p++) {
        f.parameters[p] = &parameters[p];
        b.grad_parameters[p] = &grad_parameters[narrow][p];
      }
      CHECK_OK(open_kernel(narrow ? DEVICE : QLIF_HOST, config, 2, &kernel));
      CHECK_OK(qlif_tape_open(kernel, QLIF_TAPE_COMPACT, t, shape[0], shape[1], shape[2], &f.tape));
      CHECK_OK(qlif_forward(kernel, &f, NULL));
      CHECK_OK(qlif_backward(kernel, &b, NULL));
      CHECK_OK(qlif_tape_close(f.tape));
      CHECK_OK(qlif_kernel_close(kernel));
    }
    same_numbers("spike_values", type, values16, values, rows);
    same_numbers("grad_input", type, grad_input16, grad_input, rows);
    same_bytes("grad_parameters", grad_parameters[0], grad_parameters[1], count, 4);
    free(input);
    free(grad);
    free(input16);
    free(grad16);
    free(values);
    free(grad_input);
    free(values16);
    free(grad_input16);
  }
}

/* Every 16-bit number as an input, including infinities, NaN and subnormals. */
static void test_odd_inputs(void) {
  qlif_qlif_config config = plain_config();
  for (int32_t type = QLIF_TYPE_F16; type <= QLIF_TYPE_BF16; type++) {
    enum { ALL = 65536 };
    static uint16_t words[ALL];
    static float values[ALL];
    static float voltages[2][ALL];
    static uint8_t spikes[2][ALL];
    const float parameters[QLIF_PARAMETERS] = {1, 4, 0, 0, 0};
    for (int word = 0; word < ALL; word++) {
      words[word] = (uint16_t)word;
      values[word] = (float)wide_of(type, (uint16_t)word);
    }
    for (int narrow = 0; narrow < 2; narrow++) {
      qlif_kernel *kernel;
      qlif_forward_args f = {.size = sizeof f, .input_type = narrow ? type : QLIF_TYPE_F32, .steps = 1, .batch = 1, .neurons = ALL};
      f.input = narrow ? (void *)words : values;
      f.voltages = voltages[narrow];
      f.spikes_u8 = spikes[narrow];
      for (int p = 0; p < QLIF_PARAMETERS; p++) f.parameters[p] = &parameters[p];
      CHECK_OK(open_kernel(narrow ? DEVICE : QLIF_HOST, &config.header, 1, &kernel));
      CHECK_OK(qlif_forward(kernel, &f, NULL));
      CHECK_OK(qlif_kernel_close(kernel));
    }
    same_bytes("spikes", spikes[0], spikes[1], ALL, 1);
    for (int word = 0; word < ALL; word++) {
      CHECK(isnan(values[word]) ? isnan(voltages[1][word]) : memcmp(&voltages[0][word], &voltages[1][word], 4) == 0);
    }
  }
}

/* With a linear layer the current is float32, while y and its gradient may have 16 bits. */
static void test_linear(void) {
  qlif_qlif_config config = plain_config();
  qlif_kernel *kernel;
  float input[3 * 2 * 4], weights[4 * 5], values[3 * 2 * 5], grad[3 * 2 * 5], grad_input[2][3 * 2 * 5];
  uint16_t values16[3 * 2 * 5];
  const float parameters[QLIF_PARAMETERS] = {1, 4, 0, 0, 0};
  for (int i = 0; i < 3 * 2 * 4; i++) input[i] = random_float(0, 2);
  for (int i = 0; i < 4 * 5; i++) weights[i] = random_float(-0.5f, 1.5f);
  for (int i = 0; i < 3 * 2 * 5; i++) grad[i] = random_float(-1, 1);
  void *grad16 = narrowed(QLIF_TYPE_BF16, grad, 3 * 2 * 5);
  qlif_linear_forward_args linear = {.size = sizeof linear, .input_type = QLIF_INPUT_F32, .steps = 3, .batch = 2, .inputs = 4, .outputs = 5,
      .input = input, .weights = weights};
  CHECK_OK(open_kernel(DEVICE, &config.header, 1, &kernel));
  for (int narrow = 0; narrow < 2; narrow++) {
    qlif_forward_args f = {.size = sizeof f, .steps = 3, .batch = 2, .neurons = 5, .linear = &linear, .input_type = QLIF_TYPE_BF16};
    qlif_backward_args b = {.size = sizeof b, .forward = &f, .grad_input = grad_input[narrow]};
    f.spike_value_type = b.grad_type = narrow ? QLIF_TYPE_BF16 : QLIF_TYPE_F32;
    f.spike_values = narrow ? (void *)values16 : values;
    b.grad_spike_values = narrow ? grad16 : grad;
    for (int p = 0; p < QLIF_PARAMETERS; p++) f.parameters[p] = &parameters[p];
    INVALID("input_type: got 2, expected QLIF_TYPE_F32 (0) beside a linear layer", qlif_forward(kernel, &f, NULL));
    f.input_type = QLIF_TYPE_F32;
    CHECK_OK(qlif_tape_open(kernel, QLIF_TAPE_VOLTAGE, QLIF_TYPE_F32, 3, 2, 5, &f.tape));
    CHECK_OK(qlif_forward(kernel, &f, NULL));
    CHECK_OK(qlif_backward(kernel, &b, NULL));
    CHECK_OK(qlif_tape_close(f.tape));
  }
  same_numbers("spike_values", QLIF_TYPE_BF16, values16, values, 3 * 2 * 5);
  same_bytes("grad_input", grad_input[0], grad_input[1], 3 * 2 * 5, 4);
  free(grad16);
  CHECK_OK(qlif_kernel_close(kernel));
}

int main(void) {
  test_calls(300);
  test_short(80);
  test_odd_inputs();
  test_linear();
  puts("all passed");
  return 0;
}
