// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.qlif.Device;
import org.qlif.LifConfig;
import org.qlif.LifParameter;
import org.qlif.LifVariable;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.StateVariable;
import org.qlif.Surrogate;

/** The LIF model. */
final class LifTestModel implements TestModel {
    @Override
    public LifConfig defaults() {
        return LifConfig.defaults();
    }

    @Override
    public LifConfig random(RandomGenerator random, Device device) {
        double dt = RandomConfigs.pick(random, 0.001, 0.0005, 1);
        return LifConfig.builder()
                .dt(dt)
                .tauSynInv(RandomConfigs.pick(random, 0.2, 0.05, 1) / dt)
                .tauMemInv(RandomConfigs.pick(random, 0.1, 0.4, 1) / dt)
                .vTh(RandomConfigs.pick(random, 1, 0.5, 0))
                .vLeak(RandomConfigs.pick(random, 0, -0.1, 0.2))
                .vReset(RandomConfigs.pick(random, 0, -0.25, 0.3))
                .surrogate(RandomConfigs.choose(random, Surrogate.values()))
                .surrogateAlpha(RandomConfigs.pick(random, 100, 10, 1, 0.5))
                .build();
    }

    @Override
    public List<LifConfig> modes() {
        List<LifConfig> modes = new ArrayList<>();
        for (Surrogate surrogate : Surrogate.values()) {
            for (double alpha : new double[] {100, 1}) {
                modes.add(LifConfig.builder()
                        .surrogate(surrogate)
                        .surrogateAlpha(alpha)
                        .build());
            }
        }
        return modes;
    }

    @Override
    public List<LifConfig> kinds() {
        return Arrays.stream(Surrogate.values())
                .map(surrogate -> LifConfig.builder()
                        .surrogate(surrogate)
                        .surrogateAlpha(2)
                        .vReset(-0.2)
                        .build())
                .toList();
    }

    @Override
    public LifConfig decaying() {
        return LifConfig.defaults();
    }

    @Override
    public LifConfig noiseless() {
        return LifConfig.defaults();
    }

    @Override
    public double meanInput() {
        return 0.3;
    }

    @Override
    public double inputDeviation() {
        return 0.8;
    }

    @Override
    public double parameter(RandomGenerator random, NeuronConfig config, NeuronParameter parameter) {
        return switch ((LifParameter) parameter) {
            case TAU_SYN_INV, TAU_MEM_INV -> {
                float most = config.parameterRange(parameter).most();
                yield random.nextInt(10) == 0 ? most : most * random.nextDouble(0.02, 0.9);
            }
            case V_TH -> random.nextDouble(-0.1, 1.5);
        };
    }

    @Override
    public double state(RandomGenerator random, NeuronConfig config, StateVariable variable) {
        return switch ((LifVariable) variable) {
            case MEMBRANE, CURRENT -> random.nextGaussian(0.3, 0.5);
        };
    }

    @Override
    public Set<LifVariable> withoutGradient() {
        return Set.of();
    }

    @Override
    public Set<LifVariable> unflushed() {
        return Set.of();
    }

    /** The last, by dt of 0.001, is above 1 in float32. */
    @Override
    public List<BadValue> badValues() {
        List<BadValue> bad = new ArrayList<>();
        for (LifParameter rate : List.of(LifParameter.TAU_SYN_INV, LifParameter.TAU_MEM_INV)) {
            for (float value : new float[] {0f, -0f, -1f, -Float.MIN_VALUE, Float.MAX_VALUE, 1000.0001f}) {
                bad.add(new BadValue(rate, value));
            }
        }
        return bad;
    }

    @Override
    public ReferenceModel reference(Scenario scenario) {
        return new LifReferenceModel(scenario);
    }

    @Override
    public String toString() {
        return "LIF";
    }
}
