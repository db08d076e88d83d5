package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.qlif.Kernel;
import org.qlif.QlifConfig;

/**
 * The Vector API backend. The build runs the tests tagged {@code narrow} again in JVMs with narrower vectors, and says which
 * width it asked for.
 */
class SimdContractTest extends KernelContract {
    private static final String DEVICE = "cpu:simd";

    SimdContractTest() {
        super(DEVICE);
    }

    @Test
    @Tag("narrow")
    void runsAtTheWidthThatWasAskedFor() {
        String bits = System.getProperty("qlif.test.vectorBits");
        try (Kernel kernel = open(QlifConfig.defaults(), 1)) {
            assertThat(kernel.device().text()).isEqualTo(DEVICE);
            if (bits == null) {
                assertThat(kernel.description()).containsPattern("\\d+-bit");
            } else {
                assertThat(kernel.description()).contains(bits + "-bit");
            }
        }
    }

    @Nested
    class Gradients extends GradientContract {
        Gradients() {
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
}
