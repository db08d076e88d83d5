// SPDX-License-Identifier: Apache-2.0
package org.qlif.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifTrace;
import org.qlif.Tensor;
import org.qlif.Trace;
import org.qlif.simulation.Waveform.Parameter;
import org.qlif.simulation.Waveform.Shape;

class SimulationTest {
    private static final Waveform NOISE = Waveform.of(Shape.NOISE).with(Parameter.OFFSET, 2);

    @ParameterizedTest
    @EnumSource(Preset.class)
    void givesEveryTraceOfTheModel(Preset preset) {
        Traces traces = Simulation.of(preset.config())
                .steps(90)
                .neurons(17)
                .current(NOISE)
                .run();
        assertThat(traces.names())
                .startsWith(Traces.INPUT, Traces.MEMBRANE, Traces.SPIKES, Traces.SPIKE_VALUES)
                .contains(Traces.THRESHOLD)
                .containsAll(
                        preset.config().traces().stream().map(Trace::symbol).toList());
        assertThat(traces.all().values()).allSatisfy(values -> {
            assertThat(values).hasSize(90 * 17);
            for (float value : values) {
                assertThat(value).isFinite();
            }
        });
        assertThat(traces.spikeCount()).isPositive();
        assertThat(traces.firingRate()).isEqualTo(traces.spikeCount() / (90.0 * 17));
        assertThat(traces.neuronStepsPerSecond()).isPositive();
        assertThat(traces.device().kind()).isEqualTo("cpu");
        assertThat(Preset.of(preset.toString())).isSameAs(preset);
    }

