// SPDX-License-Identifier: Apache-2.0
package org.qlif.io;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.qlif.spi.Printable;

/**
 * A file is not what its format asks for; the message names the file, what came, and what was expected. It is one line of bounded
 * length, whatever the file holds and is called.
 */
public final class FileFormatException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Names within a problem are cut where it is put together; this is for what slipped through. */
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
     * A fault of {@code file} that something else found.
     *
     * @param file the file, which the message starts with
     * @param problem what is wrong
     * @param cause what found it; null if nothing did
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
