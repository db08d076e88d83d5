// SPDX-License-Identifier: Apache-2.0
/**
 * Neurons of any configuration driven by an input current, and what they did at each step: {@link org.qlif.simulation.Simulation} runs
 * them, {@link org.qlif.simulation.Waveform} generates currents and modulations, {@link org.qlif.simulation.Traces} holds the results by
 * name.
 *
 * <p>The same settings and seed give the same bits on every device.
 */
@NullMarked
package org.qlif.simulation;

import org.jspecify.annotations.NullMarked;
