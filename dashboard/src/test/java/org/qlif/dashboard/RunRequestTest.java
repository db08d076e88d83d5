// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.gson.Gson;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.LifConfig;
import org.qlif.QlifConfig;
import org.qlif.simulation.Waveform;

class RunRequestTest {
    private static RunRequest read(Map<String, String> settings) throws RefusedException {
        return RunRequest.read(new Gson().toJson(Map.of("settings", settings)));
    }

    private static RefusedException refusal(String json) {
        return catchThrowableOfType(RefusedException.class, () -> RunRequest.read(json));
    }

    @Test
    void whatIsNotGivenIsAsByDefault() throws RefusedException {
        RunRequest request = RunRequest.read("{}");
        assertThat(request.qlif()).isEqualTo(QlifConfig.defaults());
        assertThat(request.compared()).isEqualTo(LifConfig.defaults());
        assertThat(request.comparedScale()).isEqualTo(0.2);
        assertThat(request.current())
                .hasToString(Waveform.of(Waveform.Shape.RAMP).toString());
        assertThat(request.modulation()).isNull();
        assertThat(request.steps()).isEqualTo(500);
        assertThat(request.neurons()).isEqualTo(10);
        assertThat(request.traces()).isEmpty();
    }

    @Test
    void readsSettings() throws RefusedException {
        RunRequest request = RunRequest.read("""
                {"settings": {"qlif.tau": "7", "qlif.readout": "MULTI_QUBIT", "lif.v_th": "2", "current": "sine",
                 "current.periods": "3", "independent": "false", "modulation": "step", "modulation.start": "0.5",
                 "transform": "tanh(m)", "steps": "20", "neurons": "3", "seed": "-5", "device": "cpu:scalar", "scale": "0.5"},
                 "traces": ["p", "ahp"]}""");
        assertThat(request.qlif()).isEqualTo(QlifConfig.parse("QLIF tau=7 readout=MULTI_QUBIT"));
        assertThat(request.compared()).isEqualTo(LifConfig.parse("LIF v_th=2"));
        assertThat(request.comparedScale()).isEqualTo(0.5);
        assertThat(request.current().get(Waveform.Parameter.PERIODS)).isEqualTo(3);
        assertThat(request.current().independent()).isFalse();
        assertThat(request.modulation()).isNotNull();
        assertThat(request.transform()).isEqualTo(ModulationTransform.TANH);
        assertThat(request.steps()).isEqualTo(20);
        assertThat(request.seed()).isEqualTo(-5);
        assertThat(request.device()).hasToString("cpu:scalar");
        assertThat(request.traces()).containsExactlyInAnyOrder("p", "ahp");
    }

    @Test
    void plainLifSharesTheMembrane() throws RefusedException {
        RunRequest request = read(Map.of("compare", "plain-lif", "qlif.tau", "7", "qlif.v_th", "0.9"));
        assertThat(request.compared()).isEqualTo(QlifConfig.plainLif().with(List.of("tau=7", "v_th=0.9")));
        assertThat(request.comparedScale()).isEqualTo(1);
        assertThat(read(Map.of("compare", "none")).compared()).isNull();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "qlif.tau | 0 | got 0.0, expected a finite number > 0",
                "qlif.tau | NaN | got NaN, expected a finite number > 0",
                "qlif.tau | fast | got 'fast', expected a finite number > 0",
                "qlif.tau | 1e400 | got Infinity, expected a finite number > 0",
                "qlif.quantum_wires | 65 | got 65, expected a whole number in [1, 64]",
                "qlif.readout | BELL | got 'BELL', expected one of SINGLE_QUBIT, MULTI_QUBIT, EXPECTATION",
                "qlif.tau_x | 1 | is not an option of QLIF",
                "lif.v_th | inf | got 'inf', expected a finite number",
                "current | square | got 'square', expected one of constant, ramp, step, sine, poisson, noise",
                "current.amplitude | NaN | got 'NaN', expected a number in [-1000000.0, 1000000.0]",
                "current.periods | 1 | is not a setting of this page",
                "modulation | loud | got 'loud', expected one of none, constant, ramp, step, sine, poisson, noise",
                "steps | 0 | got '0', expected a whole number in [1, 5000]",
                "steps | 1000000000000 | got '1000000000000', expected a whole number in [1, 5000]",
                "neurons | 1.5 | got '1.5', expected a whole number in [1, 200]",
                "seed | x | got 'x', expected a whole number in [-999999999999999999, 999999999999999999]",
                "compare | all | got 'all', expected one of lif, plain-lif, none",
                "scale | - | got '-', expected a number in [-1000000.0, 1000000.0]",
                "independent | yes | got 'yes', expected one of true, false",
                "colour | red | is not a setting of this page",
                "lif | 1 | is not a setting of this page"
            })
    void refusesAtTheSetting(String key, String text, String why) {
        RefusedException refusal = catchThrowableOfType(RefusedException.class, () -> read(Map.of(key, text)));
        assertThat(refusal.fields()).containsExactly(Map.entry(key, why));
        assertThat(refusal.replied()).isFalse();
    }

    @Test
    void tellsAllThatIsWrong() {
        RefusedException refusal = catchThrowableOfType(
                RefusedException.class,
                () -> read(Map.of(
                        "qlif.tau",
                        "0",
                        "qlif.min_alpha",
                        "9",
                        "qlif.x",
                        "1",
                        "lif.dt",
                        "-1",
                        "steps",
                        "5000",
                        "neurons",
                        "21")));
        assertThat(refusal.fields())
                .containsEntry("qlif.min_alpha", "got 9.0, 5.0, expected min_alpha <= max_alpha")
                .containsEntry("steps", "got 5000 x 21 = 105000 neuron-steps, expected at most 100000")
                .containsOnlyKeys("qlif.tau", "qlif.min_alpha", "qlif.x", "lif.dt", "steps", "neurons");
    }

    @Test
    void aDeviceThatCannotRunIsRefused() {
        RefusedException refusal =
                catchThrowableOfType(RefusedException.class, () -> read(Map.of("device", "cpu:abacus")));
        assertThat(refusal.fields()).containsOnlyKeys("device");
        assertThat(refusal.fields().get("device")).contains("cpu:abacus");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "null",
                "[]",
                "1",
                "{",
                "{} {}",
                "{'settings': {}}",
                "{\"settings\": []}",
                "{\"settings\": {\"steps\": 5}}",
                "{\"settings\": {\"steps\": NaN}}",
                "{\"settings\": {\"steps\": null}}",
                "{\"settings\": {\"steps\": {}}}",
                "{\"traces\": \"p\"}",
                "{\"traces\": [\"q\"]}",
                "{\"refusals\": \"status\"}",
                "{\"more\": {}}",
                "{\"settings\": {}} // comment"
            })
    void refusesOtherJson(String json) {
        assertThat(refusal(json))
                .hasMessageStartingWith("The request is malformed: ")
                .satisfies(refused -> assertThat(refused.fields()).isEmpty());
    }

    @Test
    void deepNestingIsRefused() {
        assertThat(refusal("[".repeat(60_000))).isNotNull();
        assertThat(refusal("{\"settings\":" + "{\"a\":".repeat(10_000))).isNotNull();
    }
}
