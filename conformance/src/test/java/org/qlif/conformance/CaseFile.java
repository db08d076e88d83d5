// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** A golden case taken apart, to be changed and written again. */
final class CaseFile {
    /** A tensor of the file. */
    static final class Entry {
        String type;
        long[] shape;
        byte[] data;

        Entry(String type, long[] shape, byte[] data) {
            this.type = type;
            this.shape = shape;
            this.data = data;
        }

        /** Sets an element of an F32 tensor. */
        void set(int index, float value) {
            ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).putFloat(4 * index, value);
        }

        float get(int index) {
            return ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).getFloat(4 * index);
        }

        int elements() {
            return data.length / (type.equals("U8") ? 1 : 4);
        }
    }

    final Map<String, String> metadata = new LinkedHashMap<>();
    final Map<String, Entry> tensors = new LinkedHashMap<>();

    /** The bytes of a file with this header and as many bytes of data. */
    static byte[] bytes(String header, int dataBytes) {
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + text.length + dataBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(text.length)
                .put(text)
                .array();
    }

    /** The repository's case of that name. */
    static CaseFile of(String name) throws IOException {
        byte[] bytes = Files.readAllBytes(Golden.folder().resolve(name + ".safetensors"));
        int length = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
        JsonObject header = JsonParser.parseString(new String(bytes, 8, length, StandardCharsets.UTF_8))
                .getAsJsonObject();
        CaseFile file = new CaseFile();
        header.remove("__metadata__")
                .getAsJsonObject()
                .entrySet()
                .forEach(
                        each -> file.metadata.put(each.getKey(), each.getValue().getAsString()));
        header.entrySet().forEach(each -> {
            JsonObject entry = each.getValue().getAsJsonObject();
            long[] place = new Gson().fromJson(entry.get("data_offsets"), long[].class);
            file.put(
                    each.getKey(),
                    entry.get("dtype").getAsString(),
                    Arrays.copyOfRange(bytes, 8 + length + (int) place[0], 8 + length + (int) place[1]),
                    new Gson().fromJson(entry.get("shape"), long[].class));
        });
        return file;
    }

    CaseFile put(String name, String type, byte[] data, long... shape) {
        tensors.put(name, new Entry(type, shape, data));
        return this;
    }

    /** Adds an F32 tensor of zeros. */
    CaseFile putZeros(String name, long... shape) {
        long elements = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        return put(name, "F32", new byte[Math.toIntExact(4 * elements)], shape);
    }

    Entry get(String name) {
        return tensors.get(name);
    }

    byte[] bytes() {
        JsonObject header = new JsonObject();
        header.add("__metadata__", new Gson().toJsonTree(metadata));
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        tensors.forEach((name, tensor) -> {
            JsonObject entry = new JsonObject();
            entry.addProperty("dtype", tensor.type);
            entry.add("shape", new Gson().toJsonTree(tensor.shape));
            entry.add("data_offsets", new Gson().toJsonTree(new long[] {data.size(), data.size() + tensor.data.length
                    }));
            header.add(name, entry);
            data.writeBytes(tensor.data);
        });
        byte[] text = new Gson().toJson(header).getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + text.length + data.size())
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(text.length)
                .put(text)
                .put(data.toByteArray())
                .array();
    }

    Path write(Path path) throws IOException {
        return Files.write(path, bytes());
    }
}
