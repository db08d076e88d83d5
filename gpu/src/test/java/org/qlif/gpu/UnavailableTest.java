// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.DeviceUnavailableException;
import org.qlif.Devices;
import org.qlif.Kernel;
import org.qlif.QlifConfig;

/** What is said where no GPU can run, and of GPUs that are not there anywhere. */
class UnavailableTest {
    private static DeviceInfo gpu() {
        return Devices.list().stream()
                .filter(info -> info.device().text().equals("cuda:0"))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void listsTheFirstGpuAndTheLibraryInAnyCase() {
        assertThat(Devices.list().stream().map(info -> info.device().text())).contains("cuda:0", "cpu:native");
        assertThat(Devices.list().stream().map(info -> info.device().text()).distinct())
                .hasSameSizeAs(Devices.list());
    }

    /** A GPU asked for by name never becomes a silent run on the CPU. */
    @ParameterizedTest
    @ValueSource(strings = {"cuda:0", "cuda:7", "cuda"})
    void saysWhyNoGpuCanRun(String device) {
        assumeFalse(gpu().available(), "cuda:0 can run here");
        String reason = gpu().obstacles().getFirst();
        assertThat(reason).isNotBlank();
        assertThatThrownBy(() -> Kernel.open(QlifConfig.defaults(), device))
                .isExactlyInstanceOf(DeviceUnavailableException.class)
                .hasMessageContaining("'" + device + "'")
                .hasMessageContaining(reason);
    }

    @Test
    void saysHowManyGpusThereAre() {
        assertThatThrownBy(() -> Kernel.open(QlifConfig.defaults(), "cuda:4711"))
                .isExactlyInstanceOf(DeviceUnavailableException.class)
                .hasMessageContaining("'cuda:4711'");
        assertThatThrownBy(() -> Kernel.open(QlifConfig.defaults(), "cuda:first"))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("cuda:0");
    }

    @Test
    void opensNoDeviceThatCantRun() {
        assumeFalse(gpu().available(), "cuda:0 can run here");
        for (int ordinal : List.of(0, 7)) {
            assertThatThrownBy(() -> CudaDevice.open(ordinal))
                    .isExactlyInstanceOf(DeviceUnavailableException.class)
                    .hasMessageContaining("cuda:" + ordinal);
        }
        assertThatThrownBy(() -> CudaDevice.open(-1)).isExactlyInstanceOf(IllegalArgumentException.class);
    }

    /** Of the backends there are here, the library's is the best without a GPU, and plain Java what remains. */
    @Test
    void choosesACpuWithoutAGpu() {
        assumeFalse(gpu().available(), "cuda:0 can run here");
        boolean library = new NativeBackend().devices().getFirst().available();
        Device expected = Device.of(library ? "cpu:native" : "cpu:scalar");
        assertThat(Devices.resolve(Device.AUTO).device()).isEqualTo(expected);
        assertThat(Devices.resolve(Device.of("cpu")).device()).isEqualTo(expected);
    }
}
