// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.function.UnaryOperator;

/**
 * Every option of the QLIF model, with the defaults of docs/model.md. Made by {@link #builder()}, in calls whose order does not matter:
 *
 * <pre>{@code
 * QlifConfig config = QlifConfig.builder()
 *         .tau(10)
 *         .qubit(qubit -> qubit.withAngleMap(QlifConfig.AngleMap.TANH))
 *         .homeostasis(QlifConfig.Homeostasis::off)
 *         .build();
 * }</pre>
 *
 * <p>or from text, {@code QlifConfig.parse("QLIF tau=10 angle_map=TANH homeostasis_enabled=false")}. {@link #toString} returns such a text,
 * with the options that differ from the defaults in the order of docs/model.md, and {@link #parse} reads it back. Values are checked when
 * the configuration is made: one outside its range, a NaN or an infinity is refused with a message that gives the option's name in text,
 * the value and the range. Ranges refer to float32, in which kernels compute.
 *
 * <p>Times are in the unit of {@code dt}; potentials, thresholds and currents are dimensionless.
 *
 * @param dt the time step, above 0; 1 by default
 * @param decision how the membrane gap becomes a spike; QUBIT by default
 * @param spikeValue what drives the dynamics and a downstream layer; SAMPLE by default
 * @param probabilityFloor p is clamped to [floor, 1 - floor] before refractory damping; in [0, 0.5), 0 by default
 * @param surrogate THRESHOLD only: the surrogate for the derivative of the step; HEAVISIDE by default
 * @param surrogateAlpha a of the surrogate, above 0; 1 by default
 * @param reset what a spike leaves of the potential
 * @param noise the membrane noise
 * @param qubit the QUBIT decision
 * @param sigmoid the SIGMOID decision
 * @param dynamicProbability how the spike history flattens the slope of the probability
 * @param refractoriness how a spike damps the probability
 * @param adaptation the adaptation current
 * @param depression short-term depression of the synapse
 * @param ahp the after-hyperpolarization current
 * @param adaptiveThreshold how spikes move the threshold
 * @param homeostasis how the firing rate moves the threshold
 * @param neuromodulation what the modulation acts on
 * @param start where the parameters start
 */
