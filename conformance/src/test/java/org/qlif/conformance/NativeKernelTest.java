// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.fail;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.qlif.Backward;
import org.qlif.ConfigOption;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.NativeException;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifTrace;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.gpu.CudaKernel;

/** What is special about calls that leave Java: nothing wrong may get there, since nothing there would catch it. */
@RequiresDevice("cpu:native")
class NativeKernelTest {
    private static final Device DEVICE = Device.of("cpu:native");
    private static final QlifConfig CONFIG = QlifConfig.defaults();

    private static Kernel open() {
        return Kernel.open(CONFIG, DEVICE, KernelOptions.defaults().withThreads(2));
    }

    /** Valid calls of random shapes, in each of which one tensor is then swapped for one that is wrong in some way. */
    @Test
    @SuppressWarnings("restricted")
    void refusesWhateverIsWrong() throws Exception {
        List<BiConsumer<Forward, Tensor>> slots = new ArrayList<>(List.of(
                Forward::input,
                Forward::modulation,
                Forward::uniforms,
                Forward::normals,
                Forward::spikes,
                Forward::spikeValues,
                Forward::voltages));
        for (QlifTrace trace : QlifTrace.values()) {
            slots.add((forward, tensor) -> forward.trace(trace, tensor));
        }
        try (Kernel kernel = open();
                var elsewhere = Executors.newSingleThreadExecutor();
                Arena shared = Arena.ofShared()) {
            for (int i = 0; i < Seeds.cases(400); i++) {
                long seed = Seeds.of(i);
                RandomGenerator random = Seeds.random(seed);
                Shape shape = new Shape(1 + random.nextInt(70), 1 + random.nextInt(3), 1 + random.nextInt(70));
                Scenario scenario = Scenario.random(random, CONFIG, shape);
                int slot = random.nextInt(slots.size());
                DType wrongType = slots.get(slot) == slots.get(4) ? DType.F32 : DType.U8;
                long[] extents = shape.extents();
                long[] longer = {extents[0], extents[1], extents[2] + 1};
                Tensor wrong = switch (random.nextInt(6)) {
                    case 0 -> Tensor.zeros(wrongType, longer);
                    case 1 -> Tensor.zeros(DType.F32, extents[0] + 1, extents[1], extents[2]);
                    case 2 -> Tensor.zeros(DType.F32, extents[0], 1, extents[1], extents[2], 1);
                    case 3 -> closed(extents);
                    case 4 ->
                        elsewhere
                                .submit(() -> Tensor.of(
                                        DType.F32, Arena.ofConfined().allocate(4L * shape.size(), 4), extents))
                                .get();
                    default ->
                        Tensor.on(
                                Device.of("cuda:3"),
                                DType.F32,
                                MemorySegment.ofAddress(64).reinterpret(4L * shape.size(), shared, null),
                                extents);
                };
                String context = Seeds.replay(seed) + ": slot " + slot + ", " + wrong + ", " + scenario;
                try (Memory memory = new Memory(Memory.Kind.ALIGNED)) {
                    Forward forward = scenario.forward(memory, _ -> true);
                    slots.get(slot).accept(forward, wrong);
                    assertThatThrownBy(() -> kernel.forward(forward))
                            .as(context)
                            .isInstanceOfAny(
                                    IllegalArgumentException.class,
                                    IllegalStateException.class,
                                    WrongThreadException.class);
                    if (forward.voltages() != wrong) {
                        Memory.assertPoisoned(forward.voltages());
                    }
                    memory.assertGuardsIntact();
                }
            }
            Scenario.random(Seeds.random(1), CONFIG, new Shape(9, 2, 33)).run(kernel, Tape.Mode.COMPACT);
        }
    }

    private static Tensor closed(long... shape) {
        try (Arena arena = Arena.ofShared()) {
            return Tensor.of(DType.F32, arena.allocate(Tensor.byteSize(DType.F32, shape), 4), shape);
        }
    }

