// SPDX-License-Identifier: Apache-2.0
// The tables of the models: state variables, parameters and traces, in the order of qlif.h's constants, and options, in the order of the
// configuration's fields.
#ifndef QLIF_TABLES_H
#define QLIF_TABLES_H

#include <math.h>
#include <stddef.h>

#include "model.h"

// X(name, symbol, initial value, carries gradient, flushed, member, changes). name: the constant in qlif.h, without its prefix. member: the
// name in the arithmetic. changes: whether a step changes it, given the options `on`.
#define QLIF_STATE_TABLE(X)                                                                     \
  X(MEMBRANE, "v", 0.0f, true, true, v, true)                                                   \
  X(ADAPTATION, "adaptation", 0.0f, true, true, a, on.useAdaptation())                          \
  X(EFFICIENCY, "efficiency", 1.0f, true, false, s, on.useDepression())                         \
  X(REFRACTORY, "refractory", 0.0f, true, true, refractory, on.refractory())                    \
  X(AHP, "ahp", 0.0f, false, true, ahp, on.useAhp())                                            \
  X(DYNAMIC_PROBABILITY, "dsp", 0.0f, true, true, d, on.dynamicProbability())                   \
  X(THRESHOLD_OFFSET, "threshold_offset", 0.0f, true, true, o, on.useAdaptiveThreshold())       \
  X(RATE, "rate", 0.0f, false, true, rate, on.homeostasisEnabled())                             \
  X(HOMEOSTASIS, "homeostasis_offset", 0.0f, false, true, homeostasis, on.homeostasisEnabled()) \
  X(MODULATION, "modulation", 1.0f, true, false, m, false)                                      \
  X(SPIKE_VALUE, "y", 0.0f, true, false, y, true)

#define LIF_STATE_TABLE(X)                    \
  X(MEMBRANE, "v", 0.0f, true, true, v, true) \
  X(CURRENT, "i", 0.0f, true, true, i, true)

// X(name, symbol, range, member). range: QLIF_RANGE_, without its prefix. member: the value that the arithmetic derives from it.
#define QLIF_PARAMETER_TABLE(X)              \
  X(V_TH, "v_th", FINITE, vTh)               \
  X(TAU, "tau", TIME_CONSTANT, leak)         \
  X(ETA, "eta", FINITE, eta)                 \
  X(Q_SCALE, "q_scale", FINITE, alpha)       \
  X(Q_BIAS, "q_bias", FINITE, restAngle)

#define LIF_PARAMETER_TABLE(X)                 \
  X(TAU_SYN_INV, "tau_syn_inv", RATE, synRate) \
  X(TAU_MEM_INV, "tau_mem_inv", RATE, memRate) \
  X(V_TH, "v_th", FINITE, vTh)

// X(name, symbol, reading): a quantity of the step x. V(name, symbol, variable, member): a state variable after the step.
#define QLIF_TRACE_TABLE(X, V)                                   \
  X(PROBABILITY, "p", x.p)                                       \
  X(DELTA, "delta", x.delta)                                     \
  X(THRESHOLD, "threshold", x.theta)                             \
  V(ADAPTATION, "adaptation", ADAPTATION, a)                     \
  V(EFFICIENCY, "efficiency", EFFICIENCY, s)                     \
  V(REFRACTORY, "refractory", REFRACTORY, refractory)            \
  V(AHP, "ahp", AHP, ahp)                                        \
  V(DYNAMIC_PROBABILITY, "dsp", DYNAMIC_PROBABILITY, d)          \
  V(HOMEOSTASIS, "homeostasis_offset", HOMEOSTASIS, homeostasis) \
  X(SLOPE, "slope", tracedSlope(x))                              \
  V(THRESHOLD_OFFSET, "threshold_offset", THRESHOLD_OFFSET, o)   \
  V(RATE, "rate", RATE, rate)                                    \
  V(MODULATION, "modulation", MODULATION, m)

#define LIF_TRACE_TABLE(X, V) \
  X(DELTA, "delta", x.delta)  \
  V(CURRENT, "i", CURRENT, i)