public record QlifConfig(
        double dt,
        Decision decision,
        SpikeValue spikeValue,
        double probabilityFloor,
        Surrogate surrogate,
        double surrogateAlpha,
        Reset reset,
        Noise noise,
        Qubit qubit,
        Sigmoid sigmoid,
        DynamicProbability dynamicProbability,
        Refractoriness refractoriness,
        Adaptation adaptation,
        Depression depression,
        Ahp ahp,
        AdaptiveThreshold adaptiveThreshold,
        Homeostasis homeostasis,
        Neuromodulation neuromodulation,
        Start start)
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

    /**
     * A part of the model that can be off.
     *
     * @param <M> the part itself
     */
    public interface Mechanism<M> {
        /** Whether it is on. */
        boolean enabled();

        /** The same, on or off. */
        M withEnabled(boolean enabled);

        /** The same, on. */
        default M on() {
            return withEnabled(true);
        }

        /** The same, off. */
        default M off() {
            return withEnabled(false);
        }
    }

    /**
     * What a spike leaves of the potential.
     *
     * @param potential V_reset, the potential after a full reset: finite; 0 by default
     * @param fraction kappa_r, the share of the way to V_reset that a spike takes, in [0, 1]; 1, a hard reset, by default
     * @param detached whether the reset and the refractory trace see the spike value without its gradient; true by default
     */
    public record Reset(double potential, double fraction, boolean detached) {
        static final Reset DEFAULTS = new Reset(0.0, 1.0, true);

        /** The same with this {@code potential}. */
        public Reset withPotential(double potential) {
            return new Reset(potential, fraction, detached);
        }

        /** The same with this {@code fraction}. */
        public Reset withFraction(double fraction) {
            return new Reset(potential, fraction, detached);
        }

        /** The same with this {@code detached}. */
        public Reset withDetached(boolean detached) {
            return new Reset(potential, fraction, detached);
        }
    }

    /**
     * The membrane noise, normal and white.
     *
     * @param enabled whether there is noise; true by default
     * @param std sigma, its standard deviation, at least 0; 0.1 by default. With 0 there is none
     */
    public record Noise(boolean enabled, double std) implements Mechanism<Noise> {
        static final Noise DEFAULTS = new Noise(true, 0.1);

        @Override
        public Noise withEnabled(boolean enabled) {
            return new Noise(enabled, std);
        }

        /** The same with this {@code std}. */
        public Noise withStd(double std) {
            return new Noise(enabled, std);
        }
    }

    /**
     * The QUBIT decision: how the gap turns a qubit, and how the qubit is read.
     *
     * @param angleMap the angle from the membrane gap; LINEAR, which is periodic on purpose, by default
     * @param thetaMax the largest rotation of the TANH angle map, in (0, pi]; pi / 2 - 0.005 by default
     * @param leak the rotation subtracted from the qubit bias, at least 0; 0.1 by default
     * @param readout how p becomes a spike; SINGLE_QUBIT by default
     * @param wires W, the qubits that MULTI_QUBIT measures in a neuron-step, 1 to 64; 4 by default
     * @param threshold zeta, the mean of Z below which the neuron fires, for MULTI_QUBIT and EXPECTATION: a cosine, so lower is more
     *     selective; in (-1, 1), 0.7 by default
     */
    public record Qubit(AngleMap angleMap, double thetaMax, double leak, Readout readout, int wires, double threshold) {
        static final Qubit DEFAULTS =
                new Qubit(AngleMap.LINEAR, Math.PI / 2 - 0.005, 0.1, Readout.SINGLE_QUBIT, 4, 0.7);

        /** Refuses a null; numbers are checked with the whole configuration. */
        public Qubit {
            Objects.requireNonNull(angleMap, "angleMap");
            Objects.requireNonNull(readout, "readout");
        }

        /** The same with this {@code angleMap}. */
        public Qubit withAngleMap(AngleMap angleMap) {
            return new Qubit(angleMap, thetaMax, leak, readout, wires, threshold);
        }

        /** The same with this {@code thetaMax}. */
        public Qubit withThetaMax(double thetaMax) {
            return new Qubit(angleMap, thetaMax, leak, readout, wires, threshold);
        }

        /** The same with this {@code leak}. */
        public Qubit withLeak(double leak) {
            return new Qubit(angleMap, thetaMax, leak, readout, wires, threshold);
        }

        /** The same with this {@code readout}. */
        public Qubit withReadout(Readout readout) {
            return new Qubit(angleMap, thetaMax, leak, readout, wires, threshold);
        }

        /** The same with this {@code wires}. */
        public Qubit withWires(int wires) {
            return new Qubit(angleMap, thetaMax, leak, readout, wires, threshold);
        }

        /** The same with this {@code threshold}. */
        public Qubit withThreshold(double threshold) {
            return new Qubit(angleMap, thetaMax, leak, readout, wires, threshold);
        }
    }

    /**
     * The SIGMOID decision.
     *
     * @param sampling whether the spike is drawn or the probability rounded; DRAW by default
     * @param alpha the slope, above 0; 2 by default
     * @param minAlpha the lower bound of the slope that the spike history has flattened, above 0; 0.05 by default
     * @param maxAlpha the upper bound of that slope, at least minAlpha; 5 by default
     */
    public record Sigmoid(Sampling sampling, double alpha, double minAlpha, double maxAlpha) {
        static final Sigmoid DEFAULTS = new Sigmoid(Sampling.DRAW, 2.0, 0.05, 5.0);

        /** Refuses a null; numbers are checked with the whole configuration. */
        public Sigmoid {
            Objects.requireNonNull(sampling, "sampling");
        }

        /** The same with this {@code sampling}. */
        public Sigmoid withSampling(Sampling sampling) {
            return new Sigmoid(sampling, alpha, minAlpha, maxAlpha);
        }

        /** The same with this {@code alpha}. */
        public Sigmoid withAlpha(double alpha) {
            return new Sigmoid(sampling, alpha, minAlpha, maxAlpha);
        }

        /** The same with these bounds. */
        public Sigmoid withAlphaBounds(double minAlpha, double maxAlpha) {
            return new Sigmoid(sampling, alpha, minAlpha, maxAlpha);
        }
    }

    /**
     * The trace D, by which the spike history flattens the slope of the probability.
     *
     * @param enabled whether it does; true by default
     * @param decay the decay of D in a step, at least 0; empty, by default, for exp(-dt / tauAdapt): see {@link QlifConfig#dspDecay}
     * @param jump the rise of D at a spike, at least 0; 1 by default
     * @param tauAdapt tau_adapt, from which the decay is derived if it is not set, above 0; 20 by default
     */
    public record DynamicProbability(boolean enabled, OptionalDouble decay, double jump, double tauAdapt)
            implements Mechanism<DynamicProbability> {
        static final DynamicProbability DEFAULTS = new DynamicProbability(true, OptionalDouble.empty(), 1.0, 20.0);

        /** Refuses a null; numbers are checked with the whole configuration. */
        public DynamicProbability {
            Objects.requireNonNull(decay, "decay");
        }

        @Override
        public DynamicProbability withEnabled(boolean enabled) {
            return new DynamicProbability(enabled, decay, jump, tauAdapt);
        }

        /** The same with this {@code decay}, instead of a derived one. */
        public DynamicProbability withDecay(double decay) {
            return new DynamicProbability(enabled, OptionalDouble.of(decay), jump, tauAdapt);
        }

        /** The same with a decay that is derived from tau_adapt and dt. */
        public DynamicProbability withDerivedDecay() {
            return new DynamicProbability(enabled, OptionalDouble.empty(), jump, tauAdapt);
        }

        /** The same with this {@code jump}. */
        public DynamicProbability withJump(double jump) {
            return new DynamicProbability(enabled, decay, jump, tauAdapt);
        }

        /** The same with this {@code tauAdapt}. */
        public DynamicProbability withTauAdapt(double tauAdapt) {
            return new DynamicProbability(enabled, decay, jump, tauAdapt);
        }
    }

    /**
     * The trace R: exp(-R) damps the probability after a spike.
     *
     * @param enabled whether it does; true by default
     * @param tau the time constant of R, above 0; 6 by default
     * @param jump the rise of R at a spike, at least 0; 1 by default
     */
    public record Refractoriness(boolean enabled, double tau, double jump) implements Mechanism<Refractoriness> {
        static final Refractoriness DEFAULTS = new Refractoriness(true, 6.0, 1.0);

        @Override
        public Refractoriness withEnabled(boolean enabled) {
            return new Refractoriness(enabled, tau, jump);
        }

        /** The same with this {@code tau}. */
        public Refractoriness withTau(double tau) {
            return new Refractoriness(enabled, tau, jump);
        }

        /** The same with this {@code jump}. */
        public Refractoriness withJump(double jump) {
            return new Refractoriness(enabled, tau, jump);
        }
    }

    /**
     * The adaptation current A. Without it A neither acts nor changes.
     *
     * @param enabled whether it flows; true by default
     * @param decay the decay of A in a step, at least 0; 0.9 by default
     * @param increase the rise of A at a spike, at least 0; 0.5 by default
     */
    public record Adaptation(boolean enabled, double decay, double increase) implements Mechanism<Adaptation> {
        static final Adaptation DEFAULTS = new Adaptation(true, 0.9, 0.5);

        @Override
        public Adaptation withEnabled(boolean enabled) {
            return new Adaptation(enabled, decay, increase);
        }

        /** The same with this {@code decay}. */
        public Adaptation withDecay(double decay) {
            return new Adaptation(enabled, decay, increase);
        }

        /** The same with this {@code increase}. */
        public Adaptation withIncrease(double increase) {
            return new Adaptation(enabled, decay, increase);
        }
    }

    /**
     * Short-term depression of the synapse, S. Without it S neither acts nor changes.
     *
     * @param enabled whether spikes depress the synapse; true by default
     * @param rate the share of S that a spike takes, in [0, 1]; 0.1 by default
     * @param recovery the share of the way back to 1 that S takes in a step, at least 0; 0.05 by default
     */
    public record Depression(boolean enabled, double rate, double recovery) implements Mechanism<Depression> {
        static final Depression DEFAULTS = new Depression(true, 0.1, 0.05);

        @Override
        public Depression withEnabled(boolean enabled) {
            return new Depression(enabled, rate, recovery);
        }

        /** The same with this {@code rate}. */
        public Depression withRate(double rate) {
            return new Depression(enabled, rate, recovery);
        }

        /** The same with this {@code recovery}. */
        public Depression withRecovery(double recovery) {
            return new Depression(enabled, rate, recovery);
        }
    }

    /**
     * The after-hyperpolarization current, by the trace H.
     *
     * @param enabled whether it flows; true by default
     * @param tau the time constant of H, above 0; 120 by default
     * @param jump the rise of H at a spike, at least 0; 0.3 by default
     * @param conductance what makes H a current: finite; 0.2 by default
     * @param max the cap of H, above 0; 2 by default
     */
    public record Ahp(boolean enabled, double tau, double jump, double conductance, double max)
            implements Mechanism<Ahp> {
        static final Ahp DEFAULTS = new Ahp(true, 120.0, 0.3, 0.2, 2.0);

        @Override
        public Ahp withEnabled(boolean enabled) {
            return new Ahp(enabled, tau, jump, conductance, max);
        }

        /** The same with this {@code tau}. */
        public Ahp withTau(double tau) {
            return new Ahp(enabled, tau, jump, conductance, max);
        }

        /** The same with this {@code jump}. */
        public Ahp withJump(double jump) {
            return new Ahp(enabled, tau, jump, conductance, max);
        }

        /** The same with this {@code conductance}. */
        public Ahp withConductance(double conductance) {
            return new Ahp(enabled, tau, jump, conductance, max);
        }

        /** The same with this {@code max}. */
        public Ahp withMax(double max) {
            return new Ahp(enabled, tau, jump, conductance, max);
        }
    }

    /**
     * The threshold that spikes raise: docs/model.md, section 4.
     *
     * @param enabled whether it adapts; true by default
     * @param min its lower bound, above 0; 0.5 by default
     * @param max its upper bound, above min; 2 by default
     */
    public record AdaptiveThreshold(boolean enabled, double min, double max) implements Mechanism<AdaptiveThreshold> {
        static final AdaptiveThreshold DEFAULTS = new AdaptiveThreshold(true, 0.5, 2.0);

        @Override
        public AdaptiveThreshold withEnabled(boolean enabled) {
            return new AdaptiveThreshold(enabled, min, max);
        }

        /** The same with these bounds. */
        public AdaptiveThreshold withBounds(double min, double max) {
            return new AdaptiveThreshold(enabled, min, max);
        }
    }

    /**
     * The offset h of the threshold, which follows the firing rate: docs/model.md, section 5.
     *
     * @param enabled whether it does; true by default
     * @param targetRate the rate that it steers to, spikes a step, in [0, 1]; 0.12 by default
     * @param learningRate the step of h: finite; 0.001 by default
     * @param tau the time constant of the rate r, above 0 and such that dt / tau is finite in float32; 1000 by default
     */
    public record Homeostasis(boolean enabled, double targetRate, double learningRate, double tau)
            implements Mechanism<Homeostasis> {
        static final Homeostasis DEFAULTS = new Homeostasis(true, 0.12, 1e-3, 1000.0);

        @Override
        public Homeostasis withEnabled(boolean enabled) {
            return new Homeostasis(enabled, targetRate, learningRate, tau);
        }

        /** The same with this {@code targetRate}. */
        public Homeostasis withTargetRate(double targetRate) {
            return new Homeostasis(enabled, targetRate, learningRate, tau);
        }

        /** The same with this {@code learningRate}. */
        public Homeostasis withLearningRate(double learningRate) {
            return new Homeostasis(enabled, targetRate, learningRate, tau);
        }

        /** The same with this {@code tau}. */
        public Homeostasis withTau(double tau) {
            return new Homeostasis(enabled, targetRate, learningRate, tau);
        }
    }

    /**
     * The modulation M.
     *
     * @param mode what M acts on; GAIN by default
     * @param strength kappa, its strength: finite; 1 by default
     * @param transform what is applied to an external modulation; SIGMOID by default
     */
    public record Neuromodulation(NeuromodMode mode, double strength, NeuromodTransform transform) {
        static final Neuromodulation DEFAULTS = new Neuromodulation(NeuromodMode.GAIN, 1.0, NeuromodTransform.SIGMOID);

        /** Refuses a null; numbers are checked with the whole configuration. */
        public Neuromodulation {
            Objects.requireNonNull(mode, "mode");
            Objects.requireNonNull(transform, "transform");
        }

        /** The same with this {@code mode}. */
        public Neuromodulation withMode(NeuromodMode mode) {
            return new Neuromodulation(mode, strength, transform);
        }

        /** The same with this {@code strength}. */
        public Neuromodulation withStrength(double strength) {
            return new Neuromodulation(mode, strength, transform);
        }

        /** The same with this {@code transform}. */
        public Neuromodulation withTransform(NeuromodTransform transform) {
            return new Neuromodulation(mode, strength, transform);
        }
    }

    /**
     * Where the parameters start. Kernels take parameters from their calls.
     *
     * @param vTh V_th: finite; 1 by default
     * @param tau tau, in the unit of dt, above 0 and such that dt / tau is finite in float32; 20 by default
     * @param eta eta: finite; 0.1 by default
     * @param qScale the qubit scale alpha: finite; empty, by default, for a calibrated one: see {@link QlifConfig#qScale}
     * @param qBias the qubit bias beta: finite; empty, by default, for a calibrated one: see {@link QlifConfig#qBias}
     * @param initialProbability the spike probability at a gap of 0 to calibrate to, in (0, 1); 0.02 by default
     * @param initialSlope the slope there to calibrate to: finite; 0.1 by default
     */
    public record Start(
            double vTh,
            double tau,
            double eta,
            OptionalDouble qScale,
            OptionalDouble qBias,
            double initialProbability,
            double initialSlope) {
        static final Start DEFAULTS =
                new Start(1.0, 20.0, 0.1, OptionalDouble.empty(), OptionalDouble.empty(), 0.02, 0.10);

        /** Refuses a null; numbers are checked with the whole configuration. */
        public Start {
            Objects.requireNonNull(qScale, "qScale");
            Objects.requireNonNull(qBias, "qBias");
        }

        /** The same with this {@code vTh}. */
        public Start withVTh(double vTh) {
            return new Start(vTh, tau, eta, qScale, qBias, initialProbability, initialSlope);
        }

        /** The same with this {@code tau}. */
        public Start withTau(double tau) {
            return new Start(vTh, tau, eta, qScale, qBias, initialProbability, initialSlope);
        }

        /** The same with this {@code eta}. */
        public Start withEta(double eta) {
            return new Start(vTh, tau, eta, qScale, qBias, initialProbability, initialSlope);
        }

        /** The same with this {@code qScale}, instead of a derived one. */
        public Start withQScale(double qScale) {
            return new Start(vTh, tau, eta, OptionalDouble.of(qScale), qBias, initialProbability, initialSlope);
        }

        /** The same with this {@code qBias}, instead of a derived one. */
        public Start withQBias(double qBias) {
            return new Start(vTh, tau, eta, qScale, OptionalDouble.of(qBias), initialProbability, initialSlope);
        }

        /** The same with a scale and a bias that are calibrated. */
        public Start withCalibratedQubit() {
            return new Start(
                    vTh, tau, eta, OptionalDouble.empty(), OptionalDouble.empty(), initialProbability, initialSlope);
        }

        /**
         * Calibrates the qubit so that, at a gap of 0, the spike probability and its slope per unit of gap have these values. A scale or
         * bias that was set stays.
         */
        public Start withCalibration(double initialProbability, double initialSlope) {
            return new Start(vTh, tau, eta, qScale, qBias, initialProbability, initialSlope);
        }
    }

    private static final List<QlifParameter> PARAMETERS = List.of(QlifParameter.values());
    private static final List<QlifVariable> VARIABLES = List.of(QlifVariable.values());
    private static final List<QlifTrace> TRACES = List.of(QlifTrace.values());

    /**
     * Checks every option.
     *
     * @throws IllegalArgumentException if a value is out of its range
     */
    public QlifConfig(
            double dt,
            Decision decision,
            SpikeValue spikeValue,
            double probabilityFloor,
            Surrogate surrogate,
            double surrogateAlpha,
            Reset reset,
            Noise noise,
            Qubit qubit,
            Sigmoid sigmoid,
            DynamicProbability dynamicProbability,
            Refractoriness refractoriness,
            Adaptation adaptation,
            Depression depression,
            Ahp ahp,
            AdaptiveThreshold adaptiveThreshold,
            Homeostasis homeostasis,
            Neuromodulation neuromodulation,
            Start start) {
        this.dt = dt;
        this.decision = Objects.requireNonNull(decision, "decision");
        this.spikeValue = Objects.requireNonNull(spikeValue, "spikeValue");
        this.probabilityFloor = probabilityFloor;
        this.surrogate = Objects.requireNonNull(surrogate, "surrogate");
        this.surrogateAlpha = surrogateAlpha;
        this.reset = Objects.requireNonNull(reset, "reset");
        this.noise = Objects.requireNonNull(noise, "noise");
        this.qubit = Objects.requireNonNull(qubit, "qubit");
        this.sigmoid = Objects.requireNonNull(sigmoid, "sigmoid");
        this.dynamicProbability = Objects.requireNonNull(dynamicProbability, "dynamicProbability");
        this.refractoriness = Objects.requireNonNull(refractoriness, "refractoriness");
        this.adaptation = Objects.requireNonNull(adaptation, "adaptation");
        this.depression = Objects.requireNonNull(depression, "depression");
        this.ahp = Objects.requireNonNull(ahp, "ahp");
        this.adaptiveThreshold = Objects.requireNonNull(adaptiveThreshold, "adaptiveThreshold");
        this.homeostasis = Objects.requireNonNull(homeostasis, "homeostasis");
        this.neuromodulation = Objects.requireNonNull(neuromodulation, "neuromodulation");
        this.start = Objects.requireNonNull(start, "start");
        QlifOptions.TABLE.check(this);
        surrogate.requireScale(surrogateAlpha);
        Range.ordered("min_alpha", sigmoid.minAlpha, "max_alpha", sigmoid.maxAlpha, true);
        Range.ordered("min_threshold", adaptiveThreshold.min, "max_threshold", adaptiveThreshold.max, false);
        Range.timeConstant("homeostasis_tau", homeostasis.tau, (float) (dt / homeostasis.tau));
        Range.timeConstant("tau", start.tau, (float) dt / (float) start.tau);
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
                .noise(Noise::off)
                .dynamicProbability(DynamicProbability::off)
                .refractoriness(Refractoriness::off)
                .adaptation(Adaptation::off)
                .depression(Depression::off)
                .ahp(Ahp::off)
                .adaptiveThreshold(AdaptiveThreshold::off)
                .homeostasis(Homeostasis::off)
                .neuromodulation(modulation -> modulation.withMode(NeuromodMode.OFF))
                .build();
    }

    /**
     * The configuration that {@code text} describes, in the form of {@link #toString}.
     *
     * @throws IllegalArgumentException if it is not of this model, or an option is unknown, given twice or out of its range
     */
    public static QlifConfig parse(String text) {
        return QlifOptions.TABLE.parse("QLIF", text, defaults());
    }

    /** A builder that starts from this configuration. Derived options that were not set are derived again. */
    public Builder toBuilder() {
        return new Builder(this);
    }

    @Override
    public QlifConfig with(List<String> settings) {
        return QlifOptions.TABLE.with(this, settings);
    }

    @Override
    public List<ConfigOption> options() {
        return QlifOptions.TABLE.options();
    }

    /** The model's name and the options that differ from {@link #defaults}: {@code QLIF tau=10.0 use_ahp=false}. */
    @Override
    public String toString() {
        return QlifOptions.TABLE.text(this, defaults());
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

    private static QlifParameter own(NeuronParameter parameter) {
        return PARAMETERS.get(Ordinals.of("parameter", PARAMETERS, parameter, parameter.ordinal()));
    }

    @Override
    public float defaultValue(NeuronParameter parameter) {
        return (float)
                switch (own(parameter)) {
                    case V_TH -> start.vTh;
                    case TAU -> start.tau;
                    case ETA -> start.eta;
                    case Q_SCALE -> qScale();
                    case Q_BIAS -> qBias();
                };
    }

    @Override
    public ParameterRange parameterRange(NeuronParameter parameter) {
        return switch (own(parameter)) {
            case V_TH, ETA, Q_SCALE, Q_BIAS -> ParameterRange.FINITE;
            case TAU -> ParameterRange.timeConstant("tau", (float) dt);
        };
    }

    /**
     * {@inheritDoc}
     *
     * <p>V_th: the bounds of an adaptive threshold, outside which it has no gradient and could not return; a fixed threshold may be any
     * finite number. tau: from dt, below which the Euler step overshoots, to a million of it. eta: 0 to 1, a step towards the spike. The
     * qubit's scale: 0.001 to 1000; a negative scale makes a neuron that current silences. Its bias: within half a turn of the leak.
     */
    @Override
    public ParameterRange usefulRange(NeuronParameter parameter) {
        return switch (own(parameter)) {
            case V_TH ->
                adaptiveThreshold.enabled
                        ? ParameterRange.between((float) adaptiveThreshold.min, (float) adaptiveThreshold.max)
                        : ParameterRange.FINITE;
            case TAU ->
                ParameterRange.between((float) dt, (float) Math.min(dt * ParameterRange.SLOWEST, Float.MAX_VALUE));
            case ETA -> ParameterRange.between(0, 1);
            case Q_SCALE -> ParameterRange.between(1e-3f, 1e3f);
            case Q_BIAS -> ParameterRange.between((float) (qubit.leak - Math.PI), (float) (qubit.leak + Math.PI));
        };
    }

    /** The decay of D in a step: the one that was set, or exp(-dt / tau_adapt). */
    public double dspDecay() {
        OptionalDouble decay = dynamicProbability.decay;
        return decay.isPresent() ? decay.getAsDouble() : Math.exp(-dt / dynamicProbability.tauAdapt);
    }

    /** Where the qubit scale alpha starts: the one that was set, or the calibrated one, docs/model.md, section 7. */
    public double qScale() {
        double gain = qubit.angleMap == AngleMap.TANH ? qubit.thetaMax : 1;
        return start.qScale.isPresent()
                ? start.qScale.getAsDouble()
                : 2 * start.initialSlope / Math.sin(calibratedAngle()) / gain;
    }

    /** Where the qubit bias beta starts: the one that was set, or the calibrated one, docs/model.md, section 7. */
    public double qBias() {
        return start.qBias.isPresent() ? start.qBias.getAsDouble() : calibratedAngle() + qubit.leak;
    }

    private double calibratedAngle() {
        return Math.acos(1 - 2 * start.initialProbability);
    }

    @Override
    public boolean acceptsModulation() {
        return true;
    }

    /** Whether there is membrane noise: it is on, with a standard deviation above 0. */
    @Override
    public boolean drawsNormals() {
        return noise.enabled && noise.std > 0;
    }

    @Override
    public int uniformsPerStep() {
        return switch (decision) {
            case THRESHOLD -> 0;
            case SIGMOID -> sigmoid.sampling == Sampling.DRAW ? 1 : 0;
            case QUBIT ->
                switch (qubit.readout) {
                    case SINGLE_QUBIT -> 1;
                    case MULTI_QUBIT -> qubit.wires;
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

        /** A builder set to this snapshot in the given decision mode; its traces are those of the snapshot's dt of 1. */
        public Builder builder(Decision decision) {
            boolean qubit = decision == Decision.QUBIT;
            Builder builder = QlifConfig.builder()
                    .decision(decision)
                    .noise(noise -> noise.withEnabled(decision != Decision.THRESHOLD))
                    .reset(reset -> reset.withFraction(0.3))
                    .eta(0)
                    .homeostasis(Homeostasis::off);
            return switch (this) {
                case SNAPSHOT_2025_08_15 -> qubit ? builder.dynamicProbability(Preset::advancedTwice) : builder;
                case SNAPSHOT_2025_08_24 -> {
                    builder.reset(reset -> reset.withDetached(false));
                    yield qubit
                            ? builder.qubit(q -> q.withAngleMap(AngleMap.TANH))
                                    .spikeValue(SpikeValue.EXPECTED)
                                    .probabilityFloor(1e-5)
                                    .refractoriness(Refractoriness::off)
                                    .dynamicProbability(DynamicProbability::off)
                            : builder;
                }
            };
        }

        /** The snapshot of 2025-08-15 advances D twice a step. */
        private static DynamicProbability advancedTwice(DynamicProbability once) {
            double e = Math.exp(-1 / once.tauAdapt);
            return once.withDecay(e * e).withJump(1 + e);
        }
    }

    /**
     * Builds a {@link QlifConfig}. A call sets an option or a group of options, or changes the current group; {@link #build()} checks all
     * of them.
     */
    public static final class Builder {
        private double dt = 1.0;
        private Decision decision = Decision.QUBIT;
        private SpikeValue spikeValue = SpikeValue.SAMPLE;
        private double probabilityFloor = 0.0;
        private Surrogate surrogate = Surrogate.HEAVISIDE;
        private double surrogateAlpha = 1.0;
        private Reset reset = Reset.DEFAULTS;
        private Noise noise = Noise.DEFAULTS;
        private Qubit qubit = Qubit.DEFAULTS;
        private Sigmoid sigmoid = Sigmoid.DEFAULTS;
        private DynamicProbability dynamicProbability = DynamicProbability.DEFAULTS;
        private Refractoriness refractoriness = Refractoriness.DEFAULTS;
        private Adaptation adaptation = Adaptation.DEFAULTS;
        private Depression depression = Depression.DEFAULTS;
        private Ahp ahp = Ahp.DEFAULTS;
        private AdaptiveThreshold adaptiveThreshold = AdaptiveThreshold.DEFAULTS;
        private Homeostasis homeostasis = Homeostasis.DEFAULTS;
        private Neuromodulation neuromodulation = Neuromodulation.DEFAULTS;
        private Start start = Start.DEFAULTS;

        private Builder() {}

        private Builder(QlifConfig config) {
            dt = config.dt;
            decision = config.decision;
            spikeValue = config.spikeValue;
            probabilityFloor = config.probabilityFloor;
            surrogate = config.surrogate;
            surrogateAlpha = config.surrogateAlpha;
            reset = config.reset;
            noise = config.noise;
            qubit = config.qubit;
            sigmoid = config.sigmoid;
            dynamicProbability = config.dynamicProbability;
            refractoriness = config.refractoriness;
            adaptation = config.adaptation;
            depression = config.depression;
            ahp = config.ahp;
            adaptiveThreshold = config.adaptiveThreshold;
            homeostasis = config.homeostasis;
            neuromodulation = config.neuromodulation;
            start = config.start;
        }

        /** Sets the time step. */
        public Builder dt(double dt) {
            this.dt = dt;
            return this;
        }

        /** Sets how the membrane gap becomes a spike. */
        public Builder decision(Decision decision) {
            this.decision = decision;
            return this;
        }

        /** Sets what drives the dynamics and a downstream layer. */
        public Builder spikeValue(SpikeValue spikeValue) {
            this.spikeValue = spikeValue;
            return this;
        }

        /** Sets the floor of p: it is clamped to [floor, 1 - floor] before refractory damping. */
        public Builder probabilityFloor(double probabilityFloor) {
            this.probabilityFloor = probabilityFloor;
            return this;
        }

        /** Sets the surrogate for the derivative of the step, for THRESHOLD only. */
        public Builder surrogate(Surrogate surrogate) {
            this.surrogate = surrogate;
            return this;
        }

        /** Sets a of the surrogate. */
        public Builder surrogateAlpha(double surrogateAlpha) {
            this.surrogateAlpha = surrogateAlpha;
            return this;
        }

        /** Sets what a spike leaves of the potential. */
        public Builder reset(Reset reset) {
            this.reset = reset;
            return this;
        }

        /** Changes what a spike leaves of the potential. */
        public Builder reset(UnaryOperator<Reset> change) {
            return reset(change.apply(reset));
        }

        /** Sets the membrane noise. */
        public Builder noise(Noise noise) {
            this.noise = noise;
            return this;
        }

        /** Changes the membrane noise. */
        public Builder noise(UnaryOperator<Noise> change) {
            return noise(change.apply(noise));
        }

        /** Sets the QUBIT decision. */
        public Builder qubit(Qubit qubit) {
            this.qubit = qubit;
            return this;
        }

        /** Changes the QUBIT decision. */
        public Builder qubit(UnaryOperator<Qubit> change) {
            return qubit(change.apply(qubit));
        }

        /** Sets the SIGMOID decision. */
        public Builder sigmoid(Sigmoid sigmoid) {
            this.sigmoid = sigmoid;
            return this;
        }

        /** Changes the SIGMOID decision. */
        public Builder sigmoid(UnaryOperator<Sigmoid> change) {
            return sigmoid(change.apply(sigmoid));
        }

        /** Sets how the spike history flattens the slope of the probability. */
        public Builder dynamicProbability(DynamicProbability dynamicProbability) {
            this.dynamicProbability = dynamicProbability;
            return this;
        }

        /** Changes how the spike history flattens the slope of the probability. */
        public Builder dynamicProbability(UnaryOperator<DynamicProbability> change) {
            return dynamicProbability(change.apply(dynamicProbability));
        }

        /** Sets how a spike damps the probability. */
        public Builder refractoriness(Refractoriness refractoriness) {
            this.refractoriness = refractoriness;
            return this;
        }

        /** Changes how a spike damps the probability. */
        public Builder refractoriness(UnaryOperator<Refractoriness> change) {
            return refractoriness(change.apply(refractoriness));
        }

        /** Sets the adaptation current. */
        public Builder adaptation(Adaptation adaptation) {
            this.adaptation = adaptation;
            return this;
        }

        /** Changes the adaptation current. */
        public Builder adaptation(UnaryOperator<Adaptation> change) {
            return adaptation(change.apply(adaptation));
        }

        /** Sets short-term depression of the synapse. */
        public Builder depression(Depression depression) {
            this.depression = depression;
            return this;
        }

        /** Changes short-term depression of the synapse. */
        public Builder depression(UnaryOperator<Depression> change) {
            return depression(change.apply(depression));
        }

        /** Sets the after-hyperpolarization current. */
        public Builder ahp(Ahp ahp) {
            this.ahp = ahp;
            return this;
        }

        /** Changes the after-hyperpolarization current. */
        public Builder ahp(UnaryOperator<Ahp> change) {
            return ahp(change.apply(ahp));
        }

        /** Sets how spikes move the threshold. */
        public Builder adaptiveThreshold(AdaptiveThreshold adaptiveThreshold) {
            this.adaptiveThreshold = adaptiveThreshold;
            return this;
        }

        /** Changes how spikes move the threshold. */
        public Builder adaptiveThreshold(UnaryOperator<AdaptiveThreshold> change) {
            return adaptiveThreshold(change.apply(adaptiveThreshold));
        }

        /** Sets how the firing rate moves the threshold. */
        public Builder homeostasis(Homeostasis homeostasis) {
            this.homeostasis = homeostasis;
            return this;
        }

        /** Changes how the firing rate moves the threshold. */
        public Builder homeostasis(UnaryOperator<Homeostasis> change) {
            return homeostasis(change.apply(homeostasis));
        }

        /** Sets what the modulation acts on. */
        public Builder neuromodulation(Neuromodulation neuromodulation) {
            this.neuromodulation = neuromodulation;
            return this;
        }

        /** Changes what the modulation acts on. */
        public Builder neuromodulation(UnaryOperator<Neuromodulation> change) {
            return neuromodulation(change.apply(neuromodulation));
        }

        /** Sets where the parameters start. */
        public Builder start(Start start) {
            this.start = start;
            return this;
        }

        /** Changes where the parameters start. */
        public Builder start(UnaryOperator<Start> change) {
            return start(change.apply(start));
        }

        /** Sets where V_th starts. */
        public Builder vTh(double vTh) {
            return start(start.withVTh(vTh));
        }

        /** Sets where tau starts, in the unit of dt. */
        public Builder tau(double tau) {
            return start(start.withTau(tau));
        }

        /** Sets where eta starts. */
        public Builder eta(double eta) {
            return start(start.withEta(eta));
        }

        /** Calibrates the qubit: {@link Start#withCalibration}. */
        public Builder calibrate(double probability, double slope) {
            return start(start.withCalibration(probability, slope));
        }

        /**
         * The configuration.
         *
         * @throws IllegalArgumentException if a value is out of its range
         */
        public QlifConfig build() {
            return new QlifConfig(
                    dt,
                    decision,
                    spikeValue,
                    probabilityFloor,
                    surrogate,
                    surrogateAlpha,
                    reset,
                    noise,
                    qubit,
                    sigmoid,
                    dynamicProbability,
                    refractoriness,
                    adaptation,
                    depression,
                    ahp,
                    adaptiveThreshold,
                    homeostasis,
                    neuromodulation,
                    start);
        }
    }
}
