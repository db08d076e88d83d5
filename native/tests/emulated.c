/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CUDA device, emulated: its kernels against the host's, bit for bit, and its errors, capture and memory.
 */
#include <unistd.h>

#include "calls.h"
#include "scenario.h"

/* The emulation's functions; see emulation/cuda_runtime.h. */
void qlif_emulation_fail(const char *call, int error);
void qlif_emulation_capture(int capturing);
int qlif_emulation_launch(void);
void qlif_emulation_capability(int major, int minor);
void qlif_emulation_pools(int supported);
int qlif_emulation_device_waits(void);
uint64_t qlif_emulation_memory(void);
int qlif_emulation_holds(void);

static void expect(qlif_status got, qlif_status status, const char *word, int line) {
  if (got != status || strstr(qlif_last_error(), word) == NULL) {
    fprintf(stderr, "emulated.c:%d: got status %d and \"%s\", expected %d and a text with \"%s\"\n", line, got,
            qlif_last_error(), status, word);
    exit(1);
  }
}

#define EXPECT(status, word, call) expect(call, status, word, __LINE__)

static void test_kernels(int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario host = i % 2 ? usual_scenario(12000) : random_scenario(12000);
    scenario cuda = again(&host);
    run_on(&host, QLIF_HOST, 1);
    run_on(&cuda, 0, 1);
    same_results(&host, &cuda);
    /* A second forward call writes everything again, and leaves the backward call's results alone. */
    run_forward_on(&cuda, 0, 1);
    same_results(&host, &cuda);
    free_outputs(&cuda);
    free_scenario(&host);
  }
  CHECK(qlif_emulation_memory() == 0 && qlif_emulation_holds() == 0);
}

/* A graph of a forward and a backward call draws according to its key at each launch, and so gives the bits of a call with these values. */
static void test_graphs(int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario plain = i % 2 == 0 ? busy_scenario(6000) : usual_scenario(6000);
    if (rows_of(&plain) == 0) {
      free_scenario(&plain);
      continue;
    }
    scenario graph = again(&plain);
    qlif_forward_args *f = &graph.forward;
    qlif_draw_key key = {1, 2, 3, 0};
    qlif_kernel *kernel;
    qlif_tape *tape;
    CHECK_OK(open_kernel(0, &graph.config.header, 1, &kernel));
    CHECK_OK(qlif_kernel_reserve(kernel, f->steps, f->batch, f->neurons, 1));
    CHECK_OK(qlif_tape_open(kernel, graph.mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &tape));
    f->tape = tape;
    f->key = &key;
    f->seed = 0;
    f->first_step = random_int(0, 3);
    f->stream = (uint32_t)random_bits();
    qlif_emulation_capture(1);
    CHECK_OK(qlif_forward(kernel, f, NULL));
    CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&graph), NULL));
    qlif_emulation_capture(0);
    for (int launch = 0; launch < 3; launch++) {
      /* Changes seed, step or stream, or all of them. */
      if (launch != 1) key.seed = random_bits();
      if (launch != 2) key.stream = (uint32_t)random_bits();
      if (launch > 0) key.first_step = random_int(0, 1) ? 64 * random_int(0, 9) : ((int64_t)1 << 32) + random_int(0, 99);
      plain.forward.seed = key.seed;
      plain.forward.stream = key.stream + f->stream;
      plain.forward.first_step = key.first_step + f->first_step;
      each_output(&graph, poison, NULL);
      CHECK(qlif_emulation_launch() >= 2);
      each_output(&plain, poison, NULL);
      run_on(&plain, launch == 0 ? QLIF_HOST : 0, 1);
      same_results(&plain, &graph);
    }
    CHECK_OK(qlif_tape_close(tape));
    CHECK_OK(qlif_kernel_close(kernel));
    free_outputs(&graph);
    free_scenario(&plain);
  }
}

