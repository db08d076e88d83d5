// SPDX-License-Identifier: Apache-2.0
/**
 * The smoke test of spiking networks: rate-coded images through one hidden layer of QLIF neurons.
 *
 * <p>{@link org.qlif.training.Training#run} trains and tests; {@link org.qlif.training.TrainingOptions} says how,
 * {@link org.qlif.training.TrainingListener} hears of the progress. The network is one of the kit {@code org.qlif.network}, or another
 * {@link org.qlif.training.TrainingEngine}'s.
 */
package org.qlif.training;
