package org.qlif.conformance;

/** The scalar backend, held against itself on one thread. */
class ScalarContractTest extends KernelContract {
    ScalarContractTest() {
        super("cpu:scalar");
    }
}
