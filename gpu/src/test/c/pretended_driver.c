/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of CUDA's driver as gpu/cuda.includes names, pretended on the host: libcuda.so.1 for a machine without a GPU. Together with the
 * library's emulated device (native/tests/emulation) it lets the Java side run all the way, with tests that are strict about what a
 * real driver is strict about, and about what it would forgive:
 *   - calls that need a context fail without one, and what is pushed must be popped;
 *   - copies must stay within allocations; freed memory is spoilt; what is freed must have been allocated;
 *   - nothing may wait or copy while a stream is captured;
 *   - whatever is left at the end of the process makes it fail, with exit code 70.
 * Work is done at once: streams, events and graphs order nothing, and what is captured is done when it is captured, not when it is
 * launched. The functions for tests: pretended_pause lets work look as if it were under way, so that whoever waits for it waits, and
 * memory that is freed behind it stays; pretended_left counts what is there, pretended_device_waits how often the whole device was waited
 * for, pretended_capture and pretended_capture_stream pretend that another library captures, pretended_pools that the device has no memory pools,
 * pretended_no_streams that it has no memory left for streams.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pthread.h>

#define API __attribute__((visibility("default")))

enum {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  INVALID_DEVICE = 101,
  INVALID_CONTEXT = 201,
  NOT_READY = 600,
  CAPTURE_UNSUPPORTED = 900
};
enum { OF_DEVICE = 1, OF_HOST = 2 };
enum { MEMORY_TYPE = 2, IS_MANAGED = 8, DEVICE_ORDINAL = 9 };
enum { MEMORY_POOLS_SUPPORTED = 115 };

/* What the emulated device says that it has. */
static const size_t MEMORY = (size_t)1 << 30;

typedef struct allocation {
  struct allocation *next;
  uintptr_t address;
  size_t bytes;
  int kind;
  int pooled;
  /* By work that is under way. */
  int freeing;
} allocation;

/*
 * A stream, event or graph. Of a stream: whether other streams wait for it unasked, and whether it was told to wait for an event. Of an
 * event: whether it was ever recorded, and whether in a capture, when nothing can wait for it.
 */
typedef struct {
  int blocking;
  int behind;
  int recorded;
  int of_capture;
} handle;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static allocation *allocations;
static int holds;
static int handles;
static int device_waits;
static int no_pools;
static int no_streams;
static void *captured;
static pthread_t capturing;
/* Somebody else's capture, in the mode that forbids all threads to allocate and free; and whether one did all the same. */
static int elsewhere;
static int ended;
static __thread int capture_mode;
static char context;
static size_t used;

static pthread_cond_t resumed = PTHREAD_COND_INITIALIZER;
static int paused;
static int waiting;

static __thread void *current[16];
static __thread int depth;

static int complain(const char *function, const char *what, int result) {
  fprintf(stderr, "pretended CUDA driver: %s: %s\n", function, what);
  return result;
}

#define REQUIRE_CONTEXT                                                         \
  do {                                                                          \
    if (depth == 0 || current[depth - 1] != &context || holds == 0) {           \
      return complain(__func__, "the context is not current", INVALID_CONTEXT); \
    }                                                                           \
  } while (0)

#define REQUIRE_NO_CAPTURE                                                         \
  do {                                                                             \
    if (captured != NULL && pthread_equal(capturing, pthread_self())) {            \
      return complain(__func__, "while a stream is captured", CAPTURE_UNSUPPORTED); \
    }                                                                              \
  } while (0)

/* Of what a capture elsewhere forbids, unless this thread's mode is the relaxed one. */
#define END_CAPTURE_ELSEWHERE                                                              \
  do {                                                                                     \
    if (elsewhere && capture_mode != 2) {                                                  \
      ended = 1;                                                                           \
      return complain(__func__, "ends a capture of another thread", CAPTURE_UNSUPPORTED); \
    }                                                                                      \
  } while (0)