    @Test
    void refusesASecondThreadMeanwhile() throws Exception {
        Shape shape = new Shape(500, 16, 4096);
        Forward large = forward(shape);
        Forward small = forward(new Shape(1, 1, 1));
        Kernel kernel = open();
        try (var other = Executors.newSingleThreadExecutor()) {
            Future<?> running = other.submit(() -> insist(kernel, large));
            boolean refused = false;
            while (!refused && !running.isDone()) {
                try {
                    kernel.forward(small);
                } catch (IllegalStateException busy) {
                    assertThat(busy).hasMessageContaining("this kernel");
                    refused = true;
                }
            }
            assertThat(refused).as("met the other thread inside its call").isTrue();
            // Waits for the call, which comes to its end.
            kernel.close();
            running.get(60, TimeUnit.SECONDS);
            assertThatThrownBy(() -> kernel.forward(small))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        }
    }

    /** Runs {@code call} as soon as the kernel is free. */
    private static void insist(Kernel kernel, Forward call) {
        while (true) {
            try {
                kernel.forward(call);
                return;
            } catch (IllegalStateException busy) {
                Thread.onSpinWait();
            }
        }
    }

    private static Forward forward(Shape shape) {
        return new Forward()
                .input(Tensor.zeros(DType.F32, shape.extents()))
                .parameters(Parameters.shared(CONFIG))
                .draws(new DrawStream(1, 2))
                .spikes(Tensor.zeros(DType.U8, shape.extents()));
    }

