/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls with more than plain inputs, on a device that uses the process's memory: row indices, shared gradients, memory given by the caller,
 * keys in memory, and the LIF model.
 */
#ifndef QLIF_TESTS_CALLS_H
#define QLIF_TESTS_CALLS_H

#include <stdint.h>

#include "scenario.h"

/* A scenario with at least one neuron-step. */
static scenario busy_scenario(int64_t budget) {
  while (1) {
    scenario s = random_scenario(budget);
    if (rows_of(&s) > 0) return s;
    free_scenario(&s);
  }
}

static uint64_t *random_rows(int64_t batch) {
  uint64_t *rows = malloc((size_t)batch * sizeof(uint64_t));
  for (int64_t b = 0; b < batch; b++) rows[b] = random_bits();
  return rows;
}

/* Row indices that are consecutive give the same results as an offset, forward and backward. */
static void test_consecutive_rows(int device, int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario plain = busy_scenario(20000);
    scenario indexed = again(&plain);
    int64_t first = random_int(0, 1) ? random_int(0, 1000) : (int64_t)1 << 33;
    plain.forward.element_offset = first * plain.forward.neurons;
    uint64_t *rows = random_rows(plain.forward.batch);
    for (int64_t b = 0; b < plain.forward.batch; b++) rows[b] = (uint64_t)(first + b);
    indexed.forward.element_offset = 0;
    indexed.forward.row_index = rows;
    run_on(&plain, device, 1);
    run_on(&indexed, device, 2);
    same_results(&plain, &indexed);
    /* The forward call alone. */
    run_forward_on(&indexed, device, 1);
    same_results(&plain, &indexed);
    free_outputs(&indexed);
    free_scenario(&plain);
    free(rows);
  }
}

/* A row's draws depend on its index, not on its position; the element's number wraps around at 2^64. */
static void test_shuffled_rows(int device, int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario s = busy_scenario(20000);
    qlif_forward_args whole = s.forward;
    uint64_t *rows = random_rows(whole.batch);
    whole.element_offset = 0;
    whole.row_index = rows;
    int64_t elements = elements_of(&s);
    qlif_kernel *kernel;
    CHECK_OK(open_kernel(device, &s.config.header, 2, &kernel));
    CHECK_OK(qlif_forward(kernel, &whole, NULL));
    for (int64_t b = 0; b < whole.batch; b++) {
      qlif_forward_args a = whole;
      uint64_t row = rows[b];
      /* Numbers that differ by a multiple of 2^64 are equal. */
      int64_t n = whole.neurons;
      if ((n & (n - 1)) == 0 && n > 1) row += (uint64_t)1 << (64 - __builtin_ctzll((uint64_t)n));
      a.row_index = &row;
      a.batch = 1;
      if (a.modulation.data != NULL) a.modulation.data += b * a.modulation.stride_b;
      float *input = floats(a.steps * n);
      float *voltages = floats(a.steps * n);
      for (int64_t t = 0; t < a.steps; t++) {
        memcpy(input + t * n, (const float *)whole.input + t * elements + b * n, (size_t)n * 4);
      }
      for (int v = 0; v < QLIF_STATE_VARIABLES; v++) {
        if (a.initial_state[v] != NULL) a.initial_state[v] += b * n;
        a.final_state[v] = NULL;
      }
      for (int trace = 0; trace < QLIF_TRACES; trace++) a.traces[trace] = NULL;
      a.input = input;
      a.voltages = voltages;
      a.spikes_f32 = NULL;
      a.spikes_u8 = NULL;
      a.spikes_bit = NULL;
      a.spike_values = NULL;
      CHECK_OK(qlif_forward(kernel, &a, NULL));
      for (int64_t t = 0; t < a.steps; t++) {
        same_bytes("voltages of a row", voltages + t * n, whole.voltages + t * elements + b * n, n, 4);
      }
      free(input);
      free(voltages);
    }
    whole.element_offset = 1;
    INVALID("element_offset: got 0x1, expected 0 beside a row_index", qlif_forward(kernel, &whole, NULL));
    whole.element_offset = 0;
    whole.row_index = (const uint64_t *)((const char *)rows + 4);
    INVALID("row_index", qlif_forward(kernel, &whole, NULL));
    CHECK_OK(qlif_kernel_close(kernel));
    free(rows);
    free_scenario(&s);
  }
}

