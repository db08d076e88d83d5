// The C interface: handles, checks of arguments, statuses and texts. Nothing here knows a device.
#include <stdarg.h>
#include <stdio.h>

#include <mutex>
#include <new>
#include <system_error>
#include <unordered_set>

#include "device.h"

#ifndef QLIF_VERSION
#error "QLIF_VERSION is the build's to give"
#endif

struct qlif_kernel {
  int device;
  qlif::Options options;
  qlif::Constants constants;
  std::unique_ptr<qlif::DeviceKernel> kernel;
  bool busy;  // guarded by the registry's mutex
};

struct qlif_tape {
  int device;
  int mode;
  int64_t steps;
  int64_t batch;
  int64_t neurons;
  // The first step of the forward call that it holds, or -1.
  int64_t recordedFrom;
  std::unique_ptr<qlif::TapeStorage> storage;
  bool busy;  // guarded by the registry's mutex
};

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

qlif_status remember(qlif_status status, int32_t cudaError, const char *text) noexcept {
  snprintf(lastError, sizeof lastError, "%s", text);
  lastCudaError = cudaError;
  return status;
}

/** Runs a function of the interface: no exception leaves the library. */
template <class Body>
qlif_status guarded(Body body) noexcept {
  try {
    body();
    return QLIF_SUCCESS;
  } catch (const Failure &failure) {
    return remember(failure.status, failure.cudaError, failure.text);
  } catch (const std::bad_alloc &) {
    return remember(QLIF_OUT_OF_MEMORY, 0, "host memory ran out");
  } catch (const std::system_error &error) {
    char text[256];
    snprintf(text, sizeof text, "the system refused a thread: %s", error.what());
    return remember(QLIF_INTERNAL, 0, text);
  } catch (const std::exception &error) {
    return remember(QLIF_INTERNAL, 0, error.what());
  } catch (...) {
    return remember(QLIF_INTERNAL, 0, "an unknown failure");
  }
}

// ---------------------------------------------------------------- handles

/** The handles that are open: a closed one, or garbage, is told from them without being read. */
struct Registry {
  std::mutex mutex;
  std::unordered_set<const void *> open;
};

Registry &registry() {
  // Never destroyed: another thread may be in a call when the process exits.
  static Registry *registry = new Registry;
  return *registry;
}

/** Holds an object for one call. */
template <class Object>
class Held {
 public:
  Held(const char *name, Object *object) : object_(object) {
    Registry &all = registry();
    std::lock_guard<std::mutex> lock(all.mutex);
    if (object == nullptr || all.open.count(object) == 0) {
      fail(QLIF_INVALID_ARGUMENT, "%s: got %p, expected one that is open", name, (const void *)object);
    }
    if (object->busy) {
      fail(QLIF_BUSY, "%s: another thread is in a call on it", name);
    }
    object->busy = true;
  }
  ~Held() {
    if (object_ != nullptr) {
      std::lock_guard<std::mutex> lock(registry().mutex);
      object_->busy = false;
    }
  }
  Held(const Held &) = delete;
  Held &operator=(const Held &) = delete;

  /** Takes the object out of the open ones; it is the caller's to delete. */
  Object *take() {
    std::lock_guard<std::mutex> lock(registry().mutex);
    registry().open.erase(object_);
    Object *taken = object_;
    object_ = nullptr;
    return taken;
  }

  Object &operator*() const { return *object_; }
  Object *operator->() const { return object_; }

 private:
  Object *object_;
};

template <class Object>
Object *opened(std::unique_ptr<Object> object) {
  std::lock_guard<std::mutex> lock(registry().mutex);
  registry().open.insert(object.get());
  return object.release();
}

/** Frees what an object holds even if waiting for its work fails; that failure is thrown on. */
template <class Object, class Release>
void closeObject(const char *name, Object *object, Release release) {
  if (object == nullptr) {
    return;
  }
  std::unique_ptr<Object> taken(Held<Object>(name, object).take());
  release(*taken);
}

