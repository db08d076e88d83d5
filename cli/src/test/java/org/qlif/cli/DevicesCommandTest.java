// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.qlif.Device;
import org.qlif.Devices;

class DevicesCommandTest {
    @Test
    void listsWhatRunsAndWhichOneAutoAndCpuChoose() {
        Invocation devices = Invocation.of("devices");
        assertThat(devices.exitCode()).isZero();
        assertThat(devices.err()).isEmpty();
        String best = Devices.resolve(Device.AUTO).device().text();
        String cpu = Devices.resolve(Device.of("cpu")).device().text();
        List<String> lines = devices.out().lines().toList();
        assertThat(lines.getFirst()).matches("DEVICE +CHOSEN BY +DESCRIPTION +FACTS");
        assertThat(lines.get(1)).matches(best + " +auto, [a-z]+ +.*");
        assertThat(lines).anyMatch(line -> line.matches(cpu + " +(auto, )?cpu +.*"));
        assertThat(devices.out()).contains("cpu:scalar", "cuda:0", "cpu:native");
    }

    @Test
    void columnsAreAligned() {
        List<String> lines = Invocation.of("devices").out().lines().toList();
        int description = lines.getFirst().indexOf("DESCRIPTION");
        assertThat(lines.subList(0, lines.indexOf("")))
                .allSatisfy(line ->
                        assertThat(line.substring(description - 2, description)).isBlank())
                .allSatisfy(line -> assertThat(line.charAt(description)).isNotEqualTo(' '));
    }

    /** What {@link org.qlif.DeviceInfo} knows, and nothing of a device that tells none. */
    @Test
    void tellsTheFacts() {
        List<String> lines = Invocation.of("devices").out().lines().toList();
        int facts = lines.getFirst().indexOf("FACTS");
        String scalar = lines.stream()
                .filter(line -> line.startsWith("cpu:scalar "))
                .findFirst()
                .orElseThrow();
        int threads = Runtime.getRuntime().availableProcessors();
        assertThat(scalar.substring(facts))
                .matches(threads + (threads == 1 ? " thread" : " threads") + ", \\d+\\.\\d GiB");
        String slow = lines.stream()
                .filter(line -> line.startsWith("slow:test "))
                .findFirst()
                .orElseThrow();
        assertThat(slow.length()).isLessThanOrEqualTo(facts);
    }

    @Test
    void jsonHasAllOfIt() {
        Invocation devices = Invocation.of("devices", "--json");
        assertThat(devices.exitCode()).isZero();
        assertThat(devices.out().lines()).hasSize(1);
        Map<String, JsonObject> reports = new LinkedHashMap<>();
        for (JsonElement element :
                JsonParser.parseString(devices.out()).getAsJsonObject().getAsJsonArray("devices")) {
            JsonObject report = element.getAsJsonObject();
            reports.put(report.get("device").getAsString(), report);
        }
        assertThat(reports.keySet())
                .containsExactlyElementsOf(Devices.list().stream()
                        .map(info -> info.device().text())
                        .toList());
        String best = Devices.resolve(Device.AUTO).device().text();
        assertThat(reports.get(best).getAsJsonArray("chosen_by")).contains(new JsonPrimitive("auto"));
        JsonObject scalar = reports.get("cpu:scalar");
        assertThat(scalar.get("available").getAsBoolean()).isTrue();
        assertThat(scalar.get("threads").getAsInt())
                .isEqualTo(Runtime.getRuntime().availableProcessors());
        assertThat(scalar.get("memory_bytes").getAsLong()).isPositive();
        assertThat(scalar.get("cuda_driver").isJsonNull()).isTrue();
        JsonObject absent = reports.get("absent:test");
        assertThat(absent.get("available").getAsBoolean()).isFalse();
        assertThat(absent.getAsJsonArray("obstacles").get(0).getAsString()).isEqualTo(AbsentBackend.OBSTACLE);
        assertThat(reports.get("slow:test").getAsJsonArray("cautions").get(0).getAsString())
                .isEqualTo(AbsentBackend.CAUTION);
    }

    @Test
    void saysWhyTheRestCantRun() {
        assertThat(Invocation.of("devices").out())
                .contains("Can't run here:")
                .containsPattern("  absent:test  " + AbsentBackend.OBSTACLE);
    }

    /** It runs, so it is in the table, but last, and no automatic choice takes it. */
    @Test
    void saysWhatIsSlowAndWhy() {
        List<String> lines = Invocation.of("devices").out().lines().toList();
        List<String> table = lines.subList(0, lines.indexOf(""));
        assertThat(table.getLast()).matches("slow:test +slow +brass");
        assertThat(lines).containsSequence("Slow here:", "  slow:test  " + AbsentBackend.CAUTION);
    }
}
