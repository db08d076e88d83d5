/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls with random options, shapes and numbers, for the tests in this folder, all from one seed.
 */
#ifndef QLIF_TESTS_SCENARIO_H
#define QLIF_TESTS_SCENARIO_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qlif.h"

#define CHECK(condition)                                                                                     \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      fprintf(stderr, "%s:%d: expected %s; last error: %s\n", __FILE__, __LINE__, #condition, qlif_last_error()); \
      exit(1);                                                                                               \
    }                                                                                                        \
  } while (0)

#define CHECK_OK(call) CHECK((call) == QLIF_SUCCESS)

#define FAILS(status, word, expression)                                                                          \
  do {                                                                                                           \
    qlif_status got = (expression);                                                                              \
    if (got != (status) || strstr(qlif_last_error(), word) == NULL) {                                            \
      fprintf(stderr, "%s:%d: got status %d and \"%s\", expected %d and a text with \"%s\"\n", __FILE__, __LINE__, got, \
              qlif_last_error(), status, word);                                                                  \
      exit(1);                                                                                                   \
    }                                                                                                            \
  } while (0)

#define INVALID(word, expression) FAILS(QLIF_INVALID_ARGUMENT, word, expression)

/* Opens a kernel with this number of threads. */
static inline qlif_status open_kernel(int32_t device, const qlif_config *config, int32_t threads, qlif_kernel **kernel) {
  const qlif_kernel_options options = {.size = sizeof options, .threads = threads};
  return qlif_kernel_open(device, config, &options, kernel);
}

static uint64_t random_state = 1;

