// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.SpikeLinear;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * The Vector API backend. The build runs the tests tagged {@code narrow} again in JVMs with narrower vectors, and says which
 * width it asked for.
 */
class SimdContractTest extends KernelContract {
    private static final String DEVICE = "cpu:simd";

    SimdContractTest() {
        super(DEVICE);
    }

    @Test
    @Tag("narrow")
    void runsAtTheWidthThatWasAskedFor() {
        String bits = System.getProperty("qlif.test.vectorBits");
        try (Kernel kernel = open(QlifConfig.defaults(), 1)) {
            assertThat(kernel.device().text()).isEqualTo(DEVICE);
            if (bits == null) {
                assertThat(kernel.description()).containsPattern("\\d+-bit");
            } else {
                assertThat(kernel.description()).contains(bits + "-bit");
            }
        }
    }

    /** Memory that only the calling thread may use, lent to a backward call alone. */
    @Test
    void keepsHelpersFromMemoryOfTheCallingThread() {
        int steps = 4;
        int batch = 64;
        int neurons = 512;
        QlifConfig config = QlifConfig.defaults();
        float[] current = Scenario.gaussian(Seeds.random(2), steps * batch * neurons, 1.2, 1.5);
        try (Arena arena = Arena.ofConfined();
                Kernel kernel = open(config, 2);
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, steps, batch, neurons)) {
            Forward forward = new Forward()
                    .input(Tensor.of(current, steps, batch, neurons))
                    .parameters(Parameters.shared(config))
                    .draws(new DrawStream(1, 2))
                    .modulation(Tensor.of(new float[] {0.1f, 0.2f, 0.3f, 0.4f}, steps, 1, 1))
                    .tape(tape);
            Backward anywhere = new Backward(forward)
                    .gradSpikeValues(Tensor.of(current, steps, batch, neurons))
                    .gradInput(Tensor.zeros(DType.F32, steps, batch, neurons))
                    .gradModulation(Tensor.zeros(DType.F32, steps, 1, 1));
            MemorySegment inputs = arena.allocate(4L * steps * batch * neurons, 4);
            MemorySegment modulations = arena.allocate(4L * steps, 4);
            Backward confined = new Backward(forward)
                    .gradSpikeValues(Tensor.of(current, steps, batch, neurons))
                    .gradInput(Tensor.of(DType.F32, inputs, steps, batch, neurons))
                    .gradModulation(Tensor.of(DType.F32, modulations, steps, 1, 1));
            kernel.forward(forward);
            for (int round = 0; round < 20; round++) {
                kernel.backward(anywhere);
                kernel.backward(confined);
                assertThat(inputs.toArray(ValueLayout.JAVA_FLOAT))
                        .isEqualTo(anywhere.gradInput().toFloatArray());
                assertThat(modulations.toArray(ValueLayout.JAVA_FLOAT))
                        .isEqualTo(anywhere.gradModulation().toFloatArray());
            }
        }
    }

    /** Offsets past 2^31 bytes, which int arithmetic would lose: the last neurons of a huge run, held against a small one. */
    @Test
    void runsMoreThanTwoGibibytes() {
        int neurons = (1 << 28) + 67;
        int last = 131;
        int steps = 2;
        QlifConfig config = QlifConfig.defaults();
        float[] current = Scenario.gaussian(Seeds.random(1), steps * last, 1.2, 1.5);
        byte[] expected = new byte[steps * last];
        try (Arena arena = Arena.ofShared();
                Kernel kernel = open(config, 2)) {
            kernel.forward(new Forward()
                    .input(Tensor.of(current, steps, 1, last))
                    .parameters(Parameters.shared(config))
                    .draws(new DrawStream(1, 2, neurons - last))
                    .spikes(Tensor.of(expected, steps, 1, last)));
            MemorySegment input = arena.allocate(4L * steps * neurons, 4);
            MemorySegment spikes = arena.allocate((long) steps * neurons);
            for (int t = 0; t < steps; t++) {
                long from = (t + 1L) * neurons - last;
                MemorySegment.copy(current, t * last, input, ValueLayout.JAVA_FLOAT, 4 * from, last);
            }
            kernel.forward(new Forward()
                    .input(Tensor.of(DType.F32, input, steps, 1, neurons))
                    .parameters(Parameters.shared(config))
                    .draws(new DrawStream(1, 2))
                    .spikes(Tensor.of(DType.U8, spikes, steps, 1, neurons)));
            for (int t = 0; t < steps; t++) {
                byte[] actual = spikes.asSlice((t + 1L) * neurons - last, last).toArray(ValueLayout.JAVA_BYTE);
                assertThat(actual).as("step %d", t).isEqualTo(Arrays.copyOfRange(expected, t * last, (t + 1) * last));
            }
            assertThat(expected).as("neurons that spike").contains((byte) 1);
        }
    }

    /** The same for a linear layer: rows past 2^31 bytes of output, whose gradients are those of the whole, since all others are 0. */
    @Test
    void linearLayersOfMoreThanTwoGibibytes() {
        int before = 1 << 23;
        int inputs = 3;
        int outputs = 65;
        LinearCase last = new LinearCase(
                Seeds.random(1), 1, 131, inputs, outputs, DType.BIT, 0.5, LinearCase.Values.SPIKES, true, false);
        long rows = before + last.batch;
        Result expected = last.expected();
        try (Arena arena = Arena.ofShared();
                Memory memory = new Memory(Memory.Kind.ALIGNED);
                SpikeLinear layer = SpikeLinear.open(
                        Device.of(DEVICE), KernelOptions.defaults().withThreads(2))) {
            Tensor output = native32(arena, 1, rows, outputs);
            Tensor input = Tensor.of(
                    DType.BIT, arena.allocate(Tensor.byteSize(DType.BIT, 1, rows, inputs), 8), 1, rows, inputs);
            // A whole number of words before them.
            MemorySegment bits = last.input(memory).segment();
            MemorySegment.copy(bits, 0, input.segment(), (long) before * inputs / 8, bits.byteSize());
            LinearForward forward = new LinearForward()
                    .input(input)
                    .weights(Tensor.of(last.weights, inputs, outputs))
                    .bias(Tensor.of(last.bias, outputs))
                    .output(output);
            layer.forward(forward);
            Result.Bits.assertSame(expected.floats("output"), end(output, last.batch * outputs), "output");
            output.segment().fill((byte) 0);
            MemorySegment.copy(
                    last.gradOutput,
                    0,
                    output.segment(),
                    ValueLayout.JAVA_FLOAT,
                    4L * before * outputs,
                    last.gradOutput.length);
            Tensor gradInput = native32(arena, 1, rows, inputs);
            Tensor gradWeights = Tensor.zeros(DType.F32, inputs, outputs);
            layer.backward(new LinearBackward(forward.output(null))
                    .gradOutput(output)
                    .gradWeights(gradWeights)
                    .gradInput(gradInput));
            Result.Bits.assertSame(expected.floats("gradWeights"), gradWeights.toFloatArray(), "gradWeights");
            Result.Bits.assertSame(expected.floats("gradInput"), end(gradInput, last.batch * inputs), "gradInput");
        }
    }

    private static Tensor native32(Arena arena, long... shape) {
        return Tensor.of(DType.F32, arena.allocate(Tensor.byteSize(DType.F32, shape), 64), shape);
    }

    private static float[] end(Tensor tensor, int floats) {
        MemorySegment segment = tensor.segment();
        return segment.asSlice(segment.byteSize() - 4L * floats).toArray(ValueLayout.JAVA_FLOAT);
    }

    @Nested
    class Gradients extends GradientContract {
        Gradients() {
            super(DEVICE);
        }
    }

    @Nested
    class Variants extends VariantContract {
        Variants() {
            super(DEVICE);
        }
    }

    @Nested
    class Options extends OptionContract {
        Options() {
            super(DEVICE);
        }
    }

    @Nested
    class Draws extends DrawContract {
        Draws() {
            super(DEVICE);
        }
    }

    @Nested
    class Refusals extends RefusalContract {
        Refusals() {
            super(DEVICE);
        }
    }

    @Nested
    class Lifetimes extends LifetimeContract {
        Lifetimes() {
            super(DEVICE);
        }
    }

    @Nested
    class Threads extends ThreadContract {
        Threads() {
            super(DEVICE);
        }
    }

    @Nested
    class Linear extends LinearContract {
        Linear() {
            super(DEVICE);
        }
    }

    @Nested
    class Fused extends FusedContract {
        Fused() {
            super(DEVICE);
        }
    }

    @Nested
    class Narrow extends NarrowContract {
        Narrow() {
            super(DEVICE, false);
        }
    }
}
