// SPDX-License-Identifier: Apache-2.0
// The host's kernels. Elements are grouped into blocks of LANES; a thread takes one or a few blocks through all steps before it starts the
// next. This code moves data and knows no model; the arithmetic is the models' own (qlif_model.h, lif_model.h). The compiler must be able to
// vectorize every loop over lanes.
//
// Compiled once for each instruction set, with QLIF_PROGRAM naming the result. The linker must not share any function between these objects,
// so all functions here are inlined or static.
#include "host_kernels.h"
#include "block_tree.h"
#include "lane_words.h"
#include "narrow.h"

// A loop over the lanes, which are independent. Not "omp simd", which would turn a neuron that is local to the loop into an array.
#define QLIF_LANES _Pragma("GCC ivdep") for (int i = 0; i < LANES; i++)

namespace qlif {
namespace {

/** Maximum number of steps that a block does at once. */
constexpr int MAX_RUN = 2;

/** How blocks advance through time. */
template <class S>
struct Pace {
  // Without draws, a step is a dozen instructions, and memory is the bottleneck: storing and reloading the state, and the caller's rows,
  // which are on different pages. So a few adjacent blocks advance together, which makes their part of a row long enough for the hardware
  // prefetcher, and they do two steps at once, with the state in registers in between.
  static constexpr bool SHORT = S::FIXED && !S::possible().drawsUniforms() && !S::possible().drawsNormals();
  static constexpr int BLOCKS = SHORT ? 8 : 1;
  static constexpr int RUN = SHORT ? MAX_RUN : 1;
  /** How many steps ahead rows are prefetched: few if blocks advance together, since the rows would be evicted before use. */
  static constexpr int AHEAD = SHORT ? 2 : 8;
  /** How many steps' M is computed at once if it differs between lanes: only one if blocks advance together, since they share its lines. */
  static constexpr int MODULATED = SHORT ? 1 : 4;
};

/** The same for the backward pass, in which blocks don't advance together. */
constexpr int AHEAD_BACK = 8;

/** A thread's memory that is the same for every model: lines with one value per lane. */
struct alignas(64) HostLines {
  float input[MAX_RUN][LANES];
  float external[LANES];
  float vPre[MAX_RUN][LANES];
  float chance[LANES];
  float base[LANES];
  int32_t count[LANES];
  float spike[LANES];
  float gradY[LANES];
  float gradV[LANES];
  float gradInput[LANES];
  float gradModulation[LANES];
  float modulationSum[LANES];
  float turn[LANES];
  float radius[LANES];
  // For the even and the odd step of a pair.
  float noise[2][LANES];
  float uniforms[2][MAX_WIRES][LANES];
  // For each block of wires; that of wire 0 also has the words of the normals.
  uint32_t words[MAX_WIRES / 2 + 1][4][LANES];
  uint32_t elementLow[LANES];
  uint32_t elementHigh[LANES];
  // The product of the low word with PHILOX_M0, and whether all high words are the same.
  LaneWords productHigh[LANES / LaneWords::COUNT];
  LaneWords productLow[LANES / LaneWords::COUNT];
  bool highIsShared;
  uint32_t options[LANES];
  uint8_t fired[MAX_RUN][LANES];
  /** The step whose pair of words is drawn, halved, or -1. */
  int64_t pair;
  /** Whether the latest step is the second of its pair. */
  bool odd;
};

/** How the external modulation is laid out for a block: one value for all lanes, consecutive values, or any offset for each lane. */
enum class Spread { ONE, LINE, EACH };

/** What a block of one model carries from step to step, a line for each number. */
template <class Model>
struct alignas(64) BlockLines {
  float state[Model::VARIABLES][LANES];
  float given[Model::PARAMETERS][LANES];
  float parameters[Model::PARAMETERS][LANES];
  Spread modulation;
  int64_t modulationOffset[LANES];
};

/** A thread's memory for one model and variant. */
template <class Model, class S>
struct alignas(64) HostWorker : HostLines {
  BlockLines<Model> blocks[Pace<S>::BLOCKS];
  float traced[Model::TRACES][LANES];
  float adjoints[Model::VARIABLES][LANES];
  float gradients[Model::PARAMETERS][LANES];
  // For the backward pass, a line for each step of a segment.
  float kept[SEGMENT][Model::KEPT][LANES];
  float keptVPre[SEGMENT][LANES];
  float modulation[SEGMENT][LANES];
};

// ---------------------------------------------------------------- numbers of any type

/** Converts `count` numbers from index `at` on to float32. */
void widen(float *to, GivenNumbers from, int64_t at, int count) {
  byType(from.type, [&](auto type) QLIF_INLINED {
    using Type = decltype(type);
    const auto *words = (const typename Type::Word *)from.data + at;
    if (count == LANES) {
      QLIF_LANES { to[i] = Type::widen(words[i]); }
    } else {
      for (int i = 0; i < count; i++) {
        to[i] = Type::widen(words[i]);
      }
    }
  });
}

/** Rounds `count` float32 numbers to the type of `to`, from index `at` on. */
void narrow(TakenNumbers to, int64_t at, const float *from, int count) {
  byType(to.type, [&](auto type) QLIF_INLINED {
    using Type = decltype(type);
    auto *words = (typename Type::Word *)to.data + at;
    if (count == LANES) {
      QLIF_LANES { words[i] = Type::narrow(from[i]); }
    } else {
      for (int i = 0; i < count; i++) {
        words[i] = Type::narrow(from[i]);
      }
    }
  });
}

// ---------------------------------------------------------------- draws

/** Sets the number of a lane's element, as the words of the generator's counter. */
void setElement(HostLines &w, int lane, uint64_t number) {
  w.elementLow[lane] = (uint32_t)number;
  w.elementHigh[lane] = (uint32_t)(number >> 32);
}

/** Prepares draws. All lanes' elements must be set. */
void prepareDraws(HostLines &w) {
  uint32_t differing = 0;
  for (uint32_t high : w.elementHigh) {
    differing |= high ^ w.elementHigh[0];
  }
  w.highIsShared = differing == 0;
  for (int i = 0; i < LANES; i += LaneWords::COUNT) {
    const int number = i / LaneWords::COUNT;
    multiply(PHILOX_M0, LaneWords::load(w.elementLow + i), w.productHigh[number], w.productLow[number]);
  }
}

/** Fills a block's words for a pair of steps. HALF: only words 0 and 1. */
template <bool HALF>
void drawWords(HostLines &w, int block, uint32_t counter, uint32_t stream, const RoundKeys &keys) {
  constexpr int LAST = PHILOX_ROUNDS - 1;
  uint32_t(*words)[LANES] = w.words[block];
  auto finish = [&](int lane, const WordsOf<LaneWords> &c) QLIF_INLINED {
    storeProducts(PHILOX_M1, c.w2, c.w1, keys.low(LAST), words[0] + lane, words[1] + lane);
    if (!HALF) {
      storeProducts(PHILOX_M0, c.w0, c.w3, keys.high(LAST), words[2] + lane, words[3] + lane);
    }
  };
  if (w.highIsShared) {
    const uint32_t high = w.elementHigh[0];
    for (int i = 0; i < LANES; i += LaneWords::COUNT) {
      const int number = i / LaneWords::COUNT;
      const WordsOf<LaneWords> c = philoxTwoRounds(w.productHigh[number], w.productLow[number], high, counter, stream, keys);
      finish(i, philoxRounds<2, LAST - 1>(c, keys));
    }
    return;
  }
  for (int i = 0; i < LANES; i += LaneWords::COUNT) {
    const WordsOf<LaneWords> c{
        LaneWords::load(w.elementLow + i), LaneWords::load(w.elementHigh + i), LaneWords::all(counter), LaneWords::all(stream)};
    finish(i, philoxRounds<0, LAST - 1>(c, keys));
  }
}

/** The uniforms of a pair of steps for a wire, from w.words. */
void keepUniforms(HostLines &w, int wire) {
  for (int odd = 0; odd < 2; odd++) {
    float *line = w.uniforms[odd][wire];
    const uint32_t *words = w.words[wireBlock(wire)][wireWord(wire, odd != 0)];
    QLIF_LANES { line[i] = uniform(words[i]); }
  }
}

/** The normals of a pair of steps, from w.words. In separate loops, since compilers merge sine and cosine of the same angle into one call. */
void keepNormals(HostLines &w) {
  const uint32_t(*words)[LANES] = w.words[0];
  for (int odd = 0; odd < 2; odd++) {
    float *line = w.noise[odd];
    if (odd == 0) {
      QLIF_LANES {
        w.radius[i] = radius(Words{words[0][i], words[1][i], words[2][i], words[3][i]});
        w.turn[i] = uniform(words[3][i]);
        line[i] = w.radius[i] * cos2pi(w.turn[i]);
      }
    } else {
      QLIF_LANES { line[i] = w.radius[i] * sin2pi(w.turn[i]); }
    }
  }
}

/** Draws the words of a pair of steps, and the normals. keys: of each block of wires. wires: 0 if no uniforms are needed. */
void drawPair(HostLines &w, int64_t step, uint32_t stream, const RoundKeys *keys, int wires, bool normals) {
  const uint32_t counter = (uint32_t)(step >> 1);
  drawWords<false>(w, 0, counter, stream, keys[0]);
  if (normals) {
    keepNormals(w);
  }
  for (int wire = 1; wire < wires; wire += 2) {
    const int block = wireBlock(wire);
    wire + 1 < wires ? drawWords<false>(w, block, counter, stream, keys[block])
                     : drawWords<true>(w, block, counter, stream, keys[block]);
  }
}

/** Counts, of WIRES wires from `wire` on, those whose number(wire, lane) is below p times `scale`. FIRST: w.count is not read. */
template <int WIRES, bool FIRST, class Number>
QLIF_FN void countSome(HostLines &w, int wire, float scale, Number number) {
  QLIF_LANES {
    const float limit = w.chance[i] * scale;
    int32_t count = FIRST ? 0 : w.count[i];
#pragma GCC unroll 4
    for (int next = 0; next < WIRES; next++) {
      count += (int32_t)(number(wire + next, i) < limit);
    }
    w.count[i] = count;
  }
}

template <class Number>
QLIF_FN void countAll(HostLines &w, int wires, float scale, Number number) {
  int wire = (wires - 1) % 4 + 1;
  switch (wire) {
    case 1:
      countSome<1, true>(w, 0, scale, number);
      break;
    case 2:
      countSome<2, true>(w, 0, scale, number);
      break;
    case 3:
      countSome<3, true>(w, 0, scale, number);
      break;
    case 4:
      countSome<4, true>(w, 0, scale, number);
      break;
  }
  for (; wire < wires; wire += 4) {
    countSome<4, false>(w, wire, scale, number);
  }
}

/**
 * Counts the wires whose uniforms are below w.chance, into w.count. uniforms: lines at multiples of the stride, or null if they are drawn. Not
 * inlined, since several places need it.
 */
[[gnu::noinline]] void countWires(HostLines &w, int wires, const float *uniforms, int64_t stride) {
  if (uniforms != nullptr) {
    countAll(w, wires, 1.0f, [=](int wire, int i) QLIF_INLINED { return uniforms[wire * stride + i]; });
  } else {
    // The uniforms times 2^24. Both products with 2^24 are exact.
    const bool odd = w.odd;
    countAll(w, wires, 0x1p24f, [&w, odd](int wire, int i)
                                    QLIF_INLINED { return upperBits(w.words[wireBlock(wire)][wireWord(wire, odd)][i]); });
  }
}

/** M of an external modulation. k: with a transform that the compiler knows. */
template <class Model>
QLIF_FN float modulated(const typename Model::Constants &k, float external) {
  const Fixed<typename Model::Options, 0> on(typename Model::Options{});
  typename Model::template Neuron<Fixed<typename Model::Options, 0>> neuron(on, k);
  typename Model::Step x;
  neuron.modulate(x, external);
  return neuron.state.m;
}

/** Computes M from an external modulation; m may be external. */
template <class Model>
void modulateMany(const ModelConfig &config, const float *external, float *m, int64_t count) {
  Model::byTransform(Model::constantsOf(config), [=](const typename Model::Constants &k) QLIF_INLINED {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; i++) {
      m[i] = modulated<Model>(k, external[i]);
    }
  });
}

/**
 * The same for a few lines, of which those of `external` begin every `stride` numbers. Not inlined, since a transform is long and several places
 * need it.
 */
template <class Model>
[[gnu::noinline]] void modulateLines(const ModelConfig &config, const float *external, int64_t stride, float *m, int count) {
  Model::byTransform(Model::constantsOf(config), [=](const typename Model::Constants &k) QLIF_INLINED {
    for (int line = 0; line < count; line++) {
      const float *from = external + line * stride;
      float *to = m + line * LANES;
      QLIF_LANES { to[i] = modulated<Model>(k, from[i]); }
    }
  });
}

/** One block's part of a call. */
template <class Model, class S>
struct Block {
  using Constants = typename Model::Constants;
  using Parameters = typename Model::Parameters;
  using State = typename Model::State;
  using Step = typename Model::Step;
  using Kept = typename Model::Kept;
  template <class Known>
  using Neuron = typename Model::template Neuron<Known>;
  using Pace = qlif::Pace<S>;

