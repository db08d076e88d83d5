// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels of the linear layer, with the bits of docs/numerics.md: each sum is computed by one thread, in the order of its
// definition.
//
// Each lane of a warp has LINEAR_WIDTH columns of outputs, 32 apart, so that rows of weights or gradients are read whole. All lanes have the
// same nonzero inputs: the warp lists them first, then adds a row for each, without branches.
#ifndef QLIF_CUDA_LINEAR_H
#define QLIF_CUDA_LINEAR_H

#include "arguments.h"
#include "block_tree.h"
#include "platform.h"

#define QLIF_DEVICE_FN __device__ __forceinline__

namespace qlif {

constexpr int LANES = 32;
constexpr int LINEAR_WARPS = 4;
constexpr int LINEAR_THREADS = LINEAR_WARPS * LANES;
constexpr int LINEAR_WIDTH = 4;
constexpr int LINEAR_COLUMNS = LINEAR_WIDTH * LANES;

/** Inputs that are listed at a time, words of them that are loaded at a time, and rows of weights that are. */
constexpr int LINEAR_LIST = 512;
constexpr int LINEAR_FETCH = 4;
constexpr int LINEAR_AHEAD = 4;

/** Rows of weights whose gradients a warp sums. */
constexpr int LINEAR_SUMS = 8;
constexpr int LINEAR_ROWS = LINEAR_WARPS * LINEAR_SUMS;

static_assert(LINEAR_ROWS == LANES && BLOCK_ROWS == LANES, "a lane has an input, a word a block of rows");

/** For the input's gradient: the rows, and inputs, of a thread block; the outputs it loads at a time; the rows, and inputs, of a thread. */
constexpr int TILE = 64;
constexpr int TILE_DEPTH = 8;
constexpr int TILE_SIDE = 8;
constexpr int TILE_THREADS = TILE / TILE_SIDE * (TILE / TILE_SIDE);
constexpr int TILE_FETCH = TILE * TILE_DEPTH / TILE_THREADS;

constexpr int TREE_THREADS = 256;

/** The input of row b at step t, element = b * K + k. */
template <int INPUT>
QLIF_DEVICE_FN float linearInput(const LinearArgs &args, int64_t t, int64_t element) {
  const int64_t elements = args.batch * args.inputs;
  if constexpr (INPUT == QLIF_INPUT_F32) {
    return __ldg((const float *)args.input + t * elements + element);
  } else if constexpr (INPUT == QLIF_INPUT_U8) {
    return __ldg((const uint8_t *)args.input + t * elements + element) != 0 ? 1.0f : 0.0f;
  } else {
    const int64_t halves = (elements + 63) / 64 * 2;
    const uint32_t word = __ldg((const uint32_t *)args.input + t * halves + element / 32);
    return (word >> element % 32 & 1) != 0 ? 1.0f : 0.0f;
  }
}

/** Adds one term. A spike is 1, so its product is the other factor. */
template <int INPUT>
QLIF_DEVICE_FN float addTerm(float sum, float x, float other) {
  return INPUT == QLIF_INPUT_F32 ? fma(x, other, sum) : sum + other;
}

// ---------------------------------------------------------------- forward

/** The nonzero inputs of a row, in order; for numbers also their values. */
template <int INPUT>
struct LinearList {
  uint16_t numbers[LINEAR_LIST];
  float values[INPUT == QLIF_INPUT_F32 ? LINEAR_LIST : 1];
};

/**
 * Adds the terms of a list. weights: the row for number 0 of the list, at the lane's first column; offsets: from there to its other columns.
 */
template <int INPUT>
QLIF_DEVICE_FN void addListed(float (&sums)[LINEAR_WIDTH], const LinearList<INPUT> &list, int count, const float *weights,
    int64_t outputs, const int (&offsets)[LINEAR_WIDTH]) {
  int i = 0;
#pragma unroll 1
  for (; i + LINEAR_AHEAD <= count; i += LINEAR_AHEAD) {
    float ahead[LINEAR_AHEAD][LINEAR_WIDTH];
#pragma unroll
    for (int j = 0; j < LINEAR_AHEAD; j++) {
      const float *row = weights + list.numbers[i + j] * outputs;
#pragma unroll
      for (int c = 0; c < LINEAR_WIDTH; c++) {
        ahead[j][c] = __ldg(row + offsets[c]);
      }
    }
#pragma unroll
    for (int j = 0; j < LINEAR_AHEAD; j++) {
      const float x = INPUT == QLIF_INPUT_F32 ? list.values[i + j] : 1.0f;
#pragma unroll
      for (int c = 0; c < LINEAR_WIDTH; c++) {
        sums[c] = addTerm<INPUT>(sums[c], x, ahead[j][c]);
      }
    }
  }
#pragma unroll 1
  for (; i < count; i++) {
    const float *row = weights + list.numbers[i] * outputs;
    const float x = INPUT == QLIF_INPUT_F32 ? list.values[i] : 1.0f;
#pragma unroll
    for (int c = 0; c < LINEAR_WIDTH; c++) {
      sums[c] = addTerm<INPUT>(sums[c], x, __ldg(row + offsets[c]));
    }
  }
}

/** A warp for each row and LINEAR_COLUMNS outputs. */
template <int INPUT>
__global__ void __launch_bounds__(LINEAR_THREADS) linearForwardKernel(const __grid_constant__ LinearArgs args) {
  __shared__ LinearList<INPUT> lists[LINEAR_WARPS];
  const int lane = (int)threadIdx.x % LANES;
  LinearList<INPUT> &list = lists[threadIdx.x / LANES];
  const int64_t row = (int64_t)blockIdx.x * LINEAR_WARPS + threadIdx.x / LANES;
  if (row >= args.steps * args.batch) {
    return;  // with the whole warp
  }
  const int64_t t = row / args.batch;
  const int64_t first = (row - t * args.batch) * args.inputs;
  const int64_t column = (int64_t)blockIdx.y * LINEAR_COLUMNS + lane;
  // Past the last output, the last one's weights are read and nothing is written.
  const bool whole = (int64_t)(blockIdx.y + 1) * LINEAR_COLUMNS <= args.outputs;
  int offsets[LINEAR_WIDTH];
  float sums[LINEAR_WIDTH];
#pragma unroll
  for (int c = 0; c < LINEAR_WIDTH; c++) {
    offsets[c] = column + c * LANES < args.outputs ? c * LANES : (int)(args.outputs - 1 - column);
    sums[c] = args.bias != nullptr ? __ldg(args.bias + column + offsets[c]) : 0.0f;
  }
#pragma unroll 1
  for (int64_t from = 0; from < args.inputs; from += LINEAR_LIST) {
    const int length = (int)(args.inputs - from < LINEAR_LIST ? args.inputs - from : LINEAR_LIST);
    int count = 0;
#pragma unroll 1
    for (int begin = 0; begin < length; begin += LINEAR_FETCH * LANES) {
      float x[LINEAR_FETCH];
#pragma unroll
      for (int i = 0; i < LINEAR_FETCH; i++) {
        const int k = begin + i * LANES + lane;
        x[i] = k < length ? linearInput<INPUT>(args, t, first + from + k) : 0.0f;
      }
#pragma unroll
      for (int i = 0; i < LINEAR_FETCH; i++) {
        const bool counts = x[i] != 0.0f;
        const uint32_t all = __ballot_sync(0xffffffffu, counts);
        if (counts) {
          const int place = count + __popc(all & ((1u << lane) - 1));
          list.numbers[place] = (uint16_t)(begin + i * LANES + lane);
          if constexpr (INPUT == QLIF_INPUT_F32) {
            list.values[place] = x[i];
          }
        }
        count += __popc(all);
      }
    }
    __syncwarp();
    const float *weights = args.weights + from * args.outputs + column;
    if (whole) {
      constexpr int APART[LINEAR_WIDTH] = {0, LANES, 2 * LANES, 3 * LANES};
      addListed<INPUT>(sums, list, count, weights, args.outputs, APART);
    } else {
      addListed<INPUT>(sums, list, count, weights, args.outputs, offsets);
    }
    __syncwarp();
  }
#pragma unroll
  for (int c = 0; c < LINEAR_WIDTH; c++) {
    if (column + c * LANES < args.outputs) {
      args.output[row * args.outputs + column + c * LANES] = sums[c];
    }
  }
}

// ---------------------------------------------------------------- gradients of weights and bias

/** The sums of some blocks of rows. */
struct LinearBlocks {
  LinearArgs args;
  int64_t firstBlock;
  int64_t rows;    // rows of weights: K, or 0
  float *weights;  // the first block's, (rows, M)
  float *bias;     // the first block's, (M); null if not wanted
  int64_t stride;  // from one block's sums to the next one's
};

/** Minimum number of blocks per multiprocessor, which limits the registers of a thread. Addressing bits takes too many for 4. */
constexpr int weightsBlocks(int input) { return input == QLIF_INPUT_BIT ? 3 : 4; }

/**
 * A thread block sums LINEAR_ROWS rows of weights, the last of which is followed by the bias, in LINEAR_COLUMNS outputs, over one block of
 * rows of the batch, which is the grid's z.
 */
template <int INPUT>
__global__ void __launch_bounds__(LINEAR_THREADS, weightsBlocks(INPUT)) linearWeightsKernel(const __grid_constant__ LinearBlocks job) {
  constexpr bool UNIT = INPUT != QLIF_INPUT_F32;
  __shared__ float gradients[BLOCK_ROWS][LINEAR_COLUMNS];
  __shared__ float values[UNIT ? 1 : BLOCK_ROWS][LANES];
  // For each input, the rows in which it is nonzero, among those that each warp reads.
  __shared__ uint32_t counting[LINEAR_WARPS][LANES];
  const LinearArgs &args = job.args;
  const int lane = (int)threadIdx.x % LANES;
  const int warp = (int)threadIdx.x / LANES;
  const int64_t b = (job.firstBlock + blockIdx.z) * BLOCK_ROWS;
  const int64_t first = (int64_t)blockIdx.x * LINEAR_ROWS;
  const int64_t column = (int64_t)blockIdx.y * LINEAR_COLUMNS + lane;
  const int64_t k = first + lane;
  const bool isBias = k == job.rows && job.bias != nullptr;
  float x[LINEAR_SUMS];
  float g[LINEAR_SUMS][LINEAR_WIDTH];
  // The number of rows that this warp reads.
  const int64_t firstRow = b + warp * LINEAR_SUMS;
  const int there = args.batch - firstRow < LINEAR_SUMS ? (int)(args.batch - firstRow) : LINEAR_SUMS;
  const int64_t step = args.gradOutputShared ? 0 : args.batch * args.outputs;
  const float *from = args.gradOutput + firstRow * args.outputs + column;
  const int wide = (int)(args.outputs - column < LINEAR_COLUMNS ? args.outputs - column : LINEAR_COLUMNS);
  const int64_t element = firstRow * args.inputs + k;
  const auto fetch = [&](int64_t t) {
    const float *line = from + t * step;
#pragma unroll
    for (int i = 0; i < LINEAR_SUMS; i++) {
      x[i] = i >= there ? 0.0f : k < job.rows ? linearInput<INPUT>(args, t, element + i * args.inputs) : isBias ? 1.0f : 0.0f;
#pragma unroll
      for (int c = 0; c < LINEAR_WIDTH; c++) {
        g[i][c] = i < there && c * LANES < wide ? __ldg(line + c * LANES) : 0.0f;
      }
      line += args.outputs;
    }
  };
  float sums[LINEAR_SUMS][LINEAR_WIDTH] = {};
  fetch(0);
#pragma unroll 1
  for (int64_t t = 0; t < args.steps; t++) {
    uint32_t counts = 0;
#pragma unroll
    for (int i = 0; i < LINEAR_SUMS; i++) {
      const int row = warp * LINEAR_SUMS + i;
      counts |= (x[i] != 0.0f ? 1u : 0u) << row;
      if constexpr (!UNIT) {
        values[row][lane] = x[i];
      }
#pragma unroll
      for (int c = 0; c < LINEAR_WIDTH; c++) {
        gradients[row][c * LANES + lane] = g[i][c];
      }
    }
    counting[warp][lane] = counts;
    __syncthreads();
    if (t + 1 < args.steps) {
      fetch(t + 1);
    }
#pragma unroll
    for (int i = 0; i < LINEAR_SUMS; i++) {
      const int input = warp * LINEAR_SUMS + i;
      uint32_t left = 0;
#pragma unroll
      for (int reader = 0; reader < LINEAR_WARPS; reader++) {
        left |= counting[reader][input];
      }
#pragma unroll 1
      while (left != 0) {
        const int row = __ffs((int)left) - 1;
        left &= left - 1;
        const float factor = UNIT ? 1.0f : values[UNIT ? 0 : row][input];
#pragma unroll
        for (int c = 0; c < LINEAR_WIDTH; c++) {
          sums[i][c] = addTerm<INPUT>(sums[i][c], factor, gradients[row][c * LANES + lane]);
        }
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < LINEAR_SUMS; i++) {
    const int64_t row = first + warp * LINEAR_SUMS + i;
    float *to = row < job.rows ? job.weights + row * args.outputs : row == job.rows ? job.bias : nullptr;
#pragma unroll
    for (int c = 0; c < LINEAR_WIDTH; c++) {
      if (to != nullptr && column + c * LANES < args.outputs) {
        to[blockIdx.z * job.stride + column + c * LANES] = sums[i][c];
      }
    }
  }
}

/** The sums of a group of blocks, to be added to the sum over all blocks. Groups have 2^n blocks, except the last one. */
struct LinearTree {
  float *blocks;  // (count, size)
  int64_t size;   // values in a block: the weights', then the bias's
  int64_t count;
  int64_t group;  // the group's number
  bool last;
  float *subtrees;  // (levels, size): the sums of the latest 2^level groups
  float *weights;
  int64_t weightsSize;
  float *bias;
};

static __global__ void __launch_bounds__(TREE_THREADS) linearTreeKernel(const __grid_constant__ LinearTree job) {
  const int64_t index = (int64_t)blockIdx.x * TREE_THREADS + threadIdx.x;
  if (index >= job.size) {
    return;
  }
  float *blocks = job.blocks + index;
#pragma unroll 1
  for (int64_t stride = 1; stride < job.count; stride *= 2) {
#pragma unroll 1
    for (int64_t i = 0; i + stride < job.count; i += 2 * stride) {
      blocks[i * job.size] += blocks[(i + stride) * job.size];
    }
  }
  float sum = blocks[0];
  // Works like a binary counter of groups; with the last group, adds everything that it holds.
  int level = 0;
#pragma unroll 1
  for (; job.last ? job.group >> level != 0 : (job.group >> level & 1) != 0; level++) {
    if (job.group >> level & 1) {
      sum = job.subtrees[level * job.size + index] + sum;
    }
  }
  if (!job.last) {
    job.subtrees[level * job.size + index] = sum;
  } else if (index < job.weightsSize) {
    job.weights[index] = sum;
  } else {
    job.bias[index - job.weightsSize] = sum;
  }
}

// ---------------------------------------------------------------- gradient of the input

/**
 * A thread block for TILE rows and TILE inputs. If all steps share the gradient, the rows are those of one step, and all steps are written.
 */
static __global__ void __launch_bounds__(TILE_THREADS, 6) linearInputKernel(const __grid_constant__ LinearArgs args) {
  // Lines are multiples of 16 bytes; the padding spreads a warp's stores over the banks.
  alignas(16) __shared__ float gradients[TILE_DEPTH][TILE + 4];
  alignas(16) __shared__ float weights[TILE_DEPTH][TILE + 4];
  constexpr int SIDE = TILE / TILE_SIDE;
  constexpr int HALF_SIDE = TILE_SIDE / 2;
  const int64_t rows = args.gradOutputShared ? args.batch : args.steps * args.batch;
  const int64_t firstRow = (int64_t)blockIdx.x * TILE;
  const int64_t firstInput = (int64_t)blockIdx.y * TILE;
  const int across = (int)threadIdx.x % SIDE;
  const int down = (int)threadIdx.x / SIDE;
  // A thread loads one output of every TILE_STRIDE-th line. Past the last row or input it loads that of the last one.
  constexpr int TILE_STRIDE = TILE_THREADS / TILE_DEPTH;
  const int depth = (int)threadIdx.x % TILE_DEPTH;
  const int line = (int)threadIdx.x / TILE_DEPTH;
  const int rowsLeft = (int)(rows - firstRow < TILE ? rows - firstRow : TILE);
  const int inputsLeft = (int)(args.inputs - firstInput < TILE ? args.inputs - firstInput : TILE);
  const float *fromGradients = args.gradOutput + firstRow * args.outputs + depth;
  const float *fromWeights = args.weights + firstInput * args.outputs + depth;
  float gAhead[TILE_FETCH];
  float wAhead[TILE_FETCH];
  const auto fetch = [&](int64_t m) {
    const bool is = m + depth < args.outputs;
#pragma unroll
    for (int i = 0; i < TILE_FETCH; i++) {
      const int at = line + i * TILE_STRIDE;
      gAhead[i] = is ? __ldg(fromGradients + m + (at < rowsLeft ? at : rowsLeft - 1) * args.outputs) : 0.0f;
      wAhead[i] = is ? __ldg(fromWeights + m + (at < inputsLeft ? at : inputsLeft - 1) * args.outputs) : 0.0f;
    }
  };
  float sums[TILE_SIDE][TILE_SIDE] = {};
  const auto add = [&](int m) {
    float g[TILE_SIDE];
    float w[TILE_SIDE];
#pragma unroll
    for (int i = 0; i < TILE_SIDE; i++) {
      g[i] = gradients[m][down * TILE_SIDE + i];
      // The two halves are far apart, so that a warp reads each bank once.
      w[i] = weights[m][i / HALF_SIDE * (TILE / 2) + across * HALF_SIDE + i % HALF_SIDE];
    }
#pragma unroll
    for (int i = 0; i < TILE_SIDE; i++) {
#pragma unroll
      for (int j = 0; j < TILE_SIDE; j++) {
        sums[i][j] = fma(g[i], w[j], sums[i][j]);
      }
    }
  };
  fetch(0);
#pragma unroll 1
  for (int64_t m = 0; m < args.outputs; m += TILE_DEPTH) {
#pragma unroll
    for (int i = 0; i < TILE_FETCH; i++) {
      gradients[depth][line + i * TILE_STRIDE] = gAhead[i];
      weights[depth][line + i * TILE_STRIDE] = wAhead[i];
    }
    __syncthreads();
    if (m + TILE_DEPTH < args.outputs) {
      fetch(m + TILE_DEPTH);
    }
    if (m + TILE_DEPTH <= args.outputs) {
#pragma unroll
      for (int i = 0; i < TILE_DEPTH; i++) {
        add(i);
      }
    } else {
      // Not padded with zeros, since adding one would turn a sum of -0 into +0.
#pragma unroll 1
      for (int i = 0; i < (int)(args.outputs - m); i++) {
        add(i);
      }
    }
    __syncthreads();
  }
  const int64_t steps = args.gradOutputShared ? args.steps : 1;
#pragma unroll 1
  for (int64_t t = 0; t < steps; t++) {
#pragma unroll
    for (int i = 0; i < TILE_SIDE; i++) {
      const int64_t row = firstRow + down * TILE_SIDE + i;
#pragma unroll
      for (int j = 0; j < TILE_SIDE; j++) {
        const int64_t input = firstInput + j / HALF_SIDE * (TILE / 2) + across * HALF_SIDE + j % HALF_SIDE;
        if (row < rows && input < args.inputs) {
          args.gradInput[(t * args.batch + row) * args.inputs + input] = sums[i][j];
        }
      }
    }
  }
}

}  // namespace qlif

#endif