/* Draws written by qlif_draw for row indices, and then lent, give the same results as drawing. */
static void test_rows_of_draws(int device, int rounds) {
  for (int i = 0; i < rounds; i++) {
    int64_t batch = random_int(1, 5);
    int64_t neurons = random_int(1, 150);
    int64_t steps = random_int(1, 9);
    int64_t wires = random_int(1, 5);
    int64_t elements = batch * neurons;
    uint64_t rows[5];
    for (int64_t b = 0; b < batch; b++) rows[b] = random_bits() >> 20;
    qlif_qlif_config config = default_config();
    qlif_kernel *kernel;
    CHECK_OK(open_kernel(device, &config.header, 1, &kernel));
    qlif_draw_args draw;
    memset(&draw, 0, sizeof draw);
    draw.size = sizeof draw;
    draw.seed = random_bits();
    draw.stream = 5;
    draw.first_step = random_int(0, 9);
    draw.steps = steps;
    draw.wires = wires;
    draw.elements = elements;
    draw.neurons = neurons;
    draw.row_index = rows;
    draw.uniforms = floats(steps * wires * elements);
    draw.normals = floats(steps * elements);
    CHECK_OK(qlif_draw(kernel, &draw, NULL));
    qlif_draw_args row = draw;
    row.row_index = NULL;
    row.elements = neurons;
    row.uniforms = floats(steps * wires * neurons);
    row.normals = floats(steps * neurons);
    for (int64_t b = 0; b < batch; b++) {
      row.element_offset = (int64_t)rows[b] * neurons;
      CHECK_OK(qlif_draw(kernel, &row, NULL));
      for (int64_t t = 0; t < steps * wires; t++) {
        same_bytes("uniforms of a row", row.uniforms + t * neurons, draw.uniforms + t * elements + b * neurons, neurons, 4);
      }
      for (int64_t t = 0; t < steps; t++) {
        same_bytes("normals of a row", row.normals + t * neurons, draw.normals + t * elements + b * neurons, neurons, 4);
      }
    }
    qlif_draw_args bad = draw;
    bad.neurons = elements + 1;
    INVALID("neurons", qlif_draw(kernel, &bad, NULL));
    bad.neurons = 0;
    INVALID("neurons", qlif_draw(kernel, &bad, NULL));
    bad = draw;
    bad.element_offset = 1;
    INVALID("element_offset", qlif_draw(kernel, &bad, NULL));
    bad = draw;
    bad.row_index = (const uint64_t *)((const char *)rows + 1);
    INVALID("row_index", qlif_draw(kernel, &bad, NULL));
    free(draw.uniforms);
    free(draw.normals);
    free(row.uniforms);
    free(row.normals);
    CHECK_OK(qlif_kernel_close(kernel));
  }
}

/* A gradient of the spike values shared by all steps gives the same results as a copy of it at each step. */
static void test_shared_gradients(int device, int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario expanded = i % 2 == 0 ? busy_scenario(20000) : usual_scenario(20000);
    int64_t elements = elements_of(&expanded);
    scenario shared = again(&expanded);
    free((void *)expanded.args.grad_spike_values);
    float *one = random_floats(elements, -1, 1);
    float *each = floats(rows_of(&expanded));
    for (int64_t t = 0; t < expanded.forward.steps; t++) {
      if (elements > 0) memcpy(each + t * elements, one, (size_t)elements * 4);
    }
    expanded.args.grad_spike_values = each;
    shared.args.grad_spike_values = one;
    shared.args.grad_spike_values_shared = 1;
    run_on(&expanded, device, 1);
    run_on(&shared, device, 2);
    same_results(&expanded, &shared);
    free_outputs(&shared);
    free(one);
    free_scenario(&expanded);
  }
}

/* The sum of blocks by the tree of docs/numerics.md. */
static inline float sum_of_blocks(const float *blocks, int64_t count) {
  if (count == 1) return blocks[0];
  int64_t first = 1;
  while (2 * first < count) first *= 2;
  return sum_of_blocks(blocks, first) + sum_of_blocks(blocks + first, count - first);
}

