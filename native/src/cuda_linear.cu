// SPDX-License-Identifier: Apache-2.0
// The linear layer on a CUDA device: launches and memory around the kernels of cuda_linear.h.
#include "cuda_linear.h"

#include <algorithm>
#include <memory>

#include "cuda_calls.h"
#include "linear.h"

namespace qlif {
namespace cuda {

/** Blocks of rows whose sums are in memory at once, and the memory for them, unless a single block needs more. */
constexpr int64_t GROUP_BLOCKS = 32;
constexpr int64_t GROUP_BYTES = 64 << 20;

/** The grid's y for `count` columns, `each` to a block. */
unsigned columns(const char *name, int64_t count, int each) {
  constexpr int64_t MOST = 65535;
  if (count > MOST * each) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got %lld, expected at most %lld on a CUDA device", name, (long long)count, (long long)(MOST * each));
  }
  return blocks(count, each);
}

constexpr int INPUTS = 3;
constexpr Kernel<LinearArgs> FORWARD[INPUTS] = {
    linearForwardKernel<QLIF_INPUT_F32>, linearForwardKernel<QLIF_INPUT_U8>, linearForwardKernel<QLIF_INPUT_BIT>};
constexpr Kernel<LinearBlocks> WEIGHTS[INPUTS] = {
    linearWeightsKernel<QLIF_INPUT_F32>, linearWeightsKernel<QLIF_INPUT_U8>, linearWeightsKernel<QLIF_INPUT_BIT>};

void loadLinear() {
  for (Kernel<LinearArgs> forward : FORWARD) {
    load(forward);
  }
}

void enqueueLinear(const LinearArgs &args, cudaStream_t stream) {
  const int64_t rows = args.steps * args.batch;
  if (rows == 0 || args.outputs == 0) {
    return;
  }
  const dim3 grid(blocks(rows, LINEAR_WARPS), columns("outputs", args.outputs, LINEAR_COLUMNS));
  launch(FORWARD[args.inputType], grid, LINEAR_THREADS, args, stream, "launching the linear layer's forward kernel");
}

class CudaLinear final : public LinearDevice {
 public:
  explicit CudaLinear(int device) : context_(device) {
    OnDevice on(context_);
    RelaxedCapture relaxed;
    loadLinear();
    for (Kernel<LinearBlocks> weights : WEIGHTS) {
      load(weights);
    }
    load(linearTreeKernel);
    load(linearInputKernel);
  }

  void describe(char *text, size_t length) const override {
    qlif_device_info info{};
    describeCuda(context_.ordinal(), info);
    snprintf(text, length, "CUDA, %s, compute capability %d.%d", info.name, info.compute_major, info.compute_minor);
  }

  void forward(const LinearArgs &args, void *stream) override {
    OnDevice on(context_);
    enqueueLinear(args, (cudaStream_t)stream);
  }

  void backward(const LinearArgs &args, void *streamGiven) override {
    OnDevice on(context_);
    cudaStream_t stream = (cudaStream_t)streamGiven;
    const int64_t rows = args.steps * args.batch;
    if (rows == 0 || args.outputs == 0) {
      zero(args.gradWeights, args.inputs * args.outputs, stream);
      zero(args.gradBias, args.outputs, stream);
      zero(args.gradInput, rows * args.inputs, stream);
      return;
    }
    const bool input = args.gradInput != nullptr && args.inputs > 0;
    const dim3 inputGrid(input ? blocks(args.gradOutputShared ? args.batch : rows, TILE) : 0, input ? columns("inputs", args.inputs, TILE) : 0);
    weights(args, stream);
    if (input) {
      launch(linearInputKernel, inputGrid, TILE_THREADS, args, stream, "launching the kernel of the input's gradient");
    }
  }

  void release() override {
    if (context_.handle() != nullptr) {
      context_.release();
    }
  }

 private:
  static void zero(float *to, int64_t count, cudaStream_t stream) {
    if (to != nullptr && count > 0) {
      check(cudaMemsetAsync(to, 0, (size_t)count * sizeof(float), stream), "setting gradients to 0");
    }
  }

  /** The gradients of weights and bias, a group of blocks of rows at a time. */
  static void weights(const LinearArgs &args, cudaStream_t stream) {
    LinearBlocks job{args, 0, args.gradWeights != nullptr ? args.inputs : 0, args.gradWeights, args.gradBias, 0};
    const int64_t rows = job.rows + (args.gradBias != nullptr ? 1 : 0);
    if (rows == 0) {
      return;
    }
    const int64_t count = blocksOf(args.batch);
    const int64_t size = product("inputs * outputs", rows, args.outputs);
    dim3 grid(blocks(rows, LINEAR_ROWS), columns("outputs", args.outputs, LINEAR_COLUMNS));
    if (count == 1) {
      launch(WEIGHTS[args.inputType], grid, LINEAR_THREADS, job, stream, "launching the kernel of the weights' gradients");
      return;
    }
    int64_t group = 1;
    while (group < GROUP_BLOCKS && group < count && 2 * group * size <= GROUP_BYTES / (int64_t)sizeof(float)) {
      group *= 2;
    }
    int64_t levels = 0;
    while ((count - 1) / group >> levels != 0) {
      levels++;
    }
    const char *name = "memory for sums of blocks";
    StreamMemory memory((uint64_t)product(name, product(name, group + levels, size), sizeof(float)), stream,
        "allocating memory for sums of blocks");
    job.weights = memory.floats();
    job.bias = args.gradBias != nullptr ? memory.floats() + job.rows * args.outputs : nullptr;
    job.stride = size;
    LinearTree tree{memory.floats(), size, 0, 0, false, memory.floats() + group * size, args.gradWeights, job.rows * args.outputs, args.gradBias};
    for (; job.firstBlock < count; job.firstBlock += group, tree.group++) {
      tree.count = std::min(group, count - job.firstBlock);
      tree.last = job.firstBlock + group >= count;
      grid.z = (unsigned)tree.count;
      launch(WEIGHTS[args.inputType], grid, LINEAR_THREADS, job, stream, "launching the kernel of the weights' gradients");
      launch(linearTreeKernel, dim3(blocks(size, TREE_THREADS)), TREE_THREADS, tree, stream, "launching the sum over blocks");
    }
    memory.release();
  }

  Context context_;
};

}  // namespace cuda

std::unique_ptr<LinearDevice> openCudaLinear(int device) {
  cuda::requireDevice(device);
  return std::make_unique<cuda::CudaLinear>(device);
}

}  // namespace qlif
