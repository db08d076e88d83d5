/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linear layer of the C interface: its bits, compared with a second implementation of the definition, also in front of neurons; refusals,
 * handles, empty calls, threads. With DEVICE 0: its bits on the emulated CUDA device, and graphs.
 */
#include <pthread.h>

#include "scenario.h"

#ifndef DEVICE
#define DEVICE QLIF_HOST
#endif

/* A forward and a backward call, with memory of exactly the right size. */
typedef struct layer {
  qlif_linear_forward_args forward;
  qlif_linear_backward_args backward;
  float *x; /* the input as floats */
} layer;

static int64_t words_of(int64_t bits) { return bits / 64 + (bits % 64 != 0); }

static int64_t input_count(const layer *l) { return l->forward.steps * l->forward.batch * l->forward.inputs; }
static int64_t output_count(const layer *l) { return l->forward.steps * l->forward.batch * l->forward.outputs; }
static int64_t weight_count(const layer *l) { return l->forward.inputs * l->forward.outputs; }

static float *poisoned_floats(int64_t count) {
  float *values = floats(count);
  memset(values, 0xa5, (size_t)count * sizeof(float));
  return values;
}

static void poison_outputs(layer *l) {
  memset(l->forward.output, 0xa5, (size_t)output_count(l) * sizeof(float));
  if (l->backward.grad_weights != NULL) memset(l->backward.grad_weights, 0xa5, (size_t)weight_count(l) * sizeof(float));
  if (l->backward.grad_bias != NULL) memset(l->backward.grad_bias, 0xa5, (size_t)l->forward.outputs * sizeof(float));
  if (l->backward.grad_input != NULL) memset(l->backward.grad_input, 0xa5, (size_t)input_count(l) * sizeof(float));
}

/* share: of nonzero elements, in percent; plain: whether these are 1. */
static layer layer_of(int64_t steps, int64_t batch, int64_t inputs, int64_t outputs, int32_t type, int share, int plain) {
  layer l;
  memset(&l, 0, sizeof l);
  l.forward.size = sizeof l.forward;
  l.forward.input_type = type;
  l.forward.steps = steps;
  l.forward.batch = batch;
  l.forward.inputs = inputs;
  l.forward.outputs = outputs;
  const int64_t count = input_count(&l);
  const int64_t words = words_of(batch * inputs);
  l.x = floats(count);
  uint8_t *bytes = malloc((size_t)(count > 0 ? count : 1));
  uint64_t *bits = calloc((size_t)(steps * words > 0 ? steps * words : 1), sizeof(uint64_t));
  /* Bits past a step's last element are arbitrary. */
  memset(bits, 0xff, (size_t)(steps * words) * sizeof(uint64_t));
  for (int64_t i = 0; i < count; i++) {
    const int counts = random_int(0, 99) < share;
    l.x[i] = !counts ? 0 : plain || type != QLIF_INPUT_F32 ? 1 : random_int(0, 60) == 0 ? NAN : random_float(-2, 2);
    /* -0 counts as 0. */
    if (l.x[i] == 0 && type == QLIF_INPUT_F32 && random_int(0, 3) == 0) l.x[i] = -0.0f;
    bytes[i] = counts ? (uint8_t)random_int(1, 255) : 0;
    const int64_t t = i / (batch * inputs);
    const int64_t e = i % (batch * inputs);
    if (!counts) bits[t * words + e / 64] &= ~((uint64_t)1 << e % 64);
  }
  if (type == QLIF_INPUT_F32) {
    float *copy = floats(count);
    memcpy(copy, l.x, (size_t)count * sizeof(float));
    l.forward.input = copy;
  } else {
    l.forward.input = type == QLIF_INPUT_U8 ? (void *)bytes : (void *)bits;
  }
  if (l.forward.input != bytes) free(bytes);
  if (l.forward.input != bits) free(bits);
  l.forward.weights = random_floats(weight_count(&l), -1, 1);
  l.forward.bias = random_int(0, 2) == 0 ? NULL : random_floats(outputs, -1, 1);
  l.forward.output = poisoned_floats(output_count(&l));
  l.backward.size = sizeof l.backward;
  l.backward.grad_output_shared = random_int(0, 2) == 0;
  l.backward.grad_output = random_floats(l.backward.grad_output_shared ? batch * outputs : output_count(&l), -1, 1);
  l.backward.grad_weights = random_int(0, 5) == 0 ? NULL : poisoned_floats(weight_count(&l));
  l.backward.grad_bias = random_int(0, 2) == 0 ? NULL : poisoned_floats(outputs);
  l.backward.grad_input = random_int(0, 2) == 0 ? NULL : poisoned_floats(count);
  return l;
}