/* The sum over rows, or over the neurons as well, of a step's gradients from `values` on: docs/numerics.md. */
static inline float sum_of_gradients(const float *values, int64_t rows, int64_t stride, int64_t neurons) {
  float blocks[64];
  int64_t count = 0;
  for (int64_t first = 0; first < rows; first += 32) {
    double partial[256] = {0};
    for (int64_t n = 0; n < neurons; n++) {
      double sum = 0;
      for (int64_t b = first; b < rows && b < first + 32; b++) sum += values[b * stride + n];
      partial[n % 256] += sum;
    }
    for (int half = 128; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) partial[i] += partial[i + half];
    }
    blocks[count++] = (float)partial[0];
  }
  return sum_of_blocks(blocks, count);
}

/* Runs a scenario as run_on does, with NaN in the scratch memory that it lends to the backward pass. */
static inline void run_on_nan(scenario *s, int device, int threads) {
  qlif_kernel *kernel;
  qlif_tape *tape;
  qlif_forward_args *f = &s->forward;
  uint64_t bytes;
  CHECK_OK(open_kernel(device, &s->config.header, threads, &kernel));
  CHECK_OK(qlif_tape_open(kernel, s->mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &tape));
  CHECK_OK(qlif_scratch_bytes(kernel, f->steps, f->batch, f->neurons, 1, &bytes));
  lent scratch = lend(bytes);
  memset(scratch.memory, 0xff, (size_t)bytes);
  f->tape = tape;
  CHECK_OK(qlif_forward(kernel, f, NULL));
  s->args.scratch = scratch.memory;
  s->args.scratch_bytes = bytes;
  CHECK_OK(qlif_backward(kernel, BACKWARD_OF(s), NULL));
  CHECK_OK(qlif_kernel_close(kernel));
  CHECK_OK(qlif_tape_close(tape));
  take_back(&scratch);
}

/* The gradient of a modulation that neurons share at a step is the sum of what it is if each neuron has its own. */
static inline void test_modulation_sums(int device, int rounds) {
  static const int64_t batches[] = {1, 2, 7, 8, 16, 31, 32, 33, 64, 65, 70, 100};
  static const int64_t extents[] = {1, 63, 64, 65, 128, 192, 256, 320, 448, 576, 1088};
  for (int i = 0; i < rounds; i++) {
    scenario shared;
    memset(&shared, 0, sizeof shared);
    shared.args.size = sizeof shared.args;
    qlif_forward_args *f = &shared.forward;
    f->size = sizeof *f;
    shared.config = i % 2 == 0 ? default_config() : random_config();
    shared.mode = random_int(0, 1);
    shared.outputs = SPIKE_BYTES;
    do {
      f->steps = i % 5 == 0 ? random_int(60, 140) : random_int(2, 9);
      f->batch = batches[random_int(0, 11)];
      f->neurons = extents[random_int(0, 10)];
    } while (rows_of(&shared) > 400000);
    if (i < 2) {
      /* More steps than fit into the sums of a row; more columns than fit into the sums of a part. */
      f->steps = i == 0 ? 257 : 300;
      f->batch = i == 0 ? 3 : 8;
      f->neurons = i == 0 ? 64 : 576;
    }
    fill_scenario(&shared);
    const int64_t batch = random_int(0, 1) ? f->batch : 1;
    const int64_t neurons = batch == 1 && random_int(0, 1) ? f->neurons : 1;
    free((void *)f->modulation.data);
    f->modulation.data = random_floats(f->steps * batch * neurons, -2, 2);
    f->modulation.stride_n = neurons == 1 ? 0 : 1;
    f->modulation.stride_b = batch == 1 ? 0 : neurons;
    f->modulation.stride_t = batch * neurons;
    shared.modulated = 1;
    shared.modulation_values = f->steps * batch * neurons;
    free(shared.args.grad_modulation);
    shared.args.grad_modulation = poisoned(shared.modulation_values, 4);
    scenario each = again(&shared);
    const int64_t elements = elements_of(&each);
    float *copies = floats(rows_of(&each));
    for (int64_t t = 0; t < f->steps; t++) {
      for (int64_t e = 0; e < elements; e++) {
        copies[t * elements + e] = f->modulation.data[t * f->modulation.stride_t + e / f->neurons * f->modulation.stride_b +
                                                      e % f->neurons * f->modulation.stride_n];
      }
    }
    each.forward.modulation = (qlif_broadcast){copies, elements, f->neurons, 1};
    each.modulation_values = rows_of(&each);
    free(each.args.grad_modulation);
    each.args.grad_modulation = poisoned(each.modulation_values, 4);
    run_on_nan(&shared, device, random_int(1, 3));
    run_on(&each, device, 1);
    float *sums = floats(shared.modulation_values);
    for (int64_t t = 0; t < f->steps; t++) {
      const float *row = each.args.grad_modulation + t * elements;
      for (int64_t b = 0; b < batch; b++) {
        for (int64_t n = 0; n < neurons; n++) {
          sums[(t * batch + b) * neurons + n] =
              sum_of_gradients(row + b * f->neurons + n, batch == 1 ? f->batch : 1, f->neurons, neurons == 1 ? f->neurons : 1);
        }
      }
    }
    same_bytes("sums of grad_modulation", shared.args.grad_modulation, sums, shared.modulation_values, 4);
    same_bytes("grad_input", shared.args.grad_input, each.args.grad_input, rows_of(&each), 4);
    free(sums);
    free(copies);
    free_outputs(&each);
    free_scenario(&shared);
  }
}

