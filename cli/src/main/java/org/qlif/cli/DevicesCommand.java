package org.qlif.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.qlif.Device;
import org.qlif.DeviceInfo;
import org.qlif.Devices;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code qlif devices}. */
@Command(
        name = "devices",
        description = "Lists what can run here, best first, and for what can't, why.",
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
        Map<String, DeviceInfo> choices = choices(devices);
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("DEVICE", "CHOSEN BY", "DESCRIPTION"));
        for (DeviceInfo info : devices) {
            if (info.available()) {
                List<String> chosenBy = choices.keySet().stream()
                        .filter(name -> choices.get(name) == info)
                        .toList();
                rows.add(List.of(info.device().text(), String.join(", ", chosenBy), info.description()));
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        Table.print(out, rows);
        List<DeviceInfo> unavailable =
                devices.stream().filter(info -> !info.available()).toList();
        if (!unavailable.isEmpty()) {
            out.println();
            out.println("Can't run here:");
            Table.print(
                    out,
                    unavailable.stream()
                            .flatMap(info ->
                                    info.obstacles().stream().map(obstacle -> List.of("  " + info.device(), obstacle)))
                            .toList());
        }
        out.flush();
    }

    /** What {@code auto} and each kind stand for: the first that can run, since the list comes best first. */
    private static Map<String, DeviceInfo> choices(List<DeviceInfo> bestFirst) {
        Map<String, DeviceInfo> choices = new LinkedHashMap<>();
        for (DeviceInfo info : bestFirst) {
            if (info.available()) {
                choices.putIfAbsent(Device.AUTO.text(), info);
                choices.putIfAbsent(info.device().kind(), info);
            }
        }
        return choices;
    }
}
