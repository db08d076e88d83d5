// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.IOException;
import java.nio.file.Path;
import org.qlif.spi.Printable;

/** Thrown if an IDX file is missing, damaged or of the wrong kind. The message names the file, what was found and what was expected. */
public final class IdxException extends IOException {
    private static final long serialVersionUID = 1L;

    IdxException(Path file, String problem) {
        super(Printable.path(file) + ": " + problem);
    }

    IdxException(Path file, String problem, IOException cause) {
        super(Printable.path(file) + ": " + problem, cause);
    }
}
