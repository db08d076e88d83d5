// SPDX-License-Identifier: Apache-2.0
// What cuda.cu and cuda_linear.cu have in common: errors, contexts, memory and launches.
#ifndef QLIF_CUDA_CALLS_H
#define QLIF_CUDA_CALLS_H

#include <cudaTypedefs.h>
#include <cuda_runtime.h>
#include <stdio.h>

#include "checks.h"
#include "device.h"

namespace qlif {

// Named, where another file has none: nvcc makes the name of one without of the source's folder, and two builds should be the same.
namespace cuda {

// ---------------------------------------------------------------- errors

/** Whether no further call can succeed in this process. */
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

/** The runtime remembers a failed call's error for the next that asks, which would take it for its own. */
inline void forgetError() { cudaGetLastError(); }

/** Throws unless a CUDA call succeeded. doing: what was going on, such as "launching the forward kernel". */
inline void check(cudaError_t error, const char *doing) {
  if (error == cudaSuccess) {
    return;
  }
  forgetError();
  qlif_status status = statusOf(error);
  Failure failure{status, (int32_t)error, ""};
  snprintf(failure.text, sizeof failure.text, "CUDA error %d, %s (%s), when %s%s", (int)error, cudaGetErrorName(error),
      cudaGetErrorString(error), doing,
      status == QLIF_DEVICE_FAULT ? "; it may stem from earlier work of any library on the device, which is unusable in this"
                                    " process from here on"
                                  : "");
  throw failure;
}

// ---------------------------------------------------------------- contexts

/** The driver numbers errors as the runtime does. */
inline void check(CUresult error, const char *doing) { check((cudaError_t)error, doing); }

/** Finds a function of the driver as it was in CUDA 12. */
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
 * What is asked of the driver itself: with the runtime alone a thread's current context can't be told from none, nor be given back if it
 * is not a primary one.
 */
struct Driver {
  PFN_cuDeviceGet_v2000 deviceGet;
  PFN_cuDevicePrimaryCtxRetain_v7000 primaryContextRetain;
  PFN_cuDevicePrimaryCtxRelease_v11000 primaryContextRelease;
  PFN_cuCtxPushCurrent_v4000 contextPush;
  PFN_cuCtxPopCurrent_v4000 contextPop;

  static const Driver &get() {
    // Looked for again if it failed.
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

/** A hold on the primary context of a device, the one that the runtime uses. The driver counts holds. */
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

  /** Lets go; the destructor does too, without a word of failure. */
  void release() {
    handle_ = nullptr;
    check(Driver::get().primaryContextRelease(device_), "releasing the device's primary context");
  }

 private:
  const int ordinal_;
  CUdevice device_ = 0;
  CUcontext handle_ = nullptr;
};

/** Makes a context the current one of the calling thread for as long as this lives; the thread then has again what it had, or none. */
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

/** Lets the calling thread load, allocate, wait and free while another one captures a graph; what is captured there is not touched. */
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

/** A stream that has nothing but memory to see to, so that waiting for it is waiting for no work. */
class MemoryStream {
 public:
  MemoryStream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream for memory"); }
  /** What the stream has got is done all the same. */
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

/** Whether the current device has pools of memory, from which memory goes back without a wait for the whole device: cudaFree waits. */
inline bool hasPools() {
  int device = 0;
  check(cudaGetDevice(&device), "asking for the current device");
  int has = 0;
  check(cudaDeviceGetAttribute(&has, cudaDevAttrMemoryPoolsSupported, device), "asking a device for pools of memory");
  return has != 0;
}

/** Memory of the current device, for any stream. */
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

/** Gives back memory of allocate() that no work uses any more. */
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

/** Memory of a call, there for as long as its work takes on the stream; a call that is captured may have it, too. */
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
      // Another failure is on its way.
    }
  }
  StreamMemory(const StreamMemory &) = delete;
  StreamMemory &operator=(const StreamMemory &) = delete;

  float *floats() const { return (float *)memory_; }

  /** Gives it back, after what the stream has got by now. */
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

/** Blocks of so many threads for so many elements of work, as the grid's x. */
inline unsigned blocks(int64_t work, int threads) {
  int64_t count = work / threads + (work % threads != 0);
  if (count > INT32_MAX) {
    fail(QLIF_INVALID_ARGUMENT, "the call takes %lld blocks of %d threads, expected at most 2^31 - 1: split the batch",
        (long long)count, threads);
  }
  return (unsigned)count;
}

/** Makes the driver load a kernel now: it would at the first launch otherwise, which a capture does not allow. */
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

/** The forward kernels of the linear layer; on the device. */
void loadLinear();
/** Adds the forward run of a linear layer to a stream, if there is anything to do; on the device. */
void enqueueLinear(const LinearArgs &args, cudaStream_t stream);

}  // namespace cuda
}  // namespace qlif

#endif
