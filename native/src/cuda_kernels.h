// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels. A thread does all time steps of one or a few elements in one launch, with the neurons' state in registers. The kernels
// move data and know no model; the arithmetic is the models' own (qlif_model.h, lif_model.h).
//
// Neighbouring threads have neighbouring elements, so a warp's access to a (T, B, N) tensor is one segment of a row. Forward threads past the
// last element repeat its work and store nothing, which keeps warps complete for the spike bits. Indices have 64 bits.
//
// A kernel that serves every call has to check at every step what the call has. The usual calls have kernels of their own in which that is
// known: see Use and COMMON.
//
// Uses few of CUDA's names, so that tests/emulation can run the same kernels on the host.
#ifndef QLIF_CUDA_KERNELS_H
#define QLIF_CUDA_KERNELS_H

#include <type_traits>

#include "arguments.h"
#include "block_tree.h"
#include "models.h"
#include "narrow.h"

#define QLIF_DEVICE_FN __device__ __forceinline__

namespace qlif {

constexpr int FORWARD_THREADS = 64;

/** Elements of a forward thread, in kernels for usual calls. */
constexpr int FORWARD_WIDTH = 2;

constexpr int BACKWARD_THREADS = 128;
constexpr int DRAW_THREADS = 256;
constexpr int SUM_THREADS = 256;

/** Steps that the backward pass repeats, keeps and walks back at a time. */
constexpr int GROUP = 8;
constexpr int GROUPS = SEGMENT / GROUP;
constexpr int HALF = GROUP / 2;
static_assert(GROUP == 8, "the spikes of a group are a byte");

/** Maximum number of steps of a group that are parked in shared memory; and the shared memory that a block gets by default. */
constexpr int MOST_PARKED = 5;
constexpr int SHARED_BYTES = 48 * 1024;

/** A block that sums over rows: its columns, the threads that read each column, and the rows that they read at a time. */
constexpr int ROW_COLUMNS = 32;
constexpr int ROW_LINES = 8;
constexpr int ROW_TILE = 128;

/** The levels of a tree of blocks: enough for more rows than fit any memory. */
constexpr int TREE_LEVELS = 40;

/** Values that a sum over neurons loads at a time. */
constexpr int SUM_AHEAD = 8;

static_assert(ROW_TILE % BLOCK_ROWS == 0 && ROW_TILE / BLOCK_ROWS <= ROW_LINES, "a line adds a block");

/** Steps whose spikes share a word of a tape. */
constexpr int WORD = 32;

/** A tape in device memory. */
struct CudaTapeView {
  TakenNumbers voltages;  // (T, elements), V'; null in COMPACT mode
  uint32_t *bits;      // (ceil(T / WORD), elements): the spikes of WORD steps, the first in the highest bit
  float *checkpoints;  // (count, state variables, elements): number c is the state before step SEGMENT * (c + 1)
};

/** The part of ForwardArgs that a model's kernels read, with the same names. */
template <class Model>
struct CudaArgs {
  int64_t steps;
  int64_t neurons;
  int64_t first_step;
  int64_t element_offset;
  uint32_t stream;
  uint32_t per_neuron_parameters;
  const qlif_draw_key *key;  // in the device's memory, or null
  const uint64_t *row_index;
  GivenNumbers input;
  const float *parameters[Model::PARAMETERS];
  qlif_broadcast modulation;
  const float *uniforms;
  const float *normals;
  const float *initial_state[Model::VARIABLES];
  bool initial_state_shared;
  float *final_state[Model::VARIABLES];
  float *spikes_f32;
  uint8_t *spikes_u8;
  uint64_t *spikes_bit;
  TakenNumbers spike_values;
  float *voltages;
  float *traces[Model::TRACES];
};

/** The number at index `at` of an array. ONCE: whether it is read only once. */
template <bool ONCE>
QLIF_DEVICE_FN float load(GivenNumbers numbers, int64_t at) {
  float x;
  byType(numbers.type, [&](auto type) {
    using Type = decltype(type);
    const typename Type::Word *place = (const typename Type::Word *)numbers.data + at;
    x = Type::widen(ONCE ? __ldcs(place) : __ldg(place));
  });
  return x;
}

QLIF_DEVICE_FN void store(TakenNumbers numbers, int64_t at, float x) {
  byType(numbers.type, [&](auto type) {
    using Type = decltype(type);
    ((typename Type::Word *)numbers.data)[at] = Type::narrow(x);
  });
}

QLIF_FN GivenNumbers givenOf(TakenNumbers numbers) { return GivenNumbers{numbers.data, numbers.type}; }

/** Number of blocks of wires, each with its own key. */
constexpr int WIRE_BLOCKS = MAX_WIRES / 2 + 1;

/** The key of a block of wires; that of the first block is the call's seed. */
QLIF_FN uint64_t wireBlockKey(uint64_t seed, int block) { return block == 0 ? seed : wireKey(seed, (uint32_t)block); }

template <class Model>
struct CudaForward {
  typename Model::Options options;
  typename Model::Constants constants;
  CudaArgs<Model> args;
  int64_t elements;  // more than 0
  CudaTapeView tape;  // bits is null if there is none
  int32_t wires;      // uniforms per step
  bool drawsUniforms;
  bool drawsNormals;
  bool traces;  // whether the caller wants any
  uint64_t seed;
  RoundKeys rounds;  // of the seed
};

template <class Model>
struct CudaBackward {
  CudaForward<Model> forward;
  GivenNumbers gradSpikeValues;
  int64_t gradSpikeValuesStride;  // from one step to the next
  const float *gradVoltages;
  const float *gradFinalState[Model::VARIABLES];
  TakenNumbers gradInput;
  float *gradInitialState[Model::VARIABLES];
  float *sums;             // (PARAMETERS + 1, elements): sums over time; the last row is the modulation's
  float *modulationSteps;  // (T, elements), or null
};

/** A sum over rows of the batch, or over neurons, or both, of (groups, rows, neurons) values. */
struct SumJob {
  const float *values;
  int64_t groups;
  int64_t rows;
  int64_t neurons;
  bool overNeurons;
  float *partial;  // (groups, blocks of rows): the blocks' sums over neurons; null if there is only one block
  float *result;   // null if there is no job
};

struct SumJobs {
  SumJob jobs[QLIF_MAX_PARAMETERS];
};

/** Loads a neuron's parameters as given. */
template <class Model>
QLIF_FN void loadParameters(float (&given)[Model::PARAMETERS], const CudaArgs<Model> &args, int64_t n) {
#pragma unroll
  for (int parameter = 0; parameter < Model::PARAMETERS; parameter++) {
    given[parameter] = args.parameters[parameter][args.per_neuron_parameters >> parameter & 1 ? n : 0];
  }
}

/** A 64-bit product, in one instruction. */
QLIF_DEVICE_FN int64_t multiplyWide(int32_t a, int32_t b) {
#if defined(__CUDA_ARCH__)
  int64_t product;
  asm("mul.wide.s32 %0, %1, %2;" : "=l"(product) : "r"(a), "r"(b));
  return product;
#else
  return (int64_t)a * b;
#endif
}

template <class Model>
QLIF_FN typename Model::State loadInitialState(const CudaArgs<Model> &args, int64_t element) {
  if (args.initial_state_shared) {
    element %= args.neurons;
  }
  typename Model::State state;
  Model::State::each(state, [&](Variable variable, float &x) {
    const float *values = args.initial_state[variable.number];
    x = values != nullptr ? values[element] : variable.initialValue;
  });
  return state;
}

/** Loads a state whose variables are `stride` apart. */
template <class Model>
QLIF_FN typename Model::State loadState(const float *from, int64_t stride) {
  typename Model::State state;
  Model::State::each(state, [&](Variable variable, float &x) { x = from[variable.number * stride]; });
  return state;
}

template <class State>
QLIF_FN void storeState(const State &state, float *to, int64_t stride) {
  State::each(state, [&](Variable variable, float x) { to[variable.number * stride] = x; });
}

template <class State>
QLIF_FN void storeState(const State &state, float *const *to, int64_t element) {
  State::each(state, [&](Variable variable, float x) { to[variable.number][element] = x; });
}

/** The number with which element (b, n) draws, modulo 2^64. */
template <class Model>
QLIF_FN uint64_t elementNumber(const CudaArgs<Model> &args, int64_t b, int64_t n) {
  return args.row_index != nullptr ? args.row_index[b] * (uint64_t)args.neurons + (uint64_t)n
                                   : (uint64_t)(args.element_offset + (b * args.neurons + n));
}

/** Where in the stream a call begins, and the key with which it draws. Both are read from the arguments, which takes no registers. */
template <class Model>
struct GivenOrigin {
  const CudaForward<Model> &call;

