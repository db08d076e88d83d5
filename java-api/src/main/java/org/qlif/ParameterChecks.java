package org.qlif;

/**
 * What must hold for the values of parameters, which an optimizer may have moved since the last call. Values in a device's memory
 * are out of reach from here and count as right.
 */
final class ParameterChecks {
    private ParameterChecks() {}

    static void check(NeuronConfig config, Parameters parameters) {
        if (config instanceof QlifConfig) {
            Tensor tau = parameters.get(QlifParameter.TAU);
            if (tau.place() != null) {
                return;
            }
            for (long n = 0; n < tau.elements(); n++) {
                float value = tau.getFloat(n);
                if (!(value > 0) || value == Float.POSITIVE_INFINITY) {
                    throw new IllegalArgumentException(
                            "tau: got " + value + " at index " + n + ", expected a finite number > 0");
                }
            }
        }
    }
}
