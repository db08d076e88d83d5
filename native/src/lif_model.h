// SPDX-License-Identifier: Apache-2.0
// The LIF model, docs/model.md, section 11: one step forward, one step backward, for one neuron, with the names of the Java library's
// LifNeuron. Which operations are fused and in which order terms are added is part of the definition.
#ifndef QLIF_LIF_MODEL_H
#define QLIF_LIF_MODEL_H

#include "model.h"
#include "surrogate.h"
#include "tables.h"

namespace qlif {

/** LIF has no options but the surrogate, and draws nothing. */
struct LifOptions {
  uint32_t bits;

  QLIF_FN constexpr bool drawsUniforms() const { return false; }
  QLIF_FN constexpr bool drawsNormals() const { return false; }
  QLIF_FN constexpr bool needsSurrogate() const { return true; }
};

/** The float32 numbers of the equations. */
struct LifConstants {
  float dt, vLeak, vReset, surrogateScale;
  int32_t surrogate;
};

struct LifModel {
  static constexpr int NUMBER = QLIF_MODEL_LIF;
  static constexpr int VARIABLES = QLIF_LIF_STATE_VARIABLES;
  static constexpr int PARAMETERS = QLIF_LIF_PARAMETERS;
  static constexpr int TRACES = QLIF_LIF_TRACES;

  static constexpr bool MODULATED = false;
  static constexpr bool DRAWS = false;

  static constexpr int VOLTAGE = QLIF_LIF_STATE_MEMBRANE;
  /** The spike itself. */
  static constexpr int SPIKE_VALUE = -1;

  using Options = LifOptions;
  using Constants = LifConstants;

  template <class Config>
  static const Constants &constantsOf(const Config &config) {
    return config.lif;
  }
  template <class Config>
  static Options optionsOf(const Config &) {
    return LifOptions{0};
  }

  QLIF_STATE_STRUCT(LIF_STATE_TABLE, Options);

  // synRate, memRate: dt * tau_syn_inv, dt * tau_mem_inv; vTh.
  QLIF_PARAMETERS_STRUCT(LIF_PARAMETER_TABLE);

  /** What one step of one neuron computed, in the names of docs/model.md. */
  struct Step {
    float iIn;    // i', the current with the input
    float drive;  // (V_leak - V) + i'
    float vPre;   // V', the potential before the reset
    float delta;
    bool fired;
    float spike;  // s
    float y;      // also s
  };

#define LIF_KEPT_TABLE(X) \
  X(iIn, true)            \
  X(drive, true)
  QLIF_KEPT_STRUCT(LIF_KEPT_TABLE, Options);
#undef LIF_KEPT_TABLE

  QLIF_FN static Parameters parametersOf(const Constants &k, const float (&given)[PARAMETERS]) {
    return Parameters{
        rateOf(k, given[QLIF_LIF_PARAM_TAU_SYN_INV]), rateOf(k, given[QLIF_LIF_PARAM_TAU_MEM_INV]), given[QLIF_LIF_PARAM_V_TH]};
  }

  /** NaN if the parameter is illegal, which is checked before a call only if the host can read it. */
  QLIF_FN static float rateOf(const Constants &k, float inverse) {
    const float rate = k.dt * inverse;
    return inverse > 0.0f && rate <= 1.0f ? rate : fromBits(0x7fc00000u);
  }

  /** Turns the gradients of the values that steps use into those of the parameters. */
  QLIF_FN static void settleGradients(const Constants &k, const Parameters &, const float (&)[PARAMETERS], Parameters &grad) {
    grad.synRate = k.dt * grad.synRate;
    grad.memRate = k.dt * grad.memRate;
  }

  template <class S>
  struct Neuron {
    const S on;
    const Constants &k;
    Parameters parameters;
    State state;

    QLIF_FN Neuron(S on, const Constants &k) : on(on), k(k) {}

    // ---------------------------------------------------------------- forward

    /** Computes V' from the input. */
    QLIF_FN void integrate(Step &x, float current) const {
      x.iIn = state.i + current;
      x.drive = (k.vLeak - state.v) + x.iIn;
      x.vPre = fma(parameters.memRate, x.drive, state.v);
    }

    /** The gap to the threshold. */
    QLIF_FN void decide(Step &x) const { x.delta = x.vPre - parameters.vTh; }

    /** Whether the decision is a spike. */
    template <class Uniform>
    QLIF_FN bool fires(const Step &x, Uniform) const {
      return x.delta > 0.0f;
    }

    QLIF_FN void spike(Step &x, bool fired) const {
      x.fired = fired;
      x.spike = fired ? 1.0f : 0.0f;
      x.y = x.spike;
    }

    /** Computes the state after the step from the spike. */
    QLIF_FN void settle(Step &x, bool fired) {
      spike(x, fired);
      state.i = fma(-parameters.synRate, x.iIn, x.iIn);
      state.v = fired ? k.vReset : x.vPre;
    }

    /** Visits a step's traces, given the state after it. */
    template <class Visit>
    QLIF_FN void eachTrace(const Step &x, Visit visit) const {
      int number = 0;
#define QLIF_STATE_ROW(name, symbol, variable, member) visit(Trace{number++, true}, state.member);
      LIF_TRACE_TABLE(QLIF_TRACE_STEP_ROW, QLIF_STATE_ROW)
#undef QLIF_STATE_ROW
    }

    // ---------------------------------------------------------------- backward

    /** Repeats a step whose V' and spike are known: computes the state after it from the state before it. */
    QLIF_FN void replay(Step &x, bool fired) { settle(x, fired); }

    /** Computes the rest of a step from what its replay kept. x.vPre must be set. */
    QLIF_FN void restore(Step &x, const Kept &kept, float, bool fired) const {
      Kept::give(kept, x);
      decide(x);
      spike(x, fired);
    }

    /**
     * Turns the adjoints of the state after a step into those of the state before it, adds to the parameters' gradients, and returns the
     * gradient of the input. Reads what the step computed.
     */
    QLIF_FN float backward(const Step &x, float gradY, float gradV, State &adj, Parameters &grad) const {
      const float bV = adj.v + gradV;
      const float bY = fma(bV, k.vReset - x.vPre, gradY);
      float bVPre = x.fired ? 0.0f : bV;
      const float bDelta = bY * surrogate(on.surrogate(k.surrogate), k.surrogateScale, x.delta);
      bVPre = bVPre + bDelta;
      grad.vTh = grad.vTh - bDelta;
      grad.memRate = fma(bVPre, x.drive, grad.memRate);
      const float bDrive = parameters.memRate * bVPre;
      grad.synRate = fma(-adj.i, x.iIn, grad.synRate);
      const float bI = fma(-parameters.synRate, adj.i, adj.i) + bDrive;
      adj.v = bVPre - bDrive;
      adj.i = bI;
      return bI;
    }
  };
};

}  // namespace qlif

#endif
