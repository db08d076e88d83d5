// SPDX-License-Identifier: Apache-2.0
/** An application that uses QLIF. It names no backend: those on the module path are found as services. */
module example.spikes {
    requires org.qlif;
}
