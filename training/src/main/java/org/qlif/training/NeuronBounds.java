package org.qlif.training;

import java.lang.foreign.ValueLayout;
import java.util.Set;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.Tensor;

/**
 * Where neuron parameters are kept after an update, so that no step of the optimizer leaves the ground where they mean
 * something:
 *
 * <ul>
 *   <li>V_th within the bounds of the threshold, outside of which one that adapts has no gradient and could not come back;
 *   <li>tau at least dt, where the Euler step of the leak stops being stable and monotone;
 *   <li>eta in [0, 1], a step towards the spike and never away from it;
 *   <li>q_scale positive, since a negative one would make a neuron that current silences;
 *   <li>q_bias within one turn of the qubit, beyond which the same angles come again.
 * </ul>
 */
final class NeuronBounds {
    private static final float MIN_SCALE = 1e-3f;
    private static final float MAX_SCALE = 1e3f;
    private static final float MAX_TAU = 1e6f;

    private final QlifConfig config;
    private final Set<QlifParameter> learned;

    /** @param learned the parameters that updates move */
    NeuronBounds(QlifConfig config, Set<QlifParameter> learned) {
        this.config = config;
        this.learned = learned;
    }

    void apply(Parameters parameters) {
        for (QlifParameter parameter : learned) {
            clamp(parameters.get(parameter), min(parameter), max(parameter));
        }
    }

    private float min(QlifParameter parameter) {
        return switch (parameter) {
            case V_TH -> (float) config.adaptiveThreshold().min();
            case TAU -> (float) config.dt();
            case ETA -> 0;
            case Q_SCALE -> MIN_SCALE;
            case Q_BIAS -> (float) (config.qubit().leak() - Math.PI);
        };
    }

    private float max(QlifParameter parameter) {
        return switch (parameter) {
            case V_TH -> (float) config.adaptiveThreshold().max();
            case TAU -> MAX_TAU;
            case ETA -> 1;
            case Q_SCALE -> MAX_SCALE;
            case Q_BIAS -> (float) (config.qubit().leak() + Math.PI);
        };
    }

    private static void clamp(Tensor values, float min, float max) {
        for (long i = 0; i < values.elements(); i++) {
            float value = values.getFloat(i);
            if (value < min || value > max) {
                values.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, Math.clamp(value, min, max));
            }
        }
    }
}
