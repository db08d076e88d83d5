// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.ObjDoubleConsumer;
import java.util.function.ObjIntConsumer;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.function.ToIntFunction;
import java.util.regex.Pattern;
import org.qlif.spi.Printable;

/**
 * The options of a model, one row each: its name in text, its range, how to get it from a configuration and set it in a builder. This class
 * does what concerns all options alike.
 *
 * @param <C> the model's configuration
 * @param <B> its builder
 */
final class OptionTable<C extends NeuronConfig, B> {
    private static final Pattern WHOLE = Pattern.compile("[+-]?[0-9]{1,9}");
    private static final Pattern NUMBER =
            Pattern.compile("[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|[+-]?Infinity");

    private final Class<C> type;
    private final Function<C, B> toBuilder;
    private final Function<B, C> build;
    private final Map<String, Row> rows = new LinkedHashMap<>();
    private final List<Row> given = new ArrayList<>();
    private final List<Row> derived = new ArrayList<>();

    OptionTable(Class<C> type, Function<C, B> toBuilder, Function<B, C> build) {
        this.type = type;
        this.toBuilder = toBuilder;
        this.build = build;
    }

    /** A row; it knows {@code C} and {@code B}, which readers of the table don't. */
    private abstract class Row extends ConfigOption {
        Row(String name, Kind kind, String expected, List<String> choices) {
            super(name, kind, expected, choices);
        }

        @Override
        public final String text(NeuronConfig config) {
            return read(own(config));
        }

        @Override
        public final double number(NeuronConfig config) {
            return value(own(config));
        }

        abstract String read(C config);

        abstract double value(C config);

        /** Throws if {@code text} is not a value of this kind; the configuration checks its range. */
        abstract void set(B builder, String text);

        @Override
        void check(NeuronConfig config) {}
    }

    OptionTable<C, B> flag(String name, Predicate<C> get, BiConsumer<B, Boolean> set) {
        return add(new Row(name, ConfigOption.Kind.FLAG, "true or false", List.of()) {
            @Override
            String read(C config) {
                return Boolean.toString(get.test(config));
            }

            @Override
            double value(C config) {
                return get.test(config) ? 1 : 0;
            }

            @Override
            void set(B builder, String text) {
                set.accept(
                        builder,
                        switch (text) {
                            case "true" -> true;
                            case "false" -> false;
                            default -> throw refusal(quoted(text));
                        });
            }
        });
    }

    OptionTable<C, B> whole(String name, int low, int high, ToIntFunction<C> get, ObjIntConsumer<B> set) {
        Range range = Range.wholeWithin(low, high);
        return add(new Row(name, ConfigOption.Kind.WHOLE, range.expected(), List.of()) {
            @Override
            String read(C config) {
                return Integer.toString(get.applyAsInt(config));
            }

            @Override
            double value(C config) {
                return get.applyAsInt(config);
            }

            @Override
            void set(B builder, String text) {
                if (!WHOLE.matcher(text).matches()) {
                    throw refusal(quoted(text));
                }
                set.accept(builder, Integer.parseInt(text));
            }

            @Override
            void check(NeuronConfig config) {
                range.require(name, get.applyAsInt(own(config)));
            }
        });
    }

    OptionTable<C, B> number(String name, Range range, ToDoubleFunction<C> get, ObjDoubleConsumer<B> set) {
        return add(new NumberRow(name, range, get) {
            @Override
            String read(C config) {
                return Double.toString(value(config));
            }

            @Override
            void set(B builder, String text) {
                set.accept(builder, parsed(text));
            }
        });
    }

    /**
     * A number that is optional.
     *
     * @param given the number that was given
     * @param get the number that holds
     */
    OptionTable<C, B> derivable(
            String name,
            Range range,
            Function<C, OptionalDouble> given,
            ToDoubleFunction<C> get,
            BiConsumer<B, OptionalDouble> set) {
        return add(new NumberRow(name, range, get) {
            @Override
            public boolean derivable() {
                return true;
            }

            @Override
            String read(C config) {
                OptionalDouble number = given.apply(config);
                return number.isPresent() ? Double.toString(number.getAsDouble()) : DERIVED;
            }

            @Override
            void set(B builder, String text) {
                set.accept(builder, text.equals(DERIVED) ? OptionalDouble.empty() : OptionalDouble.of(parsed(text)));
            }
        });
    }

    private abstract class NumberRow extends Row {
        private final Range range;
        private final ToDoubleFunction<C> get;

