// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.qlif.Device;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.QlifConfig;
import org.qlif.StateVariable;

/**
 * What the contract tests know of a neuron model: which cases of it are worth running, and its float64 twin. What the tables of the
 * model's enums say of a variable is said here again, independently, so that the tests hold the one against the other.
 */
interface TestModel {
    /** {@link QlifConfig}. */
    TestModel QLIF = new QlifTestModel();

    /** {@link LifConfig}. */
    TestModel LIF = new LifTestModel();

    /** A test of every model: its first argument, and only one, is a {@link TestModel}. */
    @Target(ElementType.METHOD)
    @Retention(RetentionPolicy.RUNTIME)
    @ParameterizedTest
    @MethodSource("org.qlif.conformance.TestModel#all")
    @interface Each {}

    /** Every model. */
    static Stream<TestModel> all() {
        return Stream.of(QLIF, LIF);
    }

    /** The model that {@code config} is of. */
    static TestModel of(NeuronConfig config) {
        return switch (config) {
            case QlifConfig _ -> QLIF;
            case LifConfig _ -> LIF;
        };
    }

    /** The model's default configuration. */
    NeuronConfig defaults();

    /** A configuration that {@code device} can run; many of them reach every option and every constant. */
    NeuronConfig random(RandomGenerator random, Device device);

    /** One configuration for each way in which a neuron can decide, at the defaults otherwise. */
    List<? extends NeuronConfig> modes();

    /** The few modes that differ most in what a backward run needs. */
    List<? extends NeuronConfig> kinds();

    /** A configuration without noise or offsets: whose potential does nothing but decay where there is no input. */
    NeuronConfig decaying();

    /** A configuration without noise. */
    NeuronConfig noiseless();

    /** The mean of inputs under which neurons spike now and then. */
    double meanInput();

    /** The standard deviation of such inputs. */
    double inputDeviation();

    /** A value of a parameter, some of them awkward. */
    double parameter(RandomGenerator random, NeuronConfig config, NeuronParameter parameter);

    /** A value of a state variable. */
    double state(RandomGenerator random, NeuronConfig config, StateVariable variable);

    /** Puts a value into a state that no run leaves there. */
    default void spoil(RandomGenerator random, float[][] state) {}

    /** The same configuration, or one near it, in which no bend of an equation lies where a run passes exactly. */
    default NeuronConfig awayFromBends(NeuronConfig config) {
        return config;
    }

    /** Moves a state away from bends likewise. */
    default void moveFromBends(float[][] state) {}

    /** The variables that carry no gradient. */
    Set<? extends StateVariable> withoutGradient();

    /** The variables that docs/model.md, section 10 does not list: which stay however small they are. */
    Set<? extends StateVariable> unflushed();

    /** The variable whose final gradient reaches {@code variable} first, where its own does not. */
    default StateVariable gradientSource(StateVariable variable) {
        return variable;
    }

    /** A value that a parameter can't have. */
    record BadValue(NeuronParameter parameter, float value) {}

    /** Values out of range, but for those that are not finite, with the default configuration. */
    List<BadValue> badValues();

    /** The model in double precision on {@code scenario}, which lends whatever draws it needs. */
    ReferenceModel reference(Scenario scenario);
}
