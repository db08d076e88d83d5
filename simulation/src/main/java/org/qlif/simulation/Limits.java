// SPDX-License-Identifier: Apache-2.0
package org.qlif.simulation;

/** Checks of arguments that several classes share. */
final class Limits {
    private Limits() {}

    /** Throws unless there is a step and a neuron, and no more neuron-steps than a simulation takes. */
    static void requireExtents(int steps, int neurons) {
        requireExtent("steps", steps);
        requireExtent("neurons", neurons);
        long neuronSteps = (long) steps * neurons;
        if (neuronSteps > Simulation.MOST_NEURON_STEPS) {
            throw new IllegalArgumentException("steps, neurons: got " + steps + " x " + neurons + " = " + neuronSteps
                    + " neuron-steps, expected at most " + Simulation.MOST_NEURON_STEPS);
        }
    }

    static void requireExtent(String name, int value) {
        if (value < 1 || value > Simulation.MOST_NEURON_STEPS) {
            throw new IllegalArgumentException(
                    name + ": got " + value + ", expected a whole number in [1, " + Simulation.MOST_NEURON_STEPS + "]");
        }
    }
}
