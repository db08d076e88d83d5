// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.IOException;
import java.nio.file.Path;
import org.qlif.spi.Printable;

/** An IDX file is missing, damaged or not of the kind expected; the message names the file, what came and what was expected. */
public final class IdxException extends IOException {
    private static final long serialVersionUID = 1L;

    IdxException(Path file, String problem) {
        super(Printable.path(file) + ": " + problem);
    }

    IdxException(Path file, String problem, IOException cause) {
        super(Printable.path(file) + ": " + problem, cause);
    }
}
