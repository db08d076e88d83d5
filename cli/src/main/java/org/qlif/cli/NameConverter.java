// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Reads enum constants by the names that they print. Unlike picocli's own converter, it lists them in its message.
 *
 * @param <E> the enum
 */
final class NameConverter<E extends Enum<E>> implements ITypeConverter<E> {
    private final E[] constants;

    NameConverter(Class<E> type) {
        constants = type.getEnumConstants();
    }

    @Override
    public E convert(String text) {
        return Arrays.stream(constants)
                .filter(constant -> constant.toString().equalsIgnoreCase(text))
                .findFirst()
                .orElseThrow(() -> new TypeConversionException("got '" + text + "', expected one of "
                        + Arrays.stream(constants)
                                .map(constant -> constant.toString().toLowerCase(Locale.ROOT))
                                .collect(Collectors.joining(", "))));
    }
}
