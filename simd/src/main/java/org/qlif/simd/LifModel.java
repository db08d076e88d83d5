// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.StateVariable;
import org.qlif.spi.host.LifConstants;

/** The table of the LIF model: where its lines are, and its program. */
final class LifModel implements SimdModel {
    private final LifConfig config;
    private final LifConstants constants;
    private final LifStructure structure;

    LifModel(LifConfig config) {
        this.config = config;
        constants = LifConstants.of(config);
        structure = LifStructure.of(config);
    }

    @Override
    public NeuronConfig config() {
        return config;
    }

    @Override
    public ModelLayout layout() {
        return LifLayout.LINES;
    }

    @Override
    public int frame() {
        return LifLayout.FRAME;
    }

    @Override
    public Program program(Mode mode) {
        return ProgramClasses.program(new Specialisation(LifProgram.class, structure, mode), constants);
    }

    @Override
    public boolean checkpoints(StateVariable variable) {
        return true;
    }

    @Override
    public int spikeValue() {
        return ModelLayout.NONE;
    }

    @Override
    public int voltage() {
        return LifLayout.V;
    }

    @Override
    public int counted() {
        return ModelLayout.NONE;
    }

    @Override
    public ModulationLines modulation() {
        return null;
    }
}
