/*
 * What a caller of the C interface may rely on, on the host and, as far as there is no memory of its own to hand over, on CUDA.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>

#include "scenario.h"

static void expect(qlif_status got, qlif_status status, const char *word, int line) {
  if (got != status || strstr(qlif_last_error(), word) == NULL) {
    fprintf(stderr, "library.c:%d: got status %d and \"%s\", expected %d and a text with \"%s\"\n", line, got,
            qlif_last_error(), status, word);
    exit(1);
  }
}

#define EXPECT(status, word, call) expect(call, status, word, __LINE__)
#define REFUSED(word, call) EXPECT(QLIF_INVALID_ARGUMENT, word, call)

static void test_versions(void) {
  CHECK(qlif_abi_version() == QLIF_ABI_VERSION);
  CHECK(strchr(qlif_version(), '.') != NULL);
  CHECK(strcmp(qlif_last_error(), "") == 0);
  CHECK(qlif_last_cuda_error() == 0);
}

static void test_devices(void) {
  qlif_device_info info;
  memset(&info, 0xa5, sizeof info);
  REFUSED("size", qlif_device_describe(QLIF_HOST, &info));
  info.size = sizeof info;
  REFUSED("device", qlif_device_describe(-2, &info));
  REFUSED("info", qlif_device_describe(QLIF_HOST, NULL));
  CHECK_OK(qlif_device_describe(QLIF_HOST, &info));
  CHECK(info.multiprocessors > 0 && info.memory_bytes > 0 && strlen(info.name) > 0 && info.compute_major == 0);
  REFUSED("count", qlif_device_count(NULL));

  int32_t count = -5;
  qlif_status status = qlif_device_count(&count);
  qlif_config config = default_config();
  qlif_kernel *kernel = NULL;
  if (status != QLIF_SUCCESS) {
    CHECK(status == QLIF_UNAVAILABLE && count == -5 && strstr(qlif_last_error(), "CUDA") != NULL);
    printf("no CUDA here: %s\n", qlif_last_error());
    EXPECT(QLIF_UNAVAILABLE, "CUDA", qlif_device_describe(0, &info));
    EXPECT(QLIF_UNAVAILABLE, "CUDA", qlif_kernel_open(0, &config, 1, &kernel));
    CHECK(kernel == NULL);
    return;
  }
  EXPECT(QLIF_UNAVAILABLE, "device", qlif_kernel_open(count, &config, 1, &kernel));
  char text[16];
  CHECK_OK(qlif_kernel_open(0, &config, 0, &kernel));
  CHECK_OK(qlif_kernel_describe(kernel, text, sizeof text));
  CHECK(strlen(text) == sizeof text - 1);
  CHECK_OK(qlif_kernel_close(kernel));
}

static void test_config_refusals(void) {
  static const struct {
    const char *name;
    size_t offset;
    int32_t low, high;
  } fields[] = {
      {"decision", offsetof(qlif_config, decision), 0, 2},
      {"sampling", offsetof(qlif_config, sampling), 0, 1},
      {"spike_value", offsetof(qlif_config, spike_value), 0, 1},
      {"angle_map", offsetof(qlif_config, angle_map), 0, 1},
      {"readout", offsetof(qlif_config, readout), 0, 2},
      {"quantum_wires", offsetof(qlif_config, quantum_wires), 1, 64},
      {"min_count", offsetof(qlif_config, min_count), 0, 65},
      {"surrogate", offsetof(qlif_config, surrogate), 0, 3},
      {"neuromod_mode", offsetof(qlif_config, neuromod_mode), 0, 3},
      {"neuromod_transform", offsetof(qlif_config, neuromod_transform), 0, 1},
      {"dynamic_probability", offsetof(qlif_config, dynamic_probability), 0, 1},
      {"refractory", offsetof(qlif_config, refractory), 0, 1},
      {"use_ahp", offsetof(qlif_config, use_ahp), 0, 1},
      {"use_adaptive_threshold", offsetof(qlif_config, use_adaptive_threshold), 0, 1},
      {"homeostasis_enabled", offsetof(qlif_config, homeostasis_enabled), 0, 1},
      {"detach_reset", offsetof(qlif_config, detach_reset), 0, 1},
      {"membrane_noise", offsetof(qlif_config, membrane_noise), 0, 1},
  };
  qlif_kernel *kernel = NULL;
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    for (int side = 0; side < 2; side++) {
      qlif_config config = default_config();
      *(int32_t *)((char *)&config + fields[i].offset) = side ? fields[i].high + 1 : fields[i].low - 1;
      REFUSED(fields[i].name, qlif_kernel_open(QLIF_HOST, &config, 1, &kernel));
    }
  }
  qlif_config config = default_config();
  REFUSED("device", qlif_kernel_open(-2, &config, 1, &kernel));
  REFUSED("threads", qlif_kernel_open(QLIF_HOST, &config, 0, &kernel));
  REFUSED("threads", qlif_kernel_open(QLIF_HOST, &config, 1025, &kernel));
  REFUSED("config", qlif_kernel_open(QLIF_HOST, NULL, 1, &kernel));
  REFUSED("kernel", qlif_kernel_open(QLIF_HOST, &config, 1, NULL));
  config.size--;
  REFUSED("size", qlif_kernel_open(QLIF_HOST, &config, 1, &kernel));
  CHECK(kernel == NULL);
}

/* A call of 3 steps of 2 x 5 neurons, with a tape that holds it. */
typedef struct fixture {
  scenario s;
  qlif_kernel *kernel;
  qlif_tape *tape;
} fixture;

