// The host as a device: memory, threads and sums around the kernels of host_kernels.cpp.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <utility>

#include "checks.h"
#include "host_kernels.h"
#include "team.h"

namespace qlif {
namespace {

/** Work, in neuron-steps, below which waking a helper costs more than it saves. */
constexpr int64_t ALONE = 16384;

/** Memory aligned to a cache line, not touched before it is used. */
class Memory {
 public:
  Memory() = default;
  explicit Memory(uint64_t bytes) : bytes_(bytes) {
    if (bytes > 0) {
      data_ = aligned_alloc(64, (size_t)((bytes + 63) / 64 * 64));
      if (data_ == nullptr) {
        fail(QLIF_OUT_OF_MEMORY, "no room for %llu bytes of host memory", (unsigned long long)bytes);
      }
    }
  }
  ~Memory() { free(data_); }
  Memory(Memory &&other) noexcept : data_(other.data_), bytes_(other.bytes_) { other.data_ = nullptr; }
  Memory &operator=(Memory &&other) noexcept {
    if (this != &other) {
      free(data_);
      data_ = other.data_;
      bytes_ = other.bytes_;
      other.data_ = nullptr;
      other.bytes_ = 0;
    }
    return *this;
  }

  template <class T>
  T *as() const {
    return (T *)data_;
  }
  uint64_t bytes() const { return bytes_; }

 private:
  void *data_ = nullptr;
  uint64_t bytes_ = 0;
};

class HostTape final : public TapeStorage {
 public:
  HostTape(int mode, int64_t steps, int64_t elements) : keepsVoltages_(mode == QLIF_TAPE_VOLTAGE), count_(checkpointsOf(steps)) {
    int64_t words = product("tape", wordsOf(elements), steps);
    int64_t bits = product("tape", words, sizeof(uint64_t));
    int64_t checkpoints = product("tape", wordsOf(elements) * count_, VARIABLES * LANES * sizeof(float));
    int64_t voltages = keepsVoltages_ ? product("tape", words, LANES * sizeof(float)) : 0;
    sum("tape", sum("tape", bits, checkpoints), voltages);
    bits_ = Memory((uint64_t)bits);
    checkpoints_ = Memory((uint64_t)checkpoints);
    voltages_ = Memory((uint64_t)voltages);
  }

  HostTapeView view() const {
    return HostTapeView{keepsVoltages_ ? voltages_.as<float>() : nullptr, bits_.as<uint64_t>(), checkpoints_.as<float>(), count_};
  }

  uint64_t bytes() const override { return bits_.bytes() + checkpoints_.bytes() + voltages_.bytes(); }

  void release() override {
    bits_ = Memory();
    checkpoints_ = Memory();
    voltages_ = Memory();
  }

 private:
  Memory bits_;
  Memory checkpoints_;
  Memory voltages_;
  const bool keepsVoltages_;
  const int64_t count_;
};

/** The fixed order in which gradients of shared values are summed: docs/numerics.md. */
class GradientSums {
 public:
  /** Sums (batch, neurons) values over batch, or neurons, or both. */
  void sum(const float *values, int64_t batch, int64_t neurons, bool overBatch, bool overNeurons, float *result) {
    int64_t groups = overBatch ? 1 : batch;
    int64_t rows = overBatch ? batch : 1;
    for (int64_t group = 0; group < groups; group++) {
      for (double &lane : lanes_) {
        lane = 0;
      }
      for (int64_t n = 0; n < neurons; n += CHUNK) {
        int width = (int)(neurons - n < CHUNK ? neurons - n : CHUNK);
        sumRows(values + group * neurons + n, rows, neurons, width);
        for (int i = 0; i < width; i++) {
          if (overNeurons) {
            // A chunk starts at a multiple of the lanes.
            lanes_[i % LANES] += sums_[i];
          } else {
            result[group * neurons + n + i] = (float)sums_[i];
          }
        }
      }
      if (overNeurons) {
        for (int half = LANES / 2; half > 0; half /= 2) {
          for (int i = 0; i < half; i++) {
            lanes_[i] += lanes_[i + half];
          }
        }
        result[group] = (float)lanes_[0];
      }
    }
  }

