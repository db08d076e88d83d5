// The options of a configuration, and the numbers of its equations, as kernels read them.
#ifndef QLIF_OPTIONS_H
#define QLIF_OPTIONS_H

#include "../include/qlif.h"
#include "platform.h"

namespace qlif {

constexpr int VARIABLES = QLIF_STATE_VARIABLES;
constexpr int PARAMETERS = QLIF_PARAMETERS;
constexpr int TRACES = QLIF_TRACES;
constexpr int SEGMENT = QLIF_SEGMENT;

/** The largest W of MULTI_QUBIT. */
constexpr int MAX_WIRES = 64;

/** The options that decide which operations a step does, in one word, so that a template can take it. */
struct Options {
  uint32_t bits;

  QLIF_FN constexpr int decision() const { return bits & 3; }
  QLIF_FN constexpr int sampling() const { return bits >> 2 & 1; }
  QLIF_FN constexpr int spikeValue() const { return bits >> 3 & 1; }
  QLIF_FN constexpr int angleMap() const { return bits >> 4 & 1; }
  QLIF_FN constexpr int readout() const { return bits >> 5 & 3; }
  QLIF_FN constexpr int neuromodMode() const { return bits >> 7 & 3; }
  QLIF_FN constexpr bool dynamicProbability() const { return bits >> 9 & 1; }
  QLIF_FN constexpr bool refractory() const { return bits >> 10 & 1; }
  QLIF_FN constexpr bool useAhp() const { return bits >> 11 & 1; }
  QLIF_FN constexpr bool useAdaptiveThreshold() const { return bits >> 12 & 1; }
  QLIF_FN constexpr bool homeostasisEnabled() const { return bits >> 13 & 1; }
  QLIF_FN constexpr bool detachReset() const { return bits >> 14 & 1; }
  QLIF_FN constexpr bool drawsNormals() const { return bits >> 15 & 1; }
  QLIF_FN constexpr bool useAdaptation() const { return bits >> 16 & 1; }
  QLIF_FN constexpr bool useDepression() const { return bits >> 17 & 1; }

  /** Whether a step's decision takes uniforms: W in MULTI_QUBIT, else 1. */
  QLIF_FN constexpr bool drawsUniforms() const {
    return decision() == QLIF_DECISION_QUBIT     ? readout() != QLIF_READOUT_EXPECTATION
           : decision() == QLIF_DECISION_SIGMOID ? sampling() == QLIF_SAMPLING_DRAW
                                                 : false;
  }

