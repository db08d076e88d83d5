// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.Device;
import org.qlif.Devices;

class BenchCommandTest {
    @ParameterizedTest
    @ValueSource(strings = {"forward", "train"})
    void printsOneJsonObject(String mode) {
        Invocation bench = Invocation.of("bench", "--json", "--mode", mode, "--shape", "3,2,17", "--threads", "1");
        assertThat(bench.err()).isEmpty();
        assertThat(bench.exitCode()).isZero();
        JsonObject report = JsonParser.parseString(bench.out()).getAsJsonObject();
        double median = report.get("neuron_steps_per_second").getAsDouble();
        assertThat(median)
                .isPositive()
                .isBetween(
                        report.get("min_neuron_steps_per_second").getAsDouble(),
                        report.get("max_neuron_steps_per_second").getAsDouble());
        assertThat(report.get("mode").getAsString()).isEqualTo(mode);
        assertThat(report.get("shape").toString()).isEqualTo("[3,2,17]");
        assertThat(report.get("threads").getAsInt()).isEqualTo(1);
        assertThat(report.get("samples").getAsInt()).isEqualTo(3);
        assertThat(report.get("device").getAsString())
                .isEqualTo(Devices.resolve(Device.AUTO).device().text());
        assertThat(report.get("description").getAsString()).isNotBlank();
        assertThat(report.get("java_version").getAsString())
                .isEqualTo(Runtime.version().toString());
        assertThat(report.get("os_arch").getAsString()).isNotBlank();
        assertThat(report.get("processors").getAsInt()).isPositive();
    }

