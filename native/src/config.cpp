// The configuration of a kernel: which values are taken, and how kernels read them.
#include "checks.h"

namespace qlif {
namespace {

struct Choice {
  const char *name;
  int32_t value, low, high;
};

/** The range of a number, bounds included. */
struct Range {
  const char *name;
  float value, low, high;
  const char *expected;
};

void require(const Range &range) {
  // Not the other way around: a NaN is in no range.
  if (range.value >= range.low && range.value <= range.high) {
    return;
  }
  char text[32];
  fail(QLIF_INVALID_ARGUMENT, "%s: got %s, expected %s", range.name, textOf(range.value, text), range.expected);
}

constexpr float MOST = 3.40282347e+38f;
constexpr float LEAST = 1.40129846e-45f;

Range finite(const char *name, float value) { return {name, value, -MOST, MOST, "a finite number"}; }

Range notNegative(const char *name, float value) { return {name, value, 0.0f, MOST, "a finite number >= 0"}; }

Range positive(const char *name, float value) { return {name, value, LEAST, MOST, "a finite number > 0"}; }

Range share(const char *name, float value) { return {name, value, 0.0f, 1.0f, "a number in [0, 1]"}; }

void requireOrdered(const char *lowName, float low, const char *highName, float high) {
  if (low > high) {
    char lowText[32];
    char highText[32];
    fail(QLIF_INVALID_ARGUMENT, "%s, %s: got %s, %s, expected %s <= %s", lowName, highName, textOf(low, lowText), textOf(high, highText),
        lowName, highName);
  }
}

void requireChoices(const qlif_config &c) {
  const Choice choices[] = {
      {"decision", c.decision, QLIF_DECISION_QUBIT, QLIF_DECISION_THRESHOLD},
      {"sampling", c.sampling, QLIF_SAMPLING_DRAW, QLIF_SAMPLING_ROUND},
      {"spike_value", c.spike_value, QLIF_SPIKE_VALUE_SAMPLE, QLIF_SPIKE_VALUE_EXPECTED},
      {"angle_map", c.angle_map, QLIF_ANGLE_LINEAR, QLIF_ANGLE_TANH},
      {"readout", c.readout, QLIF_READOUT_SINGLE_QUBIT, QLIF_READOUT_EXPECTATION},
      {"quantum_wires", c.quantum_wires, 1, MAX_WIRES},
      {"surrogate", c.surrogate, QLIF_SURROGATE_HEAVISIDE, QLIF_SURROGATE_ARCTAN},
      {"neuromod_mode", c.neuromod_mode, QLIF_NEUROMOD_GAIN, QLIF_NEUROMOD_OFF},
      {"neuromod_transform", c.neuromod_transform, QLIF_TRANSFORM_SIGMOID, QLIF_TRANSFORM_IDENTITY},
      {"dynamic_probability", c.dynamic_probability, 0, 1},
      {"refractory", c.refractory, 0, 1},
      {"use_adaptation", c.use_adaptation, 0, 1},
      {"use_depression", c.use_depression, 0, 1},
      {"use_ahp", c.use_ahp, 0, 1},
      {"use_adaptive_threshold", c.use_adaptive_threshold, 0, 1},
      {"homeostasis_enabled", c.homeostasis_enabled, 0, 1},
      {"detach_reset", c.detach_reset, 0, 1},
      {"membrane_noise", c.membrane_noise, 0, 1},
  };
  for (const Choice &choice : choices) {
    requireRange(choice.name, choice.value, choice.low, choice.high);
  }
  // floor(W (1 - zeta) / 2) + 1, with zeta in (-1, 1).
  requireRange("min_count", c.min_count, 1, c.quantum_wires + 1);
}

/**
 * The ranges of the options in docs/model.md as they come out of the derivation in float64 and the rounding to float32: an open bound may
 * have been rounded to, and what was above 0 may be 0 where the option's own range did not ask for more in float32.
 */
void requireNumbers(const qlif_config &c) {
  const Range ranges[] = {
      finite("kappa", c.kappa),
      positive("min_threshold", c.min_threshold),
      positive("max_threshold", c.max_threshold),
      finite("g_ahp", c.g_ahp),
      positive("dt", c.dt),
      // 0 with membrane noise, too: a standard deviation that float32 can't hold.
      notNegative("sigma", c.sigma),
      notNegative("dsp_decay", c.dsp_decay),
      notNegative("dsp_jump", c.dsp_jump),
      {"theta_max", c.theta_max, 0.0f, 3.14159274f, "a number in [0, pi]"},
      notNegative("quantum_leak", c.quantum_leak),
      positive("base_alpha", c.base_alpha),
      positive("min_alpha", c.min_alpha),
      positive("max_alpha", c.max_alpha),
      // A floor in [0, 0.5), and 1 less it.
      {"floor", c.floor, 0.0f, 0.5f, "a number in [0, 0.5]"},
      {"ceiling", c.ceiling, 0.5f, 1.0f, "a number in [0.5, 1]"},
      // (1 - zeta) / 2
      share("expected_above", c.expected_above),
      // -1 / (2 a^2) or a, for a > 0
      c.surrogate == QLIF_SURROGATE_GAUSSIAN ? Range{"surrogate_scale", c.surrogate_scale, -MOST, 0.0f, "a finite number <= 0 for GAUSSIAN"}
                                             : positive("surrogate_scale", c.surrogate_scale),
      share("reset_fraction", c.reset_fraction),
      finite("v_reset", c.v_reset),
      // exp(-dt / tau_ref)
      share("refractory_decay", c.refractory_decay),
      notNegative("r_jump", c.r_jump),
      // exp(-dt / tau_ahp)
      share("ahp_decay", c.ahp_decay),
      notNegative("ahp_jump", c.ahp_jump),
      positive("ahp_max", c.ahp_max),
      notNegative("adaptation_decay", c.adaptation_decay),
      notNegative("spike_increase", c.spike_increase),
      share("depression_rate", c.depression_rate),
      notNegative("recovery_rate", c.recovery_rate),
      // dt / homeostasis_tau
      notNegative("rate_step", c.rate_step),
      finite("homeostasis_lr", c.homeostasis_lr),
      share("target_rate", c.target_rate),
  };
  static_assert(sizeof c == (1 + 19 + sizeof ranges / sizeof ranges[0]) * sizeof(float), "each number of qlif_config has a range");
  for (const Range &range : ranges) {
    require(range);
  }
  requireOrdered("min_threshold", c.min_threshold, "max_threshold", c.max_threshold);
  requireOrdered("min_alpha", c.min_alpha, "max_alpha", c.max_alpha);
}

}  // namespace

void requireConfig(const qlif_config &config) {
  requireChoices(config);
  requireNumbers(config);
}

Options optionsOf(const qlif_config &c) {
  return optionsOf(c.decision, c.sampling, c.spike_value, c.angle_map, c.readout, c.neuromod_mode, c.dynamic_probability, c.refractory,
      c.use_adaptation, c.use_depression, c.use_ahp, c.use_adaptive_threshold, c.homeostasis_enabled, c.detach_reset, c.membrane_noise);
}

Constants constantsOf(const qlif_config &c, Options options) {
  Constants k{};
  k.kappa = c.kappa;
  k.minThreshold = c.min_threshold;
  k.maxThreshold = c.max_threshold;
  k.gAhp = c.g_ahp;
  k.dt = c.dt;
  k.sigma = c.sigma;
  k.dspDecay = c.dsp_decay;
  k.dspJump = c.dsp_jump;
  k.thetaMax = c.theta_max;
  k.quantumLeak = c.quantum_leak;
  k.baseAlpha = c.base_alpha;
  k.minAlpha = c.min_alpha;
  k.maxAlpha = c.max_alpha;
  k.floor = c.floor;
  k.ceiling = c.ceiling;
  k.expectedAbove = c.expected_above;
  k.surrogateScale = c.surrogate_scale;
  k.resetFraction = c.reset_fraction;
  k.vReset = c.v_reset;
  k.refractoryDecay = c.refractory_decay;
  k.rJump = c.r_jump;
  k.ahpDecay = c.ahp_decay;
  k.ahpJump = c.ahp_jump;
  k.ahpMax = c.ahp_max;
  k.adaptationDecay = c.adaptation_decay;
  k.spikeIncrease = c.spike_increase;
  k.depressionRate = c.depression_rate;
  k.recoveryRate = c.recovery_rate;
  k.rateStep = c.rate_step;
  k.homeostasisLr = c.homeostasis_lr;
  k.targetRate = c.target_rate;
  k.minCount = c.min_count;
  bool multi = options.decision() == QLIF_DECISION_QUBIT && options.readout() == QLIF_READOUT_MULTI_QUBIT;
  k.wires = !options.drawsUniforms() ? 0 : multi ? c.quantum_wires : 1;
  k.surrogate = c.surrogate;
  k.neuromodTransform = c.neuromod_transform;
  return k;
}

}  // namespace qlif
