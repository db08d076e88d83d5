// SPDX-License-Identifier: Apache-2.0
/**
 * The names and rules of docs/checkpoints.md, for the classes that save layers and networks.
 *
 * <p>For this project's own modules alone: the module exports this package to no other. The class path has no such bounds, so code on
 * it can reach these classes, but they can change or go in any release.
 */
@NullMarked
package org.qlif.spi.checkpoint;

import org.jspecify.annotations.NullMarked;
