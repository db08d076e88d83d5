// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

/**
 * A valid call, spoiled, that must be refused.
 *
 * @param <C> what holds the call
 * @param name what is wrong with it
 * @param type the exception
 * @param message what its message begins with, or contains
 * @param spoiler what spoils it
 */
record Refusal<C>(String name, Class<? extends Exception> type, String message, Spoiler<C> spoiler) {
    /** Spoils a valid call. */
    interface Spoiler<C> {
        void spoil(C call) throws Exception;
    }

    /** One by {@link IllegalArgumentException}. */
    static <C> Refusal<C> refusal(String name, String message, Spoiler<C> spoiler) {
        return new Refusal<>(name, IllegalArgumentException.class, message, spoiler);
    }
}
