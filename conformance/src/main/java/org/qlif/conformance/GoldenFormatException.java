// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.nio.file.Path;
import org.qlif.spi.Printable;

/**
 * Thrown if a golden file violates its format. The message names the file, what was found and what was expected. It is one line of bounded
 * length, whatever the file's content and name.
 */
public final class GoldenFormatException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Names within a problem are usually cut where the message is made; this cuts the rest. */
    private static final int LIMIT = 800;

    private final String problem;

    GoldenFormatException(Path file, String problem) {
        this(file, problem, null);
    }

    GoldenFormatException(Path file, String problem, Throwable cause) {
        super(Printable.path(file) + ": " + Printable.text(problem, LIMIT), cause);
        this.problem = Printable.text(problem, LIMIT);
    }

    /** The message without the file. */
    String problem() {
        return problem;
    }
}
