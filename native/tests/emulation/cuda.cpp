// SPDX-License-Identifier: Apache-2.0
// The emulated device; see cuda_runtime.h in this folder. Launches run one at a time.
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../../src/cuda.cu"
#include "../../src/cuda_linear.cu"

dim3 threadIdx;
dim3 blockIdx;

namespace {

constexpr size_t STACK = 128 * 1024;
constexpr int WARP = 32;

enum class Wait { NONE, BALLOT, BARRIER, OVER };

struct Thread {
  ucontext_t context;
  Wait wait;
  bool vote;
  unsigned word;
};

struct Launch {
  void (*thread)(void *, void *);
  void *kernel;
  void *argument;
};

std::mutex oneLaunch;
std::vector<Thread> threads;
std::vector<std::unique_ptr<char[]>> stacks;
ucontext_t scheduler;
Launch running;
int current;

std::mutex stateMutex;
std::map<std::string, int> failures;
std::map<void *, size_t> memory;
std::set<cudaEvent_t> events;
// Streams that were created here.
std::set<cudaStream_t> streams;
uintptr_t streamsCreated;
bool pools = true;
int deviceWaits;
uint64_t memoryInUse;
int holds;
bool capturing;
int capabilityMajor = 9;
int capabilityMinor = 0;
// The work recorded by the last capture, and the memory that it allocated.
std::vector<std::function<void()>> graph;
std::vector<void *> ofGraph;
cudaError_t lastError = cudaSuccess;
// How many times the calling thread has entered the only context.
thread_local int entered;
thread_local cudaStreamCaptureMode captureMode = cudaStreamCaptureModeGlobal;

void stop(const char *why) {
  fprintf(stderr, "emulated CUDA: %s\n", why);
  abort();
}

void begin() {
  running.thread(running.kernel, running.argument);
  threads[(size_t)current].wait = Wait::OVER;
  swapcontext(&threads[(size_t)current].context, &scheduler);
}

void waitFor(Wait wait) {
  Thread &thread = threads[(size_t)current];
  thread.wait = wait;
  swapcontext(&thread.context, &scheduler);
}

/** Runs a thread until it waits or ends. */
void resume(int index) {
  current = index;
  threadIdx = dim3((unsigned)index, 0, 0);
  swapcontext(&scheduler, &threads[(size_t)index].context);
}

void runBlock(int count) {
  threads.resize((size_t)count);
  while (stacks.size() < (size_t)count) {
    stacks.push_back(std::make_unique<char[]>(STACK));
  }
  for (int i = 0; i < count; i++) {
    Thread &thread = threads[(size_t)i];
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = stacks[(size_t)i].get();
    thread.context.uc_stack.ss_size = STACK;
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, begin, 0);
    thread.wait = Wait::NONE;
  }
  while (true) {
    int over = 0;
    int atBarrier = 0;
    bool moved = false;
    for (int first = 0; first < count; first += WARP) {
      int last = first + WARP < count ? first + WARP : count;
      int atBallot = 0;
      unsigned word = 0;
      for (int i = first; i < last; i++) {
        Thread &thread = threads[(size_t)i];
        if (thread.wait == Wait::NONE) {
          resume(i);
          moved = true;
        }
        over += thread.wait == Wait::OVER;
        atBarrier += thread.wait == Wait::BARRIER;
        if (thread.wait == Wait::BALLOT) {
          atBallot++;
          word |= (unsigned)thread.vote << (i - first);
        }
      }
      if (atBallot == WARP) {
        for (int i = first; i < last; i++) {
          threads[(size_t)i].word = word;
          threads[(size_t)i].wait = Wait::NONE;
        }
        moved = true;
      } else if (atBallot > 0) {
        stop("not all lanes of a warp came to a ballot");
      }
    }
    if (over == count) {
      return;
    }
    if (!moved) {
      if (atBarrier + over != count) {
        stop("not all threads of a block that are not over came to a barrier");
      }
      for (Thread &thread : threads) {
        thread.wait = thread.wait == Wait::OVER ? Wait::OVER : Wait::NONE;
      }
    }
  }
}

