package org.qlif.benchmarks;

import java.util.ArrayList;
import java.util.List;

/** How the commands start {@link ContenderBenchmark}. */
final class Contenders {
    private Contenders() {}

    /** The models' names in JMH. */
    static final String MODEL = "model";

    /** Those of {@code asked} that can run here; says of the others why not. */
    static List<ContenderKind> able(List<ContenderKind> asked) {
        List<ContenderKind> able = new ArrayList<>();
        for (ContenderKind kind : asked) {
            kind.obstacle()
                    .ifPresentOrElse(
                            obstacle -> System.out.println("# Left out: " + kind + ": " + obstacle),
                            () -> able.add(kind));
        }
        return able;
    }

    /** The benchmark method of {@code pass}, as JMH's pattern. */
    static String method(Pass pass) {
        return ContenderBenchmark.class.getSimpleName() + "\\." + (pass == Pass.FORWARD ? "forward" : "train") + "$";
    }
}