static void free_layer(layer *l) {
  free(l->x);
  free((void *)l->forward.input);
  free((void *)l->forward.weights);
  free((void *)l->forward.bias);
  free(l->forward.output);
  free((void *)l->backward.grad_output);
  free(l->backward.grad_weights);
  free(l->backward.grad_bias);
  free(l->backward.grad_input);
}

static qlif_linear *open_linear(int threads) {
  const qlif_kernel_options options = {.size = sizeof options, .threads = threads};
  qlif_linear *linear = NULL;
  CHECK_OK(qlif_linear_open(DEVICE, &options, &linear));
  return linear;
}

static void run(layer *l, qlif_linear *linear) {
  CHECK_OK(qlif_linear_forward(linear, &l->forward, NULL));
  l->backward.forward = &l->forward;
  CHECK_OK(qlif_linear_backward(linear, &l->backward, NULL));
}

/* ---------------------------------------------------------------- the definition */

static void expect_bits(const char *name, const layer *l, int64_t index, float got, float expected) {
  if (memcmp(&got, &expected, sizeof got) != 0 && !(isnan(got) && isnan(expected))) {
    fprintf(stderr, "%s[%lld] of T %lld, B %lld, K %lld, M %lld, input %d: got %a, expected %a\n", name, (long long)index,
            (long long)l->forward.steps, (long long)l->forward.batch, (long long)l->forward.inputs, (long long)l->forward.outputs,
            l->forward.input_type, got, expected);
    exit(1);
  }
}

/* The sum of blocks first to last - 1. */
static float sum_of_blocks(const float *blocks, int64_t first, int64_t last) {
  if (last - first == 1) return blocks[first];
  int64_t split = 1;
  while (split * 2 < last - first) split *= 2;
  return sum_of_blocks(blocks, first, first + split) + sum_of_blocks(blocks, first + split, last);
}

/* The gradient of the weight from input k to output m, or of the bias if k is -1. */
static float summed(const layer *l, int64_t k, int64_t m) {
  const qlif_linear_forward_args *f = &l->forward;
  const int64_t count = (f->batch + 31) / 32;
  float *blocks = floats(count);
  for (int64_t block = 0; block < count; block++) {
    float sum = 0;
    for (int64_t t = 0; t < f->steps; t++) {
      for (int64_t b = 32 * block; b < f->batch && b < 32 * block + 32; b++) {
        const float g = l->backward.grad_output[((l->backward.grad_output_shared ? 0 : t) * f->batch + b) * f->outputs + m];
        const float x = k < 0 ? 1 : l->x[(t * f->batch + b) * f->inputs + k];
        if (x != 0) sum = fmaf(x, g, sum);
      }
    }
    blocks[block] = sum;
  }
  const float sum = count == 0 ? 0 : sum_of_blocks(blocks, 0, count);
  free(blocks);
  return sum;
}