// ---------------------------------------------------------------- checks

constexpr int64_t MAX_BYTES = (int64_t)1 << 62;

/** Where the counter of the draws ends. */
constexpr int64_t MAX_STEP = (int64_t)1 << 33;

void requireGiven(const char *name, const void *pointer) {
  if (pointer == nullptr) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got NULL, expected an address", name);
  }
}

void requireSize(const char *name, uint32_t size, size_t expected) {
  if (size != expected) {
    fail(QLIF_INVALID_ARGUMENT, "%s.size: got %u, expected %zu: the caller was built against another version of qlif.h",
        name, size, expected);
  }
}

void requireZero(const char *name, uint32_t reserved) {
  if (reserved != 0) {
    fail(QLIF_INVALID_ARGUMENT, "%s.reserved: got %u, expected 0", name, reserved);
  }
}

void requireRange(const char *name, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got %lld, expected %lld to %lld", name, (long long)value, (long long)low, (long long)high);
  }
}

void requireNotNegative(const char *name, int64_t value) {
  if (value < 0) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got %lld, expected 0 or more", name, (long long)value);
  }
}

void requireAligned(const char *name, const void *pointer, size_t alignment) {
  if ((uintptr_t)pointer % alignment != 0) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got %p, expected an address aligned to %zu bytes", name, pointer, alignment);
  }
}

/** A tensor that may be absent. */
void requireTensor(const char *name, const float *pointer) { requireAligned(name, pointer, alignof(float)); }

void requireNumberedTensor(const char *name, int number, const float *pointer) {
  if ((uintptr_t)pointer % alignof(float) != 0) {
    char text[64];
    snprintf(text, sizeof text, "%s[%d]", name, number);
    requireTensor(text, pointer);
  }
}

/** A tensor of so many elements that must be there, unless it has none. */
void requireTensor(const char *name, const float *pointer, int64_t elements) {
  if (elements > 0) {
    requireGiven(name, pointer);
  }
  requireTensor(name, pointer);
}

int64_t multiply(const char *what, int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product) || product > MAX_BYTES) {
    fail(QLIF_INVALID_ARGUMENT, "%s: %lld times %lld passes 2^62 bytes", what, (long long)a, (long long)b);
  }
  return product;
}

/** B * N, when T, B and N are in range and every array of theirs can be addressed. */
int64_t requireShape(int64_t steps, int64_t batch, int64_t neurons, int64_t wires) {
  requireNotNegative("steps", steps);
  requireNotNegative("batch", batch);
  requireNotNegative("neurons", neurons);
  // Arrays are rounded up to whole words of spike bits somewhere.
  int64_t elements = multiply("batch * neurons", batch, neurons);
  int64_t padded = multiply("batch * neurons", wordsOf(elements), 64);
  multiply("state", multiply("state", padded, VARIABLES), sizeof(float) * 2);
  int64_t rows = multiply("steps * batch * neurons", multiply("steps * batch * neurons", steps, padded), sizeof(float) * 2);
  multiply("steps * wires * batch * neurons", rows, wires);
  multiply("steps * neurons", multiply("steps * neurons", steps, neurons), sizeof(double) * 2);
  return elements;
}

void requireSteps(int64_t firstStep, int64_t steps) {
  if (firstStep < 0 || firstStep > MAX_STEP || steps > MAX_STEP - firstStep) {
    fail(QLIF_INVALID_ARGUMENT, "first_step: got %lld with %lld steps, expected 0 or more and an end of at most 2^33,"
        " where the counter of the draws ends",
        (long long)firstStep, (long long)steps);
  }
}

void requireOffset(int64_t elementOffset, int64_t elements) {
  if (elementOffset < 0 || elementOffset > INT64_MAX - elements) {
    fail(QLIF_INVALID_ARGUMENT, "element_offset: got %lld with %lld elements, expected 0 or more and an end below 2^63,"
        " where the counter of the draws ends",
        (long long)elementOffset, (long long)elements);
  }
}

