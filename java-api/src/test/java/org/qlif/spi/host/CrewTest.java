// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.KernelOptions;

final class CrewTest {
    private static Crew crew(int threads) {
        return new Crew(KernelOptions.defaults().withThreads(threads));
    }

    /** As a kernel does; returns how many members there were. */
    private static int run(Crew crew, Crew.Job job, int parts, boolean alone) {
        int members = crew.muster(parts, false, alone);
        try {
            crew.run(job, parts, members);
        } finally {
            crew.dismiss(members);
        }
        return members;
    }

    /** What a caller alone works in is no crew's own: a thousand small kernels need no thousand scratch memories. */
    @Test
    void callersAloneHandScratchOn() {
        try (Crew first = crew(2);
                Crew second = crew(1)) {
            float[][] found = new float[3][];
            for (int i = 0; i < 3; i++) {
                Crew crew = i == 1 ? second : first;
                assertThat(crew.muster(1, false, false)).isEqualTo(1);
                found[i] = crew.scratch(0, 1, 1000);
                assertThat(crew.scratch(0, 1, 500)).isSameAs(found[i]);
                crew.dismiss(1);
            }
            assertThat(found[1]).isSameAs(found[0]);
            assertThat(found[2]).isSameAs(found[0]);
            // Two that are alone at the same time have one each.
            first.muster(1, false, false);
            second.muster(1, false, false);
            float[] one = first.scratch(0, 1, 1000);
            assertThat(second.scratch(0, 1, 1000)).isNotSameAs(one);
            second.dismiss(1);
            first.dismiss(1);
        }
    }

    private static void runAndCheck(Crew crew, int parts) {
        AtomicIntegerArray done = new AtomicIntegerArray(parts);
        AtomicReference<Object> wrong = new AtomicReference<>();
        run(
                crew,
                (member, part) -> {
                    if (member < 0 || member >= crew.size()) {
                        wrong.set("member " + member);
                    }
                    done.incrementAndGet((int) part);
                },
                parts,
                false);
        for (int part = 0; part < parts; part++) {
            assertThat(done.get(part)).as("part %d of %d", part, parts).isEqualTo(1);
        }
        assertThat(wrong.get()).isNull();
    }

