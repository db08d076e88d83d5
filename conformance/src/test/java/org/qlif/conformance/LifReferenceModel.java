// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import org.qlif.LifConfig;
import org.qlif.LifParameter;
import org.qlif.LifTrace;
import org.qlif.LifVariable;

/** docs/model.md, section 11 in double precision. */
final class LifReferenceModel extends ReferenceModel {
    private final LifConfig config;

    LifReferenceModel(Scenario scenario) {
        super(scenario, 0);
        this.config = (LifConfig) scenario.config();
    }

    @Override
    void runElement(double[] point, Trajectory frozen, Trajectory run, int e) {
        double tauSynInv = parameter(point, LifParameter.TAU_SYN_INV, e);
        double tauMemInv = parameter(point, LifParameter.TAU_MEM_INV, e);
        double vTh = parameter(point, LifParameter.V_TH, e);
        double[] x = initialState(point, e);
        recordFinal(run, e, x);
        double v = x[LifVariable.MEMBRANE.ordinal()];
        double i = x[LifVariable.CURRENT.ordinal()];
        for (int t = 0; t < shape.steps(); t++) {
            int at = t * shape.elements() + e;
            double jumped = i + point[at];
            double vPre = v + config.dt() * tauMemInv * (config.vLeak() - v + jumped);
            i = jumped - config.dt() * tauSynInv * jumped;
            double delta = vPre - vTh;
            double spike;
            double y;
            if (frozen == null) {
                spike = above(run, delta, 0) ? 1 : 0;
                y = spike;
            } else {
                spike = frozen.spikes[at];
                double base = frozen.traces[LifTrace.DELTA.ordinal()][at];
                y = spike + surrogate(config.surrogate(), config.surrogateAlpha(), base) * (delta - base);
            }
            v = (1 - y) * vPre + y * config.vReset();

            run.spikes[at] = spike;
            run.values[at] = y;
            run.voltages[at] = v;
            run.traces[LifTrace.DELTA.ordinal()][at] = delta;
            recordState(run, at, e, v, i);
        }
    }
}
