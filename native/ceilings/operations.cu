// A step's arithmetic and memory accesses in straight lines, to be counted by native/operations: what a step takes at least, as compiled
// for a GPU, without the bookkeeping of a kernel that serves every call. Never run.
//
// The stride from step to step is a constant here, which leaves no arithmetic of addresses: a kernel for all shapes has some.
//
// Each kernel does PAIRS pairs of steps. What two kernels of different PAIRS differ by is what so many pairs take; what surrounds the
// steps cancels out.
//
// Backward: the steps are done again once, in registers, from the state before the first, and walked back.
#include "../src/neuron.h"

using namespace qlif;

namespace {

constexpr int64_t ELEMENTS = 1 << 18;

struct Call {
  Options options;
  Constants constants;
  const float *parameters[PARAMETERS];
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

/** With the surrogate known: a step does only one of them. */
__device__ __forceinline__ Constants constantsOf(const Call &call) {
  Constants constants = call.constants;
  constants.surrogate = QLIF_SURROGATE_HEAVISIDE;
  return constants;
}

template <class S>
__device__ __forceinline__ void open(Neuron<S> &neuron, const Call &call, int64_t e) {
  neuron.parameters = parametersOf(call.constants, call.parameters[0][e], call.parameters[1][e], call.parameters[2][e],
      call.parameters[3][e], call.parameters[4][e]);
  float *s = call.state + e;
  const int64_t k = ELEMENTS;
  neuron.state = State{s[0], s[k], s[2 * k], s[3 * k], s[4 * k], s[5 * k], s[6 * k], s[7 * k], s[8 * k], s[9 * k], s[10 * k]};
}

__device__ __forceinline__ void close(const State &x, const Call &call, int64_t e) {
  const float values[VARIABLES] = {x.v, x.a, x.s, x.r, x.h, x.d, x.o, x.rate, x.homeostasis, x.m, x.y};
  for (int i = 0; i < VARIABLES; i++) {
    call.state[i * ELEMENTS + e] = values[i];
  }
}

template <class S, bool TAPE, int PAIRS>
__device__ __forceinline__ void forwardSteps(const Call &call) {
  const int64_t e = (int64_t)blockIdx.x * 128 + threadIdx.x;
  const S on(call.options);
  const Constants constants = constantsOf(call);
  Neuron<S> neuron(on, constants);
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
      Step x;
      neuron.integrate(x, __ldcs(call.input + index));
      if (on().drawsNormals()) {
        const float turn = uniform(words.w3);
        neuron.addNoise(x, radius * (odd ? sin2pi(turn) : cos2pi(turn)));
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
  close(neuron.state, call, e);
}

template <class S, int PAIRS>
__device__ __forceinline__ void backwardSteps(const Call &call) {
  const int64_t e = (int64_t)blockIdx.x * 128 + threadIdx.x;
  const S on(call.options);
  const Constants constants = constantsOf(call);
  Neuron<S> neuron(on, constants);
  open(neuron, call, e);
  Step steps[2 * PAIRS];
  bool fired[2 * PAIRS];
  int64_t index = e;
  int64_t half = e / 32;
#pragma unroll
  for (int t = 0; t < 2 * PAIRS; t++) {
    Step &x = steps[t];
    neuron.integrate(x, __ldcs(call.input + index));
    if (on().drawsNormals()) {
      x.vPre = __ldcs(call.voltages + index);
    }
    fired[t] = __ldg(call.bits + half) >> (e % 32) & 1;
    neuron.replay(x, fired[t]);
    index += ELEMENTS;
    half += ELEMENTS / 32;
  }
  Adjoints adj{call.sums[0], call.sums[1], call.sums[2], call.sums[3], call.sums[4], call.sums[5], call.sums[6], call.sums[7]};
  Gradients grad{};
#pragma unroll
  for (int t = 2 * PAIRS - 1; t >= 0; t--) {
    index -= ELEMENTS;
    const Kept kept = Neuron<S>::keep(steps[t]);
    neuron.restore(steps[t], kept, steps[t].input, fired[t]);
    call.gradInput[index] = neuron.backward(steps[t], __ldcs(call.upstream + index), 0.0f, adj, grad);
  }
  const float results[] = {adj.v, adj.a, adj.s, adj.r, adj.d, adj.o, adj.m, adj.y, grad.vTh, grad.leak, grad.eta, grad.alpha, grad.bias};
  for (int i = 0; i < 13; i++) {
    call.sums[i * ELEMENTS + e] = results[i];
  }
}

using Full = Fixed<DEFAULT_OPTIONS.bits>;
using Lif = Fixed<LIF_OPTIONS.bits>;

}  // namespace

#define QLIF_KERNEL(NAME, STEPS) \
  extern "C" __global__ void __launch_bounds__(128) NAME(const __grid_constant__ Call call) { STEPS(call); }
#define QLIF_COUNTED(PAIRS)                                                    \
  QLIF_KERNEL(full_forward_##PAIRS, (forwardSteps<Full, false, PAIRS>))        \
  QLIF_KERNEL(full_forward_taped_##PAIRS, (forwardSteps<Full, true, PAIRS>))   \
  QLIF_KERNEL(full_backward_##PAIRS, (backwardSteps<Full, PAIRS>))             \
  QLIF_KERNEL(lif_forward_##PAIRS, (forwardSteps<Lif, false, PAIRS>))          \
  QLIF_KERNEL(lif_forward_taped_##PAIRS, (forwardSteps<Lif, true, PAIRS>))     \
  QLIF_KERNEL(lif_backward_##PAIRS, (backwardSteps<Lif, PAIRS>))

QLIF_COUNTED(1)
QLIF_COUNTED(3)
