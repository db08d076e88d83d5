// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.qlif.spi.Printable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** The files of one command: none may be written that is read, too, or written twice. */
final class DistinctFiles {
    private final CommandSpec command;
    private final Map<Path, String> options = new LinkedHashMap<>();

    DistinctFiles(CommandSpec command) {
        this.command = command;
    }

    /** Notes a file that {@code option} names to be read; null for none. */
    DistinctFiles read(String option, Path file) {
        if (file != null) {
            options.putIfAbsent(real(file), option);
        }
        return this;
    }

    /**
     * Notes a file that {@code option} names to be written; null for none.
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

    /** One path for all names of a file, whether it is there or its folder alone. */
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
