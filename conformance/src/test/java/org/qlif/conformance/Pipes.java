// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Path;

/** Named pipes, which Java can't make. */
final class Pipes {
    private Pipes() {}

    /** A new pipe at {@code path}; the test is skipped where there is no {@code mkfifo}. */
    static Path make(Path path) throws IOException {
        try {
            Process process =
                    new ProcessBuilder("mkfifo", path.toString()).inheritIO().start();
            assertThat(process.waitFor()).as("mkfifo").isZero();
            return path;
        } catch (IOException absent) {
            return abort("skipped: no mkfifo here: " + absent.getMessage());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException(interrupted);
        }
    }
}
