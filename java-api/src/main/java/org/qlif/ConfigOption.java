// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.List;

/**
 * One option of a neuron model's configuration: a row of the table that the text form follows, and with it the command line, files and
 * native code.
 *
 * <pre>{@code
 * for (ConfigOption option : config.options()) {
 *     System.out.println(option.name() + "=" + option.text(config) + ", " + option.expected());
 * }
 * }</pre>
 */
public abstract class ConfigOption {
    /** What the values of an option are. */
    public enum Kind {
        /** {@code true} or {@code false}. */
        FLAG,
        /** A whole number. */
        WHOLE,
        /** A floating-point number. */
        NUMBER,
        /** One of the {@link ConfigOption#choices}. */
        CHOICE
    }

    /** The text of a number that is not given but follows from other options. */
    public static final String DERIVED = "derived";

    private final String name;
    private final Kind kind;
    private final String expected;
    private final List<String> choices;

    ConfigOption(String name, Kind kind, String expected, List<String> choices) {
        this.name = name;
        this.kind = kind;
        this.expected = expected;
        this.choices = List.copyOf(choices);
    }

    /** The name in text, in C and in docs/model.md, such as {@code tau_ref}. */
    public final String name() {
        return name;
    }

    /** What its values are. */
    public final Kind kind() {
        return kind;
    }

    /** Its range in words, such as {@code a finite number > 0}. */
    public final String expected() {
        return expected;
    }

    /** The names that a CHOICE has, in the order of their numbers; of other kinds none. */
    public final List<String> choices() {
        return choices;
    }

    /** Whether a NUMBER need not be given: it can be {@value #DERIVED}. */
    public boolean derivable() {
        return false;
    }

    /** The value in {@code config}, a configuration of this option's model, as its text form has it. */
    public abstract String text(NeuronConfig config);

    /**
     * The value in {@code config} as a number: 0 or 1 of a FLAG, the number of a CHOICE or -1 if it is none of the {@link #choices},
     * and the derived value of a NUMBER that is not given.
     */
    public abstract double number(NeuronConfig config);

    /** The name and the range. */
    @Override
    public final String toString() {
        return name + ": " + accepted();
    }

    /** Throws unless the value in {@code config} is in range. */
    abstract void check(NeuronConfig config);

    final IllegalArgumentException refusal(Object got) {
        return Range.refusal(name, got, accepted());
    }

    private String accepted() {
        return derivable() ? expected + " or " + DERIVED : expected;
    }
}
