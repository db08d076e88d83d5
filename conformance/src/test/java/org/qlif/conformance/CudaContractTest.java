package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.qlif.SpikeLinear;

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
