// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import com.google.gson.GsonBuilder;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.Devices;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code qlif devices}. */
@Command(
        name = "devices",
        description = "Lists the devices, best first, and says why one is slow or can't run here.",
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        footerHeading = "%nExamples:%n",
        footer = {"  ./qlif devices", "  ./qlif devices --json"})
final class DevicesCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Option(names = "--json", description = "Print one JSON object; unknown facts are null.")
    private boolean json;

    @Override
    public void run() {
        List<DeviceInfo> devices = Devices.list();
        Map<String, Device> choices = choices(devices);
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            List<Map<String, Object>> reports =
                    devices.stream().map(info -> report(info, choices)).toList();
            out.println(new GsonBuilder()
                    .serializeNulls()
                    .disableHtmlEscaping()
                    .create()
                    .toJson(Map.of("devices", reports)));
        } else {
            print(out, devices, choices);
        }
        out.flush();
    }

    private static void print(PrintWriter out, List<DeviceInfo> devices, Map<String, Device> choices) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("DEVICE", "CHOSEN BY", "DESCRIPTION", "FACTS"));
        for (DeviceInfo info : devices) {
            if (info.available()) {
                rows.add(List.of(
                        info.device().text(),
                        String.join(", ", chosenBy(info, choices)),
                        info.description(),
                        facts(info)));
            }
        }
        Table.print(out, rows);
        print(out, "Slow here:", devices, DeviceInfo::cautions);
        print(out, "Can't run here:", devices, DeviceInfo::obstacles);
    }

    /** The output for scripts. */
    private static Map<String, Object> report(DeviceInfo info, Map<String, Device> choices) {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("device", info.device().text());
        report.put("available", info.available());
        report.put("chosen_by", chosenBy(info, choices));
        report.put("description", info.description());
        report.put("cautions", info.cautions());
        report.put("obstacles", info.obstacles());
        report.put(
                "vector_bits", info.vectorBits().isPresent() ? info.vectorBits().getAsInt() : null);
        report.put("threads", info.threads().isPresent() ? info.threads().getAsInt() : null);
        report.put(
                "memory_bytes",
                info.memoryBytes().isPresent() ? info.memoryBytes().getAsLong() : null);
        report.put("compute_capability", info.computeCapability().orElse(null));
        report.put("cuda_driver", info.driverVersion().orElse(null));
        return report;
    }

    /** The names that stand for a device. */
    private static List<String> chosenBy(DeviceInfo info, Map<String, Device> choices) {
        return choices.keySet().stream()
                .filter(name -> choices.get(name).equals(info.device()))
                .toList();
    }

    private static String facts(DeviceInfo info) {
        List<String> facts = new ArrayList<>();
        info.vectorBits().ifPresent(bits -> facts.add(bits + "-bit vectors"));
        info.threads().ifPresent(threads -> facts.add(threads + (threads == 1 ? " thread" : " threads")));
        info.memoryBytes()
                .ifPresent(bytes -> facts.add(String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30))));
        info.computeCapability().ifPresent(capability -> facts.add("compute capability " + capability));
        info.driverVersion().ifPresent(version -> facts.add("CUDA " + version + " driver"));
        return String.join(", ", facts);
    }

    /** Lists the obstacles and cautions of devices. */
    private static void print(
            PrintWriter out, String title, List<DeviceInfo> devices, Function<DeviceInfo, List<String>> reasons) {
        List<List<String>> rows = devices.stream()
                .flatMap(info -> reasons.apply(info).stream().map(reason -> List.of("  " + info.device(), reason)))
                .toList();
        if (!rows.isEmpty()) {
            out.println();
            out.println(title);
            Table.print(out, rows);
        }
    }

    /** What {@code auto} and each kind stand for. */
    private static Map<String, Device> choices(List<DeviceInfo> devices) {
        Map<String, Device> choices = new LinkedHashMap<>();
        Stream.concat(
                        Stream.of(Device.AUTO),
                        devices.stream().map(info -> Device.of(info.device().kind())))
                .distinct()
                .forEach(name -> Devices.find(name).ifPresent(info -> choices.put(name.text(), info.device())));
        return choices;
    }
}
