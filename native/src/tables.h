// The tables of the models: state variables, parameters and traces, each once, in the order of qlif.h's constants.
#ifndef QLIF_TABLES_H
#define QLIF_TABLES_H

#include "../include/qlif.h"

// X(name, symbol, initial value, carries gradient, flushed). name: the constant of qlif.h, without its prefix.
#define QLIF_STATE_TABLE(X)                           \
  X(MEMBRANE, "v", 0.0f, true, true)                  \
  X(ADAPTATION, "adaptation", 0.0f, true, true)       \
  X(EFFICIENCY, "efficiency", 1.0f, true, false)      \
  X(REFRACTORY, "refractory", 0.0f, true, true)       \
  X(AHP, "ahp", 0.0f, false, true)                    \
  X(DYNAMIC_PROBABILITY, "dsp", 0.0f, true, true)     \
  X(THRESHOLD_OFFSET, "threshold_offset", 0.0f, true, true) \
  X(RATE, "rate", 0.0f, false, true)                  \
  X(HOMEOSTASIS, "homeostasis_offset", 0.0f, false, true) \
  X(MODULATION, "modulation", 1.0f, true, false)      \
  X(SPIKE_VALUE, "y", 0.0f, true, false)

#define LIF_STATE_TABLE(X)             \
  X(MEMBRANE, "v", 0.0f, true, true)   \
  X(CURRENT, "i", 0.0f, true, true)

// X(name, symbol, value in the default configuration, range). range: QLIF_RANGE_, without its prefix.
#define QLIF_PARAMETER_TABLE(X)                    \
  X(V_TH, "v_th", 1.0, FINITE)                     \
  X(TAU, "tau", 20.0, TIME_CONSTANT)               \
  X(ETA, "eta", 0.1, FINITE)                       \
  X(Q_SCALE, "q_scale", 0.7142857142857143, FINITE) \
  X(Q_BIAS, "q_bias", 0.3837941092083278, FINITE)

#define LIF_PARAMETER_TABLE(X)               \
  X(TAU_SYN_INV, "tau_syn_inv", 200.0, RATE) \
  X(TAU_MEM_INV, "tau_mem_inv", 100.0, RATE) \
  X(V_TH, "v_th", 1.0, FINITE)

// X(name, symbol): a quantity of the step. V(name, symbol, variable): a state variable, as it is after the step.
#define QLIF_TRACE_TABLE(X, V)                                \
  X(PROBABILITY, "p")                                         \
  X(DELTA, "delta")                                           \
  X(THRESHOLD, "threshold")                                   \
  V(ADAPTATION, "adaptation", ADAPTATION)                     \
  V(EFFICIENCY, "efficiency", EFFICIENCY)                     \
  V(REFRACTORY, "refractory", REFRACTORY)                     \
  V(AHP, "ahp", AHP)                                          \
  V(DYNAMIC_PROBABILITY, "dsp", DYNAMIC_PROBABILITY)          \
  V(HOMEOSTASIS, "homeostasis_offset", HOMEOSTASIS)           \
  X(SLOPE, "slope")                                           \
  V(THRESHOLD_OFFSET, "threshold_offset", THRESHOLD_OFFSET)   \
  V(RATE, "rate", RATE)                                       \
  V(MODULATION, "modulation", MODULATION)

#define LIF_TRACE_TABLE(X, V)  \
  X(DELTA, "delta")            \
  V(CURRENT, "i", CURRENT)

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
  double defaultValue;
  int32_t range;
};

struct TraceRow {
  int32_t number;
  const char *symbol;
  int32_t variable;  // -1: a quantity of the step
};

#define QLIF_ROW(name, ...) {QLIF_STATE_##name, __VA_ARGS__},
#define LIF_ROW(name, ...) {QLIF_LIF_STATE_##name, __VA_ARGS__},
constexpr VariableRow QLIF_VARIABLES[] = {QLIF_STATE_TABLE(QLIF_ROW)};
constexpr VariableRow LIF_VARIABLES[] = {LIF_STATE_TABLE(LIF_ROW)};
#undef QLIF_ROW
#undef LIF_ROW

#define QLIF_ROW(name, symbol, value, range) {QLIF_PARAM_##name, symbol, value, QLIF_RANGE_##range},
#define LIF_ROW(name, symbol, value, range) {QLIF_LIF_PARAM_##name, symbol, value, QLIF_RANGE_##range},
constexpr ParameterRow QLIF_PARAMETER_ROWS[] = {QLIF_PARAMETER_TABLE(QLIF_ROW)};
constexpr ParameterRow LIF_PARAMETER_ROWS[] = {LIF_PARAMETER_TABLE(LIF_ROW)};
#undef QLIF_ROW
#undef LIF_ROW

#define QLIF_ROW(name, symbol) {QLIF_TRACE_##name, symbol, -1},
#define QLIF_VARIABLE_ROW(name, symbol, variable) {QLIF_TRACE_##name, symbol, QLIF_STATE_##variable},
#define LIF_ROW(name, symbol) {QLIF_LIF_TRACE_##name, symbol, -1},
#define LIF_VARIABLE_ROW(name, symbol, variable) {QLIF_LIF_TRACE_##name, symbol, QLIF_LIF_STATE_##variable},
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
  Table<VariableRow> variables;
  Table<ParameterRow> parameters;
  Table<TraceRow> traces;
  bool modulation;  // whether it takes an external modulation
};

/** By QLIF_MODEL_. */
constexpr Model MODELS[] = {
    {"QLIF", QLIF_VARIABLES, QLIF_PARAMETER_ROWS, QLIF_TRACE_ROWS, true},
    {"LIF", LIF_VARIABLES, LIF_PARAMETER_ROWS, LIF_TRACE_ROWS, false},
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
