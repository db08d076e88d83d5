/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs that grow: callers built with an older qlif.h, whose structs are shorter than the library's, or with a newer one, whose structs are
 * longer. Tries every struct with every function that takes it, in a block of exactly its size.
 */
#include "scenario.h"

/* How much longer a struct may be. */
enum { GROWTH = 4096 };

/* A call whose tape holds it, and its kernel. */
static scenario s;
static qlif_kernel *kernel;

/* A hash of the memory that the last call could write, except its struct. */
static uint64_t written;

/* A struct of `size` bytes, in its own block. */
static void *block_of(const void *from, size_t known, size_t size) {
  char *block = calloc(1, size);
  CHECK(block != NULL);
  memcpy(block, from, size < known ? size : known);
  *(uint32_t *)block = (uint32_t)size;
  return block;
}

typedef qlif_status function(void *given);

/* What a call returns, reports and writes. */
typedef struct outcome {
  qlif_status status;
  uint64_t written;
  char text[800];
} outcome;

static outcome outcome_of(function *call, void *given) {
  outcome o;
  memset(&o, 0, sizeof o);
  written = 0;
  o.status = call(given);
  if (o.status != QLIF_SUCCESS) strcpy(o.text, qlif_last_error());
  o.written = written;
  return o;
}

/* Checks that a call is refused with this text. */
static void refuse(const char *text, function *call, void *given) {
  outcome o = outcome_of(call, given);
  INVALID(text, o.status);
}

/* Checks that impossible sizes are refused. */
static void refuse_sizes(const char *name, function *call, const void *good, size_t known) {
  const size_t sizes[] = {0, 4, known - 1, known + 4, known + GROWTH + 8, UINT32_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    char expected[200];
    char *block = block_of(good, known, known);
    *(uint32_t *)block = (uint32_t)sizes[i];
    snprintf(expected, sizeof expected, "%s.size: got %u, expected the struct's size, %zu", name, (unsigned)sizes[i], known);
    refuse(expected, call, block);
    free(block);
  }
}

/* Checks a struct that the library reads. absent: the values that fields missing in an older caller's struct stand for; NULL for zeros. */
static void reads(const char *name, function *call, const void *good, size_t known, const void *absent) {
  CHECK(known % 8 == 0);
  refuse_sizes(name, call, good, known);
  const uint64_t untouched = written;
  for (size_t size = 8; size <= known; size += 8) {
    char *cut = block_of(good, known, size);
    char *whole = block_of(good, known, known);
    if (absent != NULL) {
      memcpy(whole + size, (const char *)absent + size, known - size);
    } else {
      memset(whole + size, 0, known - size);
    }
    outcome of_cut = outcome_of(call, cut);
    outcome of_whole = outcome_of(call, whole);
    if (memcmp(&of_cut, &of_whole, sizeof of_cut) != 0) {
      fprintf(stderr, "%s of %zu bytes: got status %d \"%s\", hash %llx; in full, status %d \"%s\", hash %llx\n", name, size, of_cut.status,
              of_cut.text, (unsigned long long)of_cut.written, of_whole.status, of_whole.text, (unsigned long long)of_whole.written);
      exit(1);
    }
    CHECK(size < known || of_cut.status == QLIF_SUCCESS);
    free(cut);
    free(whole);
  }
  char *exact = block_of(good, known, known);
  outcome expected = outcome_of(call, exact);
  free(exact);
  const size_t tails[] = {8, 16, GROWTH};
  for (size_t i = 0; i < 3; i++) {
    size_t size = known + tails[i];
    char *longer = block_of(good, known, size);
    outcome got = outcome_of(call, longer);
    CHECK(memcmp(&got, &expected, sizeof got) == 0);
    /* Fields that the library does not know. */
    const size_t places[] = {known, known + 7, size - 8, size - 1};
    for (size_t k = 0; k < 4; k++) {
      char text[200];
      longer[places[k]] = (char)0x80;
      snprintf(text, sizeof text, "%s.size: got %zu, expected %zu or zeros past that", name, size, known);
      refuse(text, call, longer);
      CHECK(written == untouched);
      longer[places[k]] = 0;
    }
    free(longer);
  }
}

