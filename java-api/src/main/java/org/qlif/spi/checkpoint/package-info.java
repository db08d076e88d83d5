// SPDX-License-Identifier: Apache-2.0
/**
 * The names and rules of docs/checkpoints.md, for the classes that save layers and networks.
 *
 * <p>Only for this project's own modules: the package is exported to no others. Code on the class path can still reach these classes, but
 * they can change or disappear in any release.
 */
@NullMarked
package org.qlif.spi.checkpoint;

import org.jspecify.annotations.NullMarked;
