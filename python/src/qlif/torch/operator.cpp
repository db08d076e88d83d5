// SPDX-License-Identifier: Apache-2.0
// The operators of qlif.torch, over the C interface of libqlif.so: qlif::run, all time steps forward, with its autograd;
// qlif::run_backward; qlif::linear, a product with spikes; qlif::start and qlif::next_run, where the draws of a run begin;
// qlif::fresh_state, where its state begins; qlif::move_statistics and qlif::batch_sums, for what runs carry to the next.
//
// Compiled against the PyTorch that is installed (_build.py), with no CUDA headers: what differs on a GPU goes through c10.
// _operators.py has the schemas, and the same operators in Python.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/FuncTorchTLS.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/library.h>

#include "qlif.h"

namespace {

using at::Tensor;
using at::TensorList;
using OptionalTensor = std::optional<Tensor>;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

// ---------------------------------------------------------------- the library

#define QLIF_FUNCTIONS(X)                                                                                               \
  X(qlif_abi_version) X(qlif_last_error) X(qlif_model) X(qlif_option) X(qlif_choice_name) X(qlif_qlif_defaults)         \
  X(qlif_lif_defaults) X(qlif_kernel_open) X(qlif_kernel_close) X(qlif_scratch_bytes) X(qlif_forward) X(qlif_backward)  \
  X(qlif_tape_bytes_for) X(qlif_tape_open_in) X(qlif_tape_close) X(qlif_linear_open) X(qlif_linear_forward)              \
  X(qlif_linear_backward)

struct Library {
#define QLIF_FIELD(name) decltype(&::name) name = nullptr;
  QLIF_FUNCTIONS(QLIF_FIELD)
#undef QLIF_FIELD
};

Library library;

void check(qlif_status status) {
  if (status == QLIF_SUCCESS) {
    return;
  }
  const char *text = library.qlif_last_error();
  TORCH_CHECK_VALUE(status != QLIF_INVALID_ARGUMENT, text);
  TORCH_CHECK_WITH(OutOfMemoryError, status != QLIF_OUT_OF_MEMORY, text);
  TORCH_CHECK(false, "qlif: ", text, " (status ", status, ")");
}

// ---------------------------------------------------------------- configurations

/** A configuration, read from its text, and what calls need to know of it. */
struct Config {
  std::vector<uint64_t> words;  // of the struct
  int32_t variables = 0;
  int32_t parameters = 0;
  int32_t traces = 0;
  bool modulation = false;
  int64_t wires = 0;
  bool normals = false;

  const qlif_config *header() const { return (const qlif_config *)words.data(); }
  int32_t tapeMode() const { return normals ? QLIF_TAPE_VOLTAGE : QLIF_TAPE_COMPACT; }
};

class ConfigReader {
 public:
  explicit ConfigReader(const std::string &text) {
    size_t at = 0;
    const std::string model = word(text, at);
    TORCH_CHECK_VALUE(model == "QLIF" || model == "LIF", "config: got the model '", model, "', expected QLIF or LIF");
    model_ = model == "QLIF" ? QLIF_MODEL_QLIF : QLIF_MODEL_LIF;
    qlif_model_info info{};
    info.size = sizeof info;
    check(library.qlif_model(model_, &info));
    config_.words.assign((info.config_size + 7) / 8, 0);
    config_.variables = info.state_variables;
    config_.parameters = info.parameters;
    config_.traces = info.traces;
    config_.modulation = info.modulation != 0;
    check(model_ == QLIF_MODEL_QLIF ? library.qlif_qlif_defaults((qlif_qlif_config *)config_.words.data(), info.config_size)
                                    : library.qlif_lif_defaults((qlif_lif_config *)config_.words.data(), info.config_size));
    for (std::string setting = word(text, at); !setting.empty(); setting = word(text, at)) {
      const size_t equals = setting.find('=');
      TORCH_CHECK_VALUE(equals != std::string::npos, "config: got '", setting, "', expected NAME=VALUE");
      set(info.options, setting.substr(0, equals), setting.substr(equals + 1));
    }
    if (model_ == QLIF_MODEL_QLIF) {
      const auto &c = *(const qlif_qlif_config *)config_.words.data();
      config_.normals = c.stochastic != 0 && c.noise_std > 0;
      const bool drawn = c.decision == QLIF_DECISION_QUBIT ? c.readout != QLIF_READOUT_EXPECTATION
                                                           : c.decision == QLIF_DECISION_SIGMOID && c.sampling == QLIF_SAMPLING_DRAW;
      const bool multi = c.decision == QLIF_DECISION_QUBIT && c.readout == QLIF_READOUT_MULTI_QUBIT;
      config_.wires = !drawn ? 0 : multi ? c.quantum_wires : 1;
    }
  }

  Config take() { return std::move(config_); }

 private:
  static std::string word(const std::string &text, size_t &at) {
    const size_t begin = text.find_first_not_of(' ', at);
    if (begin == std::string::npos) {
      return "";
    }
    at = std::min(text.find(' ', begin), text.size());
    return text.substr(begin, at - begin);
  }

  void set(int32_t options, const std::string &name, const std::string &value) {
    qlif_option_info option{};
    for (int32_t i = 0; i < options; i++) {
      option.size = sizeof option;
      check(library.qlif_option(model_, i, &option));
      if (name == option.name) {
        char *field = (char *)config_.words.data() + option.offset;
        if (option.kind == QLIF_KIND_REAL) {
          const double number = value == "derived" ? std::nan("") : real(option, value);
          std::memcpy(field, &number, sizeof number);
        } else {
          const int32_t number = whole(i, option, value);
          std::memcpy(field, &number, sizeof number);
        }
        return;
      }
    }
    TORCH_CHECK_VALUE(false, "config: got the option '", name, "', which this library does not have");
  }

  static double real(const qlif_option_info &option, const std::string &value) {
    char *end = nullptr;
    const double number = std::strtod(value.c_str(), &end);
    TORCH_CHECK_VALUE(!value.empty() && end == value.c_str() + value.size(), option.name, ": got '", value, "', expected a number");
    return number;
  }

  int32_t whole(int32_t index, const qlif_option_info &option, const std::string &value) const {
    if (option.kind == QLIF_KIND_BOOLEAN) {
      TORCH_CHECK_VALUE(value == "true" || value == "false", option.name, ": got '", value, "', expected true or false");
      return value == "true";
    }
    if (option.kind == QLIF_KIND_INTEGER) {
      const double number = real(option, value);
      TORCH_CHECK_VALUE(number == (int32_t)number, option.name, ": got '", value, "', expected a whole number");
      return (int32_t)number;
    }
    for (int32_t choice = 0; choice < option.choices; choice++) {
      if (value == library.qlif_choice_name(model_, index, choice)) {
        return choice;
      }
    }
    TORCH_CHECK_VALUE(false, option.name, ": got '", value, "', which this library does not have");
  }

  int32_t model_ = 0;
  Config config_;
};

// ---------------------------------------------------------------- kernels

/** What calls of a configuration on a device with so many threads need. */
struct Purpose {
  Config config;
  int32_t device = QLIF_HOST;
  int32_t threads = 0;
};

/** A kernel that nobody uses. A kernel serves one call at a time, so each call that runs takes one. */
struct Idle {
  const Purpose *purpose;
  qlif_kernel *kernel;
};

/** How long a kernel's helpers spin for the next call: longer than PyTorch takes between a forward and a backward call, some 50 microseconds. */
constexpr int64_t SPIN_NANOS = 100'000;

/** More idle kernels than this, such as after a search through many configurations, are closed, those first that were used longest ago. */
constexpr size_t KEPT = 64;

std::mutex mutex;  // of what follows, and of idle linear layers

// Never freed: a kernel may be in a call while the process ends.
std::unordered_map<std::string, std::unique_ptr<Purpose>> &purposes() {
  static auto *all = new std::unordered_map<std::string, std::unique_ptr<Purpose>>();
  return *all;
}

std::vector<Idle> &idleKernels() {
  static auto *all = new std::vector<Idle>();
  return *all;
}

class Lease {
 public:
  Lease(const std::string &config, const c10::Device &device) {
    const int32_t number = device.is_cpu() ? QLIF_HOST : device.index();
    const int32_t threads = device.is_cpu() ? std::min(at::get_num_threads(), 1024) : 1;
    std::string key = config;
    key.append((const char *)&number, sizeof number).append((const char *)&threads, sizeof threads);
    {
      std::lock_guard<std::mutex> lock(mutex);
      std::unique_ptr<Purpose> &purpose = purposes()[key];
      if (purpose == nullptr) {
        auto made = std::make_unique<Purpose>();
        made->config = ConfigReader(config).take();
        made->device = number;
        made->threads = threads;
        purpose = std::move(made);
      }
      purpose_ = purpose.get();
      std::vector<Idle> &idle = idleKernels();
      for (size_t i = idle.size(); i-- > 0;) {
        if (idle[i].purpose == purpose_) {
          kernel_ = idle[i].kernel;
          idle.erase(idle.begin() + (std::ptrdiff_t)i);
          break;
        }
      }
    }
    if (kernel_ == nullptr) {
      qlif_kernel_options options{};
      options.size = sizeof options;
      options.threads = purpose_->threads;
      options.spin_nanos = SPIN_NANOS;
      check(library.qlif_kernel_open(number, purpose_->config.header(), &options, &kernel_));
    }
  }

