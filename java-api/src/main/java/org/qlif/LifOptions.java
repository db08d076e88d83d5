// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import static org.qlif.Range.FINITE;
import static org.qlif.Range.POSITIVE;

import java.util.List;

/** The table of LIF's options, in the order of docs/model.md. */
final class LifOptions extends OptionTable<LifConfig, LifConfig.Builder> {
    static final LifOptions TABLE = new LifOptions();

    private LifOptions() {
        super(LifConfig.class);
        number("dt", POSITIVE);
        number("v_leak", FINITE);
        number("v_reset", FINITE);
        choice("surrogate", List.of(Surrogate.values()));
        number("surrogate_alpha", POSITIVE);
        number("tau_syn_inv", POSITIVE);
        number("tau_mem_inv", POSITIVE);
        number("v_th", FINITE);
    }

    @Override
    LifConfig.Builder toBuilder(LifConfig config) {
        return config.toBuilder();
    }

    @Override
    LifConfig build(LifConfig.Builder builder) {
        return builder.build();
    }

    @Override
    Object get(LifConfig c, String option) {
        return switch (option) {
            case "dt" -> c.dt();
            case "v_leak" -> c.vLeak();
            case "v_reset" -> c.vReset();
            case "surrogate" -> c.surrogate();
            case "surrogate_alpha" -> c.surrogateAlpha();
            case "tau_syn_inv" -> c.tauSynInv();
            case "tau_mem_inv" -> c.tauMemInv();
            case "v_th" -> c.vTh();
            default -> throw unknown(option);
        };
    }

    @Override
    void set(LifConfig.Builder b, String option, Object x) {
        switch (option) {
            case "dt" -> b.dt((double) x);
            case "v_leak" -> b.vLeak((double) x);
            case "v_reset" -> b.vReset((double) x);
            case "surrogate" -> b.surrogate((Surrogate) x);
            case "surrogate_alpha" -> b.surrogateAlpha((double) x);
            case "tau_syn_inv" -> b.tauSynInv((double) x);
            case "tau_mem_inv" -> b.tauMemInv((double) x);
            case "v_th" -> b.vTh((double) x);
            default -> throw unknown(option);
        }
    }
}
