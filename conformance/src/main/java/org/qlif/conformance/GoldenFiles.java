// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.nio.file.Path;
import java.util.List;

/**
 * The files that paths stand for.
 *
 * @param files the golden files, to be read
 * @param missed the paths that could not be followed
 */
public record GoldenFiles(List<Path> files, List<Missed> missed) {
    /**
     * A path that could not be followed.
     *
     * @param path the path, or a folder below it
     * @param absent whether there is nothing: no file, or no golden file in a folder
     * @param reason why
     */
    public record Missed(Path path, boolean absent, String reason) {}

    /** Copies the lists. */
    public GoldenFiles {
        files = List.copyOf(files);
        missed = List.copyOf(missed);
    }

    /** Whether there is nothing to verify and nothing else to report. */
    public boolean isEmpty() {
        return files.isEmpty() && missed.stream().allMatch(Missed::absent);
    }
}
