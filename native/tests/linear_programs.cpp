// SPDX-License-Identifier: Apache-2.0
// Compares the linear layer's kernels for both instruction sets, below the C interface, bit for bit. tests/linear.c compares those that the
// library uses here with the definition.
#include <stdio.h>
#include <string.h>

#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "../src/linear_kernels.h"
#include "qlif.h"

using namespace qlif;

namespace {

std::mt19937_64 numbers(11);

int64_t among(int64_t low, int64_t high) { return low + (int64_t)(numbers() % (uint64_t)(high - low + 1)); }

std::vector<float> floats(int64_t count) {
  std::vector<float> values((size_t)count);
  const float odd[] = {NAN, INFINITY, -INFINITY, -0.0f, 0, 0x1p-149f};
  for (float &value : values) {
    value = among(0, 399) == 0 ? odd[among(0, 5)] : (float)among(-1 << 20, 1 << 20) * 0x1p-20f;
  }
  return values;
}

using Run = void (*)(const LinearJob &job, int64_t part, void *worker);

/** Does a job in parts of the program's size. */
void runParts(const LinearArgs &args, int64_t rows, int64_t most, size_t (*bytes)(const LinearJob &), Run run) {
  const LinearJob job{args, LinearParts{rows, (rows + most - 1) / most}};
  const size_t length = bytes(job) + 64;
  const std::unique_ptr<char[]> memory(new char[length]);
  void *worker = memory.get();
  size_t room = length;
  std::align(64, bytes(job), worker, room);
  for (int64_t part = 0; part < job.parts.count; part++) {
    run(job, part, worker);
  }
}

/** Output and gradients, one after another. */
std::vector<float> results(const LinearProgram &program, LinearArgs args) {
  const int64_t rows = args.steps * args.batch;
  const int64_t gradRows = args.gradOutputShared ? args.batch : rows;
  const int64_t sizes[] = {rows * args.outputs, args.inputs * args.outputs, args.outputs, gradRows * args.inputs};
  std::vector<float> all((size_t)(sizes[0] + sizes[1] + sizes[2] + sizes[3]), 1e30f);
  args.output = all.data();
  args.gradWeights = args.output + sizes[0];
  args.gradBias = args.gradWeights + sizes[1];
  args.gradInput = args.gradBias + sizes[2];
  runParts(args, rows, program.inputRows, program.forwardBytes, program.forward);
  runParts(args, args.inputs + 1, program.weightRows(args), program.weightsBytes, program.weights);
  runParts(args, gradRows, program.inputRows, program.inputBytes, program.input);
  return all;
}

/** Ignores the payload of NaN. */
bool same(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b)); }

}  // namespace

int main() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512cd") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    puts("skipped: this CPU runs the kernels of one instruction set alone");
    return 77;
  }
  for (int round = 0; round < 300; round++) {
    LinearArgs args{};
    args.steps = among(1, 3);
    args.batch = among(1, 150);
    args.inputs = among(1, round % 10 == 0 ? 1300 : 200);
    args.outputs = among(1, 150);
    args.rows = args.batch;
    args.columns = args.outputs;
    args.outputStep = args.batch * args.outputs;
    args.outputRow = args.outputs;
    args.inputType = (int32_t)among(0, 2);
    const int64_t share = among(0, 6) == 0 ? 100 : among(0, 100);
    const bool plain = among(0, 1);
    const int64_t count = args.steps * args.batch * args.inputs;
    const int64_t words = (args.batch * args.inputs + 63) / 64;
    std::vector<float> x = floats(count);
    std::vector<uint8_t> bytes((size_t)count);
    std::vector<uint64_t> bits((size_t)(args.steps * words));
    for (int64_t i = 0; i < count; i++) {
      const bool counts = among(0, 99) < share;
      const int64_t bit = i % (args.batch * args.inputs);
      x[(size_t)i] = !counts ? 0 : plain ? 1 : x[(size_t)i];
      bytes[(size_t)i] = counts;
      bits[(size_t)(i / (args.batch * args.inputs) * words + bit / 64)] |= (uint64_t)counts << bit % 64;
    }
    args.input = args.inputType == QLIF_INPUT_F32  ? (const void *)x.data()
                 : args.inputType == QLIF_INPUT_U8 ? (const void *)bytes.data()
                                                   : (const void *)bits.data();
    const std::vector<float> weights = floats(args.inputs * args.outputs);
    const std::vector<float> bias = floats(args.outputs);
    args.gradOutputShared = among(0, 3) == 0;
    const std::vector<float> gradient = floats((args.gradOutputShared ? 1 : args.steps) * args.batch * args.outputs);
    args.weights = weights.data();
    args.bias = among(0, 2) == 0 ? nullptr : bias.data();
    args.gradOutput = gradient.data();
    const std::vector<float> v3 = results(linearProgramV3(), args);
    const std::vector<float> v4 = results(linearProgramV4(), args);
    for (size_t i = 0; i < v3.size(); i++) {
      if (!same(v3[i], v4[i])) {
        fprintf(stderr, "round %d, (%lld, %lld, %lld) to %lld, input %d, %lld %% set: result %zu is %a for x86-64-v3, %a for v4\n", round,
            (long long)args.steps, (long long)args.batch, (long long)args.inputs, (long long)args.outputs, args.inputType, (long long)share, i,
            v3[i], v4[i]);
        return 1;
      }
    }
  }
  puts("all passed");
  return 0;
#else
  puts("skipped: there are kernels of one instruction set alone");
  return 77;
#endif
}
