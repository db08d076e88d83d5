// SPDX-License-Identifier: Apache-2.0
// The host as a device: memory, threads and sums around the kernels of host_kernels.cpp.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <new>

#include "block_tree.h"
#include "checks.h"
#include "host_kernels.h"
#include "instructions.h"
#include "linear.h"
#include "memory.h"
#include "narrow.h"
#include "team.h"

namespace qlif {
namespace {

/** Parameter values that a thread checks at a time. */
constexpr int64_t CHECKED = 16384;

/** Offsets in a tape's memory; everything is naturally aligned. */
struct TapeLayout {
  int64_t count;  // the number of checkpoints
  uint64_t checkpoints;
  uint64_t bits;
  uint64_t bytes;

  int32_t type;  // of V'

  TapeLayout(const ModelConfig &config, int mode, int32_t type, int64_t steps, int64_t elements) : count(checkpointsOf(steps)), type(type) {
    const char *name = "tape";
    const int64_t words = product(name, wordsOf(elements), steps);
    checkpoints = mode == QLIF_TAPE_VOLTAGE ? (uint64_t)product(name, words, LANES * sizeOfType(type)) : 0;
    const int64_t variables = config.table().variables.count;
    const int64_t states = product(name, product(name, wordsOf(elements), count), variables * LANES * (int64_t)sizeof(float));
    bits = (uint64_t)sum(name, (int64_t)checkpoints, states);
    bytes = (uint64_t)sum(name, (int64_t)bits, product(name, words, sizeof(uint64_t)));
  }
};

class HostTape final : public TapeStorage {
 public:
  /** lent: the caller's memory, or null. */
  HostTape(const TapeLayout &layout, void *lent)
      : layout_(layout), own_(lent == nullptr ? layout.bytes : 0), memory_(lent == nullptr ? own_.as<char>() : (char *)lent) {}

  HostTapeView view() const {
    return HostTapeView{TakenNumbers{layout_.checkpoints > 0 ? memory_ : nullptr, layout_.type}, (uint64_t *)(memory_ + layout_.bits),
        (float *)(memory_ + layout_.checkpoints), layout_.count};
  }

  uint64_t bytes() const override { return layout_.bytes; }

  void release() override { own_ = Memory(); }

 private:
  const TapeLayout layout_;
  Memory own_;
  char *const memory_;
};

#if defined(__x86_64__)

int32_t vectorBits() { return hasV4() ? 512 : 256; }

HostProgram programOf(const ModelConfig &config) { return hasV4() ? hostProgramV4(config) : hostProgramV3(config); }

#else

int32_t vectorBits() { return 0; }

HostProgram programOf(const ModelConfig &config) { return hostProgramBaseline(config); }

#endif

/** a / b, rounded up. */
int64_t quotientUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

/** `bytes`, rounded up to whole cache lines. */
size_t lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

/**
 * The input current computed by a linear layer: for all steps of the blocks of a part, before the neurons of the part start. The layer copies
 * its weights for each part, so a part covers as many of its rows (one for each step) as the layer takes at a time.
 */
class Current {
 public:
  Current(const LinearProgram &program, const LinearArgs &args) : program_(program), args_(args) {}

  /** Maximum number of blocks in a part. */
  int64_t blocks() const {
    const int64_t rows = program_.inputRows / (args_.steps > 0 ? args_.steps : 1);
    return rows == 0 || args_.outputs * rows < LANES ? 1 : args_.outputs * rows / LANES;
  }

  /** The memory that a part of `blocks` blocks needs, in bytes. */
  uint64_t bytes(int64_t blocks) const {
    const char *name = "the input current of some neurons";
    const uint64_t values = (uint64_t)product(name, product(name, blocks, LANES * (int64_t)sizeof(float)), args_.steps);
    return values + program_.forwardBytes(LinearJob{args_, LinearParts{program_.inputRows, 1}});
  }

