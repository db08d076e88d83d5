// SPDX-License-Identifier: Apache-2.0
// Which instructions the host's CPU has, and thus which of the compiled kernels run.
#ifndef QLIF_INSTRUCTIONS_H
#define QLIF_INSTRUCTIONS_H

namespace qlif {

/**
 * The instruction set of the host's kernels: the widest that the CPU has, unless the environment variable QLIF_INSTRUCTIONS named one when this
 * was first called. There is none below x86-64-v3, since a fused multiply-add in software would be too slow.
 */
const char *instructionSet();

/** Whether it is x86-64-v4. */
bool hasV4();

}  // namespace qlif

#endif
