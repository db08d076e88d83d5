// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import picocli.CommandLine.Option;

/** How often our commands measure: as set in {@link NeuronBenchmark}, unless these options are given. */
final class Repetitions {
    @Option(names = "--quick", description = "One fork and short iterations: shows that all works, proves nothing.")
    private boolean quick;

    @Option(
            names = "--forks",
            paramLabel = "COUNT",
            converter = Converters.Positive.class,
            description = "JVMs for each score. Default: 2")
    private Integer forks;

    @Option(
            names = "--warmups",
            paramLabel = "COUNT",
            converter = Converters.Positive.class,
            description = "Warm-up iterations of a second each. Default: 8")
    private Integer warmups;

    @Option(
            names = "--iterations",
            paramLabel = "COUNT",
            converter = Converters.Positive.class,
            description = "Measured iterations of a second each. Default: 5")
    private Integer iterations;

    /** Sets the options. */
    ChainedOptionsBuilder apply(ChainedOptionsBuilder options) {
        if (quick) {
            options.forks(1).warmupIterations(3).measurementIterations(2).measurementTime(TimeValue.milliseconds(200));
        }
        if (forks != null) {
            options.forks(forks);
        }
        if (warmups != null) {
            options.warmupIterations(warmups);
        }
        if (iterations != null) {
            options.measurementIterations(iterations);
        }
        return options;
    }
}
