// SPDX-License-Identifier: Apache-2.0
// How many processors this process may use.
#ifndef QLIF_PROCESSORS_H
#define QLIF_PROCESSORS_H

namespace qlif {

/** Those that it may be scheduled on, or fewer where a cgroup's quota allows less time: what containers are limited by. At least 1. */
int processors();

/**
 * The processors' worth of time that a cgroup's quota and those of the groups around it leave, rounded up; 0 for no limit, and where it
 * can't be told.
 *
 * @param membership the file that names the process's groups, /proc/self/cgroup
 * @param mounts the folder of the groups, /sys/fs/cgroup
 */
int quotaOf(const char *membership, const char *mounts);

}  // namespace qlif

#endif
