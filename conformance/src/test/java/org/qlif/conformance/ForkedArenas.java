// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.random.RandomGenerator;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifTrace;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * Calls on a device whose memory another thread closes at some moment, again and again, until closing was refused during calls of each
 * kind. Prints {@code KIND refused} for each; a wrong result or an exception of another kind ends it with a stack trace. In a JVM of its
 * own, since the end of the JVM is what must not happen.
 */
final class ForkedArenas {
    private static final QlifConfig CONFIG = QlifConfig.defaults();
    private static final Shape SHAPE = new Shape(40, 8, 512);
    private static final int ENOUGH = 25;
    private static final int ROUNDS = 5_000;

    private final Kernel kernel;
    private final RandomGenerator random = RandomGenerator.of("L64X128MixRandom");
    private final float[] current = Scenario.gaussian(random, SHAPE.size(), 1.2, 1.5);
    private final float[] gradient = Scenario.gaussian(random, SHAPE.size(), 0, 1);

    private ForkedArenas(Kernel kernel) {
        this.kernel = kernel;
    }

    /** What makes a call on the memory of an arena. */
    private interface Maker {
        Call in(Arena arena, float[] result);
    }

    /** Writes its result to an array, which no arena owns. */
    private interface Call {
        void run();
    }

    public static void main(String[] arguments) throws Exception {
        try (Kernel kernel = Kernel.open(
                CONFIG, Device.of(arguments[0]), KernelOptions.defaults().withThreads(2))) {
            ForkedArenas calls = new ForkedArenas(kernel);
            calls.repeat("forward", calls::forward);
            calls.repeat("backward", calls::backward);
            calls.repeat("draw", calls::draw);
            calls.repeat("tape", calls::tape);
            calls.repeat("scratch", calls::scratch);
        }
    }

    private void repeat(String name, Maker maker) throws Exception {
        float[] expected = new float[SHAPE.size()];
        float[] result = new float[SHAPE.size()];
        long nanos;
        try (Arena arena = Arena.ofShared()) {
            maker.in(arena, result).run();
            Call call = maker.in(arena, expected);
            long start = System.nanoTime();
            call.run();
            nanos = System.nanoTime() - start;
        }
        int refused = 0;
        for (int round = 0; round < ROUNDS && refused < ENOUGH; round++) {
            Arena arena = Arena.ofShared();
            Arrays.fill(result, Float.NaN);
            Call call = maker.in(arena, result);
            Closer closer = new Closer(arena, random.nextLong(nanos));
            closer.start();
            closer.ready.countDown();
            try {
                call.run();
                if (!Arrays.equals(result, expected)) {
                    throw new AssertionError(name + ": another result");
                }
            } catch (IllegalStateException closed) {
                // Closed before the call, which said so.
                if (arena.scope().isAlive()) {
                    throw closed;
                }
            }
            closer.join();
            refused += closer.refused ? 1 : 0;
        }
        System.out.println(name + (refused < ENOUGH ? " was never under way" : " refused"));
    }

    /** Closes the arena after some time: again until it is not refused. */
    private static final class Closer extends Thread {
        final CountDownLatch ready = new CountDownLatch(1);
        private final Arena arena;
        private final long nanos;
        volatile boolean refused;

        Closer(Arena arena, long nanos) {
            this.arena = arena;
            this.nanos = nanos;
        }

        @Override
        public void run() {
            try {
                ready.await();
            } catch (InterruptedException impossible) {
                throw new AssertionError(impossible);
            }
            for (long start = System.nanoTime(); System.nanoTime() - start < nanos; ) {
                Thread.onSpinWait();
            }
            while (arena.scope().isAlive()) {
                try {
                    arena.close();
                } catch (IllegalStateException inUse) {
                    refused = true;
                }
            }
        }
    }

    private static Tensor in(Arena arena, DType type, long... shape) {
        return Tensor.of(type, arena.allocate(Tensor.byteSize(type, shape), 64), shape);
    }

    private static Tensor in(Arena arena, float[] values) {
        Tensor tensor = in(arena, DType.F32, SHAPE.extents());
        tensor.copyFrom(Tensor.of(values, SHAPE.extents()));
        return tensor;
    }

    private Forward forwardOn(Arena arena) {
        return new Forward()
                .input(in(arena, current))
                .parameters(Parameters.shared(CONFIG))
                .draws(new DrawStream(1, 2));
    }

    private Call forward(Arena arena, float[] voltages) {
        Forward forward = forwardOn(arena)
                .spikes(in(arena, DType.U8, SHAPE.extents()))
                .trace(QlifTrace.PROBABILITY, in(arena, DType.F32, SHAPE.extents()))
                .voltages(Tensor.of(voltages, SHAPE.extents()));
        return () -> kernel.forward(forward);
    }

    private Call backward(Arena arena, float[] gradInput) {
        Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, SHAPE.steps(), SHAPE.batch(), SHAPE.neurons());
        Forward forward = forwardOn(arena).tape(tape);
        kernel.forward(forward);
        Backward backward = new Backward(forward)
                .gradSpikeValues(in(arena, gradient))
                .gradVoltages(in(arena, gradient))
                .gradInput(Tensor.of(gradInput, SHAPE.extents()))
                .gradParameters(Parameters.zerosLike(forward.parameters()));
        return () -> {
            try (tape) {
                kernel.backward(backward);
            }
        };
    }

    /** Whose tape alone is in the arena. */
    private Call tape(Arena arena, float[] voltages) {
        long bytes = kernel.tapeBytes(Tape.Mode.VOLTAGE, SHAPE.steps(), SHAPE.batch(), SHAPE.neurons());
        Tape tape = kernel.newTape(
                Tape.Mode.VOLTAGE,
                SHAPE.steps(),
                SHAPE.batch(),
                SHAPE.neurons(),
                Tensor.of(DType.U8, arena.allocate(bytes, 64), bytes));
        Forward forward = forwardOn(Arena.ofAuto())
                .voltages(Tensor.of(voltages, SHAPE.extents()))
                .tape(tape);
        return () -> {
            try (tape) {
                kernel.forward(forward);
            }
        };
    }

    /** Whose scratch memory alone is in the arena. */
    private Call scratch(Arena arena, float[] gradInput) {
        Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, SHAPE.steps(), SHAPE.batch(), SHAPE.neurons());
        Forward forward = forwardOn(Arena.ofAuto()).tape(tape);
        kernel.forward(forward);
        Backward backward = new Backward(forward)
                .gradSpikeValues(in(Arena.ofAuto(), gradient))
                .gradInput(Tensor.of(gradInput, SHAPE.extents()))
                .gradParameters(Parameters.zerosLike(forward.parameters()));
        long bytes = kernel.scratchBytes(backward);
        backward.scratch(Tensor.of(DType.U8, arena.allocate(bytes, 64), bytes));
        return () -> {
            try (tape) {
                kernel.backward(backward);
            }
        };
    }

    private Call draw(Arena arena, float[] normals) {
        Tensor uniforms = in(arena, DType.F32, SHAPE.extents());
        return () -> kernel.draw(new DrawStream(1, 2), 0, uniforms, Tensor.of(normals, SHAPE.extents()));
    }
}