static void expect_definition(const layer *l) {
  const qlif_linear_forward_args *f = &l->forward;
  for (int64_t row = 0; row < f->steps * f->batch; row++) {
    for (int64_t m = 0; m < f->outputs; m++) {
      float sum = f->bias == NULL ? 0 : f->bias[m];
      for (int64_t k = 0; k < f->inputs; k++) {
        const float x = l->x[row * f->inputs + k];
        if (x != 0) sum = fmaf(x, f->weights[k * f->outputs + m], sum);
      }
      expect_bits("output", l, row * f->outputs + m, f->output[row * f->outputs + m], sum);
    }
    for (int64_t k = 0; l->backward.grad_input != NULL && k < f->inputs; k++) {
      float sum = 0;
      const int64_t from = l->backward.grad_output_shared ? row % f->batch : row;
      for (int64_t m = 0; m < f->outputs; m++) {
        sum = fmaf(l->backward.grad_output[from * f->outputs + m], f->weights[k * f->outputs + m], sum);
      }
      expect_bits("grad_input", l, row * f->inputs + k, l->backward.grad_input[row * f->inputs + k], sum);
    }
  }
  for (int64_t m = 0; m < f->outputs; m++) {
    for (int64_t k = 0; l->backward.grad_weights != NULL && k < f->inputs; k++) {
      expect_bits("grad_weights", l, k * f->outputs + m, l->backward.grad_weights[k * f->outputs + m], summed(l, k, m));
    }
    if (l->backward.grad_bias != NULL) expect_bits("grad_bias", l, m, l->backward.grad_bias[m], summed(l, -1, m));
  }
}

static void test_bits(int rounds) {
  /* Around the sizes of a vector, a panel, a block and a list. First K. */
  static const int64_t inputs[] = {0, 1, 2, 63, 64, 65, 112, 113, 130, 257, 1121, 1300};
  static const int64_t outputs[] = {0, 1, 7, 8, 9, 16, 17, 31, 33, 64, 65, 130, 150};
  static const int64_t batches[] = {0, 1, 2, 12, 13, 31, 32, 33, 64, 70, 129, 1025, 2200};
  static const int64_t steps[] = {0, 1, 2, 3, 20, 36, 40};
  for (int i = 0; i < rounds;) {
    const int64_t t = steps[random_int(random_int(0, 7) > 0, 6)];
    const int64_t b = batches[random_int(random_int(0, 7) > 0, 12)];
    const int64_t k = inputs[random_int(random_int(0, 7) > 0, 11)];
    const int64_t m = outputs[random_int(random_int(0, 7) > 0, 12)];
    if (t * b * k * m > 3000000) continue;
    layer l = layer_of(t, b, k, m, random_int(0, 2), random_int(0, 3) * 30 + 3, random_int(0, 1));
    qlif_linear *linear = open_linear(random_int(1, 3));
    run(&l, linear);
    expect_definition(&l);
    /* Again, in scratch memory that has been used. */
    poison_outputs(&l);
    run(&l, linear);
    expect_definition(&l);
    CHECK_OK(qlif_linear_close(linear));
    free_layer(&l);
    i++;
  }
}

/*
 * A weight or gradient of NaN reaches the sums that it contributes to, and no other; a zero to which nothing is added keeps its sign. With
 * few nonzero elements and with many, which are summed differently.
 */
static void test_odd_numbers(void) {
  static const float odd[] = {NAN, INFINITY, -INFINITY, -0.0f, 0};
  for (int i = 0; i < 60; i++) {
    layer l = layer_of(random_int(1, 3), random_int(20, 70), random_int(60, 300), random_int(1, 140), i % 3, i / 3 % 4 * 22 + 33, i % 2);
    float *weights = (float *)l.forward.weights;
    for (int64_t j = 0; j < weight_count(&l); j++) {
      if (random_int(0, 299) == 0) weights[j] = odd[random_int(0, 4)];
      /* Sums that stay or become 0. */
      if (j % l.forward.outputs % 7 == 3) weights[j] = random_int(0, 1) ? -0.0f : 0x1p-149f * (float)random_int(-1, 1);
    }
    float *gradient = (float *)l.backward.grad_output;
    const int64_t count = l.backward.grad_output_shared ? l.forward.batch * l.forward.outputs : output_count(&l);
    for (int64_t j = 0; j < count; j++) {
      if (random_int(0, 299) == 0) gradient[j] = odd[random_int(0, 4)];
    }
    float *bias = (float *)l.forward.bias;
    for (int64_t m = 0; bias != NULL && m < l.forward.outputs; m++) {
      if (m % 7 == 3) bias[m] = -0.0f;
    }
    qlif_linear *linear = open_linear(2);
    run(&l, linear);
    expect_definition(&l);
    CHECK_OK(qlif_linear_close(linear));
    free_layer(&l);
  }
}