/* Begins a capture as of another library's thread, or ends it: whether it was ended before. */
API int pretended_capture(int begin) {
  int before = ended;
  elsewhere = begin;
  ended = 0;
  return before;
}

API int cuThreadExchangeStreamCaptureMode(int *mode) {
  int before = capture_mode;
  capture_mode = *mode;
  *mode = before;
  return capture_mode >= 0 && capture_mode <= 2 ? SUCCESS : INVALID_VALUE;
}

static void free_behind(void);

/* Pauses all work, or lets it go on. */
API void pretended_pause(int pause) {
  pthread_mutex_lock(&mutex);
  paused = pause;
  pthread_cond_broadcast(&resumed);
  pthread_mutex_unlock(&mutex);
  if (!pause) {
    free_behind();
  }
}

/* How often the whole device was waited for. */
API int pretended_device_waits(void) { return __sync_fetch_and_add(&device_waits, 0); }

/* Counts them anew. */
API void pretended_forget_device_waits(void) { __sync_fetch_and_and(&device_waits, 0); }

/* Whether the device has memory pools. */
API void pretended_pools(int are) { no_pools = !are; }

/* Whether there is no memory left for streams. */
API void pretended_no_streams(int none) { no_streams = none; }

/* Begins a capture of a stream by this thread, as of another library, or ends it for NULL. */
API void pretended_capture_stream(void *stream) {
  captured = stream;
  capturing = pthread_self();
}

/* How many threads wait for work. */
API int pretended_waiting(void) {
  pthread_mutex_lock(&mutex);
  int count = waiting;
  pthread_mutex_unlock(&mutex);
  return count;
}

static int count_allocations(void) {
  int count = 0;
  pthread_mutex_lock(&mutex);
  for (allocation *each = allocations; each != NULL; each = each->next) {
    count++;
  }
  pthread_mutex_unlock(&mutex);
  return count;
}

/* How many allocations, holds on the context, streams, events and graphs there are. */
API int pretended_left(void) {
  return count_allocations() + __sync_fetch_and_add(&holds, 0) + __sync_fetch_and_add(&handles, 0);
}

/* Waits for work. */
static int await(void) {
  pthread_mutex_lock(&mutex);
  waiting++;
  while (paused) {
    pthread_cond_wait(&resumed, &mutex);
  }
  waiting--;
  pthread_mutex_unlock(&mutex);
  return SUCCESS;
}

/* Asks for work. */
static int query(void) {
  pthread_mutex_lock(&mutex);
  int result = paused ? NOT_READY : SUCCESS;
  pthread_mutex_unlock(&mutex);
  return result;
}

__attribute__((destructor)) static void end(void) {
  int left = count_allocations();
  if (left != 0 || holds != 0 || handles != 0) {
    fprintf(stderr, "pretended CUDA driver: left behind: %d allocations, %d holds on the context, %d streams, events and graphs\n", left,
            holds, handles);
    _exit(70);
  }
}

static int allocate(uintptr_t *address, size_t bytes, int kind, int pooled) {
  if (bytes == 0) {
    return INVALID_VALUE;
  }
  if (bytes > MEMORY) {
    return OUT_OF_MEMORY;
  }
  allocation *made = malloc(sizeof *made);
  void *memory = aligned_alloc(256, (bytes + 255) & ~(size_t)255);
  if (made == NULL || memory == NULL) {
    free(made);
    free(memory);
    return OUT_OF_MEMORY;
  }
  memset(memory, 0xA5, bytes);
  *address = (uintptr_t)memory;
  pthread_mutex_lock(&mutex);
  *made = (allocation){allocations, *address, bytes, kind, pooled, 0};
  allocations = made;
  used += kind == OF_DEVICE ? bytes : 0;
  pthread_mutex_unlock(&mutex);
  return SUCCESS;
}

