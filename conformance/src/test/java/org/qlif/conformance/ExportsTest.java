// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.lang.module.ModuleDescriptor;
import java.util.Arrays;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** What the modules show, and to whom: a package that is exported to all can never be taken back. */
class ExportsTest {
    @Test
    void exportsThePublicPackagesAlone() {
        assertThat(Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                        .flatMap(ForkedJvm::modules)
                        .filter(module -> module.name().startsWith("org.qlif") && !module.isAutomatic())
                        .flatMap(
                                module -> module.exports().stream().map(export -> module.name() + ": " + text(export))))
                .containsExactlyInAnyOrder(
                        "org.qlif: org.qlif",
                        "org.qlif: org.qlif.io",
                        "org.qlif: org.qlif.spi",
                        "org.qlif: org.qlif.spi.checkpoint to org.qlif.djl, org.qlif.network",
                        "org.qlif: org.qlif.spi.host to org.qlif.djl, org.qlif.gpu, org.qlif.network, org.qlif.scalar, org.qlif.simd, org.qlif.simulation",
                        "org.qlif.conformance: org.qlif.conformance",
                        "org.qlif.gpu: org.qlif.gpu",
                        "org.qlif.network: org.qlif.network",
                        "org.qlif.scalar: org.qlif.scalar to org.qlif",
                        "org.qlif.simd: org.qlif.simd to org.qlif",
                        "org.qlif.simulation: org.qlif.simulation");
    }

    private static String text(ModuleDescriptor.Exports export) {
        String targets = String.join(", ", new TreeSet<>(export.targets()));
        return export.source() + (targets.isEmpty() ? "" : " to " + targets);
    }
}
