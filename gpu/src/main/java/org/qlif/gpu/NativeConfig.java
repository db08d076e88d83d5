// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.qlif.ConfigOption;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.gpu.ffi.qlif.qlif_config;
import org.qlif.gpu.ffi.qlif.qlif_h;
import org.qlif.gpu.ffi.qlif.qlif_lif_config;
import org.qlif.gpu.ffi.qlif.qlif_qlif_config;

/**
 * Fills the library's configuration struct, field by field, as the library's table of options names them. Enum constants are passed by
 * number, derived options with the values that Java derives. The library derives the constants of the equations itself.
 */
final class NativeConfig {
    // Separate classes, so that a new process creates only the one it uses.
    private static final class Qlif {
        static final NativeConfig ROW =
                new NativeConfig(qlif_h.QLIF_MODEL_QLIF(), qlif_qlif_config.layout(), QlifConfig.defaults());
    }

    private static final class Lif {
        static final NativeConfig ROW =
                new NativeConfig(qlif_h.QLIF_MODEL_LIF(), qlif_lif_config.layout(), LifConfig.defaults());
    }

    private final int model;
    private final long size;
    private final List<Field> fields;

    /** The offset of an option in the struct; it is an int, or a double if {@code wide}. */
    private record Field(ConfigOption option, long offset, boolean wide) {}

    private NativeConfig(int model, GroupLayout layout, NeuronConfig config) {
        this.model = model;
        this.size = layout.byteSize();
        this.fields = new ArrayList<>();
        for (ConfigOption option : config.options()) {
            fields.add(field(layout, option));
        }
    }

    private static Field field(GroupLayout layout, ConfigOption option) {
        PathElement path = PathElement.groupElement(option.name());
        return new Field(option, layout.byteOffset(path), layout.select(path) instanceof ValueLayout.OfDouble);
    }

    /** Allocates the struct of {@code config}, which must have no {@link #obstacles}. It begins with a {@code qlif_config}. */
    static MemorySegment of(NeuronConfig config, Arena arena) {
        MemorySegment struct = arena.allocate(of(config).size, Double.BYTES);
        set(struct, config);
        return struct;
    }

    private static NativeConfig of(NeuronConfig config) {
        return switch (config) {
            case QlifConfig _ -> Qlif.ROW;
            case LifConfig _ -> Lif.ROW;
        };
    }

    /** Why the library can't run {@code config}: it can't call Java functions given by the caller. */
    static List<String> obstacles(NeuronConfig config) {
        List<String> obstacles = new ArrayList<>();
        for (Field field : of(config).fields) {
            ConfigOption option = field.option;
            if (option.kind() == ConfigOption.Kind.CHOICE && option.number(config) < 0) {
                obstacles.add(option.name() + ": got a function of the caller's, expected " + option.expected()
                        + ", since this device can't call Java");
            }
        }
        return obstacles;
    }

    /** Fills the struct for {@code config}, which must have no {@link #obstacles}. */
    static void set(MemorySegment struct, NeuronConfig config) {
        NativeConfig row = of(config);
        qlif_config.size(struct, (int) row.size);
        qlif_config.model(struct, row.model);
        for (Field field : row.fields) {
            double value = field.option.number(config);
            if (field.wide) {
                struct.set(ValueLayout.JAVA_DOUBLE, field.offset, value);
            } else {
                struct.set(ValueLayout.JAVA_INT, field.offset, (int) value);
            }
        }
    }
}
