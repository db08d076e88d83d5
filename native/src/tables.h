// The tables of the models: state variables, parameters and traces, each once, in the order of qlif.h's constants.
#ifndef QLIF_TABLES_H
#define QLIF_TABLES_H

#include "../include/qlif.h"

// X(name, symbol, initial value, carries gradient, flushed, member, changes). name: the constant of qlif.h, without its prefix. member:
// its name in the arithmetic. changes: whether a step changes it, with the options `on`.
#define QLIF_STATE_TABLE(X)                                                                     \
  X(MEMBRANE, "v", 0.0f, true, true, v, true)                                                   \
  X(ADAPTATION, "adaptation", 0.0f, true, true, a, on.useAdaptation())                          \
  X(EFFICIENCY, "efficiency", 1.0f, true, false, s, on.useDepression())                         \
  X(REFRACTORY, "refractory", 0.0f, true, true, r, on.refractory())                             \
  X(AHP, "ahp", 0.0f, false, true, h, on.useAhp())                                              \
  X(DYNAMIC_PROBABILITY, "dsp", 0.0f, true, true, d, on.dynamicProbability())                   \
  X(THRESHOLD_OFFSET, "threshold_offset", 0.0f, true, true, o, on.useAdaptiveThreshold())       \
  X(RATE, "rate", 0.0f, false, true, rate, on.homeostasisEnabled())                             \
  X(HOMEOSTASIS, "homeostasis_offset", 0.0f, false, true, homeostasis, on.homeostasisEnabled()) \
  X(MODULATION, "modulation", 1.0f, true, false, m, false)                                      \
  X(SPIKE_VALUE, "y", 0.0f, true, false, y, true)

#define LIF_STATE_TABLE(X)                    \
  X(MEMBRANE, "v", 0.0f, true, true, v, true) \
  X(CURRENT, "i", 0.0f, true, true, i, true)

// X(name, symbol, range, member). range: QLIF_RANGE_, without its prefix. member: what the arithmetic makes of it.
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

// X(name, symbol, reading): a quantity of the step x. V(name, symbol, variable, member): a
// state variable, as it is after the step.
#define QLIF_TRACE_TABLE(X, V)                                   \
  X(PROBABILITY, "p", x.p)                                       \
  X(DELTA, "delta", x.delta)                                     \
  X(THRESHOLD, "threshold", x.theta)                             \
  V(ADAPTATION, "adaptation", ADAPTATION, a)                     \
  V(EFFICIENCY, "efficiency", EFFICIENCY, s)                     \
  V(REFRACTORY, "refractory", REFRACTORY, r)                     \
  V(AHP, "ahp", AHP, h)                                          \
  V(DYNAMIC_PROBABILITY, "dsp", DYNAMIC_PROBABILITY, d)          \
  V(HOMEOSTASIS, "homeostasis_offset", HOMEOSTASIS, homeostasis) \
  X(SLOPE, "slope", tracedSlope(x))                              \
  V(THRESHOLD_OFFSET, "threshold_offset", THRESHOLD_OFFSET, o)   \
  V(RATE, "rate", RATE, rate)                                    \
  V(MODULATION, "modulation", MODULATION, m)

#define LIF_TRACE_TABLE(X, V) \
  X(DELTA, "delta", x.delta)  \
  V(CURRENT, "i", CURRENT, i)

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
  int32_t variable;  // -1: a quantity of the step
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

/** Rows of a table, which stand in the order of their numbers. */
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

/** All that is known of a model without its arithmetic. */
struct Model {
  const char *name;
  const char *configName;  // of its configuration's struct
  Table<VariableRow> variables;
  Table<ParameterRow> parameters;
  Table<TraceRow> traces;
  bool modulation;  // whether it takes an external modulation
};

/** By QLIF_MODEL_. */
constexpr Model MODELS[] = {
    {"QLIF", "qlif_qlif_config", QLIF_VARIABLES, QLIF_PARAMETER_ROWS, QLIF_TRACE_ROWS, true},
    {"LIF", "qlif_lif_config", LIF_VARIABLES, LIF_PARAMETER_ROWS, LIF_TRACE_ROWS, false},
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

}  // namespace qlif

#endif
