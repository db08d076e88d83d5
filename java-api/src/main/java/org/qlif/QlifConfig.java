package org.qlif;

import java.util.List;
import java.util.Objects;

/**
 * Every option of the QLIF model, with the defaults of docs/model.md. Values are checked when the record is made: one outside
 * its range, a NaN or an infinity is refused by name, value and range.
 *
 * <p>Times are in the unit of {@code dt}; potentials, thresholds and currents are dimensionless. Use {@link #builder()}.
 *
 * @param vReset V_reset, the potential after a full reset
 * @param resetFraction kappa_r, the share of the way to V_reset that a spike takes; 1 is a hard reset
 * @param detachReset whether the reset and the refractory trace see the spike value without its gradient
 * @param dt the time step
 * @param noiseStd sigma, the standard deviation of the membrane noise, when {@code stochastic}
 * @param stochastic whether the membrane noise is on
 * @param decision how the membrane gap becomes a spike
 * @param sampling SIGMOID only: whether the spike is drawn or the probability rounded
 * @param spikeValue what drives the dynamics and a downstream layer
 * @param angleMap QUBIT only: the qubit angle from the membrane gap; LINEAR is periodic, on purpose
 * @param thetaMax the largest rotation of the TANH angle map
 * @param quantumLeak the rotation subtracted from the qubit bias
 * @param readout QUBIT only: how p becomes a spike
 * @param quantumWires W, the qubits measured per neuron-step by MULTI_QUBIT
 * @param quantumThreshold zeta, the mean of Z below which the neuron fires, for MULTI_QUBIT and EXPECTATION: a cosine, so lower is more
 *     selective
 * @param probabilityFloor p is clamped to [floor, 1 - floor] before refractory damping
 * @param surrogate THRESHOLD only: the derivative that stands in for that of the step
 * @param surrogateAlpha a of the surrogate
 * @param dynamicProbability allow_dynamic_spike_probability: whether the spike history flattens the probability slope
 * @param baseAlpha the SIGMOID slope
 * @param dspDecay the decay of D in a step; exp(-dt / tau_adapt) unless set
 * @param dspJump the rise of D at a spike
 * @param minAlpha the lower bound of the SIGMOID slope
 * @param maxAlpha the upper bound of the SIGMOID slope
 * @param refractory whether exp(-R) damps p
 * @param tauRef the time constant of R
 * @param rJump the rise of R at a spike
 * @param useAdaptation whether the adaptation current flows; without it A neither acts nor changes
 * @param adaptationDecay the decay of A in a step
 * @param spikeIncrease the rise of A at a spike
 * @param useDepression whether spikes depress the synapse; without it S neither acts nor changes
 * @param depressionRate the share of S that a spike takes
 * @param recoveryRate the share of the way back to 1 that S takes in a step
 * @param useAhp whether the after-hyperpolarization current flows
 * @param tauAhp the time constant of H
 * @param ahpJump the rise of H at a spike
 * @param gAhp the conductance that makes H a current
 * @param ahpMax the cap of H
 * @param useAdaptiveThreshold whether the threshold adapts
 * @param minThreshold the lower bound of the adaptive threshold
 * @param maxThreshold the upper bound of the adaptive threshold
 * @param homeostasisEnabled whether h follows the firing rate
 * @param homeostasisTargetRate the rate that homeostasis steers to, spikes per step
 * @param homeostasisLr the step of h
 * @param homeostasisTau the time constant of r
 * @param neuromodMode what the modulation acts on
 * @param neuromodStrength kappa, the strength of the modulation
 * @param neuromodTransform what is applied to an external modulation
 * @param vTh where V_th starts
 * @param tau where tau starts, in the unit of dt; dt / tau must be finite in float32
 * @param eta where eta starts
 * @param qScale where the qubit scale alpha starts; calibrated unless set
 * @param qBias where the qubit bias beta starts; calibrated unless set
 * @param learnableThreshold whether an optimizer sees V_th
 * @param learnableTau whether an optimizer sees tau
 * @param learnableEta whether an optimizer sees eta
 * @param learnableQScale whether an optimizer sees alpha
 * @param learnableQBias whether an optimizer sees beta
 */
