// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

/**
 * Where the time of a step went, in nanoseconds. Parallel work counts as its mean over threads, so that the parts add up to at most the
 * whole; the rest is waiting and other work.
 *
 * @param encoding encoding the data as spikes
 * @param linear the linear layers, forward and backward, including the readout; in a test only the readout
 * @param neurons the neurons, forward and backward; in a test including the linear layers below them, since one call does both
 * @param update the sum of the blocks' gradients, including the exchange between machines, their norm, and the optimizer
 * @param whole the whole step
 */
public record StepTimes(long encoding, long linear, long neurons, long update, long whole) {}