/* behind: other work, until which it stays. */
static int release(const char *function, uintptr_t address, int kind, int behind) {
  pthread_mutex_lock(&mutex);
  allocation **link = &allocations;
  while (*link != NULL && ((*link)->address != address || (*link)->kind != kind)) {
    link = &(*link)->next;
  }
  if (*link != NULL && behind && paused && !(*link)->freeing) {
    (*link)->freeing = 1;
    pthread_mutex_unlock(&mutex);
    return SUCCESS;
  }
  allocation *found = *link;
  if (found != NULL) {
    *link = found->next;
    used -= kind == OF_DEVICE ? found->bytes : 0;
  }
  pthread_mutex_unlock(&mutex);
  if (found == NULL) {
    return complain(function, "was never allocated", INVALID_VALUE);
  }
  memset((void *)address, 0x5A, found->bytes);
  free((void *)address);
  free(found);
  return SUCCESS;
}

/* Frees what waited for work. */
static void free_behind(void) {
  for (;;) {
    pthread_mutex_lock(&mutex);
    allocation *found = allocations;
    while (found != NULL && !found->freeing) {
      found = found->next;
    }
    uintptr_t address = found != NULL ? found->address : 0;
    int kind = found != NULL ? found->kind : 0;
    pthread_mutex_unlock(&mutex);
    if (address == 0) {
      return;
    }
    release(__func__, address, kind, 0);
  }
}

/* Whether memory of the device is from its pool, and not being freed. */
static int is_pooled(uintptr_t address) {
  int pooled = 0;
  pthread_mutex_lock(&mutex);
  for (allocation *each = allocations; each != NULL; each = each->next) {
    pooled |= each->address == address && each->pooled && !each->freeing;
  }
  pthread_mutex_unlock(&mutex);
  return pooled;
}

/* The kind of memory that these bytes are within, 0 for none. */
static int kind_of(uintptr_t address, size_t bytes) {
  int kind = 0;
  pthread_mutex_lock(&mutex);
  for (allocation *each = allocations; each != NULL && kind == 0; each = each->next) {
    if (!each->freeing && address >= each->address && address + bytes <= each->address + each->bytes) {
      kind = each->kind;
    }
  }
  pthread_mutex_unlock(&mutex);
  return kind;
}

static int make(void **made) {
  *made = calloc(1, sizeof(handle));
  __sync_fetch_and_add(&handles, 1);
  return SUCCESS;
}

static int destroy(void *made) {
  free(made);
  __sync_fetch_and_sub(&handles, 1);
  return SUCCESS;
}

API int cuInit(unsigned flags) { return flags == 0 ? SUCCESS : INVALID_VALUE; }

API int cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return ordinal == 0 ? SUCCESS : INVALID_DEVICE;
}

API int cuDevicePrimaryCtxRetain(void **handle, int device) {
  *handle = &context;
  __sync_fetch_and_add(&holds, 1);
  return device == 0 ? SUCCESS : INVALID_DEVICE;
}

API int cuDevicePrimaryCtxRelease_v2(int device) {
  return device == 0 && __sync_fetch_and_sub(&holds, 1) > 0 ? SUCCESS : complain(__func__, "once too often", INVALID_CONTEXT);
}

API int cuCtxPushCurrent_v2(void *handle) {
  if (depth == sizeof current / sizeof *current) {
    return complain(__func__, "pushed and not popped", INVALID_VALUE);
  }
  current[depth++] = handle;
  return SUCCESS;
}

API int cuCtxPopCurrent_v2(void **handle) {
  if (depth == 0) {
    return complain(__func__, "popped and not pushed", INVALID_CONTEXT);
  }
  *handle = current[--depth];
  return SUCCESS;
}

API int cuDeviceGetAttribute(int *value, int attribute, int device) {
  *value = !no_pools;
  return attribute == MEMORY_POOLS_SUPPORTED && device == 0 ? SUCCESS : INVALID_VALUE;
}

API int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  END_CAPTURE_ELSEWHERE;
  return allocate(address, bytes, OF_DEVICE, 0);
}