    @Test
    void printsForPeople() {
        Invocation bench = Invocation.of("bench", "--device", "cpu:scalar", "--shape", "3,2,5");
        assertThat(bench.exitCode()).isZero();
        assertThat(bench.out()).contains(" M neuron-steps/s", "T=3 B=2 N=5", "cpu:scalar: ", "threads");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0,128,512",
                "20,-1,512",
                "20,128",
                "20,128,512,1",
                "20,128,512,",
                "",
                "a,b,c",
                "1.5,2,3",
                "1e3,2,3",
                "2147483647,1,1",
                "4294967296,4294967296,4294967296",
                "99999999999999999999999999,1,1"
            })
    void refusesShapesBySayingWhatCameAndWhatWasExpected(String shape) {
        Invocation bench = Invocation.of("bench", "--shape", shape);
        assertThat(bench.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(bench.out()).isEmpty();
        assertThat(bench.err().lines())
                .singleElement()
                .asString()
                .startsWith("qlif: ")
                .contains("--shape", "got '" + shape + "'", "expected three whole numbers T,B,N");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "-1", "1025", "two", "", "1.5", "99999999999"})
    void refusesThreads(String threads) {
        Invocation bench = Invocation.of("bench", "--threads", threads);
        assertThat(bench.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(bench.err().lines())
                .singleElement()
                .asString()
                .contains("--threads", threads, "expected a whole number");
    }

    @ParameterizedTest
    @ValueSource(strings = {"tpu", "cpu:fast", "CPU!"})
    void refusesUnknownDevices(String device) {
        Invocation bench = Invocation.of("bench", "--device", device);
        assertThat(bench.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(bench.err().lines())
                .singleElement()
                .asString()
                .startsWith("qlif: --device: got '" + device + "'")
                .contains("expected 'auto'");
    }

    /** A setting of the JVM is at fault, not the option. */
    @Test
    void refusesUnknownSettingsByTheirOwnName() {
        System.setProperty("qlif.simd", "of");
        try {
            Invocation bench = Invocation.of("bench", "--device", "cpu", "--shape", "1,1,1");
            assertThat(bench.exitCode()).isEqualTo(Cli.USAGE);
            assertThat(bench.err().lines())
                    .singleElement()
                    .asString()
                    .startsWith("qlif: system property qlif.simd: got 'of', expected 'auto' or 'off'");
            Invocation devices = Invocation.of("devices");
            assertThat(devices.exitCode()).isZero();
            assertThat(devices.out().lines()).anyMatch(line -> line.matches("cpu:scalar {2,}plain Java.*"));
        } finally {
            System.clearProperty("qlif.simd");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"qlif", "lif", "plain-lif"})
    void runsEveryModel(String model) {
        for (String mode : new String[] {"forward", "train"}) {
            Invocation bench = Invocation.of(
                    "bench", "--model", model, "--mode", mode, "--device", "cpu:scalar", "--shape", "3,2,5", "--json");
            assertThat(bench.err()).isEmpty();
            assertThat(bench.exitCode()).isZero();
            JsonObject report = JsonParser.parseString(bench.out()).getAsJsonObject();
            assertThat(report.get("model").getAsString()).isEqualTo(model);
            assertThat(report.get("mode").getAsString()).isEqualTo(mode);
            assertThat(report.get("neuron_steps_per_second").getAsDouble()).isPositive();
        }
        Invocation people = Invocation.of("bench", "--model", model, "--device", "cpu:scalar", "--shape", "3,2,5");
        assertThat(people.out().lines()).anyMatch(line -> line.matches("model {2,}" + model));
    }

    @Test
    void runsWhatIsSet() {
        Invocation bench = Invocation.of(
                "bench",
                "--model",
                "lif",
                "--set",
                "v_leak=0.1",
                "--set=surrogate=ARCTAN",
                "--device",
                "cpu:scalar",
                "--shape",
                "3,2,5",
                "--json");
        assertThat(bench.err()).isEmpty();
        assertThat(JsonParser.parseString(bench.out())
                        .getAsJsonObject()
                        .get("config")
                        .getAsString())
                .isEqualTo("LIF v_leak=0.1 surrogate=ARCTAN");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "bench; tau=3; tau: got it twice, expected it once",
                "bench; use_ahp; setting: got 'use_ahp', expected NAME=VALUE, such as dt=1.0",
                "bench; use_ahp=no; use_ahp: got 'no', expected true or false",
                "curves; tau_syn_inv=1; option: got 'tau_syn_inv', expected one of dt, v_reset,",
                "train; quantum_wires=100; quantum_wires: got 100, expected a whole number in [1, 64]",
            })
    void refusesWhatCantBeSet(String command, String setting, String message) {
        Invocation invocation = Invocation.of(command, "--set", setting, "--set", "tau=3");
        assertThat(invocation.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(invocation.out()).isEmpty();
        assertThat(invocation.err().lines()).singleElement().asString().startsWith("qlif: --set: " + message);
    }

    @Test
    void aTerminalShowsTheWarmUp() {
        assertThat(Invocation.onTerminal("bench", "--device", "cpu:scalar", "--shape", "3,2,5"))
                .contains("warm-up 100% ");
    }

    @Test
    void runsQlifUnlessTold() {
        Invocation bench = Invocation.of("bench", "--device", "cpu:scalar", "--shape", "3,2,5", "--json");
        assertThat(JsonParser.parseString(bench.out())
                        .getAsJsonObject()
                        .get("model")
                        .getAsString())
                .isEqualTo("qlif");
    }

    @ParameterizedTest
    @ValueSource(strings = {"izhikevich", "plain_lif", "", "LIF2"})
    void refusesUnknownModels(String model) {
        Invocation bench = Invocation.of("bench", "--model", model);
        assertThat(bench.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(bench.out()).isEmpty();
        assertThat(bench.err().lines())
                .singleElement()
                .asString()
                .contains("--model", "got '" + model + "', expected one of qlif, lif, plain-lif");
    }

    @Test
    void refusesUnknownModes() {
        Invocation bench = Invocation.of("bench", "--mode", "sideways");
        assertThat(bench.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(bench.err()).contains("--mode", "got 'sideways', expected one of forward, train");
    }
}
