// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.Devices;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;
import org.qlif.State;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * Tensors in the memory of a device that the host can't reach: no address is ever followed there, by a kernel or by the tensor. The
 * addresses of these tests belong to nobody, so that following one would end the JVM.
 */
class PlaceTest {
    private static final Device FAR = Device.of("cuda:0");
    private static final int T = 3;
    private static final int B = 2;
    private static final int N = 5;
    private static final QlifConfig CONFIG = QlifConfig.defaults();

    @SuppressWarnings("restricted")
    private static Tensor at(long address, Device place, DType type, long... shape) {
        MemorySegment memory = MemorySegment.ofAddress(address).reinterpret(Tensor.byteSize(type, shape));
        return Tensor.on(place, type, memory, shape);
    }

    private static Tensor far(DType type, long... shape) {
        return at(4096, FAR, type, shape);
    }

    private static Tensor near(long... shape) {
        return Tensor.zeros(DType.F32, shape);
    }

    private static Forward forward() {
        return new Forward()
                .input(near(T, B, N))
                .parameters(Parameters.shared(CONFIG))
                .draws(new DrawStream(1, 2));
    }

    private static State farState() {
        List<Tensor> tensors = new ArrayList<>();
        for (QlifVariable variable : QlifVariable.values()) {
            tensors.add(at(4096L * (variable.ordinal() + 1), FAR, DType.F32, B, N));
        }
        return State.of(CONFIG, tensors);
    }

    private record Refusal(String name, Forward call) {}

    private static List<Refusal> farTensors() {
        List<Refusal> refusals = new ArrayList<>();
        refusals.add(new Refusal("input", forward().input(far(DType.F32, T, B, N))));
        refusals.add(new Refusal("modulation", forward().modulation(far(DType.F32, N))));
        refusals.add(new Refusal("uniforms", forward().uniforms(far(DType.F32, T, B, N))));
        refusals.add(new Refusal("normals", forward().normals(far(DType.F32, T, B, N))));
        refusals.add(new Refusal("rowIndex", forward().rowIndex(far(DType.I64, B))));
        refusals.add(new Refusal("initialState", forward().initialState(farState())));
        refusals.add(new Refusal("finalState", forward().finalState(farState())));
        refusals.add(new Refusal("spikeValues", forward().spikeValues(far(DType.F32, T, B, N))));
        refusals.add(new Refusal("voltages", forward().voltages(far(DType.F32, T, B, N))));
        for (DType type : DType.SPIKES) {
            refusals.add(new Refusal("spikes", forward().spikes(far(type, T, B, N))));
        }
        for (QlifTrace trace : QlifTrace.values()) {
            refusals.add(new Refusal(trace.symbol(), forward().trace(trace, far(DType.F32, T, B, N))));
        }
        for (QlifParameter parameter : QlifParameter.values()) {
            Parameters parameters = Parameters.shared(CONFIG).set(parameter, far(DType.F32, N));
            refusals.add(new Refusal(parameter.symbol(), forward().parameters(parameters)));
        }
        return refusals;
    }

    private static Kernel open(String device) {
        DeviceInfo info = Devices.list().stream()
                .filter(each -> each.device().text().equals(device))
                .findFirst()
                .orElseThrow();
        assumeTrue(info.available(), () -> device + " can't run here: " + info.obstacles());
        return Kernel.open(CONFIG, Device.of(device), KernelOptions.defaults().withThreads(2));
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu:scalar", "cpu:simd", "cpu:native"})
    void kernelsOfTheHostRefuseIt(String device) {
        try (Kernel kernel = open(device);
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, T, B, N)) {
            for (Refusal refusal : farTensors()) {
                assertThatThrownBy(() -> kernel.forward(refusal.call()))
                        .as(refusal.name())
                        .isExactlyInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining(refusal.name())
                        .hasMessageContaining("cuda:0")
                        .hasMessageContaining(device);
            }
            Forward forward = forward().tape(tape);
            kernel.forward(forward);
            for (Backward backward : List.of(
                    new Backward(forward).gradInput(far(DType.F32, T, B, N)),
                    new Backward(forward).gradVoltages(far(DType.F32, T, B, N)),
                    new Backward(forward).gradSpikeValues(far(DType.F32, T, B, N)),
                    new Backward(forward).gradSpikeValues(far(DType.F32, 1, B, N)),
                    new Backward(forward).gradInitialState(farState()))) {
                assertThatThrownBy(() -> kernel.backward(backward))
                        .isExactlyInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("grad")
                        .hasMessageContaining("cuda:0");
            }
            assertThatThrownBy(() -> kernel.draw(new DrawStream(1, 2), 0, far(DType.F32, T, B, N), null))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("uniforms");
            kernel.forward(forward);
        }
    }

    @Test
    void tensorsRefuseToShowIt() {
        Tensor far = far(DType.F32, 4);
        assertThat(far.place()).isEqualTo(FAR);
        assertThat(far.address()).isEqualTo(4096);
        assertThat(far).hasToString("F32[4] on cuda:0");
        assertThat(near(4).place()).isNull();
        Tensor bytes = far(DType.U8, 4);
        Tensor bits = far(DType.BIT, 1, 4);
        Parameters parameters = Parameters.shared(CONFIG).set(QlifParameter.TAU, far(DType.F32, 1));
        for (Runnable access : List.<Runnable>of(
                far::segment,
                () -> far.getFloat(0),
                () -> far.setFloat(0, 1),
                far::toFloatArray,
                bytes::toByteArray,
                bits::toLongArray,
                () -> far.fill(0),
                () -> far.fill(1),
                () -> far.copyFrom(near(4)),
                () -> near(4).copyFrom(far),
                () -> farState().reset(),
                () -> farState().copyFrom(State.initial(CONFIG, B, N)),
                () -> State.initial(CONFIG, B, N).copyFrom(farState()))) {
            assertThatThrownBy(access::run)
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("cuda:0");
        }
        assertThat(Parameters.zerosLike(parameters).get(QlifParameter.TAU).toFloatArray())
                .containsExactly(0f);
    }

    @Test
    void onlyNativeMemoryCanBeADevices() {
        assertThatThrownBy(() -> Tensor.on(FAR, DType.F32, MemorySegment.ofArray(new float[4]), 4))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("heap");
        assertThatThrownBy(() -> at(4098, FAR, DType.F32, 4))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("aligned");
    }

    /** The same numbers are other places in the memory of another device, and on the host. */
    @Test
    void overlapsCountWithinAPlace() {
        try (Kernel kernel = open("cpu:scalar");
                Arena arena = Arena.ofConfined()) {
            MemorySegment host = arena.allocate(4L * T * B * N, 4);
            Tensor here = Tensor.of(DType.F32, host, T, B, N);
            Tensor there = at(host.address(), FAR, DType.F32, T, B, N);
            Tensor shifted = at(host.address() + 4, FAR, DType.F32, T, B, N);
            Tensor elsewhere = at(host.address(), Device.of("cuda:1"), DType.F32, T, B, N);
            assertThatThrownBy(() -> kernel.forward(forward().spikeValues(there).voltages(shifted)))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("overlaps");
            for (Tensor other : List.of(here, elsewhere)) {
                assertThatThrownBy(() ->
                                kernel.forward(forward().spikeValues(other).voltages(there)))
                        .isExactlyInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("got memory of cuda:");
            }
        }
    }

    @Test
    void kernelsOfTheHostHaveNoExtensions() {
        try (Kernel kernel = open("cpu:scalar")) {
            assertThat(kernel.extension(Runnable.class)).isEmpty();
        }
    }
}