  QLIF_FN GivenOrigin(const CudaForward<Model> &call, const uint64_t *) : call(call) {}

  QLIF_FN int64_t firstStep() const { return call.args.first_step; }
  QLIF_FN uint32_t stream() const { return call.args.stream; }
  QLIF_FN const RoundKeys &keys() const { return call.rounds; }
  QLIF_FN Key wireKey(int block) const { return Key{wireBlockKey(call.seed, block)}; }
};

/** The same if the key may be in the device's memory. The key is read once; its round keys are computed at each draw. */
struct ReadOrigin {
  int64_t first;
  uint32_t streamNumber;
  Key key;
  const uint64_t *wires;  // null if not needed

  template <class Model>
  QLIF_FN ReadOrigin(const CudaForward<Model> &call, const uint64_t *wires)
      : first(call.args.first_step), streamNumber(call.args.stream), key{call.seed}, wires(wires) {
    if (call.args.key != nullptr) {
      const qlif_draw_key read = *call.args.key;
      // The range of the draws' step counter.
      constexpr uint64_t STEPS = (uint64_t)1 << 33;
      first = (int64_t)(((uint64_t)read.first_step + (uint64_t)first) & (STEPS - 1));
      streamNumber += read.stream;
      key = Key{read.seed};
    }
  }

  QLIF_FN int64_t firstStep() const { return first; }
  QLIF_FN uint32_t stream() const { return streamNumber; }
  QLIF_FN Key keys() const { return key; }
  QLIF_FN Key wireKey(int block) const { return Key{wires[block]}; }
};

/** Computes the keys of blocks of wires; all threads of a block call this together. */
template <class Model>
QLIF_DEVICE_FN void shareWires(uint64_t (&wires)[WIRE_BLOCKS], const CudaForward<Model> &call) {
  const uint64_t seed = call.args.key != nullptr ? call.args.key->seed : call.seed;
#pragma unroll 1
  for (int block = (int)threadIdx.x; block <= wireBlock(call.wires - 1); block += FORWARD_THREADS) {
    wires[block] = wireBlockKey(seed, block);
  }
  __syncthreads();
}

/** The numbers drawn for two steps of an element, by one call of the generator. */
struct Draws {
  float evenUniform, oddUniform;
  float evenNormal, oddNormal;

  /** Draws the numbers of a step and of the other step of its pair. */
  template <class Origin>
  QLIF_FN void at(const Origin &origin, int64_t step, bool normals, uint64_t number) {
    const Words words = philox(number, (uint64_t)step, origin.stream(), origin.keys());
    evenUniform = uniform(words.w0);
    oddUniform = uniform(words.w1);
    if (normals) {
      evenNormal = normal(words, false);
      oddNormal = normal(words, true);
    }
  }

  QLIF_FN float uniformAt(bool odd) const { return odd ? oddUniform : evenUniform; }
  QLIF_FN float normalAt(bool odd) const { return odd ? oddNormal : evenNormal; }
};

/** The uniforms of one step of one element, drawn or given; read wire by wire, in order. */
template <class Model, class Origin>
struct StepUniforms {
  const CudaForward<Model> &call;
  const Origin &origin;
  bool draws;
  int64_t t;
  int64_t element;
  uint64_t number;
  float first;
  Words block;

  QLIF_FN StepUniforms(const CudaForward<Model> &call, const Origin &origin, bool draws, int64_t t, int64_t element, uint64_t number,
      float first)
      : call(call), origin(origin), draws(draws), t(t), element(element), number(number), first(first), block{} {}

  QLIF_FN float operator()(int wire) {
    if (!draws) {
      return call.args.uniforms[(t * call.wires + wire) * call.elements + element];
    }
    if (wire == 0) {
      return first;
    }
    int64_t step = origin.firstStep() + t;
    if (wire % 2 == 1) {
      block = philox(number, (uint64_t)step, origin.stream(), origin.wireKey(wireBlock(wire)));
    }
    return wireUniform(block, wire, (step & 1) != 0);
  }
};

/** Sets M from the external modulation, if there is one. */
template <class Model, class Neuron>
QLIF_FN void modulate(Neuron &neuron, typename Model::Step &x, const CudaForward<Model> &call, int64_t t, int64_t offset) {
  if constexpr (Model::MODULATED) {
    if (call.args.modulation.data != nullptr) {
      neuron.modulate(x, call.args.modulation.data[t * call.args.modulation.stride_t + offset]);
    }
  }
}

template <class Model, class Neuron>
QLIF_FN void writeTraces(const Neuron &neuron, const typename Model::Step &x, float *const *traces, int64_t index) {
  neuron.eachTrace(x, [&](Trace trace, float value) {
    if (traces[trace.number] != nullptr) {
      traces[trace.number][index] = value;
    }
  });
}

// ---------------------------------------------------------------- forward

/**
 * What is known about a call when its kernel is compiled: nothing (ANY), or that it draws its own numbers and has no modulation, no traces
 * and no outputs but those named.
 */
enum class Use { ANY, BYTES, VALUES, TAPED_BYTES, TAPED_VALUES };
constexpr int USES = 5;

/** Whether a step with these options draws anything. */
template <class Options>
QLIF_FN constexpr bool drawsAny(Options on) {
  return on.drawsUniforms() || on.drawsNormals();
}

/**
 * A forward thread: takes its elements through the steps. They are FORWARD_THREADS apart, so that a warp accesses one segment of a row.
 * TYPE: the type of the input, of spike values and of the tape's V', unless ANY.
 * KEYED: whether the key may be in the device's memory. Irrelevant if a step draws nothing; a kernel for any call always allows for it.
 */
template <class Model, class S, int TYPE, Use USE, bool KEYED>
struct ForwardThread {
  using Neuron = typename Model::template Neuron<S>;
  using Step = typename Model::Step;
  using State = typename Model::State;

