// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

/**
 * Where the time of a step went, in nanoseconds. What threads do side by side counts by its mean over threads, so that the parts make up
 * at most the whole; threads that wait for one another, and what a step does besides, are the rest.
 *
 * @param encoding making spikes of the data
 * @param linear the linear layers, forward and backward, the readout among them; of a test the readout alone
 * @param neurons the neurons, forward and backward; of a test with the linear layers below them, since one call does both
 * @param update adding up the blocks' gradients, with what machines send each other for it, their norm, and the optimizer
 * @param whole from the first to the last
 */
public record StepTimes(long encoding, long linear, long neurons, long update, long whole) {}
