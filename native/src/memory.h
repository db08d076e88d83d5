// SPDX-License-Identifier: Apache-2.0
// Memory of the host, with one owner.
#ifndef QLIF_MEMORY_H
#define QLIF_MEMORY_H

#include <cstdint>
#include <cstdlib>

#include "device.h"

namespace qlif {

/** Memory aligned to a cache line, not touched before its first use. */
class Memory {
 public:
  Memory() = default;
  /** Throws a Failure if there is not enough memory. */
  explicit Memory(uint64_t bytes) : bytes_(bytes) {
    if (bytes > 0) {
      data_ = aligned_alloc(64, (size_t)((bytes + 63) / 64 * 64));
      if (data_ == nullptr) {
        fail(QLIF_OUT_OF_MEMORY, "can't allocate %llu bytes of host memory", (unsigned long long)bytes);
      }
    }
  }
  ~Memory() { free(data_); }
  Memory(Memory &&other) noexcept : data_(other.data_), bytes_(other.bytes_) {
    other.data_ = nullptr;
    other.bytes_ = 0;
  }
  Memory &operator=(Memory &&other) noexcept {
    if (this != &other) {
      free(data_);
      data_ = other.data_;
      bytes_ = other.bytes_;
      other.data_ = nullptr;
      other.bytes_ = 0;
    }
    return *this;
  }

  /** Makes it at least this large. If it grows, its content is lost. */
  void reserve(uint64_t bytes) {
    if (bytes_ < bytes) {
      *this = Memory(bytes);
    }
  }

  template <class T>
  T *as() const {
    return (T *)data_;
  }
  uint64_t bytes() const { return bytes_; }

 private:
  void *data_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace qlif

#endif
