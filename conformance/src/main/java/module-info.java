// SPDX-License-Identifier: Apache-2.0
/**
 * Golden cases and their verifier, which checks that a device computes what docs/model.md defines. The contract tests of all backends
 * live in this module's tests.
 */
module org.qlif.conformance {
    requires transitive org.qlif;
    requires com.google.gson;

    exports org.qlif.conformance;
}
