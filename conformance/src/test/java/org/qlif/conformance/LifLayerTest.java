// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.LifLayer;
import org.qlif.LifParameter;
import org.qlif.LifTrace;
import org.qlif.LifVariable;
import org.qlif.Parameters;
import org.qlif.StatePolicy;
import org.qlif.Surrogate;
import org.qlif.Tape;
import org.qlif.Tensor;

/** The layer of LIF neurons: what it keeps between calls, and that it is the kernel underneath. */
final class LifLayerTest {
    private static final int STEPS = 6;
    private static final int BATCH = 3;
    private static final int NEURONS = 21;
    private static final LifConfig CONFIG =
            LifConfig.builder().surrogate(Surrogate.ARCTAN).surrogateAlpha(2).build();

    private static Tensor input(int steps) {
        Random random = new Random(11);
        float[] values = new float[steps * BATCH * NEURONS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (0.8 + random.nextGaussian());
        }
        return Tensor.of(values, steps, BATCH, NEURONS);
    }

    private static Tensor ones(long... shape) {
        Tensor ones = Tensor.zeros(DType.F32, shape);
        ones.fill(1);
        return ones;
    }

    private static LifLayer.Builder layer() {
        return LifLayer.builder(NEURONS)
                .config(CONFIG)
                .device("cpu:scalar")
                .options(KernelOptions.defaults().withThreads(1));
    }

    /** Forward and backward, in every output. */
    @Test
    void isTheKernelUnderneath() {
        Tensor input = input(STEPS);
        Tensor voltages = Tensor.zeros(DType.F32, STEPS, BATCH, NEURONS);
        Tensor spikes = Tensor.zeros(DType.F32, STEPS, BATCH, NEURONS);
        Tensor current = Tensor.zeros(DType.F32, STEPS, BATCH, NEURONS);
        Tensor gradInput = Tensor.zeros(DType.F32, STEPS, BATCH, NEURONS);
        Parameters gradients = Parameters.zerosLike(Parameters.perNeuron(CONFIG, NEURONS));
        try (Kernel kernel = Kernel.open(CONFIG, "cpu:scalar");
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, STEPS, BATCH, NEURONS)) {
            Forward forward = new Forward()
                    .input(input)
                    .parameters(Parameters.perNeuron(CONFIG, NEURONS))
                    .spikes(spikes)
                    .voltages(voltages)
                    .trace(LifTrace.CURRENT, current)
                    .tape(tape);
            kernel.forward(forward);
            kernel.backward(new Backward(forward)
                    .gradSpikeValues(ones(1, BATCH, NEURONS))
                    .gradInput(gradInput)
                    .gradParameters(gradients));
        }
        assertThat(spikes.toFloatArray()).contains(0f, 1f);
        try (LifLayer layer =
                layer().training(Tape.Mode.COMPACT).traces(LifTrace.CURRENT).build()) {
            assertThat(layer.config()).isEqualTo(CONFIG);
            assertThat(layer.kernel().device().text()).isEqualTo("cpu:scalar");
            LifLayer.Output output = layer.forward(input);
            assertThat(output.spikes().toFloatArray()).isEqualTo(spikes.toFloatArray());
            assertThat(output.voltages().toFloatArray()).isEqualTo(voltages.toFloatArray());
            assertThat(output.traces()).containsOnlyKeys(LifTrace.CURRENT);
            assertThat(output.traces().get(LifTrace.CURRENT).toFloatArray()).isEqualTo(current.toFloatArray());
            LifLayer.Gradients back = layer.backward(ones(1, BATCH, NEURONS), null);
            assertThat(back.input().toFloatArray()).isEqualTo(gradInput.toFloatArray());
            for (LifParameter parameter : LifParameter.values()) {
                assertThat(back.parameters().get(parameter).toFloatArray())
                        .hasSize(NEURONS)
                        .isEqualTo(gradients.get(parameter).toFloatArray());
            }
            assertThat(layer.backward(ones(STEPS, BATCH, NEURONS), null).input().toFloatArray())
                    .isEqualTo(gradInput.toFloatArray());
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = StatePolicy.class,
            names = {"KEEP", "STREAM"})
    void streamsStepByStepAsInOneRun(StatePolicy policy) {
        float[] all = input(STEPS).toFloatArray();
        int row = BATCH * NEURONS;
        try (LifLayer whole = layer().state(policy).build();
                LifLayer stream = layer().state(policy).build()) {
            float[] expected = whole.forward(input(STEPS)).voltages().toFloatArray();
            for (int t = 0; t < STEPS; t++) {
                Tensor step = Tensor.of(Arrays.copyOfRange(all, t * row, (t + 1) * row), 1, BATCH, NEURONS);
                assertThat(stream.forward(step).voltages().toFloatArray())
                        .isEqualTo(Arrays.copyOfRange(expected, t * row, (t + 1) * row));
            }
            assertThat(stream.state().step()).isEqualTo(STEPS);
            assertThat(stream.state().get(LifVariable.CURRENT).toFloatArray())
                    .isEqualTo(whole.state().get(LifVariable.CURRENT).toFloatArray());
            stream.reset();
            assertThat(stream.state().step()).isZero();
            assertThat(stream.forward(input(STEPS)).voltages().toFloatArray()).isEqualTo(expected);
        }
    }

