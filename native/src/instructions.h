// SPDX-License-Identifier: Apache-2.0
// Which instructions the host's CPU has, and so which of the compiled kernels run.
#ifndef QLIF_INSTRUCTIONS_H
#define QLIF_INSTRUCTIONS_H

namespace qlif {

/** What the host's kernels are run as: there is no code for less than x86-64-v3, since a fused multiply-add in software is no use. */
const char *instructionSet();

/** Whether that is x86-64-v4. */
bool hasV4();

}  // namespace qlif

#endif