/* With an extent of 0, whatever the others are, only results need memory. */
static void test_empty_calls(void) {
  qlif_linear *linear = open_linear(2);
  const int64_t huge = (int64_t)1 << 58;
  float one[2] = {5, 7};
  float bias[2] = {3, 4};
  const float g[2] = {1, 2};
  qlif_linear_forward_args f = {.size = sizeof f, .input_type = QLIF_INPUT_BIT, .steps = huge};
  qlif_linear_backward_args b = {.size = sizeof b, .forward = &f};
  CHECK_OK(qlif_linear_forward(linear, &f, NULL));
  CHECK_OK(qlif_linear_backward(linear, &b, NULL));
  f = (qlif_linear_forward_args){.size = sizeof f, .batch = huge, .inputs = 1, .outputs = 1};
  b.grad_weights = &one[0];
  b.grad_bias = &one[1];
  CHECK_OK(qlif_linear_forward(linear, &f, NULL));
  CHECK_OK(qlif_linear_backward(linear, &b, NULL));
  CHECK(one[0] == 0 && one[1] == 0);
  /* Without an output, the input has no gradient. */
  one[0] = 5;
  f = (qlif_linear_forward_args){.size = sizeof f, .steps = 1, .batch = 2, .inputs = 1};
  b = (qlif_linear_backward_args){.size = sizeof b, .forward = &f, .grad_input = one};
  CHECK_OK(qlif_linear_backward(linear, &b, NULL));
  CHECK(one[0] == 0 && one[1] == 0);
  /* Without an input, the output is the bias, or 0; the bias has a gradient. */
  f = (qlif_linear_forward_args){.size = sizeof f, .steps = 1, .batch = 1, .outputs = 2, .bias = bias, .output = one};
  CHECK_OK(qlif_linear_forward(linear, &f, NULL));
  CHECK(one[0] == 3 && one[1] == 4);
  f.bias = NULL;
  CHECK_OK(qlif_linear_forward(linear, &f, NULL));
  CHECK(one[0] == 0 && one[1] == 0);
  b = (qlif_linear_backward_args){.size = sizeof b, .forward = &f, .grad_output = g, .grad_weights = one, .grad_bias = bias, .grad_input = one};
  one[0] = 5;
  CHECK_OK(qlif_linear_backward(linear, &b, NULL));
  CHECK(bias[0] == 1 && bias[1] == 2 && one[0] == 5);
  CHECK_OK(qlif_linear_close(linear));
}

/* A kernel whose input a linear layer computes gives the bits of two separate calls, whether the current is stored or not. */
static void test_neurons(int rounds) {
  for (int round = 0; round < rounds; round++) {
    scenario apart = random_scenario(20000);
    qlif_forward_args *f = &apart.forward;
    layer l = layer_of(f->steps, f->batch, random_int(0, 2) > 0 ? random_int(0, 90) : 1300, f->neurons, random_int(0, 2), 20, 1);
    qlif_linear *linear = open_linear(1);
    CHECK_OK(qlif_linear_forward(linear, &l.forward, NULL));
    CHECK_OK(qlif_linear_close(linear));
    free((void *)f->input);
    float *current = l.forward.output;
    f->input = current;
    run_on(&apart, QLIF_HOST, 1);
    for (int keeps = 0; keeps < 2; keeps++) {
      scenario fused = again(&apart);
      qlif_linear_forward_args own = l.forward;
      own.output = keeps ? poisoned_floats(output_count(&l)) : NULL;
      fused.forward.input = NULL;
      fused.forward.linear = &own;
      run_on(&fused, DEVICE, random_int(1, 4));
      same_results(&apart, &fused);
      if (keeps) same_bytes("current", current, own.output, output_count(&l), sizeof(float));
      free(own.output);
      free_outputs(&fused);
    }
    f->input = NULL;
    free_scenario(&apart);
    free_layer(&l);
  }
}

