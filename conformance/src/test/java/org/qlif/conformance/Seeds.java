// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * The seeds of random tests. Case {@code i} of a test has seed {@code base + i}, so {@code -Dqlif.test.seed=S} with a failure's
 * seed S makes the failed case the first one; {@code -Dqlif.test.cases=1} runs it alone.
 */
final class Seeds {
    private static final long BASE = Long.getLong("qlif.test.seed", 20261123);

    private Seeds() {}

    static long of(int testCase) {
        return BASE + testCase;
    }

    /** How many cases a test runs that has {@code usual} of them. */
    static int cases(int usual) {
        return Integer.getInteger("qlif.test.cases", usual);
    }

    static RandomGenerator random(long seed) {
        return RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    }

    static String replay(long seed) {
        return "replay with -Dqlif.test.seed=" + seed + " -Dqlif.test.cases=1";
    }
}
