// SPDX-License-Identifier: Apache-2.0
// How many processors this process may use.
#ifndef QLIF_PROCESSORS_H
#define QLIF_PROCESSORS_H

namespace qlif {

/** Those it may be scheduled on, or fewer if a cgroup's quota, by which containers are limited, allows less time. At least 1. */
int processors();

/**
 * The number of processors that the quotas of a cgroup and of its parents allow, rounded up; 0 if there is no limit or it is unknown.
 *
 * @param membership the file that names the process's groups: /proc/self/cgroup
 * @param mounts the folder of the groups: /sys/fs/cgroup
 */
int quotaOf(const char *membership, const char *mounts);

}  // namespace qlif

#endif
