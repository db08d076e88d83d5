// Configurations: which values are taken, and what kernels compute with. The ranges are those of QlifConfig and LifConfig in Java, the numbers
// those of QlifConstants and LifConstants, to the bit.
#include "checks.h"
#include "exponential.h"

namespace qlif {
namespace {

// ---------------------------------------------------------------- ranges

bool isFinite(float value) { return value - value == 0.0f; }

[[noreturn]] void refuse(const char *name, double value, const char *expected) {
  char text[32];
  fail(QLIF_INVALID_ARGUMENT, "%s: got %s, expected %s", name, textOf(value, text), expected);
}

void require(const char *name, double value, bool legal, const char *expected) {
  if (!legal) {
    refuse(name, value, expected);
  }
}

void finite(const char *name, double value) { require(name, value, isFinite((float)value), "a finite number"); }

void positive(const char *name, double value) {
  require(name, value, (float)value > 0 && isFinite((float)value), "a finite number > 0");
}

void notNegative(const char *name, double value) {
  require(name, value, value >= 0 && isFinite((float)value), "a finite number >= 0");
}

void share(const char *name, double value) { require(name, value, value >= 0 && value <= 1, "a number in [0, 1]"); }

void requireOrdered(const char *lowName, double low, const char *highName, double high, bool equalAllowed) {
  if (equalAllowed ? low > high : low >= high) {
    char lowText[32];
    char highText[32];
    fail(QLIF_INVALID_ARGUMENT, "%s, %s: got %s, %s, expected %s %s %s", lowName, highName, textOf(low, lowText), textOf(high, highText),
        lowName, equalAllowed ? "<=" : "<", highName);
  }
}

void flag(const char *name, int32_t value) { requireRange(name, value, 0, 1); }

/** A time constant, of which the kernels take the share that dt is. */
void timeConstant(const char *name, double value, float share) {
  if (!((float)value > 0 && isFinite((float)value) && isFinite(share))) {
    char expected[96];
    snprintf(expected, sizeof expected, "a finite number > 0 for which dt / %s is finite in float32", name);
    refuse(name, value, expected);
  }
}

/** A number that stands for another one where it is NaN. */
double given(double value, double otherwise) { return value != value ? otherwise : value; }

// ---------------------------------------------------------------- surrogates

/** The number that a surrogate is computed with. */
double surrogateScale(int32_t surrogate, double a) { return surrogate == QLIF_SURROGATE_GAUSSIAN ? -1 / (2 * a * a) : a; }

void requireSurrogate(int32_t surrogate, double a) {
  requireRange("surrogate", surrogate, QLIF_SURROGATE_HEAVISIDE, QLIF_SURROGATE_ARCTAN);
  positive("surrogate_alpha", a);
  finite("surrogate_alpha, as -1 / (2 a^2)", surrogateScale(surrogate, a));
}

// ---------------------------------------------------------------- QLIF

void requireOptions(const qlif_qlif_config &c) {
  flag("detach_reset", c.detach_reset);
  flag("stochastic", c.stochastic);
  requireRange("decision", c.decision, QLIF_DECISION_QUBIT, QLIF_DECISION_THRESHOLD);
  requireRange("sampling", c.sampling, QLIF_SAMPLING_DRAW, QLIF_SAMPLING_ROUND);
  requireRange("spike_value", c.spike_value, QLIF_SPIKE_VALUE_SAMPLE, QLIF_SPIKE_VALUE_EXPECTED);
  requireRange("angle_map", c.angle_map, QLIF_ANGLE_LINEAR, QLIF_ANGLE_TANH);
  requireRange("readout", c.readout, QLIF_READOUT_SINGLE_QUBIT, QLIF_READOUT_EXPECTATION);
  requireRange("quantum_wires", c.quantum_wires, 1, MAX_WIRES);
  flag("dynamic_probability", c.dynamic_probability);
  flag("refractory", c.refractory);
  flag("use_adaptation", c.use_adaptation);
  flag("use_depression", c.use_depression);
  flag("use_ahp", c.use_ahp);
  flag("use_adaptive_threshold", c.use_adaptive_threshold);
  flag("homeostasis_enabled", c.homeostasis_enabled);
  requireRange("neuromod_mode", c.neuromod_mode, QLIF_NEUROMOD_GAIN, QLIF_NEUROMOD_OFF);
  requireRange("neuromod_transform", c.neuromod_transform, QLIF_TRANSFORM_SIGMOID, QLIF_TRANSFORM_IDENTITY);
}

double dspDecay(const qlif_qlif_config &c) { return given(c.dsp_decay, expOfNegative(-c.dt / c.tau_adapt)); }

/** The angle at a gap of 0 that gives the calibration's probability. */
double calibratedAngle(const qlif_qlif_config &c) { return std::acos(1 - 2 * c.initial_probability); }

double scale(const qlif_qlif_config &c) {
  double gain = c.angle_map == QLIF_ANGLE_TANH ? c.theta_max : 1;
  return given(c.q_scale, 2 * c.initial_slope / std::sin(calibratedAngle(c)) / gain);
}

double bias(const qlif_qlif_config &c) { return given(c.q_bias, calibratedAngle(c) + c.quantum_leak); }

void requireNumbers(const qlif_qlif_config &c) {
  finite("v_reset", c.v_reset);
  share("reset_fraction", c.reset_fraction);
  positive("dt", c.dt);
  notNegative("noise_std", c.noise_std);
  require("theta_max", c.theta_max, c.theta_max > 0 && c.theta_max <= 0x1.921fb54442d18p+1, "a number in (0, pi]");
  notNegative("quantum_leak", c.quantum_leak);
  require("quantum_threshold", c.quantum_threshold, c.quantum_threshold > -1 && c.quantum_threshold < 1, "a number in (-1, 1)");
  require("probability_floor", c.probability_floor, c.probability_floor >= 0 && c.probability_floor < 0.5, "a number in [0, 0.5)");
  requireSurrogate(c.surrogate, c.surrogate_alpha);
  positive("base_alpha", c.base_alpha);
  positive("tau_adapt", c.tau_adapt);
  notNegative("dsp_decay", dspDecay(c));
  notNegative("dsp_jump", c.dsp_jump);
  positive("min_alpha", c.min_alpha);
  positive("max_alpha", c.max_alpha);
  positive("tau_ref", c.tau_ref);
  notNegative("r_jump", c.r_jump);
  notNegative("adaptation_decay", c.adaptation_decay);
  notNegative("spike_increase", c.spike_increase);
  share("depression_rate", c.depression_rate);
  notNegative("recovery_rate", c.recovery_rate);
  positive("tau_ahp", c.tau_ahp);
  notNegative("ahp_jump", c.ahp_jump);
  finite("g_ahp", c.g_ahp);
  positive("ahp_max", c.ahp_max);
  positive("min_threshold", c.min_threshold);
  positive("max_threshold", c.max_threshold);
  share("homeostasis_target_rate", c.homeostasis_target_rate);
  finite("homeostasis_lr", c.homeostasis_lr);
  timeConstant("homeostasis_tau", c.homeostasis_tau, (float)(c.dt / c.homeostasis_tau));
  finite("neuromod_strength", c.neuromod_strength);
  finite("v_th", c.v_th);
  timeConstant("tau", c.tau, divide((float)c.dt, (float)c.tau));
  finite("eta", c.eta);
  require("initial_probability", c.initial_probability, c.initial_probability > 0 && c.initial_probability < 1, "a number in (0, 1)");
  finite("initial_slope", c.initial_slope);
  finite("q_scale", scale(c));
  finite("q_bias", bias(c));
  requireOrdered("min_alpha", c.min_alpha, "max_alpha", c.max_alpha, true);
  requireOrdered("min_threshold", c.min_threshold, "max_threshold", c.max_threshold, false);
}

/** Each number once in float64, rounded once. */
QlifConstants constantsOf(const qlif_qlif_config &c) {
  // The p above which there is a spike.
  double firing = (1 - c.quantum_threshold) / 2;
  QlifConstants k{};
  k.kappa = (float)c.neuromod_strength;
  k.minThreshold = (float)c.min_threshold;
  k.maxThreshold = (float)c.max_threshold;
  k.gAhp = (float)c.g_ahp;
  k.dt = (float)c.dt;
  k.sigma = (float)c.noise_std;
  k.dspDecay = (float)dspDecay(c);
  k.dspJump = (float)c.dsp_jump;
  k.thetaMax = (float)c.theta_max;
  k.quantumLeak = (float)c.quantum_leak;
  k.baseAlpha = (float)c.base_alpha;
  k.minAlpha = (float)c.min_alpha;
  k.maxAlpha = (float)c.max_alpha;
  k.floor = (float)c.probability_floor;
  k.ceiling = (float)(1 - c.probability_floor);
  // count > W * firing, in integers
  k.minCount = (int32_t)std::floor(c.quantum_wires * firing) + 1;
  k.expectedAbove = (float)firing;
  k.surrogateScale = (float)surrogateScale(c.surrogate, c.surrogate_alpha);
  k.resetFraction = (float)c.reset_fraction;
  k.vReset = (float)c.v_reset;
  k.refractoryDecay = (float)expOfNegative(-c.dt / c.tau_ref);
  k.rJump = (float)c.r_jump;
  k.ahpDecay = (float)expOfNegative(-c.dt / c.tau_ahp);
  k.ahpJump = (float)c.ahp_jump;
  k.ahpMax = (float)c.ahp_max;
  k.adaptationDecay = (float)c.adaptation_decay;
  k.spikeIncrease = (float)c.spike_increase;
  k.depressionRate = (float)c.depression_rate;
  k.recoveryRate = (float)c.recovery_rate;
  k.rateStep = (float)(c.dt / c.homeostasis_tau);
  k.homeostasisLr = (float)c.homeostasis_lr;
  k.targetRate = (float)c.homeostasis_target_rate;
  k.surrogate = c.surrogate;
  k.neuromodTransform = c.neuromod_transform;
  return k;
}

ModelConfig qlifConfigOf(const qlif_qlif_config &c) {
  requireOptions(c);
  requireNumbers(c);
  ModelConfig config{};
  config.model = QLIF_MODEL_QLIF;
  config.options = QlifOptions::of({.decision = c.decision, .sampling = c.sampling, .spikeValue = c.spike_value, .angleMap = c.angle_map,
      .readout = c.readout, .neuromodMode = c.neuromod_mode, .dynamicProbability = c.dynamic_probability != 0,
      .refractory = c.refractory != 0, .useAdaptation = c.use_adaptation != 0, .useDepression = c.use_depression != 0,
      .useAhp = c.use_ahp != 0, .useAdaptiveThreshold = c.use_adaptive_threshold != 0,
      .homeostasisEnabled = c.homeostasis_enabled != 0, .detachReset = c.detach_reset != 0,
      .drawsNormals = c.stochastic != 0 && c.noise_std > 0});
  bool multi = config.options.decision() == QLIF_DECISION_QUBIT && config.options.readout() == QLIF_READOUT_MULTI_QUBIT;
  config.uniforms = !config.options.drawsUniforms() ? 0 : multi ? c.quantum_wires : 1;
  config.normals = config.options.drawsNormals();
  config.constants = constantsOf(c);
  config.constants.wires = config.uniforms;
  return config;
}

// ---------------------------------------------------------------- LIF

void rate(const char *name, double value, double dt) {
  if (!((float)value > 0 && (float)dt * (float)value <= 1)) {
    char expected[96];
    snprintf(expected, sizeof expected, "a number > 0 for which dt * %s is at most 1 in float32", name);
    refuse(name, value, expected);
  }
}

ModelConfig lifConfigOf(const qlif_lif_config &c) {
  if (c.reserved != 0) {
    fail(QLIF_INVALID_ARGUMENT, "qlif_lif_config.reserved: got %d, expected 0", c.reserved);
  }
  positive("dt", c.dt);
  finite("v_leak", c.v_leak);
  finite("v_reset", c.v_reset);
  requireSurrogate(c.surrogate, c.surrogate_alpha);
  rate("tau_syn_inv", c.tau_syn_inv, c.dt);
  rate("tau_mem_inv", c.tau_mem_inv, c.dt);
  finite("v_th", c.v_th);
  ModelConfig config{};
  config.model = QLIF_MODEL_LIF;
  config.lif.dt = (float)c.dt;
  config.lif.vLeak = (float)c.v_leak;
  config.lif.vReset = (float)c.v_reset;
  config.lif.surrogateScale = (float)surrogateScale(c.surrogate, c.surrogate_alpha);
  config.lif.surrogate = c.surrogate;
  return config;
}

// ---------------------------------------------------------------- constants by name

template <class Numbers>
struct NamedConstant {
  const char *name;
  float Numbers::*field;
};

constexpr NamedConstant<QlifConstants> QLIF_CONSTANTS[] = {
    {"kappa", &QlifConstants::kappa},
    {"min_threshold", &QlifConstants::minThreshold},
    {"max_threshold", &QlifConstants::maxThreshold},
    {"g_ahp", &QlifConstants::gAhp},
    {"dt", &QlifConstants::dt},
    {"sigma", &QlifConstants::sigma},
    {"dsp_decay", &QlifConstants::dspDecay},
    {"dsp_jump", &QlifConstants::dspJump},
    {"theta_max", &QlifConstants::thetaMax},
    {"quantum_leak", &QlifConstants::quantumLeak},
    {"base_alpha", &QlifConstants::baseAlpha},
    {"min_alpha", &QlifConstants::minAlpha},
    {"max_alpha", &QlifConstants::maxAlpha},
    {"floor", &QlifConstants::floor},
    {"ceiling", &QlifConstants::ceiling},
    {"expected_above", &QlifConstants::expectedAbove},
    {"surrogate_scale", &QlifConstants::surrogateScale},
    {"reset_fraction", &QlifConstants::resetFraction},
    {"v_reset", &QlifConstants::vReset},
    {"refractory_decay", &QlifConstants::refractoryDecay},
    {"r_jump", &QlifConstants::rJump},
    {"ahp_decay", &QlifConstants::ahpDecay},
    {"ahp_jump", &QlifConstants::ahpJump},
    {"ahp_max", &QlifConstants::ahpMax},
    {"adaptation_decay", &QlifConstants::adaptationDecay},
    {"spike_increase", &QlifConstants::spikeIncrease},
    {"depression_rate", &QlifConstants::depressionRate},
    {"recovery_rate", &QlifConstants::recoveryRate},
    {"rate_step", &QlifConstants::rateStep},
    {"homeostasis_lr", &QlifConstants::homeostasisLr},
    {"target_rate", &QlifConstants::targetRate},
    // A whole number; no float32 of the equations.
    {"min_count", nullptr},
};

constexpr NamedConstant<LifConstants> LIF_CONSTANTS[] = {
    {"dt", &LifConstants::dt},
    {"v_leak", &LifConstants::vLeak},
    {"v_reset", &LifConstants::vReset},
    {"surrogate_scale", &LifConstants::surrogateScale},
};

template <class Row, size_t COUNT>
constexpr int32_t countOf(const Row (&)[COUNT]) {
  return COUNT;
}

}  // namespace

void failModel(int32_t model) {
  fail(QLIF_INVALID_ARGUMENT, "model: got %d, expected QLIF_MODEL_QLIF (0) or QLIF_MODEL_LIF (1)", model);
}

ModelConfig modelConfigOf(const AnyConfig &config) {
  switch (config.header.model) {
    case QLIF_MODEL_QLIF:
      return qlifConfigOf(config.qlif);
    case QLIF_MODEL_LIF:
      return lifConfigOf(config.lif);
  }
  failModel(config.header.model);
}

size_t configSize(int32_t model) {
  switch (model) {
    case QLIF_MODEL_QLIF:
      return sizeof(qlif_qlif_config);
    case QLIF_MODEL_LIF:
      return sizeof(qlif_lif_config);
  }
  failModel(model);
}

AnyConfig defaultsOf(int32_t model) {
  AnyConfig config{};
  memset((void *)&config, 0, sizeof config);
  switch (model) {
    case QLIF_MODEL_QLIF:
      config.qlif = qlifDefaults();
      return config;
    case QLIF_MODEL_LIF:
      config.lif = lifDefaults();
      return config;
  }
  failModel(model);
}

float parameterDefault(const AnyConfig &config, int32_t parameter) {
  switch (config.header.model) {
    case QLIF_MODEL_QLIF: {
      const qlif_qlif_config &c = config.qlif;
      const double values[QLIF_PARAMETERS] = {c.v_th, c.tau, c.eta, scale(c), bias(c)};
      return (float)values[parameter];
    }
    case QLIF_MODEL_LIF: {
      const qlif_lif_config &c = config.lif;
      const double values[QLIF_LIF_PARAMETERS] = {c.tau_syn_inv, c.tau_mem_inv, c.v_th};
      return (float)values[parameter];
    }
  }
  failModel(config.header.model);
}

int32_t constantCount(int32_t model) {
  switch (model) {
    case QLIF_MODEL_QLIF:
      return countOf(QLIF_CONSTANTS);
    case QLIF_MODEL_LIF:
      return countOf(LIF_CONSTANTS);
  }
  failModel(model);
}

const char *constantName(int32_t model, int32_t index) {
  switch (model) {
    case QLIF_MODEL_QLIF:
      return QLIF_CONSTANTS[index].name;
    case QLIF_MODEL_LIF:
      return LIF_CONSTANTS[index].name;
  }
  failModel(model);
}

float constantValue(const ModelConfig &config, int32_t index) {
  switch (config.model) {
    case QLIF_MODEL_QLIF: {
      const auto field = QLIF_CONSTANTS[index].field;
      return field == nullptr ? (float)config.constants.minCount : config.constants.*field;
    }
    case QLIF_MODEL_LIF:
      return config.lif.*LIF_CONSTANTS[index].field;
  }
  failModel(config.model);
}

qlif_qlif_config qlifDefaults() {
  qlif_qlif_config c{};
  c.header = {sizeof c, QLIF_MODEL_QLIF};
  c.detach_reset = 1;
  c.stochastic = 1;
  c.decision = QLIF_DECISION_QUBIT;
  c.sampling = QLIF_SAMPLING_DRAW;
  c.spike_value = QLIF_SPIKE_VALUE_SAMPLE;
  c.angle_map = QLIF_ANGLE_LINEAR;
  c.readout = QLIF_READOUT_SINGLE_QUBIT;
  c.quantum_wires = 4;
  c.surrogate = QLIF_SURROGATE_HEAVISIDE;
  c.dynamic_probability = 1;
  c.refractory = 1;
  c.use_adaptation = 1;
  c.use_depression = 1;
  c.use_ahp = 1;
  c.use_adaptive_threshold = 1;
  c.homeostasis_enabled = 1;
  c.neuromod_mode = QLIF_NEUROMOD_GAIN;
  c.neuromod_transform = QLIF_TRANSFORM_SIGMOID;
  c.v_reset = 0.0;
  c.reset_fraction = 1.0;
  c.dt = 1.0;
  c.noise_std = 0.1;
  c.theta_max = 0x1.921fb54442d18p+0 - 0.005;
  c.quantum_leak = 0.1;
  c.quantum_threshold = 0.7;
  c.probability_floor = 0.0;
  c.surrogate_alpha = 1.0;
  c.base_alpha = 2.0;
  c.dsp_decay = NAN;
  c.dsp_jump = 1.0;
  c.min_alpha = 0.05;
  c.max_alpha = 5.0;
  c.tau_ref = 6.0;
  c.r_jump = 1.0;
  c.adaptation_decay = 0.9;
  c.spike_increase = 0.5;
  c.depression_rate = 0.1;
  c.recovery_rate = 0.05;
  c.tau_ahp = 120.0;
  c.ahp_jump = 0.3;
  c.g_ahp = 0.2;
  c.ahp_max = 2.0;
  c.min_threshold = 0.5;
  c.max_threshold = 2.0;
  c.homeostasis_target_rate = 0.12;
  c.homeostasis_lr = 1e-3;
  c.homeostasis_tau = 1000.0;
  c.neuromod_strength = 1.0;
  c.v_th = 1.0;
  c.tau = 20.0;
  c.eta = 0.1;
  c.q_scale = NAN;
  c.q_bias = NAN;
  c.tau_adapt = 20.0;
  c.initial_probability = 0.02;
  c.initial_slope = 0.10;
  return c;
}

qlif_qlif_config qlifPreset(const char *name) {
  qlif_qlif_config c = qlifDefaults();
  if (strcmp(name, "plain-lif") == 0) {
    c.decision = QLIF_DECISION_THRESHOLD;
    c.stochastic = 0;
    c.dynamic_probability = 0;
    c.refractory = 0;
    c.use_adaptation = 0;
    c.use_depression = 0;
    c.use_ahp = 0;
    c.use_adaptive_threshold = 0;
    c.homeostasis_enabled = 0;
    c.neuromod_mode = QLIF_NEUROMOD_OFF;
    return c;
  }
  c.reset_fraction = 0.3;
  c.eta = 0;
  c.homeostasis_enabled = 0;
  if (strcmp(name, "2025-08-15") == 0) {
    // Its trace advances twice a step.
    double e = expOfNegative(-c.dt / c.tau_adapt);
    c.dsp_decay = e * e;
    c.dsp_jump = 1 + e;
    return c;
  }
  if (strcmp(name, "2025-08-24") == 0) {
    c.detach_reset = 0;
    c.angle_map = QLIF_ANGLE_TANH;
    c.spike_value = QLIF_SPIKE_VALUE_EXPECTED;
    c.probability_floor = 1e-5;
    c.refractory = 0;
    c.dynamic_probability = 0;
    return c;
  }
  fail(QLIF_INVALID_ARGUMENT, "name: got '%.100s', expected 2025-08-15, 2025-08-24 or plain-lif", name);
}

qlif_lif_config lifDefaults() {
  qlif_lif_config c{};
  c.header = {sizeof c, QLIF_MODEL_LIF};
  c.surrogate = QLIF_SURROGATE_FAST_SIGMOID;
  c.dt = 0.001;
  c.v_leak = 0.0;
  c.v_reset = 0.0;
  c.surrogate_alpha = 100.0;
  c.tau_syn_inv = 200.0;
  c.tau_mem_inv = 100.0;
  c.v_th = 1.0;
  return c;
}

}  // namespace qlif
