// SPDX-License-Identifier: Apache-2.0
// Configurations: their legal values, and the constants that kernels use. Ranges are the same as in Java's QlifConfig and LifConfig;
// constants have the same bits as in QlifConstants and LifConstants.
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

void finite(const char *name, double value) {
  if (!isFinite((float)value)) {
    refuse(name, value, "a finite number");
  }
}

void requireOrdered(const char *lowName, double low, const char *highName, double high, bool equalAllowed) {
  if (equalAllowed ? low > high : low >= high) {
    char lowText[32];
    char highText[32];
    fail(QLIF_INVALID_ARGUMENT, "%s, %s: got %s, %s, expected %s %s %s", lowName, highName, textOf(low, lowText), textOf(high, highText),
        lowName, equalAllowed ? "<=" : "<", highName);
  }
}

bool isPositive(double value) { return (float)value > 0 && isFinite((float)value); }

bool isWithin(const Values &values, double value) {
  return (values.lowOpen ? value > values.low : value >= values.low) && (values.highOpen ? value < values.high : value <= values.high);
}

/** Whether an option may have this value. dt: the configuration's. */
bool isLegal(const OptionRow &row, double value, double dt) {
  switch (row.values.range) {
    case QLIF_RANGE_FINITE:
      return isFinite((float)value);
    case QLIF_RANGE_TIME_CONSTANT:
      // For a parameter, the division is that of kernels; for others it is in float64 and rounded.
      return isPositive(value) && isFinite(row.values.parameter >= 0 ? divide((float)dt, (float)value) : (float)(dt / value));
    case QLIF_RANGE_RATE:
      return (float)value > 0 && (float)dt * (float)value <= 1;
    case QLIF_RANGE_POSITIVE:
      return isPositive(value);
    case QLIF_RANGE_NOT_NEGATIVE:
      return value >= 0 && isFinite((float)value);
    case QLIF_RANGE_INTERVAL:
      return isWithin(row.values, value);
  }
  __builtin_unreachable();
}

/** The legal values of an option, for messages. */
template <size_t LENGTH>
const char *legalText(const OptionRow &row, char (&text)[LENGTH]) {
  const Values &values = row.values;
  char low[32];
  char high[32];
  switch (values.range) {
    case QLIF_RANGE_FINITE:
      return "a finite number";
    case QLIF_RANGE_TIME_CONSTANT:
      snprintf(text, LENGTH, "a finite number > 0 for which dt / %s is finite in float32", row.name);
      return text;
    case QLIF_RANGE_RATE:
      snprintf(text, LENGTH, "a number > 0 for which dt * %s is at most 1 in float32", row.name);
      return text;
    case QLIF_RANGE_POSITIVE:
      return "a finite number > 0";
    case QLIF_RANGE_NOT_NEGATIVE:
      return "a finite number >= 0";
    case QLIF_RANGE_INTERVAL:
      if (values.kind == QLIF_KIND_REAL) {
        snprintf(text, LENGTH, "a number in %c%s, %s%c", values.lowOpen ? '(' : '[', textOf(values.low, low), textOf(values.high, high),
            values.highOpen ? ')' : ']');
      } else {
        snprintf(text, LENGTH, "%s to %s", textOf(values.low, low), textOf(values.high, high));
      }
      return text;
  }
  __builtin_unreachable();
}

// ---------------------------------------------------------------- options

double valueOf(const AnyConfig &config, const OptionRow &row) {
  const char *field = (const char *)&config + row.offset;
  if (row.values.kind == QLIF_KIND_REAL) {
    double value;
    memcpy(&value, field, sizeof value);
    return value;
  }
  int32_t value;
  memcpy(&value, field, sizeof value);
  return value;
}

double dtOf(const AnyConfig &config) {
  switch (config.header.model) {
    case QLIF_MODEL_QLIF:
      return config.qlif.dt;
    case QLIF_MODEL_LIF:
      return config.lif.dt;
  }
  failModel(config.header.model);
}

/** Checks each option's range. awaits: whether to skip options that are still to be derived. */
void requireOptions(const AnyConfig &config, bool awaits) {
  const Model &model = MODELS[config.header.model];
  for (int32_t i = 0; i < model.options.count; i++) {
    const OptionRow &row = model.options[i];
    const double value = valueOf(config, row);
    if (!(awaits && row.values.derived && value != value) && !isLegal(row, value, dtOf(config))) {
      char expected[96];
      refuse(row.name, value, legalText(row, expected));
    }
  }
}

