// SPDX-License-Identifier: Apache-2.0
// The C interface: handles, checks of arguments, statuses and texts. Nothing here depends on a device.
#include <stdarg.h>
#include <stdio.h>

#include <optional>

#include "interface.h"
#include "linear.h"
#include "narrow.h"

#ifndef QLIF_VERSION
#error "QLIF_VERSION is the build's to give"
#endif

namespace qlif {

void fail(qlif_status status, const char *format, ...) {
  Failure failure{status, 0, ""};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(failure.text, sizeof failure.text, format, arguments);
  va_end(arguments);
  throw failure;
}

namespace {

thread_local char lastError[sizeof(Failure::text)] = "";
thread_local int32_t lastCudaError = 0;

}  // namespace

qlif_status remember(qlif_status status, int32_t cudaError, const char *text) noexcept {
  snprintf(lastError, sizeof lastError, "%s", text);
  lastCudaError = cudaError;
  return status;
}

namespace {

// ---------------------------------------------------------------- what handles stand for

struct OpenKernel : Handled {
  using Handle = qlif_kernel *;
  static constexpr Kind KIND = Kind::KERNEL;

  const int device;
  const ModelConfig config;
  const std::unique_ptr<DeviceKernel> kernel;

  OpenKernel(int device, const ModelConfig &config, std::unique_ptr<DeviceKernel> kernel)
      : device(device), config(config), kernel(std::move(kernel)) {}

  const Model &model() const { return config.table(); }
};

struct OpenTape : Handled {
  using Handle = qlif_tape *;
  static constexpr Kind KIND = Kind::TAPE;

  const int device;
  const ModelConfig config;
  const int64_t steps;
  const int64_t batch;
  const int64_t neurons;
  const std::unique_ptr<TapeStorage> storage;
  /** Its content: nothing, a forward call of this library, or one that the caller vouches for. */
  enum class Record { NONE, CALL, LENT } record = Record::NONE;
  /** The arguments of the forward call. */
  int64_t firstStep = 0;
  const qlif_draw_key *key = nullptr;

  OpenTape(const OpenKernel &kernel, int64_t steps, int64_t batch, int64_t neurons, std::unique_ptr<TapeStorage> storage)
      : device(kernel.device), config(kernel.config), steps(steps), batch(batch), neurons(neurons), storage(std::move(storage)) {}
};

// ---------------------------------------------------------------- checks

/** The limit of the draws' counter. */
constexpr int64_t MAX_STEP = (int64_t)1 << 33;

template <class Config>
void writeConfig(Config *to, uint32_t size, Config filled) {
  requireSize(MODELS[filled.header.model].configName, size, sizeof filled);
  filled.header.size = size;
  writeBytes(to, size, &filled, sizeof filled);
}

AnyConfig readConfig(const qlif_config *given) {
  const qlif_config header = *given;
  AnyConfig config = defaultsOf(header.model);
  const Model &model = MODELS[header.model];
  readBytes(model.configName, given, header.size, &config, model.configSize);
  return config;
}

ModelConfig checked(const AnyConfig &config) {
  // The checks tell denormals from 0.
  FloatEnvironment environment;
  return modelConfigOf(config);
}

/** Checks the type of a large array. */
void requireType(const char *name, int32_t type) { requireRange(name, type, QLIF_TYPE_F32, QLIF_TYPE_BF16); }

void requireNumbers(const char *name, const void *pointer, int32_t type) { requireAligned(name, pointer, (size_t)sizeOfType(type)); }

/** An argument that must be 0 because another one replaces it, so that it isn't mistaken for the one in use. */
void requireZeroBeside(const char *name, uint64_t value, const char *other) {
  if (value != 0) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got 0x%llx, expected 0 beside a %s", name, (unsigned long long)value, other);
  }
}

void requireNumberedTensor(const char *name, int number, const float *pointer) {
  if ((uintptr_t)pointer % alignof(float) != 0) {
    char text[64];
    snprintf(text, sizeof text, "%s[%d]", name, number);
    requireTensor(text, pointer);
  }
}

/** Returns B * N. Neither it nor T * B * N may overflow; whether an array can be addressed is checked with the array. */
int64_t requireShape(int64_t steps, int64_t batch, int64_t neurons) {
  requireNotNegative("steps", steps);
  requireNotNegative("batch", batch);
  requireNotNegative("neurons", neurons);
  int64_t elements = product("batch * neurons", batch, neurons);
  product("steps * batch * neurons", steps, elements);
  return elements;
}

void requireSteps(const char *name, int64_t firstStep, int64_t steps) {
  if (firstStep < 0 || firstStep > MAX_STEP || steps > MAX_STEP - firstStep) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got %lld with %lld steps, expected 0 or more and an end of at most 2^33,"
        " the limit of the draws' counter",
        name, (long long)firstStep, (long long)steps);
  }
}

