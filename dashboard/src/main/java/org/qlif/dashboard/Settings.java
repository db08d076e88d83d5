// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a request, text by key, each to be taken once, and their faults, which are reported together so that the page can show
 * each at its control.
 */
final class Settings {
    private static final Pattern WHOLE = Pattern.compile("[+-]?[0-9]{1,18}");
    private static final Pattern NUMBER = Pattern.compile("[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]{1,3})?");
    private static final Pattern NAMES = Pattern.compile("([a-z_]+(?:, [a-z_]+)*): (.*)", Pattern.DOTALL);

    private final Map<String, String> texts;
    private final Map<String, String> refusals = new LinkedHashMap<>();

    Settings(Map<String, String> texts) {
        this.texts = new TreeMap<>(texts);
    }

    /** The text of {@code key}, or null if it was not given. */
    @Nullable
    String take(String key) {
        return texts.remove(key);
    }

    /** All settings whose keys begin with {@code prefix}, by the rest of the key. */
    Map<String, String> takeAll(String prefix) {
        Map<String, String> taken = new TreeMap<>();
        texts.entrySet().removeIf(entry -> {
            boolean matches = entry.getKey().startsWith(prefix);
            if (matches) {
                taken.put(entry.getKey().substring(prefix.length()), entry.getValue());
            }
            return matches;
        });
        return taken;
    }

    /** A whole number. */
    long whole(String key, long byDefault, long low, long high) {
        String text = take(key);
        if (text == null) {
            return byDefault;
        }
        if (WHOLE.matcher(text).matches()) {
            long value = Long.parseLong(text);
            if (value >= low && value <= high) {
                return value;
            }
        }
        refuse(key, "got '" + text + "', expected a whole number in [" + low + ", " + high + "]");
        return byDefault;
    }

    /** A number. */
    double number(String key, double byDefault, double low, double high) {
        String text = take(key);
        if (text == null) {
            return byDefault;
        }
        if (NUMBER.matcher(text).matches()) {
            double value = Double.parseDouble(text);
            if (value >= low && value <= high) {
                return value;
            }
        }
        refuse(key, "got '" + text + "', expected a number in [" + low + ", " + high + "]");
        return byDefault;
    }

    /** One of the names that {@code values} print. */
    <E> E choice(String key, E byDefault, Iterable<? extends E> values) {
        String text = take(key);
        if (text == null) {
            return byDefault;
        }
        StringBuilder names = new StringBuilder();
        for (E value : values) {
            if (value.toString().equals(text)) {
                return value;
            }
            names.append(names.isEmpty() ? "" : ", ").append(value);
        }
        refuse(key, "got '" + text + "', expected one of " + names);
        return byDefault;
    }

    /** Records a fault of {@code key}. */
    void refuse(String key, String why) {
        refusals.putIfAbsent(key, why);
    }

    /**
     * Records a refusal of the library, which begins with the names of options.
     *
     * @param prefix turns its names into keys
     * @return whether one of the names was among {@code given}, from which it is then removed
     */
    boolean refuse(String prefix, String message, Map<String, String> given) {
        boolean known = false;
        var named = NAMES.matcher(message);
        if (named.matches()) {
            for (String name : named.group(1).split(", ")) {
                if (given.remove(name) != null) {
                    refuse(prefix + name, named.group(2));
                    known = true;
                }
            }
        }
        return known;
    }

    /** Refuses settings that were not taken. */
    void refuseRest() {
        texts.keySet().forEach(key -> refuse(key, "is not a setting of this page"));
        texts.clear();
    }

    /** The faults, by key; empty if there are none. */
    Map<String, String> refusals() {
        return refusals;
    }
}
