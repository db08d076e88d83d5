// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import com.google.gson.Gson;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The result of a run, as bytes: the length of a JSON object in bytes (int32), the object, and the numbers of all series one after another
 * (float32), all little-endian. The object has the facts and, under {@code series}, each one's name, rows and columns, in order. Spaces pad it to a
 * multiple of four, so that a browser reads the numbers in place.
 */
final class Reply {
    private static final Gson GSON = new Gson();
    private static final int WORD = Integer.BYTES;

    private record Series(String name, int rows, int columns) {}

    private final Map<String, Object> facts = new LinkedHashMap<>();
    private final List<Series> series = new ArrayList<>();
    private final List<float[]> values = new ArrayList<>();

    /** Adds a fact; a number must be finite. */
    Reply fact(String name, Object value) {
        facts.put(name, value);
        return this;
    }

    /** Adds a series of {@code rows} times {@code columns} numbers. */
    Reply series(String name, int rows, int columns, float[] numbers) {
        series.add(new Series(name, rows, columns));
        values.add(numbers);
        return this;
    }

    /** The whole reply. */
    byte[] bytes() {
        facts.put("series", series);
        byte[] head = GSON.toJson(facts).getBytes(StandardCharsets.UTF_8);
        int padded = (head.length + WORD - 1) / WORD * WORD;
        int numbers = values.stream().mapToInt(array -> array.length).sum();
        ByteBuffer bytes = ByteBuffer.allocate(WORD + padded + numbers * Float.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(padded)
                .put(head);
        while (bytes.position() < WORD + padded) {
            bytes.put((byte) ' ');
        }
        for (float[] array : values) {
            bytes.asFloatBuffer().put(array);
            bytes.position(bytes.position() + array.length * Float.BYTES);
        }
        return bytes.array();
    }
}