  const HostForward &call;
  const ForwardArgs &args;
  const Constants &constants;
  HostWorker<Model, S> &w;
  BlockLines<Model> &lines;
  const S on;
  const int64_t block;
  const int64_t first;
  const int width;

  /** place: the block's index among those that advance together. */
  Block(const HostForward &call, int64_t block, int place, void *worker)
      : call(call), args(call.args), constants(Model::constantsOf(call.config)), w(*(HostWorker<Model, S> *)worker),
        lines(w.blocks[Pace::BLOCKS == 1 ? 0 : place]), on(Model::optionsOf(call.config)), block(block), first(block * LANES),
        width((int)(call.elements - first < LANES ? call.elements - first : LANES)) {}

  /** Copies the lanes that are elements. */
  void copy(float *to, const float *from) const {
    if (width == LANES) {
      memcpy(to, from, LANES * sizeof(float));
    } else {
      memcpy(to, from, (size_t)width * sizeof(float));
    }
  }

  // Copying between lines and a neuron's registers.

  template <class Members>
  QLIF_FN static void load(Members &members, const float (*lines)[LANES], int i) {
    Members::each(members, [&](int number, float &x) QLIF_INLINED { x = lines[number][i]; });
  }

  template <class Members>
  QLIF_FN static void store(const Members &members, float (*lines)[LANES], int i) {
    Members::each(members, [&](int number, float x) QLIF_INLINED { lines[number][i] = x; });
  }

  /** modulation: M of the step, which may be elsewhere than in the state. */
  QLIF_FN void loadState(State &state, const float *modulation, int i) const {
    State::each(state, [&](Variable variable, float &x) QLIF_INLINED { x = lines.state[variable.number][i]; });
    if constexpr (Model::MODULATED) {
      state.m = modulation[i];
    }
  }

  /** Stores the variables that a step changes. */
  QLIF_FN void storeState(const State &state, int i) const {
    State::each(state, [&](Variable variable, float x) QLIF_INLINED {
      if (State::changes(S::possible(), variable.number)) {
        lines.state[variable.number][i] = x;
      }
    });
  }

  /** Loads the adjoints; those of variables without gradient are 0. */
  QLIF_FN void loadAdjoints(State &adjoints, int i) const {
    State::each(adjoints, [&](Variable variable, float &x) QLIF_INLINED {
      x = variable.carriesGradient ? w.adjoints[variable.number][i] : 0.0f;
    });
  }

  QLIF_FN void storeAdjoints(const State &adjoints, int i) const {
    State::each(adjoints, [&](Variable variable, float x) QLIF_INLINED {
      if (variable.carriesGradient) {
        w.adjoints[variable.number][i] = x;
      }
    });
  }