static fixture open_fixture(void) {
  fixture x;
  do {
    x.s = random_scenario(100);
    if (x.s.args.forward.steps == 2 && elements_of(&x.s) > 1 && x.s.modulated && x.s.args.forward.initial_state[0] != NULL &&
        config_wires(&x.s.config) == 1 && x.s.config.membrane_noise) {
      break;
    }
    free_scenario(&x.s);
  } while (1);
  qlif_forward_args *f = &x.s.args.forward;
  CHECK_OK(qlif_kernel_open(QLIF_HOST, &x.s.config, 1, &x.kernel));
  CHECK_OK(qlif_tape_open(x.kernel, QLIF_TAPE_VOLTAGE, f->steps, f->batch, f->neurons, &x.tape));
  return x;
}

static void close_fixture(fixture *x) {
  CHECK_OK(qlif_tape_close(x->tape));
  CHECK_OK(qlif_kernel_close(x->kernel));
  free_scenario(&x->s);
}

static float *misaligned(const float *pointer) { return (float *)((char *)pointer + 1); }

static void test_forward_refusals(void) {
  fixture x = open_fixture();
  const qlif_forward_args good = x.s.args.forward;
  qlif_forward_args a;
  const int64_t huge = (int64_t)1 << 40;
#define FORWARD(word, change)                            \
  do {                                                   \
    a = good;                                            \
    change;                                              \
    REFUSED(word, qlif_forward(x.kernel, &a, NULL));     \
  } while (0)
  REFUSED("args", qlif_forward(x.kernel, NULL, NULL));
  REFUSED("stream", qlif_forward(x.kernel, &good, &a));
  FORWARD("size", a.size++);
  FORWARD("reserved", a.reserved = 1);
  FORWARD("steps", a.steps = -1);
  FORWARD("batch", a.batch = -1);
  FORWARD("neurons", a.neurons = -1);
  FORWARD("batch * neurons", a.batch = a.neurons = huge);
  FORWARD("2^62", a.steps = huge; a.batch = huge);
  FORWARD("first_step", a.first_step = -1);
  FORWARD("first_step", a.first_step = ((int64_t)1 << 33) - 1);
  FORWARD("first_step", a.first_step = INT64_MAX);
  FORWARD("element_offset", a.element_offset = -1);
  FORWARD("element_offset", a.element_offset = INT64_MAX);
  FORWARD("per_neuron_parameters", a.per_neuron_parameters = 32);
  FORWARD("input", a.input = NULL);
  FORWARD("input", a.input = misaligned(a.input));
  for (int i = 0; i < QLIF_PARAMETERS; i++) {
    FORWARD("parameters", a.parameters[i] = NULL);
    FORWARD("parameters", a.parameters[i] = misaligned(a.parameters[i]));
  }
  FORWARD("modulation.stride_t", a.modulation.stride_t = -1);
  FORWARD("modulation.stride_b", a.modulation.stride_b = -1);
  FORWARD("modulation.stride_n", a.modulation.stride_n = -1);
  FORWARD("modulation.stride_t", a.modulation.stride_t = INT64_MAX);
  FORWARD("modulation.data", a.modulation.data = misaligned(a.modulation.data));
  FORWARD("uniforms", a.uniforms = misaligned(a.input));
  FORWARD("normals", a.normals = misaligned(a.input));
  FORWARD("spikes_f32", a.spikes_f32 = misaligned(a.spikes_f32));
  FORWARD("spikes_bit", a.spikes_bit = (uint64_t *)((char *)a.spikes_bit + 4));
  FORWARD("spike_values", a.spike_values = misaligned(a.spike_values));
  FORWARD("voltages", a.voltages = misaligned(a.voltages));
  FORWARD("traces", a.traces[3] = misaligned(a.traces[3]));
  for (int i = 0; i < QLIF_STATE_VARIABLES; i++) {
    FORWARD("initial_state", a.initial_state[i] = NULL);
    FORWARD("final_state", a.final_state[i] = NULL);
    FORWARD("initial_state", a.initial_state[i] = misaligned(a.initial_state[i]));
    FORWARD("final_state", a.final_state[i] = misaligned(a.final_state[i]));
    FORWARD("final_state", a.tape = x.tape; a.final_state[i] = (float *)a.initial_state[i]);
  }
  FORWARD("tape", a.tape = x.tape; a.steps--);
  FORWARD("tape", a.tape = (qlif_tape *)x.kernel);
  FORWARD("tape", a.tape = (qlif_tape *)&a);
  a = good;
  REFUSED("kernel", qlif_forward(NULL, &a, NULL));
  REFUSED("kernel", qlif_forward((qlif_kernel *)&a, &a, NULL));

  /* Nothing was written. */
  for (int64_t i = 0; i < rows_of(&x.s) * 4; i++) CHECK(((unsigned char *)good.voltages)[i] == 0xa5);

  qlif_config plain = lif_config();
  qlif_kernel *other;
  CHECK_OK(qlif_kernel_open(QLIF_HOST, &plain, 1, &other));
  a = good;
  a.uniforms = a.input;
  REFUSED("uniforms", qlif_forward(other, &a, NULL));
  a = good;
  a.normals = a.input;
  REFUSED("normals", qlif_forward(other, &a, NULL));
  CHECK_OK(qlif_kernel_close(other));
  close_fixture(&x);
}

