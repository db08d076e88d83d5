// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.qlif.ConfigOption;

/**
 * A box of controls, sent to the page as JSON.
 *
 * @param id its identifier in the page
 * @param part what it belongs to: {@code run}, {@code qlif} or {@code lif}
 * @param title its heading
 * @param toggle the key of the control that turns all others on and off; null if there is none
 * @param controls what is in it
 */
record Panel(String id, String part, String title, @Nullable String toggle, List<Control> controls) {
    /**
     * A setting, and how the page changes it.
     *
     * @param key its name in links, requests and refusals, such as {@code qlif.tau}
     * @param name its name on the page
     * @param kind the kind of its values
     * @param byDefault its default value, as text
     * @param expected its range in words, for the field's title
     * @param range its range in short form; empty if the control itself shows it
     * @param meaning one line
     * @param choices the values of a CHOICE
     * @param slider its slider; null if it has none
     * @param derivable whether the value may be {@code derived}
     * @param when the key of the CHOICE that this belongs to; null if it always counts
     * @param defaults its default for each value of {@code when} with which it counts
     */
    record Control(
            String key,
            String name,
            ConfigOption.Kind kind,
            String byDefault,
            String expected,
            String range,
            String meaning,
            List<String> choices,
            @Nullable Slider slider,
            boolean derivable,
            @Nullable String when,
            Map<String, String> defaults) {}
}