#if DEVICE >= 0

void qlif_emulation_fail(const char *call, int error);
void qlif_emulation_capture(int capturing);
int qlif_emulation_launch(void);
uint64_t qlif_emulation_memory(void);
int qlif_emulation_holds(void);

/* A graph repeats its calls with what memory contains at the launch; memory allocated for a call belongs to the graph. */
static void test_graphs(void) {
  for (int i = 0; i < 6; i++) {
    layer l = layer_of(3, i < 3 ? 70 : 20, 40, 30, i % 3, 30, 1);
    qlif_linear *linear = open_linear(1);
    qlif_emulation_capture(1);
    run(&l, linear);
    qlif_emulation_capture(0);
    CHECK_OK(qlif_linear_close(linear));
    CHECK(qlif_emulation_memory() == 0);
    float *weights = (float *)l.forward.weights;
    for (int64_t j = 0; j < weight_count(&l); j++) weights[j] = random_float(-1, 1);
    poison_outputs(&l);
    CHECK(qlif_emulation_launch() >= 1);
    expect_definition(&l);
    free_layer(&l);
  }
}

/* A failure reports what was going on, and leaks no memory. */
static void test_failures(void) {
  qlif_linear *linear = NULL;
  FAILS(QLIF_UNAVAILABLE, "device: got 1, but there are 1 CUDA devices", qlif_linear_open(1, NULL, &linear));
  layer l = layer_of(3, 70, 40, 30, QLIF_INPUT_BIT, 30, 1);
  if (l.backward.grad_weights == NULL) l.backward.grad_weights = poisoned_floats(weight_count(&l));
  l.backward.forward = &l.forward;
  linear = open_linear(1);
  char text[200];
  CHECK_OK(qlif_linear_describe(linear, text, sizeof text));
  CHECK(strcmp(text, "CUDA, emulated, compute capability 9.0") == 0);
  qlif_emulation_fail("cudaLaunchKernel", 1);
  FAILS(QLIF_CUDA_ERROR, "launching the linear layer's forward kernel", qlif_linear_forward(linear, &l.forward, NULL));
  qlif_emulation_fail("cudaMalloc", 2);
  FAILS(QLIF_OUT_OF_MEMORY, "allocating memory for sums of blocks", qlif_linear_backward(linear, &l.backward, NULL));
  qlif_emulation_fail("cudaLaunchKernel", 719);
  FAILS(QLIF_DEVICE_FAULT, "launching the kernel of the weights' gradients", qlif_linear_backward(linear, &l.backward, NULL));
  CHECK(qlif_emulation_memory() == 0);
  run(&l, linear);
  expect_definition(&l);
  /* More columns than a grid can have. */
  l.forward.outputs = (int64_t)1 << 24;
  INVALID("outputs: got 16777216, expected at most 8388480", qlif_linear_forward(linear, &l.forward, NULL));
  CHECK_OK(qlif_linear_close(linear));
  CHECK(qlif_emulation_holds() == 0);
  l.forward.outputs = 30;
  free_layer(&l);
}

int main(void) {
  test_failures();
  test_empty_calls();
  test_bits(30);
  test_odd_numbers();
  test_neurons(30);
  test_graphs();
  puts("all passed");
  return 0;
}

#else

