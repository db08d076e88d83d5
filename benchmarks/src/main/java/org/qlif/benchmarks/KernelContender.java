package org.qlif.benchmarks;

import java.util.EnumMap;
import java.util.Map;
import org.qlif.DType;
import org.qlif.Forward;
import org.qlif.QlifParameter;
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
        forward.uniforms(Tensor.of(uniforms, shape.steps(), shape.batch(), shape.neurons()))
                .normals(Tensor.of(normals, shape.steps(), shape.batch(), shape.neurons()))
                .voltages(voltages);
        run.run();
        forward.uniforms(null).normals(null).voltages(null);
        float[] gradInput = null;
        Map<QlifParameter, float[]> gradParameters = new EnumMap<>(QlifParameter.class);
        if (run.backward() != null) {
            gradInput = run.backward().gradInput().toFloatArray();
            for (QlifParameter parameter : QlifParameter.values()) {
                gradParameters.put(
                        parameter,
                        run.backward().gradParameters().get(parameter).toFloatArray());
            }
        }
        return new Answer(spikes(), voltages.toFloatArray(), gradInput, gradParameters);
    }

    /** The numbers that the kernel draws. */
    Draws draws() {
        Shape shape = workload.shape();
        Tensor uniforms = Tensor.zeros(DType.F32, shape.steps(), shape.batch(), shape.neurons());
        Tensor normals = Tensor.zeros(DType.F32, uniforms.shape());
        run.kernel().draw(run.forward().draws(), 0, uniforms, normals);
        return new Draws(uniforms.toFloatArray(), normals.toFloatArray());
    }

    @Override
    public void close() {
        run.close();
    }

    /** Draws to lend. */
    record Draws(float[] uniforms, float[] normals) {}
}
