// SPDX-License-Identifier: Apache-2.0
/**
 * The smoke test of spiking networks: rate-coded images through one hidden layer of QLIF neurons.
 *
 * <p>{@link org.qlif.training.Training#run} trains and tests; {@link org.qlif.training.TrainingOptions} configures it, and a {@link
 * org.qlif.training.TrainingListener} is notified of the progress. The network is one of {@code org.qlif.network}, or of another {@link
 * org.qlif.training.TrainingEngine}.
 */
package org.qlif.training;
