// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** The machine and the JDK, in words. */
final class Machine {
    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

    private Machine() {}

    /** The processor, such as {@code AMD EPYC (avx512f)}, as far as the system reports it. */
    static String processor() {
        String model = cpuInfo("model name").orElse(System.getProperty("os.arch"));
        String flags = " " + cpuInfo("flags").orElse("") + " ";
        Optional<String> vectors = Stream.of("avx512f", "avx2")
                .filter(flag -> flags.contains(" " + flag + " "))
                .findFirst();
        return vectors.map(flag -> model + " (" + flag + ")").orElse(model);
    }

    /** How many processors the JVM may use. */
    static int cores() {
        return Runtime.getRuntime().availableProcessors();
    }

    static String operatingSystem() {
        return System.getProperty("os.name") + " " + System.getProperty("os.arch");
    }

    static String jdk() {
        return System.getProperty("java.vendor") + " " + Runtime.version();
    }

    private static Optional<String> cpuInfo(String key) {
        try (Stream<String> lines = Files.lines(CPU_INFO)) {
            return lines.filter(line -> line.startsWith(key))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst();
        } catch (IOException notThere) {
            return Optional.empty();
        }
    }
}