  ~Lease() {
    if (kernel_ == nullptr) {
      return;
    }
    qlif_kernel *oldest = nullptr;
    {
      std::lock_guard<std::mutex> lock(mutex);
      std::vector<Idle> &idle = idleKernels();
      idle.push_back({purpose_, kernel_});
      if (idle.size() > KEPT) {
        oldest = idle.front().kernel;
        idle.erase(idle.begin());
      }
    }
    if (oldest != nullptr) {
      library.qlif_kernel_close(oldest);
    }
  }

  Lease(const Lease &) = delete;
  Lease &operator=(const Lease &) = delete;

  const Config &config() const { return purpose_->config; }
  qlif_kernel *kernel() const { return kernel_; }

 private:
  const Purpose *purpose_ = nullptr;
  qlif_kernel *kernel_ = nullptr;
};


// ---------------------------------------------------------------- memory of results

/**
 * Memory of results on the host; of large ones in large pages where the system has them. What is freed is kept for the next call: of large results
 * the system would take it back, and hand out new pages, one page fault for 4 KiB; of small ones the C library would look for a place for each
 * anew, since it keeps no lists of aligned memory.
 */
class ResultMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void *data = bytes == 0 ? nullptr : take(bytes);
    return {data, data, &give, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &give; }

  void copy_data(void *to, const void *from, size_t bytes) const override { default_copy_data(to, from, bytes); }

  static void lock() {
    small().mutex.lock();
    large().mutex.lock();
  }

  static void unlock() {
    large().mutex.unlock();
    small().mutex.unlock();
  }

 private:
  /** Stands before the data, in memory of its own alignment. */
  struct alignas(64) Block {
    size_t bytes;
  };

  /** A block beside its size, so that a search does not touch the blocks. */
  struct Freed {
    size_t bytes;
    Block *block;
  };

  /** Freed blocks, the one that was freed last at the end: at most `mostBytes` bytes and `most` blocks. */
  struct Blocks {
    Blocks(size_t bytes, size_t count) : mostBytes(bytes), most(count) {}

    const size_t mostBytes;
    const size_t most;
    std::mutex mutex;
    std::vector<Freed> freed;
    size_t bytes = 0;
  };

  static constexpr size_t LARGE = 128 << 10;
  static constexpr size_t HUGE_PAGE = 2 << 20;

  // Never freed: tensors may end after this library's statics.
  static Blocks &small() {
    static auto *all = new Blocks(1 << 20, 64);
    return *all;
  }

  static Blocks &large() {
    static auto *all = new Blocks(256 << 20, SIZE_MAX);
    return *all;
  }

  static Blocks &blocksOf(size_t bytes) { return bytes < LARGE ? small() : large(); }

  static void *take(size_t bytes) {
    const size_t unit = bytes < LARGE ? alignof(Block) : 4096;
    bytes = (bytes + unit - 1) / unit * unit;
    {
      Blocks &kept = blocksOf(bytes);
      std::lock_guard<std::mutex> lock(kept.mutex);
      for (size_t i = kept.freed.size(); i-- > 0;) {
        const Freed freed = kept.freed[i];
        if (freed.bytes >= bytes && freed.bytes - bytes <= bytes / 4) {
          kept.freed.erase(kept.freed.begin() + (std::ptrdiff_t)i);
          kept.bytes -= freed.bytes;
          return freed.block + 1;
        }
      }
    }
    void *memory = nullptr;
    const bool huge = bytes >= HUGE_PAGE;
    TORCH_CHECK_WITH(OutOfMemoryError, posix_memalign(&memory, huge ? HUGE_PAGE : alignof(Block), sizeof(Block) + bytes) == 0, "qlif: ",
        "can't allocate ", bytes, " bytes for a result");
#ifdef MADV_HUGEPAGE
    // A kernel goes through some arrays side by side, a row of each at a time: in small pages, each row is another address to translate.
    // If the system doesn't give large ones, small ones do.
    if (huge) {
      madvise(memory, sizeof(Block) + bytes, MADV_HUGEPAGE);
    }
#endif
    return new (memory) Block{bytes} + 1;
  }

  static void give(void *data) {
    Block *block = (Block *)data - 1;
    std::vector<Freed> dropped;
    {
      Blocks &kept = blocksOf(block->bytes);
      std::lock_guard<std::mutex> lock(kept.mutex);
      kept.freed.push_back({block->bytes, block});
      kept.bytes += block->bytes;
      size_t first = 0;
      for (; kept.bytes > kept.mostBytes || kept.freed.size() - first > kept.most; first++) {
        kept.bytes -= kept.freed[first].bytes;
      }
      if (first > 0) {
        dropped.assign(kept.freed.begin(), kept.freed.begin() + (std::ptrdiff_t)first);
        kept.freed.erase(kept.freed.begin(), kept.freed.begin() + (std::ptrdiff_t)first);
      }
    }
    for (const Freed &each : dropped) {
      std::free(each.block);
    }
  }
};

/**
 * As at::empty; on the host without the dispatcher, through which a call would go for each of its results, and from memory that is kept, unless a
 * profiler counts what is allocated.
 */
Tensor emptyResult(at::IntArrayRef shape, const c10::Device &device, at::ScalarType type) {
  static auto *memory = new ResultMemory();
  if (!device.is_cpu() || c10::memoryProfilingEnabled()) {
    return at::empty(shape, at::TensorOptions().device(device).dtype(type));
  }
  return at::detail::empty_generic(shape, memory, c10::DispatchKeySet(c10::DispatchKey::CPU), type, std::nullopt);
}

void lockAll() {
  mutex.lock();
  ResultMemory::lock();
}

void unlockAll() {
  ResultMemory::unlock();
  mutex.unlock();
}

// ---------------------------------------------------------------- arguments

const uint64_t NOTHING[2] = {};

/** Where a tensor's values are; never null, even where there are none. */
template <class T>
T *dataOf(const Tensor &tensor) {
  return tensor.numel() == 0 ? (T *)NOTHING : (T *)tensor.data_ptr();
}

struct Shape {
  int64_t steps;
  int64_t batch;
  int64_t neurons;

  std::array<int64_t, 3> run() const { return {steps, batch, neurons}; }
  int64_t elements() const { return batch * neurons; }
};

void requireOn(const char *name, const Tensor &tensor, const Tensor &input, at::ScalarType type = at::kFloat) {
  TORCH_CHECK_VALUE(tensor.layout() == at::kStrided, name, ": got a tensor of layout ", tensor.layout(), ", expected a dense one");
  TORCH_CHECK_VALUE(tensor.device() == input.device(), name, ": got a tensor on ", tensor.device(), ", expected one on ",
      input.device(), ", where the input is");
  TORCH_CHECK_VALUE(tensor.scalar_type() == type, name, ": got ", tensor.scalar_type(), ", expected ", type);
}

void requireShape(const char *name, const Tensor &tensor, at::IntArrayRef shape) {
  TORCH_CHECK_VALUE(tensor.sizes() == shape, name, ": got the shape ", tensor.sizes(), ", expected ", shape);
}

/** What the library calls the type of numbers; of others, that of float32. */
int32_t typeOf(at::ScalarType type) {
  switch (type) {
    case at::kHalf:
      return QLIF_TYPE_F16;
    case at::kBFloat16:
      return QLIF_TYPE_BF16;
    default:
      return QLIF_TYPE_F32;
  }
}

int32_t typeOf(const Tensor &numbers) { return typeOf(numbers.scalar_type()); }

using OptionalType = std::optional<at::ScalarType>;

/** The type of spike values, of their gradient and of the potentials on a tape. */
at::ScalarType valuesType(OptionalType asked) {
  const at::ScalarType type = asked.value_or(at::kFloat);
  TORCH_CHECK_VALUE(type == at::kFloat || type == at::kHalf || type == at::kBFloat16, "dtype: got ", type,
      ", expected Float, Half or BFloat16");
  return type;
}

