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
import java.util.regex.Pattern;
import org.qlif.spi.Printable;

/**
 * The options of a model, one row each: its name in text and its range. This class does what all options have in common. A subclass lists
 * the rows, and gets and sets each value by name, in switches: with two lambdas for each row, linking them takes a new process four times as
 * long as the rest of its first configuration.
 *
 * @param <C> the model's configuration
 * @param <B> its builder
 */
abstract class OptionTable<C extends NeuronConfig, B> {
    private static final Pattern WHOLE = Pattern.compile("[+-]?[0-9]{1,9}");
    private static final Pattern NUMBER =
            Pattern.compile("[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|[+-]?Infinity");

    private final Class<C> type;
    private final Map<String, Row> rows = new LinkedHashMap<>();
    private final List<Row> given = new ArrayList<>();
    private final List<Row> derived = new ArrayList<>();

    OptionTable(Class<C> type) {
        this.type = type;
    }

    abstract B toBuilder(C config);

    abstract C build(B builder);

    /** The value of an option: a Boolean, an Integer, a Double or a constant; of a number that is derived, the derived one. */
    abstract Object get(C config, String option);

    /** A number that is optional, as it was given. */
    OptionalDouble given(C config, String option) {
        throw unknown(option);
    }

    /** Sets an option to a value as {@link #get} returns it, or of a number that is optional, as {@link #given} does. */
    abstract void set(B builder, String option, Object value);

    static AssertionError unknown(String option) {
        return new AssertionError("a row without a value: " + option);
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

        /** The value that {@code text} names. Throws if it is none of this kind; the configuration checks its range. */
        abstract Object parsed(String text);

        @Override
        void check(NeuronConfig config) {}
    }

    final void flag(String name) {
        add(new Row(name, ConfigOption.Kind.FLAG, "true or false", List.of()) {
            @Override
            String read(C config) {
                return get(config, name).toString();
            }

            @Override
            double value(C config) {
                return (boolean) get(config, name) ? 1 : 0;
            }

            @Override
            Object parsed(String text) {
                return switch (text) {
                    case "true" -> true;
                    case "false" -> false;
                    default -> throw refusal(quoted(text));
                };
            }
        });
    }

    final void whole(String name, int low, int high) {
        Range range = Range.wholeWithin(low, high);
        add(new Row(name, ConfigOption.Kind.WHOLE, range.expected(), List.of()) {
            @Override
            String read(C config) {
                return get(config, name).toString();
            }

            @Override
            double value(C config) {
                return (int) get(config, name);
            }

            @Override
            Object parsed(String text) {
                if (!WHOLE.matcher(text).matches()) {
                    throw refusal(quoted(text));
                }
                return Integer.parseInt(text);
            }

            @Override
            void check(NeuronConfig config) {
                range.require(name, (int) get(own(config), name));
            }
        });
    }

    final void number(String name, Range range) {
        add(new NumberRow(name, range) {
            @Override
            String read(C config) {
                return Double.toString(value(config));
            }

            @Override
            Object parsed(String text) {
                return number(text);
            }
        });
    }

    /** A number that is optional: {@link #given} tells the one that was given. */
    final void derivable(String name, Range range) {
        add(new NumberRow(name, range) {
            @Override
            public boolean derivable() {
                return true;
            }

            @Override
            String read(C config) {
                OptionalDouble number = given(config, name);
                return number.isPresent() ? Double.toString(number.getAsDouble()) : DERIVED;
            }

            @Override
            Object parsed(String text) {
                return text.equals(DERIVED) ? OptionalDouble.empty() : OptionalDouble.of(number(text));
            }
        });
    }

    private abstract class NumberRow extends Row {
        private final Range range;

        NumberRow(String name, Range range) {
            super(name, Kind.NUMBER, range.expected(), List.of());
            this.range = range;
        }

        @Override
        final double value(C config) {
            return (double) get(config, name());
        }

        @Override
        final void check(NeuronConfig config) {
            range.require(name(), value(own(config)));
        }

        final double number(String text) {
            if (!NUMBER.matcher(text).matches()) {
                throw refusal(quoted(text));
            }
            return Double.parseDouble(text);
        }
    }

    /** @param constants the values that have a name, which is what they print */
    final void choice(String name, List<?> constants) {
        List<String> names = new ArrayList<>();
        for (Object constant : constants) {
            names.add(constant.toString());
        }
        add(new Row(name, ConfigOption.Kind.CHOICE, "one of " + String.join(", ", names), names) {
            @Override
            String read(C config) {
                int number = constants.indexOf(get(config, name));
                return number < 0 ? CUSTOM : names.get(number);
            }

            @Override
            double value(C config) {
                return constants.indexOf(get(config, name));
            }

            @Override
            Object parsed(String text) {
                int number = names.indexOf(text);
                if (number < 0) {
                    throw refusal(text.equals(CUSTOM) ? CUSTOM_GOT : quoted(text));
                }
                return constants.get(number);
            }
        });
    }

    /** Stands for a custom value, which text can't express. */
    private static final String CUSTOM = "CUSTOM";

    private static final String CUSTOM_GOT = CUSTOM + " (a function of the caller's, which text can't hold)";

    private void add(Row row) {
        rows.put(row.name(), row);
        (row.derivable() ? derived : given).add(row);
    }

    final List<ConfigOption> options() {
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
    final void check(C config) {
        for (Row row : given) {
            row.check(config);
        }
        for (Row row : derived) {
            row.check(config);
        }
    }

    /** The text form: the model's name, and what differs from {@code defaults}, in the order of the table. */
    final String text(C config, C defaults) {
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
    final C parse(String model, String text, C defaults) {
        String[] words = text.strip().split("\\s+");
        if (!words[0].equals(model)) {
            throw Range.refusal("model", quoted(words[0]), model);
        }
        return with(defaults, Arrays.asList(words).subList(1, words.length));
    }

    /** {@code config} with {@code settings}, {@code NAME=VALUE} each, applied; checked once all of them are. */
    final C with(C config, List<String> settings) {
        B builder = toBuilder(config);
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
            set(builder, name, row.parsed(setting.substring(equals + 1)));
        }
        return build(builder);
    }

    private String firstSetting(C config) {
        Row first = rows.values().iterator().next();
        return first.name() + "=" + first.read(config);
    }

    private static String quoted(String text) {
        return "'" + Printable.text(text) + "'";
    }
}
