// SPDX-License-Identifier: Apache-2.0
// The QLIF model: its options and constants, one step forward and one step backward, for one neuron. This is the only place of its
// arithmetic in the native library, in the order of docs/model.md and with the names of the Java class QlifNeuron, so that the two can be
// read side by side. Which operations are fused and in which order terms are added is part of the definition.
#ifndef QLIF_QLIF_MODEL_H
#define QLIF_QLIF_MODEL_H

#include "model.h"
#include "philox.h"
#include "surrogate.h"
#include "tables.h"

namespace qlif {

// X(type, name, bits, value in the default configuration): the options that decide which operations a step does.
#define QLIF_OPTION_TABLE(X)                             \
  X(int, decision, 2, QLIF_DECISION_QUBIT)               \
  X(int, sampling, 1, QLIF_SAMPLING_DRAW)                \
  X(int, spikeValue, 1, QLIF_SPIKE_VALUE_SAMPLE)         \
  X(int, angleMap, 1, QLIF_ANGLE_LINEAR)                 \
  X(int, readout, 2, QLIF_READOUT_SINGLE_QUBIT)          \
  X(int, neuromodMode, 2, QLIF_NEUROMOD_GAIN)            \
  X(bool, dynamicProbability, 1, true)                   \
  X(bool, refractory, 1, true)                           \
  X(bool, useAdaptation, 1, true)                        \
  X(bool, useDepression, 1, true)                        \
  X(bool, useAhp, 1, true)                               \
  X(bool, useAdaptiveThreshold, 1, true)                 \
  X(bool, homeostasisEnabled, 1, true)                   \
  X(bool, detachReset, 1, true)                          \
  X(bool, drawsNormals, 1, true)

/** Options one by one, with the values of the default configuration. */
struct QlifChoices {
#define QLIF_ROW(type, name, width, value) type name = value;
  QLIF_OPTION_TABLE(QLIF_ROW)
#undef QLIF_ROW
};

/** Options in one word, for use as a template argument. */
struct QlifOptions {
  uint32_t bits;

  enum Place {
#define QLIF_ROW(type, name, width, value) FIRST_##name, LAST_##name = FIRST_##name + width - 1,
    QLIF_OPTION_TABLE(QLIF_ROW)
#undef QLIF_ROW
  };

