#include "team.h"

#include <signal.h>

namespace qlif {

namespace {

// A helper that has just finished looks for the next job for about this many pauses before it sleeps: a few microseconds, the time
// between the calls of a caller that streams.
constexpr int SPINS = 200;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/** No signal for the threads that are started while this lives, but for a thread's own faults: the process's threads see to signals. */
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

}  // namespace

Team::Team(int size) {
  helpers_.reserve((size_t)size - 1);
  SignalsBlocked blocked;
  try {
    for (int member = 1; member < size; member++) {
      helpers_.emplace_back([this, member] { help(member); });
    }
  } catch (...) {
    end();
    throw;
  }
}

Team::~Team() { end(); }

void Team::end() {
  closed_.store(true);
  jobs_.fetch_add(1);
  jobs_.notify_all();
  for (std::thread &helper : helpers_) {
    helper.join();
  }
  helpers_.clear();
}

void Team::run(Job job, void *context, int64_t parts, int members) {
  if (members <= 1 || helpers_.empty() || parts <= 1) {
    for (int64_t part = 0; part < parts; part++) {
      job(context, 0, part);
    }
    return;
  }
  job_ = job;
  context_ = context;
  remaining_.store(parts);
  jobs_.fetch_add(1);
  int64_t wanted = members - 1 < parts - 1 ? members - 1 : parts - 1;
  if (wanted >= (int64_t)helpers_.size()) {
    jobs_.notify_all();
  } else {
    for (int64_t i = 0; i < wanted; i++) {
      jobs_.notify_one();
    }
  }
  work(0);
  for (int spins = 0;; spins++) {
    int32_t busy = busy_.load();
    if (busy == 0) {
      break;
    }
    if (spins < SPINS) {
      pause();
    } else {
      busy_.wait(busy);
    }
  }
}

void Team::work(int member) {
  while (true) {
    int64_t part = remaining_.fetch_sub(1);
    if (part <= 0) {
      return;
    }
    job_(context_, member, part - 1);
  }
}

void Team::help(int member) {
  FloatEnvironment environment;
  uint32_t seen = 0;
  while (true) {
    for (int spins = 0; spins < SPINS && jobs_.load() == seen; spins++) {
      pause();
    }
    jobs_.wait(seen);
    seen = jobs_.load();
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
