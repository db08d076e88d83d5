// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.LinkedHashSet;
import java.util.Set;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * In a process in which nothing is compiled: calls a kernel on a device, given as the first argument, until it runs on another one, the
 * second, at most some minutes long, and compares each call with {@code cpu:scalar}. The third argument is the number of rows. Then what
 * must run on {@code cpu:simd} at once, and a kernel that is closed before. Prints what came.
 */
final class ForkedRelay {
    private static final long STEPS = 20;
    private static final long NEURONS = 257;
    private static final long PATIENCE_NANOS = 180_000_000_000L;

    private static long rows;

    private ForkedRelay() {}

    public static void main(String[] arguments) {
        String device = arguments[0];
        String last = arguments[1];
        rows = Long.parseLong(arguments[2]);
        QlifConfig early =
                QlifConfig.builder().homeostasis(QlifConfig.Homeostasis::off).build();
        Kernel opened = Kernel.open(early, device);
        System.out.println("QLIF -> " + devices(QlifConfig.defaults(), device, last));
        System.out.println("LIF -> " + devices(LifConfig.defaults(), device, last));
        opened.forward(call(early));
        System.out.println("opened before -> " + opened.device().text());
        opened.close();
        // Of structures that nothing has run yet.
        QlifConfig other = QlifConfig.builder().ahp(QlifConfig.Ahp::off).build();
        System.out.println("modulated -> " + modulated(other, device));
        System.out.println("taped -> " + taped(other, device));
        System.out.println("closed -> "
                + closed(
                        QlifConfig.builder()
                                .depression(QlifConfig.Depression::off)
                                .build(),
                        device));
    }

    /** Where calls ran, in order; each gave what {@code cpu:scalar} gives. */
    private static Set<String> devices(NeuronConfig config, String device, String last) {
        Forward expected = call(config);
        try (Kernel scalar = Kernel.open(config, "cpu:scalar")) {
            scalar.forward(expected);
        }
        Set<String> ran = new LinkedHashSet<>();
        try (Kernel kernel = Kernel.open(config, device)) {
            long start = System.nanoTime();
            do {
                Forward call = call(config);
                kernel.forward(call);
                ran.add(kernel.device().text());
                requireSame(expected.spikes(DType.U8), call.spikes(DType.U8));
                requireSame(expected.voltages(), call.voltages());
            } while (!ran.contains(last) && System.nanoTime() - start < PATIENCE_NANOS);
        }
        return ran;
    }

    private static void requireSame(Tensor expected, Tensor came) {
        if (expected.memory().mismatch(came.memory()) >= 0) {
            throw new AssertionError(came + " differs from cpu:scalar's");
        }
    }

    private static String modulated(NeuronConfig config, String device) {
        try (Kernel kernel = Kernel.open(config, device)) {
            kernel.forward(call(config).modulation(Tensor.of(new float[] {1}, 1)));
            return kernel.device().text();
        }
    }

    private static String taped(NeuronConfig config, String device) {
        try (Kernel kernel = Kernel.open(config, device);
                Tape tape = kernel.newTape(Tape.Mode.COMPACT, STEPS, rows, NEURONS)) {
            kernel.forward(call(config).tape(tape));
            return kernel.device().text();
        }
    }

    /** Where the call ran of a kernel that is closed after it, and what the next one says. */
    private static String closed(NeuronConfig config, String device) {
        Kernel kernel = Kernel.open(config, device);
        kernel.forward(call(config));
        String ran = kernel.device().text();
        kernel.close();
        try {
            kernel.forward(call(config));
            return "still open";
        } catch (IllegalStateException refused) {
            return ran + ", " + refused.getMessage();
        }
    }

    private static Forward call(NeuronConfig config) {
        long[] shape = {STEPS, rows, NEURONS};
        float[] input = new float[(int) (STEPS * rows * NEURONS)];
        for (int i = 0; i < input.length; i++) {
            input[i] = i * 7919 % 1000 / 400f;
        }
        return new Forward()
                .input(Tensor.of(input, shape))
                .parameters(Parameters.shared(config))
                .draws(new DrawStream(42, 7))
                .spikes(Tensor.zeros(DType.U8, shape))
                .voltages(Tensor.zeros(DType.F32, shape));
    }
}