/* splitmix64 */
static uint64_t random_bits(void) {
  uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static int random_int(int low, int high) { return low + (int)(random_bits() % (uint64_t)(high - low + 1)); }

static float random_float(float low, float high) { return low + (high - low) * (float)(random_bits() >> 40) * 0x1p-24f; }

static qlif_qlif_config default_config(void) {
  qlif_qlif_config c;
  CHECK_OK(qlif_qlif_defaults(&c, sizeof c));
  return c;
}

/* The QLIF model with every option off. */
static qlif_qlif_config plain_config(void) {
  qlif_qlif_config c;
  CHECK_OK(qlif_qlif_preset(&c, sizeof c, "plain-lif"));
  c.surrogate = random_int(0, 3);
  return c;
}

/* The snapshot of 2025-08-15, or that of 2025-08-24. */
static qlif_qlif_config snapshot_config(int later) {
  qlif_qlif_config c;
  CHECK_OK(qlif_qlif_preset(&c, sizeof c, later ? "2025-08-24" : "2025-08-15"));
  return c;
}

/* One of the configurations with their own kernels. */
static qlif_qlif_config known_config(void) {
  switch (random_int(0, 3)) {
    case 0:
      return default_config();
    case 1:
      return plain_config();
    case 2:
      return snapshot_config(0);
    default:
      return snapshot_config(1);
  }
}

/* One in three is one of those. */
static qlif_qlif_config random_config(void) {
  if (random_int(0, 2) == 0) return known_config();
  qlif_qlif_config c = default_config();
  c.decision = random_int(0, 2);
  c.sampling = random_int(0, 1);
  c.spike_value = random_int(0, 1);
  c.angle_map = random_int(0, 1);
  c.readout = random_int(0, 2);
  c.quantum_wires = random_int(1, 9);
  c.quantum_threshold = random_float(-0.9f, 0.9f);
  c.surrogate = random_int(0, 3);
  c.surrogate_alpha = random_float(0.3f, 2);
  c.neuromod_mode = random_int(0, 3);
  c.neuromod_transform = random_int(0, 1);
  c.dynamic_probability = random_int(0, 1);
  c.refractory = random_int(0, 1);
  c.use_adaptation = random_int(0, 2) > 0;
  c.use_depression = random_int(0, 2) > 0;
  c.use_ahp = random_int(0, 1);
  c.use_adaptive_threshold = random_int(0, 1);
  c.homeostasis_enabled = random_int(0, 1);
  c.detach_reset = random_int(0, 1);
  c.stochastic = random_int(0, 1);
  c.neuromod_strength = random_float(-0.5f, 1);
  c.reset_fraction = random_float(0, 1);
  c.v_reset = random_float(-0.2f, 0.1f);
  return c;
}

static inline int config_wires(const qlif_qlif_config *c) {
  if (c->decision == QLIF_DECISION_SIGMOID) return c->sampling == QLIF_SAMPLING_DRAW ? 1 : 0;
  if (c->decision == QLIF_DECISION_THRESHOLD || c->readout == QLIF_READOUT_EXPECTATION) return 0;
  return c->readout == QLIF_READOUT_MULTI_QUBIT ? c->quantum_wires : 1;
}

/* A separately allocated block of floats, so that a sanitizer notices the first byte outside; NULL for none. */
static float *floats(int64_t count) { return malloc((size_t)(count > 0 ? count : 1) * sizeof(float)); }

static float *random_floats(int64_t count, float low, float high) {
  float *values = floats(count);
  for (int64_t i = 0; i < count; i++) values[i] = random_float(low, high);
  return values;
}

/* A call with all inputs and outputs, or a usual one, with spikes as bytes or spike values only. */
enum { ALL_OUTPUTS, SPIKE_BYTES, SPIKE_VALUES };

typedef struct call {
  qlif_forward_args forward;
  qlif_backward_args args;
} call;

/* The arguments for qlif_backward, from a scenario or a call. */
#define BACKWARD_OF(c) ((c)->args.forward = &(c)->forward, &(c)->args)

typedef struct scenario {
  qlif_qlif_config config;
  int outputs;
  int mode;
  int modulated;
  int64_t modulation_values;
  qlif_forward_args forward;
  qlif_backward_args args;
} scenario;

static inline call call_of(const scenario *s) {
  call c = {s->forward, s->args};
  return c;
}

static int64_t elements_of(const scenario *s) { return s->forward.batch * s->forward.neurons; }

static int64_t rows_of(const scenario *s) { return s->forward.steps * elements_of(s); }

static int64_t parameter_length(const scenario *s, int i) {
  return s->forward.per_neuron_parameters >> i & 1 ? s->forward.neurons : 1;
}

/* Memory for outputs, filled with bytes that no call writes by chance. */
static void *poisoned(int64_t count, size_t size) {
  size_t bytes = (size_t)(count > 0 ? count : 1) * size;
  void *memory = malloc(bytes);
  memset(memory, 0xa5, bytes);
  return memory;
}

static void make_outputs(scenario *s) {
  qlif_forward_args *f = &s->forward;
  int64_t rows = rows_of(s);
  int64_t elements = elements_of(s);
  int all = s->outputs == ALL_OUTPUTS;
  f->spikes_f32 = all ? poisoned(rows, 4) : NULL;
  f->spikes_u8 = s->outputs != SPIKE_VALUES ? poisoned(rows, 1) : NULL;
  f->spikes_bit = all ? poisoned(f->steps * ((elements + 63) / 64), 8) : NULL;
  f->spike_values = s->outputs != SPIKE_BYTES ? poisoned(rows, 4) : NULL;
  f->voltages = all ? poisoned(rows, 4) : NULL;
  for (int i = 0; i < QLIF_TRACES; i++) f->traces[i] = all ? poisoned(rows, 4) : NULL;
  for (int i = 0; i < QLIF_STATE_VARIABLES; i++) f->final_state[i] = poisoned(elements, 4);
  s->args.grad_input = poisoned(rows, 4);
  s->args.grad_modulation = s->modulated ? poisoned(s->modulation_values, 4) : NULL;
  for (int i = 0; i < QLIF_PARAMETERS; i++) s->args.grad_parameters[i] = poisoned(parameter_length(s, i), 4);
  for (int i = 0; i < QLIF_STATE_VARIABLES; i++) s->args.grad_initial_state[i] = poisoned(elements, 4);
}

static void free_outputs(scenario *s) {
  qlif_forward_args *f = &s->forward;
  free(f->spikes_f32);
  free(f->spikes_u8);
  free(f->spikes_bit);
  free(f->spike_values);
  free(f->voltages);
  for (int i = 0; i < QLIF_TRACES; i++) free(f->traces[i]);
  for (int i = 0; i < QLIF_STATE_VARIABLES; i++) free(f->final_state[i]);
  free(s->args.grad_input);
  free(s->args.grad_modulation);
  for (int i = 0; i < QLIF_PARAMETERS; i++) free(s->args.grad_parameters[i]);
  for (int i = 0; i < QLIF_STATE_VARIABLES; i++) free(s->args.grad_initial_state[i]);
}

/* Visits all memory that a call writes. */
static inline void each_output(const scenario *s, void (*visit)(void *context, void *memory, size_t bytes), void *context) {
  const qlif_forward_args *f = &s->forward;
  size_t rows = (size_t)rows_of(s);
  size_t state = (size_t)elements_of(s) * 4;
#define VISIT(memory, bytes) \
  if ((memory) != NULL) visit(context, memory, bytes)
  VISIT(f->spikes_f32, rows * 4);
  VISIT(f->spikes_u8, rows);
  VISIT(f->spikes_bit, (size_t)(f->steps * ((elements_of(s) + 63) / 64)) * 8);
  VISIT(f->spike_values, rows * 4);
  VISIT(f->voltages, rows * 4);
  for (int i = 0; i < QLIF_TRACES; i++) VISIT(f->traces[i], rows * 4);
  for (int i = 0; i < QLIF_STATE_VARIABLES; i++) VISIT(f->final_state[i], state);
  VISIT(s->args.grad_input, rows * 4);
  VISIT(s->args.grad_modulation, (size_t)s->modulation_values * 4);
  for (int i = 0; i < QLIF_PARAMETERS; i++) VISIT(s->args.grad_parameters[i], (size_t)parameter_length(s, i) * 4);
  for (int i = 0; i < QLIF_STATE_VARIABLES; i++) VISIT(s->args.grad_initial_state[i], state);
#undef VISIT
}

static inline void poison(void *context, void *memory, size_t bytes) {
  (void)context;
  memset(memory, 0xa5, bytes);
}

/* FNV-1a */
static inline void add_to_hash(void *context, void *memory, size_t bytes) {
  uint64_t *hash = context;
  for (size_t i = 0; i < bytes; i++) *hash = (*hash ^ ((unsigned char *)memory)[i]) * 0x100000001b3u;
}

/* Random numbers and outputs for a scenario that has a configuration and a shape. */
static inline void fill_scenario(scenario *s) {
  qlif_forward_args *f = &s->forward;
  f->first_step = random_int(0, 2) > 0 ? random_int(0, 200) : ((int64_t)1 << 32) + random_int(0, 9);
  f->seed = random_bits();
  f->stream = (uint32_t)random_bits();
  f->element_offset = random_int(0, 1) ? random_int(0, 1000) : 4294967290 + random_int(0, 9);
  f->per_neuron_parameters = (uint32_t)random_int(0, 31);
  int64_t elements = elements_of(s);
  f->input = random_floats(rows_of(s), -1, 4);
  f->parameters[0] = random_floats(parameter_length(s, 0), 0.4f, 1.6f);
  f->parameters[1] = random_floats(parameter_length(s, 1), 1.5f, 20);
  f->parameters[2] = random_floats(parameter_length(s, 2), 0, 0.4f);
  f->parameters[3] = random_floats(parameter_length(s, 3), 0.2f, 1.5f);
  f->parameters[4] = random_floats(parameter_length(s, 4), 0, 1);
  s->modulated = random_int(0, 2) > 0;
  if (s->modulated) {
    int64_t t = random_int(0, 1) ? f->steps : 1;
    int64_t b = random_int(0, 1) ? f->batch : 1;
    int64_t n = random_int(0, 1) ? f->neurons : 1;
    s->modulation_values = t * b * n;
    f->modulation.data = random_floats(s->modulation_values, -2, 2);
    f->modulation.stride_n = n == 1 ? 0 : 1;
    f->modulation.stride_b = b == 1 ? 0 : n;
    f->modulation.stride_t = t == 1 ? 0 : b * n;
  } else if (random_int(0, 1)) {
    /* Strides of an absent modulation must be ignored. */
    f->modulation.stride_t = f->modulation.stride_b = f->modulation.stride_n = random_int(0, 1) ? INT64_MAX : INT64_MIN;
  }
  if (random_int(0, 1)) {
    for (int i = 0; i < QLIF_STATE_VARIABLES; i++) f->initial_state[i] = random_floats(elements, 0, 0.8f);
  }
  if (random_int(0, 3) > 0) s->args.grad_spike_values = random_floats(rows_of(s), -1, 1);
  if (random_int(0, 3) > 0) s->args.grad_voltages = random_floats(rows_of(s), -0.3f, 0.3f);
  if (random_int(0, 1)) {
    for (int i = 0; i < QLIF_STATE_VARIABLES; i++) s->args.grad_final_state[i] = random_floats(elements, -1, 1);
  }
  make_outputs(s);
}

static scenario random_scenario(int64_t budget) {
  static const int64_t extents[] = {0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 257};
  static const int64_t times[] = {0, 1, 2, 7, 8, 9, 20, 63, 64, 65, 71, 72, 130};
  scenario s;
  memset(&s, 0, sizeof s);
  s.config = random_config();
  s.mode = random_int(0, 1);
  s.args.size = sizeof s.args;
  qlif_forward_args *f = &s.forward;
  f->size = sizeof *f;
  do {
    f->steps = times[random_int(random_int(0, 7) > 0, 12)];
    /* Sometimes several blocks of 32 rows. */
    f->batch = random_int(0, 5) > 0 ? random_int(random_int(0, 7) > 0, 5) : random_int(30, 300);
    f->neurons = extents[random_int(random_int(0, 7) > 0, 12)];
  } while (rows_of(&s) > budget);
  fill_scenario(&s);
  return s;
}

static void free_scenario(scenario *s);

/* Usually a call for which there are special GPU kernels; sometimes the number of steps prevents that. */
static inline scenario usual_scenario(int64_t budget) {
  scenario s = random_scenario(budget);
  while (s.modulated || s.args.grad_spike_values == NULL) {
    free_scenario(&s);
    s = random_scenario(budget);
  }
  s.config = known_config();
  s.mode = s.config.stochastic ? QLIF_TAPE_VOLTAGE : QLIF_TAPE_COMPACT;
  if (random_int(0, 3) > 0) s.forward.first_step &= ~(int64_t)7;
  free((void *)s.args.grad_voltages);
  s.args.grad_voltages = NULL;
  free_outputs(&s);
  s.outputs = random_int(SPIKE_BYTES, SPIKE_VALUES);
  make_outputs(&s);
  return s;
}

static void free_scenario(scenario *s) {
  qlif_forward_args *f = &s->forward;
  free((void *)f->input);
  for (int i = 0; i < QLIF_PARAMETERS; i++) free((void *)f->parameters[i]);
  free((void *)f->modulation.data);
  free((void *)f->uniforms);
  free((void *)f->normals);
  free((void *)s->args.grad_spike_values);
  free((void *)s->args.grad_voltages);
  for (int i = 0; i < QLIF_STATE_VARIABLES; i++) {
    free((void *)f->initial_state[i]);
    free((void *)s->args.grad_final_state[i]);
  }
  free_outputs(s);
}

/* Runs only forward, without a tape, on a device that uses the process's memory. */
static inline void run_forward_on(scenario *s, int device, int threads) {
  qlif_kernel *kernel;
  CHECK_OK(open_kernel(device, &s->config.header, threads, &kernel));
  CHECK_OK(qlif_forward(kernel, &s->forward, NULL));
  CHECK_OK(qlif_kernel_close(kernel));
}

/* Runs forward and backward with all results, on a device that uses the process's memory. */
static inline void run_on(scenario *s, int device, int threads) {
  qlif_kernel *kernel;
  qlif_tape *tape;
  qlif_forward_args *f = &s->forward;
  CHECK_OK(open_kernel(device, &s->config.header, threads, &kernel));
  CHECK_OK(qlif_tape_open(kernel, s->mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &tape));
  f->tape = tape;
  CHECK_OK(qlif_forward(kernel, f, NULL));
  CHECK_OK(qlif_backward(kernel, BACKWARD_OF(s), NULL));
  CHECK_OK(qlif_kernel_close(kernel));
  CHECK_OK(qlif_tape_close(tape));
  f->tape = NULL;
}

/* A second set of outputs for the same inputs. */
static inline scenario again(const scenario *s) {
  scenario copy = *s;
  make_outputs(&copy);
  return copy;
}

static void same_bytes(const char *what, const void *a, const void *b, int64_t count, size_t size) {
  if (a == NULL && b == NULL) return;
  if (count > 0 && memcmp(a, b, (size_t)count * size) != 0) {
    for (int64_t i = 0; i < count; i++) {
      if (memcmp((const char *)a + (size_t)i * size, (const char *)b + (size_t)i * size, size) != 0) {
        fprintf(stderr, "%s: differs first at %lld of %lld\n", what, (long long)i, (long long)count);
        exit(1);
      }
    }
  }
}

/* Compares everything that two runs wrote, byte by byte, since these scenarios produce no NaN. */
static inline void same_results(const scenario *a, const scenario *b) {
  const qlif_forward_args *x = &a->forward;
  const qlif_forward_args *y = &b->forward;
  int64_t rows = rows_of(a);
  int64_t elements = elements_of(a);
  same_bytes("spikes_f32", x->spikes_f32, y->spikes_f32, rows, 4);
  same_bytes("spikes_u8", x->spikes_u8, y->spikes_u8, rows, 1);
  same_bytes("spikes_bit", x->spikes_bit, y->spikes_bit, x->steps * ((elements + 63) / 64), 8);
  same_bytes("spike_values", x->spike_values, y->spike_values, rows, 4);
  same_bytes("voltages", x->voltages, y->voltages, rows, 4);
  for (int i = 0; i < QLIF_TRACES; i++) {
    same_bytes("traces", x->traces[i], y->traces[i], rows, 4);
  }
  for (int i = 0; i < QLIF_STATE_VARIABLES; i++) same_bytes("final_state", x->final_state[i], y->final_state[i], elements, 4);
  same_bytes("grad_input", a->args.grad_input, b->args.grad_input, rows, 4);
  if (a->modulated) same_bytes("grad_modulation", a->args.grad_modulation, b->args.grad_modulation, a->modulation_values, 4);
  for (int i = 0; i < QLIF_PARAMETERS; i++) {
    same_bytes("grad_parameters", a->args.grad_parameters[i], b->args.grad_parameters[i], parameter_length(a, i), 4);
  }
  for (int i = 0; i < QLIF_STATE_VARIABLES; i++) {
    same_bytes("grad_initial_state", a->args.grad_initial_state[i], b->args.grad_initial_state[i], elements, 4);
  }
}

/* Memory of exactly this size, with the required alignment and no more, between canaries. */
typedef struct lent {
  char *block;
  char *memory;
  uint64_t bytes;
} lent;

static inline lent lend(uint64_t bytes) {
  lent l = {NULL, NULL, bytes};
  CHECK(posix_memalign((void **)&l.block, 64, (size_t)bytes + 64) == 0);
  memset(l.block, 0x5a, (size_t)bytes + 64);
  l.memory = l.block + QLIF_ALIGNMENT;
  return l;
}

static inline void take_back(lent *l) {
  for (int i = 0; i < QLIF_ALIGNMENT; i++) CHECK(l->block[i] == 0x5a);
  for (uint64_t i = QLIF_ALIGNMENT + l->bytes; i < l->bytes + 64; i++) CHECK(l->block[i] == 0x5a);
  free(l->block);
}

#endif
