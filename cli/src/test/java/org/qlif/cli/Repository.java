// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where the files of the checkout lie, whichever of its folders a test runs in. */
final class Repository {
    private Repository() {}

    static Path file(String name) {
        for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
            if (Files.exists(folder.resolve(name))) {
                return folder.resolve(name);
            }
        }
        throw new AssertionError("no " + name + " here or in a folder above");
    }
}
