// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.qlif.DType;

/** Every benchmark of a kernel runs, for each of what it varies, on a shape that takes no time. */
class KernelBenchmarkTest {
    private static final String TINY = "4x1x37";
    private static final String DEVICE = "cpu:scalar";

    private static void calls(KernelBenchmark benchmark) {
        try (KernelRun run = benchmark.prepare()) {
            assertThat(run.run().elements()).isEqualTo(Shape.parse(TINY).neuronSteps());
        }
    }

    @TestFactory
    Stream<DynamicTest> optionsRun() {
        return Arrays.stream(OptionBenchmark.Option.values())
                .map(option -> DynamicTest.dynamicTest(option.name(), () -> {
                    OptionBenchmark benchmark = new OptionBenchmark();
                    benchmark.option = option;
                    benchmark.device = DEVICE;
                    benchmark.shape = TINY;
                    benchmark.pass = Pass.TRAIN;
                    benchmark.threads = 1;
                    calls(benchmark);
                }));
    }

    @TestFactory
    Stream<DynamicTest> storagesRun() {
        return Arrays.stream(Storage.values())
                .map(storage -> DynamicTest.dynamicTest(storage.name(), () -> {
                    MemoryBenchmark benchmark = new MemoryBenchmark();
                    benchmark.storage = storage;
                    benchmark.device = DEVICE;
                    benchmark.shape = TINY;
                    benchmark.pass = Pass.TRAIN_COMPACT;
                    benchmark.threads = 1;
                    calls(benchmark);
                }));
    }

    @Test
    void stepsStream() {
        StreamingBenchmark benchmark = new StreamingBenchmark();
        benchmark.device = DEVICE;
        benchmark.shape = TINY;
        benchmark.threads = 2;
        calls(benchmark);
    }

    @Test
    void silenceIsSilentAndBusyIsNot() {
        assertThat(spikes(SilenceBenchmark.Activity.SILENT, "10000x1x3")).isZero();
        assertThat(spikes(SilenceBenchmark.Activity.BUSY, "200x1x37")).isPositive();
    }

    private static int spikes(SilenceBenchmark.Activity activity, String shape) {
        SilenceBenchmark benchmark = new SilenceBenchmark();
        benchmark.activity = activity;
        benchmark.device = DEVICE;
        benchmark.shape = shape;
        benchmark.pass = Pass.FORWARD;
        benchmark.threads = 1;
        try (KernelRun run = benchmark.prepare()) {
            run.run();
            int count = 0;
            for (byte spike : run.forward().spikes(DType.U8).toByteArray()) {
                count += spike;
            }
            return count;
        }
    }
}
