// SPDX-License-Identifier: Apache-2.0
/** The command line tool {@code qlif}: lists devices, verifies and measures them, simulates and trains. */
package org.qlif.cli;
