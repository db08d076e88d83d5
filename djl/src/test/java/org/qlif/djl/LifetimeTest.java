// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What a training step makes is gone after it: arrays, native memory and Java's. */
class LifetimeTest {
    private static final Shape INPUT = new Shape(20, 32, 64);

    @TempDir
    private Path folder;

    /** Training, in a JVM of its own whose heap holds no two steps' arrays. */
    public static final class Training {
        private Training() {}

        /** Prints by how many MiB the process has grown from step 300 to step 800, and by how many arrays the engine has. */
        public static void main(String[] arguments) throws IOException {
            SequentialBlock net = new SequentialBlock()
                    .add(SpikeLinearBlock.builder().setUnits(256).build())
                    .add(QlifBlock.builder().build())
                    .add(Linear.builder().setUnits(256).build())
                    .add(LifBlock.builder().build())
                    .addSingleton(spikes -> spikes.mean(new int[] {0}))
                    .add(Linear.builder().setUnits(10).build());
            try (Model model = Model.newInstance("net", "PyTorch")) {
                model.setBlock(net);
                try (Trainer trainer =
                        new QlifTrainer(model, new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss()))) {
                    trainer.initialize(INPUT);
                    NDManager system = model.getNDManager();
                    steps(trainer, 300);
                    long memory = residentBytes();
                    int arrays = system.getManagedArrays().size();
                    steps(trainer, 500);
                    System.out.println((residentBytes() - memory >> 20) + " "
                            + (system.getManagedArrays().size() - arrays));
                }
            }
        }

        private static void steps(Trainer trainer, int count) {
            for (int step = 0; step < count; step++) {
                // Now and then another batch, as the last of an epoch is.
                long rows = step % 10 == 9 ? 7 : INPUT.get(1);
                try (NDManager batch = trainer.getManager().newSubManager()) {
                    NDArray input = batch.randomUniform(0, 1, new Shape(INPUT.get(0), rows, INPUT.get(2)));
                    NDArray labels = batch.randomInteger(0, 10, new Shape(rows), DataType.INT64);
                    try (GradientCollector collector = trainer.newGradientCollector()) {
                        NDList answer = trainer.forward(new NDList(input));
                        collector.backward(trainer.getLoss().evaluate(new NDList(labels), answer));
                    }
                    trainer.step();
                    trainer.evaluate(new NDList(input));
                }
            }
        }

        private static long residentBytes() throws IOException {
            System.gc();
            String[] fields = Files.readString(Path.of("/proc/self/statm")).split(" ");
            return Long.parseLong(fields[1]) * 4096;
        }
    }

    @Test
    @EnabledOnOs(value = OS.LINUX, disabledReason = "only Linux has /proc")
    void manyStepsUnderASmallHeapLeaveNothing() throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx48m",
                // The second compiler works late where processors are few, and what it works in would count.
                "-XX:TieredStopAtLevel=1",
                "--add-modules",
                "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-Dai.djl.offline=true",
                "-DOPT_OUT_TRACKING=true",
                "-cp",
                System.getProperty("java.class.path"),
                Training.class.getName()));
        Path out = folder.resolve("out");
        Path err = folder.resolve("err");
        Process process = new ProcessBuilder(command)
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start();
        boolean ended = process.waitFor(5, TimeUnit.MINUTES);
        process.destroyForcibly();
        assertThat(ended).as("ended in time").isTrue();
        assertThat(process.exitValue()).as(Files.readString(err)).isZero();
        String[] grown = Files.readString(out).strip().split(" ");
        // A step that kept one of its large arrays would make it 300 MiB; what the JVM itself adds is a few.
        assertThat(Long.parseLong(grown[0])).as("MiB").isLessThan(40);
        assertThat(Integer.parseInt(grown[1])).as("arrays").isZero();
    }
}
