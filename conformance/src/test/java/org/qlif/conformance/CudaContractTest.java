// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.qlif.DType;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.LifConfig;
import org.qlif.LinearForward;
import org.qlif.Parameters;
import org.qlif.SpikeLinear;
import org.qlif.Tensor;

/** The first GPU, through memory of the host. */
@RequiresDevice("cuda:0")
class CudaContractTest extends KernelContract {
    private static final String DEVICE = "cuda:0";

    CudaContractTest() {
        super(DEVICE);
    }

    /** Asked for by name it is refused; left to choose, a device that has one is taken. */
    @Test
    void hasNoLinearLayer() {
        assertThatThrownBy(() -> SpikeLinear.open(DEVICE))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("device 'cuda:0' can't run a SpikeLinear: it has no linear layer");
        try (SpikeLinear layer = SpikeLinear.open("auto")) {
            assertThat(layer.device().kind()).isEqualTo("cpu");
        }
    }

    @Test
    void refusesALinearLayerInPlaceOfAnInput() {
        LinearForward linear =
                new LinearForward().input(Tensor.zeros(DType.BIT, 3, 2, 70)).weights(Tensor.zeros(DType.F32, 70, 5));
        Forward call = new Forward().linear(linear).parameters(Parameters.shared(LifConfig.defaults()));
        try (Kernel kernel = open(LifConfig.defaults(), 1)) {
            assertThatThrownBy(() -> kernel.forward(call))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("linear: given, but a kernel on cuda:0 makes no input current");
        }
    }

    @Nested
    class Gradients extends GradientContract {
        Gradients() {
            super(DEVICE);
        }
    }

    @Nested
    class Variants extends VariantContract {
        Variants() {
            super(DEVICE);
        }
    }

    @Nested
    class Options extends OptionContract {
        Options() {
            super(DEVICE);
        }
    }

    @Nested
    class Draws extends DrawContract {
        Draws() {
            super(DEVICE);
        }
    }

    @Nested
    class Refusals extends RefusalContract {
        Refusals() {
            super(DEVICE);
        }
    }

    @Nested
    class Lifetimes extends LifetimeContract {
        Lifetimes() {
            super(DEVICE);
        }
    }
}
