// The host's kernels: blocks of LANES elements, all steps of a block before the next. Every loop over lanes is one that the compiler turns
// into vector code; the arithmetic in it is the neuron's own (neuron.h).
//
// Compiled once for each instruction set, with QLIF_PROGRAM naming the result. Nothing here may have a copy that another object shares:
// all functions are inlined or static.
#include "host_kernels.h"
#include "lane_words.h"
#include "neuron.h"

// A loop over the lanes, no two of which touch the same memory. Not "omp simd": that makes an array of a neuron that lives for one lane.
#define QLIF_LANES _Pragma("GCC ivdep") for (int i = 0; i < LANES; i++)

namespace qlif {
namespace {

struct Lane {
  template <class S>
  QLIF_FN static void loadParameters(Neuron<S> &neuron, const HostWorker &w, int i) {
    neuron.parameters = Parameters{w.parameters[0][i], w.parameters[1][i], w.parameters[2][i], w.parameters[3][i], w.parameters[4][i]};
  }

  template <class S>
  QLIF_FN static void loadState(Neuron<S> &neuron, const HostWorker &w, int i) {
    neuron.state = State{w.state[0][i], w.state[1][i], w.state[2][i], w.state[3][i], w.state[4][i], w.state[5][i], w.state[6][i],
        w.state[7][i], w.state[8][i], w.state[9][i], w.state[10][i]};
  }

  /** What a step changes. */
  template <class S>
  QLIF_FN static void storeState(const Neuron<S> &neuron, HostWorker &w, int i) {
    w.state[QLIF_STATE_MEMBRANE][i] = neuron.state.v;
    w.state[QLIF_STATE_ADAPTATION][i] = neuron.state.a;
    w.state[QLIF_STATE_EFFICIENCY][i] = neuron.state.s;
    w.state[QLIF_STATE_REFRACTORY][i] = neuron.state.r;
    w.state[QLIF_STATE_AHP][i] = neuron.state.h;
    w.state[QLIF_STATE_DYNAMIC_PROBABILITY][i] = neuron.state.d;
    w.state[QLIF_STATE_THRESHOLD_OFFSET][i] = neuron.state.o;
    w.state[QLIF_STATE_RATE][i] = neuron.state.rate;
    w.state[QLIF_STATE_HOMEOSTASIS][i] = neuron.state.homeostasis;
    w.state[QLIF_STATE_SPIKE_VALUE][i] = neuron.state.y;
  }
};

/** How many steps before a line is used it is asked for. */
constexpr int AHEAD = 8;

/** One block's part of a call. */
template <class S>
struct Block {
  const HostForward &call;
  const qlif_forward_args &args;
  HostWorker &w;
  const S on;
  const int64_t block;
  const int64_t first;
  const int width;
  /** The step whose pair of words is drawn, halved, or -1. */
  int64_t pair = -1;

  Block(const HostForward &call, int64_t block, HostWorker &worker)
      : call(call), args(call.args), w(worker), on(call.options), block(block), first(block * LANES),
        width((int)(call.elements - first < LANES ? call.elements - first : LANES)) {}

  static void copy(float *to, const float *from, int count) { memcpy(to, from, (size_t)count * sizeof(float)); }

  /** LANES values of a row, in place where there are as many. */
  const float *line(const float *row, float *room) const {
    if (width == LANES) {
      return row + first;
    }
    memset(room, 0, LANES * sizeof(float));
    copy(room, row + first, width);
    return room;
  }

  /** Asks for a later step's line: its row is far away from this step's, where no hardware looks ahead. */
  template <int WRITE = 0>
  void ahead(const float *tensor, int64_t t) const {
    if (tensor != nullptr && t >= 0 && t < args.steps) {
      const float *place = tensor + t * call.elements + first;
      for (int i = 0; i < width; i += 16) {
        __builtin_prefetch(place + i, WRITE);
      }
    }
  }

  const float *lineAt(const float *tensor, int64_t t, float *room) const { return line(tensor + t * call.elements, room); }

  void put(float *tensor, int64_t t, const float *values) const { copy(tensor + t * call.elements + first, values, width); }

  // ---------------------------------------------------------------- what a block begins with

