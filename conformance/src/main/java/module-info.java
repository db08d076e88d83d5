// SPDX-License-Identifier: Apache-2.0
/**
 * Golden cases and their verifier: whether a device computes what docs/model.md says. The contract tests of all backends
 * live in this module's tests.
 */
module org.qlif.conformance {
    requires transitive org.qlif;
    requires com.google.gson;

    exports org.qlif.conformance;
}