Shape shapeOf(const Tensor &input) {
  requireOn("input", input, input, typeOf(input) == QLIF_TYPE_F32 ? at::kFloat : input.scalar_type());
  TORCH_CHECK_VALUE(input.dim() == 3, "input: got the shape ", input.sizes(), ", expected (T, B, N)");
  return {input.size(0), input.size(1), input.size(2)};
}

/** Whether a state of one row starts all the rows of a run. */
bool isShared(const Tensor &state, int64_t batch) { return batch != 1 && state.dim() == 3 && state.size(1) == 1; }

/** A forward call's inputs as the library takes them, and the contiguous tensors that they are in. */
struct Call {
  Shape shape;
  qlif_forward_args args{};
  std::vector<Tensor> keep;

  const Tensor &kept(const Tensor &tensor) {
    keep.push_back(tensor.contiguous());
    return keep.back();
  }
};

Call callOf(const Config &config, const Tensor &input, TensorList parameters, const OptionalTensor &modulation,
    const OptionalTensor &state, const Tensor &draws, const OptionalTensor &rowIndex, const OptionalTensor &uniforms,
    const OptionalTensor &normals) {
  Call call;
  call.shape = shapeOf(input);
  call.keep.reserve(7 + parameters.size());
  const auto [steps, batch, neurons] = call.shape;
  qlif_forward_args &args = call.args;
  args.size = sizeof args;
  args.steps = steps;
  args.batch = batch;
  args.neurons = neurons;
  args.input = dataOf<void>(call.kept(input));
  args.input_type = typeOf(input);

  TORCH_CHECK_VALUE(draws.device().is_cpu() && draws.scalar_type() == at::kLong && draws.dim() == 1 && draws.size(0) == 4,
      "draws: got ", draws.scalar_type(), " of shape ", draws.sizes(), " on ", draws.device(),
      ", expected 4 numbers of int64 on the CPU: seed, stream, first step, element offset");
  const Tensor &numbers = call.kept(draws);
  const int64_t *number = numbers.const_data_ptr<int64_t>();
  args.seed = (uint64_t)number[0];
  args.stream = (uint32_t)number[1];
  args.first_step = number[2];
  args.element_offset = number[3];

  TORCH_CHECK_VALUE((int64_t)parameters.size() == config.parameters, "parameters: got ", parameters.size(), ", expected ",
      config.parameters);
  for (int32_t i = 0; i < config.parameters; i++) {
    const Tensor &parameter = parameters[i];
    requireOn("parameters", parameter, input);
    const bool own = parameter.dim() == 1 && parameter.size(0) == neurons && neurons != 1;
    TORCH_CHECK_VALUE(own || (parameter.dim() <= 1 && parameter.numel() == 1), "parameters[", i, "]: got the shape ",
        parameter.sizes(), ", expected (", neurons, ",), (1,) or ()");
    args.per_neuron_parameters |= (uint32_t)own << i;
    args.parameters[i] = dataOf<float>(call.kept(parameter));
  }
  if (modulation.has_value()) {
    const Tensor &m = *modulation;
    TORCH_CHECK_VALUE(config.modulation, "modulation: got a tensor, expected none: this model takes no modulation");
    requireOn("modulation", m, input);
    const int64_t extents[3] = {steps, batch, neurons};
    int64_t strides[3] = {};
    bool fits = m.dim() <= 3;
    int64_t stride = 1;
    for (int64_t axis = 0; fits && axis < m.dim(); axis++) {
      const int64_t extent = m.size(m.dim() - 1 - axis);
      fits = extent == 1 || extent == extents[2 - axis];
      strides[2 - axis] = extent == 1 ? 0 : stride;
      stride *= extent;
    }
    TORCH_CHECK_VALUE(fits, "modulation: got the shape ", m.sizes(), ", expected one that broadcasts to ", input.sizes());
    args.modulation = {dataOf<float>(call.kept(m)), strides[0], strides[1], strides[2]};
  }
  if (state.has_value()) {
    requireOn("state", *state, input);
    args.initial_state_shared = isShared(*state, batch);
    requireShape("state", *state, {config.variables, args.initial_state_shared ? 1 : batch, neurons});
    const int64_t stride = args.initial_state_shared ? neurons : call.shape.elements();
    float *first = dataOf<float>(call.kept(*state));
    for (int32_t i = 0; i < config.variables; i++) {
      args.initial_state[i] = first + i * stride;
    }
  }
  if (rowIndex.has_value()) {
    requireOn("row_index", *rowIndex, input, at::kLong);
    requireShape("row_index", *rowIndex, {batch});
    args.row_index = dataOf<uint64_t>(call.kept(*rowIndex));
    args.element_offset = 0;
  }
  if (uniforms.has_value()) {
    TORCH_CHECK_VALUE(config.wires > 0, "uniforms: got a tensor, expected none: this configuration draws none");
    requireOn("uniforms", *uniforms, input);
    if (config.wires > 1 || uniforms->dim() != 3) {
      requireShape("uniforms", *uniforms, {steps, config.wires, batch, neurons});
    } else {
      requireShape("uniforms", *uniforms, call.shape.run());
    }
    args.uniforms = dataOf<float>(call.kept(*uniforms));
  }
  if (normals.has_value()) {
    TORCH_CHECK_VALUE(config.normals, "normals: got a tensor, expected none: this configuration draws none");
    requireOn("normals", *normals, input);
    requireShape("normals", *normals, call.shape.run());
    args.normals = dataOf<float>(call.kept(*normals));
  }
  return call;
}

/** The stream that a call on this device goes to; null on the host. */
void *streamOf(const c10::Device &device) {
  return device.is_cpu() ? nullptr : c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
}

/** Scratch memory for a call on a GPU, where a kernel's calls may be on several streams; nothing on the host. */
Tensor scratchFor(const Lease &lease, const Shape &shape, const Tensor &input) {
  uint64_t bytes = 0;
  if (!input.device().is_cpu()) {
    check(library.qlif_scratch_bytes(lease.kernel(), shape.steps, shape.batch, shape.neurons, 1, &bytes));
  }
  return bytes == 0 ? Tensor() : at::empty({(int64_t)bytes}, input.options().dtype(at::kByte));
}

/** The bytes of a tape: what the library says, or a little more on a GPU. _operators.py has the same formula, for shapes that are symbols. */
int64_t tapeBytes(const Config &config, const Shape &shape, bool host, at::ScalarType type) {
  const int64_t elements = shape.elements();
  const int64_t checkpoints = std::max<int64_t>((shape.steps + QLIF_SEGMENT - 1) / QLIF_SEGMENT - 1, 0);
  // Of an element.
  const int64_t kept = (config.normals ? shape.steps * (int64_t)c10::elementSize(type) : 0) + 4 * checkpoints * config.variables;
  if (host) {
    const int64_t words = (elements + 63) / 64;
    return words * (64 * kept + 8 * shape.steps);
  }
  return elements * (kept + 4 * ((shape.steps + 31) / 32)) + 768;
}

/** A tape in a tensor's memory. */
class Tape {
 public:
  Tape(const Lease &lease, const Shape &shape, const Tensor &memory, at::ScalarType type, bool recorded) {
    const uint64_t bytes = (uint64_t)memory.numel();
    uint64_t least = 0;
    check(library.qlif_tape_bytes_for(
        lease.kernel(), lease.config().tapeMode(), typeOf(type), shape.steps, shape.batch, shape.neurons, &least));
    TORCH_CHECK_VALUE(memory.scalar_type() == at::kByte && memory.is_contiguous() && bytes >= least, "tape: got ", bytes,
        " bytes, expected at least ", least);
    check(library.qlif_tape_open_in(lease.kernel(), lease.config().tapeMode(), typeOf(type), shape.steps, shape.batch,
        shape.neurons, least == 0 ? nullptr : memory.data_ptr(), least == 0 ? 0 : bytes, recorded, &tape_));
  }
  ~Tape() { library.qlif_tape_close(tape_); }
  Tape(const Tape &) = delete;
  Tape &operator=(const Tape &) = delete;

  qlif_tape *get() const { return tape_; }

 private:
  qlif_tape *tape_ = nullptr;
};

// ---------------------------------------------------------------- run

using RunResult = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;

