// SPDX-License-Identifier: Apache-2.0
// Threads that share the parts of one job at a time, and their scratch memory.
#ifndef QLIF_TEAM_H
#define QLIF_TEAM_H

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "memory.h"

namespace qlif {

/** Maximum number of threads that share a call. */
constexpr int MOST_THREADS = 1024;

/**
 * The team of all kernels in the process. A thread with a job takes the team if it is free, and is member 0; helpers spin for a while until
 * the next job, then sleep. The team lives as long as any kernel on the host, and grows to the size of the largest. Java's class Team is the
 * same.
 */
class Team {
 public:
  /** Does part `part` as member `member`, 0 to members - 1; a member does one part at a time. Must not throw. */
  using Job = void (*)(void *context, int member, int64_t part);

  /** The team, of at least `size` members. Throws std::system_error if a thread can't be started. */
  static std::shared_ptr<Team> shared(int size);

  Team() = default;
  ~Team();
  Team(const Team &) = delete;
  Team &operator=(const Team &) = delete;

  /** Takes the team if it is free, until release(). Never waits. */
  bool take() { return !taken_.load(std::memory_order_relaxed) && !taken_.exchange(true, std::memory_order_acquire); }
  void release() { taken_.store(false, std::memory_order_release); }

  /** A member's scratch memory, with arbitrary content. Call it only while you have the team. */
  Memory &scratch(int member) { return member == 0 ? scratch_ : helpers_[member - 1]->scratch; }

  /**
   * Called at the beginning of a job of some tens of microseconds: whether helpers should share it. They should if they are awake, or if such
   * jobs follow each other so closely that they would stay awake for the next. Waking one takes a system call, and on virtual processors it
   * arrives up to 40 microseconds later.
   */
  bool helpsBriefJob(int members, int64_t spinNanos) {
    const bool soon = nanos() - briefJobEnded_.load(std::memory_order_relaxed) < spinNanos;
    // Two in a row don't count yet: a forward and a backward pass may come together, with nothing after them for a while.
    const int succession = soon ? std::min(briefSuccession_.load(std::memory_order_relaxed) + 1, 2) : 0;
    briefSuccession_.store(succession, std::memory_order_relaxed);
    // Looking at the last one is enough: helpers fall asleep at about the same time, unless a job needed only the first ones.
    return helpers_[members - 2]->asleep.load(std::memory_order_relaxed) == 0 || succession == 2;
  }
  void endBriefJob() { briefJobEnded_.store(nanos(), std::memory_order_relaxed); }

  /** Runs parts 0 to parts - 1 and returns when all are done. members: how many may share them. Call it only while you have the team. */
  void run(Job job, void *context, int64_t parts, int members, int64_t spinNanos);

 private:
  struct alignas(64) Helper {
    std::atomic<uint32_t> asleep{0};
    Memory scratch;
    std::thread thread;
  };

  void grow(int size);
  void help(int member);
  void work(int member);
  uint32_t awaitJob(Helper &helper, uint32_t seen);
  static int64_t nanos();

  static void wake(Helper &helper) {
    if (helper.asleep.exchange(0) != 0) {
      helper.asleep.notify_one();
    }
  }

  // The number of parts not yet begun and, in the higher bits, how many members may take one. Both are in one word so that a helper that is
  // late for a job can't take a part of the next one if that has fewer members.
  alignas(64) std::atomic<uint64_t> tickets_{0};
  // The number of helpers that may be working. Incremented before a part is taken, so that 0 after the last part was taken means that all are
  // done.
  alignas(64) std::atomic<int32_t> busy_{0};
  alignas(64) std::atomic<uint32_t> jobs_{0};
  std::atomic<bool> closed_{false};
  std::atomic<int64_t> spinNanos_{0};
  std::atomic<int64_t> briefJobEnded_{0};
  std::atomic<int> briefSuccession_{0};
  Job job_ = nullptr;
  void *context_ = nullptr;
  int64_t parts_ = 0;
  alignas(64) std::atomic<bool> taken_{false};
  Memory scratch_;
  // Members 1 and up. The array doesn't move when the team grows, since other kernels may be using their members.
  std::unique_ptr<Helper> helpers_[MOST_THREADS - 1];
  int count_ = 0;
  const pid_t process_ = getpid();
};

/** The members that a kernel's calls may have. */
class Crew {
 public:
  Crew(int size, int64_t spinNanos) : team_(Team::shared(size)), size_(size), spinNanos_(spinNanos) {}

  /** The maximum number of threads that share a call, including the calling one. */
  int size() const { return size_; }

  /** Releases the team; the last crew to do so ends its threads. */
  void release() {
    team_.reset();
    scratch_ = Memory();
  }

 private:
  friend class Muster;

  std::shared_ptr<Team> team_;
  const int size_;
  const int64_t spinNanos_;
  Memory scratch_;  // of the calling thread if it works alone
};

/**
 * The members that share a call, while this lives: only the calling thread if it wants no others, or if the team is busy with another kernel,
 * for which this does not wait.
 */
class Muster {
 public:
  /** most: how many members may take a part. brief: whether the job takes one thread less than about a tenth of a millisecond. */
  Muster(Crew &crew, int64_t most, bool brief = false) : crew_(crew) {
    const int wanted = most < crew.size_ ? (int)most : crew.size_;
    brief_ = brief && wanted > 1;
    members_ = wanted > 1 && (!brief_ || crew.team_->helpsBriefJob(wanted, crew.spinNanos_)) && crew.team_->take() ? wanted : 1;
  }
  ~Muster() {
    if (brief_) {
      crew_.team_->endBriefJob();
    }
    if (members_ > 1) {
      crew_.team_->release();
    }
  }
  Muster(const Muster &) = delete;
  Muster &operator=(const Muster &) = delete;

  int members() const { return members_; }

  /** Makes sure that each member has this much scratch memory. Throws a Failure if memory runs out. */
  void reserve(uint64_t bytes) {
    for (int member = 0; member < members_; member++) {
      memory(member).reserve(bytes);
    }
  }

  void *scratch(int member) const { return memory(member).as<void>(); }

  /** Runs parts 0 to parts - 1 and returns when all are done. */
  void run(Team::Job job, void *context, int64_t parts) const {
    if (members_ > 1) {
      crew_.team_->run(job, context, parts, members_, crew_.spinNanos_);
      return;
    }
    for (int64_t part = 0; part < parts; part++) {
      job(context, 0, part);
    }
  }

 private:
  Memory &memory(int member) const { return members_ > 1 ? crew_.team_->scratch(member) : crew_.scratch_; }

  Crew &crew_;
  int members_;
  bool brief_;
};

/** While this lives, the calling thread has the IEEE arithmetic that the library needs, whatever it had set before. */
class FloatEnvironment {
 public:
  FloatEnvironment();
  ~FloatEnvironment();
  FloatEnvironment(const FloatEnvironment &) = delete;
  FloatEnvironment &operator=(const FloatEnvironment &) = delete;

 private:
  uint64_t saved_;
};

}  // namespace qlif

#endif
