// SPDX-License-Identifier: Apache-2.0
// Shared by cuda.cu and cuda_linear.cu: errors, contexts, memory and launches.
#ifndef QLIF_CUDA_CALLS_H
#define QLIF_CUDA_CALLS_H

#include <cudaTypedefs.h>
#include <cuda_runtime.h>
#include <stdio.h>

#include "checks.h"
#include "device.h"

namespace qlif {

// Not an anonymous namespace: nvcc derives the name of one from the source's folder, but builds should be reproducible.
namespace cuda {

// ---------------------------------------------------------------- errors

/** Whether no later call can succeed in this process. */
inline bool isSticky(cudaError_t error) {
  switch (error) {
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorContextIsDestroyed:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorTensorMemoryLeak:
    case cudaErrorMpsClientTerminated:
    case cudaErrorExternalDevice:
      return true;
    default:
      return false;
  }
}

inline qlif_status statusOf(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return QLIF_OUT_OF_MEMORY;
    case cudaErrorInitializationError:
    case cudaErrorStubLibrary:
    case cudaErrorInsufficientDriver:
    case cudaErrorCallRequiresNewerDriver:
    case cudaErrorDevicesUnavailable:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorDeviceNotLicensed:
    case cudaErrorStartupFailure:
    case cudaErrorInvalidKernelImage:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidPtx:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorJitCompilerNotFound:
    case cudaErrorJitCompilationDisabled:
    case cudaErrorSharedObjectInitFailed:
    case cudaErrorOperatingSystem:
    case cudaErrorSystemNotReady:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
      return QLIF_UNAVAILABLE;
    default:
      return isSticky(error) ? QLIF_DEVICE_FAULT : QLIF_CUDA_ERROR;
  }
}

/** Clears the runtime's last error, which the next check would otherwise take for its own. */
inline void forgetError() { cudaGetLastError(); }

/** Throws if a CUDA call failed. doing: what was going on, such as "launching the forward kernel". */
inline void check(cudaError_t error, const char *doing) {
  if (error == cudaSuccess) {
    return;
  }
  forgetError();
  qlif_status status = statusOf(error);
  const char *more = "";
  if (status == QLIF_DEVICE_FAULT) {
    more = "; it may stem from earlier work of any library on the device, which is unusable in this process from here on";
  } else if (error == cudaErrorInvalidDeviceFunction || error == cudaErrorNoKernelImageForDevice || error == cudaErrorUnsupportedPtxVersion) {
    more = "; the GPU code in this library was built for " QLIF_CUDA_CODE QLIF_CUDA_ADVICE;
  }
  Failure failure{status, (int32_t)error, ""};
  snprintf(failure.text, sizeof failure.text, "CUDA error %d, %s (%s), when %s%s", (int)error, cudaGetErrorName(error),
      cudaGetErrorString(error), doing, more);
  throw failure;
}

// ---------------------------------------------------------------- contexts

/** The driver has the runtime's error numbers. */
inline void check(CUresult error, const char *doing) { check((cudaError_t)error, doing); }

/** Looks up a driver function, in its version of CUDA 12. */
template <class Function>
void find(Function &function, const char *name) {
  void *found = nullptr;
  cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
  check(cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, &result), "looking for a function of the driver");
  if (found == nullptr || result != cudaDriverEntryPointSuccess) {
    fail(QLIF_UNAVAILABLE, "the driver lacks %s: install a newer one", name);
  }
  function = (Function)found;
}

/**
 * Driver functions, needed because the runtime can't tell whether a thread has a current context, and can't restore one that is not a primary
 * context.
 */
struct Driver {
  PFN_cuDeviceGet_v2000 deviceGet;
  PFN_cuDevicePrimaryCtxRetain_v7000 primaryContextRetain;
  PFN_cuDevicePrimaryCtxRelease_v11000 primaryContextRelease;
  PFN_cuCtxPushCurrent_v4000 contextPush;
  PFN_cuCtxPopCurrent_v4000 contextPop;

  static const Driver &get() {
    // Tried again if it failed.
    static const Driver driver;
    return driver;
  }

 private:
  Driver() {
    find(deviceGet, "cuDeviceGet");
    find(primaryContextRetain, "cuDevicePrimaryCtxRetain");
    find(primaryContextRelease, "cuDevicePrimaryCtxRelease");
    find(contextPush, "cuCtxPushCurrent");
    find(contextPop, "cuCtxPopCurrent");
  }
};

/** A reference to the primary context of a device, which the runtime uses. The driver counts references. */
class Context {
 public:
  explicit Context(int ordinal) : ordinal_(ordinal) {
    const Driver &driver = Driver::get();
    check(driver.deviceGet(&device_, ordinal), "asking for the device");
    check(driver.primaryContextRetain(&handle_, device_), "retaining the device's primary context");
  }
  ~Context() {
    if (handle_ != nullptr) {
      Driver::get().primaryContextRelease(device_);
    }
  }
  Context(const Context &) = delete;
  Context &operator=(const Context &) = delete;

  int ordinal() const { return ordinal_; }
  CUcontext handle() const { return handle_; }

  /** Releases the reference. So does the destructor, which ignores failures. */
  void release() {
    handle_ = nullptr;
    check(Driver::get().primaryContextRelease(device_), "releasing the device's primary context");
  }

 private:
  const int ordinal_;
  CUdevice device_ = 0;
  CUcontext handle_ = nullptr;
};

/** Makes a context the calling thread's current one while this lives; then restores the previous one, or none. */
class OnDevice {
 public:
  explicit OnDevice(const Context &context) {
    check(Driver::get().contextPush(context.handle()), "making the device's primary context current");
  }
  ~OnDevice() {
    CUcontext popped;
    Driver::get().contextPop(&popped);
  }
  OnDevice(const OnDevice &) = delete;
  OnDevice &operator=(const OnDevice &) = delete;
};

