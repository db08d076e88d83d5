package org.qlif.spi.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class TeamTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void doesEveryPartOnceInJobAfterJob(int size) {
        try (Team team = new Team(size)) {
            for (int job = 0; job < 20_000; job++) {
                int parts = job % 7;
                AtomicIntegerArray done = new AtomicIntegerArray(7);
                team.run((member, part) -> done.incrementAndGet((int) part), parts, false);
                for (int part = 0; part < 7; part++) {
                    assertThat(done.get(part)).isEqualTo(part < parts ? 1 : 0);
                }
            }
        }
    }

    @Test
    void staysOnTheCallerWhenAlone() {
        try (Team team = new Team(4)) {
            AtomicReference<Thread> other = new AtomicReference<>();
            Thread caller = Thread.currentThread();
            team.run(
                    (member, part) -> {
                        if (Thread.currentThread() != caller) {
                            other.set(Thread.currentThread());
                        }
                    },
                    1000,
                    true);
            assertThat(other.get()).isNull();
        }
    }

    private static List<Thread> helpers() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(Team::isHelper)
                .toList();
    }

    /** Thread pools interrupt every thread that they find. A helper forgets it: one that did not would never sleep again. */
    @Test
    @Timeout(60)
    void sleepsOnAfterAnInterrupt() throws Exception {
        try (Team team = new Team(3)) {
            for (int round = 0; round < 5; round++) {
                List<Thread> helpers = helpers();
                assertThat(helpers).hasSizeGreaterThanOrEqualTo(2);
                helpers.forEach(Thread::interrupt);
                for (Thread helper : helpers) {
                    while (helper.isAlive() && (helper.isInterrupted() || helper.getState() != Thread.State.WAITING)) {
                        Thread.sleep(1);
                    }
                }
                AtomicIntegerArray done = new AtomicIntegerArray(50);
                team.run((member, part) -> done.incrementAndGet((int) part), 50, false);
                for (int part = 0; part < 50; part++) {
                    assertThat(done.get(part)).isEqualTo(1);
                }
            }
        }
    }

    @Test
    void throwsWhatAPartThrewAndGoesOn() {
        try (Team team = new Team(3)) {
            RuntimeException thrown = new RuntimeException("part 5");
            for (int i = 0; i < 200; i++) {
                assertThatThrownBy(() -> team.run(
                                (member, part) -> {
                                    if (part == 5) {
                                        throw thrown;
                                    }
                                },
                                10,
                                false))
                        .isSameAs(thrown);
                AtomicIntegerArray done = new AtomicIntegerArray(10);
                team.run((member, part) -> done.incrementAndGet((int) part), 10, false);
                assertThat(done.toString()).isEqualTo("[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]");
            }
        }
    }

    @Test
    void wakesHelpersThatHaveParked() throws InterruptedException {
        try (Team team = new Team(2)) {
            for (int i = 0; i < 20; i++) {
                Thread.sleep(3);
                AtomicIntegerArray done = new AtomicIntegerArray(100);
                team.run((member, part) -> done.incrementAndGet((int) part), 100, false);
                for (int part = 0; part < 100; part++) {
                    assertThat(done.get(part)).isEqualTo(1);
                }
            }
        }
    }
}
