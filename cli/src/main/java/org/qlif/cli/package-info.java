// SPDX-License-Identifier: Apache-2.0
/** The command line tool {@code qlif}: what can run here, does it compute right, how fast, and does it learn. */
package org.qlif.cli;