  static constexpr bool ANY = USE == Use::ANY;
  static constexpr bool TAPED = USE == Use::TAPED_BYTES || USE == Use::TAPED_VALUES;
  static constexpr bool BYTES = USE == Use::BYTES || USE == Use::TAPED_BYTES;
  static constexpr bool VALUES = USE == Use::VALUES || USE == Use::TAPED_VALUES;
  static constexpr int WIDTH = ANY ? 1 : FORWARD_WIDTH;

  using Origin = std::conditional_t<ANY || KEYED || !drawsAny(S::possible()), ReadOrigin, GivenOrigin<Model>>;

  /** The type of numbers as they are read and written. If ANY, they are converted to float32 when they are read. */
  using Type = typename TypeOf<ANY ? QLIF_TYPE_F32 : TYPE>::Type;
  using Word = typename Type::Word;

  const CudaForward<Model> &call;
  const CudaArgs<Model> &args;
  const Origin origin;
  const int64_t first;  // the nominal element of the first lane, which may be past the last one
  Neuron neurons[FORWARD_WIDTH];
  bool active[WIDTH];      // whether there is such an element
  int64_t element[WIDTH];  // the element, or the last one
  int64_t modulationOffset[WIDTH];
  uint64_t number[WIDTH];  // with which the element draws, if ANY
  Draws draws[WIDTH];
  uint32_t word[WIDTH];    // the spikes since the tape's last word, the latest in the lowest bit
  Word input[2][WIDTH];    // of the next two steps: widened late, since using a loaded value waits for it
  GivenNumbers nextInput;  // of the step after those
  // For the first lane at the next step; V' and values unless ANY.
  int64_t index;           // in (T, elements)
  Word *voltage;
  uint8_t *byte;
  Word *value;

  QLIF_DEVICE_FN ForwardThread(const CudaForward<Model> &call, S on, int64_t first, const uint64_t *wires)
      : call(call), args(call.args), origin(call, wires), first(first), neurons{Neuron(on, call.constants), Neuron(on, call.constants)},
        draws{}, word{}, input{}, nextInput(known(args.input)), index(first),
        voltage((Word *)call.tape.voltages.data + first), byte(args.spikes_u8 + first),
        value((Word *)args.spike_values.data + first) {
#pragma unroll
    for (int i = 0; i < WIDTH; i++) {
      const int64_t e = first + i * FORWARD_THREADS;
      active[i] = e < call.elements;
      element[i] = active[i] ? e : call.elements - 1;
      const int64_t b = element[i] / args.neurons;
      const int64_t n = element[i] - b * args.neurons;
      modulationOffset[i] = ANY ? b * args.modulation.stride_b + n * args.modulation.stride_n : 0;
      number[i] = ANY ? elementNumber(args, b, n) : 0;
      float given[Model::PARAMETERS];
      loadParameters<Model>(given, args, n);
      neurons[i].parameters = Model::parametersOf(call.constants, given);
      neurons[i].state = loadInitialState(args, element[i]);
    }
    nextInput.data = further(nextInput, first);
    fetch(0, args.steps > 0);
    fetch(1, args.steps > 1);
  }

  /** The array, with its type known at compile time unless ANY. */
  QLIF_DEVICE_FN static GivenNumbers known(GivenNumbers numbers) { return ANY ? numbers : GivenNumbers{numbers.data, TYPE}; }

  /** The address `count` numbers further on. */
  QLIF_DEVICE_FN static const void *further(GivenNumbers numbers, int64_t count) {
    return (const char *)numbers.data + count * sizeOfType(known(numbers).type);
  }

  QLIF_DEVICE_FN typename Model::Options on() const { return neurons[0].on(); }
  QLIF_DEVICE_FN bool taped() const { return ANY ? call.tape.bits != nullptr : TAPED; }
  QLIF_DEVICE_FN bool keepsVoltages() const { return ANY ? call.tape.voltages.data != nullptr : TAPED && on().drawsNormals(); }
  QLIF_DEVICE_FN bool drawsUniforms() const { return ANY ? call.drawsUniforms : on().drawsUniforms(); }
  QLIF_DEVICE_FN bool drawsNormals() const { return ANY ? call.drawsNormals : on().drawsNormals(); }

  /** The number with which lane `i`, nominally this element, draws. */
  QLIF_DEVICE_FN uint64_t numberOf(int i, int64_t element) const { return ANY ? number[i] : (uint64_t)(args.element_offset + element); }

  /** Loads the input of the next step not loaded yet, if there is one. */
  QLIF_DEVICE_FN void fetch(int slot, bool is) {
#pragma unroll
    for (int i = 0; i < WIDTH; i++) {
      if (is && active[i]) {
        if constexpr (ANY) {
          input[slot][i] = load<true>(nextInput, i * FORWARD_THREADS);
        } else {
          input[slot][i] = __ldcs((const Word *)nextInput.data + i * FORWARD_THREADS);
        }
      }
    }
    nextInput.data = further(nextInput, call.elements);
  }

  /** Draws the numbers of a step and of the odd one after it. */
  QLIF_DEVICE_FN void draw(int64_t step) {
    if (drawsUniforms() || drawsNormals()) {
#pragma unroll
      for (int i = 0; i < WIDTH; i++) {
        draws[i].at(origin, step, drawsNormals(), numberOf(i, first + i * FORWARD_THREADS));
      }
    }
  }

  QLIF_DEVICE_FN void step(int64_t t, bool odd, const Word (&current)[WIDTH]) {
#pragma unroll
    for (int i = 0; i < WIDTH; i++) {
      Neuron &neuron = neurons[i];
      const int64_t at = index + i * FORWARD_THREADS;
      Step x;
      if constexpr (ANY) {
        modulate(neuron, x, call, t, modulationOffset[i]);
      }
      neuron.integrate(x, Type::widen(current[i]));
      if constexpr (Model::DRAWS) {
        if (on().drawsNormals()) {
          neuron.addNoise(x, drawsNormals() ? draws[i].normalAt(odd) : active[i] ? args.normals[at] : 0.0f);
        }
      }
      neuron.decide(x);
      const bool fired = neuron.fires(x, StepUniforms<Model, Origin>(call, origin, drawsUniforms(), t, element[i],
          numberOf(i, element[i]), draws[i].uniformAt(odd)));
      neuron.settle(x, fired);
      if (taped()) {
        word[i] = word[i] << 1 | (fired ? 1u : 0u);
      }
      write(x, neuron, fired, t, at, i);
    }
    index += call.elements;
    voltage += call.elements;
    byte += call.elements;
    value += call.elements;
  }

  QLIF_DEVICE_FN void write(const Step &x, const Neuron &neuron, bool fired, int64_t t, int64_t at, int i) {
    if (ANY && args.spikes_bit != nullptr) {
      const int64_t halves = (call.elements + 63) / 64 * 2;
      const int64_t half = (first + i * FORWARD_THREADS) / 32;
      const uint32_t bits = __ballot_sync(0xffffffffu, active[i] && fired);
      if (threadIdx.x % 32 == 0 && half < halves) {
        ((uint32_t *)args.spikes_bit)[t * halves + half] = bits;
      }
    }
    if (!active[i]) {
      return;
    }
    if (keepsVoltages()) {
      if constexpr (ANY) {
        store(call.tape.voltages, at, x.vPre);
      } else {
        voltage[i * FORWARD_THREADS] = Type::narrow(x.vPre);
      }
    }
    if (BYTES || (ANY && args.spikes_u8 != nullptr)) {
      byte[i * FORWARD_THREADS] = fired ? 1 : 0;
    }
    if (VALUES) {
      value[i * FORWARD_THREADS] = Type::narrow(x.y);
    }
    if constexpr (ANY) {
      if (args.spike_values.data != nullptr) {
        store(args.spike_values, at, x.y);
      }
      if (args.spikes_f32 != nullptr) {
        args.spikes_f32[at] = x.spike;
      }
      if (args.voltages != nullptr) {
        State::each(neuron.state, [&](Variable variable, float value) {
          if (variable.number == Model::VOLTAGE) {
            args.voltages[at] = value;
          }
        });
      }
      if (call.traces) {
        writeTraces<Model>(neuron, x, args.traces, at);
      }
    }
  }