 private:
  static constexpr int LANES = 256;
  static constexpr int CHUNK = 4096;

  void sumRows(const float *values, int64_t rows, int64_t stride, int width) {
    for (int i = 0; i < width; i++) {
      sums_[i] = 0;
    }
    for (int64_t b = 0; b < rows; b++) {
      for (int i = 0; i < width; i++) {
        sums_[i] += values[b * stride + i];
      }
    }
  }

  double sums_[CHUNK];
  double lanes_[LANES];
};

#if defined(__x86_64__)

/** Whether a CPU has all of these features; writes the names of those that it lacks. */
bool hasAll(const std::pair<const char *, bool> *features, int count, char *missing, size_t length) {
  size_t end = 0;
  missing[0] = 0;
  for (int i = 0; i < count; i++) {
    if (!features[i].second && end < length) {
      end += (size_t)snprintf(missing + end, length - end, "%s%s", end == 0 ? "" : ", ", features[i].first);
    }
  }
  return end == 0;
}

/** What the host's kernels are run as: there is no code for less than x86-64-v3, since a fused multiply-add in software is no use. */
const char *instructionSet() {
  __builtin_cpu_init();
  // All that the compiler may use of each level, past what every x86-64 has.
  const std::pair<const char *, bool> v3[] = {
      {"SSE4.2", __builtin_cpu_supports("sse4.2")},
      {"POPCNT", __builtin_cpu_supports("popcnt")},
      {"AVX", __builtin_cpu_supports("avx")},
      {"AVX2", __builtin_cpu_supports("avx2")},
      {"FMA", __builtin_cpu_supports("fma")},
      {"BMI1", __builtin_cpu_supports("bmi")},
      {"BMI2", __builtin_cpu_supports("bmi2")},
      {"F16C", __builtin_cpu_supports("f16c")},
      {"LZCNT", __builtin_cpu_supports("lzcnt")},
      {"MOVBE", __builtin_cpu_supports("movbe")},
  };
  const std::pair<const char *, bool> v4[] = {
      {"AVX512F", __builtin_cpu_supports("avx512f")},
      {"AVX512BW", __builtin_cpu_supports("avx512bw")},
      {"AVX512CD", __builtin_cpu_supports("avx512cd")},
      {"AVX512DQ", __builtin_cpu_supports("avx512dq")},
      {"AVX512VL", __builtin_cpu_supports("avx512vl")},
  };
  char missing[128];
  if (!hasAll(v3, sizeof v3 / sizeof v3[0], missing, sizeof missing)) {
    fail(QLIF_UNAVAILABLE, "the host's CPU lacks %s, which the library's host kernels need: they are compiled for x86-64-v3 and v4",
        missing);
  }
  return hasAll(v4, sizeof v4 / sizeof v4[0], missing, sizeof missing) ? "x86-64-v4" : "x86-64-v3";
}

HostProgram programOf(Variant variant) {
  return instructionSet()[8] == '4' ? hostProgramV4(variant) : hostProgramV3(variant);
}

#else

const char *instructionSet() { return "baseline"; }

HostProgram programOf(Variant variant) { return hostProgramBaseline(variant); }

#endif

constexpr const char *PARAMETER_NAMES[PARAMETERS] = {"V_th", "tau", "eta", "q_scale", "q_bias"};

constexpr uint32_t LARGEST_FINITE = 0x7f7fffff;

/** The bits of the least tau for which dt / tau is finite. */
uint32_t leastTau(float dt) {
  FloatEnvironment environment;
  uint32_t low = 1;
  uint32_t high = LARGEST_FINITE;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (bitsOf(divide(dt, fromBits(middle))) <= LARGEST_FINITE) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

class HostKernel final : public DeviceKernel {
 public:
  HostKernel(Options options, const Constants &constants, int threads)
      : options_(options), constants_(constants), program_(programOf(variantOf(options))), workers_((uint64_t)threads * sizeof(HostWorker)),
        sums_(new GradientSums), team_(std::make_unique<Team>(threads)) {
    for (BitRange &range : legal_) {
      range = BitRange{0x7fffffff, 0, LARGEST_FINITE};
    }
    legal_[QLIF_PARAM_TAU] = BitRange{0xffffffff, leastTau(constants.dt), LARGEST_FINITE};
  }

  void requireParameters(const qlif_forward_args &args) override {
    ParameterCheck check{*this, args, {true}};
    auto job = [](void *context, int, int64_t part) {
      ParameterCheck &check = *(ParameterCheck *)context;
      int64_t first = part * ALONE;
      for (int parameter = 0; parameter < PARAMETERS; parameter++) {
        int64_t length = valuesOf(check.args, parameter);
        int64_t count = length - first < ALONE ? length - first : ALONE;
        const float *values = check.args.parameters[parameter] + first;
        if (count > 0 && !check.kernel.program_.areWithin(values, count, check.kernel.legal_[parameter])) {
          check.legal.store(false, std::memory_order_relaxed);
        }
      }
    };
    int64_t longest = args.per_neuron_parameters != 0 ? args.neurons : 1;
    team_->run(job, &check, longest / ALONE + 1, team_->size());
    if (!check.legal.load(std::memory_order_relaxed)) {
      refuseParameters(args);
    }
  }

  void describe(char *text, size_t length) override {
    snprintf(text, length, "C++, %s, %d %s", instructionSet(), team_->size(), team_->size() == 1 ? "thread" : "threads");
  }

  void reserve(int64_t steps, int64_t batch, int64_t neurons, bool modulationSteps) override {
    makeRoom(steps, batch * neurons, modulationSteps);
  }

  void forward(const ForwardCall &call, void *) override {
    HostForward forward = forwardOf(call);
    share([](void *context, int member, int64_t part) {
      Job<HostForward> &job = *(Job<HostForward> *)context;
      job.kernel.program_.forward(job.call, part, job.kernel.worker(member));
    }, forward, call.elements, call.args.steps);
  }

  void backward(const BackwardCall &call, void *) override {
    int64_t elements = call.forward.elements;
    const qlif_forward_args &args = call.forward.args;
    makeRoom(args.steps, elements, call.modulation.keepsSteps());
    float *sums = scratch_.as<float>();
    float *steps = call.modulation.result == nullptr || call.modulation.overTime ? nullptr
                   : call.modulation.direct                                      ? call.modulation.result
                                                                                 : sums + (PARAMETERS + 1) * elements;
    HostBackward backward{forwardOf(call.forward), call.args, HostSums{sums, steps}};
    share([](void *context, int member, int64_t part) {
      Job<HostBackward> &job = *(Job<HostBackward> *)context;
      job.kernel.program_.backward(job.call, part, job.kernel.worker(member));
    }, backward, elements, args.steps);

    FloatEnvironment environment;
    for (int parameter = 0; parameter < PARAMETERS; parameter++) {
      if (call.args.grad_parameters[parameter] != nullptr) {
        sums_->sum(sums + parameter * elements, args.batch, args.neurons, true, call.sumsOverNeurons(parameter),
            call.args.grad_parameters[parameter]);
      }
    }
    const ModulationSum &modulation = call.modulation;
    if (modulation.result == nullptr || modulation.direct) {
      return;
    }
    int64_t extent = (modulation.overBatch ? 1 : args.batch) * (modulation.overNeurons ? 1 : args.neurons);
    for (int64_t t = 0; t < (modulation.overTime ? 1 : args.steps); t++) {
      sums_->sum(modulation.overTime ? sums + PARAMETERS * elements : steps + t * elements, args.batch, args.neurons,
          modulation.overBatch, modulation.overNeurons, modulation.result + t * extent);
    }
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

  void draw(const qlif_draw_args &args, void *) override {
    HostDraw draw{args};
    share([](void *context, int member, int64_t part) {
      Job<HostDraw> &job = *(Job<HostDraw> *)context;
      job.kernel.program_.draw(job.call, part, job.kernel.worker(member));
    }, draw, args.elements, args.steps);
  }

  std::unique_ptr<TapeStorage> newTape(int mode, int64_t steps, int64_t elements) override {
    return std::make_unique<HostTape>(mode, steps, elements);
  }

  void release() override {
    team_.reset();
    scratch_ = Memory();
    workers_ = Memory();
  }

 private:
  template <class Call>
  struct Job {
    HostKernel &kernel;
    const Call &call;
  };

  struct ParameterCheck {
    const HostKernel &kernel;
    const qlif_forward_args &args;
    std::atomic<bool> legal;
  };

  static int64_t valuesOf(const qlif_forward_args &args, int parameter) {
    return args.per_neuron_parameters >> parameter & 1 ? args.neurons : 1;
  }

  /** Says which value it is that was found not to be legal. */
  void refuseParameters(const qlif_forward_args &args) const {
    FloatEnvironment environment;
    for (int parameter = 0; parameter < PARAMETERS; parameter++) {
      for (int64_t n = 0; n < valuesOf(args, parameter); n++) {
        float value = args.parameters[parameter][n];
        if (program_.areWithin(&value, 1, legal_[parameter])) {
          continue;
        }
        char text[32];
        if (parameter == QLIF_PARAM_TAU) {
          char dt[32];
          fail(QLIF_INVALID_ARGUMENT, "parameters[%d] (%s): got %s at index %lld, expected a finite number > 0 for which dt / tau is"
              " finite in float32 (dt is %s)", parameter, PARAMETER_NAMES[parameter], textOf(value, text), (long long)n,
              textOf(constants_.dt, dt));
        }
        fail(QLIF_INVALID_ARGUMENT, "parameters[%d] (%s): got %s at index %lld, expected a finite number", parameter,
            PARAMETER_NAMES[parameter], textOf(value, text), (long long)n);
      }
    }
  }

  template <class Call>
  void share(Team::Job job, const Call &call, int64_t elements, int64_t steps) {
    FloatEnvironment environment;
    Job<Call> context{*this, call};
    bool alone = elements * (steps > 0 ? steps : 1) < ALONE;
    team_->run(job, &context, wordsOf(elements), alone ? 1 : team_->size());
  }

  HostWorker &worker(int member) const { return workers_.as<HostWorker>()[member]; }

  HostForward forwardOf(const ForwardCall &call) const {
    HostTapeView tape = call.tape == nullptr ? HostTapeView{} : ((HostTape *)call.tape)->view();
    return HostForward{options_, constants_, call.args, call.elements, tape};
  }

  void makeRoom(int64_t steps, int64_t elements, bool modulationSteps) {
    const char *name = "scratch memory";
    int64_t floats = product(name, elements, PARAMETERS + 1);
    if (modulationSteps) {
      floats = sum(name, floats, product(name, steps, elements));
    }
    uint64_t bytes = (uint64_t)product(name, floats, sizeof(float));
    if (scratch_.bytes() < bytes) {
      scratch_ = Memory(bytes);
    }
  }

  const Options options_;
  const Constants constants_;
  const HostProgram program_;
  BitRange legal_[PARAMETERS];  // of the values of each parameter
  Memory workers_;
  Memory scratch_;
  std::unique_ptr<GradientSums> sums_;
  std::unique_ptr<Team> team_;
};

}  // namespace

std::unique_ptr<DeviceKernel> openHostKernel(const ModelConfig &config, int threads) {
  if (config.model != QLIF_MODEL_QLIF) {
    fail(QLIF_UNAVAILABLE, "%s: this build of the library has no kernels of this model", config.table().name);
  }
  return std::make_unique<HostKernel>(config.options, config.constants, threads);
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
  info.memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE);
}

}  // namespace qlif
