// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.Tape;
import org.qlif.Tensor;

/** Whose threads call, how many at a time and how many help: the results are the same bits, and nobody waits for ever. */
abstract class ThreadContract {
    private static final QlifConfig CONFIG = QlifConfig.defaults();
    private static final int STEPS = 70;
    private static final int NEURONS = 900;

    private final Device device;

    ThreadContract(String device) {
        this.device = Device.of(device);
    }

    /** A kernel with a tape and all that a training step lends. */
    private final class Step implements AutoCloseable {
        private final Kernel kernel;
        private final Tape tape;
        private final Tensor spikes = Tensor.zeros(DType.U8, STEPS, 1, NEURONS);
        private final Tensor gradInput = Tensor.zeros(DType.F32, STEPS, 1, NEURONS);
        private final Tensor gradThreshold = Tensor.zeros(DType.F32, 1);
        private final Forward forward;
        private final Backward backward;

        Step(KernelOptions options) {
            kernel = Kernel.open(CONFIG, device, options);
            tape = kernel.newTape(Tape.Mode.VOLTAGE, STEPS, 1, NEURONS);
            forward = new Forward()
                    .input(Tensor.of(Scenario.gaussian(Seeds.random(7), STEPS * NEURONS, 1.2, 1.5), STEPS, 1, NEURONS))
                    .parameters(Parameters.shared(CONFIG))
                    .draws(new DrawStream(1, 2))
                    .spikes(spikes)
                    .tape(tape);
            backward = new Backward(forward)
                    .gradSpikeValues(forward.input())
                    .gradInput(gradInput)
                    .gradParameters(Parameters.none(CONFIG).set(QlifParameter.V_TH, gradThreshold));
        }

        Result run() {
            spikes.segment().fill((byte) 0);
            gradInput.fill(0);
            gradThreshold.fill(0);
            kernel.forward(forward);
            kernel.backward(backward);
            Result result = new Result();
            result.put("spikes", spikes);
            result.put("gradInput", gradInput);
            result.put("gradThreshold", gradThreshold);
            return result;
        }

        @Override
        public void close() {
            tape.close();
            kernel.close();
        }
    }

    private static KernelOptions threads(int count) {
        return KernelOptions.defaults().withThreads(count);
    }

    private Result expected() {
        try (Step step = new Step(threads(1))) {
            return step.run();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8})
    @Timeout(120)
    void anyNumberOfThreadsGivesTheSameBits(int count) {
        Result expected = expected();
        // Beside a larger one, whose team it shares.
        try (Step larger = new Step(threads(8));
                Step step = new Step(threads(count))) {
            for (int round = 0; round < 3; round++) {
                larger.run().assertSameBits(expected, "8 threads");
                step.run().assertSameBits(expected, count + " threads");
            }
        }
    }

    private void assertServes(ExecutorService threads, int callers) throws Exception {
        Result expected = expected();
        List<Future<?>> calls = new ArrayList<>();
        for (int i = 0; i < callers; i++) {
            int count = 1 + i % 4;
            calls.add(threads.submit(() -> {
                try (Step step = new Step(threads(count))) {
                    for (int round = 0; round < 3; round++) {
                        step.run().assertSameBits(expected, count + " threads among others");
                    }
                }
            }));
        }
        for (Future<?> call : calls) {
            call.get();
        }
    }

    /** Kernels that call at the same time: one has the team, the others are alone. */
    @Test
    @Timeout(240)
    void kernelsThatCallAtTheSameTimeGiveTheSameBits() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(6)) {
            assertServes(threads, 24);
        }
    }

    /** Many more than there are threads that carry them. */
    @Test
    @Timeout(240)
    void virtualThreadsCall() throws Exception {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            assertServes(threads, 20 + 3 * Runtime.getRuntime().availableProcessors());
        }
    }

    @Test
    @Timeout(240)
    void workersOfAForkJoinPoolCall() throws Exception {
        try (ForkJoinPool pool = new ForkJoinPool(3)) {
            assertServes(pool, 12);
        }
    }

    @Test
    @Timeout(120)
    void anInterruptNeitherEndsACallNorGetsLost() {
        Result expected = expected();
        try (Step step = new Step(threads(3))) {
            for (int round = 0; round < 5; round++) {
                Thread.currentThread().interrupt();
                Result result = step.run();
                assertThat(Thread.interrupted()).isTrue();
                result.assertSameBits(expected, "interrupted");
            }
        } finally {
            Thread.interrupted();
        }
    }

    /** Calls that sometimes have the team and sometimes are alone allocate nothing, once they have been both. */
    @Test
    @Timeout(240)
    void allocatesNothingUnderContention() throws Exception {
        ThreadMXBean beans = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        beans.setThreadAllocatedMemoryEnabled(true);
        int calls = 50;
        // Each goes on until both have had a round without.
        CountDownLatch clean = new CountDownLatch(2);
        Callable<Long> caller = () -> {
            long fewest = Long.MAX_VALUE;
            try (Step step = new Step(threads(2))) {
                for (int round = 0; round < 400 && clean.getCount() > 0; round++) {
                    long before = beans.getCurrentThreadAllocatedBytes();
                    for (int i = 0; i < calls; i++) {
                        step.kernel.forward(step.forward);
                        step.kernel.backward(step.backward);
                    }
                    long bytes = beans.getCurrentThreadAllocatedBytes() - before;
                    // As elsewhere: the JVM's own doings may fall on a thread.
                    if (fewest > 4L * calls && bytes <= 4L * calls) {
                        clean.countDown();
                    }
                    fewest = Math.min(fewest, bytes);
                }
            }
            return fewest / calls;
        };
        try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
            for (Future<Long> bytes : threads.invokeAll(List.of(caller, caller))) {
                assertThat(bytes.get()).as("bytes a call").isLessThanOrEqualTo(4);
            }
        }
    }
}