static void test_backward_refusals(void) {
  fixture x = open_fixture();
  qlif_backward_args good = x.s.args;
  qlif_backward_args a;
  good.forward.tape = x.tape;
  REFUSED("holds no forward call", qlif_backward(x.kernel, &good, NULL));
  CHECK_OK(qlif_forward(x.kernel, &good.forward, NULL));
#define BACKWARD(word, change)                           \
  do {                                                   \
    a = good;                                            \
    change;                                              \
    REFUSED(word, qlif_backward(x.kernel, &a, NULL));    \
  } while (0)
  REFUSED("args", qlif_backward(x.kernel, NULL, NULL));
  REFUSED("stream", qlif_backward(x.kernel, &good, &a));
  REFUSED("kernel", qlif_backward(NULL, &good, NULL));
  BACKWARD("qlif_backward_args", a.size--);
  BACKWARD("qlif_forward_args", a.forward.size--);
  BACKWARD("reserved", a.reserved = 3);
  BACKWARD("steps", a.forward.steps = -1);
  BACKWARD("tape", a.forward.tape = NULL);
  BACKWARD("tape", a.forward.batch++);
  BACKWARD("first_step", a.forward.first_step++);
  BACKWARD("grad_modulation", a.forward.modulation.data = NULL);
  BACKWARD("grad_spike_values", a.grad_spike_values = misaligned(a.grad_input));
  BACKWARD("grad_voltages", a.grad_voltages = misaligned(a.grad_input));
  BACKWARD("grad_input", a.grad_input = misaligned(a.grad_input));
  BACKWARD("grad_modulation", a.grad_modulation = misaligned(a.grad_modulation));
  BACKWARD("grad_parameters", a.grad_parameters[2] = misaligned(a.grad_parameters[2]));
  BACKWARD("grad_initial_state", a.grad_initial_state[10] = NULL);
  BACKWARD("grad_final_state", memset(a.grad_final_state, 0, sizeof a.grad_final_state); a.grad_final_state[4] = a.grad_input);
  for (int64_t i = 0; i < rows_of(&x.s) * 4; i++) CHECK(((unsigned char *)good.grad_input)[i] == 0xa5);
  CHECK_OK(qlif_backward(x.kernel, &good, NULL));
  close_fixture(&x);
}

