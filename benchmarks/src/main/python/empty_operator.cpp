// SPDX-License-Identifier: Apache-2.0
// An operator with the signature of qlif::run and its autograd that computes nothing: what PyTorch itself takes for such a call, with the memory of
// the results. torch_cost.py compiles it.
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace {

using at::Tensor;
using at::TensorList;
using OptionalTensor = std::optional<Tensor>;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Result = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;

constexpr int64_t VARIABLES = 11;

Result run(const Tensor &input, TensorList parameters, const OptionalTensor &modulation, const OptionalTensor &state,
    const Tensor &draws, const OptionalTensor &rowIndex, const OptionalTensor &uniforms, const OptionalTensor &normals,
    std::string_view config, int64_t traces, bool record) {
  const auto floats = input.options();
  return {at::empty(input.sizes(), floats.dtype(at::kBool)), at::empty(input.sizes(), floats), at::empty(input.sizes(), floats),
      at::empty({VARIABLES, input.size(1), input.size(2)}, floats), at::empty({0}, floats), at::empty({4}, draws.options()),
      at::empty({record ? 5 * input.numel() : 0}, floats.dtype(at::kByte))};
}

std::vector<Tensor> runBackward(const Tensor &input, TensorList parameters, const Tensor &tape, std::string_view config, int64_t wanted) {
  std::vector<Tensor> results{at::empty(input.sizes(), input.options())};
  for (const Tensor &parameter : parameters) {
    results.push_back(at::empty(parameter.sizes(), parameter.options()));
  }
  return results;
}

const auto &runOperator() {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("qlif_empty::run", "")
                             .typed<Result(const Tensor &, TensorList, const OptionalTensor &, const OptionalTensor &, const Tensor &,
                                 const OptionalTensor &, const OptionalTensor &, const OptionalTensor &, std::string_view, int64_t, bool)>();
  return op;
}

const auto &backwardOperator() {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("qlif_empty::run_backward", "")
                             .typed<std::vector<Tensor>(const Tensor &, TensorList, const Tensor &, std::string_view, int64_t)>();
  return op;
}

class Run : public torch::autograd::Function<Run> {
 public:
  static variable_list forward(AutogradContext *context, const Tensor &input, TensorList parameters,
      const OptionalTensor &modulation, const OptionalTensor &state, const Tensor &draws, const OptionalTensor &rowIndex,
      const OptionalTensor &uniforms, const OptionalTensor &normals, const std::string &config, int64_t traces) {
    at::AutoDispatchBelowADInplaceOrView below;
    auto [spikes, values, voltages, last, traced, next, tape] =
        runOperator().call(input, parameters, modulation, state, draws, rowIndex, uniforms, normals, config, traces, true);
    variable_list saved{input, draws, tape};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    context->save_for_backward(std::move(saved));
    context->set_materialize_grads(false);
    context->mark_non_differentiable({spikes, traced, next, tape});
    return {spikes, values, voltages, last, traced, next, tape};
  }

  static variable_list backward(AutogradContext *context, const variable_list &) {
    const variable_list saved = context->get_saved_variables();
    const std::vector<Tensor> parameters(saved.begin() + 3, saved.end());
    const std::vector<Tensor> made = backwardOperator().call(saved[0], parameters, saved[2], "", 0);
    variable_list results(parameters.size() + 10);
    for (size_t i = 0; i < made.size(); i++) {
      if (context->needs_input_grad(i)) {
        results[i] = made[i];
      }
    }
    return results;
  }
};

Result runAutograd(const Tensor &input, TensorList parameters, const OptionalTensor &modulation, const OptionalTensor &state,
    const Tensor &draws, const OptionalTensor &rowIndex, const OptionalTensor &uniforms, const OptionalTensor &normals,
    std::string_view config, int64_t traces, bool record) {
  if (at::GradMode::is_enabled() && input.requires_grad()) {
    const variable_list made =
        Run::apply(input, parameters, modulation, state, draws, rowIndex, uniforms, normals, std::string(config), traces);
    return {made[0], made[1], made[2], made[3], made[4], made[5], made[6]};
  }
  at::AutoDispatchBelowADInplaceOrView below;
  return runOperator().call(input, parameters, modulation, state, draws, rowIndex, uniforms, normals, config, traces, record);
}

}  // namespace

TORCH_LIBRARY(qlif_empty, m) {
  m.def("run(Tensor input, Tensor[] parameters, Tensor? modulation, Tensor? state, Tensor draws, Tensor? row_index, "
        "Tensor? uniforms, Tensor? normals, str config, int traces, bool record=False) -> (Tensor spikes, Tensor spike_values, "
        "Tensor voltages, Tensor state, Tensor traces, Tensor draws, Tensor tape)");
  m.def("run_backward(Tensor input, Tensor[] parameters, Tensor tape, str config, int wanted) -> Tensor[]");
}

TORCH_LIBRARY_IMPL(qlif_empty, CPU, m) {
  m.impl("run", run);
  m.impl("run_backward", runBackward);
}

TORCH_LIBRARY_IMPL(qlif_empty, Autograd, m) { m.impl("run", runAutograd); }
