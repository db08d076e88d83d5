// SPDX-License-Identifier: Apache-2.0
// The linear layer on the host.
#ifndef QLIF_LINEAR_H
#define QLIF_LINEAR_H

#include "linear_kernels.h"
#include "team.h"

namespace qlif {

/** Checks the shape of a call, and that each array is one that can be addressed. */
LinearArgs linearArgsOf(const qlif_linear_forward_args &given);
/** Refuses a forward call whose input, weights or bias can't be read. */
void requireLinearInputs(const LinearArgs &args);

/** The kernels for this processor. */
LinearProgram linearProgramOfHost();

/** What calls of one linear layer work with; one call at a time. */
class HostLinear {
 public:
  HostLinear(int threads, int64_t spinNanos);

  void describe(char *text, size_t length) const;
  void forward(const LinearArgs &args);
  void backward(const LinearArgs &args);
  void release() { crew_.release(); }

 private:
  const LinearProgram program_;
  Crew crew_;
};

}  // namespace qlif

#endif
