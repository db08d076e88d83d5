// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.EOFException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.qlif.spi.Printable;

/**
 * Reads JSON text of a file as a stream, so that nesting costs no stack and duplicate keys are seen. Anything other than what the caller
 * requests throws {@link GoldenFormatException}, with its own message: the parser's messages are for its callers.
 */
final class StrictJson {
    /** The position in the parser's message: its first mention of a line, before any text of the file. */
    private static final Pattern PLACE = Pattern.compile("^[^$]*? at line (\\d+) column (\\d+) path ");

    private final Path file;
    private final String what;
    private final JsonReader json;

    /** Reads {@code text}, the part {@code what} of {@code file}. */
    StrictJson(Path file, String what, String text) {
        this.file = file;
        this.what = what;
        this.json = new JsonReader(new StringReader(text));
        json.setStrictness(Strictness.STRICT);
    }

    private interface Step<R> {
        R take() throws IOException;
    }

    private <R> R step(Step<R> step) {
        try {
            return step.take();
        } catch (EOFException early) {
            throw new GoldenFormatException(file, what + ": got JSON that ends early", early);
        } catch (IOException | JsonParseException | IllegalStateException | NumberFormatException bad) {
            Matcher place = PLACE.matcher(String.valueOf(bad.getMessage()));
            String where = place.find() ? " at line " + place.group(1) + ", column " + place.group(2) : "";
            throw new GoldenFormatException(file, what + ": got bad JSON" + where + ", expected a JSON object", bad);
        }
    }

    /** The kind of the next value. */
    JsonToken peek() {
        return step(json::peek);
    }

    void beginObject(String where) {
        expect(JsonToken.BEGIN_OBJECT, where);
        step(() -> {
            json.beginObject();
            return null;
        });
    }

    void endObject() {
        step(() -> {
            json.endObject();
            return null;
        });
    }

    boolean hasNext() {
        return step(json::hasNext);
    }

    String nextName() {
        return step(json::nextName);
    }

    String nextString(String where) {
        expect(JsonToken.STRING, where);
        return step(json::nextString);
    }

    /** The digits of a number. */
    String nextNumber(String where) {
        expect(JsonToken.NUMBER, where);
        return step(json::nextString);
    }

    boolean nextBoolean(String where) {
        expect(JsonToken.BOOLEAN, where);
        return step(json::nextBoolean);
    }

    /** Throws unless the text is at its end. */
    void end() {
        if (peek() != JsonToken.END_DOCUMENT) {
            throw new GoldenFormatException(file, what + ": got text after its JSON object");
        }
    }

    private void expect(JsonToken expected, String where) {
        JsonToken got = peek();
        if (got != expected) {
            throw new GoldenFormatException(file, where + ": got " + name(got) + ", expected " + name(expected));
        }
    }

    /** The name of {@code token} in messages. */
    static String name(JsonToken token) {
        return switch (token) {
            case BEGIN_OBJECT -> "a JSON object";
            case BEGIN_ARRAY -> "an array";
            case STRING -> "text";
            case NUMBER -> "a number";
            case BOOLEAN -> "true or false";
            case NULL -> "null";
            case NAME -> "a key";
            case END_OBJECT -> "the end of an object";
            case END_ARRAY -> "the end of an array";
            case END_DOCUMENT -> "the end";
        };
    }

    /** A name of the file as shown in messages. */
    static String quoted(String name) {
        return "'" + Printable.text(name) + "'";
    }
}
