// SPDX-License-Identifier: Apache-2.0
// The linear layer: what the C interface (linear_api.cpp) needs from a device, the host (linear.cpp) or CUDA (cuda_linear.cu).
#ifndef QLIF_LINEAR_H
#define QLIF_LINEAR_H

#include <memory>

#include "linear_kernels.h"

namespace qlif {

/** Checks the shape of a call, and that each array can be addressed. */
LinearArgs linearArgsOf(const qlif_linear_forward_args &given);
/** Refuses a forward call whose input, weights or bias can't be read. */
void requireLinearInputs(const LinearArgs &args);

/** The kernels for this processor. */
LinearProgram linearProgramOfHost();

/** A linear layer on a device; one call at a time. */
class LinearDevice {
 public:
  virtual ~LinearDevice() = default;
  virtual void describe(char *text, size_t length) const = 0;
  /** Any extent may be 0. */
  virtual void forward(const LinearArgs &args, void *stream) = 0;
  virtual void backward(const LinearArgs &args, void *stream) = 0;
  /** Called once, before the destructor. */
  virtual void release() = 0;
};

std::unique_ptr<LinearDevice> openHostLinear(int threads, int64_t spinNanos);
std::unique_ptr<LinearDevice> openCudaLinear(int device);

}  // namespace qlif

#endif
