// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.lang.management.ManagementFactory;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import picocli.CommandLine.Option;

/**
 * Times contenders by turns in one process, and so at the same speed of the machine, which on shared machines changes within seconds. The
 * options are those of every command that does so.
 */
final class Turns {
    /** What a contender's calls took, in milliseconds: the median, and what the fastest tenth of them stayed below. */
    record Times(int calls, double median, double fastest) {
        /** Both times of {@code number}, as a cell of a table. */
        String shown(DoubleUnaryOperator number) {
            return MarkdownTable.number(number.applyAsDouble(median)) + "; "
                    + MarkdownTable.number(number.applyAsDouble(fastest));
        }

        /** Of calls that took {@code all}. */
        static Times of(List<Double> all) {
            List<Double> sorted = new ArrayList<>(all);
            Collections.sort(sorted);
            return new Times(sorted.size(), sorted.get(sorted.size() / 2), sorted.get(sorted.size() / 10));
        }
    }

    /** A turn's least length; longer ones let the caches settle, shorter ones share a disturbance more evenly. */
    private static final long TURN = 50_000_000;

    private static final int LEAST_CALLS = 8;

    @Option(names = "--help", usageHelp = true, description = "Shows this.")
    private boolean help;

    @Option(
            names = "--threads",
            converter = Converters.Positive.class,
            paramLabel = "COUNT",
            description = "Threads. Default: ${DEFAULT-VALUE}",
            defaultValue = "2")
    private int threads;

    @Option(
            names = "--seconds",
            converter = Converters.Positive.class,
            paramLabel = "COUNT",
            description =
                    "Seconds of turns for each shape or configuration, after as many to warm up. Default: ${DEFAULT-VALUE}",
            defaultValue = "15")
    private int seconds;

    int threads() {
        return threads;
    }

    /** The machine and its load, in words. */
    String machine() {
        double load = ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
        return Machine.processor() + ", " + Machine.cores() + " cores, load " + MarkdownTable.number(Math.max(load, 0))
                + ", " + LocalDate.now();
    }

    /**
     * The times of each contender, in the given order. The first half of each turn is not timed: until the caches hold a contender's own
     * memory again, its calls take longer.
     */
    Map<String, Times> time(Map<String, Runnable> contenders) {
        long length = seconds * 1_000_000_000L;
        take(contenders, length);
        Map<String, Times> times = new LinkedHashMap<>();
        take(contenders, length).forEach((name, all) -> times.put(name, Times.of(all)));
        return times;
    }

    private static Map<String, List<Double>> take(Map<String, Runnable> contenders, long length) {
        Map<String, List<Double>> taken = new LinkedHashMap<>();
        contenders.keySet().forEach(name -> taken.put(name, new ArrayList<>()));
        long begin = System.nanoTime();
        do {
            contenders.forEach((name, call) -> turn(call, taken.get(name)));
        } while (System.nanoTime() - begin < length);
        return taken;
    }

    private static void turn(Runnable call, List<Double> taken) {
        List<Double> own = new ArrayList<>();
        long begin = System.nanoTime();
        for (long now = begin; own.size() < LEAST_CALLS || now - begin < TURN; ) {
            call.run();
            long end = System.nanoTime();
            own.add((end - now) / 1e6);
            now = end;
        }
        taken.addAll(own.subList(own.size() / 2, own.size()));
    }
}
