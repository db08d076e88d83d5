// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.qlif.documentation.Javadoc;

/** The Javadoc describes all that users compile against. */
class JavadocTest {
    /** Types of the public packages that come as results, or are there for others to be seen through. */
    private static final Set<String> WITHOUT_EXAMPLE = Set.of(
            "org.qlif.DeviceInfo",
            "org.qlif.KernelOptions",
            "org.qlif.NeuronParameter",
            "org.qlif.ParameterRange",
            "org.qlif.StateVariable",
            "org.qlif.Trace",
            "org.qlif.io.FileFormatException",
            "org.qlif.network.DivergenceException",
            "org.qlif.network.StepResult",
            "org.qlif.network.StepTimes");

    private static final Set<String> WITH_EXAMPLES =
            Set.of("org.qlif", "org.qlif.io", "org.qlif.gpu", "org.qlif.network", "org.qlif.simulation");

    @Test
    void describesEverything() {
        Path root = Golden.folder().toAbsolutePath().getParent();
        Map<String, List<Path>> sources = new LinkedHashMap<>();
        sources.put("org.qlif", List.of(root.resolve("java-api/src/main/java")));
        sources.put("org.qlif.gpu", List.of(root.resolve("gpu/src/main/java"), root.resolve("gpu/src/generated/java")));
        sources.put("org.qlif.network", List.of(root.resolve("network/src/main/java")));
        sources.put("org.qlif.simulation", List.of(root.resolve("simulation/src/main/java")));
        sources.put("org.qlif.conformance", List.of(root.resolve("conformance/src/main/java")));
        Set<String> libraries = Set.of("com.google.gson", "org.jspecify");
        assertThat(new Javadoc(sources.keySet(), sources, libraries, WITH_EXAMPLES, WITHOUT_EXAMPLE).faults())
                .isEmpty();
    }
}