static void test_other_refusals(void) {
  fixture x = open_fixture();
  qlif_tape *tape = NULL;
  REFUSED("mode", qlif_tape_open(x.kernel, 2, 1, 1, 1, &tape));
  REFUSED("steps", qlif_tape_open(x.kernel, 0, -1, 1, 1, &tape));
  REFUSED("2^62", qlif_tape_open(x.kernel, 0, (int64_t)1 << 50, 1 << 10, 1 << 10, &tape));
  REFUSED("tape", qlif_tape_open(x.kernel, 0, 1, 1, 1, NULL));
  REFUSED("kernel", qlif_tape_open(NULL, 0, 1, 1, 1, &tape));
  EXPECT(QLIF_OUT_OF_MEMORY, "memory", qlif_tape_open(x.kernel, 0, 1 << 20, 1 << 18, 1 << 14, &tape));
  CHECK(tape == NULL);
  CHECK(qlif_tape_bytes(NULL) == 0);
  CHECK(qlif_tape_bytes(x.tape) > 0);
  REFUSED("steps", qlif_kernel_reserve(x.kernel, -1, 1, 1, 0));
  REFUSED("modulation_steps", qlif_kernel_reserve(x.kernel, 1, 1, 1, 2));
  EXPECT(QLIF_OUT_OF_MEMORY, "memory", qlif_kernel_reserve(x.kernel, 1 << 20, 1 << 18, 1 << 14, 1));
  CHECK_OK(qlif_kernel_reserve(x.kernel, 3, 2, 5, 1));
  char text[100];
  REFUSED("text", qlif_kernel_describe(x.kernel, NULL, 10));
  REFUSED("length", qlif_kernel_describe(x.kernel, text, 0));
  CHECK_OK(qlif_kernel_describe(x.kernel, text, 1));
  CHECK(text[0] == 0);
  CHECK_OK(qlif_kernel_describe(x.kernel, text, sizeof text));
  CHECK(strstr(text, "1 thread") != NULL);

  qlif_draw_args good, a;
  memset(&good, 0, sizeof good);
  good.size = sizeof good;
  good.steps = 3;
  good.wires = 1;
  good.elements = 5;
#define DRAW(word, change)                            \
  do {                                                \
    a = good;                                         \
    change;                                           \
    REFUSED(word, qlif_draw(x.kernel, &a, NULL));     \
  } while (0)
  REFUSED("args", qlif_draw(x.kernel, NULL, NULL));
  DRAW("size", a.size--);
  DRAW("steps", a.steps = -1);
  DRAW("wires", a.wires = 0);
  DRAW("wires", a.wires = 65);
  DRAW("elements", a.elements = -1);
  DRAW("2^62", a.elements = (int64_t)1 << 58; a.steps = 1 << 20);
  DRAW("first_step", a.first_step = -1);
  DRAW("element_offset", a.element_offset = -1);
  DRAW("uniforms", a.uniforms = misaligned((float *)text));
  DRAW("normals", a.normals = misaligned((float *)text));
  REFUSED("stream", qlif_draw(x.kernel, &good, &a));
  CHECK_OK(qlif_draw(x.kernel, &good, NULL));
  close_fixture(&x);
}

static void test_handles(void) {
  qlif_config config = default_config();
  qlif_kernel *kernel;
  qlif_tape *tape;
  CHECK_OK(qlif_kernel_close(NULL));
  CHECK_OK(qlif_tape_close(NULL));
  CHECK_OK(qlif_kernel_open(QLIF_HOST, &config, 2, &kernel));
  CHECK_OK(qlif_tape_open(kernel, QLIF_TAPE_COMPACT, 100, 3, 5, &tape));
  CHECK_OK(qlif_kernel_close(kernel));
  REFUSED("kernel", qlif_kernel_close(kernel));
  REFUSED("kernel", qlif_kernel_reserve(kernel, 1, 1, 1, 0));
  CHECK(qlif_tape_bytes(tape) > 0);
  CHECK_OK(qlif_tape_close(tape));
  REFUSED("tape", qlif_tape_close(tape));
  CHECK(qlif_tape_bytes(tape) == 0);
}