  void start() {
    const Constants k = call.constants;
    int64_t b = first / args.neurons;
    int64_t n = first - b * args.neurons;
    for (int i = 0; i < LANES; i++) {
      for (int parameter = 0; parameter < PARAMETERS; parameter++) {
        w.given[parameter][i] = args.parameters[parameter][args.per_neuron_parameters >> parameter & 1 ? n : 0];
      }
      w.modulationOffset[i] = b * args.modulation.stride_b + n * args.modulation.stride_n;
      // Lanes past the last element repeat the last one's parameters; what they compute goes nowhere.
      if (i + 1 < width && ++n == args.neurons) {
        n = 0;
        b++;
      }
    }
    QLIF_LANES {
      Parameters lane = parametersOf(k, w.given[QLIF_PARAM_V_TH][i], w.given[QLIF_PARAM_TAU][i], w.given[QLIF_PARAM_ETA][i],
          w.given[QLIF_PARAM_Q_SCALE][i], w.given[QLIF_PARAM_Q_BIAS][i]);
      w.parameters[0][i] = lane.vTh;
      w.parameters[1][i] = lane.leak;
      w.parameters[2][i] = lane.eta;
      w.parameters[3][i] = lane.alpha;
      w.parameters[4][i] = lane.restAngle;
    }
    number(w, args.element_offset, first);
    if (k.wires > 1) {
      wireKeys(args.seed, k.wires, w);
    }
    pair = -1;
  }

  /** The numbers of the lanes' elements, as the generator's counter takes them. */
  static void number(HostWorker &w, int64_t offset, int64_t first) {
    for (int i = 0; i < LANES; i++) {
      uint64_t element = (uint64_t)offset + (uint64_t)first + (uint64_t)i;
      w.elementLow[i] = (uint32_t)element;
      w.elementHigh[i] = (uint32_t)(element >> 32);
    }
  }

  static void wireKeys(uint64_t seed, int64_t wires, HostWorker &w) {
    w.wireKeys[0] = seed;
    for (int number = 1; number <= wireBlock((int)wires - 1); number++) {
      w.wireKeys[number] = wireKey(seed, (uint32_t)number);
    }
  }

  void loadInitialState() {
    for (int variable = 0; variable < VARIABLES; variable++) {
      if (args.initial_state[variable] != nullptr) {
        memset(w.state[variable], 0, sizeof w.state[variable]);
        copy(w.state[variable], args.initial_state[variable] + first, width);
      } else {
        for (int i = 0; i < LANES; i++) {
          w.state[variable][i] = initialValue(variable);
        }
      }
    }
  }

  float *checkpoint(int64_t number) const {
    return call.tape.checkpoints + (block * call.tape.count + number) * (VARIABLES * LANES);
  }

  float *tapeVoltages(int64_t t) const { return call.tape.voltages + (block * args.steps + t) * LANES; }

  uint64_t *tapeBits(int64_t t) const { return call.tape.bits + block * args.steps + t; }

  // ---------------------------------------------------------------- draws

  /** Fills w.words for a pair of steps. */
  static void drawWords(HostWorker &w, uint32_t counter, uint32_t stream, uint64_t key) {
    for (int i = 0; i < LANES; i += LaneWords::COUNT) {
      WordsOf<LaneWords> words = philox(
          LaneWords::load(w.elementLow + i), LaneWords::load(w.elementHigh + i), LaneWords::all(counter), LaneWords::all(stream),
          Key{key});
      words.w0.store(w.words[0] + i);
      words.w1.store(w.words[1] + i);
      words.w2.store(w.words[2] + i);
      words.w3.store(w.words[3] + i);
    }
  }

  /** The uniforms of a pair of steps for the wires of a block of them, from w.words. */
  static void keepUniforms(HostWorker &w, int wire) {
    for (int odd = 0; odd < 2; odd++) {
      float *line = w.uniforms[odd][wire];
      QLIF_LANES {
        Words words{w.words[0][i], w.words[1][i], w.words[2][i], w.words[3][i]};
        line[i] = wireUniform(words, wire, odd != 0);
      }
    }
  }

  /** The normals of a pair of steps, from w.words. Apart, since compilers merge a sine and a cosine of one angle into one call. */
  static void keepNormals(HostWorker &w) {
    for (int odd = 0; odd < 2; odd++) {
      float *line = w.noise[odd];
      if (odd == 0) {
        QLIF_LANES {
          w.radius[i] = radius(Words{w.words[0][i], w.words[1][i], w.words[2][i], w.words[3][i]});
          w.turn[i] = uniform(w.words[3][i]);
          line[i] = w.radius[i] * cos2pi(w.turn[i]);
        }
      } else {
        QLIF_LANES { line[i] = w.radius[i] * sin2pi(w.turn[i]); }
      }
    }
  }

