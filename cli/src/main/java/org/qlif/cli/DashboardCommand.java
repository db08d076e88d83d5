// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.qlif.dashboard.Dashboard;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code qlif dashboard}. */
@Command(
        name = "dashboard",
        description = {
            "Serves a live page: every parameter of the neurons as a control, their traces as plots, QLIF and LIF side by side."
                    + " It runs until it is interrupted (Ctrl-C).",
            "Only this machine can open the page unless you set --host; then anyone who reaches the port can use it, with the same limits"
                    + " on the cost of a request."
        },
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        sortOptions = false,
        footerHeading = "%nExamples:%n",
        footer = {
            "  ./qlif dashboard",
            "  ./qlif dashboard --port 0 --no-open       on any free port; the address is printed",
            "  ./qlif dashboard --host 0.0.0.0           for the whole network",
        })
final class DashboardCommand implements Callable<Integer> {
    private static final int LAST_PORT = 65_535;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--port",
            paramLabel = "N",
            defaultValue = "" + Dashboard.PORT,
            description = "Port to listen on, 0 to " + LAST_PORT + "; 0 for any free port (default: ${DEFAULT-VALUE}).")
    private int port;

    @Option(
            names = "--host",
            paramLabel = "ADDRESS",
            defaultValue = "127.0.0.1",
            description = "Address or name of the network interface to listen on (default: ${DEFAULT-VALUE}).")
    private String host;

    @Option(
            names = "--open",
            negatable = true,
            defaultValue = "true",
            fallbackValue = "true",
            description = "Whether to open the page in the desktop's browser, where there is one (default: --open).")
    private boolean open;

    @Override
    public Integer call() throws IOException {
        if (port < 0 || port > LAST_PORT) {
            throw new ParameterException(
                    spec.commandLine(), "--port: got " + port + ", expected a whole number from 0 to " + LAST_PORT);
        }
        PrintWriter out = spec.commandLine().getOut();
        try (Dashboard dashboard = Dashboard.start(host, port)) {
            out.println("The page is at " + dashboard.address() + " (Ctrl-C ends it)");
            out.flush();
            if (open) {
                Browser.open(dashboard.address());
            }
            new CountDownLatch(1).await();
        } catch (UnknownHostException unknown) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--host: got '" + host + "', expected an address of this machine or a name of one",
                    unknown);
        } catch (InterruptedException _) {
            // The caller has interrupted; the server is closed.
            Thread.currentThread().interrupt();
        }
        return 0;
    }

    /** The desktop's browser. */
    private static final class Browser {
        /** Opens {@code page} if there is a desktop. If it can't be opened, that is not a failure: the address is printed. */
        static void open(URI page) {
            opener().ifPresent(program -> {
                try {
                    new ProcessBuilder(program, page.toString())
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start();
                } catch (IOException _) {
                    // There is no such program.
                }
            });
        }

        private static Optional<String> opener() {
            if (System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("mac")) {
                return Optional.of("open");
            }
            boolean desktop = System.getenv("DISPLAY") != null || System.getenv("WAYLAND_DISPLAY") != null;
            return desktop ? Optional.of("xdg-open") : Optional.empty();
        }
    }
}