void requireOffset(int64_t elementOffset, int64_t elements) {
  if (elementOffset < 0 || elementOffset > INT64_MAX - elements) {
    fail(QLIF_INVALID_ARGUMENT, "element_offset: got %lld with %lld elements, expected 0 or more and an end below 2^63,"
        " the limit of the draws' counter",
        (long long)elementOffset, (long long)elements);
  }
}

/** Checks the entries of an argument struct's array beyond those that the model uses. */
template <class Pointer, size_t LENGTH>
void requireEmpty(const char *name, Pointer const (&arrays)[LENGTH], const Model &model, int count) {
  for (int i = count; i < (int)LENGTH; i++) {
    if (arrays[i] != nullptr) {
      fail(QLIF_INVALID_ARGUMENT, "%s[%d]: given, expected NULL: the %s model has %d", name, i, model.name, count);
    }
  }
}

/** Requires all arrays of a state, or none. */
template <class Pointer>
void requireState(const char *name, Pointer const (&state)[QLIF_MAX_STATE_VARIABLES], const Model &model, int64_t elements) {
  if (state[0] != nullptr) {
    product(name, elements, sizeof(float));
  }
  int count = model.variables.count;
  for (int variable = 0; variable < count; variable++) {
    if ((state[variable] == nullptr) != (state[0] == nullptr)) {
      fail(QLIF_INVALID_ARGUMENT, "%s: array %d is %s, expected all %d arrays or none", name, variable,
          state[variable] == nullptr ? "NULL but not array 0" : "given but not array 0", count);
    }
    requireNumberedTensor(name, variable, state[variable]);
  }
  requireEmpty(name, state, model, count);
}

const Model &modelOf(int32_t model) {
  if (model < 0 || model >= MODEL_COUNT) {
    failModel(model);
  }
  return MODELS[model];
}

template <class Row>
const Row &rowOf(const Table<Row> &table, int32_t number) {
  requireRange("number", number, 0, table.count - 1);
  return table[number];
}

void requireStream(const OpenKernel &kernel, void *stream) {
  if (kernel.device == QLIF_HOST) {
    requireNoStream(stream);
  }
}

/** Checks a stride of the modulation. Along a dimension of extent 1, any stride is equivalent to 0, and is set to 0. */
void requireStride(const char *name, int64_t &stride, int64_t extent, bool read) {
  requireNotNegative(name, stride);
  if (extent == 1) {
    stride = 0;
  }
  if (read) {
    // A third of the address space, so that the sum of three can't overflow.
    product(name, product(name, extent, stride), sizeof(float) * 3);
  }
}

/** Checks the draws of a call, and its steps. */
void requireDraws(const OpenKernel &kernel, const qlif_forward_args &given, ForwardArgs &args, int64_t elements) {
  requireSteps("first_step", given.first_step, given.steps);
  if (given.key != nullptr) {
    requireAligned("key", given.key, alignof(uint64_t));
    requireZeroBeside("seed", given.seed, "key");
    if (kernel.device == QLIF_HOST) {
      const qlif_draw_key key = *given.key;
      requireZero("key->reserved", (int32_t)key.reserved);
      requireSteps("key->first_step", key.first_step, 0);
      args.seed = key.seed;
      args.stream = key.stream + given.stream;
      args.first_step = key.first_step + given.first_step;
      args.key = nullptr;
      requireSteps("key->first_step + first_step", args.first_step, given.steps);
    }
  }
  if (given.row_index == nullptr) {
    requireOffset(given.element_offset, elements);
  } else {
    requireAligned("row_index", given.row_index, alignof(uint64_t));
    requireZeroBeside("element_offset", (uint64_t)given.element_offset, "row_index");
    bool draws = (kernel.config.uniforms > 0 && given.uniforms == nullptr) || (kernel.config.normals && given.normals == nullptr);
    args.row_index = draws ? given.row_index : nullptr;
  }
}

template <class To, class From, size_t LENGTH>
void copyPointers(To (&to)[LENGTH], From const (&from)[LENGTH]) {
  for (size_t i = 0; i < LENGTH; i++) {
    to[i] = from[i];
  }
}

ForwardArgs argumentsOf(const qlif_forward_args &given) {
  ForwardArgs args{};
  args.steps = given.steps;
  args.batch = given.batch;
  args.neurons = given.neurons;
  args.first_step = given.first_step;
  args.seed = given.seed;
  args.element_offset = given.element_offset;
  args.stream = given.stream;
  args.per_neuron_parameters = given.per_neuron_parameters;
  args.key = given.key;
  args.row_index = given.row_index;
  args.input = GivenNumbers{given.input, given.input_type};
  copyPointers(args.parameters, given.parameters);
  args.modulation = given.modulation;
  args.uniforms = given.uniforms;
  args.normals = given.normals;
  copyPointers(args.initial_state, given.initial_state);
  args.initial_state_shared = given.initial_state_shared != 0;
  copyPointers(args.final_state, given.final_state);
  args.spikes_f32 = given.spikes_f32;
  args.spikes_u8 = given.spikes_u8;
  args.spikes_bit = given.spikes_bit;
  args.spike_values = TakenNumbers{given.spike_values, given.spike_value_type};
  args.voltages = given.voltages;
  copyPointers(args.traces, given.traces);
  return args;
}