  static void drawPair(HostWorker &w, int64_t step, uint32_t stream, uint64_t seed, int wires, bool uniforms, bool normals) {
    drawWords(w, (uint32_t)(step >> 1), stream, seed);
    if (normals) {
      keepNormals(w);
    }
    if (!uniforms) {
      return;
    }
    keepUniforms(w, 0);
    for (int wire = 1; wire < wires; wire++) {
      if (wire % 2 == 1) {
        drawWords(w, (uint32_t)(step >> 1), stream, w.wireKeys[wireBlock(wire)]);
      }
      keepUniforms(w, wire);
    }
  }

  /** Makes a step's numbers ready. */
  void draw(int64_t step, bool uniforms, bool normals) {
    if (step >> 1 != pair) {
      pair = step >> 1;
      drawPair(w, step, args.stream, args.seed, call.constants.wires, uniforms, normals);
    }
  }

  // ---------------------------------------------------------------- parts of a step, one lane a line

  void flushState() {
    for (int variable = 0; variable < VARIABLES; variable++) {
      if (variable == QLIF_STATE_EFFICIENCY || variable == QLIF_STATE_MODULATION || variable == QLIF_STATE_SPIKE_VALUE) {
        continue;
      }
      float *line = w.state[variable];
      QLIF_LANES { line[i] = flush(line[i], FLUSH_STATE); }
    }
  }

  /** M and its slope, where a modulation is given. */
  void modulate(int64_t t) {
    if (args.modulation.data == nullptr) {
      return;
    }
    const float *row = args.modulation.data + t * args.modulation.stride_t;
    for (int i = 0; i < LANES; i++) {
      w.external[i] = row[w.modulationOffset[i]];
    }
    const Constants k = call.constants;
    QLIF_LANES {
      Neuron<S> neuron(on, k);
      Step x;
      neuron.modulate(x, w.external[i]);
      w.state[QLIF_STATE_MODULATION][i] = neuron.state.m;
      w.modulationSlope[i] = x.modulationSlope;
    }
  }

  /** The step's normals, drawn or given; null if the configuration has none. */
  const float *noise(int64_t t) {
    if (!on().drawsNormals()) {
      return nullptr;
    }
    return args.normals != nullptr ? lineAt(args.normals, t, w.turn) : w.noise[(args.first_step + t) & 1];
  }

