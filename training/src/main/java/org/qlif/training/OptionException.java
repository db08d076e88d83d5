// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/** Thrown if a training option is refused. The message names the option, its value and what was expected. */
public final class OptionException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    /** The library's refusal of the option {@code name}. */
    OptionException(String name, IllegalArgumentException refusal) {
        super(name + ": " + refusal.getMessage(), refusal);
    }

    /** The option {@code name} was {@code got}. */
    public OptionException(String name, Object got, String expected) {
        super(name + ": got " + got + ", expected " + expected);
    }
}
