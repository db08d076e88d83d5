// SPDX-License-Identifier: Apache-2.0
// Compares compiled kernels bit for bit, below the C interface, on the host and on the emulated CUDA device: those that know their options
// with those that read them, and LIF's with a second implementation of its equations.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include "../src/device.h"

using namespace qlif;

namespace {

std::mt19937_64 numbers(7);

int64_t among(int64_t low, int64_t high) { return low + (int64_t)(numbers() % (uint64_t)(high - low + 1)); }

template <size_t COUNT>
int64_t oneOf(const int64_t (&values)[COUNT]) {
  return values[among(0, COUNT - 1)];
}

std::vector<float> floats(int64_t count, float low, float high) {
  std::vector<float> values((size_t)count);
  for (float &value : values) {
    value = low + (high - low) * (float)(numbers() >> 40) * 0x1p-24f;
  }
  return values;
}

template <class T>
const T *orNull(const std::vector<T> &values) {
  return values.empty() ? nullptr : values.data();
}

/** What a forward call writes besides the final state. */
enum class Outputs { ALL, BYTES, VALUES };

struct Inputs {
  int64_t steps, batch, neurons;
  int64_t firstStep;
  uint64_t seed;
  uint32_t stream;
  int mode;
  Outputs outputs;
  uint32_t perNeuron;
  std::vector<float> input, parameters[QLIF_MAX_PARAMETERS], modulation, gradY, gradV;
  std::vector<float> initial[QLIF_MAX_STATE_VARIABLES], gradFinal[QLIF_MAX_STATE_VARIABLES];
  std::vector<uint64_t> rows;
  bool shared;