/* Two threads on one kernel: each call succeeds or is told that the kernel is busy. */
static qlif_kernel *shared_kernel;
static int busy_seen;

static void *contend(void *given) {
  (void)given;
  float *values = floats(64 * 512);
  qlif_draw_args draw;
  memset(&draw, 0, sizeof draw);
  draw.size = sizeof draw;
  draw.steps = 64;
  draw.wires = 1;
  draw.elements = 512;
  draw.normals = values;
  for (int i = 0; i < 300; i++) {
    qlif_status status = qlif_draw(shared_kernel, &draw, NULL);
    CHECK(status == QLIF_SUCCESS || status == QLIF_BUSY);
    if (status == QLIF_BUSY) {
      CHECK(strstr(qlif_last_error(), "another thread") != NULL);
      __atomic_fetch_add(&busy_seen, 1, __ATOMIC_RELAXED);
    }
    status = qlif_kernel_close(NULL);
    CHECK(status == QLIF_SUCCESS);
  }
  free(values);
  return NULL;
}

static void test_contention(void) {
  qlif_config config = default_config();
  CHECK_OK(qlif_kernel_open(QLIF_HOST, &config, 3, &shared_kernel));
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, contend, NULL) == 0);
  for (int i = 0; i < 3; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK_OK(qlif_kernel_close(shared_kernel));
  printf("calls that found the kernel busy: %d of 900\n", busy_seen);
}

static long resident_kilobytes(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%*d %ld", &pages) == 1);
  fclose(file);
  return pages * 4;
}

static void test_many_kernels(void) {
  qlif_config config = default_config();
  scenario s = random_scenario(2000);
  s.config = config;
  free((void *)s.args.forward.uniforms);
  long before = 0;
  for (int i = 0; i < 10000; i++) {
    if (i == 1000) before = resident_kilobytes();
    if (i % 20 == 0) {
      run_on(&s, QLIF_HOST, 2);
      continue;
    }
    qlif_kernel *kernel;
    qlif_tape *tape;
    CHECK_OK(qlif_kernel_open(QLIF_HOST, &config, 1, &kernel));
    CHECK_OK(qlif_tape_open(kernel, QLIF_TAPE_VOLTAGE, 20, 3, 50, &tape));
    CHECK_OK(qlif_tape_close(tape));
    CHECK_OK(qlif_kernel_close(kernel));
  }
  long after = resident_kilobytes();
  printf("resident memory after 1,000 and 10,000 kernels: %ld and %ld kB\n", before, after);
#ifndef QLIF_SANITIZED
  CHECK(after - before < 4096);
#endif
  free_scenario(&s);
}

static void test_threads(int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario one = random_scenario(60000);
    scenario other = again(&one);
    run_on(&one, QLIF_HOST, 1);
    run_on(&other, QLIF_HOST, random_int(2, 5));
    same_results(&one, &other);
    free_outputs(&other);
    free_scenario(&one);
  }
}

/* The numbers that qlif_draw writes, lent, give what drawing them gives. */
static void test_lent_draws(int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario drawn = random_scenario(20000);
    qlif_forward_args *f = &drawn.args.forward;
    int wires = config_wires(&drawn.config);
    float *uniforms = wires > 0 ? floats(rows_of(&drawn) * wires) : NULL;
    float *normals = drawn.config.membrane_noise ? floats(rows_of(&drawn)) : NULL;
    qlif_kernel *kernel;
    CHECK_OK(qlif_kernel_open(QLIF_HOST, &drawn.config, 2, &kernel));
    qlif_draw_args draw = {sizeof draw, f->stream, f->seed, f->element_offset, f->first_step, f->steps, wires > 0 ? wires : 1,
                           elements_of(&drawn), uniforms, normals};
    CHECK_OK(qlif_draw(kernel, &draw, NULL));
    CHECK_OK(qlif_kernel_close(kernel));
    scenario lent = again(&drawn);
    lent.args.forward.uniforms = uniforms;
    lent.args.forward.normals = normals;
    lent.args.forward.seed = 0;
    run_on(&drawn, QLIF_HOST, 1);
    run_on(&lent, QLIF_HOST, 1);
    same_results(&drawn, &lent);
    free(uniforms);
    free(normals);
    free_outputs(&lent);
    free_scenario(&drawn);
  }
}