/** Checks that reserved fields are 0: the gaps between options. */
void requireReserved(const AnyConfig &config) {
  const Model &model = MODELS[config.header.model];
  size_t at = sizeof(qlif_config);
  for (int32_t i = 0; i <= model.options.count; i++) {
    const bool last = i == model.options.count;
    for (const size_t next = last ? model.configSize : model.options[i].offset; at < next; at += sizeof(int32_t)) {
      int32_t value;
      memcpy(&value, (const char *)&config + at, sizeof value);
      if (value != 0) {
        fail(QLIF_INVALID_ARGUMENT, "%s.reserved, at byte %zu: got %d, expected 0", model.configName, at, value);
      }
    }
    at += last ? 0 : model.options[i].size;
  }
}

/** `value`, or `otherwise` if it is NaN. */
double given(double value, double otherwise) { return value != value ? otherwise : value; }

void derive(qlif_qlif_config &c) {
  c.dsp_decay = given(c.dsp_decay, expOfNegative(-c.dt / c.tau_adapt));
  // The angle at a gap of 0 that gives the calibration's probability.
  const double angle = std::acos(1 - 2 * c.initial_probability);
  const double gain = c.angle_map == QLIF_ANGLE_TANH ? c.theta_max : 1;
  c.q_scale = given(c.q_scale, 2 * c.initial_slope / std::sin(angle) / gain);
  c.q_bias = given(c.q_bias, angle + c.quantum_leak);
}

/** The constant of a surrogate. */
double surrogateScale(int32_t surrogate, double a) { return surrogate == QLIF_SURROGATE_GAUSSIAN ? -1 / (2 * a * a) : a; }

void requireSurrogate(int32_t surrogate, double a) { finite("surrogate_alpha, as -1 / (2 a^2)", surrogateScale(surrogate, a)); }

/** Constraints between options. */
void requireRelations(const qlif_qlif_config &c) {
  requireSurrogate(c.surrogate, c.surrogate_alpha);
  requireOrdered("min_alpha", c.min_alpha, "max_alpha", c.max_alpha, true);
  requireOrdered("min_threshold", c.min_threshold, "max_threshold", c.max_threshold, false);
}

void requireRelations(const qlif_lif_config &c) {
  requireSurrogate(c.surrogate, c.surrogate_alpha);
}

/** Fills in the derived options of a configuration; fails if it is illegal. */
AnyConfig whole(AnyConfig config) {
  requireReserved(config);
  requireOptions(config, true);
  switch (config.header.model) {
    case QLIF_MODEL_QLIF:
      derive(config.qlif);
      requireOptions(config, false);
      requireRelations(config.qlif);
      return config;
    case QLIF_MODEL_LIF:
      requireRelations(config.lif);
      return config;
  }
  failModel(config.header.model);
}

// ---------------------------------------------------------------- what kernels compute with

/** Each constant is computed once in float64 and rounded once. */
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
  k.dspDecay = (float)c.dsp_decay;
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

ModelConfig lifConfigOf(const qlif_lif_config &c) {
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
#define QLIF_ROW(name, text) {text, &QlifConstants::name},
    QLIF_CONSTANT_TABLE(QLIF_ROW)
#undef QLIF_ROW
    // A whole number, not a float32 of the equations.
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

ModelConfig modelConfigOf(const AnyConfig &given) {
  const AnyConfig config = whole(given);
  switch (config.header.model) {
    case QLIF_MODEL_QLIF:
      return qlifConfigOf(config.qlif);
    case QLIF_MODEL_LIF:
      return lifConfigOf(config.lif);
  }
  failModel(config.header.model);
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

float parameterDefault(const AnyConfig &given, int32_t parameter) {
  const AnyConfig config = whole(given);
  const Table<OptionRow> &options = MODELS[config.header.model].options;
  int32_t start = 0;
  while (options[start].values.parameter != parameter) {
    start++;
  }
  return (float)valueOf(config, options[start]);
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
#define QLIF_ROW(name, symbol, value, values) c.name = value;
  QLIF_CONFIG_TABLE(QLIF_ROW)
#undef QLIF_ROW
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
#define LIF_ROW(name, symbol, value, values) c.name = value;
  LIF_CONFIG_TABLE(LIF_ROW)
#undef LIF_ROW
  return c;
}

}  // namespace qlif