        NumberRow(String name, Range range, ToDoubleFunction<C> get) {
            super(name, Kind.NUMBER, range.expected(), List.of());
            this.range = range;
            this.get = get;
        }

        @Override
        final double value(C config) {
            return get.applyAsDouble(config);
        }

        @Override
        final void check(NeuronConfig config) {
            range.require(name(), value(own(config)));
        }

        final double parsed(String text) {
            if (!NUMBER.matcher(text).matches()) {
                throw refusal(quoted(text));
            }
            return Double.parseDouble(text);
        }
    }

    <E extends Enum<E>> OptionTable<C, B> choice(
            String name, Class<E> constants, Function<C, E> get, BiConsumer<B, E> set) {
        return choice(name, List.of(constants.getEnumConstants()), get, set);
    }

    /** @param constants the values that have a name, which is what they print */
    <E> OptionTable<C, B> choice(String name, List<? extends E> constants, Function<C, E> get, BiConsumer<B, E> set) {
        List<String> names = constants.stream().map(Object::toString).toList();
        return add(new Row(name, ConfigOption.Kind.CHOICE, "one of " + String.join(", ", names), names) {
            @Override
            String read(C config) {
                int number = constants.indexOf(get.apply(config));
                return number < 0 ? CUSTOM : names.get(number);
            }

            @Override
            double value(C config) {
                return constants.indexOf(get.apply(config));
            }

            @Override
            void set(B builder, String text) {
                int number = names.indexOf(text);
                if (number < 0) {
                    throw refusal(text.equals(CUSTOM) ? CUSTOM_GOT : quoted(text));
                }
                set.accept(builder, constants.get(number));
            }
        });
    }

    /** Stands for a custom value, which text can't express. */
    private static final String CUSTOM = "CUSTOM";

    private static final String CUSTOM_GOT = CUSTOM + " (a function of the caller's, which text can't hold)";

    private OptionTable<C, B> add(Row row) {
        rows.put(row.name(), row);
        (row.derivable() ? derived : given).add(row);
        return this;
    }

    List<ConfigOption> options() {
        return List.copyOf(rows.values());
    }

    /** {@code config}, cast to its type. */
    private C own(NeuronConfig config) {
        if (!type.isInstance(config)) {
            throw Range.refusal("config", "one of " + config.model(), "a " + type.getSimpleName());
        }
        return type.cast(config);
    }

    /** Throws unless each value is in its range; derived options come last, so that those they are derived from are named first. */
    void check(C config) {
        for (Row row : given) {
            row.check(config);
        }
        for (Row row : derived) {
            row.check(config);
        }
    }

    /** The text form: the model's name, and what differs from {@code defaults}, in the order of the table. */
    String text(C config, C defaults) {
        StringBuilder text = new StringBuilder(config.model());
        for (Row row : rows.values()) {
            String value = row.read(config);
            if (!value.equals(row.read(defaults))) {
                text.append(' ').append(row.name()).append('=').append(value);
            }
        }
        return text.toString();
    }

    /** Reads the text form. */
    C parse(String model, String text, C defaults) {
        String[] words = text.strip().split("\\s+");
        if (!words[0].equals(model)) {
            throw Range.refusal("model", quoted(words[0]), model);
        }
        return with(defaults, Arrays.asList(words).subList(1, words.length));
    }

    /** {@code config} with {@code settings}, {@code NAME=VALUE} each, applied; checked once all of them are. */
    C with(C config, List<String> settings) {
        B builder = toBuilder.apply(config);
        Set<String> seen = new HashSet<>();
        for (String setting : settings) {
            int equals = setting.indexOf('=');
            if (equals < 0) {
                throw Range.refusal("setting", quoted(setting), "NAME=VALUE, such as " + firstSetting(config));
            }
            String name = setting.substring(0, equals);
            Row row = rows.get(name);
            if (row == null) {
                throw Range.refusal("option", quoted(name), "one of " + String.join(", ", rows.keySet()));
            }
            if (!seen.add(name)) {
                throw Range.refusal(name, "it twice", "it once");
            }
            row.set(builder, setting.substring(equals + 1));
        }
        return build.apply(builder);
    }

    private String firstSetting(C config) {
        Row first = rows.values().iterator().next();
        return first.name() + "=" + first.read(config);
    }

    private static String quoted(String text) {
        return "'" + Printable.text(text) + "'";
    }
}