  QLIF_DEVICE_FN void flush() {
#pragma unroll
    for (int i = 0; i < WIDTH; i++) {
      flushState(neurons[i].state);
    }
  }

  /** Stores the state before step t on the tape. */
  QLIF_DEVICE_FN void keepState(int64_t t) {
#pragma unroll
    for (int i = 0; i < WIDTH; i++) {
      if (active[i]) {
        float *checkpoint = call.tape.checkpoints + (t / SEGMENT - 1) * Model::VARIABLES * call.elements;
        storeState(neurons[i].state, checkpoint + element[i], call.elements);
      }
    }
  }

  /** Stores the spikes of those steps before t that are not on the tape yet. */
  QLIF_DEVICE_FN void keepWord(int64_t t) {
    const int64_t row = (t - 1) / WORD;
#pragma unroll
    for (int i = 0; i < WIDTH; i++) {
      if (active[i]) {
        call.tape.bits[row * call.elements + element[i]] = word[i] << (WORD - 1 - (int)((t - 1) % WORD));
      }
    }
  }

  /** Does steps t to t + count - 1, between which nothing else happens. */
  QLIF_DEVICE_FN void stretch(int64_t t, int count) {
    int readable = (int)(args.steps - t < 2 * SEGMENT ? args.steps - t : 2 * SEGMENT);
    bool odd = ((origin.firstStep() + t) & 1) != 0;
#pragma unroll 1
    while (count > 0) {
      Word now[2][WIDTH];
      if (odd || count == 1) {
#pragma unroll
        for (int i = 0; i < WIDTH; i++) {
          now[0][i] = input[0][i];
          input[0][i] = input[1][i];
        }
        fetch(1, readable > 2);
        draw(origin.firstStep() + t);
        step(t, odd, now[0]);
        odd = false;
        t++;
        count--;
        readable--;
      } else {
#pragma unroll 1
        do {
#pragma unroll
          for (int i = 0; i < WIDTH; i++) {
            now[0][i] = input[0][i];
            now[1][i] = input[1][i];
          }
          fetch(0, readable > 2);
          fetch(1, readable > 3);
          draw(origin.firstStep() + t);
          step(t, false, now[0]);
          step(t + 1, true, now[1]);
          t += 2;
          count -= 2;
          readable -= 2;
        } while (count > 1);
      }
    }
  }

  QLIF_DEVICE_FN void run() {
    int64_t t = 0;
#pragma unroll 1
    while (t < args.steps) {
      const int64_t step = origin.firstStep() + t;
      if (step % FLUSH_PERIOD == 0) {
        flush();
      }
      if (taped() && t > 0 && t % SEGMENT == 0) {
        keepState(t);
      }
      int count = FLUSH_PERIOD - (int)(step % FLUSH_PERIOD);
      if (taped()) {
        const int full = WORD - (int)(t % WORD);
        count = full < count ? full : count;
      }
      count = args.steps - t < count ? (int)(args.steps - t) : count;
      stretch(t, count);
      t += count;
      if (taped() && (t % WORD == 0 || t == args.steps)) {
        keepWord(t);
      }
    }
    if (args.final_state[0] != nullptr) {
#pragma unroll
      for (int i = 0; i < WIDTH; i++) {
        if (active[i]) {
          storeState(neurons[i].state, args.final_state, element[i]);
        }
      }
    }
  }
};

/** forwardBlocks() for Use::ANY: set where the compiler's own choice would be so few registers that it spills. */
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
constexpr int ANY_BLOCKS = 12;
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1200
constexpr int ANY_BLOCKS = 10;
#else
constexpr int ANY_BLOCKS = 0;
#endif

/**
 * Minimum number of blocks per multiprocessor, which limits the registers of a thread; 0 leaves the choice to the compiler. With a tape, 12
 * would spill.
 */
constexpr int forwardBlocks(Use use) {
  return use == Use::TAPED_BYTES || use == Use::TAPED_VALUES ? 10 : use == Use::ANY ? ANY_BLOCKS : 0;
}

template <class Model, class S, int TYPE, Use USE, bool KEYED>
__global__ void __launch_bounds__(FORWARD_THREADS, forwardBlocks(USE)) forwardKernel(const __grid_constant__ CudaForward<Model> call) {
  using Thread = ForwardThread<Model, S, TYPE, USE, KEYED>;
  const int64_t first = (int64_t)blockIdx.x * (FORWARD_THREADS * Thread::WIDTH) + threadIdx.x;
  if constexpr (S::FIXED) {
    // There is only one wire; its key is the call's.
    Thread thread(call, S(call.options), first, nullptr);
    thread.run();
  } else {
    __shared__ uint64_t wires[WIRE_BLOCKS];
    shareWires(wires, call);
    Thread thread(call, S(call.options), first, wires);
    thread.run();
  }
}

// ---------------------------------------------------------------- backward

// A segment of SEGMENT steps is processed in two levels. First, its steps are repeated from the tape's checkpoint, and the state before every
// group of GROUP steps is saved in shared memory. Then, from the last group to the first, the group's steps are repeated once more, keeping
// what the adjoint needs, and walked back. If the tape has V' and spikes, the first level reads little but spikes, since only V depends on
// the input.
//
// Groups are aligned with the segment, and the last may be partial. Flushes, every 64 steps, fall within a group unless the call's first step
// is a multiple of GROUP.

/** What repeating a group reads from the caller's memory and the tape, not widened yet: widening a loaded value waits for it. */
template <class Word>
struct Rows {
  Word input[GROUP];
  Word voltage[GROUP];
};

/** The variables of a state that a step changes, which are saved, each in its own line. */
template <class Model, class S>
struct SavedState {
  QLIF_FN static constexpr bool has(int variable) { return Model::State::changes(S::possible(), variable); }

  QLIF_FN static constexpr int line(int variable) {
    int line = 0;
    for (int before = 0; before < variable; before++) {
      line += has(before);
    }
    return line;
  }

  static constexpr int LINES = line(Model::VARIABLES);
};

/**
 * A backward thread: takes its element back through the steps. COMMON: all arrays have the same TYPE, there is a gradient of the spike values
 * and none of the potentials, the caller wants the input's, there is no modulation, and nothing is drawn again. Then groups are unrolled, and
 * the rows of a group are loaded while the group after it is walked back.
 */
template <class Model, class S, int TYPE, bool VOLTAGE, bool COMMON>
struct BackwardThread {
  using Neuron = typename Model::template Neuron<S>;
  using Step = typename Model::Step;
  using State = typename Model::State;
  using Parameters = typename Model::Parameters;
  using Kept = typename Model::Kept;
  using Saved = SavedState<Model, S>;

  // Used if COMMON.
  using Type = typename TypeOf<TYPE>::Type;
  using Word = typename Type::Word;

