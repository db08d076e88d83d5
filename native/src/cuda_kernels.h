// The CUDA kernels: one thread an element, all time steps in one launch, the neuron's state in registers. The arithmetic is neuron.h's.
//
// Neighbouring threads are neighbouring elements, so every access to a (T, B, N) tensor is one row segment a warp. Threads past the last
// element do the last element's work again and store nothing, which keeps warps whole for the spike bits. Indices are 64 bit.
//
// Written against few of CUDA's names, so that tests/emulate_cuda.cpp can run the same kernels on the host.
#ifndef QLIF_CUDA_KERNELS_H
#define QLIF_CUDA_KERNELS_H

#include "neuron.h"

#define QLIF_DEVICE_FN __device__ __forceinline__

namespace qlif {

constexpr int FORWARD_THREADS = 128;
constexpr int BACKWARD_THREADS = 128;
constexpr int DRAW_THREADS = 256;
constexpr int SUM_THREADS = 256;

/** Inputs that a forward thread has under way: the next step's row is far away in memory. */
constexpr int AHEAD = 4;

/** Steps that the backward pass replays, keeps and walks back at a time. */
constexpr int GROUP = 8;
constexpr int GROUPS = SEGMENT / GROUP;

/** A tape in device memory. */
struct CudaTapeView {
  float *voltages;     // (T, elements), V'; null in COMPACT mode
  uint32_t *bits;      // (T, 2 words): the halves of 64-bit words
  float *checkpoints;  // (count, VARIABLES, elements): number c is the state before step SEGMENT * (c + 1)
};

struct CudaForward {
  Options options;
  Constants constants;
  qlif_forward_args args;
  int64_t elements;  // more than 0
  CudaTapeView tape;  // bits is null: none
  bool drawsUniforms;
  bool drawsNormals;
  bool traces;  // whether any is asked for
  uint64_t wireKeys[MAX_WIRES / 2 + 1];
};

struct CudaBackward {
  CudaForward forward;
  const float *gradSpikeValues;
  const float *gradVoltages;
  const float *gradFinalState[VARIABLES];
  float *gradInput;
  float *gradInitialState[VARIABLES];
  float *sums;             // (PARAMETERS + 1, elements): sums over time, the last row the modulation's
  float *modulationSteps;  // (T, elements), or null
};

/** A sum over rows of the batch, or over neurons, or both, of (groups, rows, neurons) values. */
struct SumJob {
  const float *values;
  int64_t groups;
  int64_t rows;
  int64_t neurons;
  bool overNeurons;
  double *partial;  // (groups, neurons): the sums over rows, on the way to those over neurons; null where there is one row
  float *result;    // null: no job
};

struct SumJobs {
  SumJob jobs[PARAMETERS];
};

/** A thread's element. */
struct Place {
  int64_t e;        // the element that this thread counts as, past the last one too
  int64_t element;  // the element that it reads
  bool active;      // whether it writes

