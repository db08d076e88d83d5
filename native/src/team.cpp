// SPDX-License-Identifier: Apache-2.0
#include "team.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include <chrono>
#include <mutex>

namespace qlif {

namespace {

// How long the calling thread spins until helpers are done before it sleeps: about as long as waking it may take.
constexpr int64_t LOOK_NANOS = 50'000;

// Checks between two readings of the clock, which take longer.
constexpr int LOOKS_A_CLOCK = 32;

constexpr int PARTS_BITS = 52;
constexpr uint64_t PARTS_MASK = ((uint64_t)1 << PARTS_BITS) - 1;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/** While this lives, new threads start with all signals but their own faults blocked: handling signals is up to the process's own threads. */
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
      sigdelset(&all, fault);
    }
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked &) = delete;
  SignalsBlocked &operator=(const SignalsBlocked &) = delete;

 private:
  sigset_t before_;
};

/** Names the calling thread as a helper, for debuggers and top. */
void nameHelper([[maybe_unused]] int member) {
#if defined(__linux__)
  // The system allows 15 characters.
  char name[16];
  snprintf(name, sizeof name, "qlif-helper-%d", member);
  pthread_setname_np(pthread_self(), name);
#endif
}

/** The team, if there is one. Never destroyed, since kernels may be open when the process exits. */
struct Shared {
  std::mutex mutex;
  std::weak_ptr<Team> team;

  Shared() {
    // A child process has none of its parent's helpers, so it needs its own team.
    pthread_atfork([] { get().mutex.lock(); }, [] { get().mutex.unlock(); },
        [] {
          get().team.reset();
          get().mutex.unlock();
        });
  }

  static Shared &get() {
    static Shared *shared = new Shared;
    return *shared;
  }
};

}  // namespace

std::shared_ptr<Team> Team::shared(int size) {
  Shared &shared = Shared::get();
  std::lock_guard<std::mutex> lock(shared.mutex);
  std::shared_ptr<Team> team = shared.team.lock();
  if (team == nullptr) {
    team = std::make_shared<Team>();
  }
  team->grow(size);
  shared.team = team;
  return team;
}

void Team::grow(int size) {
  SignalsBlocked blocked;
  for (; count_ < size - 1; count_++) {
    std::unique_ptr<Helper> helper = std::make_unique<Helper>();
    helpers_[count_] = std::move(helper);
    try {
      helpers_[count_]->thread = std::thread([this, member = count_ + 1] { help(member); });
    } catch (...) {
      helpers_[count_].reset();
      throw;
    }
  }
}

Team::~Team() {
  if (getpid() != process_) {
    // A child process's copy of its parent's team: the threads don't exist here, and their objects can't be destroyed.
    for (int i = 0; i < count_; i++) {
      helpers_[i]->scratch = Memory();
      (void)helpers_[i].release();
    }
    return;
  }
  closed_.store(true);
  jobs_.fetch_add(1);
  for (int i = 0; i < count_; i++) {
    wake(*helpers_[i]);
    helpers_[i]->thread.join();
  }
}

int64_t Team::nanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void Team::run(Job job, void *context, int64_t parts, int members, int64_t spinNanos) {
  job_ = job;
  context_ = context;
  parts_ = parts;
  spinNanos_.store(spinNanos, std::memory_order_relaxed);
  tickets_.store((uint64_t)members << PARTS_BITS | (uint64_t)parts);
  jobs_.fetch_add(1);
  for (int i = 0; i < members - 1 && i < parts - 1; i++) {
    wake(*helpers_[i]);
  }
  work(0);
  int64_t start = 0;
  for (int looks = 1; int32_t busy = busy_.load(); looks++) {
    if (looks % LOOKS_A_CLOCK != 0) {
      pause();
      continue;
    }
    const int64_t now = nanos();
    start = start == 0 ? now : start;
    if (now - start >= LOOK_NANOS) {
      busy_.wait(busy);
    }
  }
}

void Team::work(int member) {
  uint64_t ticket = tickets_.load();
  while (true) {
    const uint64_t left = ticket & PARTS_MASK;
    if (left == 0 || (uint64_t)member >= ticket >> PARTS_BITS) {
      return;
    }
    if (tickets_.compare_exchange_weak(ticket, ticket - 1)) {
      job_(context_, member, parts_ - (int64_t)left);
      ticket = tickets_.load();
    }
  }
}

void Team::help(int member) {
  nameHelper(member);
  FloatEnvironment environment;
  Helper &helper = *helpers_[member - 1];
  uint32_t seen = 0;
  while (true) {
    seen = awaitJob(helper, seen);
    if (closed_.load()) {
      return;
    }
    busy_.fetch_add(1);
    work(member);
    if (busy_.fetch_sub(1) == 1) {
      busy_.notify_one();
    }
  }
}

uint32_t Team::awaitJob(Helper &helper, uint32_t seen) {
  const int64_t start = nanos();
  for (int looks = 0; jobs_.load() == seen; looks++) {
    if (looks % LOOKS_A_CLOCK != 0 || nanos() - start < spinNanos_.load(std::memory_order_relaxed)) {
      pause();
      continue;
    }
    helper.asleep.store(1);
    while (jobs_.load() == seen) {
      helper.asleep.wait(1);
      helper.asleep.store(1);
    }
    helper.asleep.store(0);
  }
  return jobs_.load();
}

#if defined(__x86_64__)

// Round to nearest, denormals kept, exceptions masked.
FloatEnvironment::FloatEnvironment() : saved_(__builtin_ia32_stmxcsr()) { __builtin_ia32_ldmxcsr(0x1f80); }

FloatEnvironment::~FloatEnvironment() { __builtin_ia32_ldmxcsr((uint32_t)saved_); }

#elif defined(__aarch64__)

FloatEnvironment::FloatEnvironment() {
  asm volatile("mrs %0, fpcr" : "=r"(saved_));
  asm volatile("msr fpcr, %0" : : "r"((uint64_t)0));
}

FloatEnvironment::~FloatEnvironment() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }

#else

FloatEnvironment::FloatEnvironment() : saved_(0) {}

FloatEnvironment::~FloatEnvironment() = default;

#endif

}  // namespace qlif