/** Lets the calling thread load, allocate, wait and free while another one captures a graph, without invalidating that capture. */
class RelaxedCapture {
 public:
  RelaxedCapture() { check(cudaThreadExchangeStreamCaptureMode(&mode_), "setting the capture mode"); }
  ~RelaxedCapture() {
    if (cudaThreadExchangeStreamCaptureMode(&mode_) != cudaSuccess) {
      forgetError();
    }
  }
  RelaxedCapture(const RelaxedCapture &) = delete;
  RelaxedCapture &operator=(const RelaxedCapture &) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

// ---------------------------------------------------------------- memory and launches

/** A stream that only allocates and frees memory, so that waiting for it does not wait for other work. */
class MemoryStream {
 public:
  MemoryStream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream for memory"); }
  /** Work already on the stream is still done. */
  ~MemoryStream() {
    if (cudaStreamDestroy(stream_) != cudaSuccess) {
      forgetError();
    }
  }
  MemoryStream(const MemoryStream &) = delete;
  MemoryStream &operator=(const MemoryStream &) = delete;

  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

/** Whether the current device has memory pools, which free without waiting for the whole device, as cudaFree does. */
inline bool hasPools() {
  int device = 0;
  check(cudaGetDevice(&device), "asking for the current device");
  int has = 0;
  check(cudaDeviceGetAttribute(&has, cudaDevAttrMemoryPoolsSupported, device), "asking a device for pools of memory");
  return has != 0;
}

/** Allocates memory of the current device, for any stream. */
inline void *allocate(uint64_t bytes, const char *doing) {
  if (bytes == 0) {
    return nullptr;
  }
  RelaxedCapture relaxed;
  void *memory = nullptr;
  if (!hasPools()) {
    check(cudaMalloc(&memory, (size_t)bytes), doing);
    return memory;
  }
  MemoryStream stream;
  check(cudaMallocAsync(&memory, (size_t)bytes, stream.get()), doing);
  const cudaError_t settled = cudaStreamSynchronize(stream.get());
  if (settled != cudaSuccess && cudaFreeAsync(memory, stream.get()) != cudaSuccess) {
    forgetError();
  }
  check(settled, doing);
  return memory;
}

/** Frees memory from allocate() that no work uses any more. */
inline void deallocate(void *memory, const char *doing) {
  if (memory == nullptr) {
    return;
  }
  RelaxedCapture relaxed;
  if (!hasPools()) {
    check(cudaFree(memory), doing);
    return;
  }
  MemoryStream stream;
  check(cudaFreeAsync(memory, stream.get()), doing);
}

/** Memory of a call, which exists until its work on the stream is done. Captured calls may have it, too. */
class StreamMemory {
 public:
  StreamMemory(uint64_t bytes, cudaStream_t stream, const char *doing) : stream_(stream) {
    if (bytes > 0) {
      RelaxedCapture relaxed;
      check(cudaMallocAsync(&memory_, (size_t)bytes, stream), doing);
    }
  }
  ~StreamMemory() {
    try {
      release();
    } catch (const Failure &) {
      // Another failure is already being thrown.
    }
  }
  StreamMemory(const StreamMemory &) = delete;
  StreamMemory &operator=(const StreamMemory &) = delete;

  float *floats() const { return (float *)memory_; }

  /** Frees it behind the work that is on the stream by now. */
  void release() {
    void *memory = memory_;
    memory_ = nullptr;
    if (memory != nullptr) {
      RelaxedCapture relaxed;
      check(cudaFreeAsync(memory, stream_), "freeing memory of a call");
    }
  }

 private:
  const cudaStream_t stream_;
  void *memory_ = nullptr;
};

template <class Argument>
using Kernel = void (*)(Argument);

/** The grid's x: blocks of `threads` threads for `work` elements. */
inline unsigned blocks(int64_t work, int threads) {
  int64_t count = work / threads + (work % threads != 0);
  if (count > INT32_MAX) {
    fail(QLIF_INVALID_ARGUMENT, "the call takes %lld blocks of %d threads, expected at most 2^31 - 1: split the batch",
        (long long)count, threads);
  }
  return (unsigned)count;
}

/** Makes the driver load a kernel now. Otherwise it would do so at the first launch, which fails during a capture. */
template <class Argument>
void load(void (*kernel)(Argument)) {
  if (kernel == nullptr) {
    return;
  }
  cudaFuncAttributes attributes;
  check(cudaFuncGetAttributes(&attributes, kernel), "loading a kernel");
}

template <class Argument>
void launch(Kernel<Argument> kernel, dim3 grid, int threads, const Argument &argument, cudaStream_t stream, const char *doing) {
  static_assert(sizeof(Argument) <= 4096, "a kernel takes 4 KB of arguments");
  void *arguments[] = {(void *)&argument};
  check(cudaLaunchKernel(kernel, grid, dim3((unsigned)threads), arguments, 0, stream), doing);
}

inline void requireDevice(int device) {
  int count = countCudaDevices();
  if (device >= count) {
    fail(QLIF_UNAVAILABLE, "device: got %d, but there are %d CUDA devices, numbered from 0", device, count);
  }
}

/** Loads the linear layer's forward kernels. The device must be entered. */
void loadLinear();
/** Adds the forward run of a linear layer to a stream, if there is anything to do. The device must be entered. */
void enqueueLinear(const LinearArgs &args, cudaStream_t stream);

}  // namespace cuda
}  // namespace qlif

#endif