    @Test
    void aTapeOutlivesItsKernel() {
        Kernel kernel = open();
        Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, 65, 2, 33);
        kernel.close();
        assertThat(tape.byteSize()).isPositive();
        tape.close();
        tape.close();
    }

    /** Memory that no machine has: refused with a typed exception, and the kernel lives on. */
    @Test
    void saysSoWhenMemoryRunsOut() {
        try (Kernel kernel = open()) {
            try (Tape impossible = kernel.newTape(Tape.Mode.VOLTAGE, 1L << 20, 1L << 20, 1L << 10)) {
                fail("got a tape of " + impossible.byteSize() + " bytes");
            } catch (NativeException failure) {
                assertThat(failure.kind()).isEqualTo(NativeException.Kind.OUT_OF_MEMORY);
                assertThat(failure.cudaError()).isZero();
                assertThat(failure.status()).isNotZero();
                assertThat(failure).hasMessageContaining("qlif_tape_open");
            }
            kernel.forward(forward(new Shape(3, 2, 5)));
        }
    }

    /** The library checks the numbers that it is given; whatever a legal configuration derives must be among those that it takes. */
    @Test
    void takesEveryLegalConfiguration() {
        int legal = 0;
        for (int i = 0; i < Seeds.cases(400); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            List<String> settings = CONFIG.options().stream()
                    .filter(_ -> random.nextInt(3) == 0)
                    .map(option -> option.name() + "=" + extreme(random, option))
                    .toList();
            QlifConfig config;
            try {
                config = CONFIG.with(settings);
            } catch (IllegalArgumentException refused) {
                assertThat(refused).as(Seeds.replay(seed)).isExactlyInstanceOf(IllegalArgumentException.class);
                continue;
            }
            legal++;
            try (Kernel kernel =
                    Kernel.open(config, DEVICE, KernelOptions.defaults().withThreads(1))) {
                kernel.forward(new Forward()
                        .input(Tensor.zeros(DType.F32, 2, 1, 3))
                        .parameters(Parameters.shared(
                                CONFIG.toBuilder().dt(config.dt()).build()))
                        .draws(new DrawStream(1, 2)));
            } catch (RuntimeException failure) {
                throw new AssertionError(Seeds.replay(seed) + ": " + config, failure);
            }
        }
        assertThat(legal).as("legal configurations").isPositive();
    }

    /** What is at the bounds of its range, or is not told from them in float32. */
    private static Object extreme(RandomGenerator random, ConfigOption option) {
        return switch (option.kind()) {
            case FLAG -> random.nextBoolean();
            case WHOLE -> (int) RandomConfigs.pick(random, 1, 2, 63, 64);
            case CHOICE -> RandomConfigs.choose(random, option.choices().toArray());
            case NUMBER ->
                switch (option.name()) {
                    // dt over each of them is finite in float32.
                    case "dt" -> RandomConfigs.pick(random, 1e-45, 1e-30, 1e30);
                    case "homeostasis_tau", "tau" -> RandomConfigs.pick(random, 1e-7, 3.4e38);
                    // One side of a pair each.
                    case "min_threshold" -> RandomConfigs.pick(random, 1e-45, 2 - 1e-15);
                    case "max_threshold" -> RandomConfigs.pick(random, 2, 3.4e38);
                    case "min_alpha" -> RandomConfigs.pick(random, 1e-45, 5);
                    case "max_alpha" -> RandomConfigs.pick(random, 5, 3.4e38);
                    case "theta_max" -> RandomConfigs.pick(random, 1e-300, Math.nextDown(Math.PI), Math.PI);
                    case "quantum_threshold" -> RandomConfigs.pick(random, Math.nextUp(-1.0), -0.0, Math.nextDown(1.0));
                    case "probability_floor" -> RandomConfigs.pick(random, -0.0, 1e-300, Math.nextDown(0.5));
                    case "reset_fraction", "depression_rate", "homeostasis_target_rate" ->
                        RandomConfigs.pick(random, -0.0, 1e-300, 1);
                    case "v_reset",
                            "g_ahp",
                            "homeostasis_lr",
                            "neuromod_strength",
                            "v_th",
                            "eta",
                            "q_scale",
                            "q_bias" -> RandomConfigs.pick(random, -3.4e38, -0.0, 1e-300, 3.4e38);
                    case "base_alpha", "tau_adapt", "tau_ref", "tau_ahp", "ahp_max", "surrogate_alpha" ->
                        RandomConfigs.pick(random, 1e-45, 2e-19, 1e-18, 3.4e38);
                    case "initial_probability" -> RandomConfigs.pick(random, 0.01, 0.99);
                    case "initial_slope" -> RandomConfigs.pick(random, -1e30, -0.0, 1e30);
                    default -> RandomConfigs.pick(random, -0.0, 0, 1e-300, 1e-45, 3.4e38);
                };
        };
    }

    /** Memory that is closed during a call stays until the call is done, and no thread ever sees it gone. */
    @Test
    @Timeout(240)
    void keepsArenasOpenDuringCalls(@TempDir Path folder) throws Exception {
        assertThat(fork(folder, List.of("-Xmx512m"), ForkedArenas.class))
                .contains("forward refused", "backward refused", "draw refused", "tape refused", "scratch refused");
    }

    /** Copies of arrays that the host has no room for are refused with a typed exception, and the kernel lives on. */
    @Test
    @Timeout(240)
    void saysSoWhenThereIsNoRoomForCopies(@TempDir Path folder) throws Exception {
        assertThat(fork(
                        folder,
                        List.of(
                                "-Xmx512m",
                                "-XX:+UnlockDiagnosticVMOptions",
                                "-XX:NativeMemoryTracking=summary",
                                "-XX:MallocLimit=other:8m:oom"),
                        ForkedScratch.class))
                .contains("OUT_OF_MEMORY", "lives on");
    }

    /** What {@code main} prints in a JVM of its own, which must end well. */
    private static List<String> fork(Path folder, List<String> options, Class<?> main) throws Exception {
        Path output = folder.resolve("output");
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:-CreateCoredumpOnCrash"));
        command.add("-XX:ErrorFile=" + folder.resolve("crash"));
        command.addAll(options);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName(), DEVICE.text()));
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            int exit = process.waitFor();
            assertThat(exit)
                    .as("exit code; output: %s", Files.readString(output))
                    .isZero();
        } finally {
            process.destroyForcibly();
        }
        return Files.readAllLines(output);
    }

    /** As many arenas as a call can have, and as few. */
    @ParameterizedTest
    @EnumSource(Memory.Kind.class)
    void takesMemoryOfAnyNumberOfArenas(Memory.Kind kind) {
        Scenario all;
        Result expected;
        try (Kernel oracle = Kernel.open(CONFIG, "cpu:scalar")) {
            all = withEverything(oracle);
            expected = all.run(oracle, Tape.Mode.VOLTAGE);
        }
        try (Kernel kernel = open()) {
            all.run(kernel, Tape.Mode.VOLTAGE, kind, _ -> true).assertSameBits(expected, all.toString());
            for (Predicate<String> wanted : List.<Predicate<String>>of(
                    "voltages"::equals, name -> name.startsWith("trace."), name -> name.startsWith("grad.parameter"))) {
                all.run(kernel, Tape.Mode.VOLTAGE, kind, wanted).assertSameBits(expected, wanted.toString());
            }
        }
    }

    /** The same with the tape and the scratch memory in arenas of their own. */
    @Test
    void takesATapeAndScratchOfFurtherArenas() {
        try (Kernel oracle = Kernel.open(CONFIG, "cpu:scalar");
                Kernel kernel = open();
                Memory memory = new Memory(Memory.Kind.SHARED)) {
            Scenario all = withEverything(oracle);
            Shape shape = all.shape();
            long bytes = kernel.tapeBytes(Tape.Mode.VOLTAGE, shape.steps(), shape.batch(), shape.neurons());
            try (Tape tape = kernel.newTape(
                    Tape.Mode.VOLTAGE,
                    shape.steps(),
                    shape.batch(),
                    shape.neurons(),
                    memory.poisoned(DType.U8, bytes))) {
                Forward forward = all.forward(memory, _ -> true).tape(tape);
                Backward backward = all.backward(forward, memory, _ -> true);
                backward.scratch(memory.poisoned(DType.U8, kernel.scratchBytes(backward)));
                kernel.forward(forward);
                kernel.backward(backward);
                memory.assertGuardsIntact();
                all.collect(forward, backward).assertSameBits(all.run(oracle, Tape.Mode.VOLTAGE), all.toString());
            }
        }
    }

    /** A scenario that lends all that can be lent. */
    private static Scenario withEverything(Kernel oracle) {
        for (int i = 0; ; i++) {
            Scenario scenario = Scenario.random(Seeds.random(Seeds.of(i)), CONFIG, new Shape(20, 2, 33))
                    .lendingDraws(oracle);
            if (scenario.modulation() != null
                    && scenario.initial() != null
                    && scenario.gradFinal() != null
                    && scenario.gradSpikeValues() != null
                    && scenario.gradVoltages() != null) {
                return scenario;
            }
        }
    }

    @Test
    void hasNoExtensions() {
        try (Kernel kernel = open()) {
            assertThat(kernel.extension(CudaKernel.class)).isEmpty();
        }
    }

    /** Kernels pass from thread to thread, virtual ones too. */
    @Test
    void runsOnAnyThread() throws Exception {
        Scenario scenario = Scenario.random(Seeds.random(Seeds.of(0)), CONFIG, new Shape(70, 2, 33));
        Result expected;
        try (Kernel oracle = Kernel.open(CONFIG, "cpu:scalar")) {
            expected = scenario.run(oracle, Tape.Mode.VOLTAGE);
        }
        try (Kernel kernel = open();
                var virtual = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 20; i++) {
                virtual.submit(() -> scenario.run(kernel, Tape.Mode.VOLTAGE).assertSameBits(expected, "virtual"))
                        .get();
            }
        }
    }
}