/* A state shared by all rows gives the same results as a copy of it in each row. */
static void test_shared_state(int device, int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario expanded = i % 2 == 0 ? busy_scenario(20000) : usual_scenario(20000);
    int64_t neurons = expanded.forward.neurons;
    for (int v = 0; v < QLIF_STATE_VARIABLES; v++) {
      free(expanded.args.grad_initial_state[v]);
      expanded.args.grad_initial_state[v] = NULL;
    }
    scenario shared = again(&expanded);
    shared.forward.initial_state_shared = 1;
    for (int v = 0; v < QLIF_STATE_VARIABLES; v++) {
      free(shared.args.grad_initial_state[v]);
      shared.args.grad_initial_state[v] = NULL;
      free((void *)expanded.forward.initial_state[v]);
      float *one = random_floats(neurons, 0, 0.8f);
      float *each = floats(elements_of(&expanded));
      for (int64_t b = 0; b < expanded.forward.batch; b++) {
        if (neurons > 0) memcpy(each + b * neurons, one, (size_t)neurons * 4);
      }
      shared.forward.initial_state[v] = one;
      expanded.forward.initial_state[v] = each;
    }
    run_on(&expanded, device, 1);
    run_on(&shared, device, 2);
    same_results(&expanded, &shared);
    free_outputs(&shared);
    for (int v = 0; v < QLIF_STATE_VARIABLES; v++) free((void *)shared.forward.initial_state[v]);
    free_scenario(&expanded);
  }
}