  QLIF_FN Place(int64_t e, int64_t elements) : e(e), element(e < elements ? e : elements - 1), active(e < elements) {}
};

template <class S>
QLIF_FN void loadParameters(Neuron<S> &neuron, const CudaForward &call, int64_t n, float &tau) {
  const qlif_forward_args &args = call.args;
  float values[PARAMETERS];
#pragma unroll
  for (int parameter = 0; parameter < PARAMETERS; parameter++) {
    values[parameter] = args.parameters[parameter][args.per_neuron_parameters >> parameter & 1 ? n : 0];
  }
  tau = values[QLIF_PARAM_TAU];
  neuron.parameters = parametersOf(
      call.constants, values[QLIF_PARAM_V_TH], tau, values[QLIF_PARAM_ETA], values[QLIF_PARAM_Q_SCALE], values[QLIF_PARAM_Q_BIAS]);
}

QLIF_FN float initialState(const float *values, int variable, int64_t element) {
  return values != nullptr ? values[element] : initialValue(variable);
}

QLIF_FN State loadInitialState(const qlif_forward_args &args, int64_t element) {
  const float *const *from = args.initial_state;
  return State{initialState(from[0], 0, element), initialState(from[1], 1, element), initialState(from[2], 2, element),
      initialState(from[3], 3, element), initialState(from[4], 4, element), initialState(from[5], 5, element),
      initialState(from[6], 6, element), initialState(from[7], 7, element), initialState(from[8], 8, element),
      initialState(from[9], 9, element), initialState(from[10], 10, element)};
}

/** The state whose variables stand `stride` apart. */
QLIF_FN State loadState(const float *from, int64_t stride) {
  return State{from[0], from[stride], from[2 * stride], from[3 * stride], from[4 * stride], from[5 * stride], from[6 * stride],
      from[7 * stride], from[8 * stride], from[9 * stride], from[10 * stride]};
}

QLIF_FN void storeState(const State &state, float *to, int64_t stride) {
  to[0] = state.v;
  to[stride] = state.a;
  to[2 * stride] = state.s;
  to[3 * stride] = state.r;
  to[4 * stride] = state.h;
  to[5 * stride] = state.d;
  to[6 * stride] = state.o;
  to[7 * stride] = state.rate;
  to[8 * stride] = state.homeostasis;
  to[9 * stride] = state.m;
  to[10 * stride] = state.y;
}

QLIF_FN void storeState(const State &state, float *const *to, int64_t element) {
  to[QLIF_STATE_MEMBRANE][element] = state.v;
  to[QLIF_STATE_ADAPTATION][element] = state.a;
  to[QLIF_STATE_EFFICIENCY][element] = state.s;
  to[QLIF_STATE_REFRACTORY][element] = state.r;
  to[QLIF_STATE_AHP][element] = state.h;
  to[QLIF_STATE_DYNAMIC_PROBABILITY][element] = state.d;
  to[QLIF_STATE_THRESHOLD_OFFSET][element] = state.o;
  to[QLIF_STATE_RATE][element] = state.rate;
  to[QLIF_STATE_HOMEOSTASIS][element] = state.homeostasis;
  to[QLIF_STATE_MODULATION][element] = state.m;
  to[QLIF_STATE_SPIKE_VALUE][element] = state.y;
}

/** The numbers that a thread draws: one call of the generator for two steps. */
struct Draws {
  float evenUniform, oddUniform;
  float evenNormal, oddNormal;

  /** Makes the numbers of a step ready. fresh: those of the step before it were not. */
  QLIF_FN void at(const CudaForward &call, int64_t step, bool fresh, int64_t element) {
    if (!fresh && (step & 1) != 0) {
      return;
    }
    const Words words = philox((uint64_t)(call.args.element_offset + element), (uint64_t)step, call.args.stream, call.args.seed);
    evenUniform = uniform(words.w0);
    oddUniform = uniform(words.w1);
    if (call.drawsNormals) {
      evenNormal = normal(words, false);
      oddNormal = normal(words, true);
    }
  }

  QLIF_FN float uniformAt(int64_t step) const { return (step & 1) != 0 ? oddUniform : evenUniform; }
  QLIF_FN float normalAt(int64_t step) const { return (step & 1) != 0 ? oddNormal : evenNormal; }
};

/** The uniforms of one step of one element, drawn or given; asked for wire by wire, in order. */
struct StepUniforms {
  const CudaForward &call;
  int64_t t;
  int64_t element;
  float first;
  Words block;

  QLIF_FN StepUniforms(const CudaForward &call, int64_t t, int64_t element, float first)
      : call(call), t(t), element(element), first(first), block{} {}