  /** Calls `visit` with each state variable that carries a gradient. */
  template <class Visit>
  static void eachCarrier(Visit visit) {
    for (int variable = 0; variable < Model::VARIABLES; variable++) {
      if (MODELS[Model::NUMBER].variables[variable].carriesGradient) {
        visit(variable);
      }
    }
  }

  /** LANES values from index `at` on: in place if all are elements and float32, else in `room`, with zeros after the last element. */
  const float *line(GivenNumbers numbers, int64_t at, float *room) const {
    if (width == LANES && numbers.type == QLIF_TYPE_F32) {
      return (const float *)numbers.data + at;
    }
    if (width < LANES) {
      memset(room, 0, LANES * sizeof(float));
    }
    widen(room, numbers, at, width);
    return room;
  }

  /** The same for a row of float32. */
  const float *line(const float *row, float *room) const { return line(GivenNumbers{row, QLIF_TYPE_F32}, first, room); }

  /** Prefetches a later step's line. The hardware doesn't, since that step's row is far away from this one's. */
  template <int WRITE = 0, class T>
  void ahead(const T *tensor, int64_t t, int64_t stride, int64_t from) const {
    if (tensor != nullptr && t >= 0 && t < args.steps) {
      const T *place = tensor + t * stride + from;
      for (int i = 0; i < width; i += 64 / (int)sizeof(T)) {
        __builtin_prefetch(place + i, WRITE);
      }
    }
  }

  template <int WRITE = 0, class T>
  void ahead(const T *tensor, int64_t t, int64_t stride) const {
    ahead<WRITE>(tensor, t, stride, first);
  }

  /** The same for numbers of any type: GivenNumbers or TakenNumbers. */
  template <int WRITE = 0, class Numbers>
  void aheadOf(Numbers numbers, int64_t t, int64_t stride, int64_t from) const {
    byType(numbers.type, [&](auto type) QLIF_INLINED {
      ahead<WRITE>((const typename decltype(type)::Word *)numbers.data, t, stride, from);
    });
  }

  void inputAhead(int64_t t) const { aheadOf(call.input.values, t, call.input.stride, first - call.input.first); }

  /** The index of the step's first input. */
  int64_t inputAt(int64_t t) const { return t * call.input.stride + first - call.input.first; }

  const float *inputLine(int64_t t, float *room) const { return line(call.input.values, inputAt(t), room); }

  const float *lineAt(const float *tensor, int64_t t, float *room) const { return line(tensor + t * call.elements, room); }

  void put(float *tensor, int64_t t, const float *values) const { copy(tensor + t * call.elements + first, values); }

  void put(TakenNumbers numbers, int64_t t, const float *values) const {
    if (numbers.type == QLIF_TYPE_F32) {
      put((float *)numbers.data, t, values);
    } else {
      narrow(numbers, t * call.elements + first, values, width);
    }
  }

  // ---------------------------------------------------------------- start of a block

  void start() {
    const Constants k = constants;
    const int64_t firstRow = first / args.neurons;
    const int64_t firstNeuron = first - firstRow * args.neurons;
    for (int parameter = 0; parameter < Model::PARAMETERS; parameter++) {
      if (args.per_neuron_parameters >> parameter & 1) {
        gather(lines.given[parameter], args.parameters[parameter], firstNeuron);
      } else {
        QLIF_LANES { lines.given[parameter][i] = args.parameters[parameter][0]; }
      }
    }
    if (on().drawsUniforms() || on().drawsNormals() || args.modulation.data != nullptr) {
      int64_t b = firstRow;
      int64_t n = firstNeuron;
      for (int i = 0; i < LANES; i++) {
        if (Model::DRAWS) {
          setElement(w, i, elementNumber(args, b, n));
        }
        lines.modulationOffset[i] = b * args.modulation.stride_b + n * args.modulation.stride_n;
        if (i + 1 < width && ++n == args.neurons) {
          n = 0;
          b++;
        }
      }
      if (on().drawsUniforms() || on().drawsNormals()) {
        prepareDraws(w);
      }
    }
    lines.modulation = spreadOf(args.modulation, firstNeuron + width <= args.neurons);
    QLIF_LANES {
      float given[Model::PARAMETERS];
      for (int parameter = 0; parameter < Model::PARAMETERS; parameter++) {
        given[parameter] = lines.given[parameter][i];
      }
      store(Model::parametersOf(k, given), lines.parameters, i);
    }
    w.pair = -1;
    for (uint32_t &options : w.options) {
      options = on().bits;
    }
  }

  /** inRow: whether the block is part of one row of the batch. */
  Spread spreadOf(const qlif_broadcast &modulation, bool inRow) const {
    if (modulation.stride_n == 0 && (modulation.stride_b == 0 || inRow)) {
      return Spread::ONE;
    }
    const bool follows = inRow || modulation.stride_b == args.neurons;
    return modulation.stride_n == 1 && follows && width == LANES ? Spread::LINE : Spread::EACH;
  }

  /** Gathers per-neuron values from neuron n on. Lanes past the last element repeat its value; their results are discarded. */
  void gather(float *to, const float *from, int64_t n) const {
    for (int i = 0; i < width;) {
      const int count = (int)(args.neurons - n < width - i ? args.neurons - n : width - i);
      memcpy(to + i, from + n, (size_t)count * sizeof(float));
      i += count;
      n = 0;
    }
    for (int i = width; i < LANES; i++) {
      to[i] = to[width - 1];
    }
  }

  void loadInitialState() {
    for (int variable = 0; variable < Model::VARIABLES; variable++) {
      if (args.initial_state[variable] != nullptr) {
        if (args.initial_state_shared) {
          gather(lines.state[variable], args.initial_state[variable], first % args.neurons);
        } else {
          memset(lines.state[variable], 0, sizeof lines.state[variable]);
          copy(lines.state[variable], args.initial_state[variable] + first);
        }
      } else {
        for (int i = 0; i < LANES; i++) {
          lines.state[variable][i] = MODELS[Model::NUMBER].variables[variable].initialValue;
        }
      }
    }
  }

  float *checkpoint(int64_t number) const {
    return call.tape.checkpoints + (block * call.tape.count + number) * (Model::VARIABLES * LANES);
  }

  /** Where steps from t on write V': directly to the tape, or to a buffer from which keepVoltages() converts it. */
  float *tapeVoltages(int64_t t) {
    return call.tape.voltages.type == QLIF_TYPE_F32 ? (float *)call.tape.voltages.data + tapedAt(t) : w.vPre[0];
  }

  void keepVoltages(int64_t t, int steps) {
    for (int i = 0; call.tape.voltages.type != QLIF_TYPE_F32 && i < steps; i++) {
      narrow(call.tape.voltages, tapedAt(t + i), w.vPre[i], LANES);
    }
  }

  /** V' of a step: on the tape itself, or converted into line `slot`. */
  const float *tapedVoltages(int64_t t, int slot) {
    const TakenNumbers &voltages = call.tape.voltages;
    if (voltages.type == QLIF_TYPE_F32) {
      return (const float *)voltages.data + tapedAt(t);
    }
    widen(w.keptVPre[slot], GivenNumbers{voltages.data, voltages.type}, tapedAt(t), LANES);
    return w.keptVPre[slot];
  }

  int64_t tapedAt(int64_t t) const { return (block * args.steps + t) * LANES; }

  uint64_t *tapeBits(int64_t t) const { return call.tape.bits + block * args.steps + t; }

  // ---------------------------------------------------------------- draws

  /** Draws a step's numbers, unless they were drawn with the other step of its pair. If wires are counted, keeps their words. */
  void draw(int64_t step, bool uniforms, bool normals) {
    w.odd = (step & 1) != 0;
    if (step >> 1 == w.pair) {
      return;
    }
    w.pair = step >> 1;
    drawPair(w, step, args.stream, call.keys, uniforms ? call.config.uniforms : 0, normals);
    if (uniforms && !countsWires()) {
      keepUniforms(w, 0);
    }
  }