RunResult run(const Tensor &input, TensorList parameters, const OptionalTensor &modulation, const OptionalTensor &state,
    const Tensor &draws, const OptionalTensor &rowIndex, const OptionalTensor &uniforms, const OptionalTensor &normals,
    std::string_view config, int64_t traces, bool record, OptionalType dtype) {
  const at::ScalarType type = valuesType(dtype);
  Lease lease(std::string(config), input.device());
  Call call = callOf(lease.config(), input, parameters, modulation, state, draws, rowIndex, uniforms, normals);
  const Shape &shape = call.shape;
  qlif_forward_args &args = call.args;
  const c10::Device device = input.device();
  TORCH_CHECK_VALUE(traces >= 0 && traces >> lease.config().traces == 0, "traces: got ", traces, ", expected bits of ",
      lease.config().traces, " traces");

  Tensor spikes = emptyResult(shape.run(), device, at::kBool);
  Tensor values = emptyResult(shape.run(), device, type);
  Tensor voltages = emptyResult(shape.run(), device, at::kFloat);
  Tensor last = emptyResult({lease.config().variables, shape.batch, shape.neurons}, device, at::kFloat);
  Tensor traced = emptyResult({__builtin_popcountll((uint64_t)traces), shape.steps, shape.batch, shape.neurons}, device, at::kFloat);
  Tensor next = emptyResult({4}, draws.device(), at::kLong);
  Tensor tape = emptyResult({record ? tapeBytes(lease.config(), shape, device.is_cpu(), type) : 0}, device, at::kByte);

  args.spikes_u8 = dataOf<uint8_t>(spikes);
  args.spike_values = dataOf<void>(values);
  args.spike_value_type = typeOf(type);
  args.voltages = dataOf<float>(voltages);
  for (int32_t i = 0; i < lease.config().variables; i++) {
    args.final_state[i] = dataOf<float>(last) + i * shape.elements();
  }
  int64_t row = 0;
  for (int32_t i = 0; i < lease.config().traces; i++) {
    if (traces >> i & 1) {
      args.traces[i] = dataOf<float>(traced) + row++ * shape.steps * shape.elements();
    }
  }
  Tensor scratch = scratchFor(lease, shape, input);
  if (scratch.defined()) {
    args.scratch = dataOf<char>(scratch);
    args.scratch_bytes = (uint64_t)scratch.numel();
  }
  {
    std::optional<Tape> taped;
    if (record) {
      taped.emplace(lease, shape, tape, type, false);
      args.tape = taped->get();
    }
    check(library.qlif_forward(lease.kernel(), &args, streamOf(input.device())));
  }
  int64_t *number = next.mutable_data_ptr<int64_t>();
  std::memcpy(number, draws.const_data_ptr<int64_t>(), 4 * sizeof *number);
  number[2] += shape.steps;
  return {std::move(spikes), std::move(values), std::move(voltages), std::move(last), std::move(traced), std::move(next), std::move(tape)};
}

enum Wanted { INPUT = 1, MODULATION = 2, STATE = 4, PARAMETERS = 8 };

std::vector<Tensor> runBackward(const OptionalTensor &gradSpikeValues, const OptionalTensor &gradVoltages,
    const OptionalTensor &gradState, const Tensor &input, TensorList parameters, const OptionalTensor &modulation,
    const OptionalTensor &state, const Tensor &draws, const OptionalTensor &rowIndex, const OptionalTensor &uniforms,
    const OptionalTensor &normals, const Tensor &tape, std::string_view config, int64_t wanted, OptionalType dtype) {
  const at::ScalarType type = valuesType(dtype);
  Lease lease(std::string(config), input.device());
  Call call = callOf(lease.config(), input, parameters, modulation, state, draws, rowIndex, uniforms, normals);
  const Shape &shape = call.shape;
  const int64_t elements = shape.elements();
  qlif_backward_args args{};
  args.size = sizeof args;
  args.forward = &call.args;
  std::vector<Tensor> keep;
  auto lend = [&](const char *name, const Tensor &tensor, at::IntArrayRef extents, at::ScalarType expected = at::kFloat) {
    requireOn(name, tensor, input, expected);
    requireShape(name, tensor, extents);
    keep.push_back(tensor.contiguous());
    return dataOf<float>(keep.back());
  };
  if (gradSpikeValues.has_value()) {
    const Tensor &gradient = *gradSpikeValues;
    // This is what the backward pass of a sum over the steps produces: a dense copy would take the memory of all steps.
    const bool shared = gradient.sizes() == at::IntArrayRef(shape.run()) && shape.steps > 1 && gradient.stride(0) == 0;
    args.grad_spike_values = shared ? lend("grad_spike_values", gradient.narrow(0, 0, 1), {1, shape.batch, shape.neurons}, type)
                                    : lend("grad_spike_values", gradient, shape.run(), type);
    args.grad_spike_values_shared = shared;
    args.grad_type = typeOf(type);
  }
  if (gradVoltages.has_value()) {
    args.grad_voltages = lend("grad_voltages", *gradVoltages, shape.run());
  }
  const std::array<int64_t, 3> ofState{lease.config().variables, shape.batch, shape.neurons};
  if (gradState.has_value()) {
    const float *first = lend("grad_state", *gradState, ofState);
    for (int32_t i = 0; i < lease.config().variables; i++) {
      args.grad_final_state[i] = first + i * elements;
    }
  }
  const auto result = [&](bool asked, at::IntArrayRef extents, at::ScalarType of = at::kFloat) {
    return emptyResult(asked ? extents : at::IntArrayRef{0}, input.device(), of);
  };
  std::vector<Tensor> results;
  results.reserve(3 + parameters.size());
  results.push_back(result(wanted & INPUT, input.sizes(), input.scalar_type()));
  for (int32_t i = 0; i < lease.config().parameters; i++) {
    const bool asked = wanted / PARAMETERS >> i & 1;
    results.push_back(result(asked, parameters[i].sizes()));
    args.grad_parameters[i] = asked ? dataOf<float>(results.back()) : nullptr;
  }
  const bool modulated = wanted & MODULATION && modulation.has_value();
  results.push_back(result(modulated, modulated ? modulation->sizes() : at::IntArrayRef{}));
  args.grad_modulation = modulated ? dataOf<float>(results.back()) : nullptr;
  const bool started = wanted & STATE && state.has_value();
  results.push_back(result(started, ofState));
  for (int32_t i = 0; started && i < lease.config().variables; i++) {
    args.grad_initial_state[i] = dataOf<float>(results.back()) + i * elements;
  }
  args.grad_input = wanted & INPUT ? dataOf<void>(results.front()) : nullptr;
  args.grad_input_type = typeOf(input);
  Tensor scratch = scratchFor(lease, shape, input);
  if (scratch.defined()) {
    args.scratch = dataOf<char>(scratch);
    args.scratch_bytes = (uint64_t)scratch.numel();
  }
  const Tensor memory = tape.contiguous();
  requireOn("tape", memory, input, at::kByte);
  Tape taped(lease, shape, memory, type, true);
  call.args.tape = taped.get();
  check(library.qlif_backward(lease.kernel(), &args, streamOf(input.device())));
  return results;
}

// ---------------------------------------------------------------- autograd

OptionalTensor given(const Tensor &tensor) { return tensor.defined() ? OptionalTensor(tensor) : std::nullopt; }

const auto &runOperator() {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("qlif::run", "")
                             .typed<RunResult(const Tensor &, TensorList, const OptionalTensor &, const OptionalTensor &,
                                 const Tensor &, const OptionalTensor &, const OptionalTensor &, const OptionalTensor &,
                                 std::string_view, int64_t, bool, OptionalType)>();
  return op;
}

const auto &backwardOperator() {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("qlif::run_backward", "")
                             .typed<std::vector<Tensor>(const OptionalTensor &, const OptionalTensor &, const OptionalTensor &,
                                 const Tensor &, TensorList, const OptionalTensor &, const OptionalTensor &, const Tensor &,
                                 const OptionalTensor &, const OptionalTensor &, const OptionalTensor &, const Tensor &,
                                 std::string_view, int64_t, OptionalType)>();
  return op;
}

constexpr const char *SECOND_DERIVATIVE = "qlif: the gradient of a gradient was asked for, and QLIF has first derivatives only; leave out "
                                          "create_graph=True, or detach what it computed";

void requireNoTangent(const Tensor &tensor) {
  TORCH_CHECK_NOT_IMPLEMENTED(!tensor._fw_grad(0).defined(),
      "qlif: a forward-mode derivative was asked for, and QLIF has reverse mode only: use backward()");
}

/** The backward pass as an operation of the graph that create_graph=True makes; it has no derivative. */
class Gradients : public Function<Gradients> {
 public:
  static variable_list forward(AutogradContext *, const OptionalTensor &gradSpikeValues, const OptionalTensor &gradVoltages,
      const OptionalTensor &gradState, const Tensor &input, TensorList parameters, const OptionalTensor &modulation,
      const OptionalTensor &state, const Tensor &draws, const OptionalTensor &rowIndex, const OptionalTensor &uniforms,
      const OptionalTensor &normals, const Tensor &tape, const std::string &config, int64_t wanted, OptionalType dtype) {
    at::AutoDispatchBelowADInplaceOrView below;
    return backwardOperator().call(gradSpikeValues, gradVoltages, gradState, input, parameters, modulation, state, draws,
        rowIndex, uniforms, normals, tape, config, wanted, dtype);
  }

