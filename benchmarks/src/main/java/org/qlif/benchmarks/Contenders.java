// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.List;

/** How the commands start {@link ContenderBenchmark}. */
final class Contenders {
    private Contenders() {}

    /** The models' names in JMH. */
    static final String MODEL = "model";

    /** The benchmark method of {@code pass}, as JMH's pattern. */
    static String method(Pass pass) {
        return ContenderBenchmark.class.getSimpleName() + "\\." + (pass == Pass.FORWARD ? "forward" : "train") + "$";
    }

    /** {@code values} as JMH takes those of a parameter. */
    static String[] texts(List<?> values) {
        return values.stream().map(Object::toString).toArray(String[]::new);
    }
}
