// SPDX-License-Identifier: Apache-2.0
/**
 * The live page: a server on this machine, a page that shows every parameter of the models as a control, and their traces as plots.
 *
 * <p>{@link org.qlif.dashboard.Dashboard#start} starts it. What the page offers is {@link org.qlif.dashboard.Catalogue}'s, from the tables of
 * the library and docs/model.md; what a request may ask for is {@link org.qlif.dashboard.RunRequest}'s to say.
 */
@NullMarked
package org.qlif.dashboard;

import org.jspecify.annotations.NullMarked;
