// SPDX-License-Identifier: Apache-2.0
/** Checks of the documentation, used by tests: that its examples compile, and that the Javadoc describes everything public. */
package org.qlif.documentation;