  // With many options, a step keeps more than fits in registers: the first steps of a group are parked in shared memory, as far as there is
  // room.
  static constexpr bool PARKS = COMMON && VOLTAGE;
  static constexpr int SAVED = COMMON ? GROUPS - 1 : GROUPS;
  static constexpr int LINE = BACKWARD_THREADS * sizeof(float);
  static constexpr int ROOM = (SHARED_BYTES - GROUPS * BACKWARD_THREADS - SAVED * Saved::LINES * LINE) / (Model::KEPT * LINE);
  static constexpr int PARKED = !PARKS ? 0 : ROOM < MOST_PARKED ? ROOM : MOST_PARKED;

  /** A block's shared memory. Each thread reads and writes only its own column. */
  struct Shared {
    uint8_t spikes[GROUPS][BACKWARD_THREADS];  // of the segment; a group's first step in the highest bit
    float saved[SAVED][Saved::LINES][BACKWARD_THREADS];
    float parked[PARKS ? PARKED : 1][PARKS ? Model::KEPT : 1][PARKS ? BACKWARD_THREADS : 1];
  };

  const CudaBackward<Model> &call;
  const CudaForward<Model> &forward;
  const CudaArgs<Model> &args;
  const ReadOrigin origin;
  const int64_t elements;
  const int64_t element;
  const int32_t stride;  // bytes from a row to the next; valid if COMMON, which implies that they fit 31 bits
  Shared &shared;
  const int column;
  int64_t modulationOffset;
  uint64_t number;  // with which the element draws
  Neuron neuron;
  State adj;
  Parameters grad;
  float modulationSum;
  Draws draws;

  QLIF_DEVICE_FN BackwardThread(const CudaBackward<Model> &call, S on, int64_t element, Shared &shared)
      : call(call), forward(call.forward), args(call.forward.args), origin(call.forward, nullptr), elements(call.forward.elements), element(element),
        stride(strideOf(call.forward.elements)), shared(shared), column((int)threadIdx.x), neuron(on, call.forward.constants),
        grad{}, modulationSum(0), draws{} {
    const int64_t b = element / args.neurons;
    const int64_t n = element - b * args.neurons;
    modulationOffset = b * args.modulation.stride_b + n * args.modulation.stride_n;
    number = elementNumber(args, b, n);
    float given[Model::PARAMETERS];
    loadParameters<Model>(given, args, n);
    neuron.parameters = Model::parametersOf(forward.constants, given);
    State::each(adj, [&](Variable variable, float &x) {
      const float *upstream = call.gradFinalState[variable.number];
      x = variable.carriesGradient && upstream != nullptr ? upstream[element] : 0.0f;
    });
  }

  /** Adds threadIdx.y, which is always 0, so that the compiler can't tell that the stride is the same in all threads: see after(). */
  QLIF_DEVICE_FN static int32_t strideOf(int64_t elements) { return (int32_t)(elements * sizeof(Word)) + (int32_t)threadIdx.y; }

  QLIF_DEVICE_FN typename Model::Options on() const { return neuron.on(); }

  /** This element's value at step t among (T, elements) values. */
  template <class T>
  QLIF_DEVICE_FN T *at(T *values, int64_t t) const {
    return values + t * elements + element;
  }

  /** The array, with its type known at compile time if COMMON. */
  template <class Numbers>
  QLIF_DEVICE_FN static Numbers known(Numbers numbers) {
    return COMMON ? Numbers{numbers.data, TYPE} : numbers;
  }

  /** The index of this element's value at step t among (T, elements) values. */
  QLIF_DEVICE_FN int64_t numberAt(int64_t t) const { return t * elements + element; }

  QLIF_DEVICE_FN float inputAt(int64_t t) const { return load<false>(known(args.input), numberAt(t)); }

  /**
   * The value `count` times `stride` bytes after `value`: one multiply-add, which the compiler would otherwise turn into a chain of
   * additions.
   */
  template <class T>
  QLIF_DEVICE_FN static T *after(T *value, int count, int32_t stride) {
    return (T *)((char *)value + multiplyWide(count, stride));
  }

  // ---------------------------------------------------------------- single steps

  /** Repeats step t. fresh: whether the step before it was not repeated. */
  QLIF_DEVICE_FN void again(Step &x, int64_t t, float input, float voltage, bool fresh, bool fired) {
    if (!COMMON) {
      modulate(neuron, x, forward, t, modulationOffset);
    }
    neuron.integrate(x, input);
    if (VOLTAGE) {
      x.vPre = voltage;
    } else if constexpr (!COMMON && Model::DRAWS) {
      if (on().drawsNormals()) {
        const int64_t step = origin.firstStep() + t;
        if (forward.drawsNormals && (fresh || (step & 1) == 0)) {
          draws.at(origin, step, true, number);
        }
        neuron.addNoise(x, forward.drawsNormals ? draws.normalAt((step & 1) != 0) : __ldg(at(args.normals, t)));
      }
    }
    neuron.replay(x, fired);
  }

  /** Walks back step t. Returns the gradient of its input. */
  QLIF_DEVICE_FN float back(int64_t t, const Kept &kept, float vPre, float input, float gradY, bool fired) {
    Step x;
    if (!COMMON) {
      modulate(neuron, x, forward, t, modulationOffset);
    }
    x.vPre = vPre;
    neuron.restore(x, kept, input, fired);
    const float gradV = !COMMON && call.gradVoltages != nullptr ? __ldcs(at(call.gradVoltages, t)) : 0.0f;
    const float gradInput = neuron.backward(x, gradY, gradV, adj, grad);
    if constexpr (!COMMON && Model::MODULATED) {
      if (args.modulation.data != nullptr) {
        const float gradient = Neuron::modulationBackward(x, adj);
        modulationSum += gradient;
        if (call.modulationSteps != nullptr) {
          *at(call.modulationSteps, t) = gradient;
        }
      }
    }
    return gradInput;
  }

  QLIF_DEVICE_FN uint32_t spikesOf(int group) const { return shared.spikes[group][column]; }

  QLIF_DEVICE_FN static bool spike(uint32_t fired, int slot) { return (fired << slot & 1u << (GROUP - 1)) != 0; }

  // ---------------------------------------------------------------- saved states

  QLIF_DEVICE_FN void save(int group) {
    State::each(neuron.state, [&](Variable variable, float x) {
      if (Saved::has(variable.number)) {
        shared.saved[group][Saved::line(variable.number)][column] = x;
      }
    });
  }

  QLIF_DEVICE_FN void restore(int group) {
    State::each(neuron.state, [&](Variable variable, float &x) {
      if (Saved::has(variable.number)) {
        x = shared.saved[group][Saved::line(variable.number)][column];
      }
    });
  }

  QLIF_DEVICE_FN void park(int slot, const Kept &kept) {
    float(*to)[PARKS ? BACKWARD_THREADS : 1] = shared.parked[slot];
    Kept::each(on(), kept, [&](int line, bool needed, float x) {
      if (needed) {
        to[line][column] = x;
      }
    });
  }

  QLIF_DEVICE_FN Kept parked(int slot) const {
    const float(*from)[PARKS ? BACKWARD_THREADS : 1] = shared.parked[slot];
    Kept kept{};
    Kept::each(on(), kept, [&](int line, bool needed, float &x) {
      if (needed) {
        x = from[line][column];
      }
    });
    return kept;
  }