  static constexpr QlifOptions of(QlifChoices choices) {
    // Options that the decision makes irrelevant get their defaults, so that equal kernels have equal words.
    constexpr QlifChoices DEFAULTS{};
    if (choices.decision != QLIF_DECISION_SIGMOID) {
      choices.sampling = DEFAULTS.sampling;
    }
    if (choices.decision != QLIF_DECISION_QUBIT) {
      choices.angleMap = DEFAULTS.angleMap;
      choices.readout = DEFAULTS.readout;
    }
    if (choices.decision == QLIF_DECISION_THRESHOLD) {
      choices.spikeValue = DEFAULTS.spikeValue;
    }
    uint32_t bits = 0;
#define QLIF_ROW(type, name, width, value) bits |= (uint32_t)choices.name << FIRST_##name;
    QLIF_OPTION_TABLE(QLIF_ROW)
#undef QLIF_ROW
    return QlifOptions{bits};
  }

#define QLIF_ROW(type, name, width, value) \
  QLIF_FN constexpr type name() const { return bits >> FIRST_##name & ((1u << width) - 1); }
  QLIF_OPTION_TABLE(QLIF_ROW)
#undef QLIF_ROW

  /** All bits of one option, or of several. */
  QLIF_FN static constexpr uint32_t mask(Place first, Place last) { return ((2u << (last - first)) - 1) << first; }

  /** Whether spikes are counted over wires. */
  QLIF_FN constexpr bool countsWires() const { return decision() == QLIF_DECISION_QUBIT && readout() == QLIF_READOUT_MULTI_QUBIT; }

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

  /** Whether the surrogate is part of a step's adjoint. */
  QLIF_FN constexpr bool needsSurrogate() const { return decision() == QLIF_DECISION_THRESHOLD; }
};

// The configurations that have kernels of their own.
constexpr QlifOptions DEFAULT_OPTIONS = QlifOptions::of({});

/** The presets with QUBIT decisions: 2025-08-15, whose trace that advances twice per step only needs different constants, and 2025-08-24. */
constexpr QlifOptions SNAPSHOT_15_OPTIONS = QlifOptions::of({.homeostasisEnabled = false});
constexpr QlifOptions SNAPSHOT_24_OPTIONS = QlifOptions::of({.spikeValue = QLIF_SPIKE_VALUE_EXPECTED, .angleMap = QLIF_ANGLE_TANH,
    .dynamicProbability = false, .refractory = false, .homeostasisEnabled = false, .detachReset = false});

/** Changes to the default configuration that make a step much longer. */
constexpr QlifOptions TANH_OPTIONS = QlifOptions::of({.angleMap = QLIF_ANGLE_TANH});
constexpr QlifOptions SIGMOID_OPTIONS = QlifOptions::of({.decision = QLIF_DECISION_SIGMOID});
constexpr QlifOptions EXPECTED_OPTIONS = QlifOptions::of({.spikeValue = QLIF_SPIKE_VALUE_EXPECTED});
constexpr QlifOptions MULTI_QUBIT_OPTIONS = QlifOptions::of({.readout = QLIF_READOUT_MULTI_QUBIT});

/** A leaky integrate-and-fire neuron with a surrogate gradient: every option off. */
constexpr QlifOptions PLAIN_LIF_OPTIONS = QlifOptions::of({.decision = QLIF_DECISION_THRESHOLD, .neuromodMode = QLIF_NEUROMOD_OFF,
    .dynamicProbability = false, .refractory = false, .useAdaptation = false, .useDepression = false, .useAhp = false,
    .useAdaptiveThreshold = false, .homeostasisEnabled = false, .drawsNormals = false});

// X(name, name in qlif_constant_name): the float32 constants of the equations.
#define QLIF_CONSTANT_TABLE(X)           \
  X(kappa, "kappa")                      \
  X(minThreshold, "min_threshold")       \
  X(maxThreshold, "max_threshold")       \
  X(gAhp, "g_ahp")                       \
  X(dt, "dt")                            \
  X(sigma, "sigma")                      \
  X(dspDecay, "dsp_decay")               \
  X(dspJump, "dsp_jump")                 \
  X(thetaMax, "theta_max")               \
  X(quantumLeak, "quantum_leak")         \
  X(baseAlpha, "base_alpha")             \
  X(minAlpha, "min_alpha")               \
  X(maxAlpha, "max_alpha")               \
  X(floor, "floor")                      \
  X(ceiling, "ceiling")                  \
  X(expectedAbove, "expected_above")     \
  X(surrogateScale, "surrogate_scale")   \
  X(resetFraction, "reset_fraction")     \
  X(vReset, "v_reset")                   \
  X(refractoryDecay, "refractory_decay") \
  X(rJump, "r_jump")                     \
  X(ahpDecay, "ahp_decay")               \
  X(ahpJump, "ahp_jump")                 \
  X(ahpMax, "ahp_max")                   \
  X(adaptationDecay, "adaptation_decay") \
  X(spikeIncrease, "spike_increase")     \
  X(depressionRate, "depression_rate")   \
  X(recoveryRate, "recovery_rate")       \
  X(rateStep, "rate_step")               \
  X(homeostasisLr, "homeostasis_lr")     \
  X(targetRate, "target_rate")

/** The float32 constants of the equations, and the options that are read at run time. */
struct QlifConstants {
#define QLIF_ROW(name, text) float name;
  QLIF_CONSTANT_TABLE(QLIF_ROW)
#undef QLIF_ROW
  int32_t minCount;
  int32_t wires; /* uniforms per step */
  int32_t surrogate;
  int32_t neuromodTransform;
};

/** The least value of 1 + D in the division that gives c. */
constexpr float MIN_SLOPE_DIVISOR = 1e-6f;

QLIF_FN float clamp(float x, float low, float high) {
  float raised = x < low ? low : x;
  return raised > high ? high : raised;
}

QLIF_FN bool within(float x, float low, float high) { return x >= low && x <= high; }

struct QlifModel {
  static constexpr int NUMBER = QLIF_MODEL_QLIF;
  static constexpr int VARIABLES = QLIF_STATE_VARIABLES;
  static constexpr int PARAMETERS = QLIF_PARAMETERS;
  static constexpr int TRACES = QLIF_TRACES;