/** All arrays of a state, or none. */
template <class Pointer>
void requireState(const char *name, Pointer const *state) {
  for (int variable = 0; variable < VARIABLES; variable++) {
    if ((state[variable] == nullptr) != (state[0] == nullptr)) {
      fail(QLIF_INVALID_ARGUMENT, "%s: array %d is %s, expected all %d arrays or none", name, variable,
          state[variable] == nullptr ? "NULL but not array 0" : "given but not array 0", VARIABLES);
    }
    requireNumberedTensor(name, variable, state[variable]);
  }
}

void requireStream(const qlif_kernel &kernel, void *stream) {
  if (kernel.device == QLIF_HOST && stream != nullptr) {
    fail(QLIF_INVALID_ARGUMENT, "stream: got %p, expected NULL on the host", stream);
  }
}

void requireConfig(const qlif_config &config) {
  struct Field {
    const char *name;
    int32_t value, low, high;
  };
  const Field fields[] = {
      {"decision", config.decision, QLIF_DECISION_QUBIT, QLIF_DECISION_THRESHOLD},
      {"sampling", config.sampling, QLIF_SAMPLING_DRAW, QLIF_SAMPLING_ROUND},
      {"spike_value", config.spike_value, QLIF_SPIKE_VALUE_SAMPLE, QLIF_SPIKE_VALUE_EXPECTED},
      {"angle_map", config.angle_map, QLIF_ANGLE_LINEAR, QLIF_ANGLE_TANH},
      {"readout", config.readout, QLIF_READOUT_SINGLE_QUBIT, QLIF_READOUT_EXPECTATION},
      {"quantum_wires", config.quantum_wires, 1, MAX_WIRES},
      {"min_count", config.min_count, 0, MAX_WIRES + 1},
      {"surrogate", config.surrogate, QLIF_SURROGATE_HEAVISIDE, QLIF_SURROGATE_ARCTAN},
      {"neuromod_mode", config.neuromod_mode, QLIF_NEUROMOD_GAIN, QLIF_NEUROMOD_OFF},
      {"neuromod_transform", config.neuromod_transform, QLIF_TRANSFORM_SIGMOID, QLIF_TRANSFORM_IDENTITY},
      {"dynamic_probability", config.dynamic_probability, 0, 1},
      {"refractory", config.refractory, 0, 1},
      {"use_ahp", config.use_ahp, 0, 1},
      {"use_adaptive_threshold", config.use_adaptive_threshold, 0, 1},
      {"homeostasis_enabled", config.homeostasis_enabled, 0, 1},
      {"detach_reset", config.detach_reset, 0, 1},
      {"membrane_noise", config.membrane_noise, 0, 1},
  };
  for (const Field &field : fields) {
    requireRange(field.name, field.value, field.low, field.high);
  }
}

