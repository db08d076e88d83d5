// The linear layer on the host.
#ifndef QLIF_LINEAR_H
#define QLIF_LINEAR_H

#include "linear_kernels.h"
#include "team.h"

namespace qlif {

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
