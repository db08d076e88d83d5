// SPDX-License-Identifier: Apache-2.0
// CUDA devices: memory, launches and errors around the kernels of cuda_kernels.h.
#include <algorithm>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include "cuda_calls.h"
#include "cuda_kernels.h"

namespace qlif {
namespace cuda {

// ---------------------------------------------------------------- memory

constexpr uint64_t ALIGNMENT = 256;

uint64_t aligned(const char *name, int64_t bytes) { return (uint64_t)sum(name, bytes, ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

bool isCapturing(cudaStream_t stream) {
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream, &capture), "asking whether the stream is being captured");
  return capture != cudaStreamCaptureStatusNone;
}

/**
 * The end of the last call on a kernel, to wait for before what the call uses is freed. Waiting for the device would invalidate a capture by
 * another thread. The device must be entered for every method.
 */
class LastCall {
 public:
  LastCall() {
    RelaxedCapture relaxed;
    check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "creating an event");
  }
  ~LastCall() {
    if (cudaEventDestroy(event_) != cudaSuccess) {
      forgetError();
    }
  }
  LastCall(const LastCall &) = delete;
  LastCall &operator=(const LastCall &) = delete;

  void record(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "recording the end of a call"); }

  /** Waits for it; returns at once if there was none. */
  cudaError_t wait() {
    RelaxedCapture relaxed;
    return cudaEventSynchronize(event_);
  }

 private:
  cudaEvent_t event_ = nullptr;
};

/** Offsets in a tape's memory, in bytes; the spikes come first. */
struct TapeLayout {
  uint64_t checkpoints;
  uint64_t voltages;
  uint64_t bytes;
  int32_t type;  // of V'

  TapeLayout(int variables, int mode, int32_t type, int64_t steps, int64_t elements) : type(type) {
    const char *name = "tape";
    checkpoints = aligned(name, product(name, product(name, sum(name, steps, WORD - 1) / WORD, elements), sizeof(uint32_t)));
    uint64_t states =
        aligned(name, product(name, product(name, checkpointsOf(steps), elements), variables * (int64_t)sizeof(float)));
    voltages = (uint64_t)sum(name, (int64_t)checkpoints, (int64_t)states);
    uint64_t kept = mode == QLIF_TAPE_VOLTAGE ? aligned(name, product(name, product(name, steps, elements), sizeOfType(type))) : 0;
    bytes = (uint64_t)sum(name, (int64_t)voltages, (int64_t)kept);
  }
};

class CudaTape final : public TapeStorage {
 public:
  CudaTape(int device, int mode, const TapeLayout &layout) : context_(device), mode_(mode), layout_(layout) {
    OnDevice on(*context_);
    memory_ = (char *)allocate(layout.bytes, "allocating a tape");
  }

  /** A tape in the caller's memory: touches no device. */
  CudaTape(void *memory, int mode, const TapeLayout &layout) : mode_(mode), layout_(layout), memory_((char *)memory) {}

  // Releases a tape that could not be handed out.
  ~CudaTape() override {
    try {
      release();
    } catch (const Failure &) {
    }
  }

  bool keepsVoltages() const { return mode_ == QLIF_TAPE_VOLTAGE; }

  CudaTapeView view() const {
    return CudaTapeView{TakenNumbers{keepsVoltages() ? memory_ + layout_.voltages : nullptr, layout_.type}, (uint32_t *)memory_,
        (float *)(memory_ + layout_.checkpoints)};
  }

  uint64_t bytes() const override { return layout_.bytes; }

  /** Whether the tape owns its memory, and so frees it, once the work that uses it is done. */
  bool isOwn() const { return context_.has_value(); }

  /** Notes that a call uses the tape. Calls on a tape run one after another, so it is enough to wait for the last one. */
  void usedBy(const std::shared_ptr<LastCall> &call) { lastCall_ = call; }

  void release() override {
    if (!isOwn()) {
      return;
    }
    free();
    context_->release();
    context_.reset();
  }

