// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.LinkedHashMap;
import java.util.Map;
import org.qlif.DType;
import org.qlif.Forward;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Tensor;

/** One of our kernels. */
final class KernelContender implements Contender {
    private final Workload workload;
    private final KernelRun run;

    KernelContender(String device, Workload workload, int threads, Pass pass, Storage storage) {
        this.workload = workload;
        run = new KernelRun(device, threads, workload, pass, storage);
    }

    @Override
    public String description() {
        return run.description();
    }

    @Override
    public Object run() {
        return run.run();
    }

    @Override
    public byte[] spikes() {
        return run.forward().spikes(DType.U8).toByteArray();
    }

    @Override
    public Answer answer(float[] uniforms, float[] normals) {
        Shape shape = workload.shape();
        Forward forward = run.forward();
        Tensor voltages = Tensor.zeros(DType.F32, shape.steps(), shape.batch(), shape.neurons());
        forward.uniforms(lent(uniforms)).normals(lent(normals)).voltages(voltages);
        run.run();
        forward.uniforms(null).normals(null).voltages(null);
        float[] gradInput = null;
        Map<NeuronParameter, float[]> gradParameters = new LinkedHashMap<>();
        if (run.backward() != null) {
            gradInput = run.backward().gradInput().toFloatArray();
            for (NeuronParameter parameter : workload.config().parameters()) {
                gradParameters.put(
                        parameter,
                        run.backward().gradParameters().get(parameter).toFloatArray());
            }
        }
        return new Answer(spikes(), voltages.toFloatArray(), gradInput, gradParameters);
    }

    private Tensor lent(float[] draws) {
        Shape shape = workload.shape();
        return draws == null ? null : Tensor.of(draws, shape.steps(), shape.batch(), shape.neurons());
    }

    /** The numbers that the kernel draws. */
    Draws draws() {
        NeuronConfig config = workload.config();
        float[] uniforms =
                config.uniformsPerStep() > 0 ? new float[workload.shape().neuronSteps()] : null;
        float[] normals = config.drawsNormals() ? new float[workload.shape().neuronSteps()] : null;
        run.kernel().draw(run.forward().draws(), 0, lent(uniforms), lent(normals));
        return new Draws(uniforms, normals);
    }

    @Override
    public void close() {
        run.close();
    }

    /**
     * Draws for other contenders.
     *
     * @param uniforms null if there are none
     * @param normals null if there are none
     */
    record Draws(float[] uniforms, float[] normals) {}
}
