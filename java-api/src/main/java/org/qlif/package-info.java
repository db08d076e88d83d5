// SPDX-License-Identifier: Apache-2.0
/**
 * Fused spiking-neuron kernels.
 *
 * <p>Start with {@link org.qlif.QlifLayer}. {@link org.qlif.Kernel} is the low-level interface: a
 * {@link org.qlif.Forward} or {@link org.qlif.Backward} description names the memory that the caller lends, and one call runs all
 * time steps. All tensors are time-major {@code (T, B, N)}, row-major.
 */
@NullMarked
package org.qlif;

import org.jspecify.annotations.NullMarked;
