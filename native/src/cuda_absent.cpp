// SPDX-License-Identifier: Apache-2.0
// Replaces cuda.cu and cuda_linear.cu if the library is built without a CUDA compiler.
#include "device.h"
#include "linear.h"

namespace qlif {
namespace {

[[noreturn]] void absent() { fail(QLIF_UNAVAILABLE, "this build of the library has no CUDA code: nvcc was not found when it was built"); }

}  // namespace

std::unique_ptr<DeviceKernel> openCudaKernel(int, const ModelConfig &) { absent(); }

std::unique_ptr<LinearDevice> openCudaLinear(int) { absent(); }

void describeCuda(int, qlif_device_info &) { absent(); }

int countCudaDevices() { absent(); }

}  // namespace qlif
