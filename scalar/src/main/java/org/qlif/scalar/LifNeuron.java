// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

import org.qlif.LifConfig;
import org.qlif.LifParameter;
import org.qlif.LifTrace;
import org.qlif.LifVariable;
import org.qlif.Trace;
import org.qlif.spi.host.LifConstants;

/** The LIF model, docs/model.md, section 11. */
final class LifNeuron extends ScalarNeuron<LifNeuron.Step> {
    // State and adjoints.
    private static final int V = LifVariable.MEMBRANE.ordinal();
    private static final int I = LifVariable.CURRENT.ordinal();

    // Parameters and their gradients.
    private static final int TAU_SYN_INV = LifParameter.TAU_SYN_INV.ordinal();
    private static final int TAU_MEM_INV = LifParameter.TAU_MEM_INV.ordinal();
    private static final int V_TH = LifParameter.V_TH.ordinal();

    private final LifConfig config;
    private final LifConstants k;

    // Parameters of this neuron.
    /** dt tau_syn_inv. */
    private float synRate;
    /** dt tau_mem_inv. */
    private float memRate;

    private float vTh;

    LifNeuron(LifConfig config) {
        super(config);
        this.config = config;
        this.k = LifConstants.of(config);
    }

    /** What a step computes, in the names of docs/model.md. */
    static final class Step extends ScalarStep {
        /** i', the synaptic current with the input. */
        float iIn;
        /** (V_leak - V) + i'. */
        float drive;
        /** V' - V_th. */
        float delta;
    }

    @Override
    Step newStep() {
        return new Step();
    }

    @Override
    void parameters(float[] values) {
        synRate = k.dt() * values[TAU_SYN_INV];
        memRate = k.dt() * values[TAU_MEM_INV];
        vTh = values[V_TH];
    }

    @Override
    void integrate(Step x, float input) {
        x.iIn = state[I] + input;
        x.drive = (k.vLeak() - state[V]) + x.iIn;
        x.vPre = Math.fma(memRate, x.drive, state[V]);
        state[I] = Math.fma(-synRate, x.iIn, x.iIn);
    }

    @Override
    void decide(Step x) {
        x.delta = x.vPre - vTh;
    }

    @Override
    boolean fires(Step x, StepDraws draws) {
        return x.delta > 0f;
    }

    @Override
    void settle(Step x, boolean fired) {
        x.spike = fired ? 1f : 0f;
        x.y = x.spike;
        state[V] = fired ? k.vReset() : x.vPre;
    }

    @Override
    float voltage() {
        return state[V];
    }

    @Override
    float traced(Trace trace, Step x) {
        return switch ((LifTrace) trace) {
            case DELTA -> x.delta;
            case CURRENT -> state(trace);
        };
    }

    @Override
    float backward(Step x, float gradY, float gradV) {
        float bV = adjoint[V] + gradV;
        float bY = Math.fma(bV, k.vReset() - x.vPre, gradY);
        float bVPre = x.spike != 0f ? 0f : bV;
        float bDelta = bY * ScalarSurrogate.derivative(config.surrogate(), k.surrogateScale(), x.delta);
        bVPre = bVPre + bDelta;
        gradient[V_TH] = gradient[V_TH] - bDelta;
        gradient[TAU_MEM_INV] = Math.fma(bVPre, x.drive, gradient[TAU_MEM_INV]);
        float bDrive = memRate * bVPre;
        gradient[TAU_SYN_INV] = Math.fma(-adjoint[I], x.iIn, gradient[TAU_SYN_INV]);
        float bI = Math.fma(-synRate, adjoint[I], adjoint[I]) + bDrive;
        adjoint[V] = bVPre - bDrive;
        adjoint[I] = bI;
        return bI;
    }

    /** The gradients of the rates from those of dt times the rates. */
    @Override
    void finishGradients() {
        gradient[TAU_SYN_INV] = k.dt() * gradient[TAU_SYN_INV];
        gradient[TAU_MEM_INV] = k.dt() * gradient[TAU_MEM_INV];
    }
}
