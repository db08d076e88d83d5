// SPDX-License-Identifier: Apache-2.0
/**
 * The live page: a server on this machine, a page that shows every parameter of the models as a control, and their traces as plots.
 *
 * <p>{@link org.qlif.dashboard.Dashboard#start} starts it. {@link org.qlif.dashboard.Catalogue} defines what the page offers, from the
 * tables of the library and docs/model.md; {@link org.qlif.dashboard.RunRequest} limits what a request may ask for.
 */
@NullMarked
package org.qlif.dashboard;

import org.jspecify.annotations.NullMarked;
