// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.util.random.RandomGenerator;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * Opens, runs and closes a kernel of ever new configurations on a device, and prints by how many KiB the metaspace has grown between
 * the first round, after which every cache is full, and the last; and how many classes it took to open again what is open.
 */
final class ForkedConfigurations {
    private static final int ROUNDS = 4;

    private ForkedConfigurations() {}

    public static void main(String[] arguments) throws Exception {
        Device device = Device.of(arguments[0]);
        int configurations = Integer.parseInt(arguments[1]);
        RandomGenerator random = RandomGenerator.of("L64X128MixRandom");
        long first = 0;
        long last = 0;
        for (int round = 0; round < ROUNDS; round++) {
            for (int i = 0; i < configurations; i++) {
                run(RandomConfigs.next(random, device), device);
            }
            last = metaspaceKibibytes();
            first = round == 0 ? last : first;
        }
        System.out.println("grown by KiB -> " + (last - first));
        System.out.println("classes for the same again -> " + classesForTheSame(device));
    }

    private static void run(QlifConfig config, Device device) {
        try (Kernel kernel =
                        Kernel.open(config, device, KernelOptions.defaults().withThreads(1));
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, 3, 1, 17)) {
            run(kernel, tape);
        }
    }

    private static void run(Kernel kernel, Tape tape) {
        Forward forward = new Forward()
                .input(Tensor.zeros(DType.F32, 3, 1, 17))
                .parameters(Parameters.shared(kernel.config()))
                .draws(new DrawStream(1, 2))
                .tape(tape);
        kernel.forward(forward);
        kernel.backward(new Backward(forward).gradInput(Tensor.zeros(DType.F32, 3, 1, 17)));
    }

    private static long classesForTheSame(Device device) {
        QlifConfig config = QlifConfig.defaults();
        try (Kernel kernel =
                        Kernel.open(config, device, KernelOptions.defaults().withThreads(1));
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, 3, 1, 17)) {
            run(kernel, tape);
            run(config, device);
            System.gc();
            long before = ManagementFactory.getClassLoadingMXBean().getTotalLoadedClassCount();
            run(config, device);
            return ManagementFactory.getClassLoadingMXBean().getTotalLoadedClassCount() - before;
        }
    }

    /** What is used after collections: the second takes what the first has only found. */
    private static long metaspaceKibibytes() throws InterruptedException {
        for (int i = 0; i < 3; i++) {
            System.gc();
            Thread.sleep(50);
        }
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                        .filter(pool -> pool.getName().equals("Metaspace"))
                        .map(MemoryPoolMXBean::getUsage)
                        .findFirst()
                        .orElseThrow()
                        .getUsed()
                >> 10;
    }
}
