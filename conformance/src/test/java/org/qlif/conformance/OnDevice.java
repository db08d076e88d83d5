// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Forward;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.State;
import org.qlif.StateVariable;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.Trace;
import org.qlif.gpu.CudaDevice;
import org.qlif.gpu.DeviceBuffer;

/** Descriptions whose tensors are in a GPU's memory, each with the content of its twin on the host, and the way back. */
final class OnDevice implements AutoCloseable {
    private final CudaDevice device;
    private final NeuronConfig config;
    private final Map<Tensor, DeviceBuffer> buffers = new IdentityHashMap<>();
    private final Map<Tensor, Tensor> twins = new IdentityHashMap<>();

    OnDevice(CudaDevice device, NeuronConfig config) {
        this.device = device;
        this.config = config;
    }

    /** The twin of {@code host}, the same one whenever it is asked for; null for null. */
    Tensor twin(Tensor host) {
        if (host == null) {
            return null;
        }
        return twins.computeIfAbsent(host, _ -> {
            DeviceBuffer buffer = device.allocate(host.segment().byteSize());
            buffers.put(host, buffer);
            buffer.copyFrom(host.segment());
            return buffer.tensor(host.type(), host.shape());
        });
    }

    private State twin(State host) {
        if (host == null) {
            return null;
        }
        List<Tensor> tensors = new ArrayList<>();
        for (StateVariable variable : host.variables()) {
            tensors.add(twin(host.get(variable)));
        }
        return State.of(config, tensors).step(host.step());
    }

    private Parameters twin(Parameters host) {
        Parameters parameters = Parameters.none(config);
        for (NeuronParameter parameter : host.parameters()) {
            parameters.set(parameter, twin(host.get(parameter)));
        }
        return parameters;
    }

    Forward twin(Forward host, Tape tape) {
        Forward forward = new Forward()
                .input(twin(host.input()))
                .parameters(twin(host.parameters()))
                .modulation(twin(host.modulation()))
                .uniforms(twin(host.uniforms()))
                .normals(twin(host.normals()))
                .draws(host.draws())
                .rowIndex(twin(host.rowIndex()))
                .firstStep(host.firstStep())
                .initialState(twin(host.initialState()))
                .finalState(twin(host.finalState()))
                .spikeValues(twin(host.spikeValues()))
                .voltages(twin(host.voltages()))
                .tape(tape);
        for (DType type : DType.SPIKES) {
            if (host.spikes(type) != null) {
                forward.spikes(twin(host.spikes(type)));
            }
        }
        for (Trace trace : config.traces()) {
            forward.trace(trace, twin(host.trace(trace)));
        }
        return forward;
    }

    Backward twin(Backward host, Forward forward) {
        return new Backward(forward)
                .gradSpikeValues(twin(host.gradSpikeValues()))
                .gradVoltages(twin(host.gradVoltages()))
                .gradFinalState(twin(host.gradFinalState()))
                .gradInput(twin(host.gradInput()))
                .gradModulation(twin(host.gradModulation()))
                .gradParameters(twin(host.gradParameters()))
                .gradInitialState(twin(host.gradInitialState()));
    }

    LinearForward twin(LinearForward host) {
        return new LinearForward()
                .input(twin(host.input()))
                .weights(twin(host.weights()))
                .bias(twin(host.bias()))
                .output(twin(host.output()));
    }

    LinearBackward twin(LinearBackward host, LinearForward forward) {
        return new LinearBackward(forward)
                .gradOutput(twin(host.gradOutput()))
                .gradWeights(twin(host.gradWeights()))
                .gradBias(twin(host.gradBias()))
                .gradInput(twin(host.gradInput()));
    }

    /** Copies the content of every twin back to the host. */
    void fetch() {
        buffers.forEach((host, buffer) -> buffer.copyTo(host.segment()));
    }

    /** Overwrites what the twins of {@code hosts} hold. */
    void forget(Tensor... hosts) {
        for (Tensor host : hosts) {
            host.segment().fill((byte) 0xa5);
            Objects.requireNonNull(buffers.get(host)).copyFrom(host.segment());
        }
    }

    @Override
    public void close() {
        buffers.values().forEach(DeviceBuffer::close);
    }
}
