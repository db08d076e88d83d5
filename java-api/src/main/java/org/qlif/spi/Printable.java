// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi;

import java.nio.file.Path;

/**
 * Makes text from a file or a command line safe to show in a message: one line of bounded length, without characters that control a
 * terminal or are invisible. Control, format, bidirectional and unassigned characters become escapes such as {@code \n} and {@code \u001B}.
 */
public final class Printable {
    /** Enough to recognize a name. */
    private static final int TEXT_LIMIT = 120;

    /** More than any path that people type. The middle is cut, since both ends distinguish files. */
    private static final int PATH_LIMIT = 600;

    private static final String CUT = "...";

    private Printable() {}

    /** {@code text}, cut after {@value #TEXT_LIMIT} characters. */
    public static String text(String text) {
        return text(text, TEXT_LIMIT);
    }

    /** {@code text}, cut after {@code limit} characters. */
    public static String text(String text, int limit) {
        StringBuilder shown = new StringBuilder();
        for (int at = 0; at < text.length(); ) {
            int character = text.codePointAt(at);
            String next = shown(character);
            if (shown.length() + next.length() > limit) {
                return shown + CUT;
            }
            shown.append(next);
            at += Character.charCount(character);
        }
        return shown.toString();
    }

    /** {@code path}; a path of more than {@value #PATH_LIMIT} characters loses its middle, and an empty one is shown in quotes. */
    public static String path(Path path) {
        String text = path.toString();
        if (text.isEmpty()) {
            return "''";
        }
        if (text.length() <= PATH_LIMIT) {
            return text(text, Integer.MAX_VALUE);
        }
        int head = PATH_LIMIT / 3;
        return text(text.substring(0, head), Integer.MAX_VALUE)
                + CUT
                + text(text.substring(text.length() - (PATH_LIMIT - head)), Integer.MAX_VALUE);
    }

    private static String shown(int character) {
        return switch (character) {
            case '\n' -> "\\n";
            case '\r' -> "\\r";
            case '\t' -> "\\t";
            case ' ' -> " ";
            default ->
                switch (Character.getType(character)) {
                    case Character.CONTROL,
                            Character.FORMAT,
                            Character.LINE_SEPARATOR,
                            Character.PARAGRAPH_SEPARATOR,
                            Character.SPACE_SEPARATOR,
                            Character.SURROGATE,
                            Character.PRIVATE_USE,
                            Character.UNASSIGNED -> escape(character);
                    default -> Character.toString(character);
                };
        };
    }

    private static String escape(int character) {
        return Character.isBmpCodePoint(character)
                ? String.format("\\u%04X", character)
                : String.format("\\u{%X}", character);
    }
}