public record QlifConfig(
        double vReset,
        double resetFraction,
        boolean detachReset,
        double dt,
        double noiseStd,
        boolean stochastic,
        Decision decision,
        Sampling sampling,
        SpikeValue spikeValue,
        AngleMap angleMap,
        double thetaMax,
        double quantumLeak,
        Readout readout,
        int quantumWires,
        double quantumThreshold,
        double probabilityFloor,
        Surrogate surrogate,
        double surrogateAlpha,
        boolean dynamicProbability,
        double baseAlpha,
        double dspDecay,
        double dspJump,
        double minAlpha,
        double maxAlpha,
        boolean refractory,
        double tauRef,
        double rJump,
        boolean useAdaptation,
        double adaptationDecay,
        double spikeIncrease,
        boolean useDepression,
        double depressionRate,
        double recoveryRate,
        boolean useAhp,
        double tauAhp,
        double ahpJump,
        double gAhp,
        double ahpMax,
        boolean useAdaptiveThreshold,
        double minThreshold,
        double maxThreshold,
        boolean homeostasisEnabled,
        double homeostasisTargetRate,
        double homeostasisLr,
        double homeostasisTau,
        NeuromodMode neuromodMode,
        double neuromodStrength,
        NeuromodTransform neuromodTransform,
        double vTh,
        double tau,
        double eta,
        double qScale,
        double qBias,
        boolean learnableThreshold,
        boolean learnableTau,
        boolean learnableEta,
        boolean learnableQScale,
        boolean learnableQBias)
        implements NeuronConfig {

    /** How the membrane gap becomes a spike. */
    public enum Decision {
        /** A one-qubit model, p = (1 - cos phi) / 2. */
        QUBIT,
        /** p = sigmoid(a * gap). */
        SIGMOID,
        /** A spike where the gap is at least 0; the gradient is a surrogate. */
        THRESHOLD
    }

    /** How SIGMOID turns p into a spike. */
    public enum Sampling {
        /** A spike with probability p. */
        DRAW,
        /** A spike where p is above one half. */
        ROUND
    }

    /** What a spike is worth to the dynamics and to a downstream layer. */
    public enum SpikeValue {
        /** The spike itself; its gradient is that of p (straight-through). */
        SAMPLE,
        /** p. */
        EXPECTED
    }

    /** The qubit angle from the membrane gap. */
    public enum AngleMap {
        /** phi = beta - leak + x: periodic in x. */
        LINEAR,
        /** phi = beta - leak + theta_max * tanh(x). */
        TANH
    }

    /** How the qubit's p becomes a spike. */
    public enum Readout {
        /** One measurement. */
        SINGLE_QUBIT,
        /** W measurements, a spike where the mean of Z is below the quantum threshold. */
        MULTI_QUBIT,
        /** The limit of infinitely many measurements. */
        EXPECTATION
    }

    /** What the modulation M acts on. */
    public enum NeuromodMode {
        /** The input is multiplied by 1 + kappa * M. */
        GAIN,
        /** kappa * M is added to the threshold. */
        THRESHOLD,
        /** The probability slope is multiplied by 1 + kappa * M. */
        PROB_SLOPE,
        /** Nothing. */
        OFF
    }

    private static final List<QlifParameter> PARAMETERS = List.of(QlifParameter.values());
    private static final List<QlifVariable> VARIABLES = List.of(QlifVariable.values());
    private static final List<QlifTrace> TRACES = List.of(QlifTrace.values());

    /** Checks every component. */
    public QlifConfig {
        Range.finite("vReset", vReset);
        Range.within("resetFraction", resetFraction, 0, true, 1, true);
        Range.positive("dt", dt);
        Range.nonNegative("noiseStd", noiseStd);
        Objects.requireNonNull(decision, "decision");
        Objects.requireNonNull(sampling, "sampling");
        Objects.requireNonNull(spikeValue, "spikeValue");
        Objects.requireNonNull(angleMap, "angleMap");
        Range.within("thetaMax", thetaMax, 0, false, Math.PI, true);
        Range.nonNegative("quantumLeak", quantumLeak);
        Objects.requireNonNull(readout, "readout");
        Range.within("quantumWires", quantumWires, 1, 64);
        Range.within("quantumThreshold", quantumThreshold, -1, false, 1, false);
        Range.within("probabilityFloor", probabilityFloor, 0, true, 0.5, false);
        Objects.requireNonNull(surrogate, "surrogate");
        Range.positive("surrogateAlpha", surrogateAlpha);
        Range.positive("baseAlpha", baseAlpha);
        Range.nonNegative("dspDecay", dspDecay);
        Range.nonNegative("dspJump", dspJump);
        Range.positive("minAlpha", minAlpha);
        Range.positive("maxAlpha", maxAlpha);
        Range.positive("tauRef", tauRef);
        Range.nonNegative("rJump", rJump);
        Range.nonNegative("adaptationDecay", adaptationDecay);
        Range.nonNegative("spikeIncrease", spikeIncrease);
        Range.within("depressionRate", depressionRate, 0, true, 1, true);
        Range.nonNegative("recoveryRate", recoveryRate);
        Range.positive("tauAhp", tauAhp);
        Range.nonNegative("ahpJump", ahpJump);
        Range.finite("gAhp", gAhp);
        Range.positive("ahpMax", ahpMax);
        Range.positive("minThreshold", minThreshold);
        Range.positive("maxThreshold", maxThreshold);
        Range.within("homeostasisTargetRate", homeostasisTargetRate, 0, true, 1, true);
        Range.finite("homeostasisLr", homeostasisLr);
        Range.timeConstant("homeostasisTau", homeostasisTau, (float) (dt / homeostasisTau));
        Objects.requireNonNull(neuromodMode, "neuromodMode");
        Range.finite("neuromodStrength", neuromodStrength);
        Objects.requireNonNull(neuromodTransform, "neuromodTransform");
        Range.finite("vTh", vTh);
        Range.timeConstant("tau", tau, (float) dt / (float) tau);
        Range.finite("eta", eta);
        Range.finite("qScale", qScale);
        Range.finite("qBias", qBias);
        surrogate.requireScale(surrogateAlpha);
        Range.ordered("minAlpha", minAlpha, "maxAlpha", maxAlpha, true);
        Range.ordered("minThreshold", minThreshold, "maxThreshold", maxThreshold, false);
    }

    /** A builder that starts from the defaults of docs/model.md. */
    public static Builder builder() {
        return new Builder();
    }

    /** The defaults of docs/model.md. */
    public static QlifConfig defaults() {
        return builder().build();
    }

    /**
     * The plain leaky integrate-and-fire neuron that spikes at its threshold, {@code V' = V + (dt / tau)(I - V)} with a hard reset: every
     * option of the model off. For the one with a synaptic current see {@link LifConfig}.
     */
    public static QlifConfig plainLif() {
        return builder()
                .decision(Decision.THRESHOLD)
                .stochastic(false)
                .dynamicProbability(false)
                .refractory(false)
                .useAdaptation(false)
                .useDepression(false)
                .useAhp(false)
                .useAdaptiveThreshold(false)
                .homeostasisEnabled(false)
                .neuromodMode(NeuromodMode.OFF)
                .build();
    }

    /**
     * A builder that starts from this configuration. What was derived when it was built, the decay of D and the calibrated qubit
     * scale and bias, counts as set: call {@link Builder#tauAdapt} or {@link Builder#calibrate} to derive it again.
     */
    public Builder toBuilder() {
        return new Builder(this);
    }

    @Override
    public String model() {
        return "QLIF";
    }

    @Override
    public List<QlifParameter> parameters() {
        return PARAMETERS;
    }

    @Override
    public List<QlifVariable> stateVariables() {
        return VARIABLES;
    }

    @Override
    public List<QlifTrace> traces() {
        return TRACES;
    }

    @Override
    public float defaultValue(NeuronParameter parameter) {
        return (float)
                switch ((QlifParameter) parameter) {
                    case V_TH -> vTh;
                    case TAU -> tau;
                    case ETA -> eta;
                    case Q_SCALE -> qScale;
                    case Q_BIAS -> qBias;
                };
    }

    @Override
    public ParameterRange parameterRange(NeuronParameter parameter) {
        return switch ((QlifParameter) parameter) {
            case V_TH, ETA, Q_SCALE, Q_BIAS -> ParameterRange.FINITE;
            case TAU -> ParameterRange.timeConstant("tau", (float) dt);
        };
    }

    /** Whether an optimizer sees {@code parameter}; the kernels compute every gradient that a call asks for. */
    public boolean learnable(QlifParameter parameter) {
        return switch (parameter) {
            case V_TH -> learnableThreshold;
            case TAU -> learnableTau;
            case ETA -> learnableEta;
            case Q_SCALE -> learnableQScale;
            case Q_BIAS -> learnableQBias;
        };
    }

    @Override
    public boolean acceptsModulation() {
        return true;
    }

    /** Whether the membrane noise is on: {@code stochastic} with a standard deviation above 0. */
    @Override
    public boolean drawsNormals() {
        return stochastic && noiseStd > 0;
    }

    @Override
    public int uniformsPerStep() {
        return switch (decision) {
            case THRESHOLD -> 0;
            case SIGMOID -> sampling == Sampling.DRAW ? 1 : 0;
            case QUBIT ->
                switch (readout) {
                    case SINGLE_QUBIT -> 1;
                    case MULTI_QUBIT -> quantumWires;
                    case EXPECTATION -> 0;
                };
        };
    }

    /** The public snapshots of QLIF that a configuration can reproduce exactly. */
    public enum Preset {
        /** The snapshot of 2025-08-15: linear angle, sampled spikes, a trace that advances twice a step. */
        SNAPSHOT_2025_08_15("2025-08-15"),
        /** The snapshot of 2025-08-24: tanh angle, expected spike values, gradients through the reset. */
        SNAPSHOT_2025_08_24("2025-08-24");

        private final String text;

        Preset(String text) {
            this.text = text;
        }

        /** The preset of this date, such as {@code 2025-08-24}. */
        public static Preset of(String text) {
            for (Preset preset : values()) {
                if (preset.text.equals(text)) {
                    return preset;
                }
            }
            throw new IllegalArgumentException("preset: got '" + text + "', expected 2025-08-15 or 2025-08-24");
        }

        /** The snapshot's date. */
        @Override
        public String toString() {
            return text;
        }

        /** A builder set to this snapshot in the given decision mode. */
        public Builder builder(Decision decision) {
            boolean qubit = decision == Decision.QUBIT;
            Builder builder = QlifConfig.builder()
                    .decision(decision)
                    .stochastic(decision != Decision.THRESHOLD)
                    .resetFraction(0.3)
                    .eta(0)
                    .homeostasisEnabled(false);
            return switch (this) {
                case SNAPSHOT_2025_08_15 -> qubit ? builder.doubledTrace(true) : builder;
                case SNAPSHOT_2025_08_24 -> {
                    builder.detachReset(false);
                    yield qubit
                            ? builder.angleMap(AngleMap.TANH)
                                    .spikeValue(SpikeValue.EXPECTED)
                                    .probabilityFloor(1e-5)
                                    .refractory(false)
                                    .dynamicProbability(false)
                            : builder;
                }
            };
        }
    }

    /** Builds a {@link QlifConfig}; the setters have the names of the components and are checked by {@link #build()}. */
    public static final class Builder {

        private double vReset = 0.0;
        private double resetFraction = 1.0;
        private boolean detachReset = true;
        private double dt = 1.0;
        private double noiseStd = 0.1;
        private boolean stochastic = true;
        private Decision decision = Decision.QUBIT;
        private Sampling sampling = Sampling.DRAW;
        private SpikeValue spikeValue = SpikeValue.SAMPLE;
        private AngleMap angleMap = AngleMap.LINEAR;
        private double thetaMax = Math.PI / 2 - 0.005;
        private double quantumLeak = 0.1;
        private Readout readout = Readout.SINGLE_QUBIT;
        private int quantumWires = 4;
        private double quantumThreshold = 0.7;
        private double probabilityFloor = 0.0;
        private Surrogate surrogate = Surrogate.HEAVISIDE;
        private double surrogateAlpha = 1.0;
        private boolean dynamicProbability = true;
        private double baseAlpha = 2.0;
        private double dspDecay;
        private double dspJump = 1.0;
        private double minAlpha = 0.05;
        private double maxAlpha = 5.0;
        private boolean refractory = true;
        private double tauRef = 6.0;
        private double rJump = 1.0;
        private boolean useAdaptation = true;
        private double adaptationDecay = 0.9;
        private double spikeIncrease = 0.5;
        private boolean useDepression = true;
        private double depressionRate = 0.1;
        private double recoveryRate = 0.05;
        private boolean useAhp = true;
        private double tauAhp = 120.0;
        private double ahpJump = 0.3;
        private double gAhp = 0.2;
        private double ahpMax = 2.0;
        private boolean useAdaptiveThreshold = true;
        private double minThreshold = 0.5;
        private double maxThreshold = 2.0;
        private boolean homeostasisEnabled = true;
        private double homeostasisTargetRate = 0.12;
        private double homeostasisLr = 1e-3;
        private double homeostasisTau = 1000.0;
        private NeuromodMode neuromodMode = NeuromodMode.GAIN;
        private double neuromodStrength = 1.0;
        private NeuromodTransform neuromodTransform = NeuromodTransform.SIGMOID;
        private double vTh = 1.0;
        private double tau = 20.0;
        private double eta = 0.1;
        private double qScale;
        private double qBias;
        private boolean learnableThreshold = true;
        private boolean learnableTau = false;
        private boolean learnableEta = false;
        private boolean learnableQScale = true;
        private boolean learnableQBias = true;
        private boolean dspDecaySet;
        private boolean dspJumpSet;
        private boolean qScaleSet;
        private boolean qBiasSet;
        private double tauAdapt = 20.0;
        private boolean doubledTrace;
        private double initialProbability = 0.02;
        private double initialSlope = 0.10;

        private Builder() {}

        private Builder(QlifConfig config) {
            vReset = config.vReset;
            resetFraction = config.resetFraction;
            detachReset = config.detachReset;
            dt = config.dt;
            noiseStd = config.noiseStd;
            stochastic = config.stochastic;
            decision = config.decision;
            sampling = config.sampling;
            spikeValue = config.spikeValue;
            angleMap = config.angleMap;
            thetaMax = config.thetaMax;
            quantumLeak = config.quantumLeak;
            readout = config.readout;
            quantumWires = config.quantumWires;
            quantumThreshold = config.quantumThreshold;
            probabilityFloor = config.probabilityFloor;
            surrogate = config.surrogate;
            surrogateAlpha = config.surrogateAlpha;
            dynamicProbability = config.dynamicProbability;
            baseAlpha = config.baseAlpha;
            dspDecay = config.dspDecay;
            dspJump = config.dspJump;
            minAlpha = config.minAlpha;
            maxAlpha = config.maxAlpha;
            refractory = config.refractory;
            tauRef = config.tauRef;
            rJump = config.rJump;
            useAdaptation = config.useAdaptation;
            adaptationDecay = config.adaptationDecay;
            spikeIncrease = config.spikeIncrease;
            useDepression = config.useDepression;
            depressionRate = config.depressionRate;
            recoveryRate = config.recoveryRate;
            useAhp = config.useAhp;
            tauAhp = config.tauAhp;
            ahpJump = config.ahpJump;
            gAhp = config.gAhp;
            ahpMax = config.ahpMax;
            useAdaptiveThreshold = config.useAdaptiveThreshold;
            minThreshold = config.minThreshold;
            maxThreshold = config.maxThreshold;
            homeostasisEnabled = config.homeostasisEnabled;
            homeostasisTargetRate = config.homeostasisTargetRate;
            homeostasisLr = config.homeostasisLr;
            homeostasisTau = config.homeostasisTau;
            neuromodMode = config.neuromodMode;
            neuromodStrength = config.neuromodStrength;
            neuromodTransform = config.neuromodTransform;
            vTh = config.vTh;
            tau = config.tau;
            eta = config.eta;
            qScale = config.qScale;
            qBias = config.qBias;
            learnableThreshold = config.learnableThreshold;
            learnableTau = config.learnableTau;
            learnableEta = config.learnableEta;
            learnableQScale = config.learnableQScale;
            learnableQBias = config.learnableQBias;
            dspDecaySet = true;
            dspJumpSet = true;
            qScaleSet = true;
            qBiasSet = true;
        }

        /** Sets V_reset, the potential after a full reset. */
        public Builder vReset(double vReset) {
            this.vReset = vReset;
            return this;
        }

        /** Sets kappa_r, the share of the way to V_reset that a spike takes; 1 is a hard reset. */
        public Builder resetFraction(double resetFraction) {
            this.resetFraction = resetFraction;
            return this;
        }

        /** Sets whether the reset and the refractory trace see the spike value without its gradient. */
        public Builder detachReset(boolean detachReset) {
            this.detachReset = detachReset;
            return this;
        }

        /** Sets the time step. */
        public Builder dt(double dt) {
            this.dt = dt;
            return this;
        }

        /** Sets sigma, the standard deviation of the membrane noise, when stochastic. */
        public Builder noiseStd(double noiseStd) {
            this.noiseStd = noiseStd;
            return this;
        }

        /** Sets whether the membrane noise is on. */
        public Builder stochastic(boolean stochastic) {
            this.stochastic = stochastic;
            return this;
        }

        /** Sets how the membrane gap becomes a spike. */
        public Builder decision(Decision decision) {
            this.decision = decision;
            return this;
        }

        /** Sets SIGMOID only: whether the spike is drawn or the probability rounded. */
        public Builder sampling(Sampling sampling) {
            this.sampling = sampling;
            return this;
        }

        /** Sets what drives the dynamics and a downstream layer. */
        public Builder spikeValue(SpikeValue spikeValue) {
            this.spikeValue = spikeValue;
            return this;
        }

        /** Sets QUBIT only: the qubit angle from the membrane gap; LINEAR is periodic, on purpose. */
        public Builder angleMap(AngleMap angleMap) {
            this.angleMap = angleMap;
            return this;
        }

        /** Sets the largest rotation of the TANH angle map. */
        public Builder thetaMax(double thetaMax) {
            this.thetaMax = thetaMax;
            return this;
        }

        /** Sets the rotation subtracted from the qubit bias. */
        public Builder quantumLeak(double quantumLeak) {
            this.quantumLeak = quantumLeak;
            return this;
        }

        /** Sets QUBIT only: how p becomes a spike. */
        public Builder readout(Readout readout) {
            this.readout = readout;
            return this;
        }

        /** Sets W, the qubits measured per neuron-step by MULTI_QUBIT. */
        public Builder quantumWires(int quantumWires) {
            this.quantumWires = quantumWires;
            return this;
        }

        /** Sets zeta, the mean of Z below which the neuron fires, for MULTI_QUBIT and EXPECTATION: lower is more selective. */
        public Builder quantumThreshold(double quantumThreshold) {
            this.quantumThreshold = quantumThreshold;
            return this;
        }

        /** Sets p is clamped to [floor, 1 - floor] before refractory damping. */
        public Builder probabilityFloor(double probabilityFloor) {
            this.probabilityFloor = probabilityFloor;
            return this;
        }

        /** Sets THRESHOLD only: the derivative that stands in for that of the step. */
        public Builder surrogate(Surrogate surrogate) {
            this.surrogate = surrogate;
            return this;
        }

        /** Sets a of the surrogate. */
        public Builder surrogateAlpha(double surrogateAlpha) {
            this.surrogateAlpha = surrogateAlpha;
            return this;
        }

        /** Sets allow_dynamic_spike_probability: whether the spike history flattens the probability slope. */
        public Builder dynamicProbability(boolean dynamicProbability) {
            this.dynamicProbability = dynamicProbability;
            return this;
        }

        /** Sets the SIGMOID slope. */
        public Builder baseAlpha(double baseAlpha) {
            this.baseAlpha = baseAlpha;
            return this;
        }

        /** Sets the decay of D in a step; exp(-dt / tau_adapt) unless set. */
        public Builder dspDecay(double dspDecay) {
            this.dspDecay = dspDecay;
            dspDecaySet = true;
            return this;
        }

        /** Sets the rise of D at a spike. */
        public Builder dspJump(double dspJump) {
            this.dspJump = dspJump;
            dspJumpSet = true;
            return this;
        }

        /** Sets the lower bound of the SIGMOID slope. */
        public Builder minAlpha(double minAlpha) {
            this.minAlpha = minAlpha;
            return this;
        }

        /** Sets the upper bound of the SIGMOID slope. */
        public Builder maxAlpha(double maxAlpha) {
            this.maxAlpha = maxAlpha;
            return this;
        }

        /** Sets whether exp(-R) damps p. */
        public Builder refractory(boolean refractory) {
            this.refractory = refractory;
            return this;
        }

        /** Sets the time constant of R. */
        public Builder tauRef(double tauRef) {
            this.tauRef = tauRef;
            return this;
        }

        /** Sets the rise of R at a spike. */
        public Builder rJump(double rJump) {
            this.rJump = rJump;
            return this;
        }

        /** Sets whether the adaptation current flows. */
        public Builder useAdaptation(boolean useAdaptation) {
            this.useAdaptation = useAdaptation;
            return this;
        }

        /** Sets the decay of A in a step. */
        public Builder adaptationDecay(double adaptationDecay) {
            this.adaptationDecay = adaptationDecay;
            return this;
        }

        /** Sets the rise of A at a spike. */
        public Builder spikeIncrease(double spikeIncrease) {
            this.spikeIncrease = spikeIncrease;
            return this;
        }

        /** Sets whether spikes depress the synapse. */
        public Builder useDepression(boolean useDepression) {
            this.useDepression = useDepression;
            return this;
        }

        /** Sets the share of S that a spike takes. */
        public Builder depressionRate(double depressionRate) {
            this.depressionRate = depressionRate;
            return this;
        }

        /** Sets the share of the way back to 1 that S takes in a step. */
        public Builder recoveryRate(double recoveryRate) {
            this.recoveryRate = recoveryRate;
            return this;
        }

        /** Sets whether the after-hyperpolarization current flows. */
        public Builder useAhp(boolean useAhp) {
            this.useAhp = useAhp;
            return this;
        }

        /** Sets the time constant of H. */
        public Builder tauAhp(double tauAhp) {
            this.tauAhp = tauAhp;
            return this;
        }

        /** Sets the rise of H at a spike. */
        public Builder ahpJump(double ahpJump) {
            this.ahpJump = ahpJump;
            return this;
        }

        /** Sets the conductance that makes H a current. */
        public Builder gAhp(double gAhp) {
            this.gAhp = gAhp;
            return this;
        }

        /** Sets the cap of H. */
        public Builder ahpMax(double ahpMax) {
            this.ahpMax = ahpMax;
            return this;
        }

        /** Sets whether the threshold adapts. */
        public Builder useAdaptiveThreshold(boolean useAdaptiveThreshold) {
            this.useAdaptiveThreshold = useAdaptiveThreshold;
            return this;
        }

        /** Sets the lower bound of the adaptive threshold. */
        public Builder minThreshold(double minThreshold) {
            this.minThreshold = minThreshold;
            return this;
        }

        /** Sets the upper bound of the adaptive threshold. */
        public Builder maxThreshold(double maxThreshold) {
            this.maxThreshold = maxThreshold;
            return this;
        }

        /** Sets whether h follows the firing rate. */
        public Builder homeostasisEnabled(boolean homeostasisEnabled) {
            this.homeostasisEnabled = homeostasisEnabled;
            return this;
        }

        /** Sets the rate that homeostasis steers to, spikes per step. */
        public Builder homeostasisTargetRate(double homeostasisTargetRate) {
            this.homeostasisTargetRate = homeostasisTargetRate;
            return this;
        }

        /** Sets the step of h. */
        public Builder homeostasisLr(double homeostasisLr) {
            this.homeostasisLr = homeostasisLr;
            return this;
        }

        /** Sets the time constant of r. */
        public Builder homeostasisTau(double homeostasisTau) {
            this.homeostasisTau = homeostasisTau;
            return this;
        }

        /** Sets what the modulation acts on. */
        public Builder neuromodMode(NeuromodMode neuromodMode) {
            this.neuromodMode = neuromodMode;
            return this;
        }

        /** Sets kappa, the strength of the modulation. */
        public Builder neuromodStrength(double neuromodStrength) {
            this.neuromodStrength = neuromodStrength;
            return this;
        }

        /** Sets what is applied to an external modulation. */
        public Builder neuromodTransform(NeuromodTransform neuromodTransform) {
            this.neuromodTransform = neuromodTransform;
            return this;
        }

        /** Sets where V_th starts. */
        public Builder vTh(double vTh) {
            this.vTh = vTh;
            return this;
        }

        /** Sets where tau starts, in the unit of dt. */
        public Builder tau(double tau) {
            this.tau = tau;
            return this;
        }

        /** Sets where eta starts. */
        public Builder eta(double eta) {
            this.eta = eta;
            return this;
        }

        /** Sets where the qubit scale alpha starts; calibrated unless set. */
        public Builder qScale(double qScale) {
            this.qScale = qScale;
            qScaleSet = true;
            return this;
        }

        /** Sets where the qubit bias beta starts; calibrated unless set. */
        public Builder qBias(double qBias) {
            this.qBias = qBias;
            qBiasSet = true;
            return this;
        }

        /** Sets whether an optimizer sees V_th. */
        public Builder learnableThreshold(boolean learnableThreshold) {
            this.learnableThreshold = learnableThreshold;
            return this;
        }

        /** Sets whether an optimizer sees tau. */
        public Builder learnableTau(boolean learnableTau) {
            this.learnableTau = learnableTau;
            return this;
        }

        /** Sets whether an optimizer sees eta. */
        public Builder learnableEta(boolean learnableEta) {
            this.learnableEta = learnableEta;
            return this;
        }

        /** Sets whether an optimizer sees alpha. */
        public Builder learnableQScale(boolean learnableQScale) {
            this.learnableQScale = learnableQScale;
            return this;
        }

        /** Sets whether an optimizer sees beta. */
        public Builder learnableQBias(boolean learnableQBias) {
            this.learnableQBias = learnableQBias;
            return this;
        }

        /** Sets tau_adapt, from which the decay of D follows as exp(-dt / tau_adapt) unless it is set directly. */
        public Builder tauAdapt(double tauAdapt) {
            this.tauAdapt = tauAdapt;
            dspDecaySet = false;
            return this;
        }

        /** Chooses QUBIT, or without it SIGMOID if the configuration is stochastic so far, else THRESHOLD. */
        public Builder quantumMode(boolean quantumMode) {
            return decision(quantumMode ? Decision.QUBIT : stochastic ? Decision.SIGMOID : Decision.THRESHOLD);
        }

        /**
         * Calibrates the qubit so that at a gap of 0 it spikes with probability {@code probability} and that probability
         * rises with {@code slope} per unit of gap. The default is (0.02, 0.10).
         */
        public Builder calibrate(double probability, double slope) {
            initialProbability = Range.within("probability", probability, 0, false, 1, false);
            initialSlope = Range.finite("slope", slope);
            qScaleSet = false;
            qBiasSet = false;
            return this;
        }

        /** The 2025-08-15 snapshot advances D twice a step: decay e^2, jump 1 + e, with e = exp(-dt / tau_adapt). */
        Builder doubledTrace(boolean doubledTrace) {
            this.doubledTrace = doubledTrace;
            return this;
        }

        /**
         * The configuration.
         *
         * @throws IllegalArgumentException if a value is out of its range
         */
        public QlifConfig build() {
            Range.positive("dt", dt);
            Range.positive("tauAdapt", tauAdapt);
            double e = Math.exp(-dt / tauAdapt);
            double decay = dspDecaySet ? dspDecay : doubledTrace ? e * e : e;
            double jump = dspJumpSet || !doubledTrace ? dspJump : 1 + e;
            double restAngle = Math.acos(1 - 2 * initialProbability);
            double bias = qBiasSet ? qBias : restAngle + quantumLeak;
            double gain = angleMap == AngleMap.TANH ? thetaMax : 1;
            double scale = qScaleSet ? qScale : 2 * initialSlope / Math.sin(restAngle) / gain;
            return new QlifConfig(
                    vReset,
                    resetFraction,
                    detachReset,
                    dt,
                    noiseStd,
                    stochastic,
                    decision,
                    sampling,
                    spikeValue,
                    angleMap,
                    thetaMax,
                    quantumLeak,
                    readout,
                    quantumWires,
                    quantumThreshold,
                    probabilityFloor,
                    surrogate,
                    surrogateAlpha,
                    dynamicProbability,
                    baseAlpha,
                    decay,
                    jump,
                    minAlpha,
                    maxAlpha,
                    refractory,
                    tauRef,
                    rJump,
                    useAdaptation,
                    adaptationDecay,
                    spikeIncrease,
                    useDepression,
                    depressionRate,
                    recoveryRate,
                    useAhp,
                    tauAhp,
                    ahpJump,
                    gAhp,
                    ahpMax,
                    useAdaptiveThreshold,
                    minThreshold,
                    maxThreshold,
                    homeostasisEnabled,
                    homeostasisTargetRate,
                    homeostasisLr,
                    homeostasisTau,
                    neuromodMode,
                    neuromodStrength,
                    neuromodTransform,
                    vTh,
                    tau,
                    eta,
                    scale,
                    bias,
                    learnableThreshold,
                    learnableTau,
                    learnableEta,
                    learnableQScale,
                    learnableQBias);
        }
    }
}
