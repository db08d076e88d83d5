// SPDX-License-Identifier: Apache-2.0
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.qlif.Device;
import org.qlif.training.Training;
import org.qlif.training.TrainingListener;
import org.qlif.training.TrainingOptions;
import org.qlif.training.TrainingResult;

/** The example learns what {@code ./qlif train} learns, and gets the same of the test images right. */
class SpikingDigitsTest {
    private static final Path FOLDER = Path.of("../data/mnist");

    @Test
    void learnsAsOneMachine() throws Exception {
        TrainingResult expected = Training.run(
                TrainingOptions.builder()
                        .data(FOLDER)
                        .trainImages(1000)
                        .epochs(3)
                        .device(Device.of("cpu"))
                        .build(),
                new TrainingListener() {});
        try (SparkSession spark = SparkSession.builder()
                .master("local[2]")
                .config("spark.ui.enabled", false)
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .getOrCreate()) {
            assertThat(SpikingDigits.train(spark, FOLDER, 1000, 3))
                    .isEqualTo(expected.epochs().getLast().testAccuracy())
                    .isGreaterThan(0.6);
        }
    }
}