  static variable_list backward(AutogradContext *, const variable_list &) {
    TORCH_CHECK_NOT_IMPLEMENTED(false, SECOND_DERIVATIVE);
  }
};

template <class... Tensors>
bool anyRequiresGrad(const Tensors &...tensors) {
  auto requires_ = [](const auto &tensor) {
    if constexpr (std::is_same_v<std::decay_t<decltype(tensor)>, OptionalTensor>) {
      return tensor.has_value() && tensor->requires_grad();
    } else if constexpr (std::is_same_v<std::decay_t<decltype(tensor)>, TensorList>) {
      for (const Tensor &each : tensor) {
        if (each.requires_grad()) {
          return true;
        }
      }
      return false;
    } else {
      return tensor.requires_grad();
    }
  };
  return (requires_(tensors) || ...);
}

std::vector<Tensor> runBackwardAutograd(const OptionalTensor &gradSpikeValues, const OptionalTensor &gradVoltages,
    const OptionalTensor &gradState, const Tensor &input, TensorList parameters, const OptionalTensor &modulation,
    const OptionalTensor &state, const Tensor &draws, const OptionalTensor &rowIndex, const OptionalTensor &uniforms,
    const OptionalTensor &normals, const Tensor &tape, std::string_view config, int64_t wanted, OptionalType dtype) {
  if (at::GradMode::is_enabled()
      && anyRequiresGrad(gradSpikeValues, gradVoltages, gradState, input, parameters, modulation, state)) {
    return Gradients::apply(gradSpikeValues, gradVoltages, gradState, input, parameters, modulation, state, draws, rowIndex,
        uniforms, normals, tape, std::string(config), wanted, dtype);
  }
  at::AutoDispatchBelowADInplaceOrView below;
  return backwardOperator().call(gradSpikeValues, gradVoltages, gradState, input, parameters, modulation, state, draws,
      rowIndex, uniforms, normals, tape, config, wanted, dtype);
}

/**
 * Whether the dispatcher would add nothing to a call on the host with these tensors, since no mode, transform, subclass or profiler looks at it.
 * A kernel that someone registered in place of ours is not noticed.
 */
template <class... Tensors>
bool isPlain(const Tensors &...tensors) {
  constexpr c10::DispatchKeySet PLAIN(
      {c10::DispatchKey::CPU, c10::DispatchKey::AutogradCPU, c10::DispatchKey::AutocastCPU, c10::DispatchKey::ADInplaceOrView});
  const auto fits = [&](const auto &tensor) {
    if constexpr (std::is_same_v<std::decay_t<decltype(tensor)>, OptionalTensor>) {
      return !tensor.has_value() || PLAIN.has_all(tensor->key_set());
    } else if constexpr (std::is_same_v<std::decay_t<decltype(tensor)>, TensorList>) {
      return std::all_of(tensor.begin(), tensor.end(), [&](const Tensor &each) { return PLAIN.has_all(each.key_set()); });
    } else {
      return PLAIN.has_all(tensor.key_set());
    }
  };
  return (fits(tensors) && ...) && c10::default_included_set.has_all(c10::impl::tls_local_dispatch_key_set().included_) && !at::hasCallbacks();
}

RunResult callRun(const Tensor &input, TensorList parameters, const OptionalTensor &modulation, const OptionalTensor &state,
    const Tensor &draws, const OptionalTensor &rowIndex, const OptionalTensor &uniforms, const OptionalTensor &normals,
    std::string_view config, int64_t traces, bool record, OptionalType dtype) {
  const bool plain = isPlain(input, parameters, modulation, state, draws, rowIndex, uniforms, normals);
  at::AutoDispatchBelowADInplaceOrView below;
  return plain ? run(input, parameters, modulation, state, draws, rowIndex, uniforms, normals, config, traces, record, dtype)
               : runOperator().call(input, parameters, modulation, state, draws, rowIndex, uniforms, normals, config, traces, record, dtype);
}

/** Through the dispatcher if the backward pass is itself to be differentiated, which is refused there, or if the call is not plain. */
std::vector<Tensor> callBackward(const OptionalTensor &gradSpikeValues, const OptionalTensor &gradVoltages,
    const OptionalTensor &gradState, const Tensor &input, TensorList parameters, const OptionalTensor &modulation,
    const OptionalTensor &state, const Tensor &draws, const OptionalTensor &rowIndex, const OptionalTensor &uniforms,
    const OptionalTensor &normals, const Tensor &tape, std::string_view config, int64_t wanted, OptionalType dtype) {
  if (at::GradMode::is_enabled()
      || !isPlain(gradSpikeValues, gradVoltages, gradState, input, parameters, modulation, state, draws, rowIndex, uniforms, normals, tape)) {
    return backwardOperator().call(gradSpikeValues, gradVoltages, gradState, input, parameters, modulation, state, draws, rowIndex, uniforms,
        normals, tape, config, wanted, dtype);
  }
  at::AutoDispatchBelowADInplaceOrView below;
  return runBackward(gradSpikeValues, gradVoltages, gradState, input, parameters, modulation, state, draws, rowIndex, uniforms, normals, tape,
      config, wanted, dtype);
}

/**
 * The backward pass of a run in the graph, a node as PyTorch's own operators make them. A Function would look at every argument and result of
 * a call several times, which takes microseconds.
 */
struct RunNode final : torch::autograd::Node {
  using Node::Node;

  /** Arguments that few calls pass. Kept apart because the node would otherwise be too large for the fast lists of the C library's malloc. */
  struct Rare {
    SavedVariable modulation;
    SavedVariable rowIndex;
    SavedVariable uniforms;
    SavedVariable normals;
  };

  SavedVariable input;
  SavedVariable state;
  SavedVariable draws;
  SavedVariable tape;
  std::vector<SavedVariable> parameters;
  std::unique_ptr<Rare> rare;
  std::string config;
  OptionalType dtype;

  std::string name() const override { return "QlifRunBackward"; }

  /** From the gradients of spike values, voltages and state to those of input, parameters, modulation and state. */
  variable_list apply(variable_list &&grads) override {
    std::lock_guard<std::mutex> lock(mutex_);
    variable_list results(num_outputs());
    if (!grads[0].defined() && !grads[1].defined() && !grads[2].defined()) {
      return results;
    }
    for (const Tensor &gradient : grads) {
      if (gradient.defined()) {
        requireNoTangent(gradient);
      }
    }
    const size_t count = parameters.size();
    std::vector<Tensor> unpacked;
    unpacked.reserve(count);
    for (const SavedVariable &parameter : parameters) {
      unpacked.push_back(parameter.unpack());
    }
    int64_t wanted = 0;
    for (size_t i = 0; i < results.size(); i++) {
      wanted |= task_should_compute_output(i) ? bitOf(i, count) : 0;
    }
    const auto rarely = [this](SavedVariable Rare::*each) { return rare == nullptr ? std::nullopt : given((*rare.*each).unpack()); };
    std::vector<Tensor> made = callBackward(given(grads[0]), given(grads[1]), given(grads[2]), input.unpack(), unpacked,
        rarely(&Rare::modulation), given(state.unpack()), draws.unpack(), rarely(&Rare::rowIndex), rarely(&Rare::uniforms),
        rarely(&Rare::normals), tape.unpack(), config, wanted, dtype);
    for (size_t i = 0; i < results.size(); i++) {
      if (wanted & bitOf(i, count)) {
        results[i] = std::move(made[i]);
      }
    }
    return results;
  }

  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    for (SavedVariable *each : {&input, &state, &draws, &tape}) {
      each->reset_data();
    }
    if (rare != nullptr) {
      for (SavedVariable *each : {&rare->modulation, &rare->rowIndex, &rare->uniforms, &rare->normals}) {
        each->reset_data();
      }
    }
    for (SavedVariable &parameter : parameters) {
      parameter.reset_data();
    }
  }

 private:
  /** What asks run_backward for its result i, where there are so many parameters. */
  static int64_t bitOf(size_t i, size_t count) {
    return i == 0 ? INPUT : i <= count ? (int64_t)PARAMETERS << (i - 1) : i == count + 1 ? MODULATION : STATE;
  }
};

