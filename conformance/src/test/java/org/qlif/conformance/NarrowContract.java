// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.Tape;
import org.qlif.Tensor;

/** Numbers of 16 bits: the bits of the float32 run whose inputs they are, rounded where it writes; or a refusal that says who takes them. */
abstract class NarrowContract {
    private static final Device ORACLE = Device.of("cpu:scalar");

    private final Device device;
    private final boolean taken;

    /** @param taken whether the device takes them */
    NarrowContract(String device, boolean taken) {
        this.device = Device.of(device);
        this.taken = taken;
    }

    private static Kernel open(NeuronConfig config, Device device, int threads) {
        return Kernel.open(config, device, KernelOptions.defaults().withThreads(threads));
    }

    private static DType any(RandomGenerator random) {
        return DType.NUMBERS.get(random.nextInt(3));
    }

    private static float[] rounded(float[] values, DType type) {
        return values == null ? null : Tensor.of(values, values.length).to(type).toFloatArray();
    }

    /** The types of what a run reads and writes, and of its tape's potentials. */
    private record Types(DType input, DType spikeValues, DType gradSpikeValues, DType gradInput, DType tape) {
        /** What the scenario's numbers are in these types. */
        Scenario of(Scenario scenario) {
            return scenario.withInput(rounded(scenario.input(), input))
                    .withGradSpikeValues(rounded(scenario.gradSpikeValues(), gradSpikeValues));
        }

        /** Runs forward and backward with everything asked for. */
        Result run(Scenario scenario, Kernel kernel, Tape.Mode mode, Memory.Kind kind) {
            Shape shape = scenario.shape();
            try (Memory memory = new Memory(kind);
                    Tape tape = kernel.newTape(mode, this.tape, shape.steps(), shape.batch(), shape.neurons())) {
                Forward forward = scenario.forward(memory, _ -> true).tape(tape);
                forward.input(as(memory, forward.input(), input))
                        .spikeValues(memory.poisoned(spikeValues, shape.extents()));
                kernel.forward(forward);
                Backward backward = scenario.backward(forward, memory, _ -> true);
                backward.gradSpikeValues(as(memory, backward.gradSpikeValues(), gradSpikeValues))
                        .gradInput(memory.poisoned(gradInput, shape.extents()));
                kernel.backward(backward);
                memory.assertGuardsIntact();
                return scenario.collect(forward, backward);
            }
        }

        private static Tensor as(Memory memory, Tensor numbers, DType type) {
            if (numbers == null) {
                return null;
            }
            Tensor narrow = memory.poisoned(type, numbers.shape());
            narrow.copyFrom(numbers.to(type));
            return narrow;
        }
    }

    @TestModel.Each
    void givesTheBitsOfFloat32Runs(TestModel model) {
        boolean tapeMatters = false;
        for (int i = 0; taken && i < Seeds.cases(60); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = model.random(random, device);
            Types types = new Types(any(random), any(random), any(random), any(random), any(random));
            Types wideTape = new Types(
                    types.input(), types.spikeValues(), types.gradSpikeValues(), types.gradInput(), DType.F32);
            Scenario scenario = types.of(Scenario.random(random, config, 3_000));
            int threads = 1 + random.nextInt(3);
            Memory.Kind kind = Memory.Kind.values()[random.nextInt(Memory.Kind.values().length)];
            String context = Seeds.replay(seed) + " on " + device + ", " + types + ", " + kind + ": " + scenario;
            Result wide;
            Result narrow;
            try (Kernel oracle = open(config, ORACLE, 1)) {
                wide = scenario.run(oracle, Tape.Mode.VOLTAGE);
                narrow = types.run(scenario, oracle, Tape.Mode.VOLTAGE, Memory.Kind.ARRAYS);
            }
            wide.put("spikeValues", rounded(wide.floats("spikeValues"), types.spikeValues()));
            wide.put("grad.input", rounded(wide.floats("grad.input"), types.gradInput()));
            try (Kernel kernel = open(config, device, threads)) {
                wideTape.run(scenario, kernel, Tape.Mode.VOLTAGE, kind).assertSameBits(wide, context);
                types.run(scenario, kernel, Tape.Mode.COMPACT, kind)
                        .assertSameBits(wide, "compact, whose type is of nothing; " + context);
                // What a tape keeps changes gradients alone, and is the same on every device.
                Result taped = types.run(scenario, kernel, Tape.Mode.VOLTAGE, kind);
                taped.assertSameBits(wide, name -> !name.startsWith("grad."), context);
                taped.assertSameBits(narrow, "potentials of 16 bits; " + context);
                tapeMatters |= !taped.differsFrom(wide).isEmpty();
            }
        }
        assertThat(tapeMatters).isEqualTo(taken && model.defaults().drawsNormals());
    }