/* Large enough that helpers are woken; the number of threads and the type of the input make no difference. */
static void test_threads(void) {
  layer l = layer_of(9, 140, 200, 300, QLIF_INPUT_F32, 20, 1);
  l.backward.grad_output_shared = 0;
  free((void *)l.backward.grad_output);
  l.backward.grad_output = random_floats(output_count(&l), -1, 1);
  if (l.backward.grad_weights == NULL) l.backward.grad_weights = poisoned_floats(weight_count(&l));
  if (l.backward.grad_input == NULL) l.backward.grad_input = poisoned_floats(input_count(&l));
  uint64_t expected = 0;
  for (int threads = 1; threads <= 5; threads++) {
    qlif_linear *linear = open_linear(threads);
    poison_outputs(&l);
    run(&l, linear);
    uint64_t hash = 0xcbf29ce484222325u;
    add_to_hash(&hash, l.forward.output, (size_t)output_count(&l) * sizeof(float));
    add_to_hash(&hash, l.backward.grad_weights, (size_t)weight_count(&l) * sizeof(float));
    add_to_hash(&hash, l.backward.grad_input, (size_t)input_count(&l) * sizeof(float));
    if (threads == 1) expected = hash;
    CHECK(hash == expected);
    CHECK_OK(qlif_linear_close(linear));
  }
  free_layer(&l);
}

static void test_float_environment(void) {
#if defined(__x86_64__)
  const unsigned odd = 0xffc0; /* flush to zero, denormals are zero, round toward zero */
  layer l = layer_of(4, 40, 90, 70, QLIF_INPUT_F32, 40, 0);
  for (int64_t i = 0; i < weight_count(&l); i++) ((float *)l.forward.weights)[i] *= 0x1p-126f;
  qlif_linear *linear = open_linear(2);
  unsigned saved = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(odd);
  run(&l, linear);
  CHECK((__builtin_ia32_stmxcsr() & odd) == odd);
  __builtin_ia32_ldmxcsr(saved);
  expect_definition(&l);
  CHECK_OK(qlif_linear_close(linear));
  free_layer(&l);
#endif
}

/* ---------------------------------------------------------------- refusals */

static void test_refusals(void) {
  layer l = layer_of(2, 3, 5, 4, QLIF_INPUT_F32, 50, 1);
  qlif_linear *linear = open_linear(1);
  int odd = 0;
  const qlif_linear_forward_args good = l.forward;
  qlif_linear_forward_args f = good;
#define REFUSED(word, field, value)                           \
  f = good;                                                   \
  f.field = value;                                            \
  poison_outputs(&l);                                         \
  INVALID(word, qlif_linear_forward(linear, &f, NULL));       \
  CHECK(*(uint32_t *)l.forward.output == 0xa5a5a5a5u)
  REFUSED("input_type: got 3, expected 0 to 2", input_type, 3);
  REFUSED("input_type: got -1, expected 0 to 2", input_type, -1);
  REFUSED("steps: got -1, expected 0 or more", steps, -1);
  REFUSED("batch: got -2, expected 0 or more", batch, -2);
  REFUSED("inputs: got -1, expected 0 or more", inputs, -1);
  REFUSED("outputs: got -1, expected 0 or more", outputs, -1);
  REFUSED("steps * batch", steps, INT64_MAX);
  REFUSED("inputs", inputs, INT64_MAX / 2);
  REFUSED("outputs", outputs, INT64_MAX / 8);
  REFUSED("input: got NULL, expected an address", input, NULL);
  REFUSED("weights: got NULL, expected an address", weights, NULL);
  REFUSED("output: got NULL, expected an address", output, NULL);
  REFUSED("input: got", input, (const char *)good.input + 1);
  REFUSED("weights: got", weights, (const float *)((const char *)good.weights + 2));
  REFUSED("bias: got", bias, (const float *)((const char *)good.weights + 2));
  REFUSED("output: got", output, (float *)((char *)good.output + 1));
  f = good;
  f.input_type = QLIF_INPUT_BIT;
  f.input = (const char *)good.input + 4;
  INVALID("expected an address aligned to 8 bytes", qlif_linear_forward(linear, &f, NULL));
  INVALID("stream: got", qlif_linear_forward(linear, &good, &odd));
  INVALID("args: got NULL", qlif_linear_forward(linear, NULL, NULL));
#undef REFUSED

  l.backward.forward = &good;
  if (l.backward.grad_weights == NULL) l.backward.grad_weights = poisoned_floats(weight_count(&l));
  if (l.backward.grad_input == NULL) l.backward.grad_input = poisoned_floats(input_count(&l));
  const qlif_linear_backward_args whole = l.backward;
  qlif_linear_backward_args b;
#define REFUSED(word, field, value)                           \
  b = whole;                                                  \
  b.field = value;                                            \
  poison_outputs(&l);                                         \
  INVALID(word, qlif_linear_backward(linear, &b, NULL));      \
  CHECK(*(uint32_t *)l.backward.grad_weights == 0xa5a5a5a5u && *(uint32_t *)l.backward.grad_input == 0xa5a5a5a5u)
  REFUSED("grad_output_shared: got 2, expected 0 to 1", grad_output_shared, 2);
  REFUSED("forward: got NULL", forward, NULL);
  REFUSED("grad_output: got NULL", grad_output, NULL);
  REFUSED("grad_output: got", grad_output, (const float *)((const char *)whole.grad_output + 1));
  REFUSED("grad_weights: got", grad_weights, (float *)((char *)whole.grad_weights + 1));
  REFUSED("grad_bias: got", grad_bias, (float *)((char *)whole.grad_weights + 1));
  REFUSED("grad_input: got", grad_input, (float *)((char *)whole.grad_input + 1));
  INVALID("stream: got", qlif_linear_backward(linear, &whole, &odd));
  INVALID("args: got NULL", qlif_linear_backward(linear, NULL, NULL));
  /* Inputs of the forward call that are not read may be absent. */
  f = good;
  f.output = NULL;
  f.input = NULL;
  b = whole;
  b.forward = &f;
  INVALID("input: got NULL", qlif_linear_backward(linear, &b, NULL));
  b.grad_weights = NULL;
  CHECK_OK(qlif_linear_backward(linear, &b, NULL));
  f.weights = NULL;
  INVALID("weights: got NULL", qlif_linear_backward(linear, &b, NULL));
  b.grad_input = NULL;
  CHECK_OK(qlif_linear_backward(linear, &b, NULL));
  /* No gradient is wanted. */
  b.grad_bias = NULL;
  b.grad_output = NULL;
  CHECK_OK(qlif_linear_backward(linear, &b, NULL));
#undef REFUSED
  CHECK_OK(qlif_linear_close(linear));
  free_layer(&l);
}

