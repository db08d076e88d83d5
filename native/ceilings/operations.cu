// SPDX-License-Identifier: Apache-2.0
// A step's arithmetic and memory accesses as straight-line code, to be counted by native/operations: the least that a step takes, as compiled
// for a GPU, without the bookkeeping of a kernel that serves every call. Never run.
//
// The stride between steps is a constant here, so that there is no address arithmetic, of which a kernel for all shapes has some.
//
// Each kernel does PAIRS pairs of steps. The difference between two kernels is what the additional pairs take; everything around the steps
// cancels out.
//
// The backward kernels repeat the steps once, in registers, from the state before the first one, and walk them back.
#include "../src/models.h"

using namespace qlif;

namespace {

constexpr int64_t ELEMENTS = 1 << 18;

template <class Model>
struct Call {
  typename Model::Options options;
  typename Model::Constants constants;
  const float *parameters[Model::PARAMETERS];
  const float *input;
  const float *upstream;
  float *state;
  uint8_t *spikes;
  float *voltages;
  uint32_t *bits;
  float *gradInput;
  float *sums;
  RoundKeys keys;
  uint32_t stream;
  uint32_t pair;
};

/** With a known surrogate, since a step computes only one of them. */
template <class Model>
__device__ __forceinline__ typename Model::Constants constantsOf(const Call<Model> &call) {
  typename Model::Constants constants = call.constants;
  constants.surrogate = QLIF_SURROGATE_HEAVISIDE;
  return constants;
}

template <class Model, class Neuron>
__device__ __forceinline__ void open(Neuron &neuron, const Call<Model> &call, int64_t e) {
  float given[Model::PARAMETERS];
#pragma unroll
  for (int i = 0; i < Model::PARAMETERS; i++) {
    given[i] = call.parameters[i][e];
  }
  neuron.parameters = Model::parametersOf(call.constants, given);
  Model::State::each(neuron.state, [&](Variable variable, float &x) { x = call.state[variable.number * ELEMENTS + e]; });
}

template <class Model>
__device__ __forceinline__ void close(const typename Model::State &state, const Call<Model> &call, int64_t e) {
  Model::State::each(state, [&](Variable variable, float x) { call.state[variable.number * ELEMENTS + e] = x; });
}

template <class Model, class S, bool TAPE, int PAIRS>
__device__ __forceinline__ void forwardSteps(const Call<Model> &call) {
  const int64_t e = (int64_t)blockIdx.x * 128 + threadIdx.x;
  const S on(call.options);
  const typename Model::Constants constants = constantsOf(call);
  typename Model::template Neuron<S> neuron(on, constants);
  open(neuron, call, e);
  int64_t index = e;
  int64_t half = e / 32;
#pragma unroll
  for (int pair = 0; pair < PAIRS; pair++) {
    Words words{};
    float radius = 0;
    if (on().drawsUniforms()) {
      words = philox((uint64_t)e, (uint64_t)(call.pair + pair) * 2, call.stream, call.keys);
    }
    if (on().drawsNormals()) {
      radius = qlif::radius(words);
    }
#pragma unroll
    for (int odd = 0; odd < 2; odd++) {
      typename Model::Step x;
      neuron.integrate(x, __ldcs(call.input + index));
      if constexpr (Model::DRAWS) {
        if (on().drawsNormals()) {
          const float turn = uniform(words.w3);
          neuron.addNoise(x, radius * (odd ? sin2pi(turn) : cos2pi(turn)));
        }
      }
      neuron.decide(x);
      const bool fired = neuron.fires(x, [&](int) { return uniform(odd ? words.w1 : words.w0); });
      neuron.settle(x, fired);
      call.spikes[index] = fired ? 1 : 0;
      if (TAPE) {
        const uint32_t word = __ballot_sync(0xffffffffu, fired);
        if (threadIdx.x % 32 == 0) {
          call.bits[half] = word;
        }
        half += ELEMENTS / 32;
        if (on().drawsNormals()) {
          call.voltages[index] = x.vPre;
        }
      }
      index += ELEMENTS;
    }
  }
  close<Model>(neuron.state, call, e);
}

template <class Model, class S, int PAIRS>
__device__ __forceinline__ void backwardSteps(const Call<Model> &call) {
  const int64_t e = (int64_t)blockIdx.x * 128 + threadIdx.x;
  const S on(call.options);
  const typename Model::Constants constants = constantsOf(call);
  typename Model::template Neuron<S> neuron(on, constants);
  open(neuron, call, e);
  typename Model::Step steps[2 * PAIRS];
  float inputs[2 * PAIRS];
  bool fired[2 * PAIRS];
  int64_t index = e;
  int64_t half = e / 32;
#pragma unroll
  for (int t = 0; t < 2 * PAIRS; t++) {
    typename Model::Step &x = steps[t];
    inputs[t] = __ldcs(call.input + index);
    neuron.integrate(x, inputs[t]);
    if (on().drawsNormals()) {
      x.vPre = __ldcs(call.voltages + index);
    }
    fired[t] = __ldg(call.bits + half) >> (e % 32) & 1;
    neuron.replay(x, fired[t]);
    index += ELEMENTS;
    half += ELEMENTS / 32;
  }
  // The adjoints, then the parameters' gradients.
  typename Model::State adj;
  int carriers = 0;
  Model::State::each(adj, [&](Variable variable, float &x) { x = variable.carriesGradient ? call.sums[carriers++] : 0.0f; });
  typename Model::Parameters grad{};
#pragma unroll
  for (int t = 2 * PAIRS - 1; t >= 0; t--) {
    index -= ELEMENTS;
    neuron.restore(steps[t], Model::Kept::of(steps[t]), inputs[t], fired[t]);
    call.gradInput[index] = neuron.backward(steps[t], __ldcs(call.upstream + index), 0.0f, adj, grad);
  }
  int row = 0;
  Model::State::each(adj, [&](Variable variable, float x) {
    if (variable.carriesGradient) {
      call.sums[row++ * ELEMENTS + e] = x;
    }
  });
  Model::Parameters::each(grad, [&](int, float x) { call.sums[row++ * ELEMENTS + e] = x; });
}

using Full = Fixed<QlifOptions, DEFAULT_OPTIONS.bits>;
using Plain = Fixed<QlifOptions, PLAIN_LIF_OPTIONS.bits>;
using Lif = Fixed<LifOptions, 0>;

}  // namespace

#define QLIF_KERNEL(NAME, MODEL, STEPS) \
  extern "C" __global__ void __launch_bounds__(128) NAME(const __grid_constant__ Call<MODEL> call) { STEPS(call); }
#define QLIF_KERNELS(NAME, MODEL, S, PAIRS)                                                   \
  QLIF_KERNEL(NAME##_forward_##PAIRS, MODEL, (forwardSteps<MODEL, S, false, PAIRS>))          \
  QLIF_KERNEL(NAME##_forward_taped_##PAIRS, MODEL, (forwardSteps<MODEL, S, true, PAIRS>))     \
  QLIF_KERNEL(NAME##_backward_##PAIRS, MODEL, (backwardSteps<MODEL, S, PAIRS>))
// QLIF by default, its preset plain-lif, and the LIF model.
#define QLIF_COUNTED(PAIRS)                        \
  QLIF_KERNELS(full, QlifModel, Full, PAIRS)       \
  QLIF_KERNELS(plain_lif, QlifModel, Plain, PAIRS) \
  QLIF_KERNELS(lif, LifModel, Lif, PAIRS)

QLIF_COUNTED(1)
QLIF_COUNTED(3)
