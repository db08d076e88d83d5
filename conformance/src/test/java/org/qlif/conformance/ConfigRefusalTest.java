package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.Surrogate;

/** Configurations out of their ranges are refused when they are built, by the option's name. */
class ConfigRefusalTest {
    /** The components of every model's configuration that {@code chosen} accepts, each with the model's defaults. */
    private static Stream<Component> components(Predicate<RecordComponent> chosen) {
        return TestModel.all()
                .map(TestModel::defaults)
                .flatMap(defaults -> Arrays.stream(defaults.getClass().getRecordComponents())
                        .filter(chosen)
                        .map(component -> new Component(defaults, component.getName())));
    }

    private record Component(NeuronConfig defaults, String name) {
        @Override
        public String toString() {
            return defaults.model() + " " + name;
        }
    }

    /** Every number, one by one, over the record itself, so that none is forgotten; 1e200 is not finite in float32. */
    @TestFactory
    Stream<DynamicTest> refusesWhatIsNotFinite() {
        return components(component -> component.getType() == double.class)
                .map(component -> dynamicTest(component.toString(), () -> {
                    for (double bad :
                            new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e200}) {
                        assertThatThrownBy(() -> with(component.defaults(), component.name(), bad))
                                .isExactlyInstanceOf(IllegalArgumentException.class)
                                .hasMessageContaining(component.name())
                                .hasMessageContaining(String.valueOf(bad));
                    }
                }));
    }

    @TestFactory
    Stream<DynamicTest> refusesWhatIsMissing() {
        return components(component -> !component.getType().isPrimitive())
                .map(component -> dynamicTest(
                        component.toString(),
                        () -> assertThatThrownBy(() -> with(component.defaults(), component.name(), null))
                                .isExactlyInstanceOf(NullPointerException.class)
                                .hasMessageContaining(component.name())));
    }

    /** The table of ranges in docs/model.md: a value just outside each bound. */
    @ParameterizedTest
    @CsvSource({
        "resetFraction, -0.01",
        "resetFraction, 1.01",
        "dt, 0",
        "dt, -1",
        "dt, 1e-60",
        "noiseStd, -0.1",
        "thetaMax, 0",
        "thetaMax, 3.15",
        "quantumLeak, -0.1",
        "quantumThreshold, -1",
        "quantumThreshold, 1",
        "probabilityFloor, -1e-9",
        "probabilityFloor, 0.5",
        "surrogateAlpha, 0",
        "surrogateAlpha, -1",
        "baseAlpha, 0",
        "dspDecay, -0.1",
        "dspJump, -0.1",
        "minAlpha, 0",
        "minAlpha, 5.01",
        "maxAlpha, 0.04",
        "tauRef, 0",
        "rJump, -0.1",
        "adaptationDecay, -0.1",
        "spikeIncrease, -0.1",
        "depressionRate, -0.1",
        "depressionRate, 1.1",
        "recoveryRate, -0.1",
        "tauAhp, 0",
        "ahpJump, -0.1",
        "ahpMax, 0",
        "minThreshold, 0",
        "minThreshold, 2",
        "maxThreshold, 0.5",
        "homeostasisTargetRate, -0.1",
        "homeostasisTargetRate, 1.1",
        "homeostasisTau, 0",
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
        "resetFraction, 0",
        "resetFraction, 1",
        "thetaMax, 3.141592653589793",
        "probabilityFloor, 0",
        "probabilityFloor, 0.49",
        "minAlpha, 5",
        "maxAlpha, 0.05",
        "homeostasisTargetRate, 1",
        "depressionRate, 1",
        "noiseStd, 0"
    })
    void takesTheBounds(String name, double value) throws Exception {
        assertThat(with(name, value)).isNotEqualTo(null);
    }

    /** Of rates, with dt of 0.001; with a dt of 1 the default rates are themselves too large. */
    @ParameterizedTest
    @CsvSource({
        "tauSynInv, 0",
        "tauSynInv, -1",
        "tauSynInv, 1000.001",
        "tauMemInv, 0",
        "tauMemInv, -1",
        "tauMemInv, 1000.001",
        "dt, 0",
        "dt, -0.001",
        "dt, 1e-60",
        "surrogateAlpha, 0",
        "surrogateAlpha, -1"
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
                .hasMessageContaining("tauSynInv: got 200.0")
                .hasMessageContaining("at most 1");
        LifConfig whole = LifConfig.builder().dt(1).tauSynInv(1).tauMemInv(1).build();
        assertThat(whole.tauSynInv()).isEqualTo(1);
        assertThatThrownBy(() -> LifConfig.builder()
                        .surrogate(Surrogate.GAUSSIAN)
                        .surrogateAlpha(1e-20)
                        .build())
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("surrogateAlpha");
    }

    @Test
    void refusesWiresOutOfRange() {
        for (int bad : new int[] {0, -1, 65}) {
            assertThatThrownBy(() -> with("quantumWires", bad))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("quantumWires");
        }
    }

    /** Where 1 / (2 a^2) is not finite in float32. */
    @Test
    void refusesAGaussianTooNarrowForFloats() {
        QlifConfig.Builder builder =
                QlifConfig.builder().decision(QlifConfig.Decision.THRESHOLD).surrogate(Surrogate.GAUSSIAN);
        assertThatThrownBy(() -> builder.surrogateAlpha(1e-20).build())
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("surrogateAlpha");
        assertThat(builder.surrogateAlpha(1e-18).build().surrogateAlpha()).isEqualTo(1e-18);
    }

    @Test
    void refusesThreadsOutOfRange() {
        for (int bad : new int[] {0, -1, 1025}) {
            assertThatThrownBy(() -> new KernelOptions(bad))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("threads");
        }
    }

    /** The defaults with one component set. */
    private static NeuronConfig with(String name, Object value) throws Exception {
        return with(QlifConfig.defaults(), name, value);
    }

    private static NeuronConfig with(NeuronConfig defaults, String name, Object value) throws Exception {
        RecordComponent[] components = defaults.getClass().getRecordComponents();
        Object[] arguments = new Object[components.length];
        boolean found = false;
        for (int i = 0; i < components.length; i++) {
            boolean chosen = components[i].getName().equals(name);
            found |= chosen;
            arguments[i] = chosen ? value : components[i].getAccessor().invoke(defaults);
        }
        assertThat(found).as("an option named " + name).isTrue();
        Class<?>[] types =
                Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
        try {
            return defaults.getClass().getConstructor(types).newInstance(arguments);
        } catch (InvocationTargetException refused) {
            if (refused.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw refused;
        }
    }
}
