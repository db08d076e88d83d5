// SPDX-License-Identifier: Apache-2.0
/** Files of tensors, read without trust and written so that an old file stays whole until the new one is. */
@NullMarked
package org.qlif.io;

import org.jspecify.annotations.NullMarked;