/* The caller's tape and scratch memory give the same bits as the library's own; a tape may be copied and read more than once. */
static void test_lent_memory(int device, int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario own = busy_scenario(20000);
    scenario mine = again(&own);
    run_on(&own, device, 1);
    qlif_forward_args *f = &mine.forward;
    qlif_kernel *kernel;
    qlif_tape *tape = NULL;
    uint64_t tape_bytes = 1;
    uint64_t scratch_bytes = 1;
    CHECK_OK(open_kernel(device, &mine.config.header, 2, &kernel));
    CHECK_OK(qlif_tape_bytes_for(kernel, mine.mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &tape_bytes));
    CHECK_OK(qlif_scratch_bytes(kernel, f->steps, f->batch, f->neurons, 1, &scratch_bytes));
    CHECK(tape_bytes > 0 && scratch_bytes > 0);
    lent a = lend(tape_bytes);
#define OPEN_IN(memory, bytes, recorded) \
  qlif_tape_open_in(kernel, mine.mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, memory, bytes, recorded, &tape)
    INVALID("bytes: got", OPEN_IN(a.memory, tape_bytes - 1, 0));
    INVALID("memory: got NULL", OPEN_IN(NULL, tape_bytes, 0));
    INVALID("memory", OPEN_IN(a.memory + 8, tape_bytes, 0));
    INVALID("recorded", OPEN_IN(a.memory, tape_bytes, 2));
    INVALID("type", qlif_tape_open_in(kernel, mine.mode, 3, f->steps, f->batch, f->neurons, a.memory, tape_bytes, 0, &tape));
    INVALID("type", qlif_tape_bytes_for(kernel, mine.mode, 3, f->steps, f->batch, f->neurons, &tape_bytes));
    INVALID("bytes: got NULL", qlif_tape_bytes_for(kernel, mine.mode, 0, f->steps, f->batch, f->neurons, NULL));
    INVALID("bytes: got NULL", qlif_scratch_bytes(kernel, f->steps, f->batch, f->neurons, 0, NULL));
    INVALID("modulation_steps", qlif_scratch_bytes(kernel, f->steps, f->batch, f->neurons, 2, &scratch_bytes));
    INVALID("tape: got NULL",
            qlif_tape_open_in(kernel, mine.mode, 0, f->steps, f->batch, f->neurons, a.memory, tape_bytes, 0, NULL));
    CHECK(tape == NULL);
    CHECK_OK(OPEN_IN(a.memory, tape_bytes, 0));
    CHECK(qlif_tape_bytes(tape) == tape_bytes);
    f->tape = tape;
    INVALID("expected one that a forward call has recorded", qlif_backward(kernel, BACKWARD_OF(&mine), NULL));
    CHECK_OK(qlif_forward(kernel, f, NULL));
    lent scratch = lend(scratch_bytes);
    mine.args.scratch = scratch.memory;
    mine.args.scratch_bytes = 7;
    INVALID("scratch_bytes: got 7, expected at least", qlif_backward(kernel, BACKWARD_OF(&mine), NULL));
    mine.args.scratch_bytes = scratch_bytes;
    mine.args.scratch = scratch.memory + 4;
    INVALID("scratch", qlif_backward(kernel, BACKWARD_OF(&mine), NULL));
    mine.args.scratch = NULL;
    INVALID("scratch_bytes: got", qlif_backward(kernel, BACKWARD_OF(&mine), NULL));
    mine.args.scratch = scratch.memory;
    CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&mine), NULL));
    same_results(&own, &mine);

    /* The tape is copied, given to another kernel, and read twice. */
    lent b = lend(tape_bytes);
    memcpy(b.memory, a.memory, (size_t)tape_bytes);
    CHECK_OK(qlif_tape_close(tape));
    CHECK_OK(qlif_kernel_close(kernel));
    take_back(&a);
    CHECK_OK(open_kernel(device, &mine.config.header, 1, &kernel));
    CHECK_OK(OPEN_IN(b.memory, tape_bytes, 1));
    f->tape = tape;
    for (int round = 0; round < 2; round++) {
      scenario next = again(&mine);
      next.args.scratch = NULL;
      next.args.scratch_bytes = 0;
      CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&next), NULL));
      /* A backward call does not touch the forward call's outputs. */
      same_bytes("grad_input", own.args.grad_input, next.args.grad_input, rows_of(&own), 4);
      for (int p = 0; p < QLIF_PARAMETERS; p++) {
        same_bytes("grad_parameters", own.args.grad_parameters[p], next.args.grad_parameters[p], parameter_length(&own, p), 4);
      }
      free_outputs(&next);
    }
    CHECK_OK(qlif_tape_close(tape));
    take_back(&b);
    take_back(&scratch);
    /* A tape of an empty call needs no memory. */
    CHECK_OK(qlif_tape_bytes_for(kernel, 0, 0, 0, 5, 5, &tape_bytes));
    CHECK(tape_bytes == 0);
    CHECK_OK(qlif_tape_open_in(kernel, 0, 0, 0, 5, 5, NULL, 0, 0, &tape));
    CHECK_OK(qlif_tape_close(tape));
    CHECK_OK(qlif_kernel_close(kernel));
    free_outputs(&mine);
    free_scenario(&own);
  }
}