RunResult runAutograd(const Tensor &input, TensorList parameters, const OptionalTensor &modulation, const OptionalTensor &state,
    const Tensor &draws, const OptionalTensor &rowIndex, const OptionalTensor &uniforms, const OptionalTensor &normals,
    std::string_view config, int64_t traces, bool record, OptionalType dtype) {
  requireNoTangent(input);
  for (const Tensor &parameter : parameters) {
    requireNoTangent(parameter);
  }
  for (const OptionalTensor *each : {&modulation, &state}) {
    if (each->has_value()) {
      requireNoTangent(**each);
    }
  }
  if (at::GradMode::is_enabled() && anyRequiresGrad(input, parameters, modulation, state)) {
    TORCH_CHECK_VALUE(!state.has_value() || !state->requires_grad() || input.dim() != 3 || !isShared(*state, input.size(1)),
        "state: got a shared state that requires a gradient, expected (S, B, N), or one that requires none");
    if (const auto &transforms = at::functorch::functorchTLSAccessor()) {
      transforms->checkSupportsCppAutogradFunction();
    }
    auto node = c10::make_intrusive<RunNode>(torch::autograd::collect_next_edges(input, parameters, modulation, state));
    RunResult made = [&] {
      at::AutoGradMode ungraded(false);
      return callRun(input, parameters, modulation, state, draws, rowIndex, uniforms, normals, config, traces, true, dtype);
    }();
    node->input = SavedVariable(input, false);
    node->state = SavedVariable(state, false);
    node->draws = SavedVariable(draws, false);
    if (modulation.has_value() || rowIndex.has_value() || uniforms.has_value() || normals.has_value()) {
      node->rare.reset(new RunNode::Rare{SavedVariable(modulation, false), SavedVariable(rowIndex, false), SavedVariable(uniforms, false),
          SavedVariable(normals, false)});
    }
    node->tape = SavedVariable(std::get<6>(made), false);
    node->parameters.reserve(parameters.size());
    for (const Tensor &parameter : parameters) {
      node->parameters.emplace_back(parameter, false);
    }
    node->config = config;
    node->dtype = dtype;
    const c10::intrusive_ptr<torch::autograd::Node> origin = std::move(node);
    for (const Tensor *each : {&std::get<1>(made), &std::get<2>(made), &std::get<3>(made)}) {
      torch::autograd::set_history(*each, origin);
    }
    return made;
  }
  return callRun(input, parameters, modulation, state, draws, rowIndex, uniforms, normals, config, traces, record, dtype);
}

// ---------------------------------------------------------------- a linear layer driven by spikes

/** An idle linear layer of a device, on the host of so many threads. */
class LinearLease {
 public:
  explicit LinearLease(const c10::Device &device)
      : key_(device.is_cpu() ? QLIF_HOST : device.index(), device.is_cpu() ? std::min(at::get_num_threads(), 1024) : 1) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      std::vector<qlif_linear *> &idle = all()[key_];
      if (!idle.empty()) {
        linear_ = idle.back();
        idle.pop_back();
        return;
      }
    }
    qlif_kernel_options options{};
    options.size = sizeof options;
    options.threads = key_.second;
    check(library.qlif_linear_open(key_.first, &options, &linear_));
  }

  ~LinearLease() {
    if (linear_ != nullptr) {
      std::lock_guard<std::mutex> lock(mutex);
      all()[key_].push_back(linear_);
    }
  }

  LinearLease(const LinearLease &) = delete;
  LinearLease &operator=(const LinearLease &) = delete;

  qlif_linear *get() const { return linear_; }

 private:
  /** Device and threads. */
  using Key = std::pair<int32_t, int32_t>;

  static std::map<Key, std::vector<qlif_linear *>> &all() {
    static auto *idle = new std::map<Key, std::vector<qlif_linear *>>();
    return *idle;
  }

  const Key key_;
  qlif_linear *linear_ = nullptr;
};

/**
 * What a product reads: the input, (T, B, K), numbers or bytes, or as bits in words, (T, ceil(B K / 64)), of so many rows B; and the weights
 * (M, K), which the library takes as (K, M).
 */
struct Product {
  qlif_linear_forward_args args{};
  Tensor input;
  Tensor weights;
};

Product productOf(const Tensor &input, const Tensor &weight, int64_t rows) {
  const at::ScalarType type = input.scalar_type();
  const bool bits = type == at::kLong;
  TORCH_CHECK_VALUE(input.layout() == at::kStrided && (bits || type == at::kFloat || type == at::kBool || type == at::kByte),
      "input: got ", type, " of layout ", input.layout(), ", expected dense Float, Bool or Byte, or bits in words of Long");
  TORCH_CHECK_VALUE(input.dim() == (bits ? 2 : 3), "input: got the shape ", input.sizes(), ", expected ", bits ? "(T, words)" : "(T, B, K)");
  requireOn("weight", weight, input);
  TORCH_CHECK_VALUE(weight.dim() == 2 && (bits || weight.size(1) == input.size(2)), "weight: got the shape ", weight.sizes(), ", expected (M, ",
      bits ? std::string("K") : std::to_string(input.size(2)), ")");
  Product product;
  product.input = input.contiguous();
  product.weights = weight.t().contiguous();
  qlif_linear_forward_args &args = product.args;
  args.size = sizeof args;
  args.input_type = bits ? QLIF_INPUT_BIT : type == at::kFloat ? QLIF_INPUT_F32 : QLIF_INPUT_U8;
  args.steps = input.size(0);
  args.batch = bits ? rows : input.size(1);
  args.inputs = weight.size(1);
  args.outputs = weight.size(0);
  TORCH_CHECK_VALUE(!bits || (rows >= 0 && input.size(1) == (rows * args.inputs + 63) / 64), "input: got the shape ", input.sizes(),
      ", expected ", (rows * args.inputs + 63) / 64, " words a step, the bits of ", rows, " rows of ", args.inputs);
  args.input = dataOf<char>(product.input);
  args.weights = dataOf<float>(product.weights);
  return product;
}

Tensor linear(const Tensor &input, const Tensor &weight, const OptionalTensor &bias, int64_t rows) {
  Product product = productOf(input, weight, rows);
  Tensor kept;
  if (bias.has_value()) {
    requireOn("bias", *bias, input);
    requireShape("bias", *bias, {weight.size(0)});
    kept = bias->contiguous();
    product.args.bias = dataOf<float>(kept);
  }
  Tensor output = emptyResult({input.size(0), product.args.batch, weight.size(0)}, weight.device(), at::kFloat);
  product.args.output = dataOf<float>(output);
  LinearLease lease(input.device());
  check(library.qlif_linear_forward(lease.get(), &product.args, streamOf(input.device())));
  return output;
}

enum LinearWanted { LINEAR_INPUT = 1, LINEAR_WEIGHT = 2, LINEAR_BIAS = 4 };

std::vector<Tensor> linearBackward(const Tensor &gradOutput, const Tensor &input, const Tensor &weight, int64_t wanted) {
  TORCH_CHECK_VALUE(gradOutput.dim() == 3, "grad_output: got the shape ", gradOutput.sizes(), ", expected (T, B, M)");
  Product product = productOf(input, weight, gradOutput.size(1));
  TORCH_CHECK_VALUE(product.args.input_type != QLIF_INPUT_BIT || !(wanted & LINEAR_INPUT), "wanted: got the gradient of bits, which have none");
  requireOn("grad_output", gradOutput, input);
  requireShape("grad_output", gradOutput, {input.size(0), product.args.batch, weight.size(0)});
  const Tensor upstream = gradOutput.contiguous();
  qlif_linear_backward_args args{};
  args.size = sizeof args;
  args.forward = &product.args;
  args.grad_output = dataOf<float>(upstream);
  auto result = [&](bool asked, at::IntArrayRef shape, float *&field) {
    Tensor made = emptyResult(asked ? shape : at::IntArrayRef{0}, weight.device(), at::kFloat);
    field = asked ? dataOf<float>(made) : nullptr;
    return made;
  };
  Tensor gradInput = result(wanted & LINEAR_INPUT, input.sizes(), args.grad_input);
  Tensor gradWeights = result(wanted & LINEAR_WEIGHT, {weight.size(1), weight.size(0)}, args.grad_weights);
  Tensor gradBias = result(wanted & LINEAR_BIAS, {weight.size(0)}, args.grad_bias);
  LinearLease lease(input.device());
  check(library.qlif_linear_backward(lease.get(), &args, streamOf(input.device())));
  return {gradInput, wanted & LINEAR_WEIGHT ? gradWeights.t() : gradWeights, gradBias};
}

const auto &linearOperator() {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("qlif::linear", "")
                             .typed<Tensor(const Tensor &, const Tensor &, const OptionalTensor &, c10::SymInt)>();
  return op;
}

const auto &linearBackwardOperator() {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("qlif::linear_backward", "")
                             .typed<std::vector<Tensor>(const Tensor &, const Tensor &, const Tensor &, int64_t)>();
  return op;
}

class LinearGradients : public Function<LinearGradients> {
 public:
  static variable_list forward(
      AutogradContext *, const Tensor &gradOutput, const Tensor &input, const Tensor &weight, int64_t wanted) {
    at::AutoDispatchBelowADInplaceOrView below;
    return linearBackwardOperator().call(gradOutput, input, weight, wanted);
  }

