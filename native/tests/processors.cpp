// SPDX-License-Identifier: Apache-2.0
// The number of processors that a process may use: quotas of cgroup v1 and v2, from files that this test writes, and the process's affinity.
#include "../src/processors.h"

#include <stdio.h>
#include <stdlib.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include <filesystem>
#include <fstream>
#include <string>

using namespace qlif;
namespace fs = std::filesystem;

namespace {

int failures = 0;
fs::path folder;

void require(const char *what, int expected, int got) {
  if (expected != got) {
    fprintf(stderr, "%s: got %d, expected %d\n", what, got, expected);
    failures++;
  }
}

void write(const fs::path &file, const std::string &text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

int quota(const std::string &membership) {
  write(folder / "membership", membership);
  return quotaOf((folder / "membership").c_str(), (folder / "groups").c_str());
}

}  // namespace

int main() {
  char name[] = "/tmp/qlif-processors-XXXXXX";
  if (mkdtemp(name) == nullptr) {
    perror(name);
    return 1;
  }
  folder = name;
  const fs::path groups = folder / "groups";

  require("no file of groups", 0, quotaOf((folder / "absent").c_str(), groups.c_str()));
  require("nonsense", 0, quota("nonsense\n0\n:\n0::a/b\n"));
  require("no files of quotas", 0, quota("0::/a/b\n"));

  write(groups / "cpu.max", "max 100000\n");
  write(groups / "a/b/cpu.max", "250000 100000\n");
  require("v2, two and a half", 3, quota("0::/a/b\n"));
  require("v2, no quota", 0, quota("0::/\n"));
  write(groups / "a/cpu.max", "50000 100000\n");
  require("v2, half a one around it", 1, quota("0::/a/b\n"));
  require("v2, a group that is not seen from here", 1, quota("0::/a/elsewhere\n"));
  require("v2, another group", 0, quota("0::/c\n"));
  write(groups / "cpu.max", "400000 100000\n");
  require("v2, the container's own group", 4, quota("0::/../../c\n"));

  fs::remove_all(groups);
  write(groups / "cpu/d/cpu.cfs_quota_us", "-1\n");
  write(groups / "cpu/d/cpu.cfs_period_us", "100000\n");
  const std::string others = "9:cpuset:/d\n8:cpuacct:/d\n";
  require("v1, no quota", 0, quota(others + "4:cpu:/d\n"));
  write(groups / "cpu/d/cpu.cfs_quota_us", "200000\n");
  require("v1, two", 2, quota(others + "4:cpu,cpuacct:/d/e\n0::/\n"));
  require("v1, without the controller", 0, quota(others));
  write(groups / "cpu/d/cpu.cfs_period_us", "0\n");
  require("v1, no period", 0, quota("4:cpu:/d\n"));
  fs::remove_all(folder);

  if (processors() < 1) {
    require("at least", 1, processors());
  }
#if defined(__linux__)
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof usable, &usable) == 0) {
    int first = 0;
    while (!CPU_ISSET(first, &usable)) {
      first++;
    }
    CPU_ZERO(&usable);
    CPU_SET(first, &usable);
    if (sched_setaffinity(0, sizeof usable, &usable) == 0) {
      require("bound to one", 1, processors());
    }
  }
#endif
  return failures == 0 ? 0 : 1;
}