/* A key in memory is equivalent to its values plus the call's step and stream; every call reads it again. */
static void test_keys(int device, int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario plain = i % 2 == 0 ? busy_scenario(20000) : usual_scenario(20000);
    scenario keyed = again(&plain);
    qlif_forward_args *f = &keyed.forward;
    qlif_draw_key key = {0, 0, 0, 0};
    f->key = &key;
    uint64_t seed = f->seed;
    f->seed = 0;
    /* Any part of step and stream is in the key, the rest in the call. */
    int64_t step = random_int(0, 2) == 0 ? 0 : random_int(0, 1) ? f->first_step : f->first_step / 2;
    uint32_t stream = random_int(0, 1) ? 7 : f->stream;
    key.seed = seed;
    key.first_step = f->first_step - step;
    key.stream = f->stream - stream;
    f->first_step = step;
    f->stream = stream;
    run_on(&plain, device, 1);
    run_on(&keyed, device, 2);
    same_results(&plain, &keyed);

    /* Another key at the same address, as a graph finds when it is launched again. */
    qlif_kernel *kernel;
    qlif_tape *tape;
    CHECK_OK(open_kernel(device, &keyed.config.header, 1, &kernel));
    CHECK_OK(qlif_tape_open(kernel, keyed.mode, 0, f->steps, f->batch, f->neurons, &tape));
    f->tape = tape;
    CHECK_OK(qlif_forward(kernel, f, NULL));
    key.seed = ~seed;
    key.stream += 5;
    key.first_step += 9;
    plain.forward.seed = ~seed;
    plain.forward.stream += 5;
    plain.forward.first_step += 9;
    CHECK_OK(qlif_forward(kernel, f, NULL));
    CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&keyed), NULL));
    run_on(&plain, device, 1);
    same_results(&plain, &keyed);

    f->key = NULL;
    INVALID("key", qlif_backward(kernel, BACKWARD_OF(&keyed), NULL));
    qlif_draw_key other = key;
    f->key = &other;
    INVALID("key", qlif_backward(kernel, BACKWARD_OF(&keyed), NULL));
    f->key = &key;
    f->seed = 3;
    INVALID("seed: got 0x3, expected 0 beside a key", qlif_forward(kernel, f, NULL));
    f->seed = 0;
    f->key = (const qlif_draw_key *)((const char *)&key + 4);
    INVALID("key", qlif_forward(kernel, f, NULL));
    f->key = &key;
    if (device == QLIF_HOST) {
      key.reserved = 1;
      INVALID("key->reserved", qlif_forward(kernel, f, NULL));
      key.reserved = 0;
      key.first_step = -1;
      INVALID("key->first_step", qlif_forward(kernel, f, NULL));
      key.first_step = (int64_t)1 << 33;
      f->first_step = 1;
      INVALID("key->first_step + first_step", qlif_forward(kernel, f, NULL));
    }
    CHECK_OK(qlif_tape_close(tape));
    CHECK_OK(qlif_kernel_close(kernel));
    free_outputs(&keyed);
    free_scenario(&plain);
  }
}

/* A call of the LIF model. */
typedef struct lif_call {
  qlif_lif_config config;
  qlif_forward_args forward;
  qlif_backward_args args;
  float *memory[40];
  int used;
} lif_call;

static float *lif_memory(lif_call *c, float *values) { return c->memory[c->used++] = values; }

