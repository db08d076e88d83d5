// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.nio.file.Path;

/** The checkout that the tool was started from. */
final class Installation {
    /** Set by the script {@code ./qlif}; without it, files are looked for from the current folder. */
    private static final String HOME = "qlif.cli.home";

    private Installation() {}

    /** A file or folder of the checkout. */
    static Path file(Path relative) {
        return Path.of(System.getProperty(HOME, "")).resolve(relative);
    }
}