  /** Computes the current of elements `first` to `end`. memory: bytes() bytes. */
  HostInput make(int64_t first, int64_t end, void *memory) const {
    const int64_t stride = quotientUp(end - first, LANES) * LANES;
    float *const values = (float *)memory;
    void *const worker = values + stride * args_.steps;
    // The end of a row of the batch, whole rows, and the start of a row.
    for (int64_t e = first; args_.steps > 0 && e < end;) {
      LinearArgs part = args_;
      part.row = e / args_.outputs;
      part.column = e % args_.outputs;
      const int64_t whole = (end - e) / args_.outputs;
      part.rows = part.column > 0 || whole == 0 ? 1 : whole;
      part.columns = args_.outputs - part.column < end - e ? args_.outputs - part.column : end - e;
      part.output = values + (e - first);
      part.outputStep = stride;
      part.outputRow = args_.outputs;
      const int64_t rows = args_.steps * part.rows;
      const LinearJob job{part, LinearParts{rows, quotientUp(rows, program_.inputRows)}};
      for (int64_t i = 0; i < job.parts.count; i++) {
        program_.forward(job, i, worker);
      }
      e += part.rows * part.columns;
    }
    for (int64_t t = 0; args_.output != nullptr && t < args_.steps; t++) {
      memcpy(args_.output + t * args_.outputStep + first, values + t * stride, (size_t)(end - first) * sizeof(float));
    }
    return HostInput{GivenNumbers{values, QLIF_TYPE_F32}, stride, first};
  }