// X(name, symbol, default, values). name: the field's name. symbol: the one in docs/model.md. default: NaN for an option that is derived from
// others.
#define QLIF_CONFIG_TABLE(X)                                                                   \
  X(detach_reset, "", 1, boolean())                                                            \
  X(stochastic, "", 1, boolean())                                                              \
  X(decision, "", QLIF_DECISION_QUBIT, oneOf(DECISION))                                        \
  X(sampling, "", QLIF_SAMPLING_DRAW, oneOf(SAMPLING))                                         \
  X(spike_value, "", QLIF_SPIKE_VALUE_SAMPLE, oneOf(SPIKE_VALUE))                              \
  X(angle_map, "", QLIF_ANGLE_LINEAR, oneOf(ANGLE))                                            \
  X(readout, "", QLIF_READOUT_SINGLE_QUBIT, oneOf(READOUT))                                    \
  X(quantum_wires, "W", 4, integer(1, MAX_WIRES))                                              \
  X(surrogate, "", QLIF_SURROGATE_HEAVISIDE, oneOf(SURROGATE))                                 \
  X(dynamic_probability, "", 1, boolean())                                                     \
  X(refractory, "", 1, boolean())                                                              \
  X(use_adaptation, "", 1, boolean())                                                          \
  X(use_depression, "", 1, boolean())                                                          \
  X(use_ahp, "", 1, boolean())                                                                 \
  X(use_adaptive_threshold, "", 1, boolean())                                                  \
  X(homeostasis_enabled, "", 1, boolean())                                                     \
  X(neuromod_mode, "", QLIF_NEUROMOD_GAIN, oneOf(NEUROMOD))                                    \
  X(neuromod_transform, "", QLIF_TRANSFORM_SIGMOID, oneOf(TRANSFORM))                          \
  X(v_reset, "V_reset", 0.0, real(QLIF_RANGE_FINITE))                                          \
  X(reset_fraction, "κr", 1.0, interval("[", 0, 1, "]"))                                       \
  X(dt, "dt", 1.0, real(QLIF_RANGE_POSITIVE))                                                  \
  X(noise_std, "σ", 0.1, real(QLIF_RANGE_NOT_NEGATIVE))                                        \
  X(theta_max, "thetaMax", PI / 2 - 0.005, interval("(", 0, PI, "]"))                          \
  X(quantum_leak, "ℓ", 0.1, real(QLIF_RANGE_NOT_NEGATIVE))                                     \
  X(quantum_threshold, "ζ", 0.7, interval("(", -1, 1, ")"))                                    \
  X(probability_floor, "floor", 0.0, interval("[", 0, 0.5, ")"))                               \
  X(surrogate_alpha, "a", 1.0, real(QLIF_RANGE_POSITIVE))                                      \
  X(base_alpha, "baseAlpha", 2.0, real(QLIF_RANGE_POSITIVE))                                   \
  X(dsp_decay, "dspDecay", NAN, derived(real(QLIF_RANGE_NOT_NEGATIVE)))                        \
  X(dsp_jump, "dspJump", 1.0, real(QLIF_RANGE_NOT_NEGATIVE))                                   \
  X(min_alpha, "minAlpha", 0.05, real(QLIF_RANGE_POSITIVE))                                    \
  X(max_alpha, "maxAlpha", 5.0, real(QLIF_RANGE_POSITIVE))                                     \
  X(tau_ref, "tauRef", 6.0, real(QLIF_RANGE_POSITIVE))                                         \
  X(r_jump, "rJump", 1.0, real(QLIF_RANGE_NOT_NEGATIVE))                                       \
  X(adaptation_decay, "adaptationDecay", 0.9, real(QLIF_RANGE_NOT_NEGATIVE))                   \
  X(spike_increase, "spikeIncrease", 0.5, real(QLIF_RANGE_NOT_NEGATIVE))                       \
  X(depression_rate, "depressionRate", 0.1, interval("[", 0, 1, "]"))                          \
  X(recovery_rate, "recoveryRate", 0.05, real(QLIF_RANGE_NOT_NEGATIVE))                        \
  X(tau_ahp, "tauAhp", 120.0, real(QLIF_RANGE_POSITIVE))                                       \
  X(ahp_jump, "ahpJump", 0.3, real(QLIF_RANGE_NOT_NEGATIVE))                                   \
  X(g_ahp, "gAhp", 0.2, real(QLIF_RANGE_FINITE))                                               \
  X(ahp_max, "ahpMax", 2.0, real(QLIF_RANGE_POSITIVE))                                         \
  X(min_threshold, "minThreshold", 0.5, real(QLIF_RANGE_POSITIVE))                             \
  X(max_threshold, "maxThreshold", 2.0, real(QLIF_RANGE_POSITIVE))                             \
  X(homeostasis_target_rate, "homeostasisTargetRate", 0.12, interval("[", 0, 1, "]"))          \
  X(homeostasis_lr, "homeostasisLr", 1e-3, real(QLIF_RANGE_FINITE))                            \
  X(homeostasis_tau, "homeostasisTau", 1000.0, real(QLIF_RANGE_TIME_CONSTANT))                 \
  X(neuromod_strength, "κ", 1.0, real(QLIF_RANGE_FINITE))                                      \
  X(v_th, "V_th", 1.0, start(QLIF_PARAM_V_TH, QLIF_RANGE_FINITE))                              \
  X(tau, "tau", 20.0, start(QLIF_PARAM_TAU, QLIF_RANGE_TIME_CONSTANT))                         \
  X(eta, "eta", 0.1, start(QLIF_PARAM_ETA, QLIF_RANGE_FINITE))                                 \
  X(q_scale, "α", NAN, derived(start(QLIF_PARAM_Q_SCALE, QLIF_RANGE_FINITE)))                  \
  X(q_bias, "β", NAN, derived(start(QLIF_PARAM_Q_BIAS, QLIF_RANGE_FINITE)))                    \
  X(tau_adapt, "", 20.0, real(QLIF_RANGE_POSITIVE))                                            \
  X(initial_probability, "p₀", 0.02, interval("(", 0, 1, ")"))                                 \
  X(initial_slope, "s₀", 0.10, real(QLIF_RANGE_FINITE))

