package org.qlif.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.Tensor;

class NeuronBoundsTest {
    private static final QlifConfig ALL = QlifConfig.builder()
            .adaptiveThreshold(threshold -> threshold.withBounds(0.5, 2))
            .build();

    private static float[] bounded(QlifConfig config, QlifParameter parameter, float... values) {
        return bounded(config, EnumSet.allOf(QlifParameter.class), parameter, values);
    }

    private static float[] bounded(
            QlifConfig config, Set<QlifParameter> learned, QlifParameter parameter, float... values) {
        Parameters parameters = Parameters.perNeuron(config, values.length);
        parameters.set(parameter, Tensor.of(values, values.length));
        new NeuronBounds(config, learned).apply(parameters);
        return parameters.get(parameter).toFloatArray();
    }

    @Test
    void keepsEachParameterWhereItMeansSomething() {
        assertThat(bounded(ALL, QlifParameter.V_TH, 0.4f, 1, 2.5f)).containsExactly(0.5f, 1, 2);
        assertThat(bounded(ALL, QlifParameter.TAU, -3, 0.5f, 7)).containsExactly(1, 1, 7);
        assertThat(bounded(ALL, QlifParameter.ETA, -0.1f, 0.2f, 2)).containsExactly(0, 0.2f, 1);
        assertThat(bounded(ALL, QlifParameter.Q_SCALE, -1, 0.7f, 1e9f)).containsExactly(1e-3f, 0.7f, 1e3f);
        float pi = (float) (Math.PI + ALL.qubit().leak());
        assertThat(bounded(ALL, QlifParameter.Q_BIAS, 0.3f, 9)).containsExactly(0.3f, pi);
    }

    @Test
    void keepsAFixedThresholdWhereOneThatAdaptsWouldBe() {
        QlifConfig fixed = QlifConfig.builder()
                .adaptiveThreshold(QlifConfig.AdaptiveThreshold::off)
                .build();
        assertThat(bounded(fixed, QlifParameter.V_TH, -3, 5))
                .containsExactly((float) fixed.adaptiveThreshold().min(), (float)
                        fixed.adaptiveThreshold().max());
    }

    @Test
    void touchesNothingThatIsNotLearned() {
        assertThat(bounded(QlifConfig.defaults(), NeuronPreset.LEARNED, QlifParameter.TAU, 0.5f))
                .containsExactly(0.5f);
    }
}