  /** Whether the state after a step depends on p itself, and not only on the spike. */
  QLIF_FN constexpr bool stateNeedsProbability() const {
    return decision() != QLIF_DECISION_THRESHOLD && spikeValue() == QLIF_SPIKE_VALUE_EXPECTED;
  }
};

constexpr Options optionsOf(int decision, int sampling, int spikeValue, int angleMap, int readout, int neuromodMode,
    bool dynamicProbability, bool refractory, bool useAdaptation, bool useDepression, bool useAhp, bool useAdaptiveThreshold,
    bool homeostasisEnabled, bool detachReset, bool drawsNormals) {
  // What the decision makes irrelevant is 0, so that equal kernels have equal words.
  bool qubit = decision == QLIF_DECISION_QUBIT;
  return Options{(uint32_t)decision | (uint32_t)(decision == QLIF_DECISION_SIGMOID ? sampling : 0) << 2 |
                 (uint32_t)(decision == QLIF_DECISION_THRESHOLD ? 0 : spikeValue) << 3 | (uint32_t)(qubit ? angleMap : 0) << 4 |
                 (uint32_t)(qubit ? readout : 0) << 5 | (uint32_t)neuromodMode << 7 | (uint32_t)dynamicProbability << 9 |
                 (uint32_t)refractory << 10 | (uint32_t)useAhp << 11 | (uint32_t)useAdaptiveThreshold << 12 |
                 (uint32_t)homeostasisEnabled << 13 | (uint32_t)detachReset << 14 | (uint32_t)drawsNormals << 15 |
                 (uint32_t)useAdaptation << 16 | (uint32_t)useDepression << 17};
}

/** Options known when the kernel is compiled: what is off leaves no instruction. SURROGATE: -1 where that is not known. */
template <uint32_t BITS, int SURROGATE = -1>
struct Fixed {
  static constexpr bool FIXED = true;
  template <int KNOWN>
  using With = Fixed<BITS, KNOWN>;
  QLIF_FN constexpr explicit Fixed(Options) {}
  QLIF_FN constexpr Options operator()() const { return Options{BITS}; }
  QLIF_FN constexpr int surrogate(int given) const { return SURROGATE < 0 ? given : SURROGATE; }
};

/** Options read when the kernel runs. */
struct Dynamic {
  static constexpr bool FIXED = false;
  template <int KNOWN>
  using With = Dynamic;
  Options options;
  QLIF_FN constexpr explicit Dynamic(Options given) : options(given) {}
  QLIF_FN constexpr Options operator()() const { return options; }
  QLIF_FN constexpr int surrogate(int given) const { return given; }
};

/** The default configuration. */
constexpr Options DEFAULT_OPTIONS = optionsOf(QLIF_DECISION_QUBIT, QLIF_SAMPLING_DRAW, QLIF_SPIKE_VALUE_SAMPLE, QLIF_ANGLE_LINEAR,
    QLIF_READOUT_SINGLE_QUBIT, QLIF_NEUROMOD_GAIN, true, true, true, true, true, true, true, true, true);

/** A leaky integrate-and-fire neuron with a surrogate gradient: every option off. */
constexpr Options LIF_OPTIONS = optionsOf(QLIF_DECISION_THRESHOLD, QLIF_SAMPLING_DRAW, QLIF_SPIKE_VALUE_SAMPLE, QLIF_ANGLE_LINEAR,
    QLIF_READOUT_SINGLE_QUBIT, QLIF_NEUROMOD_OFF, false, false, false, false, false, false, false, true, false);

/** The presets of QUBIT decisions: 2025-08-15, whose trace that advances twice a step is a matter of constants, and 2025-08-24. */
constexpr Options SNAPSHOT_15_OPTIONS = optionsOf(QLIF_DECISION_QUBIT, QLIF_SAMPLING_DRAW, QLIF_SPIKE_VALUE_SAMPLE, QLIF_ANGLE_LINEAR,
    QLIF_READOUT_SINGLE_QUBIT, QLIF_NEUROMOD_GAIN, true, true, true, true, true, true, false, true, true);
constexpr Options SNAPSHOT_24_OPTIONS = optionsOf(QLIF_DECISION_QUBIT, QLIF_SAMPLING_DRAW, QLIF_SPIKE_VALUE_EXPECTED, QLIF_ANGLE_TANH,
    QLIF_READOUT_SINGLE_QUBIT, QLIF_NEUROMOD_GAIN, false, false, true, true, true, true, false, false, true);

/** Which of the compiled kernels runs a configuration. */
enum class Variant { DEFAULT, SNAPSHOT_15, SNAPSHOT_24, LIF, GENERIC };

inline Variant variantOf(Options options) {
  return options.bits == DEFAULT_OPTIONS.bits       ? Variant::DEFAULT
         : options.bits == SNAPSHOT_15_OPTIONS.bits ? Variant::SNAPSHOT_15
         : options.bits == SNAPSHOT_24_OPTIONS.bits ? Variant::SNAPSHOT_24
         : options.bits == LIF_OPTIONS.bits         ? Variant::LIF
                                                    : Variant::GENERIC;
}

/** The float32 numbers of the equations, as in qlif_config, and the options that are only read where they matter. */
struct Constants {
  float kappa, minThreshold, maxThreshold, gAhp, dt, sigma, dspDecay, dspJump, thetaMax, quantumLeak, baseAlpha, minAlpha, maxAlpha, floor,
      ceiling, expectedAbove, surrogateScale, resetFraction, vReset, refractoryDecay, rJump, ahpDecay, ahpJump, ahpMax, adaptationDecay,
      spikeIncrease, depressionRate, recoveryRate, rateStep, homeostasisLr, targetRate;
  int32_t minCount;
  int32_t wires; /* uniforms a step draws */
  int32_t surrogate;
  int32_t neuromodTransform;
};

/** The least value of 1 + D in the division that gives c. */
constexpr float MIN_SLOPE_DIVISOR = 1e-6f;

/** Before a step whose absolute index is a multiple of this, states below FLUSH_STATE become +0. */
constexpr int FLUSH_PERIOD = 64;
constexpr float FLUSH_STATE = 0x1p-64f;

/** At the start of such a step, state adjoints below it become +0. */
constexpr float FLUSH_ADJOINT = 0x1p-100f;

}  // namespace qlif

#endif
