// SPDX-License-Identifier: Apache-2.0
/** Files of tensors. What is read is checked; an existing file stays intact until the new one is complete. */
@NullMarked
package org.qlif.io;

import org.jspecify.annotations.NullMarked;
