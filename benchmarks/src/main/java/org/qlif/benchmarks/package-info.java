// SPDX-License-Identifier: Apache-2.0
/**
 * Benchmarks, one class for each question asked: how fast are the backends, how do they compare with what else a JVM user could
 * run, what does an option cost, where does memory matter, what does a single step take, do silent neurons slow down, is the
 * cost linear in time, how near is the machine's ceiling.
 *
 * <p>A run of a kernel is timed as a whole, and its score is the time per call; {@link org.qlif.benchmarks.Score} converts that to
 * neuron-steps per second, where a neuron-step is one {@code (t, b, n)}. {@link org.qlif.benchmarks.Benchmarks} is the main class.
 *
 * <p>Memory: {@code -prof gc} adds {@code gc.alloc.rate.norm}, the bytes that a call allocates. For runs of kernels it should be near 0:
 * what remains is JMH's own bookkeeping, divided by the calls of an iteration.
 */
package org.qlif.benchmarks;
