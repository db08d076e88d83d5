// SPDX-License-Identifier: Apache-2.0
// What the C interface (api.cpp) needs from a device: the host (host.cpp) or CUDA (cuda.cu). Arguments have been checked before.
#ifndef QLIF_DEVICE_H
#define QLIF_DEVICE_H

#include <string.h>

#include <memory>
#include <optional>

#include "arguments.h"
#include "models.h"
#include "tables.h"

namespace qlif {

/** Thrown inside the library; the C interface turns it into a status and a text. */
struct Failure {
  qlif_status status;
  int32_t cudaError;
  char text[768];
};

/** Throws a Failure with a text formatted as by printf. */
[[noreturn]] void fail(qlif_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** A tape's memory. */
class TapeStorage {
 public:
  virtual ~TapeStorage() = default;
  virtual uint64_t bytes() const = 0;
  /** Waits for work in flight and frees the memory. Called once, before the destructor. */
  virtual void release() = 0;
};

struct ForwardCall {
  ForwardArgs args;
  int64_t elements;
  TapeStorage *tape;  // null if there is none
  Scratch scratch;
  std::optional<LinearArgs> linear;  // computes the input, which is null then
};

/** How the modulation's gradient is summed. */
struct ModulationSum {
  float *result;     // null if not wanted
  bool overTime;     // the modulation is the same at all steps
  bool overBatch;
  bool overNeurons;
  bool direct;       // the gradient has a value for each neuron-step: nothing is summed

  /** Whether there are sums at each step. A value for every neuron-step is stored first, unless the host adds them in its caches. */
  bool keepsSteps() const { return result != nullptr && !overTime && !direct; }
};

struct BackwardCall {
  BackwardArgs args;
  ForwardCall forward;
  ModulationSum modulation;
  Scratch scratch;

  bool sumsOverNeurons(int parameter) const {
    return (forward.args.per_neuron_parameters >> parameter & 1) == 0 || forward.args.neurons == 1;
  }
};

/** A part of a result that needs no arithmetic. */
struct Piece {
  void *to;
  const void *from;  // null for zeros
  size_t bytes;      // more than 0
};

/** A kernel on one device; one call at a time. Except for forward(), calls have at least one neuron-step. */
class DeviceKernel {
 public:
  virtual ~DeviceKernel() = default;
  virtual void describe(char *text, size_t length) = 0;
  /** Refuses illegal parameters, if the calling thread can read them. */
  virtual void requireParameters(const ForwardArgs &) {}
  virtual void reserve(int64_t steps, int64_t batch, int64_t neurons, bool modulationSteps) = 0;
  /** The call has at least one element; without steps, passes the state on. */
  virtual void forward(const ForwardCall &call, void *stream) = 0;
  virtual void backward(const BackwardCall &call, void *stream) = 0;
  virtual void draw(const DrawArgs &args, void *stream) = 0;
  virtual void put(const Piece *pieces, int count, void *stream) = 0;
  /** type: that of the V' on the tape. */
  virtual uint64_t tapeBytes(int mode, int32_t type, int64_t steps, int64_t elements) = 0;
  virtual std::unique_ptr<TapeStorage> newTape(int mode, int32_t type, int64_t steps, int64_t elements) = 0;
  /** A tape in the caller's memory; touches no device. */
  virtual std::unique_ptr<TapeStorage> lentTape(int mode, int32_t type, int64_t steps, int64_t elements, void *memory) = 0;
  /** What backward calls of a shape need at most, and what a particular one needs; forward calls need nothing. */
  virtual uint64_t scratchBytes(int64_t steps, int64_t batch, int64_t neurons, bool modulationSteps) = 0;
  virtual uint64_t backwardScratch(const BackwardCall &call) = 0;
  /** Waits for work in flight and frees what the kernel holds. Called once, before the destructor. */
  virtual void release() = 0;
};

/** A configuration as kernels need it, made when a kernel is opened. Of the models' own parts, only that of `model` is set. */
struct ModelConfig {
  int32_t model;     // QLIF_MODEL_
  int32_t uniforms;  // drawn per step
  bool normals;      // whether a step draws one
  QlifOptions options;   // QLIF
  QlifConstants constants;
  LifConstants lif;  // LIF

  const Model &table() const { return MODELS[model]; }

  /** Whether kernels of both configurations compute the same. */
  bool operator==(const ModelConfig &other) const {
    return model == other.model && uniforms == other.uniforms && normals == other.normals && options.bits == other.options.bits &&
           memcmp(&constants, &other.constants, sizeof constants) == 0 && memcmp(&lif, &other.lif, sizeof lif) == 0;
  }
};

[[noreturn]] void failModel(int32_t model);

/** A configuration of any model. */
union AnyConfig {
  qlif_config header;
  qlif_qlif_config qlif;
  qlif_lif_config lif;
};

qlif_qlif_config qlifDefaults();
qlif_lif_config lifDefaults();
/** The QLIF preset of this name; fails if there is none. */
qlif_qlif_config qlifPreset(const char *name);
/** A model's default configuration. */
AnyConfig defaultsOf(int32_t model);

/** Refuses an illegal configuration, naming the option and its value. Must be called in a FloatEnvironment, like the next one. */
ModelConfig modelConfigOf(const AnyConfig &config);
/** The start value of a parameter, whose number must be valid. */
float parameterDefault(const AnyConfig &config, int32_t parameter);

/** The float32 numbers that kernels compute with, by name. */
int32_t constantCount(int32_t model);
const char *constantName(int32_t model, int32_t index);
float constantValue(const ModelConfig &config, int32_t index);

std::unique_ptr<DeviceKernel> openHostKernel(const ModelConfig &config, int threads, int64_t spinNanos);
void describeHost(qlif_device_info &info);

std::unique_ptr<DeviceKernel> openCudaKernel(int device, const ModelConfig &config);
void describeCuda(int device, qlif_device_info &info);
int countCudaDevices();

constexpr int64_t wordsOf(int64_t elements) { return elements / 64 + (elements % 64 != 0); }

/** Checkpoints on a tape: the state before every SEGMENT-th step but the first. */
constexpr int64_t checkpointsOf(int64_t steps) { return steps == 0 ? 0 : (steps - 1) / SEGMENT; }

}  // namespace qlif

#endif
