// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.Serializable;
import java.util.Arrays;
import java.util.function.Predicate;
import scala.Function1;

/**
 * Checks the values of a param. The message has the param's name, the value and, unlike Spark's own, what was expected.
 *
 * @param <T> the values
 */
final class Checked<T> implements Function1<T, Object>, Serializable {
    private static final long serialVersionUID = 1;

    /** A test that can be sent to an executor. */
    interface Test<T> extends Predicate<T>, Serializable {}

    private final String name;
    private final Test<T> test;
    private final String expected;

    Checked(String name, Test<T> test, String expected) {
        this.name = name;
        this.test = test;
        this.expected = expected;
    }

    @Override
    public Object apply(T value) {
        boolean valid;
        String reason = "";
        try {
            valid = test.test(value);
        } catch (IllegalArgumentException refusal) {
            valid = false;
            reason = ": " + refusal.getMessage();
        }
        if (!valid) {
            String text = value instanceof int[] many
                    ? Arrays.toString(many)
                    : value instanceof Object[] many ? Arrays.toString(many) : value.toString();
            throw new IllegalArgumentException(name + ": got " + text + ", expected " + expected + reason);
        }
        return true;
    }
}
