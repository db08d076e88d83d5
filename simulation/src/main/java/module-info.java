// SPDX-License-Identifier: Apache-2.0
/** Simulations: neurons driven by a generated or given input current, with all their traces. */
module org.qlif.simulation {
    requires transitive org.qlif;
    requires static transitive org.jspecify;

    exports org.qlif.simulation;
}