BackwardArgs argumentsOf(const qlif_backward_args &given, int64_t elements) {
  BackwardArgs args{};
  args.grad_spike_values = GivenNumbers{given.grad_spike_values, given.grad_type};
  args.grad_spike_values_stride = given.grad_spike_values_shared != 0 ? 0 : elements;
  args.grad_voltages = given.grad_voltages;
  copyPointers(args.grad_final_state, given.grad_final_state);
  args.grad_input = TakenNumbers{given.grad_input, given.grad_input_type};
  args.grad_modulation = given.grad_modulation;
  copyPointers(args.grad_parameters, given.grad_parameters);
  copyPointers(args.grad_initial_state, given.grad_initial_state);
  return args;
}

/** Runs checks of a struct that a field points to; failures name the field. */
template <class Checks>
void within(const char *field, Checks checks) {
  try {
    checks();
  } catch (const Failure &failure) {
    fail(failure.status, "%s.%s", field, failure.text);
  }
}

/** Checks the linear layer that computes a call's input or, in a backward call, has computed and stored it. */
void takeLinear(const qlif_forward_args &args, bool backward, ForwardCall &call) {
  if (args.input != nullptr) {
    fail(QLIF_INVALID_ARGUMENT, "linear: given beside an input, expected one of the two");
  }
  if (args.input_type != QLIF_TYPE_F32) {
    fail(QLIF_INVALID_ARGUMENT, "input_type: got %d, expected QLIF_TYPE_F32 (0) beside a linear layer, whose output is float32",
        args.input_type);
  }
  within("linear", [&] {
    const LinearArgs linear = linearArgsOf(readStruct("qlif_linear_forward_args", args.linear));
    if (linear.steps != args.steps || linear.batch != args.batch || linear.outputs != args.neurons) {
      fail(QLIF_INVALID_ARGUMENT, "output: got (T, B, M) = (%lld, %lld, %lld), expected the call's (%lld, %lld, %lld)",
          (long long)linear.steps, (long long)linear.batch, (long long)linear.outputs, (long long)args.steps, (long long)args.batch,
          (long long)args.neurons);
    }
    requireTensor("output", linear.output);
    if (backward && linear.output != nullptr) {
      call.args.input.data = linear.output;
    } else {
      requireLinearInputs(linear);
      call.linear = linear;
    }
  });
}

/** Checks a forward call, except its tape and outputs. backward: whether it is the forward call of a backward call. */
ForwardCall forwardCallOf(const OpenKernel &kernel, const qlif_forward_args &args, bool backward) {
  requireType("input_type", args.input_type);
  requireType("spike_value_type", args.spike_value_type);
  requireZero("qlif_forward_args.reserved", args.reserved);
  requireZero("qlif_forward_args.reserved_2", args.reserved_2);
  const Model &model = kernel.model();
  int64_t elements = requireShape(args.steps, args.batch, args.neurons);
  ForwardCall call{argumentsOf(args), elements, nullptr, {}, {}};
  requireDraws(kernel, args, call.args, elements);
  if (args.per_neuron_parameters >> model.parameters.count != 0) {
    fail(QLIF_INVALID_ARGUMENT, "per_neuron_parameters: got 0x%x, expected bits 0 to %d only", args.per_neuron_parameters,
        model.parameters.count - 1);
  }
  int64_t rows = args.steps * elements;
  product("steps * batch * neurons", rows, sizeof(float));
  if (args.linear != nullptr) {
    takeLinear(args, backward, call);
  } else {
    if (rows > 0) {
      requireGiven("input", args.input);
    }
    requireNumbers("input", args.input, args.input_type);
  }
  for (int parameter = 0; parameter < model.parameters.count; parameter++) {
    if (elements > 0 && args.parameters[parameter] == nullptr) {
      fail(QLIF_INVALID_ARGUMENT, "parameters[%d] (%s): got NULL, expected an address", parameter, model.parameters[parameter].symbol);
    }
    requireNumberedTensor("parameters", parameter, args.parameters[parameter]);
  }
  requireEmpty("parameters", args.parameters, model, model.parameters.count);
  qlif_broadcast &modulation = call.args.modulation;
  if (modulation.data == nullptr) {
    // Makes sure that no later code reads the given strides.
    modulation = qlif_broadcast{};
  } else if (!model.modulation) {
    fail(QLIF_INVALID_ARGUMENT, "modulation: given, expected NULL: the %s model takes none", model.name);
  }
  requireTensor("modulation.data", modulation.data);
  requireStride("modulation.stride_t", modulation.stride_t, args.steps, rows > 0);
  requireStride("modulation.stride_b", modulation.stride_b, args.batch, rows > 0);
  requireStride("modulation.stride_n", modulation.stride_n, args.neurons, rows > 0);
  requireTensor("uniforms", args.uniforms);
  if (args.uniforms != nullptr) {
    if (kernel.config.uniforms == 0) {
      fail(QLIF_INVALID_ARGUMENT, "uniforms: given, expected NULL: this configuration decides without drawing");
    }
    product("uniforms", rows, kernel.config.uniforms * (int64_t)sizeof(float));
  }
  requireTensor("normals", args.normals);
  if (args.normals != nullptr && !kernel.config.normals) {
    fail(QLIF_INVALID_ARGUMENT, "normals: given, expected NULL: this configuration has no membrane noise");
  }
  requireRange("initial_state_shared", args.initial_state_shared, 0, 1);
  requireState("initial_state", args.initial_state, model, args.initial_state_shared ? args.neurons : elements);
  return call;
}