  // ---------------------------------------------------------------- whole groups, if COMMON

  /** Where to read the rows of a group, and the bytes between those of two steps: 0 if there is no group. */
  struct Source {
    int64_t offset;  // of this element's value at the first step among (T, elements) values, in bytes
    int32_t stride;
  };

  /** The offset of step t. */
  QLIF_DEVICE_FN int64_t offsetOf(int64_t t) const { return (t * elements + element) * (int64_t)sizeof(Word); }

  /** Bytes from the first step of a group to that of the next. */
  QLIF_DEVICE_FN int64_t groupBytes() const { return multiplyWide(GROUP, stride); }

  /** The group at `offset`, if there `is` one; else a row at `other` is read instead, since a condition would cost more. */
  QLIF_DEVICE_FN Source sourceAt(int64_t offset, bool is, int64_t other) const {
    return Source{is ? offset : other, is ? stride : 0};
  }

  /** This element's value at an offset. */
  template <class T>
  QLIF_DEVICE_FN static T *moved(T *values, int64_t offset) {
    return (T *)((uintptr_t)values + (uintptr_t)offset);
  }

  // Waiting for one load also waits for all loads issued since, so loads are issued in batches.

  template <int STEPS>
  QLIF_DEVICE_FN void fetchForward(Rows<Word> &rows, const Source &from) const {
    const Word *input = moved((const Word *)args.input.data, from.offset);
    const Word *voltage = VOLTAGE ? moved((const Word *)forward.tape.voltages.data, from.offset) : nullptr;
#pragma unroll
    for (int slot = 0; slot < STEPS; slot++) {
      rows.input[slot] = __ldg(after(input, slot, from.stride));
      if (VOLTAGE) {
        rows.voltage[slot] = __ldg(after(voltage, slot, from.stride));
      }
    }
  }

  /**
   * Loads the rows of a group that is repeated only for the state after it: V' if the tape has it, else the input. The compiler drops loads
   * of V' that no state depends on.
   */
  QLIF_DEVICE_FN void fetchReplay(Word (&row)[GROUP], const Source &from) const {
    const Word *values = moved((const Word *)(VOLTAGE ? forward.tape.voltages.data : args.input.data), from.offset);
#pragma unroll
    for (int slot = 0; slot < GROUP; slot++) {
      row[slot] = __ldg(after(values, slot, from.stride));
    }
  }

  template <int STEPS>
  QLIF_DEVICE_FN void fetchGradients(Word (&gradY)[GROUP], const Source &from) const {
    const Word *values = moved((const Word *)call.gradSpikeValues.data, from.offset);
#pragma unroll
    for (int slot = 0; slot < STEPS; slot++) {
      gradY[slot] = __ldcs(after(values, slot, from.stride));
    }
  }

  /** Repeats a group, and meanwhile replaces its row with that of the next group. */
  QLIF_DEVICE_FN void replayGroup(Word (&row)[GROUP], uint32_t fired, const Source &following) {
    Word next[GROUP];
    fetchReplay(next, following);
#pragma unroll
    for (int slot = 0; slot < GROUP; slot++) {
      Step x;
      const float read = Type::widen(row[slot]);
      again(x, 0, read, read, false, spike(fired, slot));
    }
#pragma unroll
    for (int slot = 0; slot < GROUP; slot++) {
      row[slot] = next[slot];
    }
  }

  /** Walks back a group of STEPS steps, and meanwhile replaces its rows with those of the group before it. */
  template <int STEPS>
  QLIF_DEVICE_FN void walkGroup(int64_t offset, Rows<Word> &rows, Word (&gradY)[GROUP], uint32_t fired, const Source &before) {
    // As many steps stay in registers as in a whole group.
    constexpr int parkedHere = PARKED - (GROUP - STEPS);
    Kept kept[STEPS];
    float vPre[STEPS];
#pragma unroll
    for (int slot = 0; slot < STEPS; slot++) {
      Step x;
      again(x, 0, Type::widen(rows.input[slot]), VOLTAGE ? Type::widen(rows.voltage[slot]) : 0.0f, false, spike(fired, slot));
      vPre[slot] = x.vPre;
      if (slot < parkedHere) {
        park(slot, Kept::of(x));
      } else {
        kept[slot] = Kept::of(x);
      }
    }
    Rows<Word> next;
    Word nextGradY[GROUP];
    Word *gradInput = moved((Word *)call.gradInput.data, offset);
#pragma unroll
    for (int slot = STEPS - 1; slot >= 0; slot--) {
      if (slot < parkedHere) {
        kept[slot] = parked(slot);
      }
      const float gradient =
          back(0, kept[slot], vPre[slot], Type::widen(rows.input[slot]), Type::widen(gradY[slot]), spike(fired, slot));
      *after(gradInput, slot, stride) = Type::narrow(gradient);
      // Once half of what was kept has been used, there are registers for these.
      if (slot == STEPS / 2 - 1) {
        fetchForward<GROUP>(next, before);
        fetchGradients<GROUP>(nextGradY, before);
      }
    }
    rows = next;
#pragma unroll
    for (int slot = 0; slot < GROUP; slot++) {
      gradY[slot] = nextGradY[slot];
    }
  }

  // ---------------------------------------------------------------- groups step by step

  /** The gradient of the spike value of step t. */
  QLIF_DEVICE_FN float upstreamAt(int64_t t) const {
    if (COMMON) {
      return load<true>(known(call.gradSpikeValues), numberAt(t));
    }
    return call.gradSpikeValues.data != nullptr ? load<true>(call.gradSpikeValues, t * call.gradSpikeValuesStride + element) : 0.0f;
  }

  QLIF_DEVICE_FN float voltageAt(int64_t t) const { return VOLTAGE ? load<false>(known(givenOf(forward.tape.voltages)), numberAt(t)) : 0.0f; }

  /** Repeats a group that begins with step t. States are flushed before slot `flushed`. */
  QLIF_DEVICE_FN void replaySteps(int64_t t, int flushed, uint32_t fired) {
#pragma unroll 1
    for (int slot = 0; slot < GROUP; slot++) {
      if (slot == flushed) {
        flushState(neuron.state);
      }
      Step x;
      again(x, t + slot, inputAt(t + slot), voltageAt(t + slot), slot == 0, spike(fired, slot));
    }
  }

  /** Walks back a group of `count` steps that begins with step t. */
  QLIF_DEVICE_FN void walkSteps(int64_t t, int count, int flushed, uint32_t fired) {
    // A separate type: otherwise the compiler would merge this array with walkGroup's, and keep that in memory, too.
    struct Again {
      Kept kept;
      float vPre;
      float input;
    } done[GROUP];
#pragma unroll 1
    for (int slot = 0; slot < count; slot++) {
      if (slot == flushed) {
        flushState(neuron.state);
      }
      Step x;
      const float input = inputAt(t + slot);
      again(x, t + slot, input, voltageAt(t + slot), slot == 0, spike(fired, slot));
      done[slot] = Again{Kept::of(x), x.vPre, input};
    }
#pragma unroll 1
    for (int slot = count - 1; slot >= 0; slot--) {
      const float gradY = upstreamAt(t + slot);
      const Again &step = done[slot];
      const float gradInput = back(t + slot, step.kept, step.vPre, step.input, gradY, spike(fired, slot));
      if (COMMON || call.gradInput.data != nullptr) {
        store(known(call.gradInput), numberAt(t + slot), gradInput);
      }
      if (slot == flushed) {
        flushAdjoints(adj);
      }
    }
  }