/* A real one waits for the device. */
API int cuMemFree_v2(uint64_t address) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  END_CAPTURE_ELSEWHERE;
  __sync_fetch_and_add(&device_waits, 1);
  return release(__func__, address, OF_DEVICE, 0);
}

API int cuMemAllocAsync(uint64_t *address, size_t bytes, void *stream) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  END_CAPTURE_ELSEWHERE;
  if (no_pools || stream == NULL || ((handle *)stream)->blocking) {
    return complain(__func__, "waits for other work", INVALID_VALUE);
  }
  return allocate(address, bytes, OF_DEVICE, 1);
}

API int cuMemFreeAsync(uint64_t address, void *stream) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  END_CAPTURE_ELSEWHERE;
  if (!is_pooled(address)) {
    return complain(__func__, "is not memory of the pool", INVALID_VALUE);
  }
  if (no_pools || stream == NULL || ((handle *)stream)->blocking) {
    return complain(__func__, "waits for other work", INVALID_VALUE);
  }
  return release(__func__, address, OF_DEVICE, ((handle *)stream)->behind);
}

API int cuMemGetInfo_v2(size_t *available, size_t *total) {
  REQUIRE_CONTEXT;
  pthread_mutex_lock(&mutex);
  *available = used < MEMORY ? MEMORY - used : 0;
  pthread_mutex_unlock(&mutex);
  *total = MEMORY;
  return SUCCESS;
}

API int cuMemHostAlloc(void **address, size_t bytes, unsigned flags) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  END_CAPTURE_ELSEWHERE;
  (void)flags;
  return allocate((uintptr_t *)address, bytes, OF_HOST, 0);
}

API int cuMemFreeHost(void *address) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  END_CAPTURE_ELSEWHERE;
  return release(__func__, (uintptr_t)address, OF_HOST, 0);
}

static int copy(const char *function, uintptr_t to, uintptr_t from, size_t bytes, uintptr_t device) {
  if (bytes > 0 && kind_of(device, bytes) != OF_DEVICE) {
    return complain(function, "leaves the device's memory", INVALID_VALUE);
  }
  memcpy((void *)to, (const void *)from, bytes);
  return SUCCESS;
}

API int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  (void)stream;
  return copy(__func__, to, (uintptr_t)from, bytes, to);
}

API int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  (void)stream;
  return copy(__func__, (uintptr_t)to, from, bytes, from);
}

API int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *stream) {
  REQUIRE_CONTEXT;
  (void)stream;
  return kind_of(from, bytes) == OF_DEVICE ? copy(__func__, to, from, bytes, to) : INVALID_VALUE;
}

API int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *stream) {
  REQUIRE_CONTEXT;
  (void)stream;
  if (kind_of(to, bytes) != OF_DEVICE) {
    return complain(__func__, "leaves the device's memory", INVALID_VALUE);
  }
  memset((void *)to, value, bytes);
  return SUCCESS;
}

API int cuStreamCreate(void **stream, unsigned flags) {
  REQUIRE_CONTEXT;
  END_CAPTURE_ELSEWHERE;
  if (flags > 1) {
    return INVALID_VALUE;
  }
  if (no_streams) {
    return OUT_OF_MEMORY;
  }
  make(stream);
  ((handle *)*stream)->blocking = flags == 0;
  return SUCCESS;
}

API int cuStreamDestroy_v2(void *stream) {
  REQUIRE_CONTEXT;
  return destroy(stream);
}

API int cuStreamSynchronize(void *stream) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  END_CAPTURE_ELSEWHERE;
  /* The streams that have no work of their own, and wait for nobody's. */
  if (stream != NULL && !((handle *)stream)->blocking && !((handle *)stream)->behind) {
    return SUCCESS;
  }
  return await();
}

API int cuStreamQuery(void *stream) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  (void)stream;
  return query();
}

