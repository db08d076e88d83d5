// SPDX-License-Identifier: Apache-2.0
/** What a backend implements. Callers of kernels do not need this package. */
@NullMarked
package org.qlif.spi;

import org.jspecify.annotations.NullMarked;