  /**
   * Whether steps take an external modulation, and whether they draw. Models for which these are false need not have the members for that.
   */
  static constexpr bool MODULATED = true;
  static constexpr bool DRAWS = true;

  /** The state variables that are the voltages and spike values of a call, and M. */
  static constexpr int VOLTAGE = QLIF_STATE_MEMBRANE;
  static constexpr int SPIKE_VALUE = QLIF_STATE_SPIKE_VALUE;
  static constexpr int MODULATION = QLIF_STATE_MODULATION;

  using Options = QlifOptions;
  using Constants = QlifConstants;

  template <class Config>
  static const Constants &constantsOf(const Config &config) {
    return config.constants;
  }
  template <class Config>
  static Options optionsOf(const Config &config) {
    return config.options;
  }

  /**
   * Calls visit with options of which those that choose between long computations are known. The others only choose single values, which
   * takes no branch. COUNTS: whether it matters that spikes are counted over wires. MASK, BITS: what else is known.
   */
  template <bool COUNTS, uint32_t MASK = 0, uint32_t BITS = 0, class Visit>
  QLIF_FN static void byDecision(Options on, Visit visit) {
    constexpr uint32_t DECISION = Options::mask(Options::FIRST_decision, Options::LAST_decision);
    constexpr uint32_t ANGLE = Options::mask(Options::FIRST_angleMap, Options::LAST_angleMap);
    // No other readout has this bit set.
    constexpr uint32_t MULTI = (uint32_t)QLIF_READOUT_MULTI_QUBIT << Options::FIRST_readout;
    constexpr uint32_t TANH = (uint32_t)QLIF_ANGLE_TANH << Options::FIRST_angleMap;
    constexpr uint32_t SIGMOID = (uint32_t)QLIF_DECISION_SIGMOID << Options::FIRST_decision;
    constexpr uint32_t THRESHOLD = (uint32_t)QLIF_DECISION_THRESHOLD << Options::FIRST_decision;
    constexpr uint32_t QUBIT_MASK = MASK | DECISION | ANGLE | (COUNTS ? MULTI : 0);
    if constexpr (COUNTS) {
      constexpr uint32_t READOUT = Options::mask(Options::FIRST_readout, Options::LAST_readout);
      if (on.countsWires()) {
        return on.angleMap() == QLIF_ANGLE_TANH ? visit(Partial<Options, QUBIT_MASK | READOUT, BITS | TANH | MULTI>(on))
                                                : visit(Partial<Options, QUBIT_MASK | READOUT, BITS | MULTI>(on));
      }
    }
    switch (on.decision()) {
      case QLIF_DECISION_QUBIT:
        return on.angleMap() == QLIF_ANGLE_TANH ? visit(Partial<Options, QUBIT_MASK, BITS | TANH>(on))
                                                : visit(Partial<Options, QUBIT_MASK, BITS>(on));
      case QLIF_DECISION_SIGMOID:
        return visit(Partial<Options, MASK | DECISION, BITS | SIGMOID>(on));
      case QLIF_DECISION_THRESHOLD:
        return visit(Partial<Options, MASK | DECISION, BITS | THRESHOLD>(on));
    }
    __builtin_unreachable();
  }