  int64_t elements() const { return batch * neurons; }
};

/** usual: a call like most. single: one row, with per-neuron parameters. */
Inputs randomInputs(const ModelConfig &config, bool usual, bool single = false) {
  const Model &model = config.table();
  Inputs in{};
  in.steps = oneOf({1, 2, 7, 8, 9, 33, 64, 65, 130, 150});
  in.batch = single ? 1 : among(1, 3);
  in.neurons = oneOf({1, 5, 31, 64, 65, 129});
  in.firstStep = usual ? 8 * among(0, 20) : among(0, 100);
  in.seed = numbers();
  in.stream = (uint32_t)numbers();
  in.mode = usual ? config.normals ? QLIF_TAPE_VOLTAGE : QLIF_TAPE_COMPACT : (int)among(0, 1);
  in.outputs = usual ? (Outputs)among(1, 2) : Outputs::ALL;
  const int all = (1 << model.parameters.count) - 1;
  in.perNeuron = (uint32_t)(single ? all : among(0, all));
  const int64_t rows = in.steps * in.elements();
  in.input = floats(rows, -1, 4);
  for (int i = 0; i < model.parameters.count; i++) {
    const int64_t length = in.perNeuron >> i & 1 ? in.neurons : 1;
    switch (model.parameters[i].range) {
      case QLIF_RANGE_TIME_CONSTANT:
        in.parameters[i] = floats(length, 1.5f, 20);
        break;
      case QLIF_RANGE_RATE:
        in.parameters[i] = floats(length, 1, 900);
        break;
      default:
        in.parameters[i] = floats(length, 0.2f, 1.4f);
    }
  }
  if (model.modulation && !usual && among(0, 1)) {
    in.modulation = floats(in.steps, -2, 2);
  }
  in.shared = !usual && among(0, 1);
  in.gradY = floats(in.shared ? in.elements() : rows, -1, 1);
  if (!usual) {
    in.gradV = floats(rows, -0.3f, 0.3f);
    if (among(0, 1)) {
      for (int64_t b = 0; b < in.batch; b++) {
        in.rows.push_back(numbers());
      }
    }
  }
  const bool given = among(0, 1);
  for (int i = 0; i < model.variables.count; i++) {
    if (given) {
      in.initial[i] = floats(in.elements(), 0, 0.8f);
    }
    in.gradFinal[i] = floats(in.elements(), -1, 1);
  }
  return in;
}

struct Results {
  std::vector<uint8_t> bytes;
  std::vector<uint64_t> words;
  std::vector<float> spikes, values, voltages, traces[QLIF_MAX_TRACES], final[QLIF_MAX_STATE_VARIABLES];
  std::vector<float> gradInput, gradModulation, gradParameters[QLIF_MAX_PARAMETERS], gradInitial[QLIF_MAX_STATE_VARIABLES];
};

/** How to run a call. */
struct Way {
  bool keyed;  // the key is in the device's memory
  bool lent;   // the caller gives tape and scratch memory
};

Results run(DeviceKernel &kernel, const Model &model, const Inputs &in, Way way) {
  Results out;
  const float poison = 1e30f;
  const int64_t rows = in.steps * in.elements();
  ForwardCall forward{};
  forward.elements = in.elements();
  ForwardArgs &f = forward.args;
  const qlif_draw_key key{in.seed, way.keyed ? in.firstStep / 2 : 0, in.stream - 3, 0};
  f.steps = in.steps;
  f.batch = in.batch;
  f.neurons = in.neurons;
  f.first_step = in.firstStep;
  f.seed = in.seed;
  f.stream = in.stream;
  f.element_offset = in.rows.empty() ? 11 : 0;
  if (way.keyed) {
    f.key = &key;
    f.first_step -= key.first_step;
    f.seed = 0;
    f.stream = 3;
  }
  f.per_neuron_parameters = in.perNeuron;
  f.row_index = orNull(in.rows);
  f.input = GivenNumbers{in.input.data(), QLIF_TYPE_F32};
  f.modulation = qlif_broadcast{orNull(in.modulation), in.modulation.size() > 1, 0, 0};
  for (int i = 0; i < model.parameters.count; i++) {
    f.parameters[i] = in.parameters[i].data();
  }
  for (int i = 0; i < model.variables.count; i++) {
    f.initial_state[i] = orNull(in.initial[i]);
    out.final[i].assign((size_t)in.elements(), poison);
    f.final_state[i] = out.final[i].data();
  }
  if (in.outputs != Outputs::VALUES) {
    out.bytes.assign((size_t)rows, 9);
    f.spikes_u8 = out.bytes.data();
  }
  if (in.outputs != Outputs::BYTES) {
    out.values.assign((size_t)rows, poison);
    f.spike_values = TakenNumbers{out.values.data(), QLIF_TYPE_F32};
  }
  if (in.outputs == Outputs::ALL) {
    out.spikes.assign((size_t)rows, poison);
    f.spikes_f32 = out.spikes.data();
    out.voltages.assign((size_t)rows, poison);
    f.voltages = out.voltages.data();
    out.words.assign((size_t)(in.steps * wordsOf(in.elements())), 9);
    f.spikes_bit = out.words.data();
    for (int i = 0; i < model.traces.count; i++) {
      out.traces[i].assign((size_t)rows, poison);
      f.traces[i] = out.traces[i].data();
    }
  }
  std::vector<std::max_align_t> tapeMemory(kernel.tapeBytes(in.mode, QLIF_TYPE_F32, in.steps, in.elements()) / sizeof(std::max_align_t) + 1);
  std::unique_ptr<TapeStorage> tape = way.lent ? kernel.lentTape(in.mode, QLIF_TYPE_F32, in.steps, in.elements(), tapeMemory.data())
                                               : kernel.newTape(in.mode, QLIF_TYPE_F32, in.steps, in.elements());
  forward.tape = tape.get();
  std::vector<std::max_align_t> scratch(
      kernel.scratchBytes(in.steps, in.batch, in.neurons, true) / sizeof(std::max_align_t) + 1);
  if (way.lent) {
    forward.scratch.memory = scratch.data();
  }
  kernel.forward(forward, nullptr);

  BackwardCall backward{};
  backward.forward = forward;
  backward.scratch = forward.scratch;
  BackwardArgs &g = backward.args;
  g.grad_spike_values = GivenNumbers{in.gradY.data(), QLIF_TYPE_F32};
  g.grad_spike_values_stride = in.shared ? 0 : in.elements();
  g.grad_voltages = orNull(in.gradV);
  out.gradInput.assign((size_t)rows, poison);
  g.grad_input = TakenNumbers{out.gradInput.data(), QLIF_TYPE_F32};
  for (int i = 0; i < model.variables.count; i++) {
    g.grad_final_state[i] = in.gradFinal[i].data();
    out.gradInitial[i].assign((size_t)in.elements(), poison);
    g.grad_initial_state[i] = out.gradInitial[i].data();
  }
  for (int i = 0; i < model.parameters.count; i++) {
    out.gradParameters[i].assign(in.parameters[i].size(), poison);
    g.grad_parameters[i] = out.gradParameters[i].data();
  }
  if (!in.modulation.empty()) {
    out.gradModulation.assign(in.modulation.size(), poison);
    backward.modulation = ModulationSum{out.gradModulation.data(), in.steps == 1, true, true, false};
    backward.modulation.direct = in.steps > 1 && in.elements() == 1;
  }
  kernel.backward(backward, nullptr);
  tape->release();
  return out;
}

template <class T>
void same(const char *what, const char *name, const std::vector<T> &a, const std::vector<T> &b) {
  // data() of an empty vector may be null, which memcmp does not accept.
  if (a.size() != b.size() || (!a.empty() && memcmp(a.data(), b.data(), a.size() * sizeof(T)) != 0)) {
    size_t i = 0;
    while (i < a.size() && i < b.size() && memcmp(&a[i], &b[i], sizeof(T)) == 0) {
      i++;
    }
    fprintf(stderr, "%s: %s differs first at %zu of %zu\n", what, name, i, a.size());
    exit(1);
  }
}

template <size_t COUNT>
void same(const char *what, const char *name, const std::vector<float> (&a)[COUNT], const std::vector<float> (&b)[COUNT]) {
  for (size_t i = 0; i < COUNT; i++) {
    char numbered[64];
    snprintf(numbered, sizeof numbered, "%s[%zu]", name, i);
    same(what, numbered, a[i], b[i]);
  }
}

void same(const char *what, const Results &a, const Results &b) {
  same(what, "spikes as bytes", a.bytes, b.bytes);
  same(what, "spikes as bits", a.words, b.words);
  same(what, "spikes", a.spikes, b.spikes);
  same(what, "spike values", a.values, b.values);
  same(what, "potentials", a.voltages, b.voltages);
  same(what, "traces", a.traces, b.traces);
  same(what, "final state", a.final, b.final);
  same(what, "gradient of the input", a.gradInput, b.gradInput);
  same(what, "gradient of the modulation", a.gradModulation, b.gradModulation);
  same(what, "gradients of parameters", a.gradParameters, b.gradParameters);
  same(what, "gradients of the initial state", a.gradInitial, b.gradInitial);
}

// ---------------------------------------------------------------- LIF's equations, a second time

float surrogateAt(const LifConstants &k, float delta) {
  const float x = fabsf(delta);
  const float a = k.surrogateScale;
  if (k.surrogate == QLIF_SURROGATE_HEAVISIDE) {
    return fmaxf(fmaf(-a, x, 1), 0);
  }
  if (k.surrogate == QLIF_SURROGATE_FAST_SIGMOID) {
    const float q = fmaf(a, x, 1);
    return 1 / (q * q);
  }
  if (k.surrogate == QLIF_SURROGATE_ARCTAN) {
    return 1 / fmaf(a * x, a * x, 1);
  }
  return qlif::exp(a * (x * x));
}

/** All outputs of a call with one row and per-neuron parameters. */
Results lifByHand(const LifConstants &k, const Inputs &in) {
  Results out;
  const size_t rows = (size_t)(in.steps * in.neurons);
  out.bytes.resize(rows);
  out.words.assign((size_t)(in.steps * wordsOf(in.neurons)), 0);
  out.spikes.resize(rows);
  out.voltages.resize(rows);
  out.gradInput.resize(rows);
  for (int i = 0; i < 2; i++) {
    out.traces[i].resize(rows);
    out.final[i].resize((size_t)in.neurons);
    out.gradInitial[i].resize((size_t)in.neurons);
  }
  for (int i = 0; i < 3; i++) {
    out.gradParameters[i].resize((size_t)in.neurons);
  }
  for (int64_t n = 0; n < in.neurons; n++) {
    const float synRate = k.dt * in.parameters[QLIF_LIF_PARAM_TAU_SYN_INV][(size_t)n];
    const float memRate = k.dt * in.parameters[QLIF_LIF_PARAM_TAU_MEM_INV][(size_t)n];
    const float vTh = in.parameters[QLIF_LIF_PARAM_V_TH][(size_t)n];
    float v = in.initial[0].empty() ? 0 : in.initial[0][(size_t)n];
    float i = in.initial[1].empty() ? 0 : in.initial[1][(size_t)n];
    std::vector<float> currents, drives, potentials;
    for (int64_t t = 0; t < in.steps; t++) {
      const size_t at = (size_t)(t * in.neurons + n);
      if ((in.firstStep + t) % 64 == 0) {
        v = fabsf(v) < 0x1p-64f ? 0 : v;
        i = fabsf(i) < 0x1p-64f ? 0 : i;
      }
      const float current = i + in.input[at];
      const float drive = (k.vLeak - v) + current;
      const float potential = fmaf(memRate, drive, v);
      const float delta = potential - vTh;
      const bool fired = delta > 0;
      i = fmaf(-synRate, current, current);
      v = fired ? k.vReset : potential;
      out.bytes[at] = fired;
      out.words[(size_t)(t * wordsOf(in.neurons) + n / 64)] |= (uint64_t)fired << n % 64;
      out.spikes[at] = fired;
      out.voltages[at] = v;
      out.traces[QLIF_LIF_TRACE_DELTA][at] = delta;
      out.traces[QLIF_LIF_TRACE_CURRENT][at] = i;
      currents.push_back(current);
      drives.push_back(drive);
      potentials.push_back(potential);
    }
    out.final[0][(size_t)n] = v;
    out.final[1][(size_t)n] = i;
    float adjV = in.gradFinal[0][(size_t)n];
    float adjI = in.gradFinal[1][(size_t)n];
    float gradSyn = 0;
    float gradMem = 0;
    float gradTh = 0;
    for (int64_t t = in.steps - 1; t >= 0; t--) {
      const size_t at = (size_t)(t * in.neurons + n);
      const float gradY = in.gradY[in.shared ? (size_t)n : at];
      const float bV = adjV + (in.gradV.empty() ? 0 : in.gradV[at]);
      const float bY = fmaf(bV, k.vReset - potentials[(size_t)t], gradY);
      const float bDelta = bY * surrogateAt(k, potentials[(size_t)t] - vTh);
      const float bPotential = (out.bytes[at] ? 0 : bV) + bDelta;
      gradTh = gradTh - bDelta;
      gradMem = fmaf(bPotential, drives[(size_t)t], gradMem);
      const float bDrive = memRate * bPotential;
      gradSyn = fmaf(-adjI, currents[(size_t)t], gradSyn);
      adjI = fmaf(-synRate, adjI, adjI) + bDrive;
      adjV = bPotential - bDrive;
      out.gradInput[at] = adjI;
      if ((in.firstStep + t) % 64 == 0) {
        adjV = fabsf(adjV) < 0x1p-100f ? 0 : adjV;
        adjI = fabsf(adjI) < 0x1p-100f ? 0 : adjI;
      }
    }
    out.gradInitial[0][(size_t)n] = adjV;
    out.gradInitial[1][(size_t)n] = adjI;
    out.gradParameters[QLIF_LIF_PARAM_TAU_SYN_INV][(size_t)n] = k.dt * gradSyn;
    out.gradParameters[QLIF_LIF_PARAM_TAU_MEM_INV][(size_t)n] = k.dt * gradMem;
    out.gradParameters[QLIF_LIF_PARAM_V_TH][(size_t)n] = gradTh;
  }
  out.values = out.spikes;
  if (in.outputs == Outputs::BYTES) {
    out.values.clear();
  }
  if (in.outputs == Outputs::VALUES) {
    out.bytes.clear();
  }
  if (in.outputs != Outputs::ALL) {
    out.spikes.clear();
    out.voltages.clear();
    out.words.clear();
    out.traces[0].clear();
    out.traces[1].clear();
  }
  return out;
}

void testLif(int surrogate, int rounds) {
  AnyConfig any = defaultsOf(QLIF_MODEL_LIF);
  any.lif.surrogate = surrogate;
  any.lif.surrogate_alpha = 1.5;
  any.lif.v_leak = 0.125;
  any.lif.v_reset = -0.25;
  const ModelConfig config = modelConfigOf(any);
  const std::unique_ptr<DeviceKernel> host = openHostKernel(config, 2, 0);
  const std::unique_ptr<DeviceKernel> cuda = openCudaKernel(0, config);
  for (int round = 0; round < rounds; round++) {
    const Inputs in = randomInputs(config, round % 2);
    const Results expected = run(*host, config.table(), in, {});
    same("LIF on CUDA", expected, run(*cuda, config.table(), in, {}));
    same("LIF on CUDA with a key, in lent memory", expected, run(*cuda, config.table(), in, {true, true}));
    same("LIF in lent memory", expected, run(*host, config.table(), in, {false, true}));
  }
  int64_t steps = 0;
  int64_t spikes = 0;
  for (int round = 0; round < 8 * rounds; round++) {
    const Inputs in = randomInputs(config, false, true);
    const Results expected = run(*host, config.table(), in, {});
    same("LIF by hand", expected, lifByHand(config.lif, in));
    steps += (int64_t)expected.bytes.size();
    spikes += std::count(expected.bytes.begin(), expected.bytes.end(), 1);
  }
  if (spikes < steps / 20 || spikes > steps - steps / 20) {
    fprintf(stderr, "got %lld spikes in %lld steps of LIF neurons, expected neither few nor all\n", (long long)spikes, (long long)steps);
    exit(1);
  }
  cuda->release();
  host->release();
}

void testQlif(const char *name, qlif_qlif_config given, Variant variant, int rounds) {
  AnyConfig any = defaultsOf(QLIF_MODEL_QLIF);
  any.qlif = given;
  const ModelConfig config = modelConfigOf(any);
  ModelConfig generic = config;
  // Sets a bit that no option reads, so that no compiled kernel matches.
  generic.options.bits |= 1u << 31;
  if (variantOf(config.options) != variant || variantOf(generic.options) != Variant::GENERIC) {
    fprintf(stderr, "%s: is not run by its own kernels, or the generic ones are not to be had\n", name);
    exit(1);
  }
  const std::unique_ptr<DeviceKernel> kernels[] = {
      openHostKernel(generic, 2, 0), openHostKernel(config, 2, 0), openCudaKernel(0, config), openCudaKernel(0, generic)};
  for (int round = 0; round < rounds; round++) {
    const Inputs in = randomInputs(config, round % 2);
    const Results expected = run(*kernels[0], config.table(), in, {});
    for (int i = 1; i < 4; i++) {
      same(name, expected, run(*kernels[i], config.table(), in, {}));
    }
    same("with a key, in lent memory", expected, run(*kernels[2], config.table(), in, {true, true}));
    same("in lent memory", expected, run(*kernels[1], config.table(), in, {false, true}));
  }
  for (const auto &kernel : kernels) {
    kernel->release();
  }
}

}  // namespace

