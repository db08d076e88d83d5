// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

/** The neuron to compare QLIF with. */
enum Comparison {
    /** LIF, with a synaptic current. */
    LIF("lif"),
    /** QLIF with every option off. */
    PLAIN_LIF("plain-lif"),
    /** Nothing. */
    NONE("none");

    private final String text;

    Comparison(String text) {
        this.text = text;
    }

    /** The name in links and requests. */
    @Override
    public String toString() {
        return text;
    }
}
