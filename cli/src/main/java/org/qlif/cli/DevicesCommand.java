package org.qlif.cli;

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
import picocli.CommandLine.Spec;

/** {@code qlif devices}. */
@Command(
        name = "devices",
        description = "Lists what can run here, best first, and why something is slow here or can't run.",
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        footerHeading = "%nExample:%n",
        footer = "  ./qlif devices")
final class DevicesCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        List<DeviceInfo> devices = Devices.list();
        Map<String, Device> choices = choices(devices);
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("DEVICE", "CHOSEN BY", "DESCRIPTION", "FACTS"));
        for (DeviceInfo info : devices) {
            if (info.available()) {
                List<String> chosenBy = choices.keySet().stream()
                        .filter(name -> choices.get(name).equals(info.device()))
                        .toList();
                rows.add(List.of(info.device().text(), String.join(", ", chosenBy), info.description(), facts(info)));
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        Table.print(out, rows);
        print(out, "Slow here:", devices, DeviceInfo::cautions);
        print(out, "Can't run here:", devices, DeviceInfo::obstacles);
        out.flush();
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

    /** Lists what is to be said against devices, if anything is. */
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
