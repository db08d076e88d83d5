// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.util.SerializableConfiguration;

/**
 * A folder with the checkpoints of one training, in a file system that all executors can access. A file is written under another name and
 * then renamed, and never changed.
 *
 * @param folder its address
 * @param configuration of Hadoop's file systems
 */
record TrainingStore(String folder, SerializableConfiguration configuration) implements Serializable {
    private static final long serialVersionUID = 1;
    private static final Pattern NAME = Pattern.compile("epoch-(\\d{9})\\.safetensors");

    private FileSystem files() throws IOException {
        return new Path(folder).getFileSystem(configuration.value());
    }

    /** The name of the newest checkpoint, or an empty text if there is none. */
    String newest() throws IOException {
        String newest = "";
        try {
            for (FileStatus file : files().listStatus(new Path(folder))) {
                Matcher name = NAME.matcher(file.getPath().getName());
                // All have the same number of digits.
                if (name.matches() && name.group().compareTo(newest) > 0) {
                    newest = name.group();
                }
            }
        } catch (FileNotFoundException none) {
            return "";
        }
        return newest;
    }

    /** Reads a checkpoint. */
    SavedNetwork read(String name) throws IOException {
        return new SavedNetwork(readAll(files(), new Path(folder, name)));
    }

    /** Stores a checkpoint after {@code epochs} epochs. */
    void write(int epochs, SavedNetwork checkpoint) throws IOException {
        Path name = new Path(folder, String.format("epoch-%09d.safetensors", epochs));
        Path temporary = new Path(folder, "." + UUID.randomUUID());
        FileSystem files = files();
        writeAll(files, temporary, checkpoint.bytes());
        // Another attempt of this task may have written it already, with the same bytes.
        if (!files.rename(temporary, name)) {
            files.delete(temporary, false);
        }
    }

    /** Removes the folder. */
    void delete() throws IOException {
        files().delete(new Path(folder), true);
    }

    static byte[] readAll(FileSystem files, Path path) throws IOException {
        try (FSDataInputStream in = files.open(path)) {
            return in.readAllBytes();
        }
    }

    static void writeAll(FileSystem files, Path path, byte[] bytes) throws IOException {
        try (FSDataOutputStream out = files.create(path, false)) {
            out.write(bytes);
        }
    }
}
