// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/**
 * The extents of a network: T, and the widths of its layers.
 *
 * @param steps T, the time steps that an image is shown
 * @param inputs the pixels of an image
 * @param hidden the neurons
 * @param classes the outputs
 */
public record NetworkShape(int steps, int inputs, int hidden, int classes) {}