/** Checks the values of parameters, if the host can read them; a call without elements needs none. */
void requireParameters(const OpenKernel &kernel, const ForwardCall &call) {
  if (call.elements > 0) {
    kernel.kernel->requireParameters(call.args);
  }
}

void requireOutputs(const Model &model, const qlif_forward_args &args, int64_t elements) {
  requireState("final_state", args.final_state, model, elements);
  requireTensor("spikes_f32", args.spikes_f32);
  requireAligned("spikes_bit", args.spikes_bit, alignof(uint64_t));
  requireNumbers("spike_values", args.spike_values, args.spike_value_type);
  requireTensor("voltages", args.voltages);
  for (int trace = 0; trace < model.traces.count; trace++) {
    requireNumberedTensor("traces", trace, args.traces[trace]);
  }
  requireEmpty("traces", args.traces, model, model.traces.count);
  const bool shared = args.initial_state_shared != 0;
  bool keeps = (args.tape != nullptr || shared) && args.final_state[0] != nullptr && elements > 0;
  for (int variable = 0; keeps && variable < model.variables.count; variable++) {
    if (args.final_state[variable] == args.initial_state[variable]) {
      fail(QLIF_INVALID_ARGUMENT, "final_state: array %d is initial_state's, which %s; expected one of its own %s", variable,
          shared ? "starts every row" : "the backward pass reads again", shared ? "with initial_state_shared" : "when a tape is given");
    }
  }
}

void requireFits(const OpenTape &tape, const OpenKernel &kernel, const qlif_forward_args &args) {
  if (tape.device != kernel.device) {
    fail(QLIF_INVALID_ARGUMENT, "tape: got one of device %d, expected the kernel's device, %d", tape.device, kernel.device);
  }
  if (!(tape.config == kernel.config)) {
    fail(QLIF_INVALID_ARGUMENT, "tape: got one of another configuration, expected one with the same options and constants");
  }
  if (tape.steps != args.steps || tape.batch != args.batch || tape.neurons != args.neurons) {
    fail(QLIF_INVALID_ARGUMENT, "tape: got (T, B, N) = (%lld, %lld, %lld), expected the call's (%lld, %lld, %lld)", (long long)tape.steps,
        (long long)tape.batch, (long long)tape.neurons, (long long)args.steps, (long long)args.batch, (long long)args.neurons);
  }
}

/** The length of the modulation's gradient: the modulation's own extents, 1 where it is shared. */
int64_t modulationValues(const ForwardCall &call) {
  const qlif_broadcast &modulation = call.args.modulation;
  int64_t steps = modulation.stride_t == 0 ? 1 : call.args.steps;
  int64_t batch = modulation.stride_b == 0 ? 1 : call.args.batch;
  int64_t neurons = modulation.stride_n == 0 ? 1 : call.args.neurons;
  if (steps == 0 || batch == 0 || neurons == 0) {
    return 0;
  }
  const char *name = "grad_modulation";
  return product(name, product(name, steps, batch), neurons);
}

ModulationSum modulationSumOf(const ForwardCall &call, float *result) {
  const qlif_broadcast &modulation = call.args.modulation;
  ModulationSum sum{result, modulation.stride_t == 0, modulation.stride_b == 0, modulation.stride_n == 0, false};
  // With one value per neuron-step, as in a modulation of the input's shape, there is nothing to sum.
  sum.direct = result != nullptr && !sum.overTime && modulationValues(call) == call.args.steps * call.elements;
  return sum;
}

/** Checks memory that the caller lends. */
void requireLent(const char *name, const void *memory, const char *bytesName, uint64_t bytes, uint64_t needed) {
  requireAligned(name, memory, QLIF_ALIGNMENT);
  if (bytes < needed) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got %llu, expected at least %llu", bytesName, (unsigned long long)bytes, (unsigned long long)needed);
  }
  if (needed > 0) {
    requireGiven(name, memory);
  }
}

