// SPDX-License-Identifier: Apache-2.0
/**
 * Golden cases: files of what the models compute, and their verifier, which runs them on a device. {@link
 * org.qlif.conformance.GoldenVerifier} is the way in.
 */
package org.qlif.conformance;