static lif_call random_lif(void) {
  lif_call c;
  memset(&c, 0, sizeof c);
  CHECK_OK(qlif_lif_defaults(&c.config, sizeof c.config));
  c.config.surrogate = random_int(0, 3);
  c.config.surrogate_alpha = c.config.surrogate == QLIF_SURROGATE_FAST_SIGMOID ? 100 : 1;
  c.config.v_leak = random_float(-0.1f, 0.1f);
  c.config.v_reset = random_float(-0.2f, 0.1f);
  qlif_forward_args *f = &c.forward;
  f->size = sizeof *f;
  c.args.size = sizeof c.args;
  f->steps = random_int(1, 140);
  f->batch = random_int(1, 3);
  f->neurons = random_int(1, 90);
  f->first_step = random_int(0, 100);
  f->per_neuron_parameters = (uint32_t)random_int(0, 7);
  int64_t elements = f->batch * f->neurons;
  int64_t rows = f->steps * elements;
  f->input = lif_memory(&c, random_floats(rows, -0.5f, 1.5f));
  const float low[3] = {100, 50, 0.5f};
  const float high[3] = {999, 300, 1.2f};
  for (int p = 0; p < 3; p++) {
    int64_t count = f->per_neuron_parameters >> p & 1 ? f->neurons : 1;
    f->parameters[p] = lif_memory(&c, random_floats(count, low[p], high[p]));
    c.args.grad_parameters[p] = lif_memory(&c, poisoned(count, 4));
  }
  int given = random_int(0, 1);
  for (int v = 0; v < 2; v++) {
    if (given) f->initial_state[v] = lif_memory(&c, random_floats(elements, -0.5f, 0.8f));
    f->final_state[v] = lif_memory(&c, poisoned(elements, 4));
    f->traces[v] = lif_memory(&c, poisoned(rows, 4));
    c.args.grad_initial_state[v] = lif_memory(&c, poisoned(elements, 4));
    c.args.grad_final_state[v] = lif_memory(&c, random_floats(elements, -1, 1));
  }
  f->spike_values = lif_memory(&c, poisoned(rows, 4));
  f->voltages = lif_memory(&c, poisoned(rows, 4));
  c.args.grad_spike_values = lif_memory(&c, random_floats(rows, -1, 1));
  c.args.grad_voltages = lif_memory(&c, random_floats(rows, -0.3f, 0.3f));
  c.args.grad_input = lif_memory(&c, poisoned(rows, 4));
  return c;
}

static void free_lif(lif_call *c) {
  for (int i = 0; i < c->used; i++) free(c->memory[i]);
}

static void run_lif(lif_call *c, int device, int mode) {
  qlif_kernel *kernel;
  qlif_tape *tape;
  qlif_forward_args *f = &c->forward;
  CHECK_OK(open_kernel(device, &c->config.header, 2, &kernel));
  CHECK_OK(qlif_tape_open(kernel, mode, 0, f->steps, f->batch, f->neurons, &tape));
  f->tape = tape;
  CHECK_OK(qlif_forward(kernel, f, NULL));
  CHECK_OK(qlif_backward(kernel, BACKWARD_OF(c), NULL));
  CHECK_OK(qlif_kernel_close(kernel));
  CHECK_OK(qlif_tape_close(tape));
  f->tape = NULL;
}

static float flushed(float x) { return fabsf(x) < 0x1p-64f ? 0 : x; }

/* The forward pass against the equations of docs/model.md, section 11, operation by operation. */
static void check_lif_forward(const lif_call *c) {
  const qlif_forward_args *f = &c->forward;
  int64_t elements = f->batch * f->neurons;
  float v_leak = (float)c->config.v_leak;
  float v_reset = (float)c->config.v_reset;
  float dt = (float)c->config.dt;
  for (int64_t e = 0; e < elements; e++) {
    float parameters[3];
    for (int p = 0; p < 3; p++) parameters[p] = f->parameters[p][f->per_neuron_parameters >> p & 1 ? e % f->neurons : 0];
    float syn = dt * parameters[0];
    float mem = dt * parameters[1];
    float v = f->initial_state[0] != NULL ? f->initial_state[0][e] : 0;
    float i = f->initial_state[1] != NULL ? f->initial_state[1][e] : 0;
    for (int64_t t = 0; t < f->steps; t++) {
      int64_t at = t * elements + e;
      if ((f->first_step + t) % 64 == 0) {
        v = flushed(v);
        i = flushed(i);
      }
      float in = i + ((const float *)f->input)[at];
      float drive = (v_leak - v) + in;
      float before = fmaf(mem, drive, v);
      i = fmaf(-syn, in, in);
      float delta = before - parameters[2];
      float spike = delta > 0 ? 1.0f : 0.0f;
      v = delta > 0 ? v_reset : before;
      same_bytes("spike values of LIF", &spike, (const float *)f->spike_values + at, 1, 4);
      same_bytes("voltages of LIF", &v, f->voltages + at, 1, 4);
      same_bytes("traced gaps of LIF", &delta, f->traces[QLIF_LIF_TRACE_DELTA] + at, 1, 4);
      same_bytes("traced currents of LIF", &i, f->traces[QLIF_LIF_TRACE_CURRENT] + at, 1, 4);
    }
    same_bytes("final v of LIF", &v, f->final_state[0] + e, 1, 4);
    same_bytes("final i of LIF", &i, f->final_state[1] + e, 1, 4);
  }
}

