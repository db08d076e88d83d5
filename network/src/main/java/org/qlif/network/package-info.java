// SPDX-License-Identifier: Apache-2.0
/**
 * A small library for networks of spiking neurons: linear layers over spikes, neurons, a readout by the mean over time. {@link
 * org.qlif.network.Network} holds what is learned, {@link org.qlif.network.Trainer} trains and tests it. It is deliberately small.
 *
 * <p>All sums over the rows of a training step are computed in blocks of {@value org.qlif.network.Trainer#BLOCK} rows and in a fixed order,
 * docs/numerics.md, so that the bits of learned values depend neither on the number of threads nor on which machine does which blocks.
 */
@NullMarked
package org.qlif.network;

import org.jspecify.annotations.NullMarked;