  /** The step's uniforms of wire 0, those of further wires at multiples of the stride, drawn or given. */
  const float *uniforms(int64_t t, int64_t &stride) {
    stride = LANES;
    if (!on().drawsUniforms()) {
      return nullptr;
    }
    int odd = (int)((args.first_step + t) & 1);
    if (args.uniforms == nullptr) {
      return w.uniforms[odd][0];
    }
    int64_t wires = call.constants.wires;
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

  /** A step. vPre: where V' goes. TRACED: whether what only traces show is kept. */
  template <bool TRACED>
  void advance(const float *input, const float *noise, const float *uniforms, int64_t stride, float *vPre) {
    const Constants k = call.constants;
    QLIF_LANES {
      Neuron<S> neuron(on, k);
      Lane::loadParameters(neuron, w, i);
      Lane::loadState(neuron, w, i);
      Step x;
      neuron.integrate(x, input[i]);
      if (on().drawsNormals()) {
        neuron.addNoise(x, noise[i]);
      }
      neuron.decide(x);
      bool fired = neuron.fires(x, [=](int wire) __attribute__((always_inline)) { return uniforms[wire * stride + i]; });
      neuron.settle(x, fired);
      Lane::storeState(neuron, w, i);
      vPre[i] = x.vPre;
      w.spike[i] = x.spike;
      if (TRACED) {
        w.p[i] = x.p;
        w.delta[i] = x.delta;
        w.theta[i] = x.theta;
        w.slope[i] = neuron.tracedSlope(x);
      }
    }
  }

  /** The spikes of w.spike as bytes and as bits. */
  uint64_t pack() {
    QLIF_LANES { w.fired[i] = w.spike[i] != 0.0f; }
    uint64_t word = 0;
    for (int byte = 0; byte < LANES / 8; byte++) {
      uint64_t bytes = 0;
      for (int bit = 7; bit >= 0; bit--) {
        bytes = bytes << 8 | w.fired[byte * 8 + bit];
      }
      // Each byte is 0 or 1: the product gathers byte i as bit i of its topmost byte.
      word |= (bytes * 0x0102040810204080u >> 56) << (byte * 8);
    }
    return width == LANES ? word : word & (((uint64_t)1 << width) - 1);
  }

  /** Bits of a tape as w.spike. */
  void unpack(uint64_t word) {
    uint32_t low = (uint32_t)word;
    uint32_t high = (uint32_t)(word >> 32);
    QLIF_LANES {
      uint32_t half = i < 32 ? low : high;
      w.spike[i] = (float)(int32_t)(half >> (i & 31) & 1);
    }
  }

  // ---------------------------------------------------------------- forward

  void forward() {
    start();
    loadInitialState();
    bool drawsUniforms = on().drawsUniforms() && args.uniforms == nullptr;
    bool drawsNormals = on().drawsNormals() && args.normals == nullptr;
    bool taped = call.tape.bits != nullptr;
    int64_t words = (call.elements + LANES - 1) / LANES;
    bool traced = false;
    for (const float *trace : args.traces) {
      traced = traced || trace != nullptr;
    }
    bool packs = taped || args.spikes_bit != nullptr || args.spikes_u8 != nullptr;
    for (int64_t t = 0; t < args.steps; t++) {
      int64_t step = args.first_step + t;
      ahead(args.input, t + AHEAD);
      if (taped && t > 0 && t % SEGMENT == 0) {
        memcpy(checkpoint(t / SEGMENT - 1), w.state, sizeof w.state);
      }
      if (step % FLUSH_PERIOD == 0) {
        flushState();
      }
      if (drawsUniforms || drawsNormals) {
        draw(step, drawsUniforms, drawsNormals);
      }
      modulate(t);
      int64_t stride;
      const float *numbers = uniforms(t, stride);
      const float *input = lineAt(args.input, t, w.input);
      float *vPre = taped && call.tape.voltages != nullptr ? tapeVoltages(t) : w.vPre;
      if (traced) {
        advance<true>(input, noise(t), numbers, stride, vPre);
      } else {
        advance<false>(input, noise(t), numbers, stride, vPre);
      }
      uint64_t word = packs ? pack() : 0;
      if (taped) {
        *tapeBits(t) = word;
      }
      if (args.spikes_bit != nullptr) {
        args.spikes_bit[t * words + block] = word;
      }
      writeOutputs(t);
    }
    if (args.final_state[0] != nullptr) {
      for (int variable = 0; variable < VARIABLES; variable++) {
        copy(args.final_state[variable] + first, w.state[variable], width);
      }
    }
  }

  void writeOutputs(int64_t t) {
    if (args.spikes_f32 != nullptr) {
      put(args.spikes_f32, t, w.spike);
    }
    if (args.spikes_u8 != nullptr) {
      memcpy(args.spikes_u8 + t * call.elements + first, w.fired, (size_t)width);
    }
    if (args.spike_values != nullptr) {
      put(args.spike_values, t, w.state[QLIF_STATE_SPIKE_VALUE]);
    }
    if (args.voltages != nullptr) {
      put(args.voltages, t, w.state[QLIF_STATE_MEMBRANE]);
    }
    for (int trace = 0; trace < TRACES; trace++) {
      if (args.traces[trace] != nullptr) {
        put(args.traces[trace], t, traced(trace));
      }
    }
  }

  const float *traced(int trace) const {
    switch (trace) {
      case QLIF_TRACE_PROBABILITY:
        return w.p;
      case QLIF_TRACE_DELTA:
        return w.delta;
      case QLIF_TRACE_THRESHOLD:
        return w.theta;
      case QLIF_TRACE_ADAPTATION:
        return w.state[QLIF_STATE_ADAPTATION];
      case QLIF_TRACE_EFFICIENCY:
        return w.state[QLIF_STATE_EFFICIENCY];
      case QLIF_TRACE_REFRACTORY:
        return w.state[QLIF_STATE_REFRACTORY];
      case QLIF_TRACE_AHP:
        return w.state[QLIF_STATE_AHP];
      case QLIF_TRACE_DYNAMIC_PROBABILITY:
        return w.state[QLIF_STATE_DYNAMIC_PROBABILITY];
      case QLIF_TRACE_HOMEOSTASIS:
        return w.state[QLIF_STATE_HOMEOSTASIS];
      case QLIF_TRACE_SLOPE:
        return w.slope;
      case QLIF_TRACE_THRESHOLD_OFFSET:
        return w.state[QLIF_STATE_THRESHOLD_OFFSET];
      case QLIF_TRACE_RATE:
        return w.state[QLIF_STATE_RATE];
      default:
        return w.state[QLIF_STATE_MODULATION];
    }
  }

  // ---------------------------------------------------------------- backward

  /**
   * A step again: the state after it, and what the backward step needs of it as line `slot`. KNOWN: V' is given, else it
   * comes of the input and the noise.
   */
  template <bool KNOWN>
  void replay(int slot, const float *input, const float *vPre, const float *noise) {
    const Constants k = call.constants;
    float(*kept)[LANES] = w.kept[slot];
    float *keptVPre = w.keptVPre[slot];
    QLIF_LANES {
      Neuron<S> neuron(on, k);
      Lane::loadParameters(neuron, w, i);
      Lane::loadState(neuron, w, i);
      Step x;
      neuron.integrate(x, input[i]);
      if (KNOWN) {
        x.vPre = vPre[i];
      } else if (on().drawsNormals()) {
        neuron.addNoise(x, noise[i]);
      }
      neuron.replay(x, w.spike[i] != 0.0f);
      Lane::storeState(neuron, w, i);
      Kept now = Neuron<S>::keep(x);
      kept[1][i] = now.drive;
      kept[2][i] = now.delta;
      // What an option that is off leaves unused is left unwritten.
      if (on().useDepression()) {
        kept[0][i] = now.efficiency;
      }
      if (on().refractory()) {
        kept[3][i] = now.refractory;
      }
      if (on().useAdaptiveThreshold()) {
        kept[4][i] = now.rawBase;
      }
      if (on().dynamicProbability()) {
        kept[5][i] = now.divisor;
      }
      if (!KNOWN) {
        keptVPre[i] = x.vPre;
      }
    }
  }

  /** The adjoint of a step that replay() kept as line `slot`. */
  void retreat(int slot, const float *vPre, const float *input, const float *gradY, const float *gradV) {
    // One loop for each surrogate, since a compiler leaves a loop with a switch in it as it is.
    if (S::FIXED && on().decision() == QLIF_DECISION_THRESHOLD) {
      switch (call.constants.surrogate) {
        case QLIF_SURROGATE_HEAVISIDE:
          return retreat<QLIF_SURROGATE_HEAVISIDE>(slot, vPre, input, gradY, gradV);
        case QLIF_SURROGATE_FAST_SIGMOID:
          return retreat<QLIF_SURROGATE_FAST_SIGMOID>(slot, vPre, input, gradY, gradV);
        case QLIF_SURROGATE_GAUSSIAN:
          return retreat<QLIF_SURROGATE_GAUSSIAN>(slot, vPre, input, gradY, gradV);
        default:
          return retreat<QLIF_SURROGATE_ARCTAN>(slot, vPre, input, gradY, gradV);
      }
    }
    retreat<-1>(slot, vPre, input, gradY, gradV);
  }

  /** SURROGATE: the configuration's, or -1. */
  template <int SURROGATE>
  void retreat(int slot, const float *vPre, const float *input, const float *gradY, const float *gradV) {
    using Known = typename S::template With<SURROGATE>;
    const Known known(on());
    const Constants k = call.constants;
    const float(*kept)[LANES] = w.kept[slot];
    QLIF_LANES {
      Neuron<Known> neuron(known, k);
      Lane::loadParameters(neuron, w, i);
      neuron.state.m = w.state[QLIF_STATE_MODULATION][i];
      Step x;
      x.vPre = vPre[i];
      neuron.restore(
          x, Kept{kept[0][i], kept[3][i], kept[4][i], kept[1][i], kept[2][i], kept[5][i]}, input[i], w.spike[i] != 0.0f);
      Adjoints adj{w.adjoints[0][i], w.adjoints[1][i], w.adjoints[2][i], w.adjoints[3][i], w.adjoints[4][i], w.adjoints[5][i],
          w.adjoints[6][i], w.adjoints[7][i]};
      Gradients grad{w.gradients[0][i], w.gradients[1][i], w.gradients[2][i], w.gradients[3][i], w.gradients[4][i], 0.0f};
      w.gradInput[i] = neuron.backward(x, gradY[i], gradV[i], adj, grad);
      w.adjoints[0][i] = adj.v;
      w.adjoints[1][i] = adj.a;
      w.adjoints[2][i] = adj.s;
      w.adjoints[3][i] = adj.r;
      w.adjoints[4][i] = adj.d;
      w.adjoints[5][i] = adj.o;
      w.adjoints[6][i] = adj.m;
      w.adjoints[7][i] = adj.y;
      w.gradients[0][i] = grad.vTh;
      w.gradients[1][i] = grad.leak;
      w.gradients[2][i] = grad.eta;
      w.gradients[3][i] = grad.alpha;
      w.gradients[4][i] = grad.bias;
    }
  }

  /** The gradient of the external modulation at the step. */
  void modulationBackward() {
    QLIF_LANES {
      Step x;
      x.modulationSlope = w.modulationSlope[i];
      Adjoints adj{};
      adj.m = w.adjoints[6][i];
      Gradients grad{};
      grad.modulation = w.gradients[5][i];
      w.gradModulation[i] = Neuron<S>::modulationBackward(x, adj, grad);
      w.adjoints[6][i] = adj.m;
      w.gradients[5][i] = grad.modulation;
    }
  }

  /** The state variables that carry a gradient, in the order of Adjoints. */
  static constexpr int CARRIERS[8] = {QLIF_STATE_MEMBRANE, QLIF_STATE_ADAPTATION, QLIF_STATE_EFFICIENCY, QLIF_STATE_REFRACTORY,
      QLIF_STATE_DYNAMIC_PROBABILITY, QLIF_STATE_THRESHOLD_OFFSET, QLIF_STATE_MODULATION, QLIF_STATE_SPIKE_VALUE};

  void backward(const HostBackward &backward) {
    const qlif_backward_args &wanted = backward.args;
    start();
    memset(w.gradients, 0, sizeof w.gradients);
    memset(w.adjoints, 0, sizeof w.adjoints);
    for (int carrier = 0; carrier < 8; carrier++) {
      const float *upstream = wanted.grad_final_state[CARRIERS[carrier]];
      if (upstream != nullptr) {
        copy(w.adjoints[carrier], upstream + first, width);
      }
    }
    bool keepsVoltages = call.tape.voltages != nullptr;
    bool drawsNormals = on().drawsNormals() && args.normals == nullptr && !keepsVoltages;
    int64_t last = args.steps == 0 ? -1 : (args.steps - 1) / SEGMENT;
    for (int64_t segment = last; segment >= 0; segment--) {
      int64_t begin = segment * SEGMENT;
      int length = (int)(args.steps - begin < SEGMENT ? args.steps - begin : SEGMENT);
      if (segment == 0) {
        loadInitialState();
      } else {
        memcpy(w.state, checkpoint(segment - 1), sizeof w.state);
      }
      for (int slot = 0; slot < length; slot++) {
        int64_t t = begin + slot;
        int64_t step = args.first_step + t;
        ahead(args.input, t + AHEAD);
        if (step % FLUSH_PERIOD == 0) {
          flushState();
        }
        if (drawsNormals) {
          draw(step, false, true);
        }
        modulate(t);
        unpack(*tapeBits(t));
        const float *input = lineAt(args.input, t, w.input);
        if (keepsVoltages) {
          replay<true>(slot, input, tapeVoltages(t), nullptr);
        } else {
          replay<false>(slot, input, nullptr, noise(t));
        }
      }
      for (int slot = length - 1; slot >= 0; slot--) {
        int64_t t = begin + slot;
        ahead(wanted.grad_spike_values, t - AHEAD);
        ahead(wanted.grad_voltages, t - AHEAD);
        ahead<1>(wanted.grad_input, t - AHEAD);
        modulate(t);
        unpack(*tapeBits(t));
        retreat(slot, keepsVoltages ? tapeVoltages(t) : w.keptVPre[slot], lineAt(args.input, t, w.input),
            upstream(wanted.grad_spike_values, t, w.gradY), upstream(wanted.grad_voltages, t, w.gradV));
        if (wanted.grad_input != nullptr) {
          put(wanted.grad_input, t, w.gradInput);
        }
        if (args.modulation.data != nullptr) {
          modulationBackward();
          if (backward.sums.modulationSteps != nullptr) {
            put(backward.sums.modulationSteps, t, w.gradModulation);
          }
        }
        if ((args.first_step + t) % FLUSH_PERIOD == 0) {
          for (int carrier = 0; carrier < 8; carrier++) {
            float *line = w.adjoints[carrier];
            QLIF_LANES { line[i] = flush(line[i], FLUSH_ADJOINT); }
          }
        }
      }
    }
    storeGradients(backward);
  }

  /** A line of an upstream gradient, zeros where there is none. */
  const float *upstream(const float *tensor, int64_t t, float *room) const {
    if (tensor == nullptr) {
      memset(room, 0, LANES * sizeof(float));
      return room;
    }
    return lineAt(tensor, t, room);
  }

  void storeGradients(const HostBackward &backward) {
    QLIF_LANES {
      w.gradients[1][i] = gradTau(w.gradients[1][i], w.parameters[1][i], w.given[QLIF_PARAM_TAU][i]);
    }
    for (int sum = 0; sum < PARAMETERS + 1; sum++) {
      copy(backward.sums.sums + sum * call.elements + first, w.gradients[sum], width);
    }
    if (backward.args.grad_initial_state[0] == nullptr) {
      return;
    }
    for (int variable = 0; variable < VARIABLES; variable++) {
      memset(backward.args.grad_initial_state[variable] + first, 0, (size_t)width * sizeof(float));
    }
    for (int carrier = 0; carrier < 8; carrier++) {
      copy(backward.args.grad_initial_state[CARRIERS[carrier]] + first, w.adjoints[carrier], width);
    }
  }
};

template <class S>
void forwardBlock(const HostForward &call, int64_t block, HostWorker &worker) {
  Block<S>(call, block, worker).forward();
}

template <class S>
void backwardBlock(const HostBackward &call, int64_t block, HostWorker &worker) {
  Block<S>(call.forward, block, worker).backward(call);
}

void drawBlock(const HostDraw &call, int64_t block, HostWorker &w) {
  using Draws = Block<Dynamic>;
  const qlif_draw_args &args = call.args;
  int64_t first = block * LANES;
  int width = (int)(args.elements - first < LANES ? args.elements - first : LANES);
  Draws::number(w, args.element_offset, first);
  Draws::wireKeys(args.seed, args.wires, w);
  for (int64_t t = 0; t < args.steps; t++) {
    int64_t step = args.first_step + t;
    int odd = (int)(step & 1);
    if (t == 0 || odd == 0) {
      Draws::drawPair(w, step, args.stream, args.seed, (int)args.wires, args.uniforms != nullptr, args.normals != nullptr);
    }
    for (int64_t wire = 0; args.uniforms != nullptr && wire < args.wires; wire++) {
      Draws::copy(args.uniforms + (t * args.wires + wire) * args.elements + first, w.uniforms[odd][wire], width);
    }
    if (args.normals != nullptr) {
      Draws::copy(args.normals + t * args.elements + first, w.noise[odd], width);
    }
  }
}

bool areWithin(const float *values, int64_t count, BitRange range) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < count; i++) {
    // What is below the range wraps around to beyond it.
    uint32_t above = (bitsOf(values[i]) & range.mask) - range.low;
    largest = above > largest ? above : largest;
  }
  return largest <= range.high - range.low;
}

template <class S>
HostProgram program() {
  return HostProgram{forwardBlock<S>, backwardBlock<S>, drawBlock, areWithin};
}

}  // namespace

HostProgram QLIF_PROGRAM(Variant variant) {
  switch (variant) {
    case Variant::DEFAULT:
      return program<Fixed<DEFAULT_OPTIONS.bits>>();
    case Variant::SNAPSHOT_15:
      return program<Fixed<SNAPSHOT_15_OPTIONS.bits>>();
    case Variant::SNAPSHOT_24:
      return program<Fixed<SNAPSHOT_24_OPTIONS.bits>>();
    case Variant::LIF:
      return program<Fixed<LIF_OPTIONS.bits>>();
    default:
      return program<Dynamic>();
  }
}

}  // namespace qlif
