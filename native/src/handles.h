// SPDX-License-Identifier: Apache-2.0
// The handles of the C interface. A handle is a number, not an address, and is never reused within a process, so a closed, foreign or
// garbage handle is recognized without reading any memory.
#ifndef QLIF_HANDLES_H
#define QLIF_HANDLES_H

#include <memory>
#include <mutex>
#include <unordered_map>

#include "device.h"

namespace qlif {

/** The kind of a handle's object: its two lowest bits, which are 0 in the address of any struct. */
enum class Kind : uint64_t { KERNEL = 1, TAPE = 2, LINEAR = 3 };

constexpr int KIND_BITS = 2;

/** The owner of a handle, for messages. */
inline const char *nameOf(Kind kind) {
  switch (kind) {
    case Kind::KERNEL:
      return "a kernel's";
    case Kind::TAPE:
      return "a tape's";
    case Kind::LINEAR:
      return "a linear layer's";
  }
  return nullptr;
}

/** The same for an open object. */
inline const char *openNameOf(Kind kind) {
  return kind == Kind::KERNEL ? "an open kernel's" : kind == Kind::TAPE ? "an open tape's" : "an open linear layer's";
}

static_assert(sizeof(void *) == sizeof(uint64_t), "a handle has 64 bits");

/** The object of a handle. Derived structs define HANDLE, the pointer type of qlif.h, and KIND. */
struct Handled {
  bool busy = false;  // whether a call holds it; guarded by the registry's mutex
};

/** The open objects. */
struct Registry {
  std::mutex mutex;
  uint64_t last = 0;  // the number of handles given out so far
  std::unordered_map<uint64_t, Handled *> open;

  static Registry &get() {
    // Never destroyed: another thread may be in a call when the process exits.
    static Registry *registry = new Registry;
    return *registry;
  }

  /** The open object of this kind; otherwise fails with what the handle is instead. The mutex must be held. */
  Handled *find(const char *name, uint64_t handle, Kind kind) const {
    auto found = open.find(handle);
    if (found != open.end() && kindOf(handle) == kind) {
      return found->second;
    }
    const char *expected = openNameOf(kind);
    uint64_t serial = handle >> KIND_BITS;
    if (handle == 0) {
      fail(QLIF_INVALID_ARGUMENT, "%s: got NULL, expected %s handle", name, expected);
    }
    if (serial == 0 || serial > last || nameOf(kindOf(handle)) == nullptr) {
      fail(QLIF_INVALID_ARGUMENT, "%s: got 0x%llx, which is not a handle of this library, expected %s handle", name,
          (unsigned long long)handle, expected);
    }
    if (kindOf(handle) != kind) {
      fail(QLIF_INVALID_ARGUMENT, "%s: got %s handle, 0x%llx, expected %s", name, nameOf(kindOf(handle)), (unsigned long long)handle,
          expected);
    }
    fail(QLIF_INVALID_ARGUMENT, "%s: got a closed handle, 0x%llx, expected %s", name, (unsigned long long)handle,
        expected);
  }

  static Kind kindOf(uint64_t handle) { return Kind(handle & ((1u << KIND_BITS) - 1)); }
};

inline uint64_t numberOf(const void *handle) { return (uint64_t)(uintptr_t)handle; }

/** Holds an object for one call. */
template <class Object>
class Held {
 public:
  Held(const char *name, typename Object::Handle handle) : number_(numberOf(handle)) {
    Registry &registry = Registry::get();
    std::lock_guard<std::mutex> lock(registry.mutex);
    Handled *found = registry.find(name, number_, Object::KIND);
    if (found->busy) {
      fail(QLIF_BUSY, "%s: another thread is in a call on it", name);
    }
    found->busy = true;
    object_ = static_cast<Object *>(found);
  }
  ~Held() {
    if (object_ != nullptr) {
      std::lock_guard<std::mutex> lock(Registry::get().mutex);
      object_->busy = false;
    }
  }
  Held(const Held &) = delete;
  Held &operator=(const Held &) = delete;

  /** Invalidates the handle. The caller must delete the object. */
  std::unique_ptr<Object> take() {
    Registry &registry = Registry::get();
    std::lock_guard<std::mutex> lock(registry.mutex);
    registry.open.erase(number_);
    std::unique_ptr<Object> taken(object_);
    object_ = nullptr;
    return taken;
  }

  Object &operator*() const { return *object_; }
  Object *operator->() const { return object_; }

 private:
  const uint64_t number_;
  Object *object_ = nullptr;
};

/** Registers a new object, which is then open, and returns its handle. */
template <class Object>
typename Object::Handle opened(std::unique_ptr<Object> object) {
  Registry &registry = Registry::get();
  std::lock_guard<std::mutex> lock(registry.mutex);
  uint64_t number = (registry.last + 1) << KIND_BITS | (uint64_t)Object::KIND;
  registry.open.emplace(number, object.get());
  registry.last++;
  object.release();
  return (typename Object::Handle)(uintptr_t)number;
}

/** Frees what an object holds even if waiting for its work fails, and rethrows that failure. Refuses if a call holds the object. */
template <class Object, class Release>
void closeObject(const char *name, typename Object::Handle handle, Release release) {
  if (handle == nullptr) {
    return;
  }
  std::unique_ptr<Object> taken = Held<Object>(name, handle).take();
  release(*taken);
}

}  // namespace qlif

#endif
