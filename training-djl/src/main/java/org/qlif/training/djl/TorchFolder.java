// SPDX-License-Identifier: Apache-2.0
package org.qlif.training.djl;

import ai.djl.util.Utils;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The folder to which DJL unpacks PyTorch's libraries, once, before it loads them. DJL chooses it; this class checks it before anything is
 * written.
 */
public final class TorchFolder {
    /** The disk space of the libraries, with some reserve. */
    private static final long NEEDED_BYTES = 450_000_000;

    private static final String ADVICE =
            "set ENGINE_CACHE_DIR, or DJL_CACHE_DIR, which comes second, to a folder that can be"
                    + " written and has 450 MB of room";
    private static final Path MOUNTS = Path.of("/proc/self/mounts");

    private TorchFolder() {}

    /** The folder, whether it exists or not. */
    static Path path() {
        return Utils.getEngineCacheDir("pytorch").toAbsolutePath();
    }

    /**
     * Throws if the libraries are not there and can't be unpacked.
     *
     * @throws IOException with the folder, the reason and what to do
     */
    public static void requireUsable() throws IOException {
        if (!isSet("ENGINE_CACHE_DIR") && !isSet("DJL_CACHE_DIR")) {
            // If the user has no home folder, Java returns "?".
            String home = System.getProperty("user.home", "");
            if (!Path.of(home).isAbsolute()) {
                throw new IOException(
                        "PyTorch's libraries are unpacked in the home folder, and there is none; " + ADVICE);
            }
        }
        Path folder = path();
        Path present = folder;
        while (present.getParent() != null && !Files.exists(present)) {
            present = present.getParent();
        }
        if (!Files.isDirectory(present)) {
            throw unusable(folder, present + " is not a folder", null);
        }
        if (isNoExec(present)) {
            throw unusable(folder, "it is on a file system that is mounted noexec", null);
        }
        if (holdsLibraries(folder)) {
            return;
        }
        if (!Files.isWritable(present)) {
            throw unusable(folder, present + " can't be written", null);
        }
        long room = Files.getFileStore(present).getUsableSpace();
        if (room < NEEDED_BYTES) {
            throw unusable(folder, "it has room for " + room / 1_000_000 + " MB", null);
        }
    }

    /** The exception if the libraries can't be used from {@code folder}. */
    static IOException unusable(Path folder, String reason, Throwable cause) {
        return new IOException(
                "PyTorch's libraries can't be used from " + folder + ": " + reason + "; " + ADVICE, cause);
    }

    private static boolean isSet(String name) {
        String value = Utils.getEnvOrSystemProperty(name);
        return value != null && !value.isEmpty();
    }

    /** There is one folder per version, with PyTorch's libraries and DJL's own. */
    private static boolean holdsLibraries(Path folder) throws IOException {
        if (!Files.isDirectory(folder) || !Files.isReadable(folder)) {
            return false;
        }
        try (DirectoryStream<Path> versions = Files.newDirectoryStream(folder, Files::isDirectory)) {
            for (Path version : versions) {
                if (Files.exists(version.resolve(System.mapLibraryName("torch"))) && holdsJni(version)) {
                    return true;
                }
            }
        }
        return false;
    }

    private static boolean holdsJni(Path version) throws IOException {
        try (DirectoryStream<Path> files =
                Files.newDirectoryStream(version, "*" + System.mapLibraryName("djl_torch"))) {
            return files.iterator().hasNext();
        }
    }

    /** Whether Linux mounts the folder with noexec, so that unpacking would be in vain. */
    private static boolean isNoExec(Path folder) throws IOException {
        if (!Files.isReadable(MOUNTS)) {
            return false;
        }
        Path real = folder.toRealPath();
        int depth = -1;
        boolean noExec = false;
        for (String line : Files.readAllLines(MOUNTS)) {
            String[] fields = line.split(" ");
            // The folder is in the deepest mount; if several are in one place, in the last one.
            if (fields.length > 3 && fields[1].startsWith("/")) {
                Path mount = Path.of(unescaped(fields[1]));
                if (real.startsWith(mount) && mount.getNameCount() >= depth) {
                    depth = mount.getNameCount();
                    noExec = Arrays.asList(fields[3].split(",")).contains("noexec");
                }
            }
        }
        return noExec;
    }

    /** Spaces and similar characters are written as a backslash and three octal digits. */
    private static String unescaped(String field) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < field.length(); i++) {
            if (field.charAt(i) == '\\' && field.substring(i + 1).matches("(?s)[0-7]{3}.*")) {
                text.append((char) Integer.parseInt(field.substring(i + 1, i + 4), 8));
                i += 3;
            } else {
                text.append(field.charAt(i));
            }
        }
        return text.toString();
    }
}