static void test_draws(int rounds) {
  for (int i = 0; i < rounds; i++) {
    qlif_qlif_config config = default_config();
    int64_t elements = random_int(1, 300);
    int64_t steps = random_int(1, 9);
    int64_t wires = random_int(0, 1) ? 1 : random_int(1, 64);
    float *values[2][2];
    for (int device = 0; device < 2; device++) {
      values[device][0] = floats(steps * wires * elements);
      values[device][1] = floats(steps * elements);
    }
    qlif_draw_args draw;
    memset(&draw, 0, sizeof draw);
    draw.size = sizeof draw;
    draw.stream = (uint32_t)random_bits();
    draw.seed = random_bits();
    draw.element_offset = random_int(0, 1) ? 4294967200 : 3;
    draw.first_step = random_int(0, 100);
    draw.steps = steps;
    draw.wires = wires;
    draw.elements = elements;
    for (int device = 0; device < 2; device++) {
      qlif_kernel *kernel;
      draw.uniforms = values[device][0];
      draw.normals = values[device][1];
      CHECK_OK(open_kernel(device - 1, &config.header, 1, &kernel));
      CHECK_OK(qlif_draw(kernel, &draw, NULL));
      CHECK_OK(qlif_kernel_close(kernel));
    }
    same_bytes("uniforms", values[0][0], values[1][0], steps * wires * elements, 4);
    same_bytes("normals", values[0][1], values[1][1], steps * elements, 4);
    for (int device = 0; device < 2; device++) {
      free(values[device][0]);
      free(values[device][1]);
    }
  }
}

/* Each kernel and tape has a reference to the primary context, and no call leaves a thread in it. */
static void test_contexts(void) {
  qlif_qlif_config config = default_config();
  qlif_kernel *kernel;
  qlif_tape *tape;
  qlif_emulation_fail("cudaGetDriverEntryPointByVersion", 1);
  EXPECT(QLIF_UNAVAILABLE, "cuDeviceGet", open_kernel(0, &config.header, 1, &kernel));
  qlif_emulation_fail("cuDevicePrimaryCtxRetain", 2);
  EXPECT(QLIF_OUT_OF_MEMORY, "primary context", open_kernel(0, &config.header, 1, &kernel));
  qlif_emulation_fail("cuCtxPushCurrent", 709);
  EXPECT(QLIF_DEVICE_FAULT, "primary context", open_kernel(0, &config.header, 1, &kernel));
  CHECK(qlif_emulation_holds() == 0);
  CHECK_OK(open_kernel(0, &config.header, 1, &kernel));
  CHECK(qlif_emulation_holds() == 1);
  qlif_emulation_fail("cudaMalloc", 2);
  EXPECT(QLIF_OUT_OF_MEMORY, "tape", qlif_tape_open(kernel, 0, QLIF_TYPE_F32, 4, 5, 6, &tape));
  CHECK(qlif_emulation_holds() == 1);
  qlif_emulation_fail("cudaStreamSynchronize", 2);
  EXPECT(QLIF_OUT_OF_MEMORY, "tape", qlif_tape_open(kernel, 0, QLIF_TYPE_F32, 4, 5, 6, &tape));
  qlif_emulation_fail("cudaStreamCreateWithFlags", 2);
  EXPECT(QLIF_OUT_OF_MEMORY, "stream for memory", qlif_tape_open(kernel, 0, QLIF_TYPE_F32, 4, 5, 6, &tape));
  CHECK(qlif_emulation_memory() == 0 && qlif_emulation_holds() == 1);
  CHECK_OK(qlif_tape_open(kernel, 0, QLIF_TYPE_F32, 4, 5, 6, &tape));
  CHECK(qlif_emulation_holds() == 2);
  CHECK_OK(qlif_kernel_close(kernel));
  CHECK(qlif_emulation_holds() == 1);
  qlif_emulation_fail("cuDevicePrimaryCtxRelease", 709);
  EXPECT(QLIF_DEVICE_FAULT, "releasing", qlif_tape_close(tape));
  CHECK(qlif_emulation_memory() == 0 && qlif_emulation_holds() == 0);
}

/* If the device has memory pools, allocating and freeing tapes and scratch memory does not wait for the whole device. */
static void test_memory(int rounds) {
  for (int i = 0; i < rounds; i++) {
    const int pools = i % 4 != 3;
    const int before = qlif_emulation_device_waits();
    qlif_emulation_pools(pools);
    scenario s = random_scenario(3000);
    qlif_kernel *kernel;
    CHECK_OK(open_kernel(0, &s.config.header, 1, &kernel));
    for (int64_t size = 1; size <= 3; size++) {
      qlif_tape *tape;
      CHECK_OK(qlif_kernel_reserve(kernel, 64 * size, 2, 5, 1));
      CHECK_OK(qlif_tape_open(kernel, s.mode, QLIF_TYPE_F32, 64 * size, 2, 5, &tape));
      CHECK_OK(qlif_tape_close(tape));
    }
    CHECK(qlif_emulation_memory() > 0);
    CHECK_OK(qlif_kernel_close(kernel));
    free_scenario(&s);
    CHECK(qlif_emulation_memory() == 0 && qlif_emulation_holds() == 0);
    CHECK((qlif_emulation_device_waits() == before) == (pools != 0));
  }
  qlif_emulation_pools(1);
  CHECK(qlif_emulation_device_waits() > 0);
}

