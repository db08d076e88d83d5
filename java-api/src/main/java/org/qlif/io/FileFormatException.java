// SPDX-License-Identifier: Apache-2.0
package org.qlif.io;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.qlif.spi.Printable;

/**
 * Thrown if a file violates its format. The message names the file, what was found and what was expected. It is one line of bounded length,
 * whatever the file's content and name.
 */
public final class FileFormatException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Names within a problem are usually cut where the message is made; this cuts the rest. */
    private static final int LIMIT = 800;

    private final String problem;

    /**
     * A fault of {@code file}.
     *
     * @param file the file, which the message starts with
     * @param problem what is wrong
     */
    public FileFormatException(Path file, String problem) {
        this(file, problem, null);
    }

    /**
     * A fault of {@code file} with a cause.
     *
     * @param file the file, which the message starts with
     * @param problem what is wrong
     * @param cause the cause, or null
     */
    public FileFormatException(Path file, String problem, @Nullable Throwable cause) {
        super(Printable.path(file) + ": " + Printable.text(problem, LIMIT), cause);
        this.problem = Printable.text(problem, LIMIT);
    }

    /** The message without the file. */
    public String problem() {
        return problem;
    }
}
