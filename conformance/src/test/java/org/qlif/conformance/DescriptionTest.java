// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.LifConfig;
import org.qlif.LifLayer;
import org.qlif.LifTrace;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifLayer;
import org.qlif.QlifParameter;
import org.qlif.State;
import org.qlif.StatePolicy;
import org.qlif.Tape;
import org.qlif.Tensor;

/** The line that a debugger shows. */
class DescriptionTest {
    private static final QlifConfig CONFIG = QlifConfig.builder().tau(10).build();

    @Test
    void layers() {
        QlifLayer layer = QlifLayer.builder(5)
                .config(CONFIG)
                .device("cpu:scalar")
                .state(StatePolicy.KEEP)
                .training(Tape.Mode.COMPACT)
                .batch(3)
                .seed(42)
                .stream(7)
                .build();
        String open =
                "QlifLayer[N=5, cpu:scalar, KEEP, batch=3, training=COMPACT, episode=0, seed=42, stream=7, QLIF tau=10.0";
        assertThat(layer).hasToString(open + "]");
        layer.close();
        assertThat(layer).hasToString(open + ", closed]");
        try (LifLayer lif = LifLayer.builder(2).device("cpu:scalar").episode(4).build()) {
            assertThat(lif).hasToString("LifLayer[N=2, cpu:scalar, RESET, episode=4, LIF]");
        }
    }

    @Test
    void kernelsAndTapes() {
        Kernel kernel = Kernel.open(CONFIG, "cpu:scalar");
        assertThat(kernel).hasToString("Kernel[cpu:scalar, QLIF tau=10.0]");
        try (Arena arena = Arena.ofShared()) {
            Tape own = kernel.newTape(Tape.Mode.VOLTAGE, 3, 2, 5);
            assertThat(own).hasToString("Tape[VOLTAGE, T=3, B=2, N=5, " + own.byteSize() + " bytes]");
            own.close();
            assertThat(own.toString()).endsWith(", closed]");
            Tensor memory = Tensor.of(DType.U8, arena.allocate(1000, 64), 1000);
            try (Tape lent = kernel.newTape(Tape.Mode.COMPACT, 3, 2, 5, memory)) {
                assertThat(lent.toString()).startsWith("Tape[COMPACT, ").endsWith(" bytes, lent]");
            }
        }
        kernel.close();
        assertThat(kernel).hasToString("Kernel[cpu:scalar, QLIF tau=10.0, closed]");
    }

    @Test
    void arguments() {
        assertThat(new Forward()).hasToString("Forward[firstStep=0]");
        assertThat(new Backward(new Forward())).hasToString("Backward[forward=Forward[firstStep=0]]");
        Parameters some = Parameters.none(CONFIG).set(QlifParameter.TAU, Tensor.zeros(DType.F32, 5));
        assertThat(some).hasToString("Parameters[tau=F32[5]]");
        LifConfig lif = LifConfig.defaults();
        State state = State.initial(lif, 2, 5).step(30);
        assertThat(state).hasToString("State[B=2, N=5, step=30, variables=[v, i]]");
        Forward forward = new Forward()
                .input(Tensor.zeros(DType.F32, 3, 2, 5))
                .parameters(Parameters.shared(lif))
                .draws(new DrawStream(1, 2))
                .initialState(state)
                .spikes(Tensor.zeros(DType.U8, 3, 2, 5))
                .trace(LifTrace.DELTA, Tensor.zeros(DType.F32, 3, 2, 5));
        String text =
                "Forward[input=F32[3, 2, 5], parameters=Parameters[tau_syn_inv=F32[1], tau_mem_inv=F32[1], v_th=F32[1]], draws="
                        + new DrawStream(1, 2) + ", firstStep=30, initialState=" + state
                        + ", spikes=U8[3, 2, 5], delta=F32[3, 2, 5]]";
        assertThat(forward).hasToString(text);
        assertThat(new Backward(forward).gradInput(Tensor.zeros(DType.F32, 3, 2, 5)))
                .hasToString("Backward[gradInput=F32[3, 2, 5], forward=" + text + "]");
    }
}