#define LIF_CONFIG_TABLE(X)                                                                    \
  X(surrogate, "", QLIF_SURROGATE_FAST_SIGMOID, oneOf(SURROGATE))                              \
  X(dt, "dt", 0.001, real(QLIF_RANGE_POSITIVE))                                                \
  X(v_leak, "v_leak", 0.0, real(QLIF_RANGE_FINITE))                                            \
  X(v_reset, "v_reset", 0.0, real(QLIF_RANGE_FINITE))                                          \
  X(surrogate_alpha, "a", 100.0, real(QLIF_RANGE_POSITIVE))                                    \
  X(tau_syn_inv, "tau_syn_inv", 200.0, start(QLIF_LIF_PARAM_TAU_SYN_INV, QLIF_RANGE_RATE))     \
  X(tau_mem_inv, "tau_mem_inv", 100.0, start(QLIF_LIF_PARAM_TAU_MEM_INV, QLIF_RANGE_RATE))     \
  X(v_th, "v_th", 1.0, start(QLIF_LIF_PARAM_V_TH, QLIF_RANGE_FINITE))

namespace qlif {

/** A row of a table of state variables. */
struct VariableRow {
  int32_t number;
  const char *symbol;
  float initialValue;
  bool carriesGradient;
  bool flushed;
};

struct ParameterRow {
  int32_t number;
  const char *symbol;
  int32_t range;
};

struct TraceRow {
  int32_t number;
  const char *symbol;
  int32_t variable;  // -1 for a quantity of the step
};

#define QLIF_ROW(name, symbol, initial, gradient, flushed, ...) {QLIF_STATE_##name, symbol, initial, gradient, flushed},
#define LIF_ROW(name, symbol, initial, gradient, flushed, ...) {QLIF_LIF_STATE_##name, symbol, initial, gradient, flushed},
constexpr VariableRow QLIF_VARIABLES[] = {QLIF_STATE_TABLE(QLIF_ROW)};
constexpr VariableRow LIF_VARIABLES[] = {LIF_STATE_TABLE(LIF_ROW)};
#undef QLIF_ROW
#undef LIF_ROW

#define QLIF_ROW(name, symbol, range, member) {QLIF_PARAM_##name, symbol, QLIF_RANGE_##range},
#define LIF_ROW(name, symbol, range, member) {QLIF_LIF_PARAM_##name, symbol, QLIF_RANGE_##range},
constexpr ParameterRow QLIF_PARAMETER_ROWS[] = {QLIF_PARAMETER_TABLE(QLIF_ROW)};
constexpr ParameterRow LIF_PARAMETER_ROWS[] = {LIF_PARAMETER_TABLE(LIF_ROW)};
#undef QLIF_ROW
#undef LIF_ROW

#define QLIF_ROW(name, symbol, reading) {QLIF_TRACE_##name, symbol, -1},
#define QLIF_VARIABLE_ROW(name, symbol, variable, member) {QLIF_TRACE_##name, symbol, QLIF_STATE_##variable},
#define LIF_ROW(name, symbol, reading) {QLIF_LIF_TRACE_##name, symbol, -1},
#define LIF_VARIABLE_ROW(name, symbol, variable, member) {QLIF_LIF_TRACE_##name, symbol, QLIF_LIF_STATE_##variable},
constexpr TraceRow QLIF_TRACE_ROWS[] = {QLIF_TRACE_TABLE(QLIF_ROW, QLIF_VARIABLE_ROW)};
constexpr TraceRow LIF_TRACE_ROWS[] = {LIF_TRACE_TABLE(LIF_ROW, LIF_VARIABLE_ROW)};
#undef QLIF_ROW
#undef QLIF_VARIABLE_ROW
#undef LIF_ROW
#undef LIF_VARIABLE_ROW

/** Rows of a table, ordered by number. */
template <class Row>
struct Table {
  const Row *rows;
  int32_t count;