int main() {
  constexpr int ROUNDS = 6;
  try {
    for (int surrogate = QLIF_SURROGATE_HEAVISIDE; surrogate <= QLIF_SURROGATE_ARCTAN; surrogate++) {
      testLif(surrogate, 2 * ROUNDS);
      qlif_qlif_config plain = qlifPreset("plain-lif");
      plain.surrogate = surrogate;
      testQlif("plain-lif", plain, Variant::PLAIN_LIF, ROUNDS);
    }
    testQlif("default", qlifDefaults(), Variant::DEFAULT, ROUNDS);
    testQlif("2025-08-15", qlifPreset("2025-08-15"), Variant::SNAPSHOT_15, ROUNDS);
    testQlif("2025-08-24", qlifPreset("2025-08-24"), Variant::SNAPSHOT_24, ROUNDS);
    qlif_qlif_config tanh = qlifDefaults();
    tanh.angle_map = QLIF_ANGLE_TANH;
    testQlif("tanh", tanh, Variant::TANH, ROUNDS);
    qlif_qlif_config sigmoid = qlifDefaults();
    sigmoid.decision = QLIF_DECISION_SIGMOID;
    testQlif("sigmoid", sigmoid, Variant::SIGMOID, ROUNDS);
    qlif_qlif_config expected = qlifDefaults();
    expected.spike_value = QLIF_SPIKE_VALUE_EXPECTED;
    testQlif("expected", expected, Variant::EXPECTED, ROUNDS);
    qlif_qlif_config multi = qlifDefaults();
    multi.readout = QLIF_READOUT_MULTI_QUBIT;
    testQlif("multi-qubit", multi, Variant::MULTI_QUBIT, ROUNDS);
    for (int wires : {1, 2, 3, 5, 7, 12, 64}) {
      multi.quantum_wires = wires;
      testQlif("multi-qubit with other wires", multi, Variant::MULTI_QUBIT, ROUNDS / 8);
    }
  } catch (const Failure &failure) {
    fprintf(stderr, "%s\n", failure.text);
    return 1;
  }
  puts("all passed");
  return 0;
}
