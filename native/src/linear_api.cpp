// SPDX-License-Identifier: Apache-2.0
// The C interface of the linear layer: handles and checks of arguments.
#include "interface.h"
#include "linear.h"

namespace qlif {
namespace {

struct OpenLinear : Handled {
  using Handle = qlif_linear *;
  static constexpr Kind KIND = Kind::LINEAR;

  const int device;
  const std::unique_ptr<LinearDevice> linear;

  OpenLinear(int device, std::unique_ptr<LinearDevice> linear) : device(device), linear(std::move(linear)) {}

  void requireStream(const void *stream) const {
    if (device == QLIF_HOST) {
      requireNoStream(stream);
    }
  }
};

/** Checks the input, if there is any and it is read. */
void requireInput(const LinearArgs &args, bool read) {
  const size_t alignment = args.inputType == QLIF_INPUT_BIT ? alignof(uint64_t) : args.inputType == QLIF_INPUT_U8 ? 1 : alignof(float);
  if (read && args.steps * args.batch * args.inputs > 0) {
    requireGiven("input", args.input);
  }
  requireAligned("input", args.input, alignment);
}

}  // namespace

LinearArgs linearArgsOf(const qlif_linear_forward_args &given) {
  requireRange("input_type", given.input_type, QLIF_INPUT_F32, QLIF_INPUT_BIT);
  requireNotNegative("steps", given.steps);
  requireNotNegative("batch", given.batch);
  requireNotNegative("inputs", given.inputs);
  requireNotNegative("outputs", given.outputs);
  const int64_t rows = product("steps * batch", given.steps, given.batch);
  constexpr int64_t FLOAT = sizeof(float);
  product("steps * batch * inputs", product("steps * batch * inputs", rows, given.inputs), FLOAT);
  product("batch * inputs", product("batch * inputs", given.batch, given.inputs), FLOAT);
  product("steps * batch * outputs", product("steps * batch * outputs", rows, given.outputs), FLOAT);
  product("batch * outputs", product("batch * outputs", given.batch, given.outputs), FLOAT);
  product("inputs * outputs", product("inputs * outputs", given.inputs, given.outputs), FLOAT);
  LinearArgs args{};
  args.steps = given.steps;
  args.batch = given.batch;
  args.inputs = given.inputs;
  args.outputs = given.outputs;
  args.inputType = given.input_type;
  args.input = given.input;
  args.weights = given.weights;
  args.bias = given.bias;
  args.output = given.output;
  args.rows = given.batch;
  args.columns = given.outputs;
  args.outputStep = given.batch * given.outputs;
  args.outputRow = given.outputs;
  return args;
}

void requireLinearInputs(const LinearArgs &args) {
  const int64_t outputs = args.steps * args.batch * args.outputs;
  requireInput(args, outputs > 0);
  requireTensor("weights", args.weights, outputs > 0 ? args.inputs : 0);
  requireTensor("bias", args.bias);
}

}  // namespace qlif

using namespace qlif;

extern "C" {

qlif_status qlif_linear_open(int32_t device, const qlif_kernel_options *given, qlif_linear **linear) {
  return guarded([&] {
    requireGiven("linear", linear);
    requireRange("device", device, QLIF_HOST, INT32_MAX);
    const qlif_kernel_options options = optionsOf(given);
    *linear = opened(std::make_unique<OpenLinear>(
        device, device == QLIF_HOST ? openHostLinear(threadsOf(options), spinOf(options)) : openCudaLinear(device)));
  });
}

qlif_status qlif_linear_close(qlif_linear *linear) {
  return guarded([&] { closeObject<OpenLinear>("linear", linear, [](OpenLinear &taken) { taken.linear->release(); }); });
}

qlif_status qlif_linear_describe(qlif_linear *linear, char *text, size_t length) {
  return guarded([&] {
    requireText(text, length);
    Held<OpenLinear>("linear", linear)->linear->describe(text, length);
  });
}

qlif_status qlif_linear_forward(qlif_linear *linear, const qlif_linear_forward_args *given, void *stream) {
  return guarded([&] {
    Held<OpenLinear> held("linear", linear);
    requireGiven("args", given);
    const LinearArgs args = linearArgsOf(readStruct("qlif_linear_forward_args", given));
    requireLinearInputs(args);
    requireTensor("output", args.output, args.steps * args.batch * args.outputs);
    held->requireStream(stream);
    held->linear->forward(args, stream);
  });
}

qlif_status qlif_linear_backward(qlif_linear *linear, const qlif_linear_backward_args *given, void *stream) {
  return guarded([&] {
    Held<OpenLinear> held("linear", linear);
    requireGiven("args", given);
    const qlif_linear_backward_args read = readStruct("qlif_linear_backward_args", given);
    requireRange("grad_output_shared", read.grad_output_shared, 0, 1);
    requireGiven("forward", read.forward);
    LinearArgs args = linearArgsOf(readStruct("qlif_linear_forward_args", read.forward));
    args.gradOutput = read.grad_output;
    args.gradOutputShared = read.grad_output_shared != 0;
    args.gradWeights = read.grad_weights;
    args.gradBias = read.grad_bias;
    args.gradInput = read.grad_input;
    const int64_t outputs = args.steps * args.batch * args.outputs;
    const bool any = args.gradWeights != nullptr || args.gradBias != nullptr || args.gradInput != nullptr;
    requireInput(args, outputs > 0 && args.gradWeights != nullptr);
    requireTensor("weights", args.weights, args.gradInput != nullptr && outputs > 0 ? args.inputs : 0);
    requireTensor("grad_output", args.gradOutput, any ? outputs : 0);
    requireTensor("grad_weights", args.gradWeights);
    requireTensor("grad_bias", args.gradBias);
    requireTensor("grad_input", args.gradInput);
    held->requireStream(stream);
    held->linear->backward(args, stream);
  });
}

}  // extern "C"
