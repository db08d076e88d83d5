// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWriter;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWriter;
import org.qlif.io.FileFormatException;
import org.qlif.network.Checkpoint;
import scala.Option;

/** A model in a folder of any file system that Spark supports: Spark's metadata with the params, and the network's file. */
final class ModelFolder {
    static final String METADATA = "metadata";
    static final String NETWORK = "network.safetensors";

    private ModelFolder() {}

    /** Writes a model. */
    static final class Writer extends MLWriter {
        private final SpikingClassifierModel model;
        private final SavedNetwork network;

        Writer(SpikingClassifierModel model, SavedNetwork network) {
            this.model = model;
            this.network = network;
        }

        @Override
        public void saveImpl(String path) {
            DefaultParamsWriter.saveMetadata(model, path, sparkSession());
            try {
                Path file = new Path(path, NETWORK);
                TrainingStore.writeAll(file.getFileSystem(sc().hadoopConfiguration()), file, network.bytes());
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        }
    }

    /** Reads a model. */
    static final class Reader extends MLReader<SpikingClassifierModel> {
        @Override
        public SpikingClassifierModel load(String path) {
            try {
                FileSystem files = new Path(path).getFileSystem(sc().hadoopConfiguration());
                for (String name : new String[] {METADATA, NETWORK}) {
                    if (!files.exists(new Path(path, name))) {
                        throw new IllegalArgumentException(path + ": got a folder without '" + name
                                + "', expected the complete folder of a SpikingClassifierModel");
                    }
                }
                DefaultParamsReader.Metadata metadata =
                        DefaultParamsReader.loadMetadata(path, sparkSession(), SpikingClassifierModel.class.getName());
                SavedNetwork network = new SavedNetwork(TrainingStore.readAll(files, new Path(path, NETWORK)));
                requireUsable(path, network);
                SpikingClassifierModel model = new SpikingClassifierModel(metadata.uid(), network);
                metadata.getAndSetParams(model, Option.empty());
                return model;
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        }

        private static void requireUsable(String path, SavedNetwork network) throws IOException {
            Checkpoint read;
            try {
                read = network.read();
            } catch (FileFormatException malformed) {
                // The file that it names was a temporary copy.
                throw new IllegalArgumentException(path + "/" + NETWORK + ": " + malformed.getMessage(), malformed);
            }
            if (read.steps().isEmpty()) {
                throw new IllegalArgumentException(path + "/" + NETWORK
                        + ": encoder: missing, expected 'poisson', for vectors that are shown as spikes");
            }
        }
    }
}