  template <size_t COUNT>
  constexpr Table(const Row (&rows)[COUNT]) : rows(rows), count(COUNT) {
    for (size_t i = 0; i < COUNT; i++) {
      if (rows[i].number != (int32_t)i) {
        throw "a table must be in the order of its constants";
      }
    }
  }
  constexpr const Row &operator[](int i) const { return rows[i]; }
};

// ---------------------------------------------------------------- options

/** The surrogates. Some kernels are compiled for each of them. */
#define SURROGATE_TABLE(X) X(HEAVISIDE) X(FAST_SIGMOID) X(GAUSSIAN) X(ARCTAN)

struct ChoiceRow {
  int32_t number;
  const char *name;
};

struct Enumeration {
  const char *prefix;  // prefix of its constants in qlif.h
  Table<ChoiceRow> choices;
};

#define QLIF_ROW(enumeration, name) {QLIF_##enumeration##_##name, #name}
constexpr ChoiceRow DECISIONS[] = {QLIF_ROW(DECISION, QUBIT), QLIF_ROW(DECISION, SIGMOID), QLIF_ROW(DECISION, THRESHOLD)};
constexpr ChoiceRow SAMPLINGS[] = {QLIF_ROW(SAMPLING, DRAW), QLIF_ROW(SAMPLING, ROUND)};
constexpr ChoiceRow SPIKE_VALUES[] = {QLIF_ROW(SPIKE_VALUE, SAMPLE), QLIF_ROW(SPIKE_VALUE, EXPECTED)};
constexpr ChoiceRow ANGLES[] = {QLIF_ROW(ANGLE, LINEAR), QLIF_ROW(ANGLE, TANH)};
constexpr ChoiceRow READOUTS[] = {QLIF_ROW(READOUT, SINGLE_QUBIT), QLIF_ROW(READOUT, MULTI_QUBIT), QLIF_ROW(READOUT, EXPECTATION)};
#define QLIF_SURROGATE_ROW(name) QLIF_ROW(SURROGATE, name),
constexpr ChoiceRow SURROGATES[] = {SURROGATE_TABLE(QLIF_SURROGATE_ROW)};
#undef QLIF_SURROGATE_ROW
constexpr ChoiceRow NEUROMODS[] = {QLIF_ROW(NEUROMOD, GAIN), QLIF_ROW(NEUROMOD, THRESHOLD), QLIF_ROW(NEUROMOD, PROB_SLOPE),
    QLIF_ROW(NEUROMOD, OFF)};
constexpr ChoiceRow TRANSFORMS[] = {QLIF_ROW(TRANSFORM, SIGMOID), QLIF_ROW(TRANSFORM, IDENTITY)};
#undef QLIF_ROW

constexpr Enumeration DECISION{"QLIF_DECISION_", DECISIONS};
constexpr Enumeration SAMPLING{"QLIF_SAMPLING_", SAMPLINGS};
constexpr Enumeration SPIKE_VALUE{"QLIF_SPIKE_VALUE_", SPIKE_VALUES};
constexpr Enumeration ANGLE{"QLIF_ANGLE_", ANGLES};
constexpr Enumeration READOUT{"QLIF_READOUT_", READOUTS};
constexpr Enumeration SURROGATE{"QLIF_SURROGATE_", SURROGATES};
constexpr Enumeration NEUROMOD{"QLIF_NEUROMOD_", NEUROMODS};
constexpr Enumeration TRANSFORM{"QLIF_TRANSFORM_", TRANSFORMS};

/** The legal values of an option. */
struct Values {
  int32_t kind;   // QLIF_KIND_
  int32_t range;  // QLIF_RANGE_
  double low;
  double high;
  bool lowOpen;
  bool highOpen;
  const Enumeration *enumeration;  // null if it is none
  int32_t parameter;               // the parameter whose start value it is, or -1
  bool derived;                    // derived from other options if NaN
};

constexpr double PI = 0x1.921fb54442d18p+1;

constexpr Values integer(double low, double high) { return {QLIF_KIND_INTEGER, QLIF_RANGE_INTERVAL, low, high, false, false, nullptr, -1, false}; }

constexpr Values boolean() {
  Values values = integer(0, 1);
  values.kind = QLIF_KIND_BOOLEAN;
  return values;
}

constexpr Values oneOf(const Enumeration &enumeration) {
  Values values = integer(0, enumeration.choices.count - 1);
  values.kind = QLIF_KIND_ENUMERATION;
  values.enumeration = &enumeration;
  return values;
}

/** A number whose range is not an interval. */
constexpr Values real(int32_t range) {
  const bool negative = range == QLIF_RANGE_FINITE;
  return {QLIF_KIND_REAL, range, negative ? -INFINITY : 0, INFINITY, range != QLIF_RANGE_NOT_NEGATIVE, true, nullptr, -1, false};
}

/** Brackets as in mathematics: "(" and ")" exclude the bound. */
constexpr Values interval(const char *open, double low, double high, const char *close) {
  return {QLIF_KIND_REAL, QLIF_RANGE_INTERVAL, low, high, *open == '(', *close == ')', nullptr, -1, false};
}

/** The start value of a parameter. */
constexpr Values start(int32_t parameter, int32_t range) {
  Values values = real(range);
  values.parameter = parameter;
  return values;
}

constexpr Values derived(Values values) {
  values.derived = true;
  return values;
}

struct OptionRow {
  int32_t number;
  const char *name;
  const char *symbol;
  size_t offset;
  size_t size;
  double defaultValue;
  Values values;
};

/** Numbers rows consecutively. */
template <size_t COUNT>
struct OptionRows {
  OptionRow rows[COUNT];

