// SPDX-License-Identifier: Apache-2.0
/** Simulations: neurons over a generated or given input current, and the traces of all that they do. */
module org.qlif.simulation {
    requires transitive org.qlif;
    requires static transitive org.jspecify;

    exports org.qlif.simulation;
}
