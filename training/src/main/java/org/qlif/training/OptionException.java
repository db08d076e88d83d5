// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/** A training option was refused; the message names the option, what came and what was expected. */
public final class OptionException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    /** The library's refusal of what the option {@code name} says. */
    OptionException(String name, IllegalArgumentException refusal) {
        super(name + ": " + refusal.getMessage(), refusal);
    }

    /** The option {@code name} was {@code got}. */
    public OptionException(String name, Object got, String expected) {
        super(name + ": got " + got + ", expected " + expected);
    }
}
