// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.training.GradientCollector;
import java.io.IOException;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.qlif.NeuronParameter;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.training.djl.TorchFolder;

/**
 * The default configuration, composed of DJL's tensor operations on PyTorch, eager, in a loop over time: what a JVM user would write
 * without a kernel. Draws come from the engine's own generators, a step at a time so that they stay in the cache; gradients from its
 * autograd.
 */
final class TorchContender implements Contender {
    private final Workload workload;
    private final QlifConfig config = QlifConfig.defaults();
    private final double refractoryDecay =
            Math.exp(-config.dt() / config.refractoriness().tau());
    private final double ahpDecay = Math.exp(-config.dt() / config.ahp().tau());
    private final Pass pass;
    private final NDManager manager;
    private final ai.djl.ndarray.types.Shape whole;
    private final ai.djl.ndarray.types.Shape row;
    private final NDArray input;
    private final NDArray upstream;
    private final Map<QlifParameter, NDArray> parameters = new EnumMap<>(QlifParameter.class);

    private final Map<Float, NDArray> numbers = new HashMap<>();

    /** The spikes of the last run, {@code UINT8 (T, B, N)}. */
    private NDArray spikes;

    /** Why it can't run here, if so. */
    static Optional<String> obstacle() {
        String platform = Machine.operatingSystem();
        if (!platform.equals("Linux amd64")) {
            return Optional.of("PyTorch's library is packed for Linux amd64 alone, and this is " + platform);
        }
        try {
            TorchFolder.requireUsable();
            return Optional.empty();
        } catch (IOException unusable) {
            return Optional.of(unusable.getMessage());
        }
    }

    TorchContender(Workload workload, int threads, Pass pass) {
        if (!workload.config().equals(config)) {
            throw new IllegalArgumentException(
                    "config: got another configuration, expected the default one, the only one of the tensor contender");
        }
        this.workload = workload;
        this.pass = pass;
        manager = newManager(threads);
        Shape shape = workload.shape();
        whole = new ai.djl.ndarray.types.Shape(shape.steps(), shape.batch(), shape.neurons());
        row = new ai.djl.ndarray.types.Shape(1, shape.batch(), shape.neurons());
        input = manager.create(workload.input(), whole);
        upstream = manager.create(workload.upstream(), whole);
        for (QlifParameter parameter : QlifParameter.values()) {
            parameters.put(parameter, manager.create(workload.perNeuron(parameter)));
        }
    }

    /** A manager of tensors on the CPU, for operations with this number of threads. */
    static NDManager newManager(int threads) {
        // Read when the engine loads: no downloads, no telemetry.
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        Engine engine = Engine.getEngine("PyTorch");
        JniUtils.setNumThreads(threads);
        return engine.newBaseManager(Device.cpu());
    }

    /** The engine and its threads, in words. */
    static String engine() {
        return "PyTorch " + Engine.getEngine("PyTorch").getVersion() + " through DJL " + Engine.getDjlVersion() + ", "
                + JniUtils.getNumThreads() + " threads";
    }

    @Override
    public String description() {
        return engine();
    }

