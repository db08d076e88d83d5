// SPDX-License-Identifier: Apache-2.0
/** What the tests check the documentation with: its examples compile, and the Javadoc describes everything that is public. */
package org.qlif.documentation;
