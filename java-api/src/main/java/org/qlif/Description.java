// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/** Builds the text of {@code toString()}: an object's type and, in brackets, its parts. */
final class Description {
    private final StringJoiner parts;

    /** Begins with the type's name. */
    Description(String type) {
        parts = new StringJoiner(", ", type + "[", "]");
    }

    /** Adds a part without a name. */
    Description add(String part) {
        parts.add(part);
        return this;
    }

    /** Adds a named part, unless it is absent. */
    Description add(String name, @Nullable Object value) {
        if (value != null) {
            parts.add(name + "=" + value);
        }
        return this;
    }

    /** Adds a part without a name if {@code so}. */
    Description addIf(boolean so, String part) {
        return so ? add(part) : this;
    }

    @Override
    public String toString() {
        return parts.toString();
    }
}