Scratch scratchOf(void *memory, uint64_t bytes, uint64_t needed) {
  if (memory == nullptr) {
    if (bytes != 0) {
      fail(QLIF_INVALID_ARGUMENT, "scratch_bytes: got %llu, expected 0 without scratch", (unsigned long long)bytes);
    }
    return Scratch{nullptr};
  }
  requireLent("scratch", memory, "scratch_bytes", bytes, needed);
  return Scratch{memory};
}

/** Checks that a tape holds the forward call. */
void requireRecord(const OpenTape &tape, const qlif_forward_args &forward) {
  if (tape.record == OpenTape::Record::NONE) {
    fail(QLIF_INVALID_ARGUMENT, "tape: got one without a forward call, expected one that a forward call has recorded");
  }
  if (tape.record == OpenTape::Record::CALL) {
    if (tape.firstStep != forward.first_step) {
      fail(QLIF_INVALID_ARGUMENT, "first_step: got %lld, expected that of the forward call on the tape, %lld",
          (long long)forward.first_step, (long long)tape.firstStep);
    }
    if (tape.key != forward.key) {
      fail(QLIF_INVALID_ARGUMENT, "key: got %p, expected that of the forward call on the tape, %p", (const void *)forward.key,
          (const void *)tape.key);
    }
  }
}

/** Checks the arguments of a new tape, and returns B * N. */
int64_t requireTape(int32_t mode, int32_t type, int64_t steps, int64_t batch, int64_t neurons) {
  requireRange("mode", mode, QLIF_TAPE_VOLTAGE, QLIF_TAPE_COMPACT);
  requireType("type", type);
  return requireShape(steps, batch, neurons);
}

// ---------------------------------------------------------------- calls with nothing to do

bool doesNothing(const ForwardCall &call) {
  // Without steps, only the state is passed on.
  return call.elements == 0 || (call.args.steps == 0 && call.args.final_state[0] == nullptr);
}

/** Writes the results of a backward call without neuron-steps: the given gradients of the state, and zeros. */
void putRests(const OpenKernel &kernel, const BackwardCall &call, void *stream) {
  const ForwardArgs &forward = call.forward.args;
  const Model &model = kernel.model();
  Piece pieces[QLIF_MAX_PARAMETERS + 1 + QLIF_MAX_STATE_VARIABLES];
  int count = 0;
  auto put = [&](const char *name, float *to, const float *from, int64_t values) {
    if (to != nullptr && values > 0) {
      pieces[count++] = Piece{to, from, (size_t)product(name, values, sizeof(float))};
    }
  };
  for (int parameter = 0; parameter < model.parameters.count; parameter++) {
    put("grad_parameters", call.args.grad_parameters[parameter], nullptr,
        forward.per_neuron_parameters >> parameter & 1 ? forward.neurons : 1);
  }
  if (call.modulation.result != nullptr) {
    put("grad_modulation", call.modulation.result, nullptr, modulationValues(call.forward));
  }
  for (int variable = 0; variable < model.variables.count; variable++) {
    put("grad_initial_state", call.args.grad_initial_state[variable],
        model.variables[variable].carriesGradient ? call.args.grad_final_state[variable] : nullptr, call.forward.elements);
  }
  if (count > 0) {
    kernel.kernel->put(pieces, count, stream);
  }
}

}  // namespace
}  // namespace qlif

using namespace qlif;

