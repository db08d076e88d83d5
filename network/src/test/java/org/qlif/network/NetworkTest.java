// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.qlif.LifConfig;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Homeostasis;
import org.qlif.QlifParameter;
import org.qlif.QlifVariable;
import org.qlif.Tensor;

class NetworkTest {
    private static final QlifConfig STEADY =
            QlifConfig.defaults().toBuilder().homeostasis(Homeostasis::off).build();

    private static Network.Builder deep() {
        return Network.builder(6)
                .linear(5)
                .neurons(LifConfig.defaults())
                .linear(4)
                .neurons(QlifConfig.defaults(), QlifParameter.TAU, QlifParameter.V_TH)
                .readout(3);
    }

    @Test
    void namesWhatIsLearnedByPosition() {
        Network network = deep().build();
        assertThat(network.names())
                .containsExactly("0.weight", "0.bias", "2.weight", "2.bias", "3.v_th", "3.tau", "4.weight", "4.bias");
        assertThat(network.get("0.weight").shape()).containsExactly(6, 5);
        assertThat(network.get("2.weight").shape()).containsExactly(5, 4);
        assertThat(network.get("3.tau").shape()).containsExactly(4);
        assertThat(network.get("4.weight").shape()).containsExactly(4, 3);
        assertThat(network.inputs()).isEqualTo(6);
        assertThat(network.outputs()).isEqualTo(3);
        assertThat(network).hasToString("Network[6-5-4-3, learns " + network.names() + "]");
    }

    @Test
    void startsWhereLayersAndNeuronsDo() {
        Network network = Network.builder(100)
                .linear(50)
                .neurons(STEADY)
                .readout(10)
                .seed(3)
                .build();
        float[] weights = network.get("0.weight").toFloatArray();
        double sum = 0;
        double squares = 0;
        for (float weight : weights) {
            assertThat(weight).isBetween(-0.1f, 0.1f);
            sum += weight;
            squares += weight * weight;
        }
        // Of a uniform variable: mean 0, variance a third of the squared bound; five standard deviations of each.
        assertThat(sum / weights.length).isBetween(-5 * 0.0577 / 70.7, 5 * 0.0577 / 70.7);
        assertThat(squares / weights.length).isBetween(0.01 / 3 * 0.93, 0.01 / 3 * 1.07);
        assertThat(network.parameters(1).get(QlifParameter.TAU).toFloatArray())
                .hasSize(50)
                .containsOnly(STEADY.defaultValue(QlifParameter.TAU));
        assertThat(network.statistics(1)).isNull();
    }

    @Test
    void theSeedMakesTheWeights() {
        float[] one = deep().seed(1).build().get("0.weight").toFloatArray();
        assertThat(deep().seed(1).build().get("0.weight").toFloatArray()).isEqualTo(one);
        assertThat(deep().seed(2).build().get("0.weight").toFloatArray()).isNotEqualTo(one);
        Network network = deep().build();
        assertThat(network.get("0.bias").toFloatArray())
                .isNotEqualTo(Arrays.copyOf(network.get("0.weight").toFloatArray(), 5));
    }

    @Test
    void valuesAreLive() {
        Network network = deep().build();
        network.get("3.v_th").setFloat(2, 1.5f);
        Tensor threshold = network.parameters(3).get(QlifParameter.V_TH);
        assertThat(threshold.getFloat(2)).isEqualTo(1.5f);
        network.get("0.bias").fill(7);
        assertThat(network.get("0.bias").toFloatArray()).containsOnly(7);
        assertThat(network.statistics(3).get(QlifVariable.RATE).toFloatArray()).hasSize(4);
        assertThat(network.statistics(1)).isNull();
    }

    @Test
    void refusesLayersInAnotherOrder() {
        assertThatIllegalStateException()
                .isThrownBy(() -> Network.builder(3).neurons(STEADY))
                .withMessage("neurons: come after nothing, expected after a linear layer");
        assertThatIllegalStateException()
                .isThrownBy(() -> Network.builder(3).linear(2).linear(2))
                .withMessage("linear: comes after a linear layer, expected after neurons or first");
        assertThatIllegalStateException()
                .isThrownBy(() -> Network.builder(3).linear(2).readout(2))
                .withMessage("readout: comes after a linear layer, expected after neurons");
        assertThatIllegalStateException()
                .isThrownBy(() -> Network.builder(3).linear(2).neurons(STEADY).build())
                .withMessage("build: the last layer is neurons, expected a readout");
        assertThatIllegalStateException()
                .isThrownBy(() -> deep().linear(2))
                .withMessage("linear: comes after the readout, expected after neurons or first");
    }

    @Test
    void refusesWhatDoesNotFit() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Network.builder(0))
                .withMessage("inputs: got 0, expected at least 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Network.builder(3).linear(0))
                .withMessage("outputs: got 0, expected at least 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Network.builder(100_000).linear(100_000))
                .withMessageStartingWith("outputs: got 100000 over 100000 inputs");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Network.builder(3).linear(2).neurons(LifConfig.defaults(), QlifParameter.TAU))
                .withMessageStartingWith("learned: got [TAU], expected some of ");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Network.builder(3).linear(2).neurons(STEADY, QlifParameter.TAU, QlifParameter.TAU))
                .withMessageStartingWith("learned: got [TAU, TAU], expected some of ");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> deep().build().get("1.weight"))
                .withMessageStartingWith("name: got '1.weight', expected one of [0.weight, ");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> deep().build().parameters(2))
                .withMessage("position: got 2, expected that of neurons, one of [1, 3]");
    }
}
