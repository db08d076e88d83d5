// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Positions in a model's lists of parameters, state variables and traces, which are open interfaces: anybody can implement them. */
final class Ordinals {
    private Ordinals() {}

    /**
     * The position of {@code item} in {@code all}, of which it must be one.
     *
     * @param name the argument that it was given for
     */
    static <T> int of(String name, List<? extends T> all, T item, int ordinal) {
        if (ordinal < 0 || ordinal >= all.size() || all.get(ordinal) != item) {
            throw new IllegalArgumentException(name + ": got " + named(item) + ", expected one of " + all);
        }
        return ordinal;
    }

    /** The item's name, with its type if that is one of ours, since two models have parameters of the same name. */
    private static String named(@Nullable Object item) {
        return item instanceof Enum<?> constant
                ? constant.getDeclaringClass().getSimpleName() + "." + constant.name()
                : String.valueOf(item);
    }
}
