package org.qlif.conformance;

import java.nio.file.Path;

/** A golden file is not what its format asks for; the message names the file, what came, and what was expected. */
public final class GoldenFormatException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    GoldenFormatException(Path file, String problem) {
        super(file + ": " + problem);
    }

    GoldenFormatException(Path file, String problem, Throwable cause) {
        super(file + ": " + problem, cause);
    }
}
