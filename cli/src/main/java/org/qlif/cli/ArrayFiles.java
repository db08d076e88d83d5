// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;
import org.qlif.io.Npy;
import org.qlif.io.OutputFile;
import org.qlif.io.Safetensors;
import org.qlif.spi.Printable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Arrays in files named on the command line: one in a {@code .npy} file, or several by name in a {@code .safetensors} file. */
final class ArrayFiles {
    private static final String NPY = ".npy";
    private static final String SAFETENSORS = ".safetensors";

    private ArrayFiles() {}

    /**
     * The array in the file that the option {@code option} names.
     *
     * @param name the array to take from a {@code .safetensors} file, unless it is the only one
     * @throws ParameterException if the file's name has another ending
     * @throws IOException if the file can't be read or is not what its ending says
     */
    static Tensor read(CommandSpec command, String option, Path file, String name) throws IOException {
        if (isNpy(command, option, file)) {
            return Npy.read(file);
        }
        return named(file, Safetensors.read(file), name);
    }

    /** The tensor of this name, or the only one. */
    static Tensor named(Path file, Safetensors tensors, String name) throws FileFormatException {
        if (tensors.has(name)) {
            return tensors.tensor(name);
        }
        if (tensors.names().size() == 1) {
            return tensors.tensor(tensors.names().iterator().next());
        }
        throw new FileFormatException(
                file,
                "got the tensors " + Printable.text(tensors.names().toString())
                        + ", expected a single tensor, or one named '" + name + "' among them");
    }

    /** Throws unless {@code file} has one of the endings; whether it is {@code .npy}. */
    static boolean isNpy(CommandSpec command, String option, Path file) {
        if (!hasEnding(file, NPY) && !hasEnding(file, SAFETENSORS)) {
            throw new ParameterException(
                    command.commandLine(),
                    option + ": got " + Printable.path(file) + ", expected a path that ends in " + NPY + " or "
                            + SAFETENSORS);
        }
        return hasEnding(file, NPY);
    }

    private static boolean hasEnding(Path file, String ending) {
        return file.toString().toLowerCase(Locale.ROOT).endsWith(ending);
    }

    /** Writes {@code arrays} or, to a {@code .npy} file, the one named {@code single}. */
    static void write(OutputFile file, Map<String, Tensor> arrays, String single) throws IOException {
        if (hasEnding(file.path(), NPY)) {
            Npy.write(file, arrays.get(single));
        } else {
            Safetensors.write(file, Map.of(), arrays);
        }
    }
}