  static variable_list backward(AutogradContext *, const variable_list &) {
    TORCH_CHECK_NOT_IMPLEMENTED(false, SECOND_DERIVATIVE);
  }
};

std::vector<Tensor> linearBackwardAutograd(const Tensor &gradOutput, const Tensor &input, const Tensor &weight, int64_t wanted) {
  if (at::GradMode::is_enabled() && anyRequiresGrad(gradOutput, input, weight)) {
    return LinearGradients::apply(gradOutput, input, weight, wanted);
  }
  at::AutoDispatchBelowADInplaceOrView below;
  return linearBackwardOperator().call(gradOutput, input, weight, wanted);
}

class Linear : public Function<Linear> {
 public:
  static Tensor forward(
      AutogradContext *context, const Tensor &input, const Tensor &weight, const OptionalTensor &bias, const c10::SymInt &rows) {
    at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({input, weight});
    context->saved_data["biased"] = bias.has_value();
    return linearOperator().call(input, weight, bias, rows);
  }

  static variable_list backward(AutogradContext *context, const variable_list &grads) {
    requireNoTangent(grads[0]);
    const variable_list saved = context->get_saved_variables();
    const bool biased = context->saved_data["biased"].toBool() && context->needs_input_grad(2);
    const int64_t wanted = (context->needs_input_grad(0) ? LINEAR_INPUT : 0) | (context->needs_input_grad(1) ? LINEAR_WEIGHT : 0)
        | (biased ? LINEAR_BIAS : 0);
    const std::vector<Tensor> made = linearBackwardOperator().call(grads[0], saved[0], saved[1], wanted);
    auto asked = [&](int64_t i) { return wanted >> i & 1 ? made[i] : Tensor(); };
    return {asked(0), asked(1), asked(2), Tensor()};
  }
};

Tensor linearAutograd(const Tensor &input, const Tensor &weight, const OptionalTensor &bias, c10::SymInt rows) {
  for (const Tensor *each : {&input, &weight}) {
    requireNoTangent(*each);
  }
  if (bias.has_value()) {
    requireNoTangent(*bias);
  }
  if (at::GradMode::is_enabled() && anyRequiresGrad(input, weight, bias)) {
    return Linear::apply(input, weight, bias, rows);
  }
  at::AutoDispatchBelowADInplaceOrView below;
  return linearOperator().call(input, weight, bias, rows);
}

// ---------------------------------------------------------------- draws and statistics

Tensor newDraws(uint64_t seed, int64_t stream) {
  Tensor draws = emptyResult({4}, at::kCPU, at::kLong);
  int64_t *number = draws.mutable_data_ptr<int64_t>();
  number[0] = (int64_t)seed;
  number[1] = stream;
  number[2] = 0;
  number[3] = 0;
  return draws;
}

// after is not read. It makes two runs that start in one compiled graph two operations, which are not one common subexpression.
Tensor start(const Tensor &after, std::optional<at::Generator> generator) {
  auto *drawn = at::get_generator_or_default<at::CPUGeneratorImpl>(generator, at::detail::getDefaultCPUGenerator());
  std::lock_guard<std::mutex> lock(drawn->mutex_);
  return newDraws(drawn->random64(), 0);
}

/** The key of a layer's draws under a seed: words 0 and 1 of Philox4x32-10 at the counter (stream, "LAYR", "QLIF", 0). docs/numerics.md. */
uint64_t layerKey(uint64_t seed, uint32_t stream) {
  uint32_t counter[4] = {stream, 0x4C415952, 0x514C4946, 0};
  uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  for (int round = 0; round < 10; round++) {
    const uint64_t first = (uint64_t)0xD2511F53 * counter[0];
    const uint64_t second = (uint64_t)0xCD9E8D57 * counter[2];
    const uint32_t next[4] = {(uint32_t)(second >> 32) ^ counter[1] ^ key[0], (uint32_t)second,
        (uint32_t)(first >> 32) ^ counter[3] ^ key[1], (uint32_t)first};
    std::memcpy(counter, next, sizeof counter);
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter[0] | (uint64_t)counter[1] << 32;
}

/** What a tensor's own memory was given, where its version counts. */
void changed(const Tensor &tensor) {
  if (!tensor.is_inference()) {
    tensor.unsafeGetTensorImpl()->bump_version();
  }
}

/** Where the draws of the next run of a layer with a seed of its own begin. series: seed, stream, the next run's index, the next evaluation's. */
Tensor nextRun(Tensor series, bool evaluation) {
  TORCH_CHECK_VALUE(series.device().is_cpu() && series.scalar_type() == at::kLong && series.sizes() == at::IntArrayRef({4}) && series.is_contiguous(),
      "series: got ", series.scalar_type(), " of shape ", series.sizes(), " on ", series.device(),
      ", expected 4 numbers of int64 on the CPU: seed, stream, run, evaluation");
  int64_t *number = series.mutable_data_ptr<int64_t>();
  int64_t &index = number[evaluation ? 3 : 2];
  TORCH_CHECK(index >= 0 && index < INT32_MAX, "series: got the index ", index, ", expected less than 2^31 - 1, the limit of a layer's draws");
  const Tensor draws = newDraws(layerKey((uint64_t)number[0], (uint32_t)number[1]), evaluation ? -1 - index : index);
  index++;
  changed(series);
  return draws;
}

/** The sums of docs/numerics.md: a value is a number of coarse units and, of what is left, a number of fine ones, so a sum knows no order. */
constexpr double COARSE = 0x1p-20;
constexpr double FINE = 0x1p-60;
constexpr float LARGEST = 0x1p18f;

struct Sums {
  int64_t coarse;
  int64_t fine;
  int64_t beyond;  // values that are NaN or too large

  float mean(int64_t rows) const {
    return beyond != 0 ? std::nanf("") : (float)(((double)coarse * COARSE + (double)fine * FINE) / (double)rows);
  }
};

/** Sums over some rows of LANES neurons, at most AT_ONCE rows, for which float64 is exact. */
constexpr int64_t LANES = 512;
constexpr int64_t AT_ONCE = 1 << 14;

struct LaneSums {
  double coarse[LANES];
  double fine[LANES];
  int32_t beyond[LANES];

  /** Sums of nothing in the first lanes, which may be few. */
  explicit LaneSums(int64_t lanes) {
    std::fill_n(coarse, lanes, 0.0);
    std::fill_n(fine, lanes, 0.0);
    std::fill_n(beyond, lanes, 0);
  }
};

// Chosen by the processor when the operators are loaded: their compiler is told no instruction set. There are no products to fuse, so
// the results are the same.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3", "no-trapping-math", "no-unroll-loops")))
#endif
void addRows(LaneSums &sums, const float *__restrict values, int64_t rows, int64_t stride, int64_t lanes) {
  // To add and subtract these rounds to whole units: their last place is one.
  constexpr double TO_COARSE = 0x1.8p52 * COARSE;
  constexpr double TO_FINE = 0x1.8p52 * FINE;
  double *__restrict coarse = sums.coarse;
  double *__restrict fine = sums.fine;
  int32_t *__restrict beyond = sums.beyond;
  for (int64_t b = 0; b < rows; b++, values += stride) {
    for (int64_t i = 0; i < lanes; i++) {
      const bool fits = __builtin_fabsf(values[i]) <= LARGEST;
      const double value = fits ? values[i] : 0.0f;
      const double units = value + TO_COARSE - TO_COARSE;
      coarse[i] += units;
      fine[i] += value - units + TO_FINE - TO_FINE;
      beyond[i] += !fits;
    }
  }
}

/** Values that one thread sums in a third of a millisecond. */
constexpr int64_t WORTH_SHARING = 1 << 20;

/**
 * Calls store(n, sums) for the sums over the rows of each neuron. PyTorch's threads share in it only if there is much to do: they look for
 * more work for some milliseconds afterwards, and take the processors that the next kernel call needs.
 */
template <class Store>
void sumRows(const float *values, int64_t rows, int64_t neurons, Store store) {
  const int64_t together = std::max<int64_t>(1, WORTH_SHARING / (std::max<int64_t>(rows, 1) * LANES));
  at::parallel_for(0, (neurons + LANES - 1) / LANES, together, [&](int64_t begin, int64_t end) {
    for (int64_t from = begin * LANES; from < std::min(end * LANES, neurons); from += LANES) {
      const int64_t lanes = std::min(LANES, neurons - from);
      Sums sums[LANES];
      std::fill_n(sums, lanes, Sums{});
      for (int64_t first = 0; first < rows; first += AT_ONCE) {
        LaneSums part(lanes);
        addRows(part, values + first * neurons + from, std::min(AT_ONCE, rows - first), neurons, lanes);
        for (int64_t i = 0; i < lanes; i++) {
          sums[i].coarse += (int64_t)(part.coarse[i] / COARSE);
          sums[i].fine += (int64_t)(part.fine[i] / FINE);
          sums[i].beyond += part.beyond[i];
        }
      }
      for (int64_t i = 0; i < lanes; i++) {
        store(from + i, sums[i]);
      }
    }
  });
}

/** The sums of values (K, B, N) over the batch: (K, 3, N), of coarse units, fine units and values that have no mean. */
Tensor batchSums(const Tensor &values) {
  TORCH_CHECK_VALUE(values.dim() == 3 && values.scalar_type() == at::kFloat, "values: got ", values.scalar_type(), " of shape ",
      values.sizes(), ", expected Float of shape (K, B, N)");
  const int64_t count = values.size(0);
  const int64_t rows = values.size(1);
  const int64_t neurons = values.size(2);
  if (!values.device().is_cpu()) {
    const Tensor beyond = values.abs().le((double)LARGEST).logical_not();
    const Tensor wide = values.masked_fill(beyond, 0).to(at::kDouble);
    const Tensor units = wide.div(COARSE).round();
    const Tensor rest = wide.sub(units.mul(COARSE)).div(FINE).round();
    return at::stack({units.to(at::kLong).sum(1), rest.to(at::kLong).sum(1), beyond.to(at::kLong).sum(1)}, 1);
  }
  const Tensor dense = values.contiguous();
  Tensor sums = at::empty({count, 3, neurons}, values.options().dtype(at::kLong));
  const float *value = dense.const_data_ptr<float>();
  int64_t *sum = sums.mutable_data_ptr<int64_t>();
  for (int64_t k = 0; k < count; k++, value += rows * neurons, sum += 3 * neurons) {
    sumRows(value, rows, neurons, [&](int64_t n, const Sums &of) {
      sum[n] = of.coarse;
      sum[neurons + n] = of.fine;
      sum[2 * neurons + n] = of.beyond;
    });
  }
  return sums;
}

/** A state, (S, rows, N), each of whose rows is the fresh one, (S, N). */
Tensor freshState(const Tensor &fresh, int64_t rows) {
  TORCH_CHECK_VALUE(fresh.dim() == 2 && rows >= 0, "fresh: got the shape ", fresh.sizes(), " for ", rows, " rows, expected (S, N)");
  // A copy even of one row: the fresh state changes in place, which no state that a backward pass reads may do.
  Tensor state = emptyResult({fresh.size(0), rows, fresh.size(1)}, fresh.device(), fresh.scalar_type());
  if (!fresh.device().is_cpu() || fresh.scalar_type() != at::kFloat || !fresh.is_contiguous()) {
    return state.copy_(fresh.unsqueeze(1));
  }
  const size_t bytes = (size_t)fresh.size(1) * sizeof(float);
  const auto *from = (const char *)fresh.const_data_ptr();
  auto *to = (char *)state.mutable_data_ptr();
  for (int64_t variable = 0; variable < fresh.size(0); variable++, from += bytes) {
    for (int64_t row = 0; row < rows; row++, to += bytes) {
      std::memcpy(to, from, bytes);
    }
  }
  return state;
}

/** Sets variables first to first + count of a fresh state to the means over the batch of a state at the end of a run, if it has rows. */
void moveStatistics(Tensor fresh, const Tensor &state, int64_t first, int64_t count) {
  TORCH_CHECK_VALUE(fresh.dim() == 2 && state.dim() == 3 && fresh.size(0) == state.size(0) && fresh.size(1) == state.size(2),
      "state: got the shape ", state.sizes(), ", expected (S, B, N) with a fresh one of ", fresh.sizes());
  TORCH_CHECK_VALUE(first >= 0 && count >= 0 && first + count <= fresh.size(0), "first: got ", first, " and ", count, " more of ",
      fresh.size(0), " variables");
  const int64_t rows = state.size(1);
  if (rows == 0) {
    return;
  }
  if (!fresh.device().is_cpu() || !fresh.is_contiguous() || !state.is_contiguous() || fresh.scalar_type() != at::kFloat
      || state.scalar_type() != at::kFloat) {
    const Tensor sums = batchSums(state.narrow(0, first, count));
    const Tensor mean = sums.select(1, 0).to(at::kDouble).mul(COARSE).add(sums.select(1, 1).to(at::kDouble).mul(FINE)).div((double)rows);
    fresh.narrow(0, first, count).copy_(mean.masked_fill(sums.select(1, 2).ne(0), std::nan("")));
    return;
  }
  const int64_t neurons = fresh.size(1);
  const float *values = state.const_data_ptr<float>();
  float *means = fresh.mutable_data_ptr<float>();
  for (int64_t k = first; k < first + count; k++) {
    sumRows(values + k * rows * neurons, rows, neurons, [&](int64_t n, const Sums &sums) { means[k * neurons + n] = sums.mean(rows); });
  }
  changed(fresh);
}

}  // namespace