/* What a kernel checks in the layer that computes its input; a backward call reads less of it. */
static void test_refusals_of_neurons(void) {
  scenario s = random_scenario(2000);
  while (rows_of(&s) == 0) {
    free_scenario(&s);
    s = random_scenario(2000);
  }
  qlif_forward_args *f = &s.forward;
  layer l = layer_of(f->steps, f->batch, 5, f->neurons, QLIF_INPUT_F32, 50, 1);
  qlif_linear_forward_args own = l.forward;
  qlif_kernel *kernel;
  qlif_tape *tape;
  CHECK_OK(open_kernel(QLIF_HOST, &s.config.header, 1, &kernel));
  CHECK_OK(qlif_tape_open(kernel, s.mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &tape));
  f->tape = tape;
  f->linear = &own;
  INVALID("linear: given beside an input", qlif_forward(kernel, f, NULL));
  free((void *)f->input);
  f->input = NULL;
#define REFUSED(word, field, value)             \
  own = l.forward;                              \
  own.field = value;                            \
  poison_outputs(&l);                           \
  INVALID(word, qlif_forward(kernel, f, NULL)); \
  CHECK(*(uint32_t *)l.forward.output == 0xa5a5a5a5u)
  REFUSED("linear.output: got (T, B, M) = (", steps, f->steps + 1);
  REFUSED("linear.output: got (T, B, M) = (", batch, f->batch + 1);
  REFUSED("linear.output: got (T, B, M) = (", outputs, f->neurons + 1);
  REFUSED("linear.inputs: got -1, expected 0 or more", inputs, -1);
  REFUSED("linear.input_type: got 3, expected 0 to 2", input_type, 3);
  REFUSED("linear.input: got NULL, expected an address", input, NULL);
  REFUSED("linear.weights: got NULL, expected an address", weights, NULL);
  REFUSED("linear.bias: got", bias, (const float *)((const char *)l.forward.weights + 2));
  own = l.forward;
  own.output = (float *)((char *)l.forward.output + 1);
  INVALID("linear.output: got", qlif_forward(kernel, f, NULL));
#undef REFUSED
  own = l.forward;
  CHECK_OK(qlif_forward(kernel, f, NULL));
  own.input = NULL;
  own.weights = NULL;
  CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&s), NULL));
  own.output = NULL;
  INVALID("linear.input: got NULL, expected an address", qlif_backward(kernel, BACKWARD_OF(&s), NULL));
  own = l.forward;
  own.output = NULL;
  CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&s), NULL));
  CHECK_OK(qlif_kernel_close(kernel));
  CHECK_OK(qlif_tape_close(tape));
  f->tape = NULL;
  free_scenario(&s);
  free_layer(&l);
}

