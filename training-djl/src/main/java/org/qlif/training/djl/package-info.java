// SPDX-License-Identifier: Apache-2.0
/**
 * The network of the smoke test on DJL's PyTorch engine, which has linear layers, their gradients and Adam; the neurons are a {@link
 * org.qlif.Kernel}, which reads and writes the engine's memory without a copy. Found by {@code --engine djl} if this module is present.
 */
package org.qlif.training.djl;