    @Test
    void aTapeOfTheseTakesHalfTheMemory() {
        try (Kernel kernel = open(QlifConfig.defaults(), device, 1)) {
            long wide = kernel.tapeBytes(Tape.Mode.VOLTAGE, 100, 4, 64);
            assertThat(kernel.tapeBytes(Tape.Mode.VOLTAGE, DType.F32, 100, 4, 64))
                    .isEqualTo(wide);
            for (DType type : new DType[] {DType.F16, DType.BF16}) {
                if (taken) {
                    assertThat(kernel.tapeBytes(Tape.Mode.VOLTAGE, type, 100, 4, 64))
                            .isEqualTo(wide - 100 * 4 * 64 * 2);
                    try (Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, type, 100, 4, 64)) {
                        assertThat(tape.byteSize()).isEqualTo(wide - 100 * 4 * 64 * 2);
                        assertThat(tape.type()).isEqualTo(type);
                    }
                } else {
                    refuses("type", () -> kernel.tapeBytes(Tape.Mode.VOLTAGE, type, 100, 4, 64));
                    refuses("type", () -> kernel.newTape(Tape.Mode.VOLTAGE, type, 100, 4, 64));
                }
            }
            assertThatThrownBy(() -> kernel.newTape(Tape.Mode.VOLTAGE, DType.U8, 1, 1, 1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("type: got U8, expected one of [F32, F16, BF16]");
        }
    }

    @Test
    void otherwiseRefusesThem() {
        QlifConfig config = QlifConfig.defaults();
        try (Kernel kernel = open(config, device, 1);
                Tape tape = kernel.newTape(Tape.Mode.COMPACT, 2, 1, 3)) {
            assertThat(kernel.takes(DType.F32)).isTrue();
            assertThat(kernel.takes(DType.U8)).isFalse();
            for (DType type : new DType[] {DType.F16, DType.BF16}) {
                assertThat(kernel.takes(type)).isEqualTo(taken);
                if (taken) {
                    continue;
                }
                Tensor narrow = Tensor.zeros(type, 2, 1, 3);
                Tensor wide = Tensor.zeros(DType.F32, 2, 1, 3);
                Tensor spikes = Tensor.zeros(DType.U8, 2, 1, 3);
                spikes.segment().fill((byte) 7);
                Forward forward = new Forward()
                        .parameters(Parameters.shared(config))
                        .draws(new DrawStream(1, 2))
                        .spikes(spikes)
                        .tape(tape);
                refuses("input", () -> kernel.forward(forward.input(narrow)));
                refuses("spikeValues", () -> kernel.forward(forward.input(wide).spikeValues(narrow)));
                assertThat(spikes.toByteArray()).containsOnly(7);
                kernel.forward(forward.spikeValues(null));
                refuses("gradSpikeValues", () -> kernel.backward(new Backward(forward).gradSpikeValues(narrow)));
                refuses("gradInput", () -> kernel.backward(new Backward(forward).gradInput(narrow)));
            }
        }
    }

    private void refuses(String argument, Runnable call) {
        assertThatThrownBy(call::run)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(argument + ": got ")
                .hasMessageEndingWith("expected F32: a kernel on " + device
                        + " takes no numbers of 16 bits; cpu:scalar, cpu:native and GPUs do");
    }

    /** Every number that there is, infinities and NaN among them. */
    @Test
    void oddInputsAreWhatTheyAre() {
        QlifConfig config = QlifConfig.plainLif();
        short[] words = new short[1 << 16];
        for (int i = 0; i < words.length; i++) {
            words[i] = (short) i;
        }
        for (DType type : taken ? new DType[] {DType.F16, DType.BF16} : new DType[0]) {
            Tensor input = Tensor.of(type, MemorySegment.ofArray(words), 1, 1, words.length);
            Tensor expected = Tensor.zeros(DType.F32, input.shape());
            Tensor actual = Tensor.zeros(DType.F32, input.shape());
            Forward call = new Forward().parameters(Parameters.shared(config));
            try (Kernel kernel = open(config, device, 2);
                    Kernel oracle = open(config, ORACLE, 1)) {
                oracle.forward(call.input(input.to(DType.F32)).voltages(expected));
                kernel.forward(call.input(input).voltages(actual));
            }
            Result.Bits.assertSame(expected.toFloatArray(), actual.toFloatArray(), type.toString());
        }
    }
}