  /** The same for a replay, in which the decision is known; p only matters if it is the spike's value. */
  template <class Visit>
  QLIF_FN static void byReplay(Options on, Visit visit) {
    constexpr uint32_t VALUE = Options::mask(Options::FIRST_spikeValue, Options::LAST_spikeValue);
    constexpr uint32_t EXPECTED = (uint32_t)QLIF_SPIKE_VALUE_EXPECTED << Options::FIRST_spikeValue;
    if (on.stateNeedsProbability()) {
      return byDecision<false, VALUE, EXPECTED>(on, visit);
    }
    visit(Partial<Options, VALUE, (uint32_t)QLIF_SPIKE_VALUE_SAMPLE << Options::FIRST_spikeValue>(on));
  }

  /** Calls visit with the constants, in which the compiler knows the modulation's transform. */
  template <class Visit>
  QLIF_FN static void byTransform(Constants k, Visit visit) {
    if (k.neuromodTransform == QLIF_TRANSFORM_SIGMOID) {
      k.neuromodTransform = QLIF_TRANSFORM_SIGMOID;
      return visit(k);
    }
    k.neuromodTransform = QLIF_TRANSFORM_IDENTITY;
    visit(k);
  }

  QLIF_STATE_STRUCT(QLIF_STATE_TABLE, Options);

  // vTh; leak: dt / tau; eta; alpha; restAngle: beta - quantum leak, the angle at a gap of 0.
  QLIF_PARAMETERS_STRUCT(QLIF_PARAMETER_TABLE);

  /** What one step of one neuron computed, in the names of docs/model.md: what traces show and the backward step reads. */
  struct Step {
    float input;            // I
    float m;                // M at the step
    float modulationSlope;  // dM/dm, if an external modulation was given
    float efficiency;       // S before the step
    float refractory;       // R before the step
    float gain;             // g
    float rawBase;          // V_th + o
    float base;             // Theta: V_th + o, clamped if the threshold adapts
    float drive;            // I' - V
    float vPre;             // V', the potential before the reset
    float theta;
    float delta;
    float divisor;  // max(1 + D, 1e-6), or 1
    float slope;    // the slope's numerator over the divisor: alpha c (1 + kappa M), or the SIGMOID slope before its clamp
    float angle;    // phi; of a SIGMOID, its argument
    float tanh;     // tanh(x), in the TANH angle map
    float rawP;     // p before clamp and damping
    float damping;  // exp(-R)
    float p;
    float spike;  // s
    float y;
  };

#define QLIF_KEPT_TABLE(X)                 \
  X(efficiency, on.useDepression())        \
  X(refractory, on.refractory())           \
  X(rawBase, on.useAdaptiveThreshold())    \
  X(drive, true)                           \
  X(delta, true)                           \
  X(divisor, on.dynamicProbability())
  QLIF_KEPT_STRUCT(QLIF_KEPT_TABLE, Options);
#undef QLIF_KEPT_TABLE

  QLIF_FN static Parameters parametersOf(const Constants &k, const float (&given)[PARAMETERS]) {
    return Parameters{given[QLIF_PARAM_V_TH], divide(k.dt, given[QLIF_PARAM_TAU]), given[QLIF_PARAM_ETA], given[QLIF_PARAM_Q_SCALE],
        given[QLIF_PARAM_Q_BIAS] - k.quantumLeak};
  }

  /** Turns the gradients of the values that steps use into those of the parameters. */
  QLIF_FN static void settleGradients(const Constants &, const Parameters &parameters, const float (&given)[PARAMETERS], Parameters &grad) {
    grad.leak = grad.leak * divide(-parameters.leak, given[QLIF_PARAM_TAU]);
  }

  template <class S>
  struct Neuron {
    const S on;
    const Constants &k;
    Parameters parameters;
    State state;

    QLIF_FN Neuron(S on, const Constants &k) : on(on), k(k) {}

    // ---------------------------------------------------------------- forward

    /** Computes M from the external modulation. */
    QLIF_FN void modulate(Step &x, float external) {
      state.m = k.neuromodTransform == QLIF_TRANSFORM_SIGMOID ? sigmoid(external) : external;
      x.modulationSlope = modulationSlope();
    }

