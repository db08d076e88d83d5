/**
 * The smoke test of spiking networks: rate-coded images through one hidden layer of QLIF neurons.
 *
 * <p>{@link org.qlif.training.Training#run} trains and tests; {@link org.qlif.training.TrainingOptions} says how,
 * {@link org.qlif.training.TrainingListener} hears of the progress. Linear layers, their gradients and Adam come from DJL's
 * PyTorch engine; the neurons are a {@link org.qlif.Kernel}, which reads and writes the engine's memory without a copy.
 */
package org.qlif.training;