    private static List<Thread> helpers() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(Crew::isHelper)
                .toList();
    }

    /** Helpers end when the last crew is closed, not during that. */
    @AfterEach
    void noHelperStays() throws InterruptedException {
        for (Thread helper : helpers()) {
            helper.join(30_000);
        }
        assertThat(helpers()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void doesEveryPartOnceInJobAfterJob(int size) {
        try (Crew crew = crew(size)) {
            for (int job = 0; job < 20_000; job++) {
                runAndCheck(crew, job % 7);
            }
        }
    }

    /** A helper that is late for a job of the large crew must not turn up in the next one of the small crew. */
    @Test
    void membersOfALargerCrewKeepOutOfASmallerOnesJobs() {
        try (Crew large = crew(8);
                Crew small = crew(2)) {
            for (int job = 0; job < 20_000; job++) {
                runAndCheck(large, 9);
                runAndCheck(small, 5);
            }
        }
    }

    @Test
    void staysOnTheCallerWhenAlone() {
        try (Crew crew = crew(4)) {
            Set<Thread> threads = ConcurrentHashMap.newKeySet();
            int members = run(crew, (_, _) -> threads.add(Thread.currentThread()), 1000, true);
            assertThat(members).isEqualTo(1);
            assertThat(threads).containsExactly(Thread.currentThread());
        }
    }

    /** Crews share their helpers, of which there are as many as the largest needs, until the last is closed. */
    @Test
    void crewsShareHelpers() throws InterruptedException {
        Crew first = crew(3);
        assertThat(helpers()).hasSize(2);
        Crew second = crew(2);
        assertThat(helpers()).hasSize(2);
        Crew third = crew(5);
        List<Thread> helpers = helpers();
        assertThat(helpers).hasSize(4).allMatch(Thread::isDaemon);
        assertThat(helpers)
                .extracting(Thread::getName)
                .containsExactlyInAnyOrder("qlif-helper-1", "qlif-helper-2", "qlif-helper-3", "qlif-helper-4");
        runAndCheck(first, 20);
        third.close();
        first.close();
        runAndCheck(second, 20);
        assertThat(helpers()).hasSize(4);
        second.close();
        for (Thread helper : helpers) {
            helper.join(30_000);
            assertThat(helper.isAlive()).isFalse();
        }
        try (Crew again = crew(2)) {
            assertThat(helpers()).hasSize(1);
            runAndCheck(again, 20);
        }
    }

    /** While a job of another crew has the team, the caller is alone, with scratch of its own. */
    @Test
    void doesNotWaitForAnotherCrew() {
        try (Crew busy = crew(3);
                Crew other = crew(3)) {
            int members = busy.muster(10, false, false);
            assertThat(members).isEqualTo(3);
            float[] teams = busy.scratch(0, members, 100);
            for (int member = 1; member < members; member++) {
                assertThat(busy.scratch(member, members, 100)).isNotSameAs(teams);
            }
            assertThat(other.muster(10, false, false)).isEqualTo(1);
            assertThat(other.scratch(0, 1, 100)).isNotSameAs(teams);
            other.dismiss(1);
            busy.dismiss(members);
            assertThat(other.muster(10, false, false)).isEqualTo(3);
            assertThat(other.scratch(0, 3, 100)).isSameAs(teams);
            other.dismiss(3);
        }
    }

    /** From inside a job, on the caller's thread and on helpers. */
    @Test
    @Timeout(60)
    void jobsWithinJobsRunAlone() {
        try (Crew outer = crew(3)) {
            AtomicIntegerArray done = new AtomicIntegerArray(200);
            run(
                    outer,
                    (_, part) -> {
                        try (Crew inner = crew(3)) {
                            int members = run(inner, (_, p) -> done.incrementAndGet((int) (part * 10 + p)), 10, false);
                            assertThat(members).isEqualTo(1);
                        }
                    },
                    20,
                    false);
            for (int i = 0; i < 200; i++) {
                assertThat(done.get(i)).isEqualTo(1);
            }
        }
    }

    @Test
    void scratchGrowsToTheLargestNeed() {
        try (Crew first = crew(2);
                Crew second = crew(2)) {
            int floats = 3_000_000;
            int members = first.muster(2, false, false);
            float[] large = first.scratch(1, members, floats);
            assertThat(large.length).isGreaterThanOrEqualTo(floats);
            first.dismiss(members);
            members = second.muster(2, false, false);
            assertThat(second.scratch(1, members, 10)).isSameAs(large);
            second.dismiss(members);
        }
    }

    /** Thread pools interrupt every thread that they find. A helper forgets it: one that did not would never sleep again. */
    @Test
    @Timeout(60)
    void sleepsOnAfterAnInterrupt() throws Exception {
        try (Crew crew = crew(3)) {
            for (int round = 0; round < 5; round++) {
                List<Thread> helpers = helpers();
                assertThat(helpers).hasSize(2);
                helpers.forEach(Thread::interrupt);
                for (Thread helper : helpers) {
                    while (helper.isAlive() && (helper.isInterrupted() || helper.getState() != Thread.State.WAITING)) {
                        Thread.sleep(1);
                    }
                }
                runAndCheck(crew, 50);
            }
        }
    }

    @Test
    void anInterruptOfTheCallerNeitherEndsTheJobNorGetsLost() {
        try (Crew crew = crew(3)) {
            for (int round = 0; round < 100; round++) {
                Thread.currentThread().interrupt();
                runAndCheck(crew, 50);
                assertThat(Thread.interrupted()).isTrue();
            }
        }
    }

    @Test
    void throwsWhatAPartThrewAndGoesOn() {
        try (Crew crew = crew(3)) {
            RuntimeException thrown = new RuntimeException("part 5");
            for (int i = 0; i < 200; i++) {
                assertThatThrownBy(() -> run(
                                crew,
                                (_, part) -> {
                                    if (part == 5) {
                                        throw thrown;
                                    }
                                },
                                10,
                                false))
                        .isSameAs(thrown);
                runAndCheck(crew, 10);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 20_000, 1_000_000_000})
    void wakesHelpersHoweverLongTheySpin(long spinNanos) throws InterruptedException {
        KernelOptions options = KernelOptions.defaults().withThreads(2).withSpin(Duration.ofNanos(spinNanos));
        try (Crew crew = new Crew(options)) {
            for (int i = 0; i < 20; i++) {
                Thread.sleep(3);
                runAndCheck(crew, 100);
            }
        }
    }

    @Test
    void letsHelpersSleepForOneBriefJobButNotForMany() throws InterruptedException {
        Duration spin = Duration.ofSeconds(1);
        try (Crew crew = new Crew(KernelOptions.defaults()
                .withThreads(2)
                .withSpin(spin)
                .withThreadFactory(Thread.ofPlatform().daemon().factory()))) {
            int found = 1;
            for (int tries = 0; tries < 100 && found == 1; tries++) {
                runAndCheck(crew, 2);
                found = members(crew, true);
            }
            assertThat(found).as("just at work").isEqualTo(2);
            Thread.sleep(spin.plusMillis(500));
            assertThat(members(crew, true)).as("asleep").isEqualTo(1);
            assertThat(members(crew, true)).as("a job right after it").isEqualTo(1);
            assertThat(members(crew, true)).as("and another").isEqualTo(2);
            runAndCheck(crew, 2);
            Thread.sleep(spin.plusMillis(500));
            assertThat(members(crew, false)).as("a long job").isEqualTo(2);
        }
    }

    private static int members(Crew crew, boolean brief) {
        int members = crew.muster(2, brief, false);
        crew.dismiss(members);
        return members;
    }

    /** Many more of them than there are threads that carry them. */
    @Test
    @Timeout(60)
    void servesVirtualThreads() throws Exception {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            serve(threads, 50 + 4 * Runtime.getRuntime().availableProcessors());
        }
    }

    @Test
    @Timeout(60)
    void servesWorkersOfAForkJoinPool() throws Exception {
        try (ForkJoinPool pool = new ForkJoinPool(4)) {
            serve(pool, 50);
        }
        // And those of the pool that all share.
        try (Crew crew = crew(3)) {
            IntStream.range(0, 50).parallel().forEach(_ -> {
                try (Crew own = crew(3)) {
                    runAndCheck(own, 20);
                }
            });
            runAndCheck(crew, 20);
        }
    }

    private static void serve(ExecutorService threads, int callers) throws Exception {
        List<Future<?>> calls = new ArrayList<>();
        for (int i = 0; i < callers; i++) {
            calls.add(threads.submit(() -> {
                try (Crew crew = crew(3)) {
                    for (int job = 0; job < 50; job++) {
                        runAndCheck(crew, 20);
                    }
                }
            }));
        }
        for (Future<?> call : calls) {
            call.get();
        }
    }

    /** A factory's threads do the work, for this crew alone, and end with it. */
    @Test
    @Timeout(60)
    void usesTheThreadsOfAFactory() throws InterruptedException {
        List<Thread> made = new ArrayList<>();
        ThreadFactory factory = work -> {
            Thread thread = new Thread(work, "own-" + made.size());
            thread.setDaemon(true);
            made.add(thread);
            return thread;
        };
        try (Crew shared = crew(4)) {
            Crew own = new Crew(KernelOptions.defaults().withThreads(3).withThreadFactory(factory));
            assertThat(made).hasSize(2).allMatch(Thread::isAlive);
            int members = shared.muster(10, false, false);
            assertThat(members).isEqualTo(4);
            Set<Thread> threads = ConcurrentHashMap.newKeySet();
            CountDownLatch both = new CountDownLatch(3);
            assertThat(run(
                            own,
                            (_, _) -> {
                                threads.add(Thread.currentThread());
                                both.countDown();
                                await(both);
                            },
                            3,
                            false))
                    .isEqualTo(3);
            assertThat(threads).containsExactlyInAnyOrder(Thread.currentThread(), made.get(0), made.get(1));
            shared.dismiss(members);
            own.close();
            for (Thread thread : made) {
                thread.join(30_000);
                assertThat(thread.isAlive()).isFalse();
            }
            runAndCheck(shared, 20);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    @Test
    void refusesThreadsThatCantHelp() {
        List<ThreadFactory> factories = List.of(_ -> null, Thread.ofVirtual().factory(), _ -> Thread.currentThread());
        for (ThreadFactory factory : factories) {
            KernelOptions options = KernelOptions.defaults().withThreads(2).withThreadFactory(factory);
            assertThatThrownBy(() -> new Crew(options))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("threadFactory: got ");
        }
    }

    /** A factory that fails at its third thread: the first two end. */
    @Test
    void leavesNoHelperBehindWhereAThreadCantBeMade() {
        List<Thread> made = new ArrayList<>();
        ThreadFactory factory = work -> {
            if (made.size() == 2) {
                throw new IllegalStateException("no third");
            }
            Thread thread = Thread.ofPlatform().daemon().unstarted(work);
            made.add(thread);
            return thread;
        };
        KernelOptions options = KernelOptions.defaults().withThreads(4).withThreadFactory(factory);
        assertThatThrownBy(() -> new Crew(options)).hasMessage("no third");
        assertThat(made).hasSize(2);
    }

    /** A container that throws a program away gets all of it back, its classes too. */
    @Test
    @Timeout(60)
    void keepsNoClassLoaderAlive() throws Exception {
        WeakReference<ClassLoader> loader = new WeakReference<>(useInALoaderOfItsOwn());
        while (loader.get() != null) {
            System.gc();
            Thread.sleep(10);
        }
    }

    private static ClassLoader useInALoaderOfItsOwn() throws Exception {
        URL classes = Crew.class.getProtectionDomain().getCodeSource().getLocation();
        // The platform's loader would find the module.
        URLClassLoader loader = new URLClassLoader(new URL[] {classes}, null);
        Class<?> options = loader.loadClass(KernelOptions.class.getName());
        assertThat(options).isNotSameAs(KernelOptions.class);
        Object defaults = options.getMethod("defaults").invoke(null);
        Object three = options.getMethod("withThreads", int.class).invoke(defaults, 3);
        Class<?> crew = loader.loadClass(Crew.class.getName());
        Thread.currentThread().setContextClassLoader(loader);
        try (AutoCloseable own = (AutoCloseable) crew.getConstructor(options).newInstance(three)) {
            assertThat(crew.getMethod("size").invoke(own)).isEqualTo(3);
        } finally {
            Thread.currentThread().setContextClassLoader(null);
        }
        return loader;
    }
}