cudaError_t failing(const char *call) {
  std::lock_guard<std::mutex> lock(stateMutex);
  auto found = failures.find(call);
  if (found == failures.end()) {
    return cudaSuccess;
  }
  cudaError_t error = (cudaError_t)found->second;
  failures.erase(found);
  lastError = error;
  return error;
}

void requireEvent(cudaEvent_t event) {
  std::lock_guard<std::mutex> lock(stateMutex);
  if (events.count(event) == 0) {
    stop("an event is used that is not there");
  }
}

void requireUncaptured(const char *otherwise) {
  std::lock_guard<std::mutex> lock(stateMutex);
  if (capturing) {
    stop(otherwise);
  }
}

void requireRelaxed() {
  if (captureMode != cudaStreamCaptureModeRelaxed) {
    stop("a call was made that ends a capture of another thread");
  }
}

/** Streams created here have odd numbers, unlike addresses of streams that the driver created. */
bool isCreatedHere(cudaStream_t stream) { return ((uintptr_t)stream & 1) != 0; }

/** Requires the legacy stream, one of the driver's, or one that was created here and not destroyed. */
void requireStream(cudaStream_t stream) {
  std::lock_guard<std::mutex> lock(stateMutex);
  if (isCreatedHere(stream) && streams.count(stream) == 0) {
    stop("a stream is used that is not there");
  }
}

void forget(void *freed) {
  {
    std::lock_guard<std::mutex> lock(stateMutex);
    auto found = memory.find(freed);
    if (found == memory.end()) {
      stop("memory was freed that is not allocated");
    }
    memoryInUse -= found->second;
    memory.erase(found);
  }
  free(freed);
}

CUcontext context() { return (CUcontext)&holds; }

CUresult deviceGet(CUdevice *device, int ordinal) {
  *device = ordinal;
  return (CUresult)failing("cuDeviceGet");
}

CUresult primaryContextRetain(CUcontext *to, CUdevice) {
  if (cudaError_t error = failing("cuDevicePrimaryCtxRetain")) {
    return (CUresult)error;
  }
  std::lock_guard<std::mutex> lock(stateMutex);
  holds++;
  *to = context();
  return CUDA_SUCCESS;
}

CUresult primaryContextRelease(CUdevice) {
  {
    std::lock_guard<std::mutex> lock(stateMutex);
    if (holds-- == 0) {
      stop("a context was released that is not held");
    }
    if (holds == 0 && (memoryInUse > 0 || !events.empty())) {
      stop("a context ended with memory or events in it");
    }
  }
  return (CUresult)failing("cuDevicePrimaryCtxRelease");
}

CUresult contextPush(CUcontext pushed) {
  if (cudaError_t error = failing("cuCtxPushCurrent")) {
    return (CUresult)error;
  }
  std::lock_guard<std::mutex> lock(stateMutex);
  if (pushed != context() || holds == 0) {
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  entered++;
  return CUDA_SUCCESS;
}

CUresult contextPop(CUcontext *popped) {
  if (entered == 0) {
    stop("a context was left that was not entered");
  }
  entered--;
  *popped = context();
  return CUDA_SUCCESS;
}

}  // namespace

unsigned emulateBallot(bool vote) {
  threads[(size_t)current].vote = vote;
  waitFor(Wait::BALLOT);
  return threads[(size_t)current].word;
}

void emulateBarrier() { waitFor(Wait::BARRIER); }

namespace {

void runGrid(const Launch &launch, dim3 grid, dim3 block) {
  std::lock_guard<std::mutex> lock(oneLaunch);
  running = launch;
  for (unsigned z = grid.z; z-- > 0;) {
    for (unsigned y = grid.y; y-- > 0;) {
      for (unsigned x = grid.x; x-- > 0;) {
        blockIdx = dim3(x, y, z);
        runBlock((int)block.x);
      }
    }
  }
}

/** Does a piece of work, and records it if a graph is being captured. */
void enqueue(std::function<void()> work) {
  work();
  std::lock_guard<std::mutex> lock(stateMutex);
  if (capturing) {
    graph.push_back(std::move(work));
  }
}

}  // namespace

