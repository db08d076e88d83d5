// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.Map;
import org.qlif.NeuronParameter;

/** One way to run a {@link Workload}, opened for one pass and one number of threads. */
interface Contender extends AutoCloseable {
    /** A description for people to read. */
    String description();

    /** The timed call, with its own draws. Returns something that depends on the result. */
    Object run();

    /** The spikes of the last {@link #run}, {@code (T, B, N)}; not timed. */
    byte[] spikes();

    /**
     * Runs once with given draws, and returns everything that can be compared; not timed.
     *
     * @param uniforms {@code (T, B, N)}, or null if the configuration draws none
     * @param normals {@code (T, B, N)}, or null if the configuration draws none
     */
    Answer answer(float[] uniforms, float[] normals);

    @Override
    void close();

    /**
     * What a run computed.
     *
     * @param spikes the spikes, {@code (T, B, N)}
     * @param voltages the potentials after the reset, {@code (T, B, N)}
     * @param gradInput the gradient of the input, {@code (T, B, N)}, or null after a forward run
     * @param gradParameters the gradients of the parameters, each {@code (N)}; empty after a forward run
     */
    record Answer(byte[] spikes, float[] voltages, float[] gradInput, Map<NeuronParameter, float[]> gradParameters) {}
}