  bool countsWires() const {
    if constexpr (Model::DRAWS) {
      return on().countsWires();
    } else {
      return false;
    }
  }

  // ---------------------------------------------------------------- parts of a step, for all lanes

  void flushState() {
    for (int variable = 0; variable < Model::VARIABLES; variable++) {
      if (MODELS[Model::NUMBER].variables[variable].flushed) {
        float *line = lines.state[variable];
        QLIF_LANES { line[i] = flush(line[i], FLUSH_STATE); }
      }
    }
  }

  /** Whether M varies over time. */
  bool modulationVaries() const { return args.modulation.data != nullptr && args.modulation.stride_t != 0; }

  void modulationAhead(int64_t t) const {
    if (Model::MODULATED && lines.modulation == Spread::LINE && modulationVaries()) {
      ahead(args.modulation.data, t, args.modulation.stride_t, lines.modulationOffset[0]);
    }
  }

  /**
   * Returns M of step t. If a modulation is given, computes M first: once per segment if it doesn't vary over time, else for a few steps at
   * once, since the latency of a single transform would dominate. Line `slot` is the step's, and the next lines are those of the steps after
   * it. left: the number of steps from t on.
   */
  const float *modulate(int64_t t, int slot, int64_t left) {
    if constexpr (Model::MODULATED) {
      if (!modulationVaries()) {
        if (args.modulation.data != nullptr && t % SEGMENT == 0) {
          transform(t, lines.state[Model::MODULATION], 1);
        }
      } else if (!hasLinesOfModulation() && slot % Pace::MODULATED == 0) {
        transform(t, w.modulation[slot], (int)(left < Pace::MODULATED ? left : Pace::MODULATED));
      }
    }
    return modulationOf(t, slot);
  }

  /** Whether the modulation in args is M itself, and is at each step one value for all lanes or a line. */
  bool hasLinesOfModulation() const { return call.modulated && lines.modulation != Spread::EACH; }

  /** The state's line of M; null if the model has none. */
  const float *modulationInState() const {
    if constexpr (Model::MODULATED) {
      return lines.state[Model::MODULATION];
    } else {
      return nullptr;
    }
  }

  /** Returns M of a step for which modulate() was called. */
  const float *modulationOf(int64_t t, int slot) {
    if constexpr (Model::MODULATED) {
      if (!modulationVaries()) {
        return modulationInState();
      }
      if (!hasLinesOfModulation()) {
        return w.modulation[slot];
      }
      const float *row = modulationRow(t) + lines.modulationOffset[0];
      if (lines.modulation == Spread::LINE) {
        return row;
      }
      const float m = *row;
      QLIF_LANES { w.external[i] = m; }
      return w.external;
    } else {
      return nullptr;
    }
  }

  const float *modulationRow(int64_t t) const { return args.modulation.data + t * args.modulation.stride_t; }

  /** Computes M of `steps` steps from t on, a line for each. */
  void transform(int64_t t, float *lineOfFirst, int steps) {
    if (lines.modulation == Spread::LINE) {
      modulateLines<Model>(call.config, modulationRow(t) + lines.modulationOffset[0], args.modulation.stride_t, lineOfFirst, steps);
      return;
    }
    for (int step = 0; step < steps; step++) {
      const float *row = modulationRow(t + step);
      float *to = lineOfFirst + step * LANES;
      for (int i = 0; i < LANES; i++) {
        to[i] = row[lines.modulationOffset[i]];
      }
    }
    if (!call.modulated) {
      modulateLines<Model>(call.config, lineOfFirst, LANES, lineOfFirst, steps);
    }
  }

  /** Copies a step's M to the state, for what reads the state after the step. */
  void keepModulation(const float *modulation) {
    if constexpr (Model::MODULATED) {
      memcpy(lines.state[Model::MODULATION], modulation, LANES * sizeof(float));
    }
  }

  /** The step's normals, drawn or given; null if the configuration has none. */
  const float *noise(int64_t t) {
    if (!on().drawsNormals()) {
      // Must be readable if options are unknown, since a conditional load would need a branch.
      return S::FIXED ? nullptr : w.turn;
    }
    return args.normals != nullptr ? lineAt(args.normals, t, w.turn) : w.noise[(args.first_step + t) & 1];
  }

  /** The step's uniforms, drawn or given, of wire 0; those of further wires follow at multiples of the stride. */
  const float *uniforms(int64_t t, int64_t &stride) {
    stride = LANES;
    if (!on().drawsUniforms()) {
      return S::FIXED ? nullptr : w.uniforms[0][0];
    }
    int odd = (int)((args.first_step + t) & 1);
    if (args.uniforms == nullptr) {
      return w.uniforms[odd][0];
    }
    int64_t wires = call.config.uniforms;
    const float *rows = args.uniforms + t * wires * call.elements;
    if (width == LANES) {
      stride = call.elements;
      return rows + first;
    }
    for (int64_t wire = 0; wire < wires; wire++) {
      line(rows + wire * call.elements, w.uniforms[odd][wire]);
    }
    return w.uniforms[odd][0];
  }

  /** Lines of consecutive steps. */
  template <class T>
  struct Rows {
    T *first;
    int64_t stride;
  };

  /** The inputs of a run of steps from t on. */
  template <int STEPS>
  Rows<const float> inputs(int64_t t) {
    if (width == LANES && call.input.values.type == QLIF_TYPE_F32) {
      return Rows<const float>{(const float *)call.input.values.data + inputAt(t), call.input.stride};
    }
    for (int step = 0; step < STEPS; step++) {
      inputLine(t + step, w.input[step]);
    }
    return Rows<const float>{w.input[0], LANES};
  }

  /** Where a run writes its spikes as bytes: to the caller's memory, or to lines from which other outputs are made. */
  Rows<uint8_t> bytes(int64_t t) {
    return args.spikes_u8 != nullptr && width == LANES ? Rows<uint8_t>{args.spikes_u8 + t * call.elements + first, call.elements}
                                                       : Rows<uint8_t>{w.fired[0], LANES};
  }

  /**
   * Does STEPS steps. If KEEPS, writes V' to vPre, LANES numbers a step. TRACED: whether to keep what only traces need. Spikes go to `fired`
   * if steps are short, else to w.spike: if a loop contains bytes, compilers process as many lanes at once as a vector has bytes, and a long
   * step would run out of registers.
   */
  template <int STEPS, bool TRACED, bool KEEPS>
  void advance(Rows<const float> input, const float *modulation, const float *noise, const float *uniforms, int64_t stride, float *vPre,
      Rows<uint8_t> fired) {
    byDecision<true>([&](auto known) QLIF_INLINED {
      using Known = decltype(known);
      if constexpr (hasPasses<Known>()) {
        advanceInPasses<TRACED, Known>(input.first, modulation, noise, uniforms, stride, KEEPS ? vPre : w.vPre[0]);
      } else {
        advance<STEPS, TRACED, KEEPS, Known>(input, modulation, noise, uniforms, stride, vPre, fired);
      }
    });
  }

  /** Calls `visit` with options of which those that differ between decisions are known. COUNTS: including whether wires are counted. */
  template <bool COUNTS, class Visit>
  QLIF_FN void byDecision(Visit visit) const {
    if constexpr (S::FIXED) {
      visit(on);
    } else {
      Model::template byDecision<COUNTS>(on(), visit);
    }
  }

  /**
   * The options of a lane. Unknown options are the same for all lanes, but the compiler must not see that: it turns conditions that differ
   * between lanes into blends, whereas it does not vectorize a loop with nested uniform conditions.
   */
  template <class Known>
  QLIF_FN Known optionsOf(int i) const {
    if constexpr (Known::FIXED) {
      return Known(on());
    } else {
      return Known(typename Model::Options{w.options[i]});
    }
  }

  template <class Known>
  static constexpr bool countsWires() {
    if constexpr (Model::DRAWS) {
      return Known::possible().countsWires();
    } else {
      return false;
    }
  }

