// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;

/**
 * Information about the library as a whole.
 *
 * <pre>{@code
 * System.out.println("QLIF " + Qlif.version() + " with " + Devices.list());
 * }</pre>
 */
public final class Qlif {
    private static final String FILE = "version.properties";

    private Qlif() {}

    /** The library's version, such as {@code 0.1.0}. */
    public static String version() {
        return Version.TEXT;
    }

    /** Read once, on first use. */
    private static final class Version {
        /** From a file of the build, not from the manifest, which merged jars lose. */
        static final String TEXT = read();

        private static String read() {
            Properties properties = new Properties();
            try (InputStream file = Qlif.class.getResourceAsStream(FILE)) {
                if (file == null) {
                    throw new IllegalStateException("this library is incomplete: it lacks the file " + FILE
                            + " of package " + Qlif.class.getPackageName());
                }
                properties.load(file);
            } catch (IOException unreadable) {
                throw new UncheckedIOException("can't read " + FILE, unreadable);
            }
            return properties.getProperty("version");
        }
    }
}