static void test_errors(void) {
  qlif_qlif_config config = default_config();
  qlif_kernel *kernel;
  qlif_tape *tape;
  int32_t count;
  qlif_emulation_fail("cudaGetDeviceCount", 35);
  EXPECT(QLIF_UNAVAILABLE, "counting", qlif_device_count(&count));
  CHECK(qlif_last_cuda_error() == 35);
  qlif_emulation_fail("cudaGetDeviceCount", 100);
  EXPECT(QLIF_UNAVAILABLE, "counting", open_kernel(0, &config.header, 1, &kernel));
  CHECK_OK(open_kernel(0, &config.header, 1, &kernel));
  qlif_emulation_fail("cudaMalloc", 2);
  EXPECT(QLIF_OUT_OF_MEMORY, "tape", qlif_tape_open(kernel, 0, QLIF_TYPE_F32, 4, 5, 6, &tape));
  CHECK(qlif_last_cuda_error() == 2);

  scenario s = random_scenario(3000);
  while (rows_of(&s) == 0) {
    free_scenario(&s);
    s = random_scenario(3000);
  }
  qlif_forward_args *f = &s.forward;
  CHECK_OK(qlif_kernel_close(kernel));
  CHECK_OK(open_kernel(0, &s.config.header, 1, &kernel));
  CHECK_OK(qlif_tape_open(kernel, s.mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &tape));
  CHECK(qlif_tape_bytes(tape) == qlif_emulation_memory());
  f->tape = tape;
  /* Code that this GPU can't run. */
  const int unfit[] = {98, 209, 222};
  for (int i = 0; i < 3; i++) {
    qlif_kernel *other;
    qlif_emulation_fail("cudaFuncGetAttributes", unfit[i]);
    EXPECT(QLIF_UNAVAILABLE, "loading a kernel; the GPU code in this library was built for an emulated GPU",
        open_kernel(0, &s.config.header, 1, &other));
  }
  qlif_emulation_fail("cudaStreamIsCapturing", 700);
  EXPECT(QLIF_DEVICE_FAULT, "is being captured", qlif_forward(kernel, f, NULL));
  qlif_emulation_fail("cudaLaunchKernel", 719);
  EXPECT(QLIF_DEVICE_FAULT, "unusable in this process", qlif_forward(kernel, f, NULL));
  EXPECT(QLIF_INVALID_ARGUMENT, "expected one that a forward call has recorded", qlif_backward(kernel, BACKWARD_OF(&s), NULL));
  qlif_emulation_fail("cudaLaunchKernel", 1);
  EXPECT(QLIF_CUDA_ERROR, "forward kernel", qlif_forward(kernel, f, NULL));
  CHECK_OK(qlif_forward(kernel, f, NULL));
  qlif_emulation_fail("cudaMalloc", 2);
  EXPECT(QLIF_OUT_OF_MEMORY, "scratch", qlif_backward(kernel, BACKWARD_OF(&s), NULL));
  CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&s), NULL));

  /* Captured calls allocate nothing, and the memory that the graph uses stays. */
  CHECK_OK(qlif_kernel_close(kernel));
  CHECK_OK(open_kernel(0, &s.config.header, 1, &kernel));
  uint64_t before = qlif_emulation_memory();
  qlif_emulation_capture(1);
  EXPECT(QLIF_INVALID_ARGUMENT, "qlif_kernel_reserve", qlif_backward(kernel, BACKWARD_OF(&s), NULL));
  CHECK(qlif_emulation_memory() == before);
  qlif_emulation_capture(0);
  CHECK_OK(qlif_kernel_reserve(kernel, f->steps, f->batch, f->neurons, 1));
  uint64_t reserved = qlif_emulation_memory();
  CHECK(reserved > before);
  qlif_emulation_capture(1);
  CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&s), NULL));
  CHECK(qlif_emulation_memory() == reserved);
  qlif_emulation_capture(0);
  CHECK_OK(qlif_kernel_reserve(kernel, f->steps * 3, f->batch * 2, f->neurons * 2, 1));
  CHECK(qlif_emulation_memory() >= reserved + 2 * (reserved - before));

  /* Closing reports a failure of earlier work, and frees the memory anyway; a tape may outlive the kernel whose call it waits for. */
  qlif_emulation_fail("cudaEventSynchronize", 700);
  EXPECT(QLIF_DEVICE_FAULT, "waiting", qlif_kernel_close(kernel));
  qlif_emulation_fail("cudaEventSynchronize", 700);
  EXPECT(QLIF_DEVICE_FAULT, "waiting", qlif_tape_close(tape));
  CHECK(qlif_emulation_memory() == 0 && qlif_emulation_holds() == 0);
  f->tape = NULL;
  free_scenario(&s);
}