    /** dM/dm, at an M computed by modulate(). */
    QLIF_FN float modulationSlope() const { return k.neuromodTransform == QLIF_TRANSFORM_SIGMOID ? state.m * (1.0f - state.m) : 1.0f; }

    /** Keeps what the step needs of the state before it. */
    QLIF_FN void start(Step &x) const {
      x.m = state.m;
      x.efficiency = state.s;
      x.refractory = state.refractory;
    }

    /** Computes V' from the input, without the noise. */
    QLIF_FN void integrate(Step &x, float current) {
      start(x);
      x.input = current;
      x.gain = gain(x.m);
      x.drive = effectiveCurrent(x) - state.v;
      x.vPre = fma(parameters.leak, x.drive, state.v);
    }

    /** I'. */
    QLIF_FN float effectiveCurrent(const Step &x) const {
      float current = x.gain * x.input;
      if (on().useDepression()) {
        current = current * state.s;
      }
      if (on().useAhp()) {
        return current - (on().useAdaptation() ? fma(k.gAhp, state.ahp, state.a) : k.gAhp * state.ahp);
      }
      return on().useAdaptation() ? current - state.a : current;
    }

    QLIF_FN float gain(float m) const { return on().neuromodMode() == QLIF_NEUROMOD_GAIN ? fma(k.kappa, m, 1.0f) : 1.0f; }

    QLIF_FN void addNoise(Step &x, float xi) { x.vPre = fma(k.sigma, xi, x.vPre); }

    /** Computes the probability p from V'; in THRESHOLD mode only the gap and D. */
    QLIF_FN void decide(Step &x) {
      gap(x);
      probability(x);
    }

    /** The gap to the threshold, and D. */
    QLIF_FN void gap(Step &x) {
      x.rawBase = parameters.vTh + state.o;
      x.base = base(x.rawBase);
      x.theta = x.base + state.homeostasis;
      if (on().neuromodMode() == QLIF_NEUROMOD_THRESHOLD) {
        x.theta = fma(k.kappa, state.m, x.theta);
      }
      x.delta = x.vPre - x.theta;
      x.divisor = 1.0f;
      if (on().dynamicProbability()) {
        state.d = fma(k.dspDecay, state.d, k.dspJump * state.y);
        x.divisor = 1.0f + state.d;
        x.divisor = x.divisor < MIN_SLOPE_DIVISOR ? MIN_SLOPE_DIVISOR : x.divisor;
      }
    }

    QLIF_FN float base(float rawBase) const {
      return on().useAdaptiveThreshold() ? clampBetween(rawBase, k.minThreshold, k.maxThreshold) : rawBase;
    }

    /** Computes p from the gap; reads only the step. */
    QLIF_FN void probability(Step &x) const {
      if (on().decision() == QLIF_DECISION_THRESHOLD) {
        x.slope = 0.0f;
        return;
      }
      angle(x);
      chance(x);
      damp(x);
    }

    /** Computes the slope and the angle. */
    QLIF_FN void angle(Step &x) const {
      x.slope = slopeNumerator(x.m);
      if (on().dynamicProbability()) {
        x.slope = divide(x.slope, x.divisor);
      }
      if (on().decision() == QLIF_DECISION_SIGMOID) {
        x.angle = sigmoidSlope(x) * x.delta;
      } else if (on().angleMap() == QLIF_ANGLE_TANH) {
        x.tanh = qlif::tanh(x.slope * x.delta);
        x.angle = fma(k.thetaMax, x.tanh, parameters.restAngle);
      } else {
        x.angle = fma(x.slope, x.delta, parameters.restAngle);
      }
    }

    /** Computes rawP from the angle. */
    QLIF_FN void chance(Step &x) const { x.rawP = on().decision() == QLIF_DECISION_SIGMOID ? sigmoid(x.angle) : versin(x.angle); }

