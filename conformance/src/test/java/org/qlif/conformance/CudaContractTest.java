// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import org.junit.jupiter.api.Nested;

/** The first GPU, through memory of the host. */
@RequiresDevice("cuda:0")
class CudaContractTest extends KernelContract {
    private static final String DEVICE = "cuda:0";

    CudaContractTest() {
        super(DEVICE);
    }

    @Nested
    class Linear extends LinearContract {
        Linear() {
            super(DEVICE);
        }
    }

    /** Neurons whose input a linear layer makes. */
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
