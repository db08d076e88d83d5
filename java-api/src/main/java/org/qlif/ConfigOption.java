// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.List;

/**
 * One option of a neuron model's configuration: a row of the table behind the text form, the command line, files and native code.
 *
 * <pre>{@code
 * for (ConfigOption option : config.options()) {
 *     System.out.println(option.name() + "=" + option.text(config) + ", " + option.expected());
 * }
 * }</pre>
 */
public abstract class ConfigOption {
    /** The kind of an option's values. */
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

    /** The text of a number that is derived from other options. */
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

    /** The kind of its values. */
    public final Kind kind() {
        return kind;
    }

    /** Its range in words, such as {@code a finite number > 0}. */
    public final String expected() {
        return expected;
    }

    /** The names of a CHOICE, in the order of their numbers; empty for other kinds. */
    public final List<String> choices() {
        return choices;
    }

    /** Whether a NUMBER is optional: it can be {@value #DERIVED}. */
    public boolean derivable() {
        return false;
    }

    /** The value in {@code config}, a configuration of this option's model, as in its text form. */
    public abstract String text(NeuronConfig config);

    /**
     * The value in {@code config} as a number: 0 or 1 for a FLAG, the number of a CHOICE or -1 if it is not among the {@link #choices}, and
     * the derived value of a NUMBER that is not set.
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