/* Which GPUs the library supports: those of a generation run the code of the generation's first one, except in a Tegra. */
static void test_capabilities(void) {
  const int runs[][2] = {{7, 5}, {8, 0}, {8, 6}, {8, 9}, {9, 0}, {10, 0}, {10, 3}, {12, 0}, {12, 1}, {13, 0}};
  const int refused[][2] = {{7, 2}, {8, 7}, {10, 1}, {11, 0}};
  qlif_device_info info;
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
    qlif_emulation_capability(runs[i][0], runs[i][1]);
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    CHECK_OK(qlif_device_describe(0, &info));
    CHECK(info.compute_major == runs[i][0] && info.compute_minor == runs[i][1]);
  }
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    char text[40];
    snprintf(text, sizeof text, "compute capability %d.%d, expected", refused[i][0], refused[i][1]);
    qlif_emulation_capability(refused[i][0], refused[i][1]);
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    EXPECT(QLIF_UNAVAILABLE, text, qlif_device_describe(0, &info));
  }
  qlif_emulation_capability(9, 0);
}

/* A call asks whether the stream is being captured before it launches anything, so that nothing is half done if that fails. */
static void test_asks_first(void) {
  enum { STEPS = 2, ELEMENTS = 3 };
  qlif_qlif_config config = default_config();
  qlif_kernel *kernel;
  CHECK_OK(open_kernel(0, &config.header, 1, &kernel));
  float uniforms[STEPS * ELEMENTS];
  for (int i = 0; i < STEPS * ELEMENTS; i++) uniforms[i] = 7;
  qlif_draw_args draw;
  memset(&draw, 0, sizeof draw);
  draw.size = sizeof draw;
  draw.steps = STEPS;
  draw.wires = 1;
  draw.elements = ELEMENTS;
  draw.uniforms = uniforms;
  qlif_emulation_fail("cudaStreamIsCapturing", 700);
  EXPECT(QLIF_DEVICE_FAULT, "is being captured", qlif_draw(kernel, &draw, NULL));
  for (int i = 0; i < STEPS * ELEMENTS; i++) CHECK(uniforms[i] == 7);
  CHECK_OK(qlif_draw(kernel, &draw, NULL));
  for (int i = 0; i < STEPS * ELEMENTS; i++) CHECK(uniforms[i] < 1);
  CHECK_OK(qlif_kernel_close(kernel));
}

