// SPDX-License-Identifier: Apache-2.0
/**
 * What backends that run on the host share: the model's constants, threads, tapes, broadcasting and the fixed order of sums.
 * None of it is the model's arithmetic, which every backend writes once for itself.
 *
 * <p>Only for this project's own modules: the package is exported to no others. Code on the class path can still reach these classes, but
 * they can change or disappear in any release.
 */
@NullMarked
package org.qlif.spi.host;

import org.jspecify.annotations.NullMarked;
