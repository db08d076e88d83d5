// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** How our commands read their arguments. */
final class Converters {
    private Converters() {}

    /** A count of at least 1. */
    static final class Positive implements ITypeConverter<Integer> {
        @Override
        public Integer convert(String text) {
            try {
                int count = Integer.parseInt(text);
                if (count >= 1) {
                    return count;
                }
            } catch (NumberFormatException notANumber) {
                // Reported below, with what was expected.
            }
            throw new TypeConversionException("got '" + text + "', expected a whole number of at least 1");
        }
    }

    /** A {@link Model}. */
    static final class Models implements ITypeConverter<Model> {
        @Override
        public Model convert(String text) {
            try {
                return Model.of(text);
            } catch (IllegalArgumentException refused) {
                throw new TypeConversionException(refused.getMessage());
            }
        }
    }

    /** A {@link Shape}. */
    static final class Extents implements ITypeConverter<Shape> {
        @Override
        public Shape convert(String text) {
            try {
                return Shape.parse(text);
            } catch (IllegalArgumentException refused) {
                throw new TypeConversionException(refused.getMessage());
            }
        }
    }

    /** A {@link LinearShape}. */
    static final class Layers implements ITypeConverter<LinearShape> {
        @Override
        public LinearShape convert(String text) {
            try {
                return LinearShape.parse(text);
            } catch (IllegalArgumentException refused) {
                throw new TypeConversionException(refused.getMessage());
            }
        }
    }
}