API int cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
  REQUIRE_CONTEXT;
  if (stream != NULL) {
    ((handle *)stream)->behind = 1;
  }
  return event != NULL && flags == 0 ? SUCCESS : INVALID_VALUE;
}

API int cuStreamGetCtx(void *stream, void **handle) {
  REQUIRE_CONTEXT;
  (void)stream;
  *handle = &context;
  return SUCCESS;
}

API int cuStreamBeginCapture_v2(void *stream, int mode) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  captured = stream;
  capturing = pthread_self();
  return stream != NULL && mode == 1 ? SUCCESS : INVALID_VALUE;
}

API int cuStreamEndCapture(void *stream, void **graph) {
  REQUIRE_CONTEXT;
  if (captured != stream) {
    return complain(__func__, "the stream is not captured", INVALID_VALUE);
  }
  captured = NULL;
  return make(graph);
}

API int cuStreamIsCapturing(void *stream, int *status) {
  REQUIRE_CONTEXT;
  *status = captured != NULL && captured == stream;
  return SUCCESS;
}

API int cuEventCreate(void **event, unsigned flags) {
  REQUIRE_CONTEXT;
  return flags == 0 || flags == 2 ? make(event) : INVALID_VALUE;
}

API int cuEventDestroy_v2(void *event) {
  REQUIRE_CONTEXT;
  return destroy(event);
}

API int cuEventRecord(void *event, void *stream) {
  REQUIRE_CONTEXT;
  if (event == NULL) {
    return INVALID_VALUE;
  }
  ((handle *)event)->recorded = 1;
  ((handle *)event)->of_capture = captured != NULL && captured == stream;
  return SUCCESS;
}

API int cuEventQuery(void *event) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  if (event == NULL) {
    return INVALID_VALUE;
  }
  if (((handle *)event)->of_capture) {
    return complain(__func__, "the event was captured", INVALID_VALUE);
  }
  return ((handle *)event)->recorded ? query() : SUCCESS;
}

API int cuEventSynchronize(void *event) {
  REQUIRE_CONTEXT;
  REQUIRE_NO_CAPTURE;
  if (event != NULL && ((handle *)event)->of_capture) {
    return complain(__func__, "the event was captured", INVALID_VALUE);
  }
  return event != NULL ? await() : INVALID_VALUE;
}

API int cuEventElapsedTime(float *milliseconds, void *start, void *last) {
  REQUIRE_CONTEXT;
  *milliseconds = 0.5f;
  return start != NULL && last != NULL ? SUCCESS : INVALID_VALUE;
}

API int cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long flags) {
  REQUIRE_CONTEXT;
  return graph != NULL && flags == 0 ? make(executable) : INVALID_VALUE;
}

API int cuGraphLaunch(void *executable, void *stream) {
  REQUIRE_CONTEXT;
  (void)stream;
  return executable != NULL ? SUCCESS : INVALID_VALUE;
}

API int cuGraphDestroy(void *graph) { return destroy(graph); }

API int cuGraphExecDestroy(void *executable) { return destroy(executable); }

API int cuPointerGetAttribute(void *value, int attribute, uint64_t address) {
  int kind = kind_of(address, 1);
  if (kind == 0) {
    return INVALID_VALUE;
  }
  switch (attribute) {
    case MEMORY_TYPE:
      *(int *)value = kind == OF_DEVICE ? 2 : 1;
      return SUCCESS;
    case IS_MANAGED:
      *(char *)value = 0;
      return SUCCESS;
    case DEVICE_ORDINAL:
      *(int *)value = 0;
      return SUCCESS;
    default:
      return INVALID_VALUE;
  }
}

API int cuGetErrorName(int result, const char **name) {
  (void)result;
  *name = "PRETENDED_ERROR";
  return SUCCESS;
}

API int cuGetErrorString(int result, const char **text) {
  (void)result;
  *text = "an error of the pretended driver";
  return SUCCESS;
}