  template <int STEPS, bool TRACED, bool KEEPS, class Known>
  void advance(Rows<const float> input, const float *modulation, const float *noise, const float *uniforms, int64_t stride, float *vPre,
      Rows<uint8_t> fired) {
    static_assert(STEPS == 1 || Pace::SHORT);
    const Constants k = constants;
    QLIF_LANES {
      Neuron<Known> neuron(optionsOf<Known>(i), k);
      load(neuron.parameters, lines.parameters, i);
      loadState(neuron.state, modulation, i);
#pragma GCC unroll 2
      for (int step = 0; step < STEPS; step++) {
        Step x;
        rise(neuron, x, input.first[step * input.stride + i], noise, i);
        bool fires = neuron.fires(x, [=](int wire) QLIF_INLINED { return uniforms[wire * stride + i]; });
        neuron.settle(x, fires);
        if constexpr (Pace::SHORT) {
          fired.first[step * fired.stride + i] = fires;
        } else {
          w.spike[i] = x.spike;
        }
        if (KEEPS) {
          vPre[step * LANES + i] = x.vPre;
        }
        if (TRACED) {
          keepTraces(neuron, x, i);
        }
      }
      storeState(neuron.state, i);
    }
  }

  /** Whether a step is done in passes: if it has a probability. */
  template <class Known>
  static constexpr bool hasPasses() {
    if constexpr (Pace::SHORT || !Model::DRAWS) {
      return false;
    } else {
      return !Known::possible().needsSurrogate();
    }
  }

  /** Whether a step need not write w.spike, since the state has the spikes. */
  static constexpr bool hasSpikesInState() {
    if constexpr (S::FIXED && hasPasses<S>()) {
      return !S::possible().stateNeedsProbability();
    } else {
      return false;
    }
  }

  /** The spikes of the latest step of a forward call as numbers. */
  const float *spikeLine() const {
    if constexpr (hasSpikesInState()) {
      return lines.state[Model::SPIKE_VALUE];
    } else {
      return w.spike;
    }
  }

  /** A step up to the decision. */
  template <class Known>
  QLIF_FN void rise(Neuron<Known> &neuron, Step &x, float input, const float *noise, int i) const {
    neuron.integrate(x, input);
    if constexpr (Model::DRAWS) {
      if (neuron.on().drawsNormals()) {
        neuron.addNoise(x, noise[i]);
      }
    }
    neuron.decide(x);
  }

  template <class Known>
  QLIF_FN void keepTraces(const Neuron<Known> &neuron, const Step &x, int i) {
    neuron.eachTrace(x, [&](Trace trace, float value) QLIF_INLINED {
      if (!trace.ofState) {
        w.traced[trace.number][i] = value;
      }
    });
  }

  /**
   * A step in several loops. In a single one, the chain of dependent operations would be so long that the processor could not look ahead to
   * the next lanes. Wires have loops of their own, since a loop over lanes with a loop inside is not vectorized. TRACED: one loop up to p.
   */
  template <bool TRACED, class Known>
  void advanceInPasses(
      const float *input, const float *modulation, const float *noise, const float *uniforms, int64_t stride, float *vPre) {
    const Constants k = constants;
    QLIF_LANES {
      Neuron<Known> neuron(optionsOf<Known>(i), k);
      load(neuron.parameters, lines.parameters, i);
      loadState(neuron.state, modulation, i);
      Step x;
      neuron.integrate(x, input[i]);
      if (neuron.on().drawsNormals()) {
        neuron.addNoise(x, noise[i]);
      }
      neuron.gap(x);
      if (TRACED) {
        neuron.probability(x);
      } else {
        neuron.angle(x);
      }
      // First, since vPre could be part of the state as far as the compiler knows, and it would store what has not changed, too.
      storeState(neuron.state, i);
      vPre[i] = x.vPre;
      w.base[i] = x.base;
      w.chance[i] = TRACED ? x.p : x.angle;
      if (TRACED) {
        keepTraces(neuron, x, i);
      }
    }
    if (!TRACED) {
      QLIF_LANES {
        Neuron<Known> neuron(optionsOf<Known>(i), k);
        Step x;
        x.angle = w.chance[i];
        neuron.chance(x);
        loadState(neuron.state, modulation, i);
        neuron.start(x);
        neuron.damp(x);
        w.chance[i] = x.p;
      }
    }
    if constexpr (countsWires<Known>()) {
      countWires(w, call.config.uniforms, args.uniforms == nullptr ? nullptr : uniforms, stride);
    }
    QLIF_LANES {
      Neuron<Known> neuron(optionsOf<Known>(i), k);
      load(neuron.parameters, lines.parameters, i);
      loadState(neuron.state, modulation, i);
      Step x;
      x.vPre = vPre[i];
      x.p = w.chance[i];
      x.base = w.base[i];
      bool fires;
      if constexpr (countsWires<Known>()) {
        fires = w.count[i] >= k.minCount;
      } else {
        fires = neuron.fires(x, [=](int) QLIF_INLINED { return uniforms[i]; });
      }
      neuron.settle(x, fires);
      storeState(neuron.state, i);
      if constexpr (!hasSpikesInState()) {
        w.spike[i] = x.spike;
      }
    }
  }

  template <int STEPS>
  void advance(bool traced, Rows<const float> input, const float *modulation, const float *noise, const float *uniforms, int64_t stride,
      float *vPre, Rows<uint8_t> fired) {
    if constexpr (STEPS == 1) {
      if (traced) {
        vPre == nullptr ? advance<STEPS, true, false>(input, modulation, noise, uniforms, stride, vPre, fired)
                        : advance<STEPS, true, true>(input, modulation, noise, uniforms, stride, vPre, fired);
        return;
      }
    }
    vPre == nullptr ? advance<STEPS, false, false>(input, modulation, noise, uniforms, stride, vPre, fired)
                    : advance<STEPS, false, true>(input, modulation, noise, uniforms, stride, vPre, fired);
  }

  /** Packs the spikes of a step into bits. */
  uint64_t pack(const uint8_t *fired) const {
    uint64_t word = Pace::SHORT ? spikeBits(fired) : spikeBits(spikeLine());
    return width == LANES ? word : word & (((uint64_t)1 << width) - 1);
  }

  /** Unpacks bits of a tape to w.spike. */
  void unpack(uint64_t word) {
    uint32_t low = (uint32_t)word;
    uint32_t high = (uint32_t)(word >> 32);
    QLIF_LANES {
      uint32_t half = i < 32 ? low : high;
      w.spike[i] = (float)(int32_t)(half >> (i & 31) & 1);
    }
  }

  // ---------------------------------------------------------------- forward

  /** What a forward call needs of each step. */
  struct Asked {
    bool drawsUniforms;
    bool drawsNormals;
    bool taped;
    bool packs;
    bool traced;
    /** Whether each step needs more than its input, or gives more than its spike. */
    bool ofEachState;

    explicit Asked(const HostForward &call) : taped(call.tape.bits != nullptr) {
      const ForwardArgs &args = call.args;
      const S on(Model::optionsOf(call.config));
      drawsUniforms = on().drawsUniforms() && args.uniforms == nullptr;
      drawsNormals = on().drawsNormals() && args.normals == nullptr;
      packs = taped || args.spikes_bit != nullptr;
      traced = false;
      for (const float *trace : args.traces) {
        traced = traced || trace != nullptr;
      }
      ofEachState = traced || args.voltages != nullptr || (args.spike_values.data != nullptr && Model::SPIKE_VALUE >= 0)
                    || args.modulation.data != nullptr;
    }
  };

  /** How many steps from t on can be done at once: anything that has to happen before a step ends a run. */
  static int runFrom(const HostForward &call, const Asked &asked, int64_t t) {
    static_assert(Pace::RUN <= 2, "only the step after t is looked at");
    if (Pace::RUN == 1 || asked.ofEachState || t + 1 == call.args.steps) {
      return 1;
    }
    return (t + 1) % SEGMENT == 0 || (call.args.first_step + t + 1) % FLUSH_PERIOD == 0 ? 1 : Pace::RUN;
  }