 private:
  void free() {
    OnDevice on(*context_);
    RelaxedCapture relaxed;
    cudaError_t waited = lastCall_ == nullptr ? cudaSuccess : lastCall_->wait();
    // The kernel may be closed by now; then its event is destroyed here.
    lastCall_.reset();
    void *memory = memory_;
    memory_ = nullptr;
    deallocate(memory, "freeing a tape");
    check(waited, "waiting for the last call on a tape");
  }

  std::optional<Context> context_;
  std::shared_ptr<LastCall> lastCall_;
  const int mode_;
  const TapeLayout layout_;
  char *memory_ = nullptr;
};

// ---------------------------------------------------------------- kernels

/**
 * The kernels that run a configuration. Those for usual calls are indexed by type, then forward ones by whether the key is in the device's
 * memory and by use, backward ones by whether the tape has V'; null if there is none.
 */
template <class Model>
struct Program {
  Kernel<CudaForward<Model>> anyForward;
  Kernel<CudaBackward<Model>> anyBackward[2];
  const char *name;
  Kernel<CudaForward<Model>> forward[TYPES][2][USES];
  Kernel<CudaBackward<Model>> backward[TYPES][2];
};

/** Kernels for any call. */
template <class Model, class Forward, class Backward = Forward>
Program<Model> plainProgram(const char *name) {
  return Program<Model>{forwardKernel<Model, Forward, QLIF_TYPE_F32, Use::ANY, false>,
      {backwardKernel<Model, Backward, QLIF_TYPE_F32, false, false>, backwardKernel<Model, Backward, QLIF_TYPE_F32, true, false>}, name, {}, {}};
}

template <class Model, class S, int TYPE, Use USE>
void addUse(Program<Model> &program) {
  program.forward[TYPE][0][(int)USE] = forwardKernel<Model, S, TYPE, USE, false>;
  program.forward[TYPE][1][(int)USE] = forwardKernel<Model, S, TYPE, USE, drawsAny(S::possible())>;
}

/** Adds kernels for usual forward calls. */
template <class Model, class S>
void addUses(Program<Model> &program) {
  addUse<Model, S, QLIF_TYPE_F32, Use::BYTES>(program);
  addUse<Model, S, QLIF_TYPE_F32, Use::VALUES>(program);
  addUse<Model, S, QLIF_TYPE_F32, Use::TAPED_BYTES>(program);
  addUse<Model, S, QLIF_TYPE_F32, Use::TAPED_VALUES>(program);
}

/** Adds kernels for usual calls with 16-bit numbers, all for spike values. Known: the options and the surrogate. */
template <class Model, class S, class Known, int TYPE>
void addNarrow(Program<Model> &program) {
  addUse<Model, S, TYPE, Use::VALUES>(program);
  addUse<Model, S, TYPE, Use::TAPED_VALUES>(program);
  program.backward[TYPE][0] = backwardKernel<Model, Known, TYPE, false, true>;
}

/** Adds kernels for usual calls that draw nothing: their steps are short, so types and the surrogate matter. */
template <class Model, class S, class Known>
void addShort(Program<Model> &program) {
  program.backward[QLIF_TYPE_F32][0] = backwardKernel<Model, Known, QLIF_TYPE_F32, false, true>;
  addNarrow<Model, S, Known, QLIF_TYPE_F16>(program);
  addNarrow<Model, S, Known, QLIF_TYPE_BF16>(program);
}

/** The kernels for known QLIF options. */
template <class S>
Program<QlifModel> qlifProgram(const char *name) {
  Program<QlifModel> program = plainProgram<QlifModel, S>(name);
  addUses<QlifModel, S>(program);
  if constexpr (S::possible().drawsNormals()) {
    // With noise, the Java library chooses a tape that keeps V'.
    program.backward[QLIF_TYPE_F32][1] = backwardKernel<QlifModel, S, QLIF_TYPE_F32, true, true>;
  }
  return program;
}