/* Results that need no arithmetic are written on the stream, without scratch memory; empty calls return immediately. */
static void test_empty_calls(void) {
  const int64_t shapes[][3] = {{1, 0, (int64_t)1 << 33}, {(int64_t)1 << 33, (int64_t)1 << 50, 0}, {0, (int64_t)1 << 31, (int64_t)1 << 31}};
  qlif_qlif_config config = default_config();
  qlif_kernel *kernel;
  qlif_tape *tape;
  alarm(300);
  CHECK_OK(open_kernel(0, &config.header, 1, &kernel));
  for (int i = 0; i < 3; i++) {
    float dummy[1] = {1};
    float grads[QLIF_PARAMETERS + 1] = {7, 7, 7, 7, 7, 7};
    call a;
    memset(&a, 0, sizeof a);
    a.args.size = sizeof a.args;
    qlif_forward_args *f = &a.forward;
    f->size = sizeof *f;
    f->steps = shapes[i][0];
    f->batch = shapes[i][1];
    f->neurons = shapes[i][2];
    f->modulation.data = dummy;
    a.args.grad_modulation = &grads[QLIF_PARAMETERS];
    for (int p = 0; p < QLIF_PARAMETERS; p++) {
      f->parameters[p] = dummy;
      a.args.grad_parameters[p] = &grads[p];
    }
    CHECK_OK(qlif_kernel_reserve(kernel, f->steps, f->batch, f->neurons, 1));
    CHECK_OK(qlif_tape_open(kernel, 0, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &tape));
    f->tape = tape;
    CHECK_OK(qlif_forward(kernel, f, NULL));
    qlif_emulation_fail("cudaMemsetAsync", 719);
    EXPECT(QLIF_DEVICE_FAULT, "setting gradients to 0", qlif_backward(kernel, BACKWARD_OF(&a), NULL));
    qlif_emulation_capture(1);
    CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&a), NULL));
    qlif_emulation_capture(0);
    for (int p = 0; p <= QLIF_PARAMETERS; p++) CHECK(grads[p] == 0);
    CHECK_OK(qlif_tape_close(tape));
    CHECK(qlif_emulation_memory() == 0);
  }
  qlif_draw_args draw;
  memset(&draw, 0, sizeof draw);
  draw.size = sizeof draw;
  draw.wires = 1;
  draw.elements = (int64_t)1 << 50;
  draw.steps = 1 << 10;
  CHECK_OK(qlif_draw(kernel, &draw, NULL));
  EXPECT(QLIF_INVALID_ARGUMENT, "scratch memory", qlif_kernel_reserve(kernel, 1, (int64_t)1 << 31, (int64_t)1 << 31, 0));
  EXPECT(QLIF_INVALID_ARGUMENT, "tape", qlif_tape_open(kernel, 0, QLIF_TYPE_F32, (int64_t)1 << 61, 1, 1, &tape));
  EXPECT(QLIF_OUT_OF_MEMORY, "tape", qlif_tape_open(kernel, 0, QLIF_TYPE_F32, 1 << 20, 1 << 20, 1 << 20, &tape));
  CHECK_OK(qlif_kernel_close(kernel));
  alarm(0);
}

/* Tapes can't be used on another device; parameters in a device's memory are not checked. */
static void test_what_is_the_devices(void) {
  scenario s;
  do {
    s = random_scenario(3000);
    if (rows_of(&s) > 0) break;
    free_scenario(&s);
  } while (1);
  qlif_forward_args *f = &s.forward;
  qlif_kernel *cuda;
  qlif_kernel *host;
  CHECK_OK(open_kernel(0, &s.config.header, 1, &cuda));
  CHECK_OK(open_kernel(QLIF_HOST, &s.config.header, 1, &host));
  CHECK_OK(qlif_tape_open(host, s.mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &f->tape));
  EXPECT(QLIF_INVALID_ARGUMENT, "tape: got one of device -1, expected the kernel's device, 0", qlif_forward(cuda, f, NULL));
  CHECK_OK(qlif_tape_close(f->tape));
  f->tape = NULL;
  ((float *)f->parameters[QLIF_PARAM_ETA])[0] = NAN;
  CHECK_OK(qlif_forward(cuda, f, NULL));
  EXPECT(QLIF_INVALID_ARGUMENT, "parameters[2] (eta): got nan at index 0", qlif_forward(host, f, NULL));
  CHECK_OK(qlif_kernel_close(cuda));
  CHECK_OK(qlif_kernel_close(host));
  free_scenario(&s);
}

int main(void) {
  test_contexts();
  test_capabilities();
  test_asks_first();
  test_empty_calls();
  test_what_is_the_devices();
  test_draws(30);
  test_errors();
  test_memory(8);
  test_kernels(250);
  test_consecutive_rows(0, 30);
  test_shuffled_rows(0, 15);
  test_rows_of_draws(0, 15);
  test_shared_gradients(0, 30);
  test_shared_state(0, 30);
  test_lent_memory(0, 20);
  test_keys(0, 40);
  test_graphs(20);
  test_lif(0, 20);
  CHECK(qlif_emulation_memory() == 0 && qlif_emulation_holds() == 0);
  puts("all passed");
  return 0;
}
