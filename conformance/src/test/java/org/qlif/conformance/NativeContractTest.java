// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.qlif.Kernel;
import org.qlif.QlifConfig;

/** The native library on the CPU: bit for bit what the GPU shall compute, and all of the way there but the device. */
@RequiresDevice("cpu:native")
class NativeContractTest extends KernelContract {
    private static final String DEVICE = "cpu:native";

    NativeContractTest() {
        super(DEVICE);
    }

    /** The build runs the tests tagged {@code narrow} again with the 256-bit kernels. */
    @Test
    @Tag("narrow")
    void runsTheInstructionsThatWereAskedFor() {
        String instructions = System.getenv().getOrDefault("QLIF_INSTRUCTIONS", "");
        try (Kernel kernel = open(QlifConfig.defaults(), 1)) {
            assertThat(kernel.description()).startsWith("C++, " + instructions);
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

    @Nested
    class Threads extends ThreadContract {
        Threads() {
            super(DEVICE);
        }
    }

    @Nested
    class Linear extends LinearContract {
        Linear() {
            super(DEVICE);
        }
    }

    @Nested
    class Fused extends FusedContract {
        Fused() {
            super(DEVICE);
        }
    }

    @Nested
    class Narrow extends NarrowContract {
        Narrow() {
            super(DEVICE, true);
        }
    }
}
