// SPDX-License-Identifier: Apache-2.0
// Shared by the kernels of all models: where options come from, the length of a segment, when decaying values become +0, and macros that make
// structs from a model's tables (tables.h).
//
// A model is a struct that kernels take as a template argument (qlif_model.h, lif_model.h). It has the structs State, Parameters, Kept and
// Step, and Neuron<S>, the arithmetic of one neuron, where S (Fixed, Dynamic or Partial) tells where options come from.
#ifndef QLIF_MODEL_H
#define QLIF_MODEL_H

#include "../include/qlif.h"
#include "platform.h"

namespace qlif {

constexpr int SEGMENT = QLIF_SEGMENT;

/** The maximum number of uniforms that a step draws. */
constexpr int MAX_WIRES = 64;

/** Before a step whose absolute index is a multiple of this, states below FLUSH_STATE become +0. */
constexpr int FLUSH_PERIOD = 64;
constexpr float FLUSH_STATE = 0x1p-64f;

/** At the start of such a step, state adjoints below it become +0. */
constexpr float FLUSH_ADJOINT = 0x1p-100f;

QLIF_FN float flush(float x, float limit) { return magnitude(x) < limit ? 0.0f : x; }

/**
 * Options that are known when the kernel is compiled, so that an option that is off costs no instruction. SURROGATE: -1 if unknown.
 */
template <class Options, uint32_t BITS, int SURROGATE = -1>
struct Fixed {
  static constexpr bool FIXED = true;
  /** Whether loops over lanes make blends of options that are read at run time. */
  static constexpr bool BLENDED = false;
  template <int KNOWN>
  using With = Fixed<Options, BITS, KNOWN>;
  QLIF_FN constexpr explicit Fixed(Options) {}
  QLIF_FN constexpr Options operator()() const { return Options{BITS}; }
  QLIF_FN constexpr int surrogate(int given) const { return SURROGATE < 0 ? given : SURROGATE; }
  /** The options that can be on. */
  QLIF_FN static constexpr Options possible() { return Options{BITS}; }
};

/** Options that are read at run time. */
template <class Options>
struct Dynamic {
  static constexpr bool FIXED = false;
  static constexpr bool BLENDED = false;
  template <int KNOWN>
  using With = Dynamic;
  Options options;
  QLIF_FN constexpr explicit Dynamic(Options given) : options(given) {}
  QLIF_FN constexpr Options operator()() const { return options; }
  QLIF_FN constexpr int surrogate(int given) const { return given; }
  QLIF_FN static constexpr Options possible() { return Options{~0u}; }
};

/** Options some of which are known when the kernel is compiled: those in MASK have the value BITS. The rest are read at run time. */
template <class Options, uint32_t MASK, uint32_t BITS, int SURROGATE = -1>
struct Partial {
  static constexpr bool FIXED = false;
  static constexpr bool BLENDED = true;
  template <int KNOWN>
  using With = Partial<Options, MASK, BITS, KNOWN>;
  Options options;
  QLIF_FN constexpr explicit Partial(Options given) : options(given) {}
  QLIF_FN constexpr Options operator()() const { return Options{(options.bits & ~MASK) | BITS}; }
  QLIF_FN constexpr int surrogate(int given) const { return SURROGATE < 0 ? given : SURROGATE; }
  QLIF_FN static constexpr Options possible() { return Options{~MASK | BITS}; }
};

/** A state variable, passed to visitors of a model's state. */
struct Variable {
  int number;
  float initialValue;
  bool carriesGradient;
  bool flushed;
};

/** From a table of variables: the state, which is also the type of the adjoints, and whether a step changes a variable. */
#define QLIF_MEMBER_ROW(name, symbol, initial, gradient, flushed, member, changes) float member;
#define QLIF_VISIT_ROW(name, symbol, initial, gradient, flushed, member, changes) \
  visit(Variable{number++, initial, gradient, flushed}, state.member);
#define QLIF_CASE_ROW(name, symbol, initial, gradient, flushed, member, changes) \
  if (variable == number++) {                                                    \
    return changes;                                                              \
  }
#define QLIF_STATE_STRUCT(TABLE, OPTIONS)                                             \
  struct State {                                                                      \
    TABLE(QLIF_MEMBER_ROW)                                                            \
    template <class Self, class Visit>                                                \
    QLIF_FN static void each(Self &state, Visit visit) {                              \
      int number = 0;                                                                 \
      TABLE(QLIF_VISIT_ROW)                                                           \
    }                                                                                 \
    QLIF_FN static constexpr bool changes([[maybe_unused]] OPTIONS on, int variable) { \
      int number = 0;                                                                 \
      TABLE(QLIF_CASE_ROW)                                                            \
      return false;                                                                   \
    }                                                                                 \
  }

/** From a table of parameters: those of a neuron as its steps use them, which is also the type of their gradients. */
#define QLIF_PARAMETER_MEMBER_ROW(name, symbol, range, member) float member;
#define QLIF_PARAMETER_VISIT_ROW(name, symbol, range, member) visit(number++, parameters.member);
#define QLIF_PARAMETERS_STRUCT(TABLE)                     \
  struct Parameters {                                     \
    TABLE(QLIF_PARAMETER_MEMBER_ROW)                      \
    template <class Self, class Visit>                    \
    QLIF_FN static void each(Self &parameters, Visit visit) { \
      int number = 0;                                     \
      TABLE(QLIF_PARAMETER_VISIT_ROW)                     \
    }                                                     \
  }

/** From a table of X(member, needed): what the backward pass keeps of a step from its replay, if the options `on` need it. */
#define QLIF_KEPT_MEMBER_ROW(member, needed) float member;
#define QLIF_KEPT_VISIT_ROW(member, needed) visit(number++, needed, kept.member);
#define QLIF_KEPT_COPY_ROW(member, needed) x.member,
#define QLIF_KEPT_RETURN_ROW(member, needed) x.member = kept.member;
#define QLIF_KEPT_STRUCT(TABLE, OPTIONS)                                                  \
  struct Kept {                                                                           \
    TABLE(QLIF_KEPT_MEMBER_ROW)                                                           \
    template <class Self, class Visit>                                                    \
    QLIF_FN static void each([[maybe_unused]] OPTIONS on, Self &kept, Visit visit) {      \
      int number = 0;                                                                     \
      TABLE(QLIF_KEPT_VISIT_ROW)                                                          \
    }                                                                                     \
    QLIF_FN static Kept of(const Step &x) { return Kept{TABLE(QLIF_KEPT_COPY_ROW)}; }     \
    QLIF_FN static void give(const Kept &kept, Step &x) { TABLE(QLIF_KEPT_RETURN_ROW) }   \
  };                                                                                      \
  static constexpr int KEPT = sizeof(Kept) / sizeof(float)

/** A trace, passed to visitors of a step's traces. */
struct Trace {
  int number;
  bool ofState;  // a state variable's
};

#define QLIF_TRACE_STEP_ROW(name, symbol, reading) visit(Trace{number++, false}, reading);

/** Sets small state values to +0. Called before every step whose index is a multiple of FLUSH_PERIOD. */
template <class State>
QLIF_FN void flushState(State &state) {
  State::each(state, [&](Variable variable, float &x) QLIF_INLINED {
    if (variable.flushed) {
      x = flush(x, FLUSH_STATE);
    }
  });
}

/** Sets small adjoints to +0. Called when the backward pass reaches the start of such a step. */
template <class State>
QLIF_FN void flushAdjoints(State &adjoints) {
  State::each(adjoints, [&](Variable variable, float &x) QLIF_INLINED {
    if (variable.carriesGradient) {
      x = flush(x, FLUSH_ADJOINT);
    }
  });
}

/** The state before the first step of a stream. */
template <class State>
QLIF_FN State initialState() {
  State state;
  State::each(state, [&](Variable variable, float &x) QLIF_INLINED { x = variable.initialValue; });
  return state;
}

}  // namespace qlif

#endif