  constexpr OptionRows(const OptionRow (&unnumbered)[COUNT]) : rows{} {
    for (size_t i = 0; i < COUNT; i++) {
      rows[i] = unnumbered[i];
      rows[i].number = (int32_t)i;
    }
  }
};

#define QLIF_ROW(name, symbol, value, values) \
  {0, #name, symbol, offsetof(qlif_qlif_config, name), sizeof(qlif_qlif_config::name), value, values},
#define LIF_ROW(name, symbol, value, values) \
  {0, #name, symbol, offsetof(qlif_lif_config, name), sizeof(qlif_lif_config::name), value, values},
constexpr OptionRows QLIF_OPTIONS({QLIF_CONFIG_TABLE(QLIF_ROW)});
constexpr OptionRows LIF_OPTIONS({LIF_CONFIG_TABLE(LIF_ROW)});
#undef QLIF_ROW
#undef LIF_ROW

// ---------------------------------------------------------------- models

/** A model without its arithmetic. */
struct Model {
  const char *name;
  const char *configName;  // of its configuration's struct
  size_t configSize;
  Table<VariableRow> variables;
  Table<ParameterRow> parameters;
  Table<TraceRow> traces;
  Table<OptionRow> options;
  bool modulation;  // whether it takes an external modulation
};

/** The models, indexed by QLIF_MODEL_. */
constexpr Model MODELS[] = {
    {"QLIF", "qlif_qlif_config", sizeof(qlif_qlif_config), QLIF_VARIABLES, QLIF_PARAMETER_ROWS, QLIF_TRACE_ROWS, QLIF_OPTIONS.rows, true},
    {"LIF", "qlif_lif_config", sizeof(qlif_lif_config), LIF_VARIABLES, LIF_PARAMETER_ROWS, LIF_TRACE_ROWS, LIF_OPTIONS.rows, false},
};
constexpr int32_t MODEL_COUNT = sizeof MODELS / sizeof MODELS[0];

constexpr bool fits(const Model &model) {
  return model.variables.count <= QLIF_MAX_STATE_VARIABLES && model.parameters.count <= QLIF_MAX_PARAMETERS &&
         model.traces.count <= QLIF_MAX_TRACES;
}
static_assert(MODELS[QLIF_MODEL_QLIF].variables.count == QLIF_STATE_VARIABLES, "each variable has a row");
static_assert(MODELS[QLIF_MODEL_QLIF].parameters.count == QLIF_PARAMETERS, "each parameter has a row");
static_assert(MODELS[QLIF_MODEL_QLIF].traces.count == QLIF_TRACES, "each trace has a row");
static_assert(MODELS[QLIF_MODEL_LIF].variables.count == QLIF_LIF_STATE_VARIABLES, "each variable has a row");
static_assert(MODELS[QLIF_MODEL_LIF].parameters.count == QLIF_LIF_PARAMETERS, "each parameter has a row");
static_assert(MODELS[QLIF_MODEL_LIF].traces.count == QLIF_LIF_TRACES, "each trace has a row");
static_assert(fits(MODELS[QLIF_MODEL_QLIF]) && fits(MODELS[QLIF_MODEL_LIF]), "argument structs have room for each model");

/** Whether the options match the struct: their types are those of their kinds, in order, each naturally aligned. A last integer is padded. */
constexpr bool coversConfig(const Model &model) {
  size_t end = sizeof(qlif_config);
  for (int32_t i = 0; i < model.options.count; i++) {
    const OptionRow &row = model.options[i];
    const size_t size = row.values.kind == QLIF_KIND_REAL ? sizeof(double) : sizeof(int32_t);
    if (row.size != size || row.offset != (end + size - 1) / size * size) {
      return false;
    }
    end = row.offset + size;
  }
  return (end + sizeof(double) - 1) / sizeof(double) * sizeof(double) == model.configSize;
}
static_assert(coversConfig(MODELS[QLIF_MODEL_QLIF]) && coversConfig(MODELS[QLIF_MODEL_LIF]), "each field has a row");

/** Whether each parameter has an option for its start value, with the same range, one that the host can check parameters against. */
constexpr bool startsParameters(const Model &model) {
  int32_t starts = 0;
  for (int32_t i = 0; i < model.options.count; i++) {
    const Values &values = model.options[i].values;
    if (values.parameter >= 0) {
      if (values.parameter != starts++ || values.range != model.parameters[values.parameter].range || values.range > QLIF_RANGE_RATE) {
        return false;
      }
    }
  }
  return starts == model.parameters.count;
}
static_assert(startsParameters(MODELS[QLIF_MODEL_QLIF]) && startsParameters(MODELS[QLIF_MODEL_LIF]), "each parameter has a start");

}  // namespace qlif

#endif
