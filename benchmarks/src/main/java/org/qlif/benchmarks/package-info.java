// SPDX-License-Identifier: Apache-2.0
/**
 * Benchmarks, one class for each question asked: how fast are the backends, how do they compare with what else a JVM user could
 * run, what does an option cost, where does memory matter, what does a single step take, do silent neurons slow down, is the
 * cost linear in time, how near is the machine's ceiling.
 *
 * <p>A run of a kernel is timed as a whole and scored as time a call; {@link org.qlif.benchmarks.Score} turns that into
 * neuron-steps a second, where a neuron-step is one {@code (t, b, n)}. {@link org.qlif.benchmarks.Benchmarks} is the entry.
 *
 * <p>Memory: {@code -prof gc} adds {@code gc.alloc.rate.norm}, the bytes that a call allocates. Of the kernels' runs it is to be
 * near 0: JMH's own bookkeeping, divided by the calls of an iteration, is what remains.
 */
package org.qlif.benchmarks;
