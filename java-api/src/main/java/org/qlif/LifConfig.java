// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.List;
import java.util.Objects;

/**
 * The classic current-based leaky integrate-and-fire neuron, docs/model.md, section 11: the baseline for comparisons.
 * Values are checked when the configuration is made: one outside its range, a NaN or an infinity is refused with a message that gives the
 * option's name in text, the value and the range. The text form is that of {@link QlifConfig}: {@code LIF v_leak=0.1 surrogate=ARCTAN}.
 *
 * <p>The rates {@code tau_*_inv} are in the inverse of the unit of {@code dt}, by default seconds; potentials and currents are
 * dimensionless. It neither draws numbers nor takes a modulation. Use {@link #builder()}.
 *
 * <pre>{@code
 * LifConfig config = LifConfig.builder().tauMemInv(50).surrogate(Surrogate.ARCTAN).build();
 * LifConfig same = LifConfig.parse("LIF tau_mem_inv=50 surrogate=ARCTAN");
 * }</pre>
 *
 * @param tauSynInv where tau_syn_inv starts, above 0, dt * tauSynInv at most 1; 200 by default
 * @param tauMemInv where tau_mem_inv starts, above 0, dt * tauMemInv at most 1; 100 by default
 * @param vTh where V_th starts: finite; 1 by default
 * @param dt the time step, above 0; 0.001 by default
 * @param vLeak the potential that the membrane leaks to: finite; 0 by default
 * @param vReset the potential after a spike: finite; 0 by default
 * @param surrogate the surrogate for the derivative of the spike; FAST_SIGMOID by default
 * @param surrogateAlpha a of the surrogate, above 0; 100 by default
 */