 private:
  const LinearProgram &program_;
  const LinearArgs &args_;
};

constexpr uint32_t LARGEST_FINITE = 0x7f7fffff;

/** The bits of the least positive float for which `question` is true. It must be true for all greater finite ones, too. */
template <class Question>
uint32_t leastBits(Question question) {
  uint32_t low = 1;
  uint32_t high = LARGEST_FINITE;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (question(fromBits(middle))) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/** The bits of a parameter's legal values; dt: the configuration's. */
BitRange legalBits(int32_t range, float dt) {
  FloatEnvironment environment;
  switch (range) {
    case QLIF_RANGE_FINITE:
      return BitRange{0x7fffffff, 0, LARGEST_FINITE};
    case QLIF_RANGE_TIME_CONSTANT:
      return BitRange{0xffffffff, leastBits([&](float tau) { return bitsOf(divide(dt, tau)) <= LARGEST_FINITE; }), LARGEST_FINITE};
    case QLIF_RANGE_RATE:
      // The least positive float is legal with any dt.
      return BitRange{0xffffffff, 1, dt * fromBits(LARGEST_FINITE) <= 1.0f ? LARGEST_FINITE : leastBits([&](float rate) {
        return dt * rate > 1.0f;
      }) - 1};
  }
  __builtin_unreachable();
}

/** The legal values of a parameter, for messages. */
template <size_t LENGTH>
const char *legalText(const ParameterRow &row, float dt, char (&text)[LENGTH]) {
  char number[32];
  switch (row.range) {
    case QLIF_RANGE_FINITE:
      return "a finite number";
    case QLIF_RANGE_TIME_CONSTANT:
      snprintf(text, LENGTH, "a finite number > 0 for which dt / %s is finite in float32 (dt is %s)", row.symbol, textOf(dt, number));
      return text;
    case QLIF_RANGE_RATE:
      snprintf(text, LENGTH, "a number > 0 for which dt * %s is at most 1 in float32 (dt is %s)", row.symbol, textOf(dt, number));
      return text;
  }
  __builtin_unreachable();
}

float dtOf(const ModelConfig &config) {
  switch (config.model) {
    case QLIF_MODEL_QLIF:
      return config.constants.dt;
    case QLIF_MODEL_LIF:
      return config.lif.dt;
  }
  failModel(config.model);
}

/** How many parts of a call there should be for each thread, so that all have work to the end. */
constexpr int64_t TURNS = 8;

/** How many blocks a part has, if there are enough parts: what the processor fetches beside a line is then mostly for the same thread. */
constexpr int64_t NEIGHBOURS = 32;

/**
 * How a backward pass adds up the modulation's gradients of a step that neurons share while they are in the cache, in place of a row of them that
 * is written and read again: the blocks of lanes that add to the same sums follow each other on one thread.
 */
struct SumsOfSteps {
  /** What the sums of a part of the work may take of the second-level cache, in bytes. */
  static constexpr int64_t MOST = 512 * 1024;
  /** How many parts there should be for each thread at least: few, since a part that is less than a row is slower. */
  static constexpr int64_t PARTS = 2;
  /** How many rows there must be if sums are over the batch: the sums of a block of rows take the memory of two rows. */
  static constexpr int64_t ROWS = 8;

  int64_t columns;   // blocks of lanes in a row of the batch
  int64_t rows;      // of a part
  int64_t together;  // columns of a part; the last part of its rows may have fewer
  bool overBatch;
  /** Over the batch, LANES sums at each step, column after column, block of rows after block of rows; else PARTIAL in a member's memory. */
  double *sums;

  /** Absent if this way is impossible or not worth it. memory: for a value at each neuron-step. */
  static std::optional<SumsOfSteps> of(const BackwardCall &call, int members, float *memory) {
    const ForwardArgs &args = call.forward.args;
    if (!call.modulation.keepsSteps() || call.forward.linear || args.neurons % LANES != 0) {
      return {};
    }
    const int64_t columns = args.neurons / LANES;
    if (!call.modulation.overBatch) {
      const bool possible = ofRow(args.steps) > 0 && isEven(args.batch, members);
      return possible ? std::optional(SumsOfSteps{columns, 1, columns, false, nullptr}) : std::nullopt;
    }
    const int64_t ofColumn = LANES * (int64_t)sizeof(double) * args.steps;
    if (args.batch < ROWS || ofColumn > MOST) {
      return {};
    }
    SumsOfSteps sums{columns, BLOCK_ROWS, std::min(MOST / ofColumn, columns), true, (double *)memory};
    while (!isEven(sums.parts(args.batch), members)) {
      if (sums.together == 1) {
        return {};
      }
      sums.together--;
    }
    return sums;
  }

  /** Whether so many parts are enough, and the member with most of them has at most an eighth more than its share. */
  static bool isEven(int64_t parts, int64_t members) {
    return parts >= PARTS * members && quotientUp(parts, members) * members * 8 <= parts * 9;
  }

  int64_t groups() const { return quotientUp(columns, together); }
  int64_t parts(int64_t batch) const { return quotientUp(batch, rows) * groups(); }

  /** Bytes of the partial sums of a row; 0 if they are too many. */
  static uint64_t ofRow(int64_t steps) {
    const int64_t ofStep = PARTIAL * (int64_t)sizeof(double);
    return steps <= MOST / ofStep ? (uint64_t)(steps * ofStep) : 0;
  }

  /** Memory that a member needs. */
  uint64_t bytes(int64_t steps) const { return overBatch ? 0 : ofRow(steps); }
};

// A call whose work is less than this many times HostProgram::alone, about 0.1 ms, doesn't wake sleeping helpers.
constexpr int64_t BRIEF = 8;

class HostKernel final : public DeviceKernel {
 public:
  HostKernel(const ModelConfig &config, int threads, int64_t spinNanos)
      : config_(config), parameters_(config.table().parameters.count), program_(programOf(config)), linear_(linearProgramOfHost()),
        crew_(threads, spinNanos) {
    for (int parameter = 0; parameter < parameters_; parameter++) {
      legal_[parameter] = legalBits(config.table().parameters[parameter].range, dtOf(config));
    }
  }

  void requireParameters(const ForwardArgs &args) override {
    ParameterCheck check{*this, args, {true}};
    auto job = [](void *context, int, int64_t part) {
      ParameterCheck &check = *(ParameterCheck *)context;
      int64_t first = part * CHECKED;
      for (int parameter = 0; parameter < check.kernel.parameters_; parameter++) {
        int64_t length = valuesOf(check.args, parameter);
        int64_t count = length - first < CHECKED ? length - first : CHECKED;
        const float *values = check.args.parameters[parameter] + first;
        if (count > 0 && !check.kernel.program_.areWithin(values, count, check.kernel.legal_[parameter])) {
          check.legal.store(false, std::memory_order_relaxed);
        }
      }
    };
    int64_t longest = args.per_neuron_parameters != 0 ? args.neurons : 1;
    const int64_t parts = longest / CHECKED + 1;
    Muster(crew_, parts).run(job, &check, parts);
    if (!check.legal.load(std::memory_order_relaxed)) {
      refuseParameters(args);
    }
  }

  void describe(char *text, size_t length) override {
    snprintf(text, length, "C++, %s, %d %s", instructionSet(), crew_.size(), crew_.size() == 1 ? "thread" : "threads");
  }

  void reserve(int64_t steps, int64_t batch, int64_t neurons, bool modulationSteps) override {
    makeRoom(steps, batch * neurons, modulationSteps);
    // Needed even if the team turns out to be busy.
    const uint64_t bytes = lines(program_.workerBytes) + (modulationSteps ? SumsOfSteps::ofRow(steps) : 0);
    Muster(crew_, 1).reserve(bytes);
    Muster(crew_, crew_.size()).reserve(bytes);
  }

  void forward(const ForwardCall &call, void *) override {
    HostForward forward = forwardOf(call);
    share([](void *context, int member, int64_t part) {
      Job<HostForward> &job = *(Job<HostForward> *)context;
      job.run(member, part, job.kernel.program_.forward);
    }, forward, call.elements, call.args.steps, NEIGHBOURS, call.linear);
  }

  void backward(const BackwardCall &call, void *) override {
    int64_t elements = call.forward.elements;
    const ForwardArgs &args = call.forward.args;
    float *sums = (float *)call.scratch.memory;
    if (sums == nullptr) {
      makeRoom(args.steps, elements, call.modulation.keepsSteps());
      sums = scratch_.as<float>();
    }
    float *steps = call.modulation.result == nullptr || call.modulation.overTime ? nullptr
                   : call.modulation.direct                                      ? call.modulation.result
                                                                                 : sums + (parameters_ + 1) * elements;
    const std::optional<SumsOfSteps> early = SumsOfSteps::of(call, crew_.size(), steps);
    HostBackward backward{forwardOf(call.forward), call.args, HostSums{sums, early ? nullptr : steps, nullptr, 0, false},
        call.modulation.result != nullptr};
    if (early) {
      shareSums(backward, call.modulation, *early);
    } else {
      share([](void *context, int member, int64_t part) {
        Job<HostBackward> &job = *(Job<HostBackward> *)context;
        job.run(member, part, job.kernel.program_.backward);
      }, backward, elements, args.steps, NEIGHBOURS, call.forward.linear);
    }
    addUp(call, sums, steps, early);
  }

  void put(const Piece *pieces, int count, void *) override {
    for (int i = 0; i < count; i++) {
      if (pieces[i].from == nullptr) {
        memset(pieces[i].to, 0, pieces[i].bytes);
      } else {
        memcpy(pieces[i].to, pieces[i].from, pieces[i].bytes);
      }
    }
  }

  void draw(const DrawArgs &args, void *) override {
    HostDraw draw{args, keysOf(args.seed, args.wires)};
    share([](void *context, int member, int64_t part) {
      Job<HostDraw> &job = *(Job<HostDraw> *)context;
      job.kernel.program_.draw(job.call, part, job.muster.scratch(member));
    }, draw, args.elements, args.steps, 1, {});
  }

  uint64_t tapeBytes(int mode, int32_t type, int64_t steps, int64_t elements) override {
    return TapeLayout(config_, mode, type, steps, elements).bytes;
  }

  std::unique_ptr<TapeStorage> newTape(int mode, int32_t type, int64_t steps, int64_t elements) override {
    return std::make_unique<HostTape>(TapeLayout(config_, mode, type, steps, elements), nullptr);
  }

  std::unique_ptr<TapeStorage> lentTape(int mode, int32_t type, int64_t steps, int64_t elements, void *memory) override {
    return std::make_unique<HostTape>(TapeLayout(config_, mode, type, steps, elements), memory);
  }

  uint64_t scratchBytes(int64_t steps, int64_t batch, int64_t neurons, bool modulationSteps) override {
    return scratchBytes(steps, batch * neurons, modulationSteps);
  }


  uint64_t backwardScratch(const BackwardCall &call) override {
    const ForwardCall &forward = call.forward;
    return forward.args.steps > 0 ? scratchBytes(forward.args.steps, forward.elements, call.modulation.keepsSteps()) : 0;
  }

  void release() override {
    crew_.release();
    scratch_ = Memory();
    modulation_ = Memory();
  }

 private:
  template <class Call>
  struct Job {
    HostKernel &kernel;
    const Call &call;
    const Muster &muster;
    const int64_t elements;
    const int64_t atOnce;  // blocks in a part; the last part may have fewer
    const std::optional<Current> &current;  // absent if the call gives the input

    /** Runs the blocks of a part; kernel(call, first, count, worker) does a few of them. */
    template <class Kernel>
    void run(int member, int64_t part, Kernel kernel) {
      const int64_t first = part * atOnce;
      const int64_t end = wordsOf(elements) - first < atOnce ? wordsOf(elements) : first + atOnce;
      void *const worker = muster.scratch(member);
      if (!current) {
        run(call, first, end, worker, kernel);
        return;
      }
      Call own = call;
      char *const room = (char *)worker + lines(this->kernel.program_.workerBytes);
      inputOf(own) = current->make(first * LANES, end * LANES < elements ? end * LANES : elements, room);
      run(own, first, end, worker, kernel);
    }

    template <class Kernel>
    void run(const Call &call, int64_t first, int64_t end, void *worker, Kernel kernel) {
      const int most = this->kernel.program_.blocks;
      for (int64_t block = first; block < end; block += most) {
        kernel(call, block, (int)(end - block < most ? end - block : most), worker);
      }
    }
  };

  /** The parts of a backward pass that adds up modulation's gradients as `early` says. */
  struct SumsJob {
    HostKernel &kernel;
    const HostBackward &call;
    const ModulationSum &modulation;
    const SumsOfSteps &early;
    const Muster &muster;

    void run(int member, int64_t part) const {
      const ForwardArgs &args = call.forward.args;
      HostBackward own = call;
      char *const worker = (char *)muster.scratch(member);
      double *const row = (double *)(worker + lines(kernel.program_.workerBytes));
      const int64_t blockOfRows = part / early.groups();
      const int64_t first = part % early.groups() * early.together;
      const int64_t end = std::min(early.columns, first + early.together);
      const int64_t endRow = std::min(args.batch, (blockOfRows + 1) * early.rows);
      if (!early.overBatch && args.neurons < PARTIAL) {
        memset(row, 0, early.bytes(args.steps));
      }
      for (int64_t b = blockOfRows * early.rows; b < endRow; b++) {
        for (int64_t column = first; column < end; column++) {
          if (early.overBatch) {
            own.sums.modulationSums = early.sums + (blockOfRows * early.columns + column) * args.steps * LANES;
            own.sums.modulationStride = LANES;
            own.sums.begins = b % early.rows == 0;
          } else {
            own.sums.modulationSums = row + column * LANES % PARTIAL;
            own.sums.modulationStride = PARTIAL;
            own.sums.begins = column * LANES < PARTIAL;
          }
          kernel.program_.backward(own, b * early.columns + column, 1, worker);
        }
      }
      for (int64_t t = 0; !early.overBatch && t < args.steps; t++) {
        modulation.result[t * args.batch + blockOfRows] = kernel.program_.fold(row + t * PARTIAL);
      }
    }
  };

  /** Shares such a backward pass. */
  void shareSums(const HostBackward &call, const ModulationSum &modulation, const SumsOfSteps &early) {
    FloatEnvironment environment;
    const ForwardArgs &args = call.forward.args;
    const int64_t parts = early.parts(args.batch);
    const int64_t work = call.forward.elements * args.steps;
    Muster muster(crew_, work < program_.alone ? 1 : parts, work < BRIEF * program_.alone);
    muster.reserve(lines(program_.workerBytes) + early.bytes(args.steps));
    SumsJob context{*this, call, modulation, early, muster};
    muster.run([](void *context, int member, int64_t part) {
      ((const SumsJob *)context)->run(member, part);
    }, &context, parts);
  }

  static HostInput &inputOf(HostForward &call) { return call.input; }
  static HostInput &inputOf(HostBackward &call) { return call.forward.input; }

  /** Adds up what the blocks wrote: the gradients of parameters, and of the modulation at each step. */
  void addUp(const BackwardCall &call, const float *sums, const float *steps, const std::optional<SumsOfSteps> &early) {
    const ForwardArgs &args = call.forward.args;
    const ModulationSum &modulation = call.modulation;
    const bool ofModulation = modulation.result != nullptr && !modulation.direct && !(early && !early->overBatch);
    const int64_t parts = parameters_ + (!ofModulation ? 0 : modulation.overTime ? 1 : args.steps);
    Muster muster(crew_, parts * call.forward.elements < BRIEF * program_.alone ? 1 : parts);
    muster.reserve(program_.workerBytes);
    FloatEnvironment environment;
    Sums context{*this, call, sums, steps, early ? early->sums : nullptr, muster};
    muster.run([](void *context, int member, int64_t part) {
      ((Sums *)context)->add(part, member);
    }, &context, parts);
  }

  struct Sums {
    const HostKernel &kernel;
    const BackwardCall &call;
    const float *sums;
    const float *steps;
    const double *blocksOfSteps;  // sums of blocks of rows, or null
    const Muster &muster;

    void add(int64_t part, int member) const {
      const ForwardArgs &args = call.forward.args;
      const int64_t elements = call.forward.elements;
      const int64_t parameters = kernel.parameters_;
      HostSum sum{sums + part * elements, nullptr, 0, args.batch, args.neurons, true, false};
      float *result;
      if (part < parameters) {
        sum.overNeurons = call.sumsOverNeurons((int)part);
        result = call.args.grad_parameters[part];
      } else {
        const ModulationSum &modulation = call.modulation;
        const int64_t extent = (modulation.overBatch ? 1 : args.batch) * (modulation.overNeurons ? 1 : args.neurons);
        const int64_t t = part - parameters;
        sum.values = modulation.overTime ? sum.values : steps + t * elements;
        sum.blocks = modulation.overTime || blocksOfSteps == nullptr ? nullptr : blocksOfSteps + t * LANES;
        sum.stride = args.steps * LANES;
        sum.overBatch = modulation.overBatch;
        sum.overNeurons = modulation.overNeurons;
        result = modulation.result + t * extent;
      }
      if (result != nullptr) {
        kernel.program_.sum(sum, result, muster.scratch(member));
      }
    }
  };

  struct ParameterCheck {
    const HostKernel &kernel;
    const ForwardArgs &args;
    std::atomic<bool> legal;
  };

  static int64_t valuesOf(const ForwardArgs &args, int parameter) {
    return args.per_neuron_parameters >> parameter & 1 ? args.neurons : 1;
  }

  /** Throws for the first illegal value. */
  void refuseParameters(const ForwardArgs &args) const {
    FloatEnvironment environment;
    for (int parameter = 0; parameter < parameters_; parameter++) {
      for (int64_t n = 0; n < valuesOf(args, parameter); n++) {
        float value = args.parameters[parameter][n];
        if (program_.areWithin(&value, 1, legal_[parameter])) {
          continue;
        }
        const ParameterRow &row = config_.table().parameters[parameter];
        char text[32];
        char expected[128];
        fail(QLIF_INVALID_ARGUMENT, "parameters[%d] (%s): got %s at index %lld, expected %s", parameter, row.symbol, textOf(value, text),
            (long long)n, legalText(row, dtOf(config_), expected));
      }
    }
  }

  /** neighbours: how many blocks a part may have, besides those that advance together; linear: computes the input, if the call doesn't give it. */
  template <class Call>
  void share(
      Team::Job job, const Call &call, int64_t elements, int64_t steps, int64_t neighbours, const std::optional<LinearArgs> &linear) {
    FloatEnvironment environment;
    const int64_t blocks = wordsOf(elements);
    int64_t most = std::min<int64_t>(program_.blocks, neighbours);
    std::optional<Current> current;
    if (linear) {
      current.emplace(linear_, *linear);
      most = neighbours = current->blocks();
    }
    const int64_t work = elements * (steps > 0 ? steps : 1);
    Muster muster(crew_, work < program_.alone ? 1 : blocks, !linear && work < BRIEF * program_.alone);
    most = std::max(most, std::min(neighbours, blocks / (TURNS * muster.members())));
    // The same number of parts for each member, if there are enough blocks.
    const int64_t turns = quotientUp(blocks, (int64_t)muster.members() * most);
    int64_t atOnce = blocks == 0 ? 1 : quotientUp(blocks, turns * muster.members());
    if (!linear && atOnce > program_.blocks) {
      // A multiple of the blocks that advance together.
      atOnce = atOnce / program_.blocks * program_.blocks;
    }
    muster.reserve(lines(program_.workerBytes) + (current ? current->bytes(atOnce) : 0));
    Job<Call> context{*this, call, muster, elements, atOnce, current};
    muster.run(job, &context, quotientUp(blocks, atOnce));
  }

  HostForward forwardOf(const ForwardCall &call) {
    HostTapeView tape = call.tape == nullptr ? HostTapeView{} : ((HostTape *)call.tape)->view();
    HostForward forward{config_, call.args, HostInput{call.args.input, call.elements, 0}, call.elements, tape,
        keysOf(call.args.seed, config_.uniforms), false};
    const ForwardArgs &args = call.args;
    const qlif_broadcast &modulation = args.modulation;
    if (modulation.data != nullptr && modulation.stride_t != 0
        && ((modulation.stride_b == 0 && args.batch > 1) || (modulation.stride_n == 0 && args.neurons > 1))) {
      forward.args.modulation = modulate(modulation, args);
      forward.modulated = true;
    }
    return forward;
  }

  /** The keys of the blocks of this many wires, until the next call. */
  const RoundKeys *keysOf(uint64_t seed, int64_t wires) {
    keys_[0] = RoundKeys::of(Key{seed});
    for (int wire = 1; wire < wires; wire += 2) {
      const int block = wireBlock(wire);
      keys_[block] = RoundKeys::of(Key{wireKey(seed, (uint32_t)block)});
    }
    return keys_;
  }

  /** Computes M of a modulation that several neurons share at each step, so that it is not computed again for each of them. */
  qlif_broadcast modulate(const qlif_broadcast &given, const ForwardArgs &args) {
    struct Rows {
      const HostKernel &kernel;
      const qlif_broadcast &given;
      int64_t batch;
      int64_t neurons;
      int64_t steps;
      int64_t together;  // steps in a part; the last part may have fewer
      float *m;
    };
    Rows rows{*this, given, given.stride_b == 0 ? 1 : args.batch, given.stride_n == 0 ? 1 : args.neurons, args.steps, 1, nullptr};
    const int64_t row = rows.batch * rows.neurons;
    // A part is large enough to be worth fetching, even if a step has one value.
    rows.together = std::max<int64_t>(1, program_.alone / std::max<int64_t>(1, row));
    const int64_t parts = (args.steps + rows.together - 1) / rows.together;
    const int64_t values = product("the modulation", args.steps, row);
    modulation_.reserve((uint64_t)product("the modulation", values, sizeof(float)));
    rows.m = modulation_.as<float>();
    FloatEnvironment environment;
    const Muster muster(crew_, std::max<int64_t>(1, parts));
    muster.run([](void *context, int, int64_t part) {
      const Rows &rows = *(const Rows *)context;
      const int64_t row = rows.batch * rows.neurons;
      const int64_t first = part * rows.together;
      const int64_t end = std::min(rows.steps, first + rows.together);
      float *m = rows.m + first * row;
      for (int64_t t = first; t < end; t++) {
        for (int64_t b = 0; b < rows.batch; b++) {
          for (int64_t n = 0; n < rows.neurons; n++) {
            *m++ = rows.given.data[t * rows.given.stride_t + b * rows.given.stride_b + n * rows.given.stride_n];
          }
        }
      }
      m = rows.m + first * row;
      rows.kernel.program_.modulate(rows.kernel.config_, m, m, (end - first) * row);
    }, &rows, parts);
    return qlif_broadcast{rows.m, row, rows.batch == 1 ? 0 : rows.neurons, rows.neurons == 1 ? 0 : 1};
  }

  uint64_t scratchBytes(int64_t steps, int64_t elements, bool modulationSteps) const {
    const char *name = "scratch memory";
    int64_t floats = product(name, elements, parameters_ + 1);
    if (modulationSteps) {
      floats = sum(name, floats, product(name, steps, elements));
    }
    return (uint64_t)product(name, floats, sizeof(float));
  }

  void makeRoom(int64_t steps, int64_t elements, bool modulationSteps) {
    scratch_.reserve(scratchBytes(steps, elements, modulationSteps));
  }

  const ModelConfig config_;
  const int parameters_;
  const HostProgram program_;
  const LinearProgram linear_;
  BitRange legal_[QLIF_MAX_PARAMETERS];  // the legal values of each parameter
  RoundKeys keys_[MAX_WIRES / 2 + 1];  // of the latest call
  Memory scratch_;
  Memory modulation_;  // M of a call, if neurons share it
  Crew crew_;
};

}  // namespace

std::unique_ptr<DeviceKernel> openHostKernel(const ModelConfig &config, int threads, int64_t spinNanos) {
  return std::make_unique<HostKernel>(config, threads, spinNanos);
}

void describeHost(qlif_device_info &info) {
  const char *instructions = instructionSet();
  char model[200] = "CPU";
  if (FILE *file = fopen("/proc/cpuinfo", "r")) {
    char line[256];
    while (fgets(line, sizeof line, file) != nullptr) {
      if (sscanf(line, "model name : %199[^\n]", model) == 1) {
        break;
      }
    }
    fclose(file);
  }
  snprintf(info.name, sizeof info.name, "%s (%s)", model, instructions);
  info.compute_major = 0;
  info.compute_minor = 0;
  info.multiprocessors = (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
  info.driver_version = 0;
  info.vector_bits = vectorBits();
  info.memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE);
}

}  // namespace qlif