Options configuredOptions(const qlif_config &c) {
  return optionsOf(c.decision, c.sampling, c.spike_value, c.angle_map, c.readout, c.neuromod_mode, c.dynamic_probability, c.refractory,
      c.use_ahp, c.use_adaptive_threshold, c.homeostasis_enabled, c.detach_reset, c.membrane_noise);
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

/** A stride along a dimension of one is as good as 0. */
void normalise(int64_t &stride, int64_t extent) {
  if (extent == 1) {
    stride = 0;
  }
}

/** Checks a forward call but for its tape. */
ForwardCall forwardCallOf(const qlif_kernel &kernel, const qlif_forward_args &args) {
  requireSize("qlif_forward_args", args.size, sizeof args);
  requireZero("qlif_forward_args", args.reserved);
  int64_t wires = kernel.constants.wires;
  int64_t elements = requireShape(args.steps, args.batch, args.neurons, wires > 1 ? wires : 1);
  requireSteps(args.first_step, args.steps);
  requireOffset(args.element_offset, elements);
  if (args.per_neuron_parameters >> PARAMETERS != 0) {
    fail(QLIF_INVALID_ARGUMENT, "per_neuron_parameters: got 0x%x, expected bits 0 to %d only", args.per_neuron_parameters, PARAMETERS - 1);
  }
  int64_t rows = args.steps * elements;
  requireTensor("input", args.input, rows);
  for (int parameter = 0; parameter < PARAMETERS; parameter++) {
    if (elements > 0 && args.parameters[parameter] == nullptr) {
      fail(QLIF_INVALID_ARGUMENT, "parameters[%d]: got NULL, expected an address", parameter);
    }
    requireNumberedTensor("parameters", parameter, args.parameters[parameter]);
  }
  ForwardCall call{args, elements, nullptr};
  qlif_broadcast &modulation = call.args.modulation;
  requireTensor("modulation.data", modulation.data);
  if (modulation.data != nullptr) {
    requireNotNegative("modulation.stride_t", modulation.stride_t);
    requireNotNegative("modulation.stride_b", modulation.stride_b);
    requireNotNegative("modulation.stride_n", modulation.stride_n);
    normalise(modulation.stride_t, args.steps);
    normalise(modulation.stride_b, args.batch);
    normalise(modulation.stride_n, args.neurons);
    multiply("modulation.stride_t", multiply("modulation.stride_t", args.steps, modulation.stride_t), sizeof(float) * 4);
    multiply("modulation.stride_b", multiply("modulation.stride_b", args.batch, modulation.stride_b), sizeof(float) * 4);
    multiply("modulation.stride_n", multiply("modulation.stride_n", args.neurons, modulation.stride_n), sizeof(float) * 4);
  }
  requireTensor("uniforms", args.uniforms);
  if (args.uniforms != nullptr && wires == 0) {
    fail(QLIF_INVALID_ARGUMENT, "uniforms: given, expected NULL: this configuration decides without drawing");
  }
  requireTensor("normals", args.normals);
  if (args.normals != nullptr && !kernel.options.drawsNormals()) {
    fail(QLIF_INVALID_ARGUMENT, "normals: given, expected NULL: this configuration has no membrane noise");
  }
  requireState("initial_state", args.initial_state);
  return call;
}

void requireOutputs(const qlif_forward_args &args, int64_t elements) {
  requireState("final_state", args.final_state);
  requireTensor("spikes_f32", args.spikes_f32);
  requireAligned("spikes_bit", args.spikes_bit, alignof(uint64_t));
  requireTensor("spike_values", args.spike_values);
  requireTensor("voltages", args.voltages);
  for (int trace = 0; trace < TRACES; trace++) {
    requireNumberedTensor("traces", trace, args.traces[trace]);
  }
  bool keeps = args.tape != nullptr && args.final_state[0] != nullptr && elements > 0;
  for (int variable = 0; keeps && variable < VARIABLES; variable++) {
    if (args.final_state[variable] == args.initial_state[variable]) {
      fail(QLIF_INVALID_ARGUMENT, "final_state: array %d is initial_state's, which the backward pass reads again;"
          " expected one of its own when a tape is given", variable);
    }
  }
}

void requireFits(const qlif_tape &tape, const qlif_kernel &kernel, const qlif_forward_args &args) {
  if (tape.device != kernel.device) {
    fail(QLIF_INVALID_ARGUMENT, "tape: is of device %d, expected the kernel's, %d", tape.device, kernel.device);
  }
  if (tape.steps != args.steps || tape.batch != args.batch || tape.neurons != args.neurons) {
    fail(QLIF_INVALID_ARGUMENT, "tape: is of (T, B, N) = (%lld, %lld, %lld), expected the call's (%lld, %lld, %lld)", (long long)tape.steps,
        (long long)tape.batch, (long long)tape.neurons, (long long)args.steps, (long long)args.batch, (long long)args.neurons);
  }
}

ModulationSum modulationSumOf(const ForwardCall &call, float *result) {
  const qlif_broadcast &modulation = call.args.modulation;
  ModulationSum sum{result, modulation.stride_t == 0, modulation.stride_b == 0, modulation.stride_n == 0, false};
  // One value a neuron-step, as in a modulation of the input's own shape, is that value and no sum.
  int64_t values =
      (sum.overTime ? 1 : call.args.steps) * (sum.overBatch ? 1 : call.args.batch) * (sum.overNeurons ? 1 : call.args.neurons);
  sum.direct = !sum.overTime && values == call.args.steps * call.elements;
  return sum;
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

qlif_status qlif_device_describe(int32_t device, qlif_device_info *info) {
  return guarded([&] {
    requireGiven("info", info);
    requireSize("qlif_device_info", info->size, sizeof *info);
    requireRange("device", device, QLIF_HOST, INT32_MAX);
    qlif_device_info described{};
    described.size = sizeof described;
    if (device == QLIF_HOST) {
      describeHost(described);
    } else {
      describeCuda(device, described);
    }
    *info = described;
  });
}

qlif_status qlif_kernel_open(int32_t device, const qlif_config *config, int32_t threads, qlif_kernel **kernel) {
  return guarded([&] {
    requireGiven("config", config);
    requireGiven("kernel", kernel);
    requireSize("qlif_config", config->size, sizeof *config);
    requireRange("device", device, QLIF_HOST, INT32_MAX);
    requireConfig(*config);
    if (device == QLIF_HOST) {
      requireRange("threads", threads, 1, 1024);
    }
    Options options = configuredOptions(*config);
    Constants constants = constantsOf(*config, options);
    std::unique_ptr<qlif_kernel> made(new qlif_kernel{device, options, constants, nullptr, false});
    made->kernel = device == QLIF_HOST ? openHostKernel(options, constants, threads) : openCudaKernel(device, options, constants);
    *kernel = opened(std::move(made));
  });
}

qlif_status qlif_kernel_close(qlif_kernel *kernel) {
  return guarded([&] { closeObject("kernel", kernel, [](qlif_kernel &taken) { taken.kernel->release(); }); });
}

qlif_status qlif_kernel_describe(qlif_kernel *kernel, char *text, size_t length) {
  return guarded([&] {
    requireGiven("text", text);
    if (length == 0) {
      fail(QLIF_INVALID_ARGUMENT, "length: got 0, expected room for the closing 0 at least");
    }
    Held<qlif_kernel> held("kernel", kernel);
    held->kernel->describe(text, length);
  });
}

qlif_status qlif_kernel_reserve(qlif_kernel *kernel, int64_t steps, int64_t batch, int64_t neurons, int32_t modulation_steps) {
  return guarded([&] {
    Held<qlif_kernel> held("kernel", kernel);
    requireShape(steps, batch, neurons, 1);
    requireRange("modulation_steps", modulation_steps, 0, 1);
    held->kernel->reserve(steps, batch, neurons, modulation_steps != 0);
  });
}

qlif_status qlif_forward(qlif_kernel *kernel, const qlif_forward_args *args, void *stream) {
  return guarded([&] {
    Held<qlif_kernel> held("kernel", kernel);
    requireGiven("args", args);
    ForwardCall call = forwardCallOf(*held, *args);
    requireOutputs(*args, call.elements);
    requireStream(*held, stream);
    if (args->tape == nullptr) {
      held->kernel->forward(call, stream);
      return;
    }
    Held<qlif_tape> tape("tape", args->tape);
    requireFits(*tape, *held, *args);
    call.tape = tape->storage.get();
    tape->recordedFrom = -1;
    held->kernel->forward(call, stream);
    tape->recordedFrom = args->first_step;
  });
}

qlif_status qlif_backward(qlif_kernel *kernel, const qlif_backward_args *args, void *stream) {
  return guarded([&] {
    Held<qlif_kernel> held("kernel", kernel);
    requireGiven("args", args);
    requireSize("qlif_backward_args", args->size, sizeof *args);
    requireZero("qlif_backward_args", args->reserved);
    const qlif_forward_args &forward = args->forward;
    BackwardCall call{*args, forwardCallOf(*held, forward), {}};
    requireTensor("grad_spike_values", args->grad_spike_values);
    requireTensor("grad_voltages", args->grad_voltages);
    requireState("grad_final_state", args->grad_final_state);
    requireTensor("grad_input", args->grad_input);
    requireTensor("grad_modulation", args->grad_modulation);
    if (args->grad_modulation != nullptr && forward.modulation.data == nullptr) {
      fail(QLIF_INVALID_ARGUMENT, "grad_modulation: given, expected NULL: the forward call had no modulation");
    }
    for (int parameter = 0; parameter < PARAMETERS; parameter++) {
      requireNumberedTensor("grad_parameters", parameter, args->grad_parameters[parameter]);
    }
    requireState("grad_initial_state", args->grad_initial_state);
    requireStream(*held, stream);
    if (forward.tape == nullptr) {
      fail(QLIF_INVALID_ARGUMENT, "tape: got NULL, expected the one that the forward call recorded");
    }
    Held<qlif_tape> tape("tape", forward.tape);
    requireFits(*tape, *held, forward);
    if (tape->recordedFrom != forward.first_step) {
      if (tape->recordedFrom < 0) {
        fail(QLIF_INVALID_ARGUMENT, "tape: holds no forward call");
      }
      fail(QLIF_INVALID_ARGUMENT, "first_step: got %lld, expected that of the forward call on the tape, %lld",
          (long long)forward.first_step, (long long)tape->recordedFrom);
    }
    call.forward.tape = tape->storage.get();
    call.modulation = modulationSumOf(call.forward, args->grad_modulation);
    held->kernel->backward(call, stream);
  });
}

qlif_status qlif_draw(qlif_kernel *kernel, const qlif_draw_args *args, void *stream) {
  return guarded([&] {
    Held<qlif_kernel> held("kernel", kernel);
    requireGiven("args", args);
    requireSize("qlif_draw_args", args->size, sizeof *args);
    requireRange("wires", args->wires, 1, MAX_WIRES);
    requireNotNegative("elements", args->elements);
    requireShape(args->steps, 1, args->elements, args->wires);
    requireSteps(args->first_step, args->steps);
    requireOffset(args->element_offset, args->elements);
    requireTensor("uniforms", args->uniforms);
    requireTensor("normals", args->normals);
    requireStream(*held, stream);
    held->kernel->draw(*args, stream);
  });
}

qlif_status qlif_tape_open(qlif_kernel *kernel, int32_t mode, int64_t steps, int64_t batch, int64_t neurons, qlif_tape **tape) {
  return guarded([&] {
    Held<qlif_kernel> held("kernel", kernel);
    requireGiven("tape", tape);
    requireRange("mode", mode, QLIF_TAPE_VOLTAGE, QLIF_TAPE_COMPACT);
    int64_t elements = requireShape(steps, batch, neurons, 1);
    std::unique_ptr<qlif_tape> made(new qlif_tape{held->device, mode, steps, batch, neurons, -1, nullptr, false});
    made->storage = held->kernel->newTape(mode, steps, elements);
    *tape = opened(std::move(made));
  });
}

uint64_t qlif_tape_bytes(const qlif_tape *tape) {
  uint64_t bytes = 0;
  if (tape != nullptr) {
    guarded([&] {
      std::lock_guard<std::mutex> lock(registry().mutex);
      if (registry().open.count(tape) == 0) {
        fail(QLIF_INVALID_ARGUMENT, "tape: got %p, expected one that is open", (const void *)tape);
      }
      bytes = tape->storage->bytes();
    });
  }
  return bytes;
}

qlif_status qlif_tape_close(qlif_tape *tape) {
  return guarded([&] { closeObject("tape", tape, [](qlif_tape &taken) { taken.storage->release(); }); });
}

}  // extern "C"