cudaError_t emulateLaunch(void (*thread)(void *, void *), void *kernel, const void *argument, size_t bytes, dim3 grid, dim3 block) {
  emulateContext();
  if (cudaError_t error = failing("cudaLaunchKernel")) {
    return error;
  }
  if (grid.x == 0 || grid.y == 0 || grid.y > 65535 || grid.z == 0 || grid.z > 65535 || block.x == 0 || block.x > 1024) {
    return cudaErrorInvalidValue;
  }
  // A launch copies its argument.
  std::vector<uint64_t> copy((bytes + 7) / 8);
  memcpy(copy.data(), argument, bytes);
  enqueue([=]() mutable { runGrid(Launch{thread, kernel, copy.data()}, grid, block); });
  return cudaSuccess;
}

void qlif_emulation_fail(const char *call, int error) {
  std::lock_guard<std::mutex> lock(stateMutex);
  failures[call] = error;
}

void qlif_emulation_capability(int major, int minor) {
  std::lock_guard<std::mutex> lock(stateMutex);
  capabilityMajor = major;
  capabilityMinor = minor;
}

void qlif_emulation_capture(int now) {
  std::lock_guard<std::mutex> lock(stateMutex);
  capturing = now != 0;
  if (capturing) {
    graph.clear();
    for (void *each : ofGraph) {
      free(each);
    }
    ofGraph.clear();
  }
}

int qlif_emulation_launch(void) {
  for (const std::function<void()> &work : graph) {
    work();
  }
  return (int)graph.size();
}

void qlif_emulation_pools(int supported) {
  std::lock_guard<std::mutex> lock(stateMutex);
  pools = supported != 0;
}

int qlif_emulation_device_waits(void) {
  std::lock_guard<std::mutex> lock(stateMutex);
  return deviceWaits;
}

uint64_t qlif_emulation_memory(void) {
  std::lock_guard<std::mutex> lock(stateMutex);
  return memoryInUse;
}

int qlif_emulation_holds(void) {
  std::lock_guard<std::mutex> lock(stateMutex);
  if (entered > 0) {
    stop("a context was entered and not left");
  }
  return holds;
}

cudaError_t cudaGetLastError() {
  std::lock_guard<std::mutex> lock(stateMutex);
  cudaError_t error = lastError;
  lastError = cudaSuccess;
  return error;
}

const char *cudaGetErrorName(cudaError_t) { return "cudaErrorEmulated"; }

const char *cudaGetErrorString(cudaError_t) { return "an error that a test asked for"; }

cudaError_t cudaGetDeviceCount(int *count) {
  *count = 1;
  return failing("cudaGetDeviceCount");
}

cudaError_t cudaGetDriverEntryPointByVersion(
    const char *symbol, void **function, unsigned, unsigned long long, cudaDriverEntryPointQueryResult *result) {
  const std::map<std::string, void *> functions = {
      {"cuDeviceGet", (void *)deviceGet},
      {"cuDevicePrimaryCtxRetain", (void *)primaryContextRetain},
      {"cuDevicePrimaryCtxRelease", (void *)primaryContextRelease},
      {"cuCtxPushCurrent", (void *)contextPush},
      {"cuCtxPopCurrent", (void *)contextPop},
  };
  auto found = functions.find(symbol);
  // Reported as by a driver that lacks the function.
  bool absent = failing("cudaGetDriverEntryPointByVersion") != cudaSuccess || found == functions.end();
  *function = absent ? nullptr : found->second;
  *result = absent ? cudaDriverEntryPointSymbolNotFound : cudaDriverEntryPointSuccess;
  return cudaSuccess;
}

void emulateContext() {
  if (entered == 0) {
    stop("a call needs a context, and the thread has none");
  }
}

