// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Readout;
import org.qlif.QlifVariable;
import org.qlif.StateVariable;
import org.qlif.spi.host.QlifConstants;

/** The table of the QLIF model: where its lines are, and its program. */
final class QlifModel implements SimdModel {
    private final QlifConfig config;
    private final QlifConstants constants;
    private final QlifStructure structure;

    QlifModel(QlifConfig config) {
        this.config = config;
        constants = QlifConstants.of(config);
        structure = QlifStructure.of(config);
    }

    @Override
    public NeuronConfig config() {
        return config;
    }

    @Override
    public ModelLayout layout() {
        return QlifLayout.LINES;
    }

    @Override
    public int frame() {
        return QlifLayout.frame(structure);
    }

    @Override
    public Program program(Mode mode) {
        return ProgramClasses.program(new Specialisation(QlifProgram.class, structure, mode), constants);
    }

    @Override
    public boolean checkpoints(StateVariable variable) {
        return switch ((QlifVariable) variable) {
            // The latter two act on the threshold even if no option changes them.
            case MEMBRANE, THRESHOLD_OFFSET, HOMEOSTASIS -> true;
            case ADAPTATION -> structure.adaptation();
            case EFFICIENCY -> structure.depression();
            case REFRACTORY -> structure.refractory();
            case AHP -> structure.ahp();
            case DYNAMIC_PROBABILITY, SPIKE_VALUE -> structure.dynamicProbability();
            case RATE -> structure.homeostasis();
            case MODULATION -> false;
        };
    }

    @Override
    public int spikeValue() {
        return structure.expected() ? QlifLayout.FRAME_P : ModelLayout.NONE;
    }

    @Override
    public int voltage() {
        return QlifLayout.V;
    }

    @Override
    public int counted() {
        return structure.readout() == Readout.MULTI_QUBIT ? QlifLayout.FRAME_P : ModelLayout.NONE;
    }

    @Override
    public ModulationLines modulation() {
        return new ModulationLines(
                QlifLayout.M,
                QlifLayout.M_SLOPE,
                QlifLayout.ADJ_M,
                QlifLayout.GRAD_M,
                structure.sigmoidModulation() ? null : config.neuromodulation().transform());
    }
}
