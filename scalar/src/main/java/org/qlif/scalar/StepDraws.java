// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

import java.lang.foreign.ValueLayout;
import org.qlif.Forward;
import org.qlif.NeuronConfig;
import org.qlif.Tensor;
import org.qlif.spi.host.ElementNumbers;

/** The random numbers of one neuron-step: given by the call, or drawn. Not thread-safe. */
final class StepDraws {
    private final int wires;
    private final ElementDraws draws;
    private Forward call;
    private long elements;
    private long element;
    /** The step, counted from the start of the run, and below from that of the stream. */
    private long runStep;

    private long streamStep;

    StepDraws(NeuronConfig config) {
        wires = config.uniformsPerStep();
        draws = new ElementDraws(wires);
    }

    void bind(Forward call) {
        this.call = call;
        elements = call.elements();
        if (call.draws() != null) {
            draws.stream(call.draws().seed(), call.draws().stream());
        }
    }

    /** Moves to element {@code e = b * N + n} of the call. */
    void element(long e) {
        element = e;
        if (call.draws() != null) {
            draws.element(ElementNumbers.of(call, e));
        }
    }

    /** Moves to step {@code t} of the run. */
    void step(long t) {
        runStep = t;
        streamStep = call.firstStep() + t;
    }

    /** The decision uniform of {@code wire}. */
    float uniform(int wire) {
        Tensor uniforms = call.uniforms();
        return uniforms != null
                ? get(uniforms, (runStep * wires + wire) * elements + element)
                : draws.uniform(streamStep, wire);
    }

    /** The standard normal. */
    float normal() {
        Tensor normals = call.normals();
        return normals != null ? get(normals, runStep * elements + element) : draws.normal(streamStep);
    }

    private static float get(Tensor tensor, long index) {
        return tensor.segment().getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }
}
