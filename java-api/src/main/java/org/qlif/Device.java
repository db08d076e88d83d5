// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The name of a device: {@code auto} for the best one, a kind such as {@code cpu} for the best of that kind, or a
 * kind and a qualifier, such as {@code cpu:simd}, for exactly that one. {@link Devices#list()} returns the devices of the installed
 * backends.
 *
 * <pre>{@code
 * Device best = Device.AUTO;
 * Device cpu = Device.of("cpu"); // the best on the CPU
 * Device secondGpu = Device.of("cuda:1"); // that one or an exception
 * }</pre>
 *
 * @param text the name
 */
public record Device(String text) {
    private static final Pattern GRAMMAR = Pattern.compile("[a-z]+(:[a-z0-9]+)?");

    /** The best device. */
    public static final Device AUTO = new Device("auto");

    /**
     * Checks the form; whether the device exists is checked when it is used.
     *
     * @throws IllegalArgumentException if the name is not lower-case letters, with or without a colon and a qualifier of
     *     lower-case letters and digits
     */
    public Device {
        Objects.requireNonNull(text, "device");
        if (!GRAMMAR.matcher(text).matches()) {
            throw new IllegalArgumentException(
                    "device: got '" + text
                            + "', expected 'auto', a kind such as 'cpu', or kind:qualifier such as 'cpu:simd', in lower-case letters and, after the colon, digits");
        }
    }

    /**
     * The device of this name.
     *
     * @throws IllegalArgumentException as the constructor
     */
    public static Device of(String text) {
        return new Device(text);
    }

    /** The part before the colon. */
    public String kind() {
        int colon = text.indexOf(':');
        return colon < 0 ? text : text.substring(0, colon);
    }

    // Written out, since linking the generated methods takes a new process several milliseconds.

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Device that && text.equals(that.text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    @Override
    public String toString() {
        return text;
    }
}
