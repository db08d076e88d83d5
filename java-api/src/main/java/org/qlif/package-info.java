// SPDX-License-Identifier: Apache-2.0
/**
 * Fused spiking-neuron kernels.
 *
 * <p>{@link org.qlif.QlifLayer} is the short way in. {@link org.qlif.Kernel} is the low-level call: a
 * {@link org.qlif.Forward} or {@link org.qlif.Backward} description names the memory a caller lends, and one call runs all
 * time steps. All tensors are time-major {@code (T, B, N)}, row-major.
 */
@NullMarked
package org.qlif;

import org.jspecify.annotations.NullMarked;