/* Checks a struct that the library writes: as much as there is room for, with zeros beyond what the library knows. */
static void writes(const char *name, function *call, size_t known) {
  CHECK(known % 8 == 0);
  char *full = calloc(1, known);
  *(uint32_t *)full = (uint32_t)known;
  CHECK_OK(call(full));
  refuse_sizes(name, call, full, known);
  for (size_t size = 8; size <= known + GROWTH; size += size < known ? 8 : GROWTH / 2) {
    char *block = malloc(size);
    memset(block, 0xa5, size);
    *(uint32_t *)block = (uint32_t)size;
    CHECK_OK(call(block));
    CHECK(*(uint32_t *)block == size);
    CHECK(memcmp(block + 4, full + 4, (size < known ? size : known) - 4) == 0);
    for (size_t i = known; i < size; i++) CHECK(block[i] == 0);
    free(block);
  }
  free(full);
}

/* ---------------------------------------------------------------- structs that are written */

static qlif_status model_of(void *given) { return qlif_model(QLIF_MODEL_LIF, given); }
static qlif_status variable_of(void *given) { return qlif_state_variable(QLIF_MODEL_QLIF, QLIF_STATE_EFFICIENCY, given); }
static qlif_status parameter_of(void *given) { return qlif_parameter(QLIF_MODEL_QLIF, QLIF_PARAM_TAU, given); }
static qlif_status trace_of(void *given) { return qlif_trace(QLIF_MODEL_QLIF, QLIF_TRACE_RATE, given); }
static qlif_status option_of(void *given) { return qlif_option(QLIF_MODEL_QLIF, 2, given); }
static qlif_status device_of(void *given) { return qlif_device_describe(QLIF_HOST, given); }
static qlif_status qlif_defaults_of(void *given) { return qlif_qlif_defaults(given, *(uint32_t *)given); }
static qlif_status lif_defaults_of(void *given) { return qlif_lif_defaults(given, *(uint32_t *)given); }
static qlif_status preset_of(void *given) { return qlif_qlif_preset(given, *(uint32_t *)given, "2025-08-24"); }

static void test_written(void) {
  writes("qlif_model_info", model_of, sizeof(qlif_model_info));
  writes("qlif_variable_info", variable_of, sizeof(qlif_variable_info));
  writes("qlif_parameter_info", parameter_of, sizeof(qlif_parameter_info));
  writes("qlif_trace_info", trace_of, sizeof(qlif_trace_info));
  writes("qlif_option_info", option_of, sizeof(qlif_option_info));
  writes("qlif_device_info", device_of, sizeof(qlif_device_info));
  writes("qlif_qlif_config", qlif_defaults_of, sizeof(qlif_qlif_config));
  writes("qlif_lif_config", lif_defaults_of, sizeof(qlif_lif_config));
  writes("qlif_qlif_config", preset_of, sizeof(qlif_qlif_config));
}

/* ---------------------------------------------------------------- configurations */

static qlif_status constants_of(void *given) {
  float values[64];
  memset(values, 0xa5, sizeof values);
  qlif_status status = qlif_constants(given, values);
  add_to_hash(&written, values, sizeof values);
  return status;
}

static qlif_status starts_of(void *given) {
  float values[3] = {7, 7, 7};
  qlif_status status = QLIF_SUCCESS;
  for (int i = 0; i < 3 && status == QLIF_SUCCESS; i++) status = qlif_parameter_default(given, i, &values[i]);
  add_to_hash(&written, values, sizeof values);
  return status;
}

/* Opens a kernel and, for the QLIF model, runs a call, whose results depend on all options. */
static qlif_status open_with(void *given) {
  qlif_kernel *opened = NULL;
  each_output(&s, poison, NULL);
  qlif_status status = open_kernel(QLIF_HOST, given, 1, &opened);
  if (status == QLIF_SUCCESS) {
    if (((const qlif_config *)given)->model == QLIF_MODEL_QLIF) {
      qlif_forward_args args = s.forward;
      args.tape = NULL;
      CHECK_OK(qlif_forward(opened, &args, NULL));
    }
    CHECK_OK(qlif_kernel_close(opened));
  }
  each_output(&s, add_to_hash, &written);
  return status;
}

