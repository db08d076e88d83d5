// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import java.util.Map;

/**
 * The range of a number's slider: the values worth trying. The field beside it accepts the whole range.
 *
 * @param from its left end
 * @param to its right end
 * @param step its step; 0 for steps proportional to the value, for ranges of several orders of magnitude
 */
record Slider(double from, double to, double step) {
    /** The sliders of both models' options, by name; shared options have the same slider. */
    private static final Map<String, Slider> OPTIONS = Map.ofEntries(
            even("v_reset", -2, 2, 0.05),
            even("reset_fraction", 0, 1, 0.01),
            even("noise_std", 0, 1, 0.01),
            even("theta_max", 0.05, 3.1, 0.05),
            even("quantum_leak", 0, 2, 0.01),
            even("quantum_wires", 1, 64, 1),
            even("quantum_threshold", -0.99, 0.99, 0.01),
            even("probability_floor", 0, 0.49, 0.01),
            even("surrogate_alpha", 0.1, 10, 0.1),
            even("base_alpha", 0.1, 10, 0.1),
            even("dsp_decay", 0, 1, 0.01),
            even("dsp_jump", 0, 5, 0.05),
            even("tau_adapt", 1, 100, 1),
            even("min_alpha", 0.01, 5, 0.01),
            even("max_alpha", 0.5, 20, 0.1),
            even("tau_ref", 0.5, 50, 0.5),
            even("r_jump", 0, 5, 0.05),
            even("adaptation_decay", 0, 1, 0.01),
            even("spike_increase", 0, 3, 0.05),
            even("depression_rate", 0, 1, 0.01),
            even("recovery_rate", 0, 1, 0.01),
            even("tau_ahp", 1, 500, 1),
            even("ahp_jump", 0, 2, 0.05),
            even("g_ahp", -1, 2, 0.05),
            even("ahp_max", 0.1, 10, 0.1),
            even("min_threshold", 0.05, 5, 0.05),
            even("max_threshold", 0.1, 10, 0.05),
            even("homeostasis_target_rate", 0, 1, 0.01),
            even("homeostasis_lr", 0, 0.1, 0.001),
            shares("homeostasis_tau", 1, 10_000),
            even("neuromod_strength", -2, 2, 0.05),
            even("v_th", 0, 5, 0.05),
            even("tau", 1, 100, 0.5),
            even("eta", 0, 1, 0.01),
            even("q_scale", -5, 5, 0.05),
            even("q_bias", -3.2, 3.2, 0.05),
            even("initial_probability", 0.005, 0.995, 0.005),
            even("initial_slope", -0.5, 0.5, 0.01),
            shares("dt", 0.0001, 5),
            even("v_leak", -2, 2, 0.05),
            even("tau_syn_inv", 1, 1000, 1),
            even("tau_mem_inv", 1, 1000, 1));

    /** The slider of an option. */
    static Slider of(String option) {
        Slider slider = OPTIONS.get(option);
        if (slider == null) {
            throw new IllegalStateException("no slider is defined for the option " + option);
        }
        return slider;
    }

    private static Map.Entry<String, Slider> even(String option, double from, double to, double step) {
        return Map.entry(option, new Slider(from, to, step));
    }

    private static Map.Entry<String, Slider> shares(String option, double from, double to) {
        return Map.entry(option, new Slider(from, to, 0));
    }
}
