// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import org.jspecify.annotations.Nullable;

/** Checks labels. */
final class Classes {
    /** The maximum number of classes of a classifier. */
    static final int MOST = 65_536;

    private Classes() {}

    /** Why a label is not a class; null if it is one. */
    static @Nullable String fault(double label) {
        if (label >= 0 && label < MOST && label == Math.rint(label)) {
            return null;
        }
        return "got " + label + ", expected a class: a whole number from 0 to " + (MOST - 1);
    }
}