/** A program for each surrogate, so that steps need not check which one it is. */
template <class Program, class Make>
Program bySurrogate(int surrogate, Make make) {
  switch (surrogate) {
#define QLIF_CASE(name)         \
  case QLIF_SURROGATE_##name: \
    return make(std::integral_constant<int, QLIF_SURROGATE_##name>{});
    SURROGATE_TABLE(QLIF_CASE)
#undef QLIF_CASE
  }
  // Configurations with any other surrogate are refused.
  __builtin_unreachable();
}

Program<QlifModel> programOf(const QlifModel &, const ModelConfig &config) {
  switch (variantOf(config.options)) {
    case Variant::DEFAULT:
      return qlifProgram<Fixed<QlifOptions, DEFAULT_OPTIONS.bits>>("kernels of the default configuration");
    case Variant::SNAPSHOT_15:
      return qlifProgram<Fixed<QlifOptions, SNAPSHOT_15_OPTIONS.bits>>("kernels of the snapshot of 2025-08-15");
    case Variant::SNAPSHOT_24:
      return qlifProgram<Fixed<QlifOptions, SNAPSHOT_24_OPTIONS.bits>>("kernels of the snapshot of 2025-08-24");
    case Variant::PLAIN_LIF:
      return bySurrogate<Program<QlifModel>>(config.constants.surrogate, [](auto surrogate) {
        using S = Fixed<QlifOptions, PLAIN_LIF_OPTIONS.bits>;
        Program<QlifModel> program = qlifProgram<S>("kernels of the preset plain-lif");
        using Known = Fixed<QlifOptions, PLAIN_LIF_OPTIONS.bits, decltype(surrogate)::value>;
        addShort<QlifModel, S, Known>(program);
        return program;
      });
    case Variant::TANH:
    case Variant::SIGMOID:
    case Variant::EXPECTED:
    case Variant::MULTI_QUBIT:
    case Variant::GENERIC:
      return plainProgram<QlifModel, Dynamic<QlifOptions>>("kernels of any configuration");
  }
  __builtin_unreachable();
}

Program<LifModel> programOf(const LifModel &, const ModelConfig &config) {
  // Forward steps use no surrogate.
  using S = Fixed<LifOptions, 0>;
  return bySurrogate<Program<LifModel>>(config.lif.surrogate, [](auto surrogate) {
    using Known = Fixed<LifOptions, 0, decltype(surrogate)::value>;
    Program<LifModel> program = plainProgram<LifModel, S, Known>("kernels of the LIF model");
    addUses<LifModel, S>(program);
    addShort<LifModel, S, Known>(program);
    return program;
  });
}

/** The Use of a forward call; all its arrays have the input's type unless it is ANY. */
template <class Model>
Use useOf(const CudaForward<Model> &call) {
  const CudaArgs<Model> &args = call.args;
  const bool drawsAll = call.drawsUniforms == call.options.drawsUniforms() && call.drawsNormals == call.options.drawsNormals();
  const bool others = call.traces || args.voltages != nullptr || args.spikes_bit != nullptr || args.spikes_f32 != nullptr;
  const bool bytes = args.spikes_u8 != nullptr;
  const bool values = args.spike_values.data != nullptr;
  const bool taped = call.tape.bits != nullptr;
  const bool voltages = call.tape.voltages.data != nullptr;
  const int32_t type = args.input.type;
  const bool mixed = (values && args.spike_values.type != type) || (voltages && call.tape.voltages.type != type);
  if (!drawsAll || others || mixed || bytes == values || args.modulation.data != nullptr || args.row_index != nullptr ||
      (taped && voltages != call.options.drawsNormals())) {
    return Use::ANY;
  }
  return bytes ? taped ? Use::TAPED_BYTES : Use::BYTES : taped ? Use::TAPED_VALUES : Use::VALUES;
}

/** Whether a backward call is a common one: see BackwardThread. */
template <class Model>
bool isCommon(const CudaBackward<Model> &call) {
  const CudaArgs<Model> &args = call.forward.args;
  const CudaTapeView &tape = call.forward.tape;
  const int32_t type = args.input.type;
  const bool mixed = call.gradSpikeValues.type != type || call.gradInput.type != type ||
                     (tape.voltages.data != nullptr && tape.voltages.type != type);
  const bool eachStep = call.gradSpikeValues.data != nullptr && call.gradSpikeValuesStride == call.forward.elements;
  return eachStep && call.gradVoltages == nullptr && call.gradInput.data != nullptr && args.modulation.data == nullptr && !mixed &&
         call.forward.elements <= INT32_MAX / (int64_t)sizeof(float);
}

template <class Model>
class CudaKernel final : public DeviceKernel {
  using Forward = CudaForward<Model>;
  using Backward = CudaBackward<Model>;

 public:
  CudaKernel(int device, const ModelConfig &config) : context_(device), config_(config), program_(programOf(Model{}, config)) {
    OnDevice on(context_);
    RelaxedCapture relaxed;
    load(program_.anyForward);
    for (const auto &type : program_.forward) {
      for (const auto &kernels : type) {
        for (Kernel<Forward> forward : kernels) {
          load(forward);
        }
      }
    }
    for (Kernel<Backward> backward : program_.anyBackward) {
      load(backward);
    }
    for (const auto &kernels : program_.backward) {
      for (Kernel<Backward> backward : kernels) {
        load(backward);
      }
    }
    load(sumRowsKernel);
    load(sumNeuronsKernel);
    load(sumBlocksKernel);
    load(drawKernel);
    loadLinear();
    // Last, since it must be destroyed with the device entered.
    lastCall_ = std::make_shared<LastCall>();
  }

  // Releases a kernel that could not be handed out.
  ~CudaKernel() override {
    try {
      release();
    } catch (const Failure &) {
    }
  }

  void describe(char *text, size_t length) override {
    qlif_device_info info{};
    describeCuda(context_.ordinal(), info);
    snprintf(text, length, "CUDA, %s, compute capability %d.%d, %s", info.name, info.compute_major, info.compute_minor,
        program_.name);
  }

  void reserve(int64_t steps, int64_t batch, int64_t neurons, bool modulationSteps) override {
    OnDevice on(context_);
    Layout layout(steps, batch, neurons, modulationSteps);
    if (layout.bytes > scratchBytes_) {
      grow(layout.bytes);
    }
  }

  void forward(const ForwardCall &call, void *streamGiven) override {
    OnDevice on(context_);
    cudaStream_t stream = (cudaStream_t)streamGiven;
    Forward forward = forwardOf(call);
    bool capturing = isCapturing(stream);
    Current current(call, forward.args, stream);
    // Spike bits fill whole words.
    const int64_t words = wordsOf(call.elements) * 64;
    const Kernel<Forward> usual = program_.forward[forward.args.input.type][call.args.key != nullptr][(int)useOf(forward)];
    unsigned grid = usual == nullptr ? blocks(words, FORWARD_THREADS) : blocks(call.elements, FORWARD_THREADS * FORWARD_WIDTH);
    launch(usual == nullptr ? program_.anyForward : usual, dim3(grid), FORWARD_THREADS, forward, stream, "launching the forward kernel");
    current.release();
    called(stream, capturing, call.tape, call.scratch);
  }

  void backward(const BackwardCall &call, void *streamGiven) override {
    OnDevice on(context_);
    cudaStream_t stream = (cudaStream_t)streamGiven;
    const ForwardArgs &args = call.forward.args;
    constexpr int PARAMETERS = Model::PARAMETERS;
    const int64_t elements = call.forward.elements;
    const ModulationSum &modulation = call.modulation;
    // Everything that can be refused is refused before anything is launched.
    unsigned grid = blocks(elements, BACKWARD_THREADS);
    Layout layout(args.steps, args.batch, args.neurons, modulation.keepsSteps());
    bool capturing = isCapturing(stream);
    char *scratch = scratchOf(call.scratch, layout.bytes, capturing);
    float *sums = (float *)scratch;
    float *keptSteps = (float *)(scratch + layout.steps);
    float *partial = (float *)(scratch + layout.partial);
    const int64_t rowBlocks = blocksOf(args.batch);

    SumJobs parameterJobs{};
    for (int parameter = 0; parameter < PARAMETERS; parameter++) {
      parameterJobs.jobs[parameter] = sumJob(sums + parameter * elements, 1, args.batch, args.neurons, true,
          call.sumsOverNeurons(parameter), partial + parameter * rowBlocks, call.args.grad_parameters[parameter]);
    }
    SumJobs modulationJobs{};
    if (modulation.result != nullptr && !modulation.direct) {
      int64_t times = modulation.overTime ? 1 : args.steps;
      modulationJobs.jobs[0] = sumJob(modulation.overTime ? sums + PARAMETERS * elements : keptSteps, times, args.batch, args.neurons,
          modulation.overBatch, modulation.overNeurons, partial + PARAMETERS * rowBlocks, modulation.result);
    }
    SumGrid parameterGrid = gridOf(parameterJobs);
    SumGrid modulationGrid = gridOf(modulationJobs);

    Backward backward{};
    backward.forward = forwardOf(call.forward);
    Current current(call.forward, backward.forward.args, stream);
    backward.gradSpikeValues = call.args.grad_spike_values;
    backward.gradSpikeValuesStride = call.args.grad_spike_values_stride;
    backward.gradVoltages = call.args.grad_voltages;
    backward.gradInput = call.args.grad_input;
    for (int variable = 0; variable < Model::VARIABLES; variable++) {
      backward.gradFinalState[variable] = call.args.grad_final_state[variable];
      backward.gradInitialState[variable] = call.args.grad_initial_state[variable];
    }
    backward.sums = sums;
    backward.modulationSteps = modulation.result == nullptr || modulation.overTime ? nullptr
                               : modulation.direct                                 ? modulation.result
                                                                                   : keptSteps;
    const bool keepsVoltages = ((CudaTape *)call.forward.tape)->keepsVoltages();
    const Kernel<Backward> usual = isCommon(backward) ? program_.backward[backward.forward.args.input.type][keepsVoltages] : nullptr;
    launch(usual == nullptr ? program_.anyBackward[keepsVoltages] : usual, dim3(grid), BACKWARD_THREADS, backward, stream,
        "launching the backward kernel");
    current.release();
    addUp(parameterJobs, parameterGrid, stream);
    addUp(modulationJobs, modulationGrid, stream);
    called(stream, capturing, call.forward.tape, call.scratch);
  }

  void draw(const DrawArgs &args, void *stream) override {
    OnDevice on(context_);
    const bool capturing = isCapturing((cudaStream_t)stream);
    CudaDraw draw{};
    draw.args = args;
    draw.firstPair = args.first_step / 2;
    draw.pairs = (args.first_step + args.steps - 1) / 2 - draw.firstPair + 1;
    for (int block = 0; block <= wireBlock((int)args.wires - 1); block++) {
      draw.wires[block] = wireBlockKey(args.seed, block);
    }
    launch(drawKernel, dim3(blocks(draw.pairs * args.elements, DRAW_THREADS)), DRAW_THREADS, draw, (cudaStream_t)stream,
        "launching the draw kernel");
    called((cudaStream_t)stream, capturing, nullptr, Scratch{});
  }

  void put(const Piece *pieces, int count, void *streamGiven) override {
    OnDevice on(context_);
    cudaStream_t stream = (cudaStream_t)streamGiven;
    const bool capturing = isCapturing(stream);
    for (int i = 0; i < count; i++) {
      const Piece &piece = pieces[i];
      if (piece.from == nullptr) {
        check(cudaMemsetAsync(piece.to, 0, piece.bytes, stream), "setting gradients to 0");
      } else {
        check(cudaMemcpyAsync(piece.to, piece.from, piece.bytes, cudaMemcpyDeviceToDevice, stream), "copying the state's gradients");
      }
    }
    called(stream, capturing, nullptr, Scratch{});
  }

  uint64_t tapeBytes(int mode, int32_t type, int64_t steps, int64_t elements) override {
    return TapeLayout(Model::VARIABLES, mode, type, steps, elements).bytes;
  }

  std::unique_ptr<TapeStorage> newTape(int mode, int32_t type, int64_t steps, int64_t elements) override {
    return std::make_unique<CudaTape>(context_.ordinal(), mode, TapeLayout(Model::VARIABLES, mode, type, steps, elements));
  }

  std::unique_ptr<TapeStorage> lentTape(int mode, int32_t type, int64_t steps, int64_t elements, void *memory) override {
    return std::make_unique<CudaTape>(memory, mode, TapeLayout(Model::VARIABLES, mode, type, steps, elements));
  }

  uint64_t scratchBytes(int64_t steps, int64_t batch, int64_t neurons, bool modulationSteps) override {
    return Layout(steps, batch, neurons, modulationSteps).bytes;
  }

  uint64_t backwardScratch(const BackwardCall &call) override {
    const ForwardArgs &args = call.forward.args;
    if (args.steps == 0 || call.forward.elements == 0) {
      return 0;
    }
    return Layout(args.steps, args.batch, args.neurons, call.modulation.keepsSteps()).bytes;
  }

  void release() override {
    if (context_.handle() == nullptr) {
      return;
    }
    free();
    context_.release();
  }

 private:
  void free() {
    OnDevice on(context_);
    RelaxedCapture relaxed;
    cudaError_t waited = lastCall_ == nullptr ? cudaSuccess : lastCall_->wait();
    lastCall_.reset();
    retired_.push_back(scratch_);
    scratch_ = nullptr;
    scratchBytes_ = 0;
    std::optional<Failure> failure;
    for (void *memory : retired_) {
      try {
        deallocate(memory, "freeing scratch memory");
      } catch (const Failure &first) {
        failure = failure ? failure : first;
      }
    }
    retired_.clear();
    check(waited, "waiting for the kernel's last call");
    if (failure) {
      throw *failure;
    }
  }

  /** The input of a call that a linear layer computes: in the layer's output, or in memory allocated for the call. */
  class Current {
   public:
    Current(const ForwardCall &call, CudaArgs<Model> &args, cudaStream_t stream) {
      if (!call.linear) {
        return;
      }
      LinearArgs linear = *call.linear;
      if (linear.output == nullptr) {
        memory_.emplace((uint64_t)(linear.steps * call.elements) * sizeof(float), stream, "allocating memory for a linear layer's output");
        linear.output = memory_->floats();
      }
      enqueueLinear(linear, stream);
      args.input.data = linear.output;
    }

    void release() {
      if (memory_) {
        memory_->release();
      }
    }

   private:
    std::optional<StreamMemory> memory_;
  };

  /** Offsets in scratch memory, in bytes; the sums over time come first. */
  struct Layout {
    uint64_t steps;
    uint64_t partial;
    uint64_t bytes;

    Layout(int64_t time, int64_t batch, int64_t neurons, bool modulationSteps) {
      constexpr int PARAMETERS = Model::PARAMETERS;
      const char *name = "scratch memory";
      const int64_t elements = product(name, batch, neurons);
      steps = aligned(name, product(name, elements, (PARAMETERS + 1) * sizeof(float)));
      uint64_t kept = modulationSteps ? aligned(name, product(name, product(name, time, elements), sizeof(float))) : 0;
      partial = (uint64_t)sum(name, (int64_t)steps, (int64_t)kept);
      int64_t groups = PARAMETERS + (modulationSteps ? time : 1);
      uint64_t sums = aligned(name, product(name, product(name, groups, blocksOf(batch)), sizeof(float)));
      bytes = (uint64_t)sum(name, (int64_t)partial, (int64_t)sums);
    }
  };

  /** The grids of the sums' kernels; x is 0 if there is nothing to launch. */
  struct SumGrid {
    dim3 rows;
    dim3 neurons;
    dim3 blocks;
  };

  static SumJob sumJob(const float *values, int64_t times, int64_t batch, int64_t neurons, bool overBatch, bool overNeurons,
      float *partial, float *result) {
    SumJob job{};
    job.values = values;
    job.groups = overBatch ? times : times * batch;
    job.rows = overBatch ? batch : 1;
    job.neurons = neurons;
    job.overNeurons = overNeurons;
    job.partial = overNeurons && blocksOf(job.rows) > 1 ? partial : nullptr;
    job.result = result;
    return job;
  }

  static SumGrid gridOf(const SumJobs &jobs) {
    int64_t rows = 0;
    int64_t neurons = 0;
    int64_t groups = 0;
    unsigned count = 1;
    for (int i = 0; i < Model::PARAMETERS; i++) {
      const SumJob &job = jobs.jobs[i];
      if (job.result == nullptr) {
        continue;
      }
      count = (unsigned)i + 1;
      if (!job.overNeurons) {
        rows = std::max(rows, job.groups * job.neurons);
      } else {
        neurons = std::max(neurons, job.groups * blocksOf(job.rows));
      }
      if (job.partial != nullptr) {
        groups = std::max(groups, job.groups);
      }
    }
    return SumGrid{dim3(blocks(rows, ROW_COLUMNS), count), dim3(blocks(neurons, 1), count), dim3(blocks(groups, 1), count)};
  }

  static void addUp(const SumJobs &jobs, const SumGrid &grid, cudaStream_t stream) {
    if (grid.rows.x > 0) {
      launch(sumRowsKernel, grid.rows, ROW_COLUMNS * ROW_LINES, jobs, stream, "launching the sum over rows");
    }
    if (grid.neurons.x > 0) {
      launch(sumNeuronsKernel, grid.neurons, SUM_THREADS, jobs, stream, "launching the sum over neurons");
    }
    if (grid.blocks.x > 0) {
      launch(sumBlocksKernel, grid.blocks, SUM_THREADS, jobs, stream, "launching the sum over blocks");
    }
  }

  Forward forwardOf(const ForwardCall &call) const {
    const ForwardArgs &args = call.args;
    Forward forward{};
    forward.options = Model::optionsOf(config_);
    forward.constants = Model::constantsOf(config_);
    CudaArgs<Model> &to = forward.args;
    to.steps = args.steps;
    to.neurons = args.neurons;
    to.first_step = args.first_step;
    to.element_offset = args.element_offset;
    to.stream = args.stream;
    to.per_neuron_parameters = args.per_neuron_parameters;
    to.key = args.key;
    to.row_index = args.row_index;
    to.input = args.input;
    to.modulation = args.modulation;
    to.uniforms = args.uniforms;
    to.normals = args.normals;
    to.spikes_f32 = args.spikes_f32;
    to.spikes_u8 = args.spikes_u8;
    to.spikes_bit = args.spikes_bit;
    to.spike_values = args.spike_values;
    to.voltages = args.voltages;
    for (int parameter = 0; parameter < Model::PARAMETERS; parameter++) {
      to.parameters[parameter] = args.parameters[parameter];
    }
    to.initial_state_shared = args.initial_state_shared;
    for (int variable = 0; variable < Model::VARIABLES; variable++) {
      to.initial_state[variable] = args.initial_state[variable];
      to.final_state[variable] = args.final_state[variable];
    }
    for (int trace = 0; trace < Model::TRACES; trace++) {
      to.traces[trace] = args.traces[trace];
      forward.traces = forward.traces || args.traces[trace] != nullptr;
    }
    forward.elements = call.elements;
    forward.tape = call.tape == nullptr ? CudaTapeView{} : ((CudaTape *)call.tape)->view();
    forward.wires = config_.uniforms;
    forward.drawsUniforms = config_.uniforms > 0 && args.uniforms == nullptr;
    forward.drawsNormals = config_.normals && args.normals == nullptr;
    forward.seed = args.seed;
    forward.rounds = RoundKeys::of(Key{args.seed});
    return forward;
  }

  /** Records the end of a call, unless it is captured, since nobody knows when a graph will run. */
  void called(cudaStream_t stream, bool capturing, TapeStorage *storage, const Scratch &scratch) {
    if (capturing) {
      return;
    }
    lastCall_->record(stream);
    CudaTape *tape = (CudaTape *)storage;
    if (tape == nullptr || !tape->isOwn()) {
      return;
    }
    if (scratch.memory == nullptr) {
      tape->usedBy(lastCall_);
    } else {
      // A separate event, since the kernel's next call may be on another stream.
      auto call = std::make_shared<LastCall>();
      call->record(stream);
      tape->usedBy(call);
    }
  }

  /** The memory that a call works in. */
  char *scratchOf(const Scratch &lent, uint64_t bytes, bool capturing) {
    if (lent.memory != nullptr) {
      return (char *)lent.memory;
    }
    makeRoom(bytes, capturing);
    return scratch_;
  }

  /** Makes sure that scratch memory is large enough for a call. */
  void makeRoom(uint64_t bytes, bool capturing) {
    if (capturing) {
      if (bytes > scratchBytes_) {
        fail(QLIF_INVALID_ARGUMENT, "kernel: got %llu bytes of scratch memory, expected at least %llu for a call that is captured: call"
            " qlif_kernel_reserve with this shape before the capture", (unsigned long long)scratchBytes_, (unsigned long long)bytes);
      }
      captured_ = true;
    } else if (bytes > scratchBytes_) {
      grow(bytes);
    }
  }

  /** Replaces the scratch memory. */
  void grow(uint64_t bytes) {
    check(lastCall_->wait(), "waiting for the kernel's last call before scratch memory grows");
    if (scratch_ != nullptr) {
      char *old = scratch_;
      if (captured_) {
        // A graph has its address and may be launched at any time.
        retired_.push_back(old);
        captured_ = false;
        scratch_ = nullptr;
        scratchBytes_ = 0;
      } else {
        scratch_ = nullptr;
        scratchBytes_ = 0;
        deallocate(old, "freeing scratch memory");
      }
    }
    scratch_ = (char *)allocate(bytes, "allocating scratch memory");
    scratchBytes_ = bytes;
  }

  Context context_;
  std::shared_ptr<LastCall> lastCall_;
  const ModelConfig config_;
  const Program<Model> program_;
  char *scratch_ = nullptr;
  uint64_t scratchBytes_ = 0;
  // Whether a graph may have the address of the scratch memory.
  bool captured_ = false;
  std::vector<void *> retired_;
};

}  // namespace cuda