static void test_handles(void) {
  qlif_linear *linear = NULL;
  INVALID("linear: got NULL", qlif_linear_open(QLIF_HOST, NULL, NULL));
  INVALID("device: got -2", qlif_linear_open(-2, NULL, &linear));
  qlif_kernel_options options = {.size = sizeof options, .threads = 1025};
  INVALID("threads: got 1025", qlif_linear_open(QLIF_HOST, &options, &linear));
  CHECK(linear == NULL);
  CHECK_OK(qlif_linear_open(QLIF_HOST, NULL, &linear));
  char text[200];
  INVALID("text", qlif_linear_describe(linear, NULL, 1));
  INVALID("length: got 0", qlif_linear_describe(linear, text, 0));
  CHECK_OK(qlif_linear_describe(linear, text, sizeof text));
  CHECK(strncmp(text, "C++, ", 5) == 0 && strstr(text, "thread") != NULL);
  layer l = layer_of(1, 1, 1, 1, QLIF_INPUT_F32, 50, 1);
  qlif_lif_config config;
  qlif_kernel *kernel;
  CHECK_OK(qlif_lif_defaults(&config, sizeof config));
  CHECK_OK(qlif_kernel_open(QLIF_HOST, &config.header, NULL, &kernel));
  INVALID("linear: got a kernel's handle", qlif_linear_forward((qlif_linear *)kernel, &l.forward, NULL));
  INVALID("kernel: got a linear layer's handle", qlif_kernel_describe((qlif_kernel *)linear, text, sizeof text));
  INVALID("tape: got a linear layer's handle", qlif_tape_close((qlif_tape *)linear));
  CHECK_OK(qlif_kernel_close(kernel));
  INVALID("linear: got NULL", qlif_linear_forward(NULL, &l.forward, NULL));
  CHECK_OK(qlif_linear_close(NULL));
  CHECK_OK(qlif_linear_close(linear));
  INVALID("linear: got a closed handle", qlif_linear_forward(linear, &l.forward, NULL));
  INVALID("linear: got a closed handle", qlif_linear_close(linear));
  free_layer(&l);
}

/* ---------------------------------------------------------------- concurrent calls */

static void *call_often(void *given) {
  layer *l = given;
  qlif_linear *linear = open_linear(3);
  for (int i = 0; i < 40; i++) {
    poison_outputs(l);
    run(l, linear);
    expect_definition(l);
  }
  CHECK_OK(qlif_linear_close(linear));
  return NULL;
}

/* Each thread has its own layer; only one of them has the team at a time. */
static void test_at_the_same_time(void) {
  layer layers[3];
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) {
    layers[i] = layer_of(5, 40, 110, 60, i, 20, 1);
    CHECK(pthread_create(&threads[i], NULL, call_often, &layers[i]) == 0);
  }
  for (int i = 0; i < 3; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    free_layer(&layers[i]);
  }
}

int main(void) {
  test_handles();
  test_refusals();
  test_refusals_of_neurons();
  test_empty_calls();
  test_bits(250);
  test_threads();
  test_odd_numbers();
  test_neurons(150);
  test_float_environment();
  test_at_the_same_time();
  puts("all passed");
  return 0;
}

#endif
