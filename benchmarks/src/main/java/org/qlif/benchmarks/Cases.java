// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.List;
import picocli.CommandLine.Option;

/** What contenders run: the options of every command that compares them. */
final class Cases {
    @Option(
            names = "--model",
            converter = Converters.Models.class,
            paramLabel = "NAME",
            description = "The model: one of ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}",
            defaultValue = "qlif")
    private Model model;

    @Option(
            names = "--shapes",
            converter = Converters.Extents.class,
            split = ",",
            paramLabel = "TxBxN",
            description = "Shapes, separated by commas. Default: ${DEFAULT-VALUE}",
            defaultValue = "20x128x512,40x128x256,100x32x4096,100x1x128")
    private List<Shape> shapes;

    Model model() {
        return model;
    }

    List<Shape> shapes() {
        return shapes;
    }
}