    @Test
    void startsAfreshUnlessTold() {
        try (LifLayer layer = layer().build()) {
            float[] run = layer.forward(input(STEPS)).voltages().toFloatArray();
            assertThat(layer.state().step()).isZero();
            assertThat(layer.forward(input(STEPS)).voltages().toFloatArray()).isEqualTo(run);
        }
    }

    @ParameterizedTest
    @EnumSource(StatePolicy.class)
    void goesOnWhereASavedLayerStopped(StatePolicy policy) {
        Parameters parameters = Parameters.shared(CONFIG);
        parameters.get(LifParameter.TAU_MEM_INV).fill(50);
        try (LifLayer whole = layer().parameters(parameters).state(policy).build()) {
            whole.forward(input(STEPS));
            LifLayer.Builder saved = layer().state(policy)
                    .batch(BATCH)
                    .parameters(whole.parameters())
                    .state(whole.state())
                    .episode(whole.episode());
            float[] expected = whole.forward(input(STEPS)).voltages().toFloatArray();
            try (LifLayer again = saved.build()) {
                assertThat(again.forward(input(STEPS)).voltages().toFloatArray())
                        .isEqualTo(expected);
                assertThat(again.episode()).isEqualTo(whole.episode());
                assertThat(again.state().step()).isEqualTo(whole.state().step());
            }
        }
    }

    @Test
    void anEvaluationChangesNothing() {
        try (LifLayer layer = layer().state(StatePolicy.STREAM)
                        .training(Tape.Mode.COMPACT)
                        .build();
                LifLayer untested = layer().state(StatePolicy.STREAM)
                        .training(Tape.Mode.COMPACT)
                        .build()) {
            float[] anew = untested.forward(input(STEPS)).voltages().toFloatArray();
            layer.forward(input(STEPS));
            assertThat(layer.evaluate(input(STEPS)).voltages().toFloatArray()).isEqualTo(anew);
            assertThat(layer.backward(ones(STEPS, BATCH, NEURONS), null).input().toFloatArray())
                    .isEqualTo(untested.backward(ones(STEPS, BATCH, NEURONS), null)
                            .input()
                            .toFloatArray());
            assertThat(layer.forward(input(STEPS)).voltages().toFloatArray())
                    .isEqualTo(untested.forward(input(STEPS)).voltages().toFloatArray())
                    .isNotEqualTo(anew);
        }
    }

    @Test
    void returnsWhatWasAskedFor() {
        try (LifLayer layer = layer().spikes(DType.BIT).voltages(false).build();
                LifLayer plain = layer().build()) {
            LifLayer.Output output = layer.forward(input(STEPS));
            LifLayer.Output usual = plain.forward(input(STEPS));
            assertThat(output.spikes().type()).isEqualTo(DType.BIT);
            assertThat(output.spikeValues().toFloatArray())
                    .isEqualTo(usual.spikes().toFloatArray());
            assertThat(output.voltages()).isNull();
            assertThat(output.traces()).isEmpty();
            assertThat(usual.spikeValues()).isSameAs(usual.spikes());
            assertThat(usual.voltages().elements()).isEqualTo((long) STEPS * BATCH * NEURONS);
        }
    }

    @Test
    void trainsShapesThatChange() {
        try (LifLayer layer = layer().training(Tape.Mode.VOLTAGE).build()) {
            for (int steps : new int[] {STEPS, STEPS, 2}) {
                layer.forward(input(steps));
                LifLayer.Gradients gradients = layer.backward(null, ones(steps, BATCH, NEURONS));
                assertThat(gradients.input().elements()).isEqualTo((long) steps * BATCH * NEURONS);
                assertThat(gradients.parameters().get(LifParameter.V_TH).getFloat(0))
                        .isFinite()
                        .isNotZero();
            }
        }
    }