    @Test
    void aSnapshotHasSettingsForEachDecision() {
        for (QlifConfig.Preset snapshot : QlifConfig.Preset.values()) {
            for (Decision decision : Decision.values()) {
                assertThat(Preset.of(snapshot.toString()).config(List.of("tau=7", "decision=" + decision)))
                        .isEqualTo(snapshot.builder(decision).tau(7).build());
            }
        }
        assertThat(Preset.DEFAULT.config(List.of("decision=SIGMOID")))
                .isEqualTo(QlifConfig.parse("QLIF decision=SIGMOID"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Preset.SNAPSHOT_2025_08_24.config(List.of("decision=COIN")))
                .withMessageStartingWith("decision: got 'COIN'");
    }

    /** The bits of a call of the kernel with these draws. */
    @Test
    void isOneCallOfTheKernel() {
        QlifConfig config = QlifConfig.defaults();
        Traces traces = Simulation.of(config)
                .steps(70)
                .neurons(5)
                .seed(7)
                .current(NOISE)
                .modulation(Waveform.of(Shape.SINE))
                .run();
        Forward call = new Forward()
                .input(Tensor.of(NOISE.values(70, 5, new DrawStream(7, 1)), 70, 1, 5))
                .modulation(Tensor.of(Waveform.of(Shape.SINE).values(70, 5, new DrawStream(7, 2)), 70, 1, 5))
                .parameters(Parameters.shared(config))
                .draws(new DrawStream(7, 0))
                .spikes(Tensor.zeros(DType.F32, 70, 1, 5))
                .voltages(Tensor.zeros(DType.F32, 70, 1, 5))
                .trace(QlifTrace.PROBABILITY, Tensor.zeros(DType.F32, 70, 1, 5));
        try (Kernel kernel = Kernel.open(config, "cpu:scalar")) {
            kernel.forward(call);
        }
        assertThat(traces.get(Traces.INPUT)).isEqualTo(call.input().toFloatArray());
        assertThat(traces.get(Traces.EXTERNAL_MODULATION))
                .isEqualTo(call.modulation().toFloatArray());
        assertThat(traces.get(Traces.SPIKES)).isEqualTo(call.spikes(DType.F32).toFloatArray());
        assertThat(traces.get(Traces.MEMBRANE)).isEqualTo(call.voltages().toFloatArray());
        assertThat(traces.get("p")).isEqualTo(call.trace(QlifTrace.PROBABILITY).toFloatArray());
    }

    @Test
    void sameSeedSameBitsOnEveryDevice() {
        Simulation simulation =
                Simulation.of(QlifConfig.defaults()).steps(200).neurons(33).current(NOISE);
        Map<String, float[]> expected =
                simulation.device(Device.of("cpu:scalar")).run().all();
        Map<String, float[]> actual = simulation
                .device(Device.of("cpu:simd"))
                .options(KernelOptions.defaults().withThreads(3))
                .run()
                .all();
        assertThat(actual).hasSameSizeAs(expected);
        actual.forEach((name, values) -> assertThat(values).as(name).isEqualTo(expected.get(name)));
        assertThat(simulation.seed(43).run().get(Traces.SPIKES)).isNotEqualTo(expected.get(Traces.SPIKES));
    }

    @Test
    void lifHasAThresholdThatStays() {
        Traces traces = Simulation.of(LifConfig.defaults().with(List.of("v_th=0.5")))
                .current(Waveform.of(Shape.CONSTANT))
                .run();
        assertThat(traces.get(Traces.THRESHOLD)).containsOnly(0.5f);
        assertThat(traces.neuron("i", 3)).hasSize(500).isEqualTo(traces.neuron("i", 0));
    }

    @Test
    void givenSignalsBringTheirSize() {
        float[] values = new float[12];
        Arrays.fill(values, 3);
        values[5] = Float.NaN;
        Samples samples = Samples.of(values, 4, 3);
        Traces traces = Simulation.of(QlifConfig.defaults()).current(samples).run();
        assertThat(samples.notFinite()).isEqualTo(1);
        assertThat(traces.steps()).isEqualTo(4);
        assertThat(traces.neurons()).isEqualTo(3);
        assertThat(traces.neuron(Traces.MEMBRANE, 2)[0]).isFinite();
        assertThat(traces.neuron(Traces.MEMBRANE, 2)[1]).isNaN();
        assertThat(traces.neuron(Traces.MEMBRANE, 2)[3]).isNaN();
        assertThat(traces.neuron(Traces.MEMBRANE, 1)[3]).isFinite();
        Traces shared = Simulation.of(QlifConfig.defaults())
                .neurons(2)
                .current(Samples.of(new float[] {1, 2, 3}, 3, 1))
                .run();
        assertThat(shared.get(Traces.INPUT)).containsExactly(1, 1, 2, 2, 3, 3);
    }

    @Test
    void refusesWhatDoesNotFit() {
        Simulation simulation = Simulation.of(QlifConfig.defaults());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> simulation.steps(0))
                .withMessage("steps: got 0, expected a whole number in [1, 4194304]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> simulation.neurons(-1))
                .withMessage("neurons: got -1, expected a whole number in [1, 4194304]");
        assertThatIllegalArgumentException()
                .isThrownBy(simulation.steps(1 << 21).neurons(3)::run)
                .withMessage("steps, neurons: got 2097152 x 3 = 6291456 neuron-steps, expected at most 4194304");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Samples.of(new float[5], 2, 3))
                .withMessage("values: got 5 numbers, expected 6 of shape (T, N) = (2, 3)");
        Samples samples = Samples.of(new float[6], 2, 3);
        assertThatIllegalArgumentException()
                .isThrownBy(simulation.current(samples).steps(4)::run)
                .withMessage("current: got (T, N) = (2, 3), expected (4, 3) or (4, 1)");
        assertThatIllegalArgumentException()
                .isThrownBy(simulation.modulation(samples)::run)
                .withMessage("modulation: got (T, N) = (2, 3), expected (500, 10) or (500, 1)");
        assertThatIllegalArgumentException()
                .isThrownBy(simulation.config(LifConfig.defaults()).modulation(NOISE)::run)
                .withMessage("modulation: given, expected none, since LIF takes no modulation");
        assertThatIllegalArgumentException()
                .isThrownBy(simulation.device(Device.of("tpu"))::run)
                .withMessageStartingWith("device: ");
        assertThatIllegalArgumentException().isThrownBy(() -> Preset.of("best")).withMessageStartingWith("preset: ");
        Traces traces = simulation.steps(1).neurons(1).run();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> traces.get("V"))
                .withMessageStartingWith("name: got 'V', expected one of input, v, spikes");
        assertThatThrownBy(() -> traces.neuron("v", 1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void copiesWhatItIsGiven() {
        float[] values = {1, 2};
        Samples samples = Samples.of(values, 2, 1);
        values[0] = 9;
        float[] read = samples.values(2, 1, new DrawStream(0, 0));
        assertThat(read).containsExactly(1, 2);
        read[1] = 9;
        assertThat(samples.values(2, 1, new DrawStream(0, 0))).containsExactly(1, 2);
        assertThat(Simulation.of(NeuronConfig.parse("QLIF tau=30")).steps(2).current(samples))
                .hasToString("Simulation[QLIF tau=30.0, current=Samples[2 x 1], steps=2, neurons=10, seed=42]");
    }
}