    /** Computes p from rawP and R. */
    QLIF_FN void damp(Step &x) const {
      // rawP is never -0, so a floor of 0 changes nothing.
      x.p = clampBetween(x.rawP, k.floor, k.ceiling);
      // Always set, so that a loop over lanes doesn't carry it from lane to lane. Exactly 1 if the option is off. Where such a loop blends
      // options, it is computed in any case: a compiler could otherwise compute it from the bound of R and drop it, and e^-87 * p is denormal,
      // which is slow.
      x.damping = 1.0f;
      if (S::BLENDED || on().refractory()) {
        x.damping = decay(on().refractory() ? x.refractory : 0.0f);
        x.p = x.p * x.damping;
      }
    }

    /** alpha, or the SIGMOID slope. */
    QLIF_FN float slopeFactor() const {
      return on().decision() == QLIF_DECISION_QUBIT ? parameters.alpha : on().dynamicProbability() ? k.baseAlpha : 1.0f;
    }

    /** slopeFactor(), times 1 + kappa M in PROB_SLOPE mode; before the division by 1 + D. */
    QLIF_FN float slopeNumerator(float m) const {
      float numerator = slopeFactor();
      return on().neuromodMode() == QLIF_NEUROMOD_PROB_SLOPE ? numerator * fma(k.kappa, m, 1.0f) : numerator;
    }

    /** a of the SIGMOID, clamped only if the spike history changes it. */
    QLIF_FN float sigmoidSlope(const Step &x) const {
      return on().dynamicProbability() ? clamp(x.slope, k.minAlpha, k.maxAlpha) : x.slope;
    }

    /** The slope as it is traced. */
    QLIF_FN float tracedSlope(const Step &x) const {
      return on().decision() == QLIF_DECISION_SIGMOID ? sigmoidSlope(x) : x.slope;
    }

    /** Whether the decision is a spike. uniform(wire) returns the step's uniform of a wire; called only if the decision draws. */
    template <class Uniform>
    QLIF_FN bool fires(const Step &x, Uniform uniform) const {
      if (on().decision() == QLIF_DECISION_THRESHOLD) {
        return x.delta >= 0.0f;
      }
      if (on().decision() == QLIF_DECISION_SIGMOID) {
        return (on().sampling() == QLIF_SAMPLING_ROUND ? 0.5f : uniform(0)) < x.p;
      }
      if (on().countsWires()) {
        int count = 0;
        for (int wire = 0; wire < k.wires; wire++) {
          count += uniform(wire) < x.p ? 1 : 0;
        }
        return count >= k.minCount;
      }
      return (on().readout() == QLIF_READOUT_EXPECTATION ? k.expectedAbove : uniform(0)) < x.p;
    }

    /** Sets the spike, its value and, in THRESHOLD mode, p. */
    QLIF_FN void spike(Step &x, bool fired) const {
      x.spike = fired ? 1.0f : 0.0f;
      if (on().decision() == QLIF_DECISION_THRESHOLD) {
        x.p = x.spike;
      }
      x.y = on().spikeValue() == QLIF_SPIKE_VALUE_EXPECTED ? x.p : x.spike;
    }

    /** Computes the state after the step from the spike. */
    QLIF_FN void settle(Step &x, bool fired) {
      spike(x, fired);
      state.y = x.y;
      state.v = fma(x.y * k.resetFraction, k.vReset - x.vPre, x.vPre);
      if (on().refractory()) {
        state.refractory = fma(k.refractoryDecay, state.refractory, k.rJump * x.y);
      }
      if (on().useAhp()) {
        state.ahp = fma(k.ahpDecay, state.ahp, k.ahpJump * x.spike);
        state.ahp = state.ahp > k.ahpMax ? k.ahpMax : state.ahp;
      }
      if (on().useAdaptation()) {
        state.a = fma(k.adaptationDecay, state.a, k.spikeIncrease * x.y);
      }
      if (on().useDepression()) {
        state.s = fma(state.s, fma(-k.depressionRate, x.y, 1.0f), fma(-k.recoveryRate, state.s, k.recoveryRate));
      }
      if (on().useAdaptiveThreshold()) {
        state.o = clampBetween(movedThreshold(x), k.minThreshold, k.maxThreshold) - parameters.vTh;
      }
      if (on().homeostasisEnabled()) {
        state.rate = fma(k.rateStep, x.spike - state.rate, state.rate);
        state.homeostasis = fma(k.homeostasisLr, state.rate - k.targetRate, state.homeostasis);
      }
    }

