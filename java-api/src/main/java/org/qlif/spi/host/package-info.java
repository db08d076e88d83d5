// SPDX-License-Identifier: Apache-2.0
/**
 * What backends that run on the host share: the model's constants, threads, tapes, broadcasting and the fixed order of sums.
 * None of it is the model's arithmetic, which every backend writes once for itself.
 *
 * <p>For this project's own backends alone: the module exports this package to no other module. The class path has no such bounds, so
 * code on it can reach these classes, but they can change or go in any release.
 */
@NullMarked
package org.qlif.spi.host;

import org.jspecify.annotations.NullMarked;
