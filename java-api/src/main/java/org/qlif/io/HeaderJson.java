// SPDX-License-Identifier: Apache-2.0
package org.qlif.io;

import java.nio.file.Path;
import org.qlif.spi.Printable;

/**
 * Reads the JSON in the header of a safetensors file: objects, arrays, strings and whole numbers, strictly by RFC 8259. The caller drives
 * the parser, so nesting costs no stack and duplicate keys are seen. Anything other than what the caller requests throws {@link
 * FileFormatException}.
 */
final class HeaderJson {
    private static final String WHAT = "header";

    private final Path file;
    private final String text;
    private int at;
    /** Whether the next value is the first of its object or array, with no comma before it. */
    private boolean first;

    HeaderJson(Path file, String text) {
        this.file = file;
        this.text = text;
    }

    void beginObject(String where) throws FileFormatException {
        begin('{', "a JSON object", where);
    }

    void beginArray(String where) throws FileFormatException {
        begin('[', "an array", where);
    }

    private void begin(char opening, String expected, String where) throws FileFormatException {
        if (peek() != opening) {
            throw unexpected(where, expected);
        }
        at++;
        first = true;
    }

    /** Whether the object or array has another element; consumes its end, or the comma before the next element. */
    boolean hasNext(char closing) throws FileFormatException {
        char next = peek();
        if (next == closing) {
            at++;
            first = false;
            return false;
        }
        if (!first) {
            if (next != ',') {
                throw bad();
            }
            at++;
        }
        first = false;
        return true;
    }

    String nextName() throws FileFormatException {
        if (peek() != '"') {
            throw bad();
        }
        String name = string();
        if (peek() != ':') {
            throw bad();
        }
        at++;
        return name;
    }

    String nextString(String where) throws FileFormatException {
        if (peek() != '"') {
            throw unexpected(where, "text");
        }
        return string();
    }

    /** A whole number that is not negative. */
    long nextNatural(String where) throws FileFormatException {
        char start = peek();
        if (start != '-' && !isDigit(start)) {
            throw unexpected(where, "a number");
        }
        int from = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String number = text.substring(from, at);
        try {
            // parseLong also accepts digits of other scripts and a plus sign, which are not JSON.
            if (number.matches("0|[1-9][0-9]{0,18}")) {
                return Long.parseLong(number);
            }
        } catch (NumberFormatException tooLarge) {
            throw new FileFormatException(file, naturalRefusal(where, number), tooLarge);
        }
        throw new FileFormatException(file, naturalRefusal(where, number));
    }

    private static String naturalRefusal(String where, String number) {
        return where + ": got " + Printable.text(number) + ", expected a whole number from 0 to 2^63 - 1";
    }

    /** Throws unless the text is at its end. */
    void end() throws FileFormatException {
        skipSpace();
        if (at < text.length()) {
            throw new FileFormatException(file, WHAT + ": got text after its JSON object");
        }
    }

    private String string() throws FileFormatException {
        StringBuilder string = new StringBuilder();
        at++;
        while (true) {
            char next = take();
            if (next == '"') {
                return string.toString();
            }
            if (next < ' ') {
                at--;
                throw bad();
            }
            string.append(next == '\\' ? escaped() : next);
        }
    }

    private char escaped() throws FileFormatException {
        char escape = take();
        return switch (escape) {
            case '"', '\\', '/' -> escape;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> {
                int unit = 0;
                for (int i = 0; i < 4; i++) {
                    char digit = take();
                    int value = digit < 128 ? Character.digit(digit, 16) : -1;
                    if (value < 0) {
                        throw bad();
                    }
                    unit = unit << 4 | value;
                }
                yield (char) unit;
            }
            default -> throw bad();
        };
    }

    private char take() throws FileFormatException {
        if (at == text.length()) {
            throw early();
        }
        return text.charAt(at++);
    }

    /** The next character that is not a space, without consuming it. */
    private char peek() throws FileFormatException {
        skipSpace();
        if (at == text.length()) {
            throw early();
        }
        return text.charAt(at);
    }

    private void skipSpace() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private static boolean isDigit(char character) {
        return character >= '0' && character <= '9';
    }

    private FileFormatException unexpected(String where, String expected) throws FileFormatException {
        char next = peek();
        String got = switch (next) {
            case '{' -> "a JSON object";
            case '[' -> "an array";
            case '"' -> "text";
            case 't', 'f' -> "true or false";
            case 'n' -> "null";
            default -> next == '-' || isDigit(next) ? "a number" : null;
        };
        return got == null ? bad() : new FileFormatException(file, where + ": got " + got + ", expected " + expected);
    }

    private FileFormatException bad() {
        return new FileFormatException(
                file, WHAT + ": got bad JSON at character " + (at + 1) + ", expected a JSON object");
    }

    private FileFormatException early() {
        return new FileFormatException(file, WHAT + ": got JSON that ends early");
    }
}