  QLIF_FN float operator()(int wire) {
    if (!call.drawsUniforms) {
      return call.args.uniforms[(t * call.constants.wires + wire) * call.elements + element];
    }
    if (wire == 0) {
      return first;
    }
    int64_t step = call.args.first_step + t;
    if (wire % 2 == 1) {
      block = philox(
          (uint64_t)(call.args.element_offset + element), (uint64_t)step, call.args.stream, call.wireKeys[wireBlock(wire)]);
    }
    return wireUniform(block, wire, (step & 1) != 0);
  }
};

/** M from the external modulation, where one is given. */
template <class S>
QLIF_FN void modulate(Neuron<S> &neuron, Step &x, const CudaForward &call, int64_t t, int64_t offset) {
  if (call.args.modulation.data != nullptr) {
    neuron.modulate(x, call.args.modulation.data[t * call.args.modulation.stride_t + offset]);
  }
}

template <class S>
QLIF_FN void writeTraces(const Neuron<S> &neuron, const Step &x, float *const *traces, int64_t index) {
  const float values[TRACES] = {x.p, x.delta, x.theta, neuron.state.a, neuron.state.s, neuron.state.r, neuron.state.h, neuron.state.d,
      neuron.state.homeostasis, neuron.tracedSlope(x), neuron.state.o, neuron.state.rate, neuron.state.m};
#pragma unroll
  for (int trace = 0; trace < TRACES; trace++) {
    if (traces[trace] != nullptr) {
      traces[trace][index] = values[trace];
    }
  }
}

// ---------------------------------------------------------------- forward

template <class S>
__global__ void __launch_bounds__(FORWARD_THREADS) forwardKernel(const __grid_constant__ CudaForward call) {
  const qlif_forward_args &args = call.args;
  const S on(call.options);
  const int64_t elements = call.elements;
  const int64_t halves = (elements + 63) / 64 * 2;
  const Place place((int64_t)blockIdx.x * FORWARD_THREADS + threadIdx.x, elements);
  const int64_t half = place.e / 32;
  if (half >= halves) {
    return;  // with its whole warp
  }
  const int64_t b = place.element / args.neurons;
  const int64_t n = place.element - b * args.neurons;
  const int64_t modulationOffset = b * args.modulation.stride_b + n * args.modulation.stride_n;

  Neuron<S> neuron(on, call.constants);
  float tau;
  loadParameters(neuron, call, n, tau);
  neuron.state = loadInitialState(args, place.element);

  const bool taped = call.tape.bits != nullptr;
  const bool packs = taped || args.spikes_bit != nullptr;
  const bool drawing = call.drawsUniforms || call.drawsNormals;
  Draws draws{};
  int64_t index = place.element;
  float ahead[AHEAD];
#pragma unroll
  for (int i = 0; i < AHEAD; i++) {
    ahead[i] = i < args.steps ? __ldcs(args.input + index + i * elements) : 0.0f;
  }
#pragma unroll 1
  for (int64_t t = 0; t < args.steps; t++, index += elements) {
    const int64_t step = args.first_step + t;
    const float current = ahead[0];
#pragma unroll
    for (int i = 0; i + 1 < AHEAD; i++) {
      ahead[i] = ahead[i + 1];
    }
    if (t + AHEAD < args.steps) {
      ahead[AHEAD - 1] = __ldcs(args.input + index + AHEAD * elements);
    }
    if (taped && t > 0 && t % SEGMENT == 0 && place.active) {
      storeState(neuron.state, call.tape.checkpoints + (t / SEGMENT - 1) * VARIABLES * elements + place.element, elements);
    }
    if (step % FLUSH_PERIOD == 0) {
      neuron.flushState();
    }
    if (drawing) {
      draws.at(call, step, t == 0, place.element);
    }
    Step x;
    modulate(neuron, x, call, t, modulationOffset);
    neuron.integrate(x, current);
    if (on().drawsNormals()) {
      neuron.addNoise(x, call.drawsNormals ? draws.normalAt(step) : args.normals[index]);
    }
    neuron.decide(x);
    const bool fired = neuron.fires(x, StepUniforms(call, t, place.element, draws.uniformAt(step)));
    neuron.settle(x, fired);

    if (packs) {
      const uint32_t word = __ballot_sync(0xffffffffu, place.active && fired);
      if (threadIdx.x % 32 == 0) {
        if (taped) {
          call.tape.bits[t * halves + half] = word;
        }
        if (args.spikes_bit != nullptr) {
          ((uint32_t *)args.spikes_bit)[t * halves + half] = word;
        }
      }
    }
    if (!place.active) {
      continue;
    }
    if (taped && call.tape.voltages != nullptr) {
      call.tape.voltages[index] = x.vPre;
    }
    if (args.spikes_f32 != nullptr) {
      args.spikes_f32[index] = x.spike;
    }
    if (args.spikes_u8 != nullptr) {
      args.spikes_u8[index] = fired ? 1 : 0;
    }
    if (args.spike_values != nullptr) {
      args.spike_values[index] = x.y;
    }
    if (args.voltages != nullptr) {
      args.voltages[index] = neuron.state.v;
    }
    if (call.traces) {
      writeTraces(neuron, x, args.traces, index);
    }
  }
  if (place.active && args.final_state[0] != nullptr) {
    storeState(neuron.state, args.final_state, place.element);
  }
}

// ---------------------------------------------------------------- backward

// A segment of SEGMENT steps goes in two levels. First its steps are replayed from the tape's checkpoint, and the state before every
// GROUP-th is saved. Then, from the last group to the first, the group's steps are replayed once more, keeping what the adjoint needs,
// and walked back. With the tape's V' and spikes the first replay reads only spikes, since no state but V depends on the input.
//
// The saved states are an array in local memory (GROUPS * VARIABLES * 4 = 352 bytes a thread), written and read once in GROUP steps. The
// kept steps are in shared memory (224 or 256 bytes a thread), read right after they are written; in registers they would need a group
// unrolled whole.

/** The lines of a kept step. */
enum { KEPT_INPUT, KEPT_EFFICIENCY, KEPT_REFRACTORY, KEPT_RAW_BASE, KEPT_DRIVE, KEPT_DELTA, KEPT_DIVISOR, KEPT_V_PRE, KEPT_LINES };

/** Does steps of the forward call again, for one element. */
template <class S, bool VOLTAGE>
struct Replay {
  const CudaForward &call;
  const int64_t element;
  const int64_t halves;
  const int64_t modulationOffset;
  Draws draws;

