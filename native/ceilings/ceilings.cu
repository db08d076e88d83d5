// SPDX-License-Identifier: Apache-2.0
// Measures a GPU's peak rates: bytes copied, and instructions issued, by kind. Prints JSON, from which lower bounds are computed.
//
//   ceilings [DEVICE]     the number of a CUDA device, 0 by default
//
// Instruction rates are given as thread instructions per second, with full multiprocessors and independent chains, and as warp instructions
// per clock and scheduler, by the multiprocessor's own clock. Each loop has 128 instructions of one kind; the loop's own three are not
// counted. "mixed" is the issue rate, the best that any program can reach: multiply-adds and logic, which go to different units, so that only
// the scheduler limits them.
//
// The instructions are in assembly so that the compiler can't remove any; the operands change so that the assembler can't merge neighbours.
#include <cuda_runtime.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <vector>

namespace {

constexpr int THREADS = 256;
constexpr int CHAINS = 8;
constexpr int UNROLLED = 16;  // times CHAINS instructions per loop
constexpr int LOOPS = 2048;
constexpr int SCHEDULERS = 4;  // per multiprocessor, since compute capability 5.0
constexpr int REPEATS = 9;

void check(cudaError_t error, const char *doing) {
  if (error != cudaSuccess) {
    fprintf(stderr, "ceilings: CUDA error %d, %s (%s), when %s\n", (int)error, cudaGetErrorName(error), cudaGetErrorString(error), doing);
    exit(1);
  }
}

// ---------------------------------------------------------------- instructions

enum Kind { FMA, LOGIC, WIDE, SPECIAL, MIXED };

/** One instruction on chain i. */
template <int KIND>
__device__ __forceinline__ void instruction(int i, float (&x)[CHAINS], uint32_t (&w)[CHAINS], uint64_t (&d)[CHAINS], float a, float b,
    uint32_t m) {
  if constexpr (KIND == FMA) {
    asm volatile("fma.rn.f32 %0, %0, %1, %2;" : "+f"(x[i]) : "f"(a), "f"(b));
  } else if constexpr (KIND == LOGIC) {
    // Nonlinear in three chains, so that it can't be simplified.
    asm volatile("lop3.b32 %0, %0, %1, %2, 0x2d;" : "+r"(w[i]) : "r"(w[(i + 1) % CHAINS]), "r"(w[(i + 3) % CHAINS]));
  } else if constexpr (KIND == WIDE) {
    // The high half of a product is a factor of the next one; with the low half, the assembler could combine products.
    asm volatile("{ .reg .u32 low, high; mov.b64 {low, high}, %0; mul.wide.u32 %0, high, %1; }" : "+l"(d[i]) : "r"(m));
  } else if constexpr (KIND == SPECIAL) {
    asm volatile("ex2.approx.ftz.f32 %0, %0;" : "+f"(x[i]));
  } else {
    instruction<FMA>(i, x, w, d, a, b, m);
  }
}

template <int KIND>
__global__ void __launch_bounds__(THREADS) issue(float a, float b, uint32_t m, uint32_t *sink, long long *clocks) {
  float x[CHAINS];
  uint32_t w[CHAINS];
  uint64_t d[CHAINS];
  for (int i = 0; i < CHAINS; i++) {
    x[i] = a * (float)(threadIdx.x + i);
    w[i] = m * (threadIdx.x + i);
    d[i] = (uint64_t)m * (threadIdx.x + i + 1);
  }
  __syncthreads();
  const long long begin = clock64();
#pragma unroll 1
  for (int loop = 0; loop < LOOPS; loop++) {
#pragma unroll
    for (int k = 0; k < UNROLLED; k++) {
#pragma unroll
      for (int i = 0; i < CHAINS; i++) {
        // Three multiply-adds to one logic instruction keep both units below their limits.
        if (KIND == MIXED && i % 4 == 3) {
          instruction<LOGIC>(i, x, w, d, a, b, m);
        } else {
          instruction<KIND>(i, x, w, d, a, b, m);
        }
      }
    }
  }
  __syncthreads();
  const long long end = clock64();
  uint32_t all = 0;
  for (int i = 0; i < CHAINS; i++) {
    all ^= __float_as_uint(x[i]) ^ w[i] ^ (uint32_t)d[i];
  }
  // Never true, but the compiler can't know that.
  if (all == 0x12345678u) {
    *sink = all;
  }
  if (threadIdx.x == 0) {
    clocks[blockIdx.x] = end - begin;
  }
}

struct Rate {
  double perSecond;  // thread instructions
  double perClockAndScheduler;  // warp instructions
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/** Milliseconds that work on the default stream takes: the median of REPEATS runs, after one for warm-up. */
template <class Work>
double milliseconds(Work work) {
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin), "creating an event");
  check(cudaEventCreate(&end), "creating an event");
  std::vector<double> times;
  for (int repeat = -1; repeat < REPEATS; repeat++) {
    check(cudaEventRecord(begin), "recording an event");
    work();
    check(cudaGetLastError(), "launching");
    check(cudaEventRecord(end), "recording an event");
    check(cudaEventSynchronize(end), "waiting");
    float time = 0;
    check(cudaEventElapsedTime(&time, begin, end), "reading events");
    if (repeat >= 0) {
      times.push_back(time);
    }
  }
  check(cudaEventDestroy(begin), "destroying an event");
  check(cudaEventDestroy(end), "destroying an event");
  return median(times);
}

