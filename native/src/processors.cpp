// SPDX-License-Identifier: Apache-2.0
#include "processors.h"

#include <stdio.h>
#include <string.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <string>
#include <thread>

namespace qlif {

namespace {

/** Reads the first number or two of a file. Returns false if there is no file or it doesn't begin with numbers, such as "max". */
bool readNumbers(const std::string &path, long long &first, long long *second) {
  FILE *file = fopen(path.c_str(), "r");
  if (file == nullptr) {
    return false;
  }
  const int found = second == nullptr ? fscanf(file, "%lld", &first) - 1 : fscanf(file, "%lld %lld", &first, second) - 2;
  fclose(file);
  return found == 0;
}

/** Reads a group's quota and period in microseconds: from cpu.max in cgroup v2, from two files in v1. */
bool readQuota(const std::string &group, bool second, long long &quota, long long &period) {
  return second ? readNumbers(group + "/cpu.max", quota, &period)
                : readNumbers(group + "/cpu.cfs_quota_us", quota, nullptr) && readNumbers(group + "/cpu.cfs_period_us", period, nullptr);
}

/** Whether `names`, separated by commas, has `name`. */
bool lists(const std::string &names, const std::string &name) {
  for (size_t from = 0; from <= names.size();) {
    const size_t to = std::min(names.find(',', from), names.size());
    if (names.compare(from, to - from, name) == 0) {
      return true;
    }
    from = to + 1;
  }
  return false;
}

}  // namespace

int quotaOf(const char *membership, const char *mounts) {
  FILE *file = fopen(membership, "r");
  if (file == nullptr) {
    return 0;
  }
  long long least = 0;
  char line[4096];
  // A line for each hierarchy: its number, controllers and group. cgroup v2 has number 0 and no controllers.
  while (fgets(line, sizeof line, file) != nullptr) {
    line[strcspn(line, "\n")] = 0;
    const char *names = strchr(line, ':');
    const char *path = names == nullptr ? nullptr : strchr(names + 1, ':');
    if (path == nullptr) {
      continue;
    }
    const std::string controllers(names + 1, path);
    const bool second = controllers.empty();
    if (!second && !lists(controllers, "cpu")) {
      continue;
    }
    const std::string top = second ? mounts : std::string(mounts) + "/cpu";
    // From the group up to the top. In a container, the top may be the container's own group, and the path may not exist.
    std::string group(path + 1);
    for (;;) {
      long long quota = 0;
      long long period = 0;
      if (readQuota(top + group, second, quota, period) && quota > 0 && period > 0) {
        const long long count = quota / period + (quota % period != 0);
        least = least == 0 ? count : std::min(least, count);
      }
      if (group.empty()) {
        break;
      }
      const size_t slash = group.rfind('/');
      group.resize(slash == std::string::npos ? 0 : slash);
    }
  }
  fclose(file);
  return (int)std::min(least, 1LL << 20);
}

int processors() {
  int count = (int)std::thread::hardware_concurrency();
#if defined(__linux__)
  // In older C libraries, hardware_concurrency() counts all processors that are online.
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof usable, &usable) == 0) {
    count = CPU_COUNT(&usable);
  }
#endif
  const int quota = quotaOf("/proc/self/cgroup", "/sys/fs/cgroup");
  return std::max(1, quota > 0 ? std::min(count, quota) : count);
}

}  // namespace qlif
