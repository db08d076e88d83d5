// SPDX-License-Identifier: Apache-2.0
/**
 * Golden cases: files of what the models compute, and their verifier, which runs them on a device. Start with {@link
 * org.qlif.conformance.GoldenVerifier}.
 */
package org.qlif.conformance;
