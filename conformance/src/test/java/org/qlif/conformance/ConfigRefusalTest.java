// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.qlif.ConfigOption;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.Surrogate;

/** Configurations out of their ranges are refused when they are built, by the option's name. */
class ConfigRefusalTest {
    /** Every number, one by one, over the table itself, so that none is forgotten; 1e200 is not finite in float32. */
    @TestFactory
    Stream<DynamicTest> refusesWhatIsNotFinite() {
        return TestModel.all()
                .map(TestModel::defaults)
                .flatMap(defaults -> defaults.options().stream()
                        .filter(option -> option.kind() == ConfigOption.Kind.NUMBER)
                        .map(option -> dynamicTest(defaults.model() + " " + option.name(), () -> {
                            for (double bad :
                                    new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e200
                                    }) {
                                assertThatThrownBy(() -> with(defaults, option.name(), bad))
                                        .isExactlyInstanceOf(IllegalArgumentException.class)
                                        .hasMessage(option.name() + ": got " + bad + ", expected " + option.expected()
                                                + (bad == 1e200
                                                                && option.expected()
                                                                        .startsWith("a finite number")
                                                        ? "; in float32 it is Infinity"
                                                        : ""));
                            }
                        })));
    }

    /** Every reference among the components of a configuration and of its groups. */
    @TestFactory
    Stream<DynamicTest> refusesWhatIsMissing() {
        return TestModel.all()
                .map(TestModel::defaults)
                .map(Record.class::cast)
                .flatMap(defaults -> Stream.concat(Stream.of(defaults), groups(defaults)))
                .flatMap(record -> Arrays.stream(record.getClass().getRecordComponents())
                        .filter(component -> !component.getType().isPrimitive())
                        .map(component -> dynamicTest(
                                record.getClass().getSimpleName() + " " + component.getName(),
                                () -> assertThatThrownBy(() -> without(record, component))
                                        .isExactlyInstanceOf(NullPointerException.class)
                                        .hasMessage(component.getName()))));
    }

    private static Stream<Record> groups(Record config) {
        return Arrays.stream(config.getClass().getRecordComponents())
                .filter(component -> component.getType().isRecord())
                .map(component -> (Record) value(config, component));
    }

    private static Object value(Record record, RecordComponent component) {
        try {
            return component.getAccessor().invoke(record);
        } catch (ReflectiveOperationException failure) {
            throw new AssertionError(failure);
        }
    }

    private static void without(Record record, RecordComponent missing) throws Throwable {
        RecordComponent[] components = record.getClass().getRecordComponents();
        Object[] arguments = Arrays.stream(components)
                .map(component -> component.getName().equals(missing.getName()) ? null : value(record, component))
                .toArray();
        Class<?>[] types =
                Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
        try {
            record.getClass().getConstructor(types).newInstance(arguments);
        } catch (InvocationTargetException refused) {
            throw refused.getCause();
        }
    }

    /** The table of ranges in docs/model.md: a value just outside each bound. */
    @ParameterizedTest
    @CsvSource({
        "reset_fraction, -0.01",
        "reset_fraction, 1.01",
        "dt, 0",
        "dt, -1",
        "dt, 1e-60",
        "noise_std, -0.1",
        "theta_max, 0",
        "theta_max, 3.15",
        "quantum_leak, -0.1",
        "quantum_threshold, -1",
        "quantum_threshold, 1",
        "probability_floor, -1e-9",
        "probability_floor, 0.5",
        "surrogate_alpha, 0",
        "surrogate_alpha, -1",
        "base_alpha, 0",
        "dsp_decay, -0.1",
        "dsp_jump, -0.1",
        "min_alpha, 0",
        "min_alpha, 5.01",
        "max_alpha, 0.04",
        "tau_ref, 0",
        "r_jump, -0.1",
        "adaptation_decay, -0.1",
        "spike_increase, -0.1",
        "depression_rate, -0.1",
        "depression_rate, 1.1",
        "recovery_rate, -0.1",
        "tau_ahp, 0",
        "ahp_jump, -0.1",
        "ahp_max, 0",
        "min_threshold, 0",
        "min_threshold, 2",
        "max_threshold, 0.5",
        "homeostasis_target_rate, -0.1",
        "homeostasis_target_rate, 1.1",
        "homeostasis_tau, 0",
        "tau, 0",
        "tau, -1"
    })
    void refusesWhatIsOutOfRange(String name, double value) {
        assertThatThrownBy(() -> with(name, value))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(name)
                .hasMessageContaining(String.valueOf(value));
    }

    @ParameterizedTest
    @CsvSource({
        "reset_fraction, 0",
        "reset_fraction, 1",
        "theta_max, 3.141592653589793",
        "probability_floor, 0",
        "probability_floor, 0.49",
        "min_alpha, 5",
        "max_alpha, 0.05",
        "homeostasis_target_rate, 1",
        "depression_rate, 1",
        "noise_std, 0"
    })
    void takesTheBounds(String name, double value) {
        assertThat(with(name, value)).isNotEqualTo(null);
    }

    /** Of rates, with dt of 0.001; with a dt of 1 the default rates are themselves too large. */
    @ParameterizedTest
    @CsvSource({
        "tau_syn_inv, 0",
        "tau_syn_inv, -1",
        "tau_syn_inv, 1000.001",
        "tau_mem_inv, 0",
        "tau_mem_inv, -1",
        "tau_mem_inv, 1000.001",
        "dt, 0",
        "dt, -0.001",
        "dt, 1e-60",
        "surrogate_alpha, 0",
        "surrogate_alpha, -1"
    })
    void refusesWhatIsOutOfRangeForLif(String name, double value) {
        assertThatThrownBy(() -> with(LifConfig.defaults(), name, value))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(name)
                .hasMessageContaining(String.valueOf(value));
    }

    @Test
    void refusesRatesThatOvershootAStep() {
        assertThatThrownBy(() -> LifConfig.builder().dt(1).build())
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("tau_syn_inv: got 200.0")
                .hasMessageContaining("at most 1");
        LifConfig whole = LifConfig.builder().dt(1).tauSynInv(1).tauMemInv(1).build();
        assertThat(whole.tauSynInv()).isEqualTo(1);
        assertThatThrownBy(() -> LifConfig.builder()
                        .surrogate(Surrogate.GAUSSIAN)
                        .surrogateAlpha(1e-20)
                        .build())
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("surrogate_alpha");
    }

    @Test
    void refusesWiresOutOfRange() {
        for (int bad : new int[] {0, -1, 65}) {
            assertThatThrownBy(() -> with("quantum_wires", bad))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("quantum_wires");
        }
    }

    /** Where 1 / (2 a^2) is not finite in float32. */
    @Test
    void refusesAGaussianTooNarrowForFloats() {
        QlifConfig.Builder builder =
                QlifConfig.builder().decision(QlifConfig.Decision.THRESHOLD).surrogate(Surrogate.GAUSSIAN);
        assertThatThrownBy(() -> builder.surrogateAlpha(1e-20).build())
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("surrogate_alpha");
        assertThat(builder.surrogateAlpha(1e-18).build().surrogateAlpha()).isEqualTo(1e-18);
    }

    @Test
    void refusesThreadsOutOfRange() {
        for (int bad : new int[] {0, -1, 1025}) {
            assertThatThrownBy(() -> KernelOptions.defaults().withThreads(bad))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("threads");
        }
    }

    /** The defaults with one option set. */
    private static NeuronConfig with(String name, Object value) {
        return with(QlifConfig.defaults(), name, value);
    }

    private static NeuronConfig with(NeuronConfig defaults, String name, Object value) {
        return defaults.with(List.of(name + "=" + value));
    }
}