/* Changes every option from its default. */
static void change_all(qlif_config *config) {
  qlif_option_info option = {.size = sizeof option};
  for (int32_t i = 0; qlif_option(config->model, i, &option) == QLIF_SUCCESS; i++) {
    char *field = (char *)config + option.offset;
    if (option.kind == QLIF_KIND_REAL) {
      double value = option.derived ? 0.3 : option.default_value == 0 ? 0.01 : option.default_value * 0.9;
      memcpy(field, &value, sizeof value);
    } else {
      int32_t value = (int32_t)option.default_value;
      value = value == (int32_t)option.high ? (int32_t)option.low : value + 1;
      memcpy(field, &value, sizeof value);
    }
  }
}

static void test_configs(void) {
  qlif_qlif_config qlif = default_config();
  qlif_qlif_config qlif_defaults = qlif;
  qlif_lif_config lif;
  CHECK_OK(qlif_lif_defaults(&lif, sizeof lif));
  qlif_lif_config lif_defaults = lif;
  change_all(&qlif.header);
  change_all(&lif.header);
  function *const functions[] = {constants_of, starts_of, open_with};
  for (int i = 0; i < 3; i++) {
    reads("qlif_qlif_config", functions[i], &qlif, sizeof qlif, &qlif_defaults);
    reads("qlif_lif_config", functions[i], &lif, sizeof lif, &lif_defaults);
  }
}

/* ---------------------------------------------------------------- arguments */

/* Poisons a call's memory, runs the call, and hashes the memory. */
#define RUN(expression)                     \
  each_output(&s, poison, NULL);            \
  qlif_status status = expression;          \
  each_output(&s, add_to_hash, &written);   \
  return status

static qlif_status forward_with(void *given) { RUN(qlif_forward(kernel, given, NULL)); }
static qlif_status backward_with(void *given) { RUN(qlif_backward(kernel, given, NULL)); }

static qlif_status backward_of_forward(void *given) {
  qlif_backward_args args = s.args;
  args.forward = given;
  RUN(qlif_backward(kernel, &args, NULL));
}

enum { DRAWN_STEPS = 3, DRAWN_WIRES = 2, DRAWN_ROWS = 2, DRAWN_NEURONS = 5, DRAWN = DRAWN_STEPS * DRAWN_ROWS * DRAWN_NEURONS };
static float uniforms[DRAWN * DRAWN_WIRES];
static float normals[DRAWN];

static qlif_status draw_with(void *given) {
  memset(uniforms, 0xa5, sizeof uniforms);
  memset(normals, 0xa5, sizeof normals);
  qlif_status status = qlif_draw(kernel, given, NULL);
  add_to_hash(&written, uniforms, sizeof uniforms);
  add_to_hash(&written, normals, sizeof normals);
  return status;
}

static void test_arguments(void) {
  const uint64_t rows[] = {7, 3, 9, 1, 4};
  qlif_draw_key key = {11, 5, 3, 0};
  uint64_t bytes = 0;
  qlif_forward_args *f = &s.forward;
  CHECK_OK(qlif_scratch_bytes(kernel, f->steps, f->batch, f->neurons, 1, &bytes));
  lent scratch = lend(bytes);
  f->seed = 0;
  f->element_offset = 0;
  f->key = &key;
  f->row_index = rows;
  f->scratch = s.args.scratch = scratch.memory;
  f->scratch_bytes = s.args.scratch_bytes = bytes;
  reads("qlif_forward_args", forward_with, f, sizeof *f, NULL);
  CHECK_OK(qlif_forward(kernel, f, NULL));
  reads("qlif_backward_args", backward_with, BACKWARD_OF(&s), sizeof s.args, NULL);
  reads("qlif_forward_args", backward_of_forward, f, sizeof *f, NULL);
  take_back(&scratch);

  qlif_draw_args draw = {sizeof draw, 3, 4, 0, 6, DRAWN_STEPS, DRAWN_WIRES, DRAWN_ROWS * DRAWN_NEURONS, DRAWN_NEURONS, rows, uniforms, normals};
  reads("qlif_draw_args", draw_with, &draw, sizeof draw, NULL);
}

/* ---------------------------------------------------------------- the linear layer */