  /** Does steps t to t + STEPS - 1. */
  template <int STEPS>
  void run(const Asked &asked, int64_t t) {
    const int64_t step = args.first_step + t;
    modulationAhead(t + Pace::AHEAD);
    for (int i = 0; i < STEPS; i++) {
      inputAhead(t + i + Pace::AHEAD);
      ahead<1>(args.spikes_u8, t + i + Pace::AHEAD, call.elements);
    }
    if (asked.taped && t > 0 && t % SEGMENT == 0) {
      memcpy(checkpoint(t / SEGMENT - 1), lines.state, sizeof lines.state);
    }
    if (step % FLUSH_PERIOD == 0) {
      flushState();
    }
    if (asked.drawsUniforms || asked.drawsNormals) {
      draw(step, asked.drawsUniforms, asked.drawsNormals);
    }
    // Of several steps, none has a modulation (runFrom).
    const float *modulation = STEPS > 1 ? modulationInState() : modulate(t, (int)(t % Pace::MODULATED), args.steps - t);
    int64_t stride;
    const float *numbers = uniforms(t, stride);
    float *vPre = asked.taped && call.tape.voltages.data != nullptr ? tapeVoltages(t) : nullptr;
    const Rows<uint8_t> fired = bytes(t);
    advance<STEPS>(asked.traced, inputs<STEPS>(t), modulation, noise(t), numbers, stride, vPre, fired);
    if (STEPS == 1 && modulationVaries() && (asked.traced || (t + 1) % SEGMENT == 0 || t + 1 == args.steps)) {
      keepModulation(modulation);
    }
    if (vPre != nullptr) {
      keepVoltages(t, STEPS);
    }
    for (int i = 0; i < STEPS; i++) {
      writeOutputs(asked, t + i, fired.first + i * fired.stride);
    }
  }

  void storeFinalState() const {
    if (args.final_state[0] != nullptr) {
      for (int variable = 0; variable < Model::VARIABLES; variable++) {
        copy(args.final_state[variable] + first, lines.state[variable]);
      }
    }
  }

  /** fired: the step's spikes as bytes, or memory for them if the caller asks for them. */
  void writeOutputs(const Asked &asked, int64_t t, uint8_t *fired) {
    if (asked.packs) {
      const uint64_t word = pack(fired);
      if (asked.taped) {
        *tapeBits(t) = word;
      }
      if (args.spikes_bit != nullptr) {
        args.spikes_bit[t * wordsOf(call.elements) + block] = word;
      }
    }
    if (Pace::SHORT) {
      if (args.spikes_f32 != nullptr || (args.spike_values.data != nullptr && Model::SPIKE_VALUE < 0)) {
        QLIF_LANES { w.spike[i] = fired[i]; }
      }
    } else if (args.spikes_u8 != nullptr) {
      const float *spike = spikeLine();
      QLIF_LANES { fired[i] = spike[i] != 0.0f; }
    }
    if (args.spikes_u8 != nullptr && width < LANES) {
      memcpy(args.spikes_u8 + t * call.elements + first, fired, (size_t)width);
    }
    if (args.spikes_f32 != nullptr) {
      put(args.spikes_f32, t, spikeLine());
    }
    if (args.spike_values.data != nullptr) {
      put(args.spike_values, t, Model::SPIKE_VALUE < 0 ? spikeLine() : lines.state[Model::SPIKE_VALUE]);
    }
    if (args.voltages != nullptr) {
      put(args.voltages, t, lines.state[Model::VOLTAGE]);
    }
    for (int trace = 0; asked.traced && trace < Model::TRACES; trace++) {
      if (args.traces[trace] != nullptr) {
        const int variable = MODELS[Model::NUMBER].traces[trace].variable;
        put(args.traces[trace], t, variable < 0 ? w.traced[trace] : lines.state[variable]);
      }
    }
  }

  // ---------------------------------------------------------------- backward

  /**
   * Repeats a step: computes the state after it, and writes what the backward step needs to line `slot`. KNOWN: V' is given; else it is
   * computed from the input and the noise.
   */
  template <bool KNOWN>
  void replay(int slot, const float *modulation, const float *input, const float *vPre, const float *noise) {
    if constexpr (S::FIXED) {
      replay<KNOWN>(on, slot, modulation, input, vPre, noise);
    } else {
      Model::byReplay(on(), [&](auto known) QLIF_INLINED { replay<KNOWN>(known, slot, modulation, input, vPre, noise); });
    }
  }

  template <bool KNOWN, class Known>
  void replay(Known, int slot, const float *modulation, const float *input, const float *vPre, const float *noise) {
    const Constants k = constants;
    float(*kept)[LANES] = w.kept[slot];
    float *keptVPre = w.keptVPre[slot];
    QLIF_LANES {
      Neuron<Known> neuron(optionsOf<Known>(i), k);
      load(neuron.parameters, lines.parameters, i);
      loadState(neuron.state, modulation, i);
      Step x;
      neuron.integrate(x, input[i]);
      if constexpr (KNOWN) {
        x.vPre = vPre[i];
      } else if constexpr (Model::DRAWS) {
        if (neuron.on().drawsNormals()) {
          neuron.addNoise(x, noise[i]);
        }
      }
      neuron.replay(x, w.spike[i] != 0.0f);
      storeState(neuron.state, i);
      // Skips what is unused because an option is known to be off.
      const Kept now = Kept::of(x);
      Kept::each(on(), now, [&](int line, bool needed, float value) QLIF_INLINED {
        if (!S::FIXED || needed) {
          kept[line][i] = value;
        }
      });
      if (!KNOWN) {
        keptVPre[i] = x.vPre;
      }
    }
  }

  /** The adjoint of a step that replay() kept in line `slot`. */
  void retreat(int slot, const float *modulation, const float *vPre, const float *input, const float *gradY, const float *gradV) {
    byDecision<false>([&](auto known) QLIF_INLINED {
      using Known = decltype(known);
      // A loop for each surrogate, since compilers don't vectorize a loop that contains a switch.
      if constexpr (Known::possible().needsSurrogate()) {
        switch (constants.surrogate) {
#define QLIF_CASE(name)         \
  case QLIF_SURROGATE_##name: \
    return retreat<typename Known::template With<QLIF_SURROGATE_##name>>(slot, modulation, vPre, input, gradY, gradV);
          SURROGATE_TABLE(QLIF_CASE)
#undef QLIF_CASE
        }
        __builtin_unreachable();
      } else {
        retreat<Known>(slot, modulation, vPre, input, gradY, gradV);
      }
    });
  }

  template <class Known>
  void retreat(int slot, const float *modulation, const float *vPre, const float *input, const float *gradY, const float *gradV) {
    const Constants k = constants;
    const float(*kept)[LANES] = w.kept[slot];
    QLIF_LANES {
      Neuron<Known> neuron(optionsOf<Known>(i), k);
      load(neuron.parameters, lines.parameters, i);
      if constexpr (Model::MODULATED) {
        neuron.state.m = modulation[i];
      }
      Step x;
      x.vPre = vPre[i];
      Kept now;
      Kept::each(on(), now, [&](int line, bool, float &value) QLIF_INLINED { value = kept[line][i]; });
      neuron.restore(x, now, input[i], w.spike[i] != 0.0f);
      State adj;
      loadAdjoints(adj, i);
      Parameters grad;
      load(grad, w.gradients, i);
      w.gradInput[i] = neuron.backward(x, gradY[i], gradV[i], adj, grad);
      storeAdjoints(adj, i);
      store(grad, w.gradients, i);
    }
  }

