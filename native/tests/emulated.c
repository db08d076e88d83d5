/*
 * The CUDA device, emulated: its kernels against the host's, bit for bit, and its errors, capture and memory.
 */
#include "scenario.h"

/* Of the emulation; see emulation/cuda_runtime.h. */
void qlif_emulation_fail(const char *call, int error);
void qlif_emulation_capture(int capturing);
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
    scenario host = random_scenario(12000);
    scenario cuda = again(&host);
    run_on(&host, QLIF_HOST, 1);
    run_on(&cuda, 0, 1);
    same_results(&host, &cuda);
    free_outputs(&cuda);
    free_scenario(&host);
  }
  CHECK(qlif_emulation_memory() == 0 && qlif_emulation_holds() == 0);
}

static void test_draws(int rounds) {
  for (int i = 0; i < rounds; i++) {
    qlif_config config = default_config();
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
      CHECK_OK(qlif_kernel_open(device - 1, &config, 1, &kernel));
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

/* The primary context is held by each kernel and tape, and no thread is left in it. */
static void test_contexts(void) {
  qlif_config config = default_config();
  qlif_kernel *kernel;
  qlif_tape *tape;
  qlif_emulation_fail("cudaGetDriverEntryPointByVersion", 1);
  EXPECT(QLIF_UNAVAILABLE, "cuDeviceGet", qlif_kernel_open(0, &config, 1, &kernel));
  qlif_emulation_fail("cuDevicePrimaryCtxRetain", 2);
  EXPECT(QLIF_OUT_OF_MEMORY, "primary context", qlif_kernel_open(0, &config, 1, &kernel));
  qlif_emulation_fail("cuCtxPushCurrent", 709);
  EXPECT(QLIF_DEVICE_FAULT, "primary context", qlif_kernel_open(0, &config, 1, &kernel));
  CHECK(qlif_emulation_holds() == 0);
  CHECK_OK(qlif_kernel_open(0, &config, 1, &kernel));
  CHECK(qlif_emulation_holds() == 1);
  qlif_emulation_fail("cudaMalloc", 2);
  EXPECT(QLIF_OUT_OF_MEMORY, "tape", qlif_tape_open(kernel, 0, 4, 5, 6, &tape));
  CHECK(qlif_emulation_holds() == 1);
  CHECK_OK(qlif_tape_open(kernel, 0, 4, 5, 6, &tape));
  CHECK(qlif_emulation_holds() == 2);
  CHECK_OK(qlif_kernel_close(kernel));
  CHECK(qlif_emulation_holds() == 1);
  qlif_emulation_fail("cuDevicePrimaryCtxRelease", 709);
  EXPECT(QLIF_DEVICE_FAULT, "releasing", qlif_tape_close(tape));
  CHECK(qlif_emulation_memory() == 0 && qlif_emulation_holds() == 0);
}

static void test_errors(void) {
  qlif_config config = default_config();
  qlif_kernel *kernel;
  qlif_tape *tape;
  int32_t count;
  qlif_emulation_fail("cudaGetDeviceCount", 35);
  EXPECT(QLIF_UNAVAILABLE, "counting", qlif_device_count(&count));
  CHECK(qlif_last_cuda_error() == 35);
  qlif_emulation_fail("cudaGetDeviceCount", 100);
  EXPECT(QLIF_UNAVAILABLE, "counting", qlif_kernel_open(0, &config, 1, &kernel));
  CHECK_OK(qlif_kernel_open(0, &config, 1, &kernel));
  qlif_emulation_fail("cudaMalloc", 2);
  EXPECT(QLIF_OUT_OF_MEMORY, "tape", qlif_tape_open(kernel, 0, 4, 5, 6, &tape));
  CHECK(qlif_last_cuda_error() == 2);

  scenario s = random_scenario(3000);
  while (rows_of(&s) == 0) {
    free_scenario(&s);
    s = random_scenario(3000);
  }
  qlif_forward_args *f = &s.args.forward;
  CHECK_OK(qlif_kernel_close(kernel));
  CHECK_OK(qlif_kernel_open(0, &s.config, 1, &kernel));
  CHECK_OK(qlif_tape_open(kernel, s.mode, f->steps, f->batch, f->neurons, &tape));
  CHECK(qlif_tape_bytes(tape) == qlif_emulation_memory());
  f->tape = tape;
  qlif_emulation_fail("cudaLaunchKernel", 719);
  EXPECT(QLIF_DEVICE_FAULT, "unusable in this process", qlif_forward(kernel, f, NULL));
  EXPECT(QLIF_INVALID_ARGUMENT, "holds no forward call", qlif_backward(kernel, &s.args, NULL));
  qlif_emulation_fail("cudaLaunchKernel", 1);
  EXPECT(QLIF_CUDA_ERROR, "forward kernel", qlif_forward(kernel, f, NULL));
  CHECK_OK(qlif_forward(kernel, f, NULL));
  qlif_emulation_fail("cudaMalloc", 2);
  EXPECT(QLIF_OUT_OF_MEMORY, "scratch", qlif_backward(kernel, &s.args, NULL));
  CHECK_OK(qlif_backward(kernel, &s.args, NULL));

  /* Calls that are captured into a graph: no allocation, and what the graph holds stays. */
  CHECK_OK(qlif_kernel_close(kernel));
  CHECK_OK(qlif_kernel_open(0, &s.config, 1, &kernel));
  uint64_t before = qlif_emulation_memory();
  qlif_emulation_capture(1);
  EXPECT(QLIF_INVALID_ARGUMENT, "qlif_kernel_reserve", qlif_backward(kernel, &s.args, NULL));
  CHECK(qlif_emulation_memory() == before);
  qlif_emulation_capture(0);
  CHECK_OK(qlif_kernel_reserve(kernel, f->steps, f->batch, f->neurons, 1));
  uint64_t reserved = qlif_emulation_memory();
  CHECK(reserved > before);
  qlif_emulation_capture(1);
  CHECK_OK(qlif_backward(kernel, &s.args, NULL));
  CHECK(qlif_emulation_memory() == reserved);
  qlif_emulation_capture(0);
  CHECK_OK(qlif_kernel_reserve(kernel, f->steps * 3, f->batch * 2, f->neurons * 2, 1));
  CHECK(qlif_emulation_memory() >= reserved + 6 * (reserved - before));

  /* Closing reports a failure of the work before it, and frees all the same; the tape outlives the kernel whose call it waits for. */
  qlif_emulation_fail("cudaEventSynchronize", 700);
  EXPECT(QLIF_DEVICE_FAULT, "waiting", qlif_kernel_close(kernel));
  qlif_emulation_fail("cudaEventSynchronize", 700);
  EXPECT(QLIF_DEVICE_FAULT, "waiting", qlif_tape_close(tape));
  CHECK(qlif_emulation_memory() == 0 && qlif_emulation_holds() == 0);
  f->tape = NULL;
  free_scenario(&s);
}

int main(void) {
  test_contexts();
  test_draws(30);
  test_errors();
  test_kernels(250);
  puts("all passed");
  return 0;
}
