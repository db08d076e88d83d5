// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Closes several things, whatever one of them throws. */
final class Closing {
    private Closing() {}

    /** Closes all; throws the first failure once the others have been closed. */
    static void all(List<? extends AutoCloseable> held) {
        RuntimeException first = null;
        for (AutoCloseable each : held) {
            first = close(each, first);
        }
        if (first != null) {
            throw first;
        }
    }

    private static @Nullable RuntimeException close(AutoCloseable each, @Nullable RuntimeException first) {
        try {
            each.close();
            return first;
        } catch (RuntimeException failure) {
            return first == null ? failure : first;
        } catch (Exception checked) {
            throw new AssertionError("nothing here throws a checked exception", checked);
        }
    }
}