extern "C" {

uint32_t qlif_abi_version(void) { return QLIF_ABI_VERSION; }

const char *qlif_version(void) { return QLIF_VERSION; }

const char *qlif_last_error(void) { return lastError; }

int32_t qlif_last_cuda_error(void) { return lastCudaError; }

qlif_status qlif_device_count(int32_t *count) {
  return guarded([&] {
    requireGiven("count", count);
    *count = countCudaDevices();
  });
}

qlif_status qlif_model(int32_t model, qlif_model_info *info) {
  return guarded([&] {
    requireGiven("info", info);
    requireSize("qlif_model_info", info->size, sizeof *info);
    const Model &table = modelOf(model);
    writeInfo(info, qlif_model_info{0, table.variables.count, table.parameters.count, table.traces.count, table.modulation,
        constantCount(model), table.options.count, (int32_t)table.configSize, table.name});
  });
}

qlif_status qlif_state_variable(int32_t model, int32_t number, qlif_variable_info *info) {
  return guarded([&] {
    requireGiven("info", info);
    requireSize("qlif_variable_info", info->size, sizeof *info);
    const VariableRow &row = rowOf(modelOf(model).variables, number);
    writeInfo(info, qlif_variable_info{0, row.initialValue, row.carriesGradient, row.flushed, row.symbol});
  });
}

qlif_status qlif_parameter(int32_t model, int32_t number, qlif_parameter_info *info) {
  return guarded([&] {
    requireGiven("info", info);
    requireSize("qlif_parameter_info", info->size, sizeof *info);
    const ParameterRow &row = rowOf(modelOf(model).parameters, number);
    writeInfo(info, qlif_parameter_info{0, row.range, row.symbol});
  });
}

qlif_status qlif_trace(int32_t model, int32_t number, qlif_trace_info *info) {
  return guarded([&] {
    requireGiven("info", info);
    requireSize("qlif_trace_info", info->size, sizeof *info);
    const TraceRow &row = rowOf(modelOf(model).traces, number);
    writeInfo(info, qlif_trace_info{0, row.variable, row.symbol});
  });
}

qlif_status qlif_option(int32_t model, int32_t number, qlif_option_info *info) {
  return guarded([&] {
    requireGiven("info", info);
    requireSize("qlif_option_info", info->size, sizeof *info);
    const OptionRow &row = rowOf(modelOf(model).options, number);
    const Values &values = row.values;
    const Enumeration *enumeration = values.enumeration;
    writeInfo(info, qlif_option_info{0, values.kind, (int32_t)row.offset, values.range, row.defaultValue, values.low, values.high,
        values.lowOpen, values.highOpen, values.derived, values.parameter, enumeration == nullptr ? 0 : enumeration->choices.count, 0,
        row.name, row.symbol, enumeration == nullptr ? "" : enumeration->prefix});
  });
}

const char *qlif_choice_name(int32_t model, int32_t option, int32_t choice) {
  const char *name = nullptr;
  guarded([&] {
    const OptionRow &row = rowOf(modelOf(model).options, option);
    if (row.values.enumeration == nullptr) {
      fail(QLIF_INVALID_ARGUMENT, "option: got %d, %s, expected one of QLIF_KIND_ENUMERATION", option, row.name);
    }
    requireRange("choice", choice, 0, row.values.enumeration->choices.count - 1);
    name = row.values.enumeration->choices[choice].name;
  });
  return name;
}

qlif_status qlif_qlif_defaults(qlif_qlif_config *config, uint32_t size) {
  return guarded([&] {
    requireGiven("config", config);
    writeConfig(config, size, qlifDefaults());
  });
}

qlif_status qlif_lif_defaults(qlif_lif_config *config, uint32_t size) {
  return guarded([&] {
    requireGiven("config", config);
    writeConfig(config, size, lifDefaults());
  });
}

qlif_status qlif_qlif_preset(qlif_qlif_config *config, uint32_t size, const char *name) {
  return guarded([&] {
    requireGiven("config", config);
    requireGiven("name", name);
    FloatEnvironment environment;
    writeConfig(config, size, qlifPreset(name));
  });
}

qlif_status qlif_parameter_default(const qlif_config *config, int32_t parameter, float *value) {
  return guarded([&] {
    requireGiven("config", config);
    requireGiven("value", value);
    AnyConfig read = readConfig(config);
    FloatEnvironment environment;
    requireRange("parameter", parameter, 0, MODELS[read.header.model].parameters.count - 1);
    *value = parameterDefault(read, parameter);
  });
}

qlif_status qlif_constants(const qlif_config *config, float *values) {
  return guarded([&] {
    requireGiven("config", config);
    requireTensor("values", values);
    ModelConfig read = checked(readConfig(config));
    for (int32_t i = 0; values != nullptr && i < constantCount(read.model); i++) {
      values[i] = constantValue(read, i);
    }
  });
}

const char *qlif_constant_name(int32_t model, int32_t number) {
  const char *name = nullptr;
  guarded([&] {
    modelOf(model);
    requireRange("number", number, 0, constantCount(model) - 1);
    name = constantName(model, number);
  });
  return name;
}

qlif_status qlif_device_describe(int32_t device, qlif_device_info *info) {
  return guarded([&] {
    requireGiven("info", info);
    requireSize("qlif_device_info", info->size, sizeof *info);
    requireRange("device", device, QLIF_HOST, INT32_MAX);
    qlif_device_info described{};
    if (device == QLIF_HOST) {
      describeHost(described);
    } else {
      describeCuda(device, described);
    }
    writeInfo(info, described);
  });
}

qlif_status qlif_kernel_open(
    int32_t device, const qlif_config *config, const qlif_kernel_options *given, qlif_kernel **kernel) {
  return guarded([&] {
    requireGiven("config", config);
    requireGiven("kernel", kernel);
    requireRange("device", device, QLIF_HOST, INT32_MAX);
    ModelConfig read = checked(readConfig(config));
    const qlif_kernel_options options = optionsOf(given);
    std::unique_ptr<DeviceKernel> made =
        device == QLIF_HOST ? openHostKernel(read, threadsOf(options), spinOf(options)) : openCudaKernel(device, read);
    *kernel = opened(std::make_unique<OpenKernel>(device, read, std::move(made)));
  });
}

qlif_status qlif_kernel_close(qlif_kernel *kernel) {
  return guarded([&] { closeObject<OpenKernel>("kernel", kernel, [](OpenKernel &taken) { taken.kernel->release(); }); });
}

qlif_status qlif_kernel_describe(qlif_kernel *kernel, char *text, size_t length) {
  return guarded([&] {
    requireText(text, length);
    Held<OpenKernel> held("kernel", kernel);
    held->kernel->describe(text, length);
  });
}

qlif_status qlif_kernel_reserve(qlif_kernel *kernel, int64_t steps, int64_t batch, int64_t neurons, int32_t modulation_steps) {
  return guarded([&] {
    Held<OpenKernel> held("kernel", kernel);
    int64_t elements = requireShape(steps, batch, neurons);
    requireRange("modulation_steps", modulation_steps, 0, 1);
    if (steps > 0 && elements > 0) {
      held->kernel->reserve(steps, batch, neurons, modulation_steps != 0);
    }
  });
}

qlif_status qlif_scratch_bytes(
    qlif_kernel *kernel, int64_t steps, int64_t batch, int64_t neurons, int32_t modulation_steps, uint64_t *bytes) {
  return guarded([&] {
    Held<OpenKernel> held("kernel", kernel);
    requireGiven("bytes", bytes);
    int64_t elements = requireShape(steps, batch, neurons);
    requireRange("modulation_steps", modulation_steps, 0, 1);
    *bytes = steps > 0 && elements > 0 ? held->kernel->scratchBytes(steps, batch, neurons, modulation_steps != 0) : 0;
  });
}

qlif_status qlif_forward(qlif_kernel *kernel, const qlif_forward_args *given, void *stream) {
  return guarded([&] {
    Held<OpenKernel> held("kernel", kernel);
    requireGiven("args", given);
    const qlif_forward_args args = readStruct("qlif_forward_args", given);
    ForwardCall call = forwardCallOf(*held, args, false);
    requireOutputs(held->model(), args, call.elements);
    requireStream(*held, stream);
    std::optional<Held<OpenTape>> tape;
    if (args.tape != nullptr) {
      tape.emplace("tape", args.tape);
      requireFits(**tape, *held, args);
      call.tape = (*tape)->storage.get();
    }
    call.scratch = scratchOf(args.scratch, args.scratch_bytes, 0);
    requireParameters(*held, call);
    if (tape) {
      (*tape)->record = OpenTape::Record::NONE;
    }
    if (!doesNothing(call)) {
      held->kernel->forward(call, stream);
    }
    if (tape) {
      (*tape)->record = OpenTape::Record::CALL;
      (*tape)->firstStep = args.first_step;
      (*tape)->key = args.key;
    }
  });
}

qlif_status qlif_backward(qlif_kernel *kernel, const qlif_backward_args *given, void *stream) {
  return guarded([&] {
    Held<OpenKernel> held("kernel", kernel);
    requireGiven("args", given);
    const qlif_backward_args args = readStruct("qlif_backward_args", given);
    requireType("grad_type", args.grad_type);
    requireType("grad_input_type", args.grad_input_type);
    requireGiven("forward", args.forward);
    const qlif_forward_args forward = readStruct("qlif_forward_args", args.forward);
    const ForwardCall forwardCall = forwardCallOf(*held, forward, true);
    requireRange("grad_spike_values_shared", args.grad_spike_values_shared, 0, 1);
    BackwardCall call{argumentsOf(args, forwardCall.elements), forwardCall, {}, {}};
    const Model &model = held->model();
    requireNumbers("grad_spike_values", args.grad_spike_values, args.grad_type);
    requireTensor("grad_voltages", args.grad_voltages);
    requireState("grad_final_state", args.grad_final_state, model, call.forward.elements);
    requireNumbers("grad_input", args.grad_input, args.grad_input_type);
    requireTensor("grad_modulation", args.grad_modulation);
    if (args.grad_modulation != nullptr && forward.modulation.data == nullptr) {
      fail(QLIF_INVALID_ARGUMENT, "grad_modulation: given, expected NULL: the forward call had no modulation");
    }
    for (int parameter = 0; parameter < model.parameters.count; parameter++) {
      requireNumberedTensor("grad_parameters", parameter, args.grad_parameters[parameter]);
    }
    requireEmpty("grad_parameters", args.grad_parameters, model, model.parameters.count);
    requireState("grad_initial_state", args.grad_initial_state, model, call.forward.elements);
    if (forward.initial_state_shared != 0 && args.grad_initial_state[0] != nullptr) {
      fail(QLIF_INVALID_ARGUMENT, "grad_initial_state: given, expected NULL with initial_state_shared: a state that all rows start from"
          " has no gradient here");
    }
    requireStream(*held, stream);
    if (forward.tape == nullptr) {
      fail(QLIF_INVALID_ARGUMENT, "tape: got NULL, expected the one that the forward call recorded");
    }
    Held<OpenTape> tape("tape", forward.tape);
    requireFits(*tape, *held, forward);
    requireRecord(*tape, forward);
    call.forward.tape = tape->storage.get();
    call.modulation = modulationSumOf(call.forward, args.grad_modulation);
    call.scratch = scratchOf(args.scratch, args.scratch_bytes, held->kernel->backwardScratch(call));
    requireParameters(*held, call.forward);
    if (forward.steps * call.forward.elements > 0) {
      held->kernel->backward(call, stream);
    } else {
      putRests(*held, call, stream);
    }
  });
}

qlif_status qlif_draw(qlif_kernel *kernel, const qlif_draw_args *given, void *stream) {
  return guarded([&] {
    Held<OpenKernel> held("kernel", kernel);
    requireGiven("args", given);
    const qlif_draw_args args = readStruct("qlif_draw_args", given);
    requireRange("wires", args.wires, 1, MAX_WIRES);
    requireNotNegative("steps", args.steps);
    requireNotNegative("elements", args.elements);
    int64_t rows = product("steps * elements", args.steps, args.elements);
    requireSteps("first_step", args.first_step, args.steps);
    if (args.row_index == nullptr) {
      requireOffset(args.element_offset, args.elements);
    } else {
      requireAligned("row_index", args.row_index, alignof(uint64_t));
      requireZeroBeside("element_offset", (uint64_t)args.element_offset, "row_index");
      if (args.neurons < 1 || args.elements % args.neurons != 0) {
        fail(QLIF_INVALID_ARGUMENT, "neurons: got %lld with %lld elements, expected a divisor of them", (long long)args.neurons,
            (long long)args.elements);
      }
    }
    requireTensor("uniforms", args.uniforms);
    requireTensor("normals", args.normals);
    if (args.uniforms != nullptr) {
      product("steps * wires * elements", rows, args.wires * (int64_t)sizeof(float));
    }
    if (args.normals != nullptr) {
      product("steps * elements", rows, sizeof(float));
    }
    requireStream(*held, stream);
    if (rows > 0 && (args.uniforms != nullptr || args.normals != nullptr)) {
      DrawArgs draw{args.stream, args.seed, args.element_offset, args.first_step, args.steps, args.wires, args.elements, args.neurons,
          args.row_index, args.uniforms, args.normals};
      held->kernel->draw(draw, stream);
    }
  });
}

qlif_status qlif_tape_open(
    qlif_kernel *kernel, int32_t mode, int32_t type, int64_t steps, int64_t batch, int64_t neurons, qlif_tape **tape) {
  return guarded([&] {
    Held<OpenKernel> held("kernel", kernel);
    requireGiven("tape", tape);
    int64_t elements = requireTape(mode, type, steps, batch, neurons);
    std::unique_ptr<TapeStorage> storage = held->kernel->newTape(mode, type, steps, elements);
    *tape = opened(std::make_unique<OpenTape>(*held, steps, batch, neurons, std::move(storage)));
  });
}

qlif_status qlif_tape_bytes_for(
    qlif_kernel *kernel, int32_t mode, int32_t type, int64_t steps, int64_t batch, int64_t neurons, uint64_t *bytes) {
  return guarded([&] {
    Held<OpenKernel> held("kernel", kernel);
    requireGiven("bytes", bytes);
    *bytes = held->kernel->tapeBytes(mode, type, steps, requireTape(mode, type, steps, batch, neurons));
  });
}

qlif_status qlif_tape_open_in(qlif_kernel *kernel, int32_t mode, int32_t type, int64_t steps, int64_t batch, int64_t neurons,
    void *memory, uint64_t bytes, int32_t recorded, qlif_tape **tape) {
  return guarded([&] {
    Held<OpenKernel> held("kernel", kernel);
    requireGiven("tape", tape);
    int64_t elements = requireTape(mode, type, steps, batch, neurons);
    requireRange("recorded", recorded, 0, 1);
    requireLent("memory", memory, "bytes", bytes, held->kernel->tapeBytes(mode, type, steps, elements));
    auto made = std::make_unique<OpenTape>(*held, steps, batch, neurons, held->kernel->lentTape(mode, type, steps, elements, memory));
    made->record = recorded != 0 ? OpenTape::Record::LENT : OpenTape::Record::NONE;
    *tape = opened(std::move(made));
  });
}

uint64_t qlif_tape_bytes(const qlif_tape *tape) {
  uint64_t bytes = 0;
  if (tape != nullptr) {
    guarded([&] {
      // Does not hold the tape, since its size never changes and a call on it may be running.
      Registry &registry = Registry::get();
      std::lock_guard<std::mutex> lock(registry.mutex);
      bytes = static_cast<OpenTape *>(registry.find("tape", numberOf(tape), Kind::TAPE))->storage->bytes();
    });
  }
  return bytes;
}

qlif_status qlif_tape_close(qlif_tape *tape) {
  return guarded([&] { closeObject<OpenTape>("tape", tape, [](OpenTape &taken) { taken.storage->release(); }); });
}

}  // extern "C"