static void test_lif(int device, int rounds) {
  for (int round = 0; round < rounds; round++) {
    lif_call c = random_lif();
    run_lif(&c, device, QLIF_TAPE_COMPACT);
    check_lif_forward(&c);
    qlif_forward_args *f = &c.forward;
    int64_t rows = f->steps * f->batch * f->neurons;
    float *gradient = c.args.grad_input;
    c.args.grad_input = lif_memory(&c, poisoned(rows, 4));
    run_lif(&c, device, QLIF_TAPE_VOLTAGE);
    check_lif_forward(&c);
    same_bytes("gradients by kind of tape", gradient, c.args.grad_input, rows, 4);
    c.args.grad_input = lif_memory(&c, poisoned(rows, 4));
    run_lif(&c, QLIF_HOST, QLIF_TAPE_COMPACT);
    same_bytes("gradients by device", gradient, c.args.grad_input, rows, 4);

    qlif_kernel *kernel;
    CHECK_OK(open_kernel(device, &c.config.header, 1, &kernel));
#define LIF_REFUSED(word, change)                                \
  do {                                                           \
    qlif_forward_args a = *f;                                    \
    change;                                                      \
    INVALID(word, qlif_forward(kernel, &a, NULL));               \
  } while (0)
    LIF_REFUSED("uniforms", a.uniforms = a.input);
    LIF_REFUSED("normals", a.normals = a.input);
    LIF_REFUSED("modulation: given, expected NULL: the LIF model takes none", a.modulation.data = a.input);
    LIF_REFUSED("parameters[3]: given, expected NULL: the LIF model has 3", a.parameters[3] = a.parameters[0]);
    LIF_REFUSED("per_neuron_parameters", a.per_neuron_parameters = 8);
    LIF_REFUSED("traces[2]", a.traces[2] = a.traces[0]);
    LIF_REFUSED("final_state[2]", a.final_state[2] = a.final_state[0]);
    LIF_REFUSED("final_state: array 1 is NULL", a.final_state[1] = NULL);
    LIF_REFUSED("initial_state[31]", a.initial_state[31] = a.final_state[0]; a.initial_state[0] = a.initial_state[1] = a.final_state[0]);
    /* The LIF model draws nothing, so row indices and keys are not read. */
    uint64_t nothing = 1;
    f->row_index = &nothing;
    CHECK_OK(qlif_forward(kernel, f, NULL));
    /* A tape of the QLIF model. */
    qlif_qlif_config qlif = default_config();
    qlif_kernel *other;
    qlif_tape *tape;
    CHECK_OK(open_kernel(device, &qlif.header, 1, &other));
    CHECK_OK(qlif_tape_open(other, 0, 0, f->steps, f->batch, f->neurons, &tape));
    LIF_REFUSED("tape: got one of another configuration", a.tape = tape);
    CHECK_OK(qlif_tape_close(tape));
    CHECK_OK(qlif_kernel_close(other));
    if (device == QLIF_HOST) {
      float most = 1000;
      float more = 1001;
      LIF_REFUSED("parameters[0] (tau_syn_inv)", a.per_neuron_parameters = 0; a.parameters[0] = &more);
      LIF_REFUSED("parameters[1] (tau_mem_inv)", a.per_neuron_parameters = 0; a.parameters[1] = &more);
      qlif_forward_args a = *f;
      a.per_neuron_parameters = 0;
      a.parameters[0] = a.parameters[1] = &most;
      CHECK_OK(qlif_forward(kernel, &a, NULL));
    }
    CHECK_OK(qlif_kernel_close(kernel));
    free_lif(&c);
  }
}

#endif