// As _operators.py has them.
TORCH_LIBRARY(qlif, m) {
  m.def("run(Tensor input, Tensor[] parameters, Tensor? modulation, Tensor? state, Tensor draws, Tensor? row_index, "
        "Tensor? uniforms, Tensor? normals, str config, int traces, bool record=False, ScalarType? dtype=None) -> (Tensor spikes, "
        "Tensor spike_values, Tensor voltages, Tensor state, Tensor traces, Tensor draws, Tensor tape)");
  m.def("run_backward(Tensor? grad_spike_values, Tensor? grad_voltages, Tensor? grad_state, Tensor input, Tensor[] parameters, "
        "Tensor? modulation, Tensor? state, Tensor draws, Tensor? row_index, Tensor? uniforms, Tensor? normals, Tensor tape, "
        "str config, int wanted, ScalarType? dtype=None) -> Tensor[]");
  m.def("linear(Tensor input, Tensor weight, Tensor? bias, SymInt rows=0) -> Tensor");
  m.def("linear_backward(Tensor grad_output, Tensor input, Tensor weight, int wanted) -> Tensor[]");
  m.def("start(Tensor after, Generator? generator=None) -> Tensor", {at::Tag::nondeterministic_seeded});
  m.def("next_run(Tensor(a!) series, bool evaluation) -> Tensor");
  m.def("batch_sums(Tensor values) -> Tensor");
  m.def("fresh_state(Tensor fresh, SymInt rows) -> Tensor");
  m.def("move_statistics(Tensor(a!) fresh, Tensor state, int first, int count) -> ()");
}

TORCH_LIBRARY_IMPL(qlif, CPU, m) {
  m.impl("linear", linear);
  m.impl("linear_backward", linearBackward);
  m.impl("run", run);
  m.impl("run_backward", runBackward);
  m.impl("batch_sums", batchSums);
  m.impl("fresh_state", freshState);
  m.impl("move_statistics", moveStatistics);
}

TORCH_LIBRARY_IMPL(qlif, CUDA, m) {
  m.impl("linear", linear);
  m.impl("linear_backward", linearBackward);
  m.impl("run", run);
  m.impl("run_backward", runBackward);
  m.impl("batch_sums", batchSums);
  m.impl("fresh_state", freshState);
  m.impl("move_statistics", moveStatistics);
}

TORCH_LIBRARY_IMPL(qlif, Autograd, m) {
  m.impl("linear", linearAutograd);
  m.impl("linear_backward", linearBackwardAutograd);
  m.impl("run", runAutograd);
  m.impl("run_backward", runBackwardAutograd);
}

TORCH_LIBRARY_IMPL(qlif, CompositeExplicitAutograd, m) {
  m.impl("start", start);
  m.impl("next_run", nextRun);
}

/** Binds the operators to a library; returns null, or what is wrong with it. */
extern "C" __attribute__((visibility("default"))) const char *qlif_operator_open(const char *path) {
  static std::string problem;
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    problem = dlerror();
    return problem.c_str();
  }
  Library found;
#define QLIF_FIND(name)                                       \
  found.name = (decltype(&::name))dlsym(handle, #name);       \
  if (found.name == nullptr) {                                \
    problem = std::string("no function ") + #name;            \
    return problem.c_str();                                   \
  }
  QLIF_FUNCTIONS(QLIF_FIND)
#undef QLIF_FIND
  if (found.qlif_abi_version() != QLIF_ABI_VERSION) {
    problem = "ABI version " + std::to_string(found.qlif_abi_version()) + ", expected " + std::to_string(QLIF_ABI_VERSION);
    return problem.c_str();
  }
  library = found;
  // A child of a fork must not find a mutex locked by a thread that it does not have.
  pthread_atfork(lockAll, unlockAll, unlockAll);
  return nullptr;
}
