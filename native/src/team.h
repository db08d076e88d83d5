// A fixed team of threads that share out the parts of one job at a time.
#ifndef QLIF_TEAM_H
#define QLIF_TEAM_H

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace qlif {

/** The calling thread is a member; helpers sleep between jobs. One job at a time. */
class Team {
 public:
  /** Does part `part` as member `member`, 0 to size - 1; a member does one part at a time. Must not throw. */
  using Job = void (*)(void *context, int member, int64_t part);

  /** Throws std::system_error if a thread can't be started. */
  explicit Team(int size);
  ~Team();
  Team(const Team &) = delete;
  Team &operator=(const Team &) = delete;

  int size() const { return (int)helpers_.size() + 1; }

  /** Runs parts 0 to parts - 1 and returns when all are done. members: how many may share them. */
  void run(Job job, void *context, int64_t parts, int members);

 private:
  void help(int member);
  void work(int member);
  void end();

  std::vector<std::thread> helpers_;
  // Parts not yet taken; counts down, so that a late helper takes nothing once it has passed 0.
  alignas(64) std::atomic<int64_t> remaining_{0};
  // Helpers that may be at work. Raised before a part is taken, so that 0 after the last part was taken means that all are done.
  alignas(64) std::atomic<int32_t> busy_{0};
  alignas(64) std::atomic<uint32_t> jobs_{0};
  std::atomic<bool> closed_{false};
  Job job_ = nullptr;
  void *context_ = nullptr;
};

/** IEEE arithmetic as the library needs it, whatever the calling thread had set, for as long as this lives. */
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