    @Override
    public Object run() {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            compute(null, null, false);
            return spikes;
        }
    }

    @Override
    public byte[] spikes() {
        return spikes.toByteArray();
    }

    @Override
    public Answer answer(float[] uniforms, float[] normals) {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            Result result = compute(manager.create(uniforms, whole), manager.create(normals, whole), true);
            float[] potentials = NDArrays.concat(result.unrolled.potentials).toFloatArray();
            if (pass == Pass.FORWARD) {
                return new Answer(spikes(), potentials, null, Map.of());
            }
            Map<NeuronParameter, float[]> gradients = new HashMap<>();
            result.parameters.forEach((parameter, leaf) ->
                    gradients.put(parameter, leaf.getGradient().toFloatArray()));
            return new Answer(spikes(), potentials, result.input.getGradient().toFloatArray(), gradients);
        }
    }

    /** The arrays of a run, in the caller's scope. The leaves have the gradients after training. */
    private record Result(Unrolled unrolled, NDArray input, Map<QlifParameter, NDArray> parameters) {}

    /** Runs with the given draws, or its own if null, and sets {@link #spikes}. */
    private Result compute(NDArray uniforms, NDArray normals, boolean keepPotentials) {
        Result result;
        if (pass == Pass.FORWARD) {
            result = new Result(new Unrolled(input, parameters, keepPotentials), input, parameters);
            result.unrolled.run(uniforms, normals);
        } else {
            try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
                Map<QlifParameter, NDArray> leaves = new EnumMap<>(QlifParameter.class);
                parameters.forEach((parameter, values) -> leaves.put(parameter, leaf(values)));
                NDArray leaf = leaf(input);
                result = new Result(new Unrolled(leaf, leaves, keepPotentials), leaf, leaves);
                result.unrolled.run(uniforms, normals);
                collector.backward(NDArrays.concat(result.unrolled.spikeValues)
                        .mul(upstream)
                        .sum());
            }
        }
        if (spikes != null) {
            spikes.close();
        }
        spikes = NDArrays.concat(result.unrolled.fired);
        NDScope.unregister(spikes);
        return result;
    }

    /** A leaf of autograd that shares the memory of {@code values} but starts without a gradient. */
    private static NDArray leaf(NDArray values) {
        NDArray leaf = values.stopGradient();
        leaf.setRequiresGradient(true);
        return leaf;
    }

    /**
     * A number as an array that stays reachable. DJL accepts numbers, too, but wraps each into an array over Java's memory and forgets it,
     * while autograd still reads that memory: once it is collected, gradients are garbage.
     */
    private NDArray number(double value) {
        return numbers.computeIfAbsent((float) value, v -> {
            NDArray array = manager.create(v.floatValue());
            NDScope.unregister(array);
            return array;
        });
    }

    @Override
    public void close() {
        manager.close();
    }

    /** docs/model.md, section 3, in tensors of shape {@code (1, B, N)}. */
    private final class Unrolled {
        private final NDList inputs;
        private final NDArray vTh;
        private final NDArray leak;
        private final NDArray eta;
        private final NDArray alpha;
        private final NDArray restAngle;

        // The state.
        private NDArray v = manager.zeros(row);
        private NDArray a = manager.zeros(row);
        private NDArray s = manager.ones(row);
        private NDArray r = manager.zeros(row);
        private NDArray h = manager.zeros(row);
        private NDArray d = manager.zeros(row);
        private NDArray o = manager.zeros(row);
        private NDArray rate = manager.zeros(row);
        private NDArray homeostasis = manager.zeros(row);
        private NDArray y = manager.zeros(row);

        // The results of each step.
        private final NDList fired = new NDList();
        private final NDList spikeValues = new NDList();
        private final NDList potentials = new NDList();
        private final boolean keepPotentials;

        /** All arrays that this creates belong to the caller's scope. */
        Unrolled(NDArray input, Map<QlifParameter, NDArray> parameters, boolean keepPotentials) {
            this.keepPotentials = keepPotentials;
            // The gradient of a split is cheap; that of an index writes a whole (T, B, N) array for each step.
            inputs = input.split(workload.shape().steps());
            vTh = parameters.get(QlifParameter.V_TH);
            leak = number(config.dt()).div(parameters.get(QlifParameter.TAU));
            eta = parameters.get(QlifParameter.ETA);
            alpha = parameters.get(QlifParameter.Q_SCALE);
            restAngle = parameters
                    .get(QlifParameter.Q_BIAS)
                    .sub(number(config.qubit().leak()));
        }

        void run(NDArray uniforms, NDArray normals) {
            NDList u = uniforms == null ? null : uniforms.split(inputs.size());
            NDList xi = normals == null ? null : normals.split(inputs.size());
            for (int t = 0; t < inputs.size(); t++) {
                NDList before = new NDList(v, a, s, r, h, d, o, rate, homeostasis, y);
                NDList lasting;
                // Releases a step's arrays; autograd keeps what it needs.
                try (NDScope scope = new NDScope()) {
                    scope.suppressNotUsedWarning();
                    NDArray spike = step(
                            inputs.get(t),
                            u == null ? manager.randomUniform(0, 1, row) : u.get(t),
                            xi == null ? manager.randomNormal(row) : xi.get(t));
                    NDArray bytes = spike.toType(DataType.UINT8, false);
                    fired.add(bytes);
                    lasting = new NDList(v, a, s, r, h, d, o, rate, homeostasis, y, bytes);
                    if (keepPotentials) {
                        NDArray potential = v.duplicate();
                        potentials.add(potential);
                        lasting.add(potential);
                    }
                    NDScope.unregister(lasting);
                }
                lasting.forEach(NDScope::register);
                if (pass != Pass.FORWARD) {
                    // The loss needs them, so they outlive their step.
                    spikeValues.add(y);
                    before.remove(before.size() - 1);
                }
                before.close();
            }
        }

        private NDArray step(NDArray current, NDArray u, NDArray xi) {
            NDArray base = vTh.add(o)
                    .clip(
                            config.adaptiveThreshold().min(),
                            config.adaptiveThreshold().max());
            NDArray drive = current.mul(number(1 + config.neuromodulation().strength()))
                    .mul(s)
                    .sub(a)
                    .sub(h.mul(number(config.ahp().conductance())))
                    .sub(v);
            NDArray potential =
                    v.add(drive.mul(leak)).add(xi.mul(number(config.noise().std())));
            NDArray gap = potential.sub(base).sub(homeostasis);
            d = d.mul(number(config.dspDecay()))
                    .add(y.mul(number(config.dynamicProbability().jump())));
            NDArray slope = alpha.div(d.add(number(1)).maximum(number(1e-6)));
            NDArray angle = restAngle.add(slope.mul(gap));
            NDArray p =
                    angle.cos().mul(number(-0.5)).add(number(0.5)).mul(r.neg().exp());
            NDArray spike = u.lt(p).toType(DataType.FLOAT32, false);
            y = pass == Pass.FORWARD ? spike : p.add(spike.sub(p).stopGradient());
            NDArray detached = pass == Pass.FORWARD ? spike : y.stopGradient();
            v = potential.add(detached.mul(number(config.reset().fraction()))
                    .mul(potential.neg().add(number(config.reset().potential()))));
            r = r.mul(number(refractoryDecay))
                    .add(detached.mul(number(config.refractoriness().jump())));
            h = h.mul(number(ahpDecay))
                    .add(spike.mul(number(config.ahp().jump())))
                    .minimum(number(config.ahp().max()));
            a = a.mul(number(config.adaptation().decay()))
                    .add(y.mul(number(config.adaptation().increase())));
            s = s.mul(y.mul(number(-config.depression().rate())).add(number(1)))
                    .add(s.neg().add(number(1)).mul(number(config.depression().recovery())));
            NDArray move = y.sub(y.neg().add(number(1)).mul(base.sub(vTh)));
            o = base.add(eta.mul(move))
                    .clip(
                            config.adaptiveThreshold().min(),
                            config.adaptiveThreshold().max())
                    .sub(vTh);
            rate = rate.add(spike.sub(rate)
                    .mul(number(config.dt() / config.homeostasis().tau())));
            homeostasis = homeostasis.add(rate.sub(number(config.homeostasis().targetRate()))
                    .mul(number(config.homeostasis().learningRate())));
            return spike;
        }
    }
}