  // ---------------------------------------------------------------- segments

  /** The slot of a group before which states are flushed, or a number past its slots. first: the segment's first step in a flush period. */
  QLIF_DEVICE_FN static int flushedIn(int group, int first) {
    const int step = (first + group * GROUP) % FLUSH_PERIOD;
    return step == 0 ? 0 : FLUSH_PERIOD - step;
  }

  QLIF_DEVICE_FN void beginSegment(int64_t begin, int length) {
    const uint32_t *words = forward.tape.bits + begin / WORD * elements + element;
    const uint32_t early = __ldg(words);
    const uint32_t late = length > WORD ? __ldg(words + elements) : 0;
#pragma unroll
    for (int group = 0; group < GROUPS; group++) {
      const int first = group * GROUP % WORD;
      shared.spikes[group][column] = (uint8_t)((group * GROUP < WORD ? early : late) >> (WORD - GROUP - first));
    }
    neuron.state = begin == 0 ? loadInitialState(args, element)
                              : loadState<Model>(
                                    forward.tape.checkpoints + (begin / SEGMENT - 1) * Model::VARIABLES * elements + element, elements);
  }

  /** Walks back a segment step by step. first: its first step in a flush period. */
  QLIF_DEVICE_FN void segmentBySteps(int64_t begin, int length, int first) {
    beginSegment(begin, length);
    const int last = (length - 1) / GROUP;
#pragma unroll 1
    for (int group = 0; group < last; group++) {
      save(group);
      replaySteps(begin + group * GROUP, flushedIn(group, first), spikesOf(group));
    }
#pragma unroll 1
    for (int group = last; group >= 0; group--) {
      if (group < last) {
        restore(group);
      }
      walkSteps(begin + group * GROUP, group == last ? length - last * GROUP : GROUP, flushedIn(group, first), spikesOf(group));
    }
  }

  /** The same in whole groups, if states are flushed only between groups. flushed: the group before which they are. */
  QLIF_DEVICE_FN void segmentByGroups(int64_t begin, int length, int flushed) {
    const int whole = length / GROUP;
    const int rest = length % GROUP;
    const int replayed = rest > 0 ? whole : whole - 1;
    const int64_t groupBytes = multiplyWide(GROUP, stride);
    int64_t offset = offsetOf(begin);  // of the current group
    Word row[GROUP];
    Rows<Word> rows;
    Word gradY[GROUP];
    fetchReplay(row, sourceAt(offset, replayed > 0, offset));
    beginSegment(begin, length);
#pragma unroll 1
    for (int group = 0; group < replayed; group++) {
      save(group);
      if (group == flushed) {
        flushState(neuron.state);
      }
      replayGroup(row, spikesOf(group), sourceAt(offset + groupBytes, group + 1 < replayed, offset));
      offset += groupBytes;
    }
    if (rest > 0) {
      const Source before = sourceAt(offset - groupBytes, whole > 0, offset);
      walkRest(begin + whole * GROUP, rest, whole == flushed, spikesOf(whole), rows, gradY, before);
      offset -= groupBytes;
    } else {
      fetchForward<GROUP>(rows, Source{offset, stride});
      fetchGradients<GROUP>(gradY, Source{offset, stride});
    }
    bool isSaved = rest > 0;
#pragma unroll 1
    for (int group = whole - 1; group >= 0; group--) {
      if (isSaved) {
        restore(group);
      }
      isSaved = true;
      if (group == flushed) {
        flushState(neuron.state);
      }
      if (PARKS) {
        // The code doesn't fit the instruction cache. Warps that run through it together share what is fetched.
        __syncthreads();
      }
      walkGroup<GROUP>(offset, rows, gradY, spikesOf(group), sourceAt(offset - groupBytes, group > 0, offset));
      if (group == flushed) {
        flushAdjoints(adj);
      }
      offset -= groupBytes;
    }
  }

  /** Walks back the last, partial group of a segment. Afterwards the rows are those of the group before it. */
  QLIF_DEVICE_FN void walkRest(
      int64_t t, int count, bool flushes, uint32_t fired, Rows<Word> &rows, Word (&gradY)[GROUP], const Source &before) {
    if (flushes) {
      flushState(neuron.state);
    }
    if (count == HALF) {
      const int64_t offset = offsetOf(t);
      fetchForward<HALF>(rows, Source{offset, stride});
      fetchGradients<HALF>(gradY, Source{offset, stride});
      walkGroup<HALF>(offset, rows, gradY, fired, before);
    } else {
      walkSteps(t, count, GROUP, fired);
      fetchForward<GROUP>(rows, before);
      fetchGradients<GROUP>(gradY, before);
    }
    if (flushes) {
      flushAdjoints(adj);
    }
  }

