// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.math.BigInteger;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * The extents of a run.
 *
 * @param steps T, the time steps
 * @param batch B
 * @param neurons N
 */
record Shape(long steps, long batch, long neurons) {
    /** Tensors are on the Java heap, where this is about the longest array. */
    private static final long LARGEST = Integer.MAX_VALUE - 8;

    /** T * B * N. */
    long neuronSteps() {
        return steps * batch * neurons;
    }

    /** Reads {@code T,B,N}. */
    static final class Converter implements ITypeConverter<Shape> {
        @Override
        public Shape convert(String text) {
            // Limit -1 keeps empty parts at the end, so that "1,2,3," is refused.
            String[] parts = text.split(",", -1);
            BigInteger[] extents = new BigInteger[parts.length];
            BigInteger product = BigInteger.ONE;
            for (int i = 0; i < parts.length; i++) {
                String part = parts[i].strip();
                if (!part.matches("[0-9]+") || part.matches("0+") || parts.length != 3) {
                    throw refusal(text);
                }
                extents[i] = new BigInteger(part);
                product = product.multiply(extents[i]);
            }
            if (product.compareTo(BigInteger.valueOf(LARGEST)) > 0) {
                throw refusal(text);
            }
            return new Shape(extents[0].longValue(), extents[1].longValue(), extents[2].longValue());
        }

        private static TypeConversionException refusal(String text) {
            return new TypeConversionException("got '" + text
                    + "', expected three whole numbers T,B,N of at least 1, such as 20,128,512, whose product is at most "
                    + LARGEST);
        }
    }
}
