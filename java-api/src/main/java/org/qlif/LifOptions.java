// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import static org.qlif.Range.FINITE;
import static org.qlif.Range.POSITIVE;

/** The table of LIF's options, in the order of docs/model.md. */
final class LifOptions {
    private LifOptions() {}

    static final OptionTable<LifConfig, LifConfig.Builder> TABLE = new OptionTable<>(
                    LifConfig.class, LifConfig::toBuilder, LifConfig.Builder::build)
            .number("dt", POSITIVE, LifConfig::dt, LifConfig.Builder::dt)
            .number("v_leak", FINITE, LifConfig::vLeak, LifConfig.Builder::vLeak)
            .number("v_reset", FINITE, LifConfig::vReset, LifConfig.Builder::vReset)
            .choice("surrogate", Surrogate.class, LifConfig::surrogate, LifConfig.Builder::surrogate)
            .number("surrogate_alpha", POSITIVE, LifConfig::surrogateAlpha, LifConfig.Builder::surrogateAlpha)
            .number("tau_syn_inv", POSITIVE, LifConfig::tauSynInv, LifConfig.Builder::tauSynInv)
            .number("tau_mem_inv", POSITIVE, LifConfig::tauMemInv, LifConfig.Builder::tauMemInv)
            .number("v_th", FINITE, LifConfig::vTh, LifConfig.Builder::vTh);
}
