// SPDX-License-Identifier: Apache-2.0
package org.qlif.simulation;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.qlif.spi.Printable;

/** Finds enum constants by the names that they print. */
final class Named {
    private Named() {}

    /** The constant of this name; otherwise throws, listing all constants. */
    static <E> E find(String what, E[] constants, String text) {
        for (E constant : constants) {
            if (constant.toString().equals(text)) {
                return constant;
            }
        }
        throw new IllegalArgumentException(what + ": got '" + Printable.text(text) + "', expected one of "
                + Arrays.stream(constants).map(Object::toString).collect(Collectors.joining(", ")));
    }
}