template <int KIND>
Rate rate(const cudaDeviceProp &device) {
  int resident = 0;
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, issue<KIND>, THREADS, 0), "asking for the occupancy");
  const int blocks = resident * device.multiProcessorCount;
  uint32_t *sink = nullptr;
  long long *clocks = nullptr;
  check(cudaMalloc(&sink, sizeof *sink), "allocating");
  check(cudaMalloc(&clocks, (size_t)blocks * sizeof *clocks), "allocating");
  const double time = milliseconds([&] { issue<KIND><<<blocks, THREADS>>>(0.999f, 1e-3f, 0xD2511F53u, sink, clocks); });
  std::vector<long long> found((size_t)blocks);
  check(cudaMemcpy(found.data(), clocks, (size_t)blocks * sizeof *clocks, cudaMemcpyDeviceToHost), "copying clocks");
  check(cudaFree(sink), "freeing");
  check(cudaFree(clocks), "freeing");
  const double each = (double)CHAINS * UNROLLED * LOOPS;
  std::vector<double> took(found.begin(), found.end());
  Rate result;
  result.perSecond = each * THREADS * blocks / (time * 1e-3);
  result.perClockAndScheduler = each * (THREADS / 32) * resident / median(took) / SCHEDULERS;
  return result;
}

// ---------------------------------------------------------------- bytes

__global__ void __launch_bounds__(THREADS) copy(const float4 *__restrict__ from, float4 *__restrict__ to, size_t count) {
  for (size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x; i < count; i += (size_t)gridDim.x * THREADS) {
    __stcs(to + i, __ldcs(from + i));
  }
}

struct Copy {
  size_t bytes;  // of the array that is copied
  double kernel;  // bytes read and written per second
  double driver;
};

Copy copyOf(size_t bytes, const cudaDeviceProp &device) {
  void *from = nullptr;
  void *to = nullptr;
  check(cudaMalloc(&from, bytes), "allocating what is copied");
  check(cudaMalloc(&to, bytes), "allocating what is copied to");
  check(cudaMemset(from, 1, bytes), "filling");
  const int blocks = device.multiProcessorCount * (device.maxThreadsPerMultiProcessor / THREADS) * 4;
  Copy result{bytes, 0, 0};
  result.kernel = 2.0 * (double)bytes / (1e-3 * milliseconds([&] {
    copy<<<blocks, THREADS>>>((const float4 *)from, (float4 *)to, bytes / sizeof(float4));
  }));
  result.driver = 2.0 * (double)bytes / (1e-3 * milliseconds([&] {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice), "copying");
  }));
  check(cudaFree(from), "freeing");
  check(cudaFree(to), "freeing");
  return result;
}

/** Prints the name in quotation marks; device names contain none. */
void print(const char *name, const Rate &rate, const char *end) {
  printf("    \"%s\": {\"per_second\": %.6g, \"per_clock_and_scheduler\": %.4f}%s\n", name, rate.perSecond, rate.perClockAndScheduler, end);
}

}  // namespace

int main(int argc, char **argv) {
  char *end = nullptr;
  const long number = argc > 1 ? strtol(argv[1], &end, 10) : 0;
  if (argc > 2 || (argc > 1 && (*argv[1] == 0 || *end != 0 || number < 0))) {
    fprintf(stderr, "usage: ceilings [DEVICE], a CUDA device's number; got '%s'\n", argc > 1 ? argv[1] : "");
    return 2;
  }
  int count = 0;
  check(cudaGetDeviceCount(&count), "counting devices");
  if (number >= count) {
    fprintf(stderr, "ceilings: device: got %ld, but there are %d CUDA devices, numbered from 0\n", number, count);
    return 1;
  }
  check(cudaSetDevice((int)number), "choosing the device");
  cudaDeviceProp device;
  check(cudaGetDeviceProperties(&device, (int)number), "asking for the device's properties");
  size_t available = 0;
  size_t total = 0;
  check(cudaMemGetInfo(&available, &total), "asking for free memory");

  std::vector<Copy> copies;
  for (size_t bytes = (size_t)256 << 20; bytes <= (size_t)4 << 30 && 2 * bytes <= available / 10 * 9; bytes *= 4) {
    copies.push_back(copyOf(bytes, device));
  }
  double best = 0;
  for (const Copy &each : copies) {
    // Well beyond the cache, which still serves part of arrays a few times its size.
    if (each.bytes >= 4 * (size_t)device.l2CacheSize) {
      best = std::max({best, each.kernel, each.driver});
    }
  }
  if (best == 0) {
    fprintf(stderr, "ceilings: too little free memory to copy beyond the cache: %zu bytes\n", available);
    return 1;
  }

  printf("{\n  \"device\": \"%s\",\n  \"compute_capability\": \"%d.%d\",\n  \"multiprocessors\": %d,\n  \"l2_bytes\": %d,\n", device.name,
      device.major, device.minor, device.multiProcessorCount, device.l2CacheSize);
  printf("  \"copy_bytes_per_second\": %.6g,\n  \"copies\": [\n", best);
  for (size_t i = 0; i < copies.size(); i++) {
    printf("    {\"bytes\": %zu, \"kernel_bytes_per_second\": %.6g, \"driver_bytes_per_second\": %.6g}%s\n", copies[i].bytes,
        copies[i].kernel, copies[i].driver, i + 1 < copies.size() ? "," : "");
  }
  printf("  ],\n  \"thread_instructions\": {\n");
  print("fma", rate<FMA>(device), ",");
  print("logic", rate<LOGIC>(device), ",");
  print("multiply_wide", rate<WIDE>(device), ",");
  print("special", rate<SPECIAL>(device), ",");
  print("mixed", rate<MIXED>(device), "");
  printf("  }\n}\n");
  return 0;
}