  QLIF_DEVICE_FN void run() {
    const int first = (int)(origin.firstStep() % FLUSH_PERIOD);
    static_assert(SEGMENT % FLUSH_PERIOD == 0, "all segments begin at the same step of a period");
    int length = (int)((args.steps - 1) % SEGMENT) + 1;
    // 32 bits, to save registers.
#pragma unroll 1
    for (int segment = (int)((args.steps - 1) / SEGMENT); segment >= 0; segment--) {
      const int64_t begin = (int64_t)segment * SEGMENT;
      if (COMMON && first % GROUP == 0) {
        segmentByGroups(begin, length, (FLUSH_PERIOD - first) % FLUSH_PERIOD / GROUP);
      } else {
        segmentBySteps(begin, length, first);
      }
      length = SEGMENT;
    }
    float given[Model::PARAMETERS];
    loadParameters<Model>(given, args, element % args.neurons);
    Model::settleGradients(forward.constants, neuron.parameters, given, grad);
    Parameters::each(grad, [&](int parameter, float x) { call.sums[parameter * elements + element] = x; });
    if constexpr (Model::MODULATED) {
      call.sums[Model::PARAMETERS * elements + element] = modulationSum;
    }
    if (call.gradInitialState[0] != nullptr) {
      // Variables that carry no gradient have an adjoint of 0.
      storeState(adj, call.gradInitialState, element);
    }
  }
};

/** Minimum number of blocks per multiprocessor, which limits a thread to 128 registers, or to 96 if steps are short. */
constexpr int backwardBlocks(bool voltage, bool common) { return !common ? 1 : voltage ? 4 : 5; }

template <class Model, class S, int TYPE, bool VOLTAGE, bool COMMON>
__global__ void __launch_bounds__(BACKWARD_THREADS, backwardBlocks(VOLTAGE, COMMON))
    backwardKernel(const __grid_constant__ CudaBackward<Model> call) {
  using Thread = BackwardThread<Model, S, TYPE, VOLTAGE, COMMON>;
  __shared__ typename Thread::Shared shared;
  const int64_t element = (int64_t)blockIdx.x * BACKWARD_THREADS + threadIdx.x;
  if (element < call.forward.elements) {
    Thread thread(call, S(call.forward.options), element, shared);
    thread.run();
  }
}

// ---------------------------------------------------------------- sums, in the fixed order of docs/numerics.md

/** The sum of `count` values, `stride` apart, in order. Loads SUM_AHEAD values at a time. */
QLIF_DEVICE_FN double addInOrder(const float *values, int64_t count, int64_t stride) {
  double sum = 0;
#pragma unroll 1
  for (int64_t done = 0; done < count; done += SUM_AHEAD) {
    float ahead[SUM_AHEAD];
#pragma unroll
    for (int i = 0; i < SUM_AHEAD; i++) {
      ahead[i] = done + i < count ? __ldg(values + (done + i) * stride) : 0.0f;
    }
    // A sum that starts with +0 is never -0, so adding zeros past the last value changes nothing.
#pragma unroll
    for (int i = 0; i < SUM_AHEAD; i++) {
      sum += (double)ahead[i];
    }
  }
  return sum;
}

/**
 * Sums over the rows of the batch, for each neuron. A column of a thread block has one group and neuron; grid y is the job. All threads load,
 * so that a tile of rows is in flight at once; the first threads of a column each add a block of rows, and the very first adds the blocks.
 */
static __global__ void __launch_bounds__(ROW_COLUMNS *ROW_LINES) sumRowsKernel(const __grid_constant__ SumJobs jobs) {
  __shared__ float tile[ROW_TILE][ROW_COLUMNS];
  __shared__ float blocks[ROW_TILE / BLOCK_ROWS][ROW_COLUMNS];
  // By level, the sum of the latest subtree of 2^level blocks.
  __shared__ float subtrees[TREE_LEVELS][ROW_COLUMNS];
  const SumJob &job = jobs.jobs[blockIdx.y];
  if (job.result == nullptr || job.overNeurons) {
    return;  // with the whole block
  }
  const int column = (int)threadIdx.x % ROW_COLUMNS;
  const int line = (int)threadIdx.x / ROW_COLUMNS;
  const int64_t index = (int64_t)blockIdx.x * ROW_COLUMNS + column;
  const bool active = index < job.groups * job.neurons;
  const int64_t group = index / job.neurons;
  const float *values = job.values + group * job.rows * job.neurons + (index - group * job.neurons);
  int64_t added = 0;
#pragma unroll 1
  for (int64_t first = 0; first < job.rows; first += ROW_TILE) {
    const int count = (int)(job.rows - first < ROW_TILE ? job.rows - first : ROW_TILE);
    float ahead[ROW_TILE / ROW_LINES];
#pragma unroll
    for (int i = 0; i < ROW_TILE / ROW_LINES; i++) {
      const int row = i * ROW_LINES + line;
      ahead[i] = active && row < count ? __ldg(values + (first + row) * job.neurons) : 0.0f;
    }
#pragma unroll
    for (int i = 0; i < ROW_TILE / ROW_LINES; i++) {
      tile[i * ROW_LINES + line][column] = ahead[i];
    }
    __syncthreads();
    if (line * BLOCK_ROWS < count) {
      double sum = 0;
      // Rows past the last one are zeros, which don't change a sum that starts with +0.
#pragma unroll 16
      for (int row = 0; row < BLOCK_ROWS; row++) {
        sum += (double)tile[line * BLOCK_ROWS + row][column];
      }
      blocks[line][column] = (float)sum;
    }
    __syncthreads();
    if (line > 0) {
      continue;
    }
    // Works like a binary counter: the bits of `added` tell which subtrees exist.
    for (int block = 0; block * BLOCK_ROWS < count; block++) {
      float sum = blocks[block][column];
      int level = 0;
      for (; added >> level & 1; level++) {
        sum = subtrees[level][column] + sum;
      }
      subtrees[level][column] = sum;
      added++;
    }
  }
  if (line > 0 || !active) {
    return;
  }
  float sum = 0;
  bool none = true;
  for (int level = 0; added >> level != 0; level++) {
    if (added >> level & 1) {
      sum = none ? subtrees[level][column] : subtrees[level][column] + sum;
      none = false;
    }
  }
  job.result[index] = sum;
}

/**
 * Sums over the rows of a block and over neurons, with a thread block for each block of rows; grid y is the job. Thread i adds neurons i, i +
 * 256, ..., each over the rows; then the threads' sums are added by halving.
 */
static __global__ void __launch_bounds__(SUM_THREADS) sumNeuronsKernel(const __grid_constant__ SumJobs jobs) {
  __shared__ double lanes[SUM_THREADS];
  const SumJob &job = jobs.jobs[blockIdx.y];
  const int64_t blocks = blocksOf(job.rows);
  const int64_t index = blockIdx.x;
  if (job.result == nullptr || !job.overNeurons || index >= job.groups * blocks) {
    return;  // with the whole block
  }
  const int64_t group = index / blocks;
  const int64_t row = (index - group * blocks) * BLOCK_ROWS;
  const int rows = (int)(job.rows - row < BLOCK_ROWS ? job.rows - row : BLOCK_ROWS);
  const float *values = job.values + (group * job.rows + row) * job.neurons;
  const int lane = (int)threadIdx.x;
  double sum = 0;
  if (rows == 1) {
    sum = addInOrder(values + lane, lane < job.neurons ? (job.neurons - lane + SUM_THREADS - 1) / SUM_THREADS : 0, SUM_THREADS);
  } else {
#pragma unroll 1
    for (int64_t n = lane; n < job.neurons; n += SUM_THREADS) {
      sum += addInOrder(values + n, rows, job.neurons);
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
    *(job.partial != nullptr ? job.partial + index : job.result + group) = (float)lanes[0];
  }
}

/**
 * Sums over the blocks of a group, with a thread block for each group; grid y is the job. Adds neighbours in place, then those sums'
 * neighbours.
 */
static __global__ void __launch_bounds__(SUM_THREADS) sumBlocksKernel(const __grid_constant__ SumJobs jobs) {
  const SumJob &job = jobs.jobs[blockIdx.y];
  const int64_t group = blockIdx.x;
  if (job.result == nullptr || job.partial == nullptr || group >= job.groups) {
    return;  // with the whole block
  }
  const int64_t blocks = blocksOf(job.rows);
  float *sums = job.partial + group * blocks;
#pragma unroll 1
  for (int64_t stride = 1; stride < blocks; stride *= 2) {
#pragma unroll 1
    for (int64_t i = (int64_t)threadIdx.x * 2 * stride; i + stride < blocks; i += SUM_THREADS * 2 * stride) {
      sums[i] += sums[i + stride];
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    job.result[group] = sums[0];
  }
}

// ---------------------------------------------------------------- draws

struct CudaDraw {
  DrawArgs args;
  int64_t firstPair;
  int64_t pairs;
  uint64_t wires[WIRE_BLOCKS];  // keys
};

/** A thread for each element and pair of steps. */
static __global__ void __launch_bounds__(DRAW_THREADS) drawKernel(const __grid_constant__ CudaDraw call) {
  const DrawArgs &args = call.args;
  const int64_t index = (int64_t)blockIdx.x * DRAW_THREADS + threadIdx.x;
  if (index >= call.pairs * args.elements) {
    return;
  }
  const int64_t row = index / args.elements;
  const int64_t e = index - row * args.elements;
  const int64_t even = (call.firstPair + row) * 2;
  const uint64_t number = args.row_index != nullptr
                              ? args.row_index[e / args.neurons] * (uint64_t)args.neurons + (uint64_t)(e % args.neurons)
                              : (uint64_t)(args.element_offset + e);
  Words words{};
  for (int wire = 0; wire < args.wires; wire++) {
    if (wire == 0 || wire % 2 == 1) {
      words = philox(number, (uint64_t)even, args.stream, Key{call.wires[wireBlock(wire)]});
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