cudaError_t emulateLoad() {
  emulateContext();
  return failing("cudaFuncGetAttributes");
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int) {
  *properties = cudaDeviceProp{};
  snprintf(properties->name, sizeof properties->name, "emulated");
  std::lock_guard<std::mutex> lock(stateMutex);
  properties->major = capabilityMajor;
  properties->minor = capabilityMinor;
  properties->multiProcessorCount = 1;
  properties->totalGlobalMem = (size_t)1 << 30;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
  *version = 13000;
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
  emulateContext();
  if (cudaError_t error = failing("cudaEventCreateWithFlags")) {
    return error;
  }
  std::lock_guard<std::mutex> lock(stateMutex);
  *event = (cudaEvent_t) new char;
  events.insert(*event);
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  emulateContext();
  requireEvent(event);
  requireUncaptured("an event was recorded that only the graph would know");
  return failing("cudaEventRecord");
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  emulateContext();
  requireEvent(event);
  requireRelaxed();
  return failing("cudaEventSynchronize");
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  emulateContext();
  requireEvent(event);
  std::lock_guard<std::mutex> lock(stateMutex);
  events.erase(event);
  delete (char *)event;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device) {
  emulateContext();
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int) {
  if (attribute != cudaDevAttrMemoryPoolsSupported) {
    stop("an attribute was asked for that is not emulated");
  }
  *value = pools;
  return failing("cudaDeviceGetAttribute");
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
  emulateContext();
  if (flags != cudaStreamNonBlocking) {
    stop("a stream was created that waits for the legacy stream");
  }
  if (cudaError_t error = failing("cudaStreamCreateWithFlags")) {
    return error;
  }
  std::lock_guard<std::mutex> lock(stateMutex);
  streamsCreated += 2;
  *stream = (cudaStream_t)(streamsCreated + 1);
  streams.insert(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  emulateContext();
  requireRelaxed();
  if (!isCreatedHere(stream)) {
    stop("a stream was waited for that has calls");
  }
  requireStream(stream);
  return failing("cudaStreamSynchronize");
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  emulateContext();
  std::lock_guard<std::mutex> lock(stateMutex);
  if (streams.erase(stream) == 0) {
    stop("a stream was destroyed that was not created");
  }
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus *status) {
  emulateContext();
  if (cudaError_t error = failing("cudaStreamIsCapturing")) {
    return error;
  }
  std::lock_guard<std::mutex> lock(stateMutex);
  *status = capturing ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode) {
  std::swap(*mode, captureMode);
  return cudaSuccess;
}

cudaError_t cudaMalloc(void **to, size_t bytes) {
  emulateContext();
  requireRelaxed();
  if (cudaError_t error = failing("cudaMalloc")) {
    return error;
  }
  *to = malloc(bytes);
  if (*to == nullptr) {
    return cudaErrorMemoryAllocation;
  }
  memset(*to, 0xa5, bytes);
  std::lock_guard<std::mutex> lock(stateMutex);
  memory[*to] = bytes;
  memoryInUse += bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void *from) {
  emulateContext();
  requireRelaxed();
  if (from == nullptr) {
    return cudaSuccess;
  }
  {
    std::lock_guard<std::mutex> lock(stateMutex);
    deviceWaits++;
  }
  forget(from);
  return failing("cudaFree");
}

cudaError_t cudaMallocAsync(void **to, size_t bytes, cudaStream_t stream) {
  requireStream(stream);
  if (!pools) {
    stop("memory was asked of pools that the device lacks");
  }
  return cudaMalloc(to, bytes);
}

cudaError_t cudaFreeAsync(void *from, cudaStream_t stream) {
  emulateContext();
  requireRelaxed();
  requireStream(stream);
  {
    std::lock_guard<std::mutex> lock(stateMutex);
    if (capturing && streams.count(stream) == 0) {
      // The memory belongs to the graph, whose launches use it again.
      auto found = memory.find(from);
      memoryInUse -= found->second;
      memory.erase(found);
      ofGraph.push_back(from);
      return cudaSuccess;
    }
  }
  forget(from);
  return failing("cudaFreeAsync");
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t) {
  emulateContext();
  if (cudaError_t error = failing("cudaMemsetAsync")) {
    return error;
  }
  enqueue([=] { memset(to, value, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  emulateContext();
  if (cudaError_t error = failing("cudaMemcpyAsync")) {
    return error;
  }
  enqueue([=] { memcpy(to, from, bytes); });
  return cudaSuccess;
}
