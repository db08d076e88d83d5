// SPDX-License-Identifier: Apache-2.0
/** Networks of spiking neurons that train on the JDK alone: layers in a row, losses, Adam, and a trainer. */
module org.qlif.network {
    requires transitive org.qlif;
    requires static transitive org.jspecify;

    exports org.qlif.network;
}