    /** The parameters are the layer's: what an optimizer writes there counts at the next call. */
    @Test
    void followsItsParameters() {
        try (LifLayer layer = layer().build()) {
            assertThat(layer.forward(input(STEPS)).spikes().toFloatArray()).contains(1f);
            layer.parameters().get(LifParameter.V_TH).fill(1000);
            assertThat(layer.forward(input(STEPS)).spikes().toFloatArray()).containsOnly(0f);
            layer.parameters().get(LifParameter.TAU_MEM_INV).setFloat(4, -1);
            assertThatThrownBy(() -> layer.forward(input(STEPS)))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("tau_mem_inv: got -1.0 at index 4");
        }
    }

    @Test
    void refusesABackwardCallWhoseParametersWereReplaced() {
        try (LifLayer layer = layer().training(Tape.Mode.VOLTAGE).build()) {
            layer.forward(input(STEPS));
            layer.parameters().set(LifParameter.V_TH, ones(NEURONS));
            assertThatThrownBy(() -> layer.backward(null, null))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("a parameter's tensor was replaced since");
        }
    }

    @Test
    void worksOnAfterARefusedCall() {
        try (LifLayer layer = layer().state(StatePolicy.STREAM).build();
                LifLayer unspoiled = layer().state(StatePolicy.STREAM).build()) {
            layer.forward(input(STEPS));
            unspoiled.forward(input(STEPS));
            assertThatThrownBy(() -> layer.forward(Tensor.zeros(DType.F32, STEPS, BATCH + 1, NEURONS)))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("input")
                    .hasMessageContaining("B = 3")
                    .hasMessageContaining("reset()");
            assertThat(layer.forward(input(STEPS)).voltages().toFloatArray())
                    .isEqualTo(unspoiled.forward(input(STEPS)).voltages().toFloatArray());
        }
    }

    @Test
    void refusesWhatDoesNotFit() {
        assertThatThrownBy(() -> LifLayer.builder(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("neurons");
        assertThatThrownBy(() -> layer().spikes(DType.I64))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("spikes: got I64, expected a type of [F32, U8, BIT]");
        try (LifLayer layer = layer().build()) {
            assertThatThrownBy(() -> layer.forward(Tensor.zeros(DType.F32, 2, 3, NEURONS + 1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("input")
                    .hasMessageContaining("(T, B, 21)");
            assertThatThrownBy(() -> layer.backward(null, null))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("training");
        }
        LifLayer closed = layer().build();
        closed.close();
        closed.close();
        assertThatThrownBy(() -> closed.forward(input(1)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        try (LifLayer layer = layer().training(Tape.Mode.VOLTAGE).build()) {
            assertThatThrownBy(() -> layer.backward(null, null))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("forward");
        }
    }

    /** Layers that one builder makes share nothing but what they were told. */
    @Test
    void buildsAnyNumberOfLayers() {
        LifLayer.Builder builder = layer().state(StatePolicy.STREAM);
        try (LifLayer first = builder.build();
                LifLayer second = builder.config(LifConfig.defaults())
                        .state(StatePolicy.RESET)
                        .build()) {
            first.forward(input(STEPS));
            second.forward(input(STEPS));
            assertThat(first.state().step()).isEqualTo(STEPS);
            assertThat(second.state().step()).isZero();
            assertThat(first.config()).isEqualTo(CONFIG);
        }
    }

    @Test
    void tellsWhatAnOptimizerIsToChange() {
        try (LifLayer usual = LifLayer.builder(3).device("cpu:scalar").build();
                LifLayer told = LifLayer.builder(3)
                        .device("cpu:scalar")
                        .learn(LifParameter.TAU_MEM_INV, LifParameter.V_TH)
                        .build();
                LifLayer nothing =
                        LifLayer.builder(3).device("cpu:scalar").learn().build()) {
            assertThat(usual.learnable()).containsExactlyInAnyOrder(LifParameter.V_TH);
            assertThat(told.learnable()).containsExactlyInAnyOrder(LifParameter.TAU_MEM_INV, LifParameter.V_TH);
            assertThat(nothing.learnable()).isEmpty();
        }
    }
}
