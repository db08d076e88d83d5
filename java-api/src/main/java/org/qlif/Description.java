// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/** The line that an object shows in a debugger: its type, and in brackets what it has. */
final class Description {
    private final StringJoiner parts;

    /** Begins with the type's name. */
    Description(String type) {
        parts = new StringJoiner(", ", type + "[", "]");
    }

    /** Adds something that speaks for itself. */
    Description add(String part) {
        parts.add(part);
        return this;
    }

    /** Adds what has a name, unless it is absent. */
    Description add(String name, @Nullable Object value) {
        if (value != null) {
            parts.add(name + "=" + value);
        }
        return this;
    }

    /** Adds something that speaks for itself where it is so. */
    Description addIf(boolean so, String part) {
        return so ? add(part) : this;
    }

    @Override
    public String toString() {
        return parts.toString();
    }
}
