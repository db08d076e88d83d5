// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.nio.file.Path;
import org.qlif.spi.Printable;

/**
 * A golden file is not what its format asks for; the message names the file, what came, and what was expected. It is one line of
 * bounded length, whatever the file holds and is called.
 */
public final class GoldenFormatException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Names within a problem are cut where it is put together; this is for what slipped through. */
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