using namespace cuda;

int countCudaDevices() {
  int count = 0;
  check(cudaGetDeviceCount(&count), "counting devices");
  return count;
}

void describeCuda(int device, qlif_device_info &info) {
  requireDevice(device);
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device), "asking for a device's properties");
  int driver = 0;
  check(cudaDriverGetVersion(&driver), "asking for the driver's version");
  // Generations for which the library has machine code or PTX. GPUs in a Tegra don't run the machine code of other GPUs of their generation.
  const int major = properties.major;
  const int minor = properties.minor;
  const bool tegra = (major == 8 && minor == 7) || (major == 10 && minor == 1);
  const bool runs = (major == 7 && minor >= 5) || (major >= 8 && major <= 10) || major >= 12;
  if (!runs || tegra) {
    fail(QLIF_UNAVAILABLE, "device %d, %s: has compute capability %d.%d, expected 7.5, 8.x except 8.7, 9.x, 10.x"
        " except 10.1, or 12.0 or newer", device, properties.name, major, minor);
  }
  info.compute_major = properties.major;
  info.compute_minor = properties.minor;
  info.multiprocessors = properties.multiProcessorCount;
  info.driver_version = driver;
  info.memory_bytes = properties.totalGlobalMem;
  snprintf(info.name, sizeof info.name, "%s", properties.name);
}

std::unique_ptr<DeviceKernel> openCudaKernel(int device, const ModelConfig &config) {
  requireDevice(device);
  switch (config.model) {
    case QLIF_MODEL_QLIF:
      return std::make_unique<CudaKernel<QlifModel>>(device, config);
    case QLIF_MODEL_LIF:
      return std::make_unique<CudaKernel<LifModel>>(device, config);
  }
  failModel(config.model);
}

}  // namespace qlif
