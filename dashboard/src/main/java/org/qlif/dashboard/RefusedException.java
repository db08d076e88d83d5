// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import java.util.Map;

/** Thrown if a request can't be met. The page shows the message at the settings that it concerns. */
final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient Map<String, String> fields;
    private final boolean replied;

    /**
     * @param fields what is wrong with settings, by key; may be empty
     * @param replied whether this is an answer rather than a failure
     */
    RefusedException(String message, Map<String, String> fields, boolean replied) {
        super(message);
        this.fields = Map.copyOf(fields);
        this.replied = replied;
    }

    boolean replied() {
        return replied;
    }

    Map<String, String> fields() {
        return fields;
    }
}
