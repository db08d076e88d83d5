// SPDX-License-Identifier: Apache-2.0
// The linear layer on the host: threads and memory around the kernels of linear_kernels.cpp.
#include "linear.h"

#include <stdio.h>
#include <string.h>

#include "instructions.h"
#include "team.h"

namespace qlif {
namespace {

/** Multiply-adds, including those with inputs of 0, below which waking a helper costs more than it saves. */
constexpr int64_t ALONE = 1 << 20;

/** Parts of at most `most` rows, the same number for each member if there are enough rows. */
LinearParts partsOf(int64_t rows, int64_t most, int members) {
  int64_t count = rows / most + (rows % most != 0);
  count = (count + members - 1) / members * members;
  return LinearParts{rows, count < rows ? count : rows};
}

/** Whether a * b * c, none of them negative, is below a limit; can't overflow. */
bool isBelow(int64_t limit, int64_t a, int64_t b, int64_t c) {
  return a == 0 || b == 0 || c == 0 || (a < limit && b < limit && c < limit && (double)a * (double)b * (double)c < (double)limit);
}

struct Task {
  LinearJob job;
  void (*run)(const LinearJob &job, int64_t part, void *worker);
  const Muster &muster;
};

void share(const LinearJob &job, void (*run)(const LinearJob &, int64_t, void *), const Muster &muster) {
  Task task{job, run, muster};
  muster.run([](void *context, int member, int64_t part) {
    const Task &task = *(const Task *)context;
    task.run(task.job, part, task.muster.scratch(member));
  }, &task, job.parts.count);
}

void zero(float *to, int64_t count) {
  if (to != nullptr && count > 0) {
    memset(to, 0, (size_t)count * sizeof(float));
  }
}

class HostLinear final : public LinearDevice {
 public:
  HostLinear(int threads, int64_t spinNanos) : program_(linearProgramOfHost()), crew_(threads, spinNanos) {}

  void describe(char *text, size_t length) const override {
    snprintf(text, length, "C++, %s, %d %s", instructionSet(), crew_.size(), crew_.size() == 1 ? "thread" : "threads");
  }

  void forward(const LinearArgs &args, void *) override;
  void backward(const LinearArgs &args, void *) override;
  void release() override { crew_.release(); }

 private:
  const LinearProgram program_;
  Crew crew_;
};

void HostLinear::forward(const LinearArgs &args, void *) {
  const int64_t rows = args.steps * args.batch;
  if (rows == 0 || args.outputs == 0) {
    return;
  }
  FloatEnvironment environment;
  Muster muster(crew_, isBelow(ALONE, rows, args.inputs, args.outputs) ? 1 : rows);
  const LinearJob job{args, partsOf(rows, program_.inputRows, muster.members())};
  muster.reserve(program_.forwardBytes(job));
  share(job, program_.forward, muster);
}

void HostLinear::backward(const LinearArgs &args, void *) {
  const int64_t rows = args.steps * args.batch;
  if (rows == 0 || args.outputs == 0) {
    zero(args.gradWeights, args.inputs * args.outputs);
    zero(args.gradBias, args.outputs);
    zero(args.gradInput, rows * args.inputs);
    return;
  }
  FloatEnvironment environment;
  const int64_t ofWeights = (args.gradWeights != nullptr ? args.inputs : 0) + (args.gradBias != nullptr ? 1 : 0);
  const int64_t ofInput = args.gradInput == nullptr || args.inputs == 0 ? 0 : args.gradOutputShared ? args.batch : rows;
  Muster muster(crew_, isBelow(ALONE, rows, args.inputs, args.outputs) ? 1 : ofWeights > ofInput ? ofWeights : ofInput);
  const LinearJob weights{args, partsOf(ofWeights, program_.weightRows(args), muster.members())};
  const LinearJob input{args, partsOf(ofInput, program_.inputRows, muster.members())};
  // Everything is checked before anything is written.
  if (ofWeights > 0) {
    muster.reserve(program_.weightsBytes(weights));
  }
  if (ofInput > 0) {
    muster.reserve(program_.inputBytes(input));
  }
  if (ofWeights > 0) {
    share(weights, program_.weights, muster);
  }
  if (ofInput > 0) {
    share(input, program_.input, muster);
    const int64_t step = args.batch * args.inputs;
    for (int64_t t = 1; args.gradOutputShared && t < args.steps; t++) {
      memcpy(args.gradInput + t * step, args.gradInput, (size_t)step * sizeof(float));
    }
  }
}

}  // namespace

#if defined(__x86_64__)
LinearProgram linearProgramOfHost() { return hasV4() ? linearProgramV4() : linearProgramV3(); }
#else
LinearProgram linearProgramOfHost() { return linearProgramBaseline(); }
#endif

std::unique_ptr<LinearDevice> openHostLinear(int threads, int64_t spinNanos) { return std::make_unique<HostLinear>(threads, spinNanos); }

}  // namespace qlif
