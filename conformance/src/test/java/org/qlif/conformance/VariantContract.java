// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.util.Map;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;
import org.qlif.Tape;

/** The oracle's bits of each configuration that a backend may have compiled by itself, with the outputs that it may have fixed, too. */
abstract class VariantContract {
    private static final int SCENARIOS = 10;
    private static final int NEURON_STEPS = 1500;

    /** What callers ask for: spikes as bytes to pass them on, values and gradients to train, all to look at. */
    private static final Map<String, Predicate<String>> OUTPUTS = Map.of(
            "spikes as bytes",
            Result.spikes(DType.U8)::equals,
            "values and gradients",
            name -> name.equals("spikeValues") || name.equals("grad.input") || name.startsWith("grad.parameter."),
            "everything",
            _ -> true);

    private final Device device;

    VariantContract(String device) {
        this.device = Device.of(device);
    }

    @TestFactory
    Stream<DynamicTest> hasTheOraclesBits() {
        return Variants.all().entrySet().stream()
                .map(variant -> dynamicTest(variant.getKey(), () -> hasTheOraclesBits(variant.getValue())));
    }

    private void hasTheOraclesBits(NeuronConfig config) {
        try (Kernel kernel =
                Kernel.open(config, device, KernelOptions.defaults().withThreads(2))) {
            // No more where the cases of all tests are many: this runs for every variant.
            for (int i = 0; i < Math.min(SCENARIOS, Seeds.cases(SCENARIOS)); i++) {
                long seed = Seeds.of(i);
                RandomGenerator random = Seeds.random(seed);
                Scenario scenario = Scenario.random(random, config, NEURON_STEPS);
                Result expected = KernelContract.oracle(scenario);
                OUTPUTS.forEach((outputs, wanted) -> {
                    String context = outputs + ", " + Seeds.replay(seed) + ": " + scenario;
                    for (Tape.Mode mode : Tape.Mode.values()) {
                        scenario.run(kernel, mode, Memory.Kind.ALIGNED, wanted)
                                .assertSameBits(expected, mode + ", " + context);
                    }
                    scenario.run(kernel, null, Memory.Kind.ARRAYS, wanted)
                            .assertSameBits(expected, "without a tape, " + context);
                });
            }
        }
    }
}