    /** The threshold after the step, before the clamp. */
    QLIF_FN float movedThreshold(const Step &x) const { return fma(parameters.eta, thresholdMove(x), x.base); }

    /** y - (1 - y)(Theta - V_th). */
    QLIF_FN float thresholdMove(const Step &x) const { return fma(x.y - 1.0f, x.base - parameters.vTh, x.y); }

    /** Visits a step's traces, given the state after it. */
    template <class Visit>
    QLIF_FN void eachTrace(const Step &x, Visit visit) const {
      int number = 0;
#define QLIF_STATE_ROW(name, symbol, variable, member) visit(Trace{number++, true}, state.member);
      QLIF_TRACE_TABLE(QLIF_TRACE_STEP_ROW, QLIF_STATE_ROW)
#undef QLIF_STATE_ROW
    }

    // ---------------------------------------------------------------- backward

    /**
     * Repeats a step whose V' and spike are known: computes the state after it from the state before it, and p only if the state needs it.
     */
    QLIF_FN void replay(Step &x, bool fired) {
      gap(x);
      if (on().stateNeedsProbability()) {
        probability(x);
      }
      settle(x, fired);
    }

    /** Computes the rest of a step from what its replay kept. x.vPre and what modulate() sets must be set, and state.m must be the step's. */
    QLIF_FN void restore(Step &x, const Kept &kept, float current, bool fired) const {
      x.input = current;
      x.m = state.m;
      Kept::give(kept, x);
      x.gain = gain(x.m);
      x.base = base(x.rawBase);
      probability(x);
      spike(x, fired);
    }

    /**
     * Turns the adjoints of the state after a step into those of the state before it, adds to the parameters' gradients, and returns the
     * gradient of the input. Reads what the step computed.
     */
    QLIF_FN float backward(const Step &x, float gradY, float gradV, State &adj, Parameters &grad) const {
      float bV = adj.v + gradV;
      float bY = adj.y + gradY;
      float bBase = 0.0f;
      if (on().useAdaptiveThreshold()) {
        float bMoved = within(movedThreshold(x), k.minThreshold, k.maxThreshold) ? adj.o : 0.0f;
        grad.eta = fma(bMoved, thresholdMove(x), grad.eta);
        float bEta = bMoved * parameters.eta;
        grad.vTh = grad.vTh - fma(bEta, x.y - 1.0f, adj.o);
        bBase = fma(bEta, x.y - 1.0f, bMoved);
        bY = fma(bEta, 1.0f + (x.base - parameters.vTh), bY);
      }
      if (on().useDepression()) {
        bY = fma(-k.depressionRate * x.efficiency, adj.s, bY);
        adj.s = adj.s * (fma(-k.depressionRate, x.y, 1.0f) - k.recoveryRate);
      }
      if (on().useAdaptation()) {
        bY = fma(k.spikeIncrease, adj.a, bY);
        adj.a = k.adaptationDecay * adj.a;
      }
      if (on().refractory()) {
        if (!on().detachReset()) {
          bY = fma(k.rJump, adj.refractory, bY);
        }
        adj.refractory = k.refractoryDecay * adj.refractory;
      }
      if (!on().detachReset()) {
        bY = fma(bV, k.resetFraction * (k.vReset - x.vPre), bY);
      }
      float bVPre = bV * fma(-k.resetFraction, x.y, 1.0f);

      float bDelta = decisionBackward(x, bY, adj, grad);

      adj.y = 0.0f;
      if (on().dynamicProbability()) {
        adj.y = k.dspJump * adj.d;
        adj.d = k.dspDecay * adj.d;
      }
      bVPre = bVPre + bDelta;
      bBase = bBase - bDelta;
      if (on().neuromodMode() == QLIF_NEUROMOD_THRESHOLD) {
        adj.m = fma(-k.kappa, bDelta, adj.m);
      }
      grad.leak = fma(bVPre, x.drive, grad.leak);
      float bIEff = parameters.leak * bVPre;
      adj.v = bVPre - bIEff;
      float bGained = on().useDepression() ? bIEff * x.efficiency : bIEff;
      float gradInput = x.gain * bGained;
      if (on().neuromodMode() == QLIF_NEUROMOD_GAIN) {
        adj.m = fma(k.kappa * x.input, bGained, adj.m);
      }
      if (on().useDepression()) {
        adj.s = fma(bIEff, x.gain * x.input, adj.s);
      }
      if (on().useAdaptation()) {
        adj.a = adj.a - bIEff;
      }
      if (on().useAdaptiveThreshold()) {
        bBase = within(x.rawBase, k.minThreshold, k.maxThreshold) ? bBase : 0.0f;
        adj.o = bBase;
      } else {
        adj.o = adj.o + bBase;
      }
      grad.vTh += bBase;
      return gradInput;
    }

