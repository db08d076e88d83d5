// SPDX-License-Identifier: Apache-2.0
// Emulates the part of CUDA's runtime and language that src/cuda.cu and src/cuda_linear.cu use: a device that uses the process's memory, and
// whose launches run the kernels' real code, thread by thread, before they return. Replaces CUDA's header of this name, so that the kernels'
// indexing, and the code around them, can be tested without a device.
//
// The threads of a block are coroutines. They run until they meet at a ballot or a barrier. A ballot that not all lanes of a warp reach, or a
// barrier that not all threads reach, ends the process. Blocks run in reverse order, since code must not rely on any order.
#ifndef QLIF_TESTS_EMULATION_CUDA_RUNTIME_H
#define QLIF_TESTS_EMULATION_CUDA_RUNTIME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __shared__ static

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

/** Those of the running thread. */
extern dim3 threadIdx;
extern dim3 blockIdx;

unsigned emulateBallot(bool vote);
void emulateBarrier();

inline unsigned __ballot_sync(unsigned, bool vote) { return emulateBallot(vote); }
inline void __syncwarp() { emulateBallot(false); }
inline void __syncthreads() { emulateBarrier(); }
inline int __popc(unsigned word) { return __builtin_popcount(word); }
inline int __ffs(int word) { return __builtin_ffs(word); }

template <class T>
T __ldg(const T *address) {
  return *address;
}

template <class T>
T __ldcs(const T *address) {
  return *address;
}

// The errors that src/cuda.cu distinguishes, with CUDA's numbers.
enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInitializationError = 3,
  cudaErrorStubLibrary = 34,
  cudaErrorInsufficientDriver = 35,
  cudaErrorCallRequiresNewerDriver = 36,
  cudaErrorDevicesUnavailable = 46,
  cudaErrorInvalidDeviceFunction = 98,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorDeviceNotLicensed = 102,
  cudaErrorStartupFailure = 127,
  cudaErrorInvalidKernelImage = 200,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorECCUncorrectable = 214,
  cudaErrorInvalidPtx = 218,
  cudaErrorNvlinkUncorrectable = 220,
  cudaErrorJitCompilerNotFound = 221,
  cudaErrorUnsupportedPtxVersion = 222,
  cudaErrorJitCompilationDisabled = 223,
  cudaErrorContained = 226,
  cudaErrorSharedObjectInitFailed = 303,
  cudaErrorOperatingSystem = 304,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchTimeout = 702,
  cudaErrorContextIsDestroyed = 709,
  cudaErrorAssert = 710,
  cudaErrorHardwareStackError = 714,
  cudaErrorIllegalInstruction = 715,
  cudaErrorMisalignedAddress = 716,
  cudaErrorInvalidAddressSpace = 717,
  cudaErrorInvalidPc = 718,
  cudaErrorLaunchFailure = 719,
  cudaErrorTensorMemoryLeak = 721,
  cudaErrorSystemNotReady = 802,
  cudaErrorSystemDriverMismatch = 803,
  cudaErrorCompatNotSupportedOnDevice = 804,
  cudaErrorMpsClientTerminated = 810,
  cudaErrorExternalDevice = 911
};

enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal, cudaStreamCaptureModeRelaxed };
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone, cudaStreamCaptureStatusActive };

struct cudaFuncAttributes {
  size_t sharedSizeBytes;
};

struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem;
  int major;
  int minor;
  int multiProcessorCount;
};

enum cudaDriverEntryPointQueryResult {
  cudaDriverEntryPointSuccess,
  cudaDriverEntryPointSymbolNotFound,
  cudaDriverEntryPointVersionNotSufficent
};

constexpr unsigned long long cudaEnableDefault = 0;

typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st *cudaEvent_t;
constexpr unsigned cudaEventDisableTiming = 2;

// The emulation's interface for tests.
extern "C" {
/** Makes the next call of this name, such as "cudaMalloc", fail with this error. */
__attribute__((visibility("default"))) void qlif_emulation_fail(const char *call, int error);
/** Sets whether every stream is being captured from now on, into a new graph. Captured work also runs immediately. */
__attribute__((visibility("default"))) void qlif_emulation_capture(int capturing);
/** Launches the graph that was captured last. Returns the number of pieces of work in it. */
__attribute__((visibility("default"))) int qlif_emulation_launch(void);
/** Sets whether the device has memory pools from now on. */
__attribute__((visibility("default"))) void qlif_emulation_pools(int supported);
/** How many calls have waited for the whole device. */
__attribute__((visibility("default"))) int qlif_emulation_device_waits(void);
/** Bytes of device memory in use. */
__attribute__((visibility("default"))) uint64_t qlif_emulation_memory(void);
/** Sets the device's compute capability from now on. */
__attribute__((visibility("default"))) void qlif_emulation_capability(int major, int minor);
/** The number of references to the primary context. */
__attribute__((visibility("default"))) int qlif_emulation_holds(void);
}

cudaError_t cudaGetLastError();
const char *cudaGetErrorName(cudaError_t error);
const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaGetDriverEntryPointByVersion(
    const char *symbol, void **function, unsigned version, unsigned long long flags, cudaDriverEntryPointQueryResult *result);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventDestroy(cudaEvent_t event);
enum cudaDeviceAttr { cudaDevAttrMemoryPoolsSupported = 115 };
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device);
constexpr unsigned cudaStreamNonBlocking = 1;
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status);
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode);
cudaError_t cudaMalloc(void **memory, size_t bytes);
cudaError_t cudaFree(void *memory);
cudaError_t cudaMallocAsync(void **memory, size_t bytes, cudaStream_t stream);
cudaError_t cudaFreeAsync(void *memory, cudaStream_t stream);
enum cudaMemcpyKind { cudaMemcpyDeviceToDevice = 3 };
cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);

/** Ends the process if the calling thread has no context: the real runtime would create one that stays. */
void emulateContext();

cudaError_t emulateLoad();

template <class T>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, T *) {
  attributes->sharedSizeBytes = 0;
  return emulateLoad();
}

cudaError_t emulateLaunch(
    void (*thread)(void *kernel, void *argument), void *kernel, const void *argument, size_t bytes, dim3 grid, dim3 block);

template <class Argument>
cudaError_t cudaLaunchKernel(void (*kernel)(Argument), dim3 grid, dim3 block, void **arguments, size_t, cudaStream_t) {
  // Every thread gets its own copy, unlike in CUDA.
  return emulateLaunch([](void *erased, void *argument) { ((void (*)(Argument))erased)(*(Argument *)argument); }, (void *)kernel,
      arguments[0], sizeof(Argument), grid, block);
}

#endif