public record LifConfig(
        double tauSynInv,
        double tauMemInv,
        double vTh,
        double dt,
        double vLeak,
        double vReset,
        Surrogate surrogate,
        double surrogateAlpha)
        implements NeuronConfig {

    private static final List<LifParameter> PARAMETERS = List.of(LifParameter.values());
    private static final List<LifVariable> VARIABLES = List.of(LifVariable.values());
    private static final List<LifTrace> TRACES = List.of(LifTrace.values());

    /**
     * Checks every option.
     *
     * @throws IllegalArgumentException if a value is out of its range
     */
    public LifConfig(
            double tauSynInv,
            double tauMemInv,
            double vTh,
            double dt,
            double vLeak,
            double vReset,
            Surrogate surrogate,
            double surrogateAlpha) {
        this.tauSynInv = tauSynInv;
        this.tauMemInv = tauMemInv;
        this.vTh = vTh;
        this.dt = dt;
        this.vLeak = vLeak;
        this.vReset = vReset;
        this.surrogate = Objects.requireNonNull(surrogate, "surrogate");
        this.surrogateAlpha = surrogateAlpha;
        LifOptions.TABLE.check(this);
        surrogate.requireScale(surrogateAlpha);
        requireRate("tau_syn_inv", tauSynInv, (float) dt);
        requireRate("tau_mem_inv", tauMemInv, (float) dt);
    }

    private static void requireRate(String name, double value, float dt) {
        ParameterRange range = ParameterRange.rate(name, dt);
        if (!range.contains((float) value)) {
            throw Range.refusal(name, value, range.expected());
        }
    }

    /** A builder that starts from the defaults of docs/model.md. */
    public static Builder builder() {
        return new Builder();
    }

    /** The defaults of docs/model.md, which are Norse's. */
    public static LifConfig defaults() {
        return builder().build();
    }

    /** A builder that starts from this configuration. */
    public Builder toBuilder() {
        return new Builder()
                .tauSynInv(tauSynInv)
                .tauMemInv(tauMemInv)
                .vTh(vTh)
                .dt(dt)
                .vLeak(vLeak)
                .vReset(vReset)
                .surrogate(surrogate)
                .surrogateAlpha(surrogateAlpha);
    }

    /**
     * The configuration that {@code text} describes, in the form of {@link #toString}.
     *
     * @throws IllegalArgumentException if it is not of this model, or an option is unknown, given twice or out of its range
     */
    public static LifConfig parse(String text) {
        return LifOptions.TABLE.parse("LIF", text, defaults());
    }

    @Override
    public LifConfig with(List<String> settings) {
        return LifOptions.TABLE.with(this, settings);
    }

    @Override
    public List<ConfigOption> options() {
        return LifOptions.TABLE.options();
    }

    /** The model's name and the options that differ from {@link #defaults}: {@code LIF v_leak=0.1}. */
    @Override
    public String toString() {
        return LifOptions.TABLE.text(this, defaults());
    }

    @Override
    public String model() {
        return "LIF";
    }

    @Override
    public List<LifParameter> parameters() {
        return PARAMETERS;
    }

    @Override
    public List<LifVariable> stateVariables() {
        return VARIABLES;
    }

    @Override
    public List<LifTrace> traces() {
        return TRACES;
    }

    private static LifParameter own(NeuronParameter parameter) {
        return PARAMETERS.get(Ordinals.of("parameter", PARAMETERS, parameter, parameter.ordinal()));
    }

    @Override
    public float defaultValue(NeuronParameter parameter) {
        return (float)
                switch (own(parameter)) {
                    case TAU_SYN_INV -> tauSynInv;
                    case TAU_MEM_INV -> tauMemInv;
                    case V_TH -> vTh;
                };
    }

    @Override
    public ParameterRange parameterRange(NeuronParameter parameter) {
        return switch (own(parameter)) {
            case TAU_SYN_INV, TAU_MEM_INV -> ParameterRange.rate(parameter.symbol(), (float) dt);
            case V_TH -> ParameterRange.FINITE;
        };
    }

    /**
     * {@inheritDoc}
     *
     * <p>Rates: from a millionth of 1 / dt to 1 / dt, above which they are not legal. V_th: any finite number.
     */
    @Override
    public ParameterRange usefulRange(NeuronParameter parameter) {
        return switch (own(parameter)) {
            case TAU_SYN_INV, TAU_MEM_INV -> {
                float most = parameterRange(parameter).most();
                yield ParameterRange.between(most / ParameterRange.SLOWEST, most);
            }
            case V_TH -> ParameterRange.FINITE;
        };
    }

    @Override
    public boolean acceptsModulation() {
        return false;
    }

    @Override
    public int uniformsPerStep() {
        return 0;
    }

    @Override
    public boolean drawsNormals() {
        return false;
    }

    /** Builds a {@link LifConfig}; the setters have the names of the components and are checked by {@link #build()}. */
    public static final class Builder {
        private double tauSynInv = 200;
        private double tauMemInv = 100;
        private double vTh = 1;
        private double dt = 0.001;
        private double vLeak = 0;
        private double vReset = 0;
        private Surrogate surrogate = Surrogate.FAST_SIGMOID;
        private double surrogateAlpha = 100;

        private Builder() {}

        /** Sets where tau_syn_inv starts; 200 unless set. */
        public Builder tauSynInv(double tauSynInv) {
            this.tauSynInv = tauSynInv;
            return this;
        }

        /** Sets where tau_mem_inv starts; 100 unless set. */
        public Builder tauMemInv(double tauMemInv) {
            this.tauMemInv = tauMemInv;
            return this;
        }

        /** Sets where V_th starts; 1 unless set. */
        public Builder vTh(double vTh) {
            this.vTh = vTh;
            return this;
        }

        /** Sets the time step; 0.001 unless set. */
        public Builder dt(double dt) {
            this.dt = dt;
            return this;
        }

        /** Sets the potential that the membrane leaks to; 0 unless set. */
        public Builder vLeak(double vLeak) {
            this.vLeak = vLeak;
            return this;
        }

        /** Sets the potential after a spike; 0 unless set. */
        public Builder vReset(double vReset) {
            this.vReset = vReset;
            return this;
        }

        /** Sets the surrogate for the derivative of the spike; FAST_SIGMOID unless set. */
        public Builder surrogate(Surrogate surrogate) {
            this.surrogate = surrogate;
            return this;
        }

        /** Sets a of the surrogate; 100 unless set. */
        public Builder surrogateAlpha(double surrogateAlpha) {
            this.surrogateAlpha = surrogateAlpha;
            return this;
        }

        /**
         * The configuration.
         *
         * @throws IllegalArgumentException if a value is out of its range
         */
        public LifConfig build() {
            return new LifConfig(tauSynInv, tauMemInv, vTh, dt, vLeak, vReset, surrogate, surrogateAlpha);
        }
    }
}