  QLIF_DEVICE_FN Replay(const CudaForward &call, int64_t element, int64_t modulationOffset)
      : call(call), element(element), halves((call.elements + 63) / 64 * 2), modulationOffset(modulationOffset), draws{} {}

  QLIF_DEVICE_FN bool fired(int64_t t) const { return __ldg(call.tape.bits + t * halves + element / 32) >> (element % 32) & 1; }

  QLIF_DEVICE_FN float tapeVoltage(int64_t t) const { return __ldg(call.tape.voltages + t * call.elements + element); }

  /** Step t again. fresh: the step before it was not done. */
  QLIF_DEVICE_FN void step(Neuron<S> &neuron, Step &x, int64_t t, bool fresh) {
    const int64_t step = call.args.first_step + t;
    const int64_t index = t * call.elements + element;
    if (step % FLUSH_PERIOD == 0) {
      neuron.flushState();
    }
    modulate(neuron, x, call, t, modulationOffset);
    neuron.integrate(x, __ldg(call.args.input + index));
    if (VOLTAGE) {
      x.vPre = tapeVoltage(t);
    } else if (neuron.on().drawsNormals()) {
      if (call.drawsNormals) {
        draws.at(call, step, fresh, element);
      }
      neuron.addNoise(x, call.drawsNormals ? draws.normalAt(step) : __ldg(call.args.normals + index));
    }
    neuron.replay(x, fired(t));
  }
};

QLIF_FN float adjointOf(const float *const *state, int variable, int64_t element) {
  return state[variable] != nullptr ? state[variable][element] : 0.0f;
}

template <class S, bool VOLTAGE>
__global__ void __launch_bounds__(BACKWARD_THREADS) backwardKernel(const __grid_constant__ CudaBackward call) {
  // Each thread reads and writes its own column only, so no barrier is needed.
  __shared__ float kept[GROUP][VOLTAGE ? KEPT_V_PRE : KEPT_LINES][BACKWARD_THREADS];
  const CudaForward &forward = call.forward;
  const qlif_forward_args &args = forward.args;
  const S on(forward.options);
  const int64_t elements = forward.elements;
  const int64_t element = (int64_t)blockIdx.x * BACKWARD_THREADS + threadIdx.x;
  if (element >= elements) {
    return;
  }
  const int column = (int)threadIdx.x;
  const int64_t b = element / args.neurons;
  const int64_t n = element - b * args.neurons;
  const bool modulated = args.modulation.data != nullptr;

  Neuron<S> neuron(on, forward.constants);
  float tau;
  loadParameters(neuron, forward, n, tau);
  Replay<S, VOLTAGE> replay(forward, element, b * args.modulation.stride_b + n * args.modulation.stride_n);
  const float *const *upstream = call.gradFinalState;
  Adjoints adj{adjointOf(upstream, QLIF_STATE_MEMBRANE, element), adjointOf(upstream, QLIF_STATE_ADAPTATION, element),
      adjointOf(upstream, QLIF_STATE_EFFICIENCY, element), adjointOf(upstream, QLIF_STATE_REFRACTORY, element),
      adjointOf(upstream, QLIF_STATE_DYNAMIC_PROBABILITY, element), adjointOf(upstream, QLIF_STATE_THRESHOLD_OFFSET, element),
      adjointOf(upstream, QLIF_STATE_MODULATION, element), adjointOf(upstream, QLIF_STATE_SPIKE_VALUE, element)};
  Gradients grad{};
  State saved[GROUPS];

  const int64_t segments = (args.steps + SEGMENT - 1) / SEGMENT;
#pragma unroll 1
  for (int64_t segment = segments - 1; segment >= 0; segment--) {
    const int64_t begin = segment * SEGMENT;
    const int length = (int)(args.steps - begin < SEGMENT ? args.steps - begin : SEGMENT);
    const int last = (length - 1) / GROUP;
    neuron.state = segment == 0
                       ? loadInitialState(args, element)
                       : loadState(forward.tape.checkpoints + (segment - 1) * VARIABLES * elements + element, elements);
#pragma unroll 1
    for (int group = 0; group < last; group++) {
      saved[group] = neuron.state;
      // Unrolled where that lets the compiler see that V between the steps is not read.
#pragma unroll(VOLTAGE && S::FIXED ? GROUP : 1)
      for (int slot = 0; slot < GROUP; slot++) {
        Step x;
        replay.step(neuron, x, begin + group * GROUP + slot, group == 0 && slot == 0);
      }
    }
    saved[last] = neuron.state;
#pragma unroll 1
    for (int group = last; group >= 0; group--) {
      const int64_t first = begin + group * GROUP;
      const int count = length - group * GROUP < GROUP ? length - group * GROUP : GROUP;
      neuron.state = saved[group];
#pragma unroll 1
      for (int slot = 0; slot < count; slot++) {
        Step x;
        replay.step(neuron, x, first + slot, slot == 0);
        kept[slot][KEPT_INPUT][column] = x.input;
        kept[slot][KEPT_EFFICIENCY][column] = x.efficiency;
        kept[slot][KEPT_DRIVE][column] = x.drive;
        kept[slot][KEPT_DELTA][column] = x.delta;
        // What an option that is off leaves unused is left unwritten.
        if (on().refractory()) {
          kept[slot][KEPT_REFRACTORY][column] = x.refractory;
        }
        if (on().useAdaptiveThreshold()) {
          kept[slot][KEPT_RAW_BASE][column] = x.rawBase;
        }
        if (on().dynamicProbability()) {
          kept[slot][KEPT_DIVISOR][column] = x.divisor;
        }
        if constexpr (!VOLTAGE) {
          kept[slot][KEPT_V_PRE][column] = x.vPre;
        }
      }
#pragma unroll 1
      for (int slot = count - 1; slot >= 0; slot--) {
        const int64_t t = first + slot;
        const int64_t index = t * elements + element;
        const float gradY = call.gradSpikeValues != nullptr ? __ldcs(call.gradSpikeValues + index) : 0.0f;
        const float gradV = call.gradVoltages != nullptr ? __ldcs(call.gradVoltages + index) : 0.0f;
        Step x;
        modulate(neuron, x, forward, t, replay.modulationOffset);
        if constexpr (VOLTAGE) {
          x.vPre = replay.tapeVoltage(t);
        } else {
          x.vPre = kept[slot][KEPT_V_PRE][column];
        }
        const Kept again{kept[slot][KEPT_EFFICIENCY][column], kept[slot][KEPT_REFRACTORY][column], kept[slot][KEPT_RAW_BASE][column],
            kept[slot][KEPT_DRIVE][column], kept[slot][KEPT_DELTA][column], kept[slot][KEPT_DIVISOR][column]};
        neuron.restore(x, again, kept[slot][KEPT_INPUT][column], replay.fired(t));
        const float gradInput = neuron.backward(x, gradY, gradV, adj, grad);
        if (call.gradInput != nullptr) {
          call.gradInput[index] = gradInput;
        }
        if (modulated) {
          const float gradient = Neuron<S>::modulationBackward(x, adj, grad);
          if (call.modulationSteps != nullptr) {
            call.modulationSteps[index] = gradient;
          }
        }
        if ((args.first_step + t) % FLUSH_PERIOD == 0) {
          Neuron<S>::flushAdjoints(adj);
        }
      }
    }
  }

  call.sums[QLIF_PARAM_V_TH * elements + element] = grad.vTh;
  call.sums[QLIF_PARAM_TAU * elements + element] = gradTau(grad.leak, neuron.parameters.leak, tau);
  call.sums[QLIF_PARAM_ETA * elements + element] = grad.eta;
  call.sums[QLIF_PARAM_Q_SCALE * elements + element] = grad.alpha;
  call.sums[QLIF_PARAM_Q_BIAS * elements + element] = grad.bias;
  call.sums[PARAMETERS * elements + element] = grad.modulation;
  if (call.gradInitialState[0] != nullptr) {
    const State result{adj.v, adj.a, adj.s, adj.r, 0.0f, adj.d, adj.o, 0.0f, 0.0f, adj.m, adj.y};
    storeState(result, call.gradInitialState, element);
  }
}

// ---------------------------------------------------------------- sums, in the fixed order of docs/numerics.md

/** Over the rows of the batch: one thread a group and neuron, in grid y a job. Without a sum over neurons to come, that is the result. */
static __global__ void __launch_bounds__(SUM_THREADS) sumRowsKernel(const __grid_constant__ SumJobs jobs) {
  const SumJob &job = jobs.jobs[blockIdx.y];
  const int64_t index = (int64_t)blockIdx.x * SUM_THREADS + threadIdx.x;
  if (job.result == nullptr || (job.overNeurons && job.partial == nullptr) || index >= job.groups * job.neurons) {
    return;
  }
  const int64_t group = index / job.neurons;
  const float *value = job.values + group * job.rows * job.neurons + (index - group * job.neurons);
  double sum = 0;
#pragma unroll 8
  for (int64_t row = 0; row < job.rows; row++) {
    sum += (double)__ldg(value + row * job.neurons);
  }
  if (job.overNeurons) {
    job.partial[index] = sum;
  } else {
    job.result[index] = (float)sum;
  }
}

/** Over neurons: one block a group, in grid y a job; thread i adds neurons i, i + 256, ..., and then the threads by halving. */
static __global__ void __launch_bounds__(SUM_THREADS) sumNeuronsKernel(const __grid_constant__ SumJobs jobs) {
  __shared__ double lanes[SUM_THREADS];
  const SumJob &job = jobs.jobs[blockIdx.y];
  const int64_t group = blockIdx.x;
  if (job.result == nullptr || !job.overNeurons || group >= job.groups) {
    return;  // with the whole block
  }
  const int lane = (int)threadIdx.x;
  double sum = 0;
  if (job.partial != nullptr) {
#pragma unroll 8
    for (int64_t n = lane; n < job.neurons; n += SUM_THREADS) {
      sum += job.partial[group * job.neurons + n];
    }
  } else {
    // One row, or none.
#pragma unroll 8
    for (int64_t n = lane; n < job.neurons * job.rows; n += SUM_THREADS) {
      sum += (double)__ldg(job.values + group * job.neurons + n);
    }
  }
  lanes[lane] = sum;
  for (int half = SUM_THREADS / 2; half > 0; half /= 2) {
    __syncthreads();
    if (lane < half) {
      lanes[lane] += lanes[lane + half];
    }
  }
  if (lane == 0) {
    job.result[group] = (float)lanes[0];
  }
}

// ---------------------------------------------------------------- draws

struct CudaDraw {
  qlif_draw_args args;
  int64_t firstPair;
  int64_t pairs;
  uint64_t wireKeys[MAX_WIRES / 2 + 1];
};

/** One thread an element and pair of steps. */
static __global__ void __launch_bounds__(DRAW_THREADS) drawKernel(const __grid_constant__ CudaDraw call) {
  const qlif_draw_args &args = call.args;
  const int64_t index = (int64_t)blockIdx.x * DRAW_THREADS + threadIdx.x;
  if (index >= call.pairs * args.elements) {
    return;
  }
  const int64_t row = index / args.elements;
  const int64_t e = index - row * args.elements;
  const int64_t even = (call.firstPair + row) * 2;
  Words words{};
  for (int wire = 0; wire < args.wires; wire++) {
    if (wire == 0 || wire % 2 == 1) {
      words = philox((uint64_t)(args.element_offset + e), (uint64_t)even, args.stream, call.wireKeys[wireBlock(wire)]);
    }
    for (int odd = 0; odd < 2; odd++) {
      const int64_t t = even + odd - args.first_step;
      if (t < 0 || t >= args.steps) {
        continue;
      }
      if (args.uniforms != nullptr) {
        args.uniforms[(t * args.wires + wire) * args.elements + e] = wireUniform(words, wire, odd != 0);
      }
      if (wire == 0 && args.normals != nullptr) {
        args.normals[t * args.elements + e] = normal(words, odd != 0);
      }
    }
  }
}

}  // namespace qlif

#endif