enum { ROWS = 3 * 2, INPUTS = 5, OUTPUTS = 4 };
static qlif_linear *linear;
static float linear_output[ROWS * OUTPUTS];
static float linear_gradients[INPUTS * OUTPUTS + OUTPUTS + ROWS * INPUTS];
static qlif_linear_backward_args linear_backward;

static qlif_status linear_forward_with(void *given) {
  memset(linear_output, 0xa5, sizeof linear_output);
  qlif_status status = qlif_linear_forward(linear, given, NULL);
  add_to_hash(&written, linear_output, sizeof linear_output);
  return status;
}

static qlif_status linear_backward_with(void *given) {
  memset(linear_gradients, 0xa5, sizeof linear_gradients);
  qlif_status status = qlif_linear_backward(linear, given, NULL);
  add_to_hash(&written, linear_gradients, sizeof linear_gradients);
  return status;
}

static qlif_status linear_backward_of_forward(void *given) {
  qlif_linear_backward_args args = linear_backward;
  args.forward = given;
  return linear_backward_with(&args);
}

static qlif_status linear_open_with(void *given) {
  qlif_linear *opened = NULL;
  char text[100] = "";
  qlif_status status = qlif_linear_open(QLIF_HOST, given, &opened);
  if (status == QLIF_SUCCESS) {
    CHECK_OK(qlif_linear_describe(opened, text, sizeof text));
    CHECK_OK(qlif_linear_close(opened));
  }
  add_to_hash(&written, text, sizeof text);
  return status;
}

static void test_linear(void) {
  const qlif_kernel_options options = {.size = sizeof options, .threads = 3, .spin_nanos = 5};
  reads("qlif_kernel_options", linear_open_with, &options, sizeof options, NULL);
  const uint8_t input[ROWS * INPUTS] = {1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1};
  float weights[INPUTS * OUTPUTS];
  float grad_output[ROWS * OUTPUTS];
  const float bias[OUTPUTS] = {1, 2, 3, 4};
  for (int i = 0; i < INPUTS * OUTPUTS; i++) weights[i] = random_float(-1, 1);
  for (int i = 0; i < ROWS * OUTPUTS; i++) grad_output[i] = random_float(-1, 1);
  CHECK_OK(qlif_linear_open(QLIF_HOST, NULL, &linear));
  qlif_linear_forward_args f = {.size = sizeof f, .input_type = QLIF_INPUT_U8, .steps = 3, .batch = 2, .inputs = INPUTS, .outputs = OUTPUTS};
  f.input = input;
  f.weights = weights;
  f.bias = bias;
  f.output = linear_output;
  reads("qlif_linear_forward_args", linear_forward_with, &f, sizeof f, NULL);
  linear_backward.size = sizeof linear_backward;
  linear_backward.forward = &f;
  linear_backward.grad_output = grad_output;
  linear_backward.grad_weights = linear_gradients;
  linear_backward.grad_bias = linear_gradients + INPUTS * OUTPUTS;
  linear_backward.grad_input = linear_gradients + INPUTS * OUTPUTS + OUTPUTS;
  reads("qlif_linear_backward_args", linear_backward_with, &linear_backward, sizeof linear_backward, NULL);
  reads("qlif_linear_forward_args", linear_backward_of_forward, &f, sizeof f, NULL);
  CHECK_OK(qlif_linear_close(linear));
}

int main(void) {
  do {
    s = random_scenario(600);
    if (rows_of(&s) > 0 && s.modulated && s.forward.initial_state[0] != NULL && s.args.grad_final_state[0] != NULL &&
        s.args.grad_voltages != NULL && s.args.grad_spike_values != NULL && config_wires(&s.config) > 0 && s.config.stochastic) {
      break;
    }
    free_scenario(&s);
  } while (1);
  CHECK_OK(open_kernel(QLIF_HOST, &s.config.header, 1, &kernel));
  test_written();
  test_configs();
  qlif_forward_args *f = &s.forward;
  CHECK_OK(qlif_tape_open(kernel, s.mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &f->tape));
  test_arguments();
  CHECK_OK(qlif_tape_close(f->tape));
  CHECK_OK(qlif_kernel_close(kernel));
  free_scenario(&s);
  test_linear();
  puts("all passed");
  return 0;
}
