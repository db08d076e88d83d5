// SPDX-License-Identifier: Apache-2.0
// Shared by the functions of the C interface: statuses and texts, structs that grow, and checks that several kinds of calls need.
#ifndef QLIF_INTERFACE_H
#define QLIF_INTERFACE_H

#include <stdio.h>
#include <string.h>

#include <algorithm>
#include <exception>
#include <new>
#include <system_error>

#include "checks.h"
#include "handles.h"
#include "processors.h"
#include "team.h"

namespace qlif {

/** Sets what qlif_last_error and qlif_last_cuda_error return. Returns the status. */
qlif_status remember(qlif_status status, int32_t cudaError, const char *text) noexcept;

/** Runs a function of the interface, so that no exception leaves the library. */
template <class Body>
inline qlif_status guarded(Body body) noexcept {
  try {
    body();
    return QLIF_SUCCESS;
  } catch (const Failure &failure) {
    return remember(failure.status, failure.cudaError, failure.text);
  } catch (const std::bad_alloc &) {
    return remember(QLIF_OUT_OF_MEMORY, 0, "host memory ran out");
  } catch (const std::system_error &error) {
    char text[256];
    snprintf(text, sizeof text, "the system refused a thread: %s", error.what());
    return remember(QLIF_INTERNAL, 0, text);
  } catch (const std::exception &error) {
    return remember(QLIF_INTERNAL, 0, error.what());
  } catch (...) {
    return remember(QLIF_INTERNAL, 0, "an unknown failure");
  }
}

inline void requireGiven(const char *name, const void *pointer) {
  if (pointer == nullptr) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got NULL, expected an address", name);
  }
}

/** Refuses a struct size that is certainly a mistake; see qlif.h on how structs grow. */
inline void requireSize(const char *name, uint32_t size, size_t known) {
  constexpr size_t GROWTH = 4096;
  if (size % 8 != 0 || size == 0 || size > known + GROWTH) {
    fail(QLIF_INVALID_ARGUMENT, "%s.size: got %u, expected the struct's size, %zu in this version of qlif.h", name, size, known);
  }
}

/** Copies as much as a caller's struct has; the rest of the copy stays unchanged. */
inline void readBytes(const char *name, const void *given, uint32_t size, void *copy, size_t known) {
  requireSize(name, size, known);
  memcpy(copy, given, size < known ? size : known);
  for (size_t i = known; i < size; i++) {
    if (((const unsigned char *)given)[i] != 0) {
      fail(QLIF_INVALID_ARGUMENT, "%s.size: got %u, expected %zu or zeros past that: a field is set that this version of the library does"
          " not know", name, size, known);
    }
  }
}

template <class Struct>
Struct readStruct(const char *name, const Struct *given) {
  Struct copy{};
  readBytes(name, given, given->size, &copy, sizeof copy);
  return copy;
}

/** Writes as much as a caller's struct has room for. */
inline void writeBytes(void *to, uint32_t size, const void *filled, size_t known) {
  memcpy(to, filled, size < known ? size : known);
  if (size > known) {
    memset((char *)to + known, 0, size - known);
  }
}

template <class Info>
inline void writeInfo(Info *to, Info filled) {
  filled.size = to->size;
  writeBytes(to, filled.size, &filled, sizeof filled);
}

/** Checks a kernel's options and fills in defaults. given: null for the defaults. */
inline qlif_kernel_options optionsOf(const qlif_kernel_options *given) {
  constexpr int64_t MOST_SPIN_NANOS = 1000000000;
  const qlif_kernel_options options = given == nullptr ? qlif_kernel_options{} : readStruct("qlif_kernel_options", given);
  requireRange("threads", options.threads, 0, MOST_THREADS);
  if (options.spin_nanos < -1 || options.spin_nanos > MOST_SPIN_NANOS) {
    fail(QLIF_INVALID_ARGUMENT, "spin_nanos: got %lld, expected -1 to %lld", (long long)options.spin_nanos, (long long)MOST_SPIN_NANOS);
  }
  return options;
}

inline int threadsOf(const qlif_kernel_options &options) {
  if (options.threads > 0) {
    return options.threads;
  }
  return std::min(processors(), MOST_THREADS);
}

inline int64_t spinOf(const qlif_kernel_options &options) {
  constexpr int64_t DEFAULT_NANOS = 20000;
  return options.spin_nanos > 0 ? options.spin_nanos : options.spin_nanos < 0 ? 0 : DEFAULT_NANOS;
}

inline void requireZero(const char *name, int32_t reserved) {
  if (reserved != 0) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got %d, expected 0", name, reserved);
  }
}

inline void requireNotNegative(const char *name, int64_t value) {
  if (value < 0) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got %lld, expected 0 or more", name, (long long)value);
  }
}

inline void requireAligned(const char *name, const void *pointer, size_t alignment) {
  if ((uintptr_t)pointer % alignment != 0) {
    fail(QLIF_INVALID_ARGUMENT, "%s: got %p, expected an address aligned to %zu bytes", name, pointer, alignment);
  }
}

/** Checks a tensor that may be absent. */
inline void requireTensor(const char *name, const void *pointer) { requireAligned(name, pointer, alignof(float)); }

/** Checks a tensor of `elements` elements, which must be present unless it has none. */
inline void requireTensor(const char *name, const void *pointer, int64_t elements) {
  if (elements > 0) {
    requireGiven(name, pointer);
  }
  requireTensor(name, pointer);
}

/** Refuses a stream on the host. */
inline void requireNoStream(const void *stream) {
  if (stream != nullptr) {
    fail(QLIF_INVALID_ARGUMENT, "stream: got %p, expected NULL on the host", stream);
  }
}

/** Checks that there is room for a text, including its terminating 0. */
inline void requireText(const char *text, size_t length) {
  requireGiven("text", text);
  if (length == 0) {
    fail(QLIF_INVALID_ARGUMENT, "length: got 0, expected at least 1, for the terminating zero");
  }
}

}  // namespace qlif

#endif
