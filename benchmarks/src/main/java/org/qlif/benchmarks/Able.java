// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Something that may be unable to run on this machine. */
interface Able {
    /** Why it can't run here, if so. */
    default Optional<String> obstacle() {
        return Optional.empty();
    }

    /** Those of {@code asked} that can run here; prints why the others can't. */
    static <K extends Able> List<K> of(List<K> asked) {
        List<K> able = new ArrayList<>();
        for (K kind : asked) {
            kind.obstacle()
                    .ifPresentOrElse(
                            obstacle -> System.out.println("# Left out: " + kind + ": " + obstacle),
                            () -> able.add(kind));
        }
        return able;
    }
}