    /** Computes the gap's adjoint from that of y, and adds to those of alpha, beta, R, D and M. */
    QLIF_FN float decisionBackward(const Step &x, float bY, State &adj, Parameters &grad) const {
      if (on().decision() == QLIF_DECISION_THRESHOLD) {
        return bY * surrogate(on.surrogate(k.surrogate), k.surrogateScale, x.delta);
      }
      float bP = bY;
      if (on().refractory()) {
        adj.refractory = fma(-bP, x.p, adj.refractory);
        bP = bP * x.damping;
      }
      bP = within(x.rawP, k.floor, k.ceiling) ? bP : 0.0f;
      float bSlope;
      float bDelta;
      if (on().decision() == QLIF_DECISION_QUBIT) {
        float bX = bP * halfSin(x.angle);
        grad.restAngle += bX;
        if (on().angleMap() == QLIF_ANGLE_TANH) {
          bX = bX * (k.thetaMax * fma(-x.tanh, x.tanh, 1.0f));
        }
        bDelta = bX * x.slope;
        bSlope = bX * x.delta;
      } else {
        float bX = bP * (x.rawP * (1.0f - x.rawP));
        bDelta = bX * sigmoidSlope(x);
        bSlope = bX * x.delta;
        if (on().dynamicProbability()) {
          bSlope = within(x.slope, k.minAlpha, k.maxAlpha) ? bSlope : 0.0f;
        }
      }
      // slope = numerator / divisor
      float bNumerator = bSlope;
      if (on().dynamicProbability()) {
        bNumerator = divide(bSlope, x.divisor);
        float bDivisor = -(bNumerator * x.slope);
        adj.d = adj.d + (x.divisor > MIN_SLOPE_DIVISOR ? bDivisor : 0.0f);
      }
      bool probSlope = on().neuromodMode() == QLIF_NEUROMOD_PROB_SLOPE;
      if (on().decision() == QLIF_DECISION_QUBIT) {
        grad.alpha = fma(bNumerator, probSlope ? fma(k.kappa, x.m, 1.0f) : 1.0f, grad.alpha);
      }
      if (probSlope) {
        adj.m = fma(bNumerator, k.kappa * slopeFactor(), adj.m);
      }
      return bDelta;
    }

    /** The gradient of the external modulation at the step. Resets M's adjoint. */
    QLIF_FN static float modulationBackward(const Step &x, State &adj) {
      float gradient = adj.m * x.modulationSlope;
      adj.m = 0.0f;
      return gradient;
    }
  };
};

}  // namespace qlif

#endif
