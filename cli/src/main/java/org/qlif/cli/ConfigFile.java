// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.EOFException;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.qlif.io.FileFormatException;
import org.qlif.spi.Printable;

/**
 * A configuration in a file: a JSON object of option names and their values, such as {@code {"model": "QLIF", "tau": 30, "use_ahp": false}}.
 *
 * @param model the model's name, or null if the file has none
 * @param settings each option as {@code --set} takes it
 */
record ConfigFile(String model, List<String> settings) {
    private static final String MODEL = "model";

    /** Far more than all options need. */
    private static final long MOST_BYTES = 1 << 20;

    static ConfigFile read(Path file) throws IOException {
        if (Files.isRegularFile(file) && Files.size(file) > MOST_BYTES) {
            throw new FileFormatException(file, "got " + Files.size(file) + " bytes, expected at most " + MOST_BYTES);
        }
        if (Files.isDirectory(file)) {
            throw new FileFormatException(file, "got a folder, expected a file with a JSON object");
        }
        try (Reader text = Files.newBufferedReader(file);
                JsonReader json = new JsonReader(text)) {
            json.setStrictness(Strictness.STRICT);
            return read(file, json);
        } catch (MalformedJsonException | EOFException malformed) {
            // Gson's message has the position, on several lines and with a link.
            String where = malformed.getMessage().replaceAll("(?s).* at (line \\d+ column \\d+).*", "$1");
            throw new FileFormatException(file, "got bad JSON at " + where + ", expected a JSON object", malformed);
        } catch (CharacterCodingException notText) {
            throw new FileFormatException(file, "got bytes that are not UTF-8, expected a JSON object", notText);
        }
    }

    private static ConfigFile read(Path file, JsonReader json) throws IOException {
        if (json.peek() != JsonToken.BEGIN_OBJECT) {
            throw new FileFormatException(file, "got " + name(json.peek()) + ", expected a JSON object");
        }
        String model = null;
        List<String> settings = new ArrayList<>();
        json.beginObject();
        while (json.hasNext()) {
            String option = json.nextName();
            String value = switch (json.peek()) {
                case BOOLEAN -> Boolean.toString(json.nextBoolean());
                case NUMBER, STRING -> json.nextString();
                default ->
                    throw new FileFormatException(
                            file,
                            Printable.text(option) + ": got " + name(json.peek())
                                    + ", expected a number, text, true or false");
            };
            if (!option.equals(MODEL)) {
                settings.add(option + "=" + value);
            } else if (model != null) {
                throw new FileFormatException(file, MODEL + ": there twice");
            } else {
                model = value;
            }
        }
        json.endObject();
        // Refuses anything after the object.
        json.peek();
        return new ConfigFile(model, List.copyOf(settings));
    }

    private static String name(JsonToken token) {
        return switch (token) {
            case BEGIN_OBJECT -> "an object";
            case BEGIN_ARRAY -> "an array";
            case STRING -> "text";
            case NUMBER -> "a number";
            case BOOLEAN -> "true or false";
            case NULL -> "null";
            default -> "nothing";
        };
    }
}