  /** Adds the gradient of the external modulation to a sum of the step or of all steps, or writes it to row t, as `sums` says. */
  void modulationBackward(int64_t t, const float *modulation, const HostSums &sums) {
    if (sums.modulationSums != nullptr) {
      double *to = sums.modulationSums + t * sums.modulationStride;
      if (sums.begins) {
        // Not the value itself, which may be -0.
        modulationBackward(modulation, [to](int i, float gradient) QLIF_INLINED { to[i] = 0.0 + gradient; });
      } else {
        modulationBackward(modulation, [to](int i, float gradient) QLIF_INLINED { to[i] += gradient; });
      }
      return;
    }
    float *steps = sums.modulationSteps;
    if (steps == nullptr) {
      modulationBackward(modulation, [&](int i, float gradient) QLIF_INLINED { w.modulationSum[i] += gradient; });
      return;
    }
    float *to = width == LANES ? steps + t * call.elements + first : w.gradModulation;
    modulationBackward(modulation, [to](int i, float gradient) QLIF_INLINED { to[i] = gradient; });
    if (width < LANES) {
      put(steps, t, to);
    }
  }

  template <class Take>
  void modulationBackward(const float *modulation, Take take) {
    if constexpr (Model::MODULATED) {
      const Constants k = constants;
      QLIF_LANES {
        Neuron<S> neuron(on, k);
        neuron.state.m = modulation[i];
        Step x;
        x.modulationSlope = neuron.modulationSlope();
        State adj;
        adj.m = w.adjoints[Model::MODULATION][i];
        take(i, Neuron<S>::modulationBackward(x, adj));
        w.adjoints[Model::MODULATION][i] = adj.m;
      }
    }
  }

  void backward(const HostBackward &backward) {
    const BackwardArgs &wanted = backward.args;
    start();
    memset(w.gradients, 0, sizeof w.gradients);
    memset(w.modulationSum, 0, sizeof w.modulationSum);
    memset(w.adjoints, 0, sizeof w.adjoints);
    eachCarrier([&](int variable) {
      const float *upstream = wanted.grad_final_state[variable];
      if (upstream != nullptr) {
        copy(w.adjoints[variable], upstream + first);
      }
    });
    bool keepsVoltages = call.tape.voltages.data != nullptr;
    bool drawsNormals = on().drawsNormals() && args.normals == nullptr && !keepsVoltages;
    int64_t last = args.steps == 0 ? -1 : (args.steps - 1) / SEGMENT;
    for (int64_t segment = last; segment >= 0; segment--) {
      int64_t begin = segment * SEGMENT;
      int length = (int)(args.steps - begin < SEGMENT ? args.steps - begin : SEGMENT);
      if (segment == 0) {
        loadInitialState();
      } else {
        memcpy(lines.state, checkpoint(segment - 1), sizeof lines.state);
      }
      for (int slot = 0; slot < length; slot++) {
        int64_t t = begin + slot;
        int64_t step = args.first_step + t;
        inputAhead(t + AHEAD_BACK);
        modulationAhead(t + AHEAD_BACK);
        if (step % FLUSH_PERIOD == 0) {
          flushState();
        }
        if (drawsNormals) {
          draw(step, false, true);
        }
        const float *modulation = modulate(t, slot, length - slot);
        unpack(*tapeBits(t));
        const float *input = inputLine(t, w.input[0]);
        if (keepsVoltages) {
          replay<true>(slot, modulation, input, tapedVoltages(t, slot), nullptr);
        } else {
          replay<false>(slot, modulation, input, nullptr, noise(t));
        }
      }
      for (int slot = length - 1; slot >= 0; slot--) {
        int64_t t = begin + slot;
        const float *modulation = modulationOf(t, slot);
        aheadOf(wanted.grad_spike_values, t - AHEAD_BACK, wanted.grad_spike_values_stride, first);
        ahead(wanted.grad_voltages, t - AHEAD_BACK, call.elements);
        aheadOf<1>(wanted.grad_input, t - AHEAD_BACK, call.elements, first);
        ahead<1>(backward.sums.modulationSteps, t - AHEAD_BACK, call.elements);
        unpack(*tapeBits(t));
        retreat(slot, modulation, keepsVoltages && call.tape.voltages.type == QLIF_TYPE_F32 ? tapedVoltages(t, slot) : w.keptVPre[slot],
            inputLine(t, w.input[0]), upstream(wanted.grad_spike_values, t * wanted.grad_spike_values_stride, w.gradY),
            upstream(GivenNumbers{wanted.grad_voltages, QLIF_TYPE_F32}, t * call.elements, w.gradV));
        if (wanted.grad_input.data != nullptr) {
          put(wanted.grad_input, t, w.gradInput);
        }
        if (backward.wantsModulation) {
          modulationBackward(t, modulation, backward.sums);
        }
        if ((args.first_step + t) % FLUSH_PERIOD == 0) {
          eachCarrier([&](int variable) {
            float *line = w.adjoints[variable];
            QLIF_LANES { line[i] = flush(line[i], FLUSH_ADJOINT); }
          });
        }
      }
    }
    storeGradients(backward);
  }

  /** A line of an upstream gradient, or zeros if there is none. */
  const float *upstream(GivenNumbers numbers, int64_t row, float *room) const {
    if (numbers.data == nullptr) {
      memset(room, 0, LANES * sizeof(float));
      return room;
    }
    return line(numbers, row + first, room);
  }

  void storeGradients(const HostBackward &backward) {
    const Constants k = constants;
    QLIF_LANES {
      float given[Model::PARAMETERS];
      for (int parameter = 0; parameter < Model::PARAMETERS; parameter++) {
        given[parameter] = lines.given[parameter][i];
      }
      Parameters parameters;
      load(parameters, lines.parameters, i);
      Parameters grad;
      load(grad, w.gradients, i);
      Model::settleGradients(k, parameters, given, grad);
      store(grad, w.gradients, i);
    }
    for (int parameter = 0; parameter < Model::PARAMETERS; parameter++) {
      copy(backward.sums.sums + parameter * call.elements + first, w.gradients[parameter]);
    }
    copy(backward.sums.sums + Model::PARAMETERS * call.elements + first, w.modulationSum);
    if (backward.args.grad_initial_state[0] == nullptr) {
      return;
    }
    if constexpr (Model::MODULATED) {
      if (args.modulation.data != nullptr && !backward.wantsModulation && args.steps > 0) {
        // If a modulation is given, it overwrites the initial M before anything reads it.
        memset(w.adjoints[Model::MODULATION], 0, sizeof w.adjoints[Model::MODULATION]);
      }
    }
    // Variables that carry no gradient have an adjoint of 0.
    for (int variable = 0; variable < Model::VARIABLES; variable++) {
      copy(backward.args.grad_initial_state[variable] + first, w.adjoints[variable]);
    }
  }
};

/** Calls `visit` with each of the blocks first to first + count - 1. */
template <class Model, class S, class Visit>
QLIF_FN void eachBlock(const HostForward &call, int64_t first, int count, void *worker, Visit visit) {
  // If blocks don't advance together there is no loop, so that the compiler knows the address of the lines.
  for (int place = 0; place < (Pace<S>::BLOCKS == 1 ? 1 : count); place++) {
    Block<Model, S> block(call, first + place, place, worker);
    visit(block);
  }
}

/** Does all steps of blocks that advance together. */
template <class Model, class S>
void forwardBlocks(const HostForward &call, int64_t first, int count, void *worker) {
  using Block = qlif::Block<Model, S>;
  const typename Block::Asked asked(call);
  eachBlock<Model, S>(call, first, count, worker, [](Block &block) QLIF_INLINED {
    block.start();
    block.loadInitialState();
  });
  for (int64_t t = 0; t < call.args.steps;) {
    const int steps = Block::runFrom(call, asked, t);
    eachBlock<Model, S>(call, first, count, worker, [&](Block &block) QLIF_INLINED {
      if constexpr (Pace<S>::RUN > 1) {
        if (steps > 1) {
          return block.template run<Pace<S>::RUN>(asked, t);
        }
      }
      block.template run<1>(asked, t);
    });
    t += steps;
  }
  eachBlock<Model, S>(call, first, count, worker, [](Block &block) QLIF_INLINED { block.storeFinalState(); });
}

template <class Model, class S>
void backwardBlocks(const HostBackward &call, int64_t first, int count, void *worker) {
  for (int place = 0; place < count; place++) {
    Block<Model, S>(call.forward, first + place, 0, worker).backward(call);
  }
}

void drawBlock(const HostDraw &call, int64_t block, void *worker) {
  HostLines &w = *(HostLines *)worker;
  const DrawArgs &args = call.args;
  int64_t first = block * LANES;
  int width = (int)(args.elements - first < LANES ? args.elements - first : LANES);
  for (int i = 0; i < LANES; i++) {
    setElement(w, i, elementNumber(args, first + (i < width ? i : width - 1)));
  }
  prepareDraws(w);
  for (int64_t t = 0; t < args.steps; t++) {
    int64_t step = args.first_step + t;
    int odd = (int)(step & 1);
    if (t == 0 || odd == 0) {
      drawPair(w, step, args.stream, call.keys, args.uniforms != nullptr ? (int)args.wires : 0, args.normals != nullptr);
      for (int wire = 0; args.uniforms != nullptr && wire < args.wires; wire++) {
        keepUniforms(w, wire);
      }
    }
    for (int64_t wire = 0; args.uniforms != nullptr && wire < args.wires; wire++) {
      memcpy(args.uniforms + (t * args.wires + wire) * args.elements + first, w.uniforms[odd][wire], (size_t)width * sizeof(float));
    }
    if (args.normals != nullptr) {
      memcpy(args.normals + t * args.elements + first, w.noise[odd], (size_t)width * sizeof(float));
    }
  }
}

/** Adds the partial sums by halving. */
float foldPartial(double *partial) {
  for (int half = PARTIAL / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) {
      partial[i] += partial[i + half];
    }
  }
  return (float)partial[0];
}

