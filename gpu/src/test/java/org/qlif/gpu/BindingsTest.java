// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.qlif.ConfigOption;
import org.qlif.DType;
import org.qlif.LifConfig;
import org.qlif.LifParameter;
import org.qlif.LifTrace;
import org.qlif.LifVariable;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;
import org.qlif.Surrogate;
import org.qlif.Tape;
import org.qlif.gpu.ffi.qlif.qlif_config;
import org.qlif.gpu.ffi.qlif.qlif_h;
import org.qlif.gpu.ffi.qlif.qlif_lif_config;
import org.qlif.gpu.ffi.qlif.qlif_qlif_config;

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
        assertNumbers("QLIF_SAMPLING_", QlifConfig.Sampling.values());
        assertNumbers("QLIF_SPIKE_VALUE_", QlifConfig.SpikeValue.values());
        assertNumbers("QLIF_ANGLE_", QlifConfig.AngleMap.values());
        assertNumbers("QLIF_READOUT_", QlifConfig.Readout.values());
        assertNumbers("QLIF_NEUROMOD_", QlifConfig.NeuromodMode.values());
        assertNumbers("QLIF_TAPE_", Tape.Mode.values());
        assertNumbers("QLIF_TYPE_", DType.NUMBERS.toArray(DType[]::new));
        assertNumbers("QLIF_LIF_STATE_", LifVariable.values());
        assertNumbers("QLIF_LIF_PARAM_", LifParameter.values());
        assertNumbers("QLIF_LIF_TRACE_", LifTrace.values());
        assertThat(LifVariable.values()).hasSize(qlif_h.QLIF_LIF_STATE_VARIABLES());
        assertThat(LifParameter.values()).hasSize(qlif_h.QLIF_LIF_PARAMETERS());
        assertThat(LifTrace.values()).hasSize(qlif_h.QLIF_LIF_TRACES());
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

    /** Every field of a struct comes from the configuration: if none of its values is 0, no field may stay 0. */
    @Test
    void configurationsFillTheWholeStruct() {
        NeuronConfig config = withoutZeros(QlifConfig.defaults());
        NeuronConfig lif = withoutZeros(LifConfig.defaults());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = NativeConfig.of(config, arena);
            assertThat(qlif_config.size(struct))
                    .isEqualTo((int) qlif_qlif_config.layout().byteSize());
            assertThat(qlif_config.model(struct)).isEqualTo(qlif_h.QLIF_MODEL_QLIF());
            requireFilled(struct, qlif_qlif_config.layout());
            struct = NativeConfig.of(lif, arena);
            assertThat(qlif_config.size(struct))
                    .isEqualTo((int) qlif_lif_config.layout().byteSize());
            assertThat(qlif_config.model(struct)).isEqualTo(qlif_h.QLIF_MODEL_LIF());
            assertThat(qlif_lif_config.surrogate(struct)).isEqualTo(qlif_h.QLIF_SURROGATE_ARCTAN());
            requireFilled(struct, qlif_lif_config.layout());
        }
    }

    private static NeuronConfig withoutZeros(NeuronConfig config) {
        return config.with(config.options().stream()
                .filter(option -> option.kind() == ConfigOption.Kind.CHOICE || option.number(config) == 0)
                .map(option -> option.name()
                        + "="
                        + switch (option.kind()) {
                            case FLAG -> "true";
                            case CHOICE -> option.choices().getLast();
                            case WHOLE -> "1";
                            case NUMBER -> "0.01";
                        })
                .toList());
    }

    private static void requireFilled(MemorySegment struct, GroupLayout layout) {
        for (MemoryLayout field : layout.memberLayouts()) {
            String name = field.name().orElse("padding");
            if (List.of("header", "reserved", "padding").contains(name)) {
                continue;
            }
            long offset = layout.byteOffset(PathElement.groupElement(name));
            double value = field instanceof ValueLayout.OfDouble number
                    ? struct.get(number, offset)
                    : struct.get((ValueLayout.OfInt) field, offset);
            assertThat(value).as(name).isNotZero();
        }
    }
}
