package org.qlif.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;
import org.qlif.Surrogate;
import org.qlif.gpu.ffi.qlif.qlif_config;
import org.qlif.gpu.ffi.qlif.qlif_h;

/** The generated bindings are those of the header that the library is built from, and Java counts as the header does. */
class BindingsTest {
    private static Path module() {
        return Path.of(System.getProperty("qlif.test.module"));
    }

    @Test
    void bindingsAreThoseOfTheirSources() throws Exception {
        List<String> lines = Files.readAllLines(module().resolve("src/generated/SHA256SUMS"));
        assertThat(lines).hasSize(2);
        for (String line : lines) {
            String[] parts = line.split(" +");
            byte[] source = Files.readAllBytes(module().resolve(parts[1]));
            String sum = HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(source));
            assertThat(sum)
                    .as("%s has changed since the bindings were made: run gpu/generate-bindings", parts[1])
                    .isEqualTo(parts[0]);
        }
    }

    @Test
    void ordinalsAreTheHeadersNumbers() throws Exception {
        assertNumbers("QLIF_STATE_", QlifVariable.values());
        assertNumbers("QLIF_PARAM_", QlifParameter.values());
        assertNumbers("QLIF_TRACE_", QlifTrace.values());
        assertNumbers("QLIF_DECISION_", QlifConfig.Decision.values());
        assertNumbers("QLIF_SURROGATE_", Surrogate.values());
        assertThat(QlifVariable.values()).hasSize(qlif_h.QLIF_STATE_VARIABLES());
        assertThat(QlifParameter.values()).hasSize(qlif_h.QLIF_PARAMETERS());
        assertThat(QlifTrace.values()).hasSize(qlif_h.QLIF_TRACES());
    }

    private static void assertNumbers(String prefix, Enum<?>[] constants) throws Exception {
        for (Enum<?> constant : constants) {
            Object number = qlif_h.class.getMethod(prefix + constant.name()).invoke(null);
            assertThat(number).as(prefix + constant).isEqualTo(constant.ordinal());
        }
    }

    /** Every number of the struct comes from the configuration: set to what no default is, none may stay 0. */
    @Test
    void configurationsFillTheWholeStruct() {
        QlifConfig config = QlifConfig.builder()
                .decision(QlifConfig.Decision.THRESHOLD)
                .sampling(QlifConfig.Sampling.ROUND)
                .spikeValue(QlifConfig.SpikeValue.EXPECTED)
                .angleMap(QlifConfig.AngleMap.TANH)
                .readout(QlifConfig.Readout.EXPECTATION)
                .surrogate(Surrogate.ARCTAN)
                .neuromodMode(QlifConfig.NeuromodMode.OFF)
                .neuromodTransform(org.qlif.NeuromodTransform.IDENTITY)
                .probabilityFloor(0.01)
                .vReset(-0.1)
                .quantumLeak(0.2)
                .stochastic(true)
                .noiseStd(0.1)
                .detachReset(true)
                .build();
        try (java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofConfined()) {
            var struct = NativeConfig.of(config, arena);
            assertThat(qlif_config.size(struct))
                    .isEqualTo((int) qlif_config.layout().byteSize());
            for (long offset = 0; offset < struct.byteSize(); offset += 4) {
                assertThat(struct.get(java.lang.foreign.ValueLayout.JAVA_INT, offset))
                        .as("the number at byte %d of qlif_config", offset)
                        .isNotZero();
            }
        }
    }
}