/** The fixed order in which gradients of shared values are summed: docs/numerics.md. */
class GradientSums {
 public:
  void sum(const HostSum &sum, float *result) {
    const int64_t groups = sum.overBatch ? 1 : sum.batch;
    const int64_t rows = sum.overBatch ? sum.batch : 1;
    for (int64_t group = 0; group < groups; group++) {
      if (sum.overNeurons) {
        result[group] = sumOverNeurons(sum, group, rows);
      } else {
        sumEachNeuron(sum, group, rows, result + group * sum.neurons);
      }
    }
  }

 private:
  static constexpr int CHUNK = 1024;

  float sumOverNeurons(const HostSum &sum, int64_t group, int64_t rows) {
    BlockTree blocks(trees_, 1);
    for (int64_t b = 0; b < rows; b += BLOCK_ROWS) {
      for (double &lane : lanes_) {
        lane = 0;
      }
      for (int64_t n = 0; n < sum.neurons; n += CHUNK) {
        const int width = sumBlock(sum, group, b, rows, n);
        // Works because a chunk starts at a multiple of PARTIAL.
        for (int from = 0; from < width; from += PARTIAL) {
          const int count = width - from < PARTIAL ? width - from : PARTIAL;
          for (int i = 0; i < count; i++) {
            lanes_[i] += sums_[from + i];
          }
        }
      }
      blocks.next()[0] = foldPartial(lanes_);
      blocks.add();
    }
    return blocks.sum()[0];
  }

  void sumEachNeuron(const HostSum &sum, int64_t group, int64_t rows, float *result) {
    for (int64_t n = 0; n < sum.neurons; n += CHUNK) {
      const int width = (int)(sum.neurons - n < CHUNK ? sum.neurons - n : CHUNK);
      BlockTree blocks(trees_, width);
      for (int64_t b = 0; b < rows; b += BLOCK_ROWS) {
        sumBlock(sum, group, b, rows, n);
        float *block = blocks.next();
        for (int i = 0; i < width; i++) {
          block[i] = (float)sums_[i];
        }
        blocks.add();
      }
      memcpy(result + n, blocks.sum(), (size_t)width * sizeof(float));
    }
  }

  /** Sums the rows of a block, which begins with row `first` of a group's, for the neurons from n on, of which there are at most CHUNK. */
  int sumBlock(const HostSum &sum, int64_t group, int64_t first, int64_t rows, int64_t n) {
    const int width = (int)(sum.neurons - n < CHUNK ? sum.neurons - n : CHUNK);
    if (sum.blocks != nullptr) {
      const double *from = sum.blocks + (first / BLOCK_ROWS * sum.neurons + n) / LANES * sum.stride;
      for (int i = 0; i < width; i += LANES) {
        memcpy(sums_ + i, from + i / LANES * sum.stride, LANES * sizeof(double));
      }
      return width;
    }
    const float *values = sum.values + group * sum.neurons + n;
    for (int i = 0; i < width; i++) {
      // Not the value itself, which may be -0.
      sums_[i] = 0.0 + values[first * sum.neurons + i];
    }
    const int64_t end = rows - first < BLOCK_ROWS ? rows : first + BLOCK_ROWS;
    for (int64_t b = first + 1; b < end; b++) {
      for (int i = 0; i < width; i++) {
        sums_[i] += values[b * sum.neurons + i];
      }
    }
    return width;
  }

  double sums_[CHUNK];
  double lanes_[PARTIAL];
  // Enough for any number of blocks; only what a call needs is ever touched.
  float trees_[64 * CHUNK];
};

void sum(const HostSum &sum, float *result, void *worker) { ((GradientSums *)worker)->sum(sum, result); }

bool areWithin(const float *values, int64_t count, BitRange range) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < count; i++) {
    // Values below the range wrap around to above it.
    uint32_t above = (bitsOf(values[i]) & range.mask) - range.low;
    largest = above > largest ? above : largest;
  }
  return largest <= range.high - range.low;
}

template <class Model>
constexpr auto modulation() -> decltype(HostProgram::modulate) {
  if constexpr (Model::MODULATED) {
    return modulateMany<Model>;
  } else {
    return nullptr;
  }
}

template <class Model, class S>
HostProgram program() {
  return HostProgram{
      sizeof(HostWorker<Model, S>) > sizeof(GradientSums) ? sizeof(HostWorker<Model, S>) : sizeof(GradientSums), Pace<S>::BLOCKS,
      Pace<S>::SHORT ? 16384 : 4096, forwardBlocks<Model, S>, backwardBlocks<Model, S>, drawBlock, modulation<Model>(), sum, foldPartial,
      areWithin};
}

HostProgram qlifProgram(Variant variant) {
  switch (variant) {
    case Variant::DEFAULT:
      return program<QlifModel, Fixed<QlifOptions, DEFAULT_OPTIONS.bits>>();
    case Variant::SNAPSHOT_15:
      return program<QlifModel, Fixed<QlifOptions, SNAPSHOT_15_OPTIONS.bits>>();
    case Variant::SNAPSHOT_24:
      return program<QlifModel, Fixed<QlifOptions, SNAPSHOT_24_OPTIONS.bits>>();
    case Variant::PLAIN_LIF:
      return program<QlifModel, Fixed<QlifOptions, PLAIN_LIF_OPTIONS.bits>>();
    case Variant::TANH:
      return program<QlifModel, Fixed<QlifOptions, TANH_OPTIONS.bits>>();
    case Variant::SIGMOID:
      return program<QlifModel, Fixed<QlifOptions, SIGMOID_OPTIONS.bits>>();
    case Variant::EXPECTED:
      return program<QlifModel, Fixed<QlifOptions, EXPECTED_OPTIONS.bits>>();
    case Variant::MULTI_QUBIT:
      return program<QlifModel, Fixed<QlifOptions, MULTI_QUBIT_OPTIONS.bits>>();
    case Variant::GENERIC:
      return program<QlifModel, Dynamic<QlifOptions>>();
  }
  __builtin_unreachable();
}

}  // namespace

HostProgram QLIF_PROGRAM(const ModelConfig &config) {
  switch (config.model) {
    case QLIF_MODEL_QLIF:
      return qlifProgram(variantOf(config.options));
    case QLIF_MODEL_LIF:
      return program<LifModel, Fixed<LifOptions, 0>>();
  }
  failModel(config.model);
}

}  // namespace qlif
