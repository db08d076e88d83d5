// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;

/** Where the golden cases are. */
final class Golden {
    private Golden() {}

    static Path folder() {
        String folder = System.getProperty("qlif.test.golden");
        assertThat(folder)
                .as("-Dqlif.test.golden, the folder of the golden cases (the build sets it)")
                .isNotNull();
        return Path.of(folder);
    }

    static List<Path> files() {
        return GoldenVerifier.find(List.of(folder())).files();
    }
}