/* Rows and steps one after the other, state handed on, give what one call gives. */
static void test_splits(int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario s = random_scenario(20000);
    qlif_forward_args whole = s.args.forward;
    qlif_kernel *kernel;
    CHECK_OK(qlif_kernel_open(QLIF_HOST, &s.config, 2, &kernel));
    CHECK_OK(qlif_forward(kernel, &whole, NULL));
    int64_t cut = random_int(0, (int)whole.steps);
    int64_t elements = elements_of(&s);
    for (int64_t b = 0; b < whole.batch; b++) {
      float *state[QLIF_STATE_VARIABLES];
      for (int v = 0; v < QLIF_STATE_VARIABLES; v++) {
        state[v] = floats(whole.neurons);
        for (int64_t n = 0; n < whole.neurons; n++) {
          state[v][n] = whole.initial_state[v] != NULL                                     ? whole.initial_state[v][b * whole.neurons + n]
                        : v == QLIF_STATE_EFFICIENCY || v == QLIF_STATE_MODULATION ? 1.0f
                                                                                    : 0.0f;
        }
      }
      for (int part = 0; part < 2; part++) {
        int64_t begin = part == 0 ? 0 : cut;
        int64_t end = part == 0 ? cut : whole.steps;
        qlif_forward_args a;
        memset(&a, 0, sizeof a);
        a.size = sizeof a;
        a.steps = end - begin;
        a.batch = 1;
        a.neurons = whole.neurons;
        a.first_step = whole.first_step + begin;
        a.seed = whole.seed;
        a.stream = whole.stream;
        a.element_offset = whole.element_offset + b * whole.neurons;
        a.per_neuron_parameters = whole.per_neuron_parameters;
        memcpy(a.parameters, whole.parameters, sizeof a.parameters);
        a.modulation = whole.modulation;
        if (a.modulation.data != NULL) {
          a.modulation.data += begin * a.modulation.stride_t + b * a.modulation.stride_b;
        }
        float *input = floats(a.steps * a.neurons);
        float *voltages = floats(a.steps * a.neurons);
        for (int64_t t = begin; t < end; t++) {
          memcpy(input + (t - begin) * a.neurons, whole.input + t * elements + b * a.neurons, (size_t)a.neurons * 4);
        }
        a.input = input;
        a.voltages = voltages;
        for (int v = 0; v < QLIF_STATE_VARIABLES; v++) {
          a.initial_state[v] = state[v];
          a.final_state[v] = state[v];
        }
        CHECK_OK(qlif_forward(kernel, &a, NULL));
        for (int64_t t = begin; t < end; t++) {
          same_bytes("voltages of a split", voltages + (t - begin) * a.neurons, whole.voltages + t * elements + b * a.neurons,
                     a.neurons, 4);
        }
        free(input);
        free(voltages);
      }
      for (int v = 0; v < QLIF_STATE_VARIABLES; v++) {
        same_bytes("state of a split", state[v], whole.final_state[v] + b * whole.neurons, whole.neurons, 4);
        free(state[v]);
      }
    }
    CHECK_OK(qlif_kernel_close(kernel));
    free_scenario(&s);
  }
}

/* A caller that has denormals flushed, or another rounding, gets the same bits and keeps its settings. */
static void test_float_environment(void) {
#if defined(__x86_64__)
  const unsigned odd = 0xffc0; /* flush to zero, denormals are zero, round toward zero */
  for (int i = 0; i < 10; i++) {
    scenario plain = random_scenario(20000);
    scenario flushed = again(&plain);
    run_on(&plain, QLIF_HOST, 2);
    unsigned saved = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(odd);
    run_on(&flushed, QLIF_HOST, 2);
    CHECK((__builtin_ia32_stmxcsr() & odd) == odd);
    __builtin_ia32_ldmxcsr(saved);
    same_results(&plain, &flushed);
    free_outputs(&flushed);
    free_scenario(&plain);
  }
#endif
}

int main(void) {
  test_versions();
  test_devices();
  test_config_refusals();
  test_forward_refusals();
  test_backward_refusals();
  test_other_refusals();
  test_handles();
  test_contention();
  test_threads(120);
  test_lent_draws(60);
  test_splits(40);
  test_float_environment();
  test_many_kernels();
  puts("all passed");
  return 0;
}
