// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.qlif.spi.Printable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** The files of one command: no file may be both read and written, or written twice. */
final class DistinctFiles {
    private final CommandSpec command;
    private final Map<Path, String> options = new LinkedHashMap<>();

    DistinctFiles(CommandSpec command) {
        this.command = command;
    }

    /** Adds a file to be read that {@code option} names; null for none. */
    DistinctFiles read(String option, Path file) {
        if (file != null) {
            options.putIfAbsent(real(file), option);
        }
        return this;
    }

    /**
     * Adds a file to be written that {@code option} names; null for none.
     *
     * @throws ParameterException if it is one of those before
     */
    DistinctFiles written(String option, Path file) {
        String other = file == null ? null : options.putIfAbsent(real(file), option);
        if (other != null) {
            throw new ParameterException(
                    command.commandLine(),
                    option + ": got " + Printable.path(file) + ", expected another file than "
                            + (other.equals(option) ? "before" : "that of " + other));
        }
        return this;
    }

    /** The same path for all names of a file, which or whose folder exists. */
    private static Path real(Path file) {
        Path whole = file.toAbsolutePath().normalize();
        try {
            return file.toRealPath();
        } catch (IOException missing) {
            Path folder = whole.getParent();
            try {
                return folder == null ? whole : folder.toRealPath().resolve(whole.getFileName());
            } catch (IOException alsoMissing) {
                return whole;
            }
        }
    }
}
