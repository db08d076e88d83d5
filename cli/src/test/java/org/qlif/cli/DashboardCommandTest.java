// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DashboardCommandTest {
    private static final Pattern ADDRESS =
            Pattern.compile("The page is at (http://127\\.0\\.0\\.1:[0-9]+/) \\(Ctrl-C ends it\\)");

    /** Tenths of a second that a program may take to start on a busy machine. */
    private static final int PATIENCE = 600;

    @ParameterizedTest
    @ValueSource(strings = {"-1", "65536"})
    void refusesOtherPorts(String port) {
        Invocation wrong = Invocation.of("dashboard", "--no-open", "--port", port);
        assertThat(wrong.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(wrong.err())
                .startsWith("qlif: --port: got " + port + ", expected a whole number from 0 to 65535")
                .hasLineCount(1);
    }

    @Test
    void refusesWhatIsNoHost() {
        Invocation wrong = Invocation.of("dashboard", "--no-open", "--host", "no such host");
        assertThat(wrong.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(wrong.err())
                .startsWith("qlif: --host: got 'no such host', expected an address of this machine or a name of one");
    }

    @Test
    void tellsThatThePortIsInUse() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            Invocation busy = Invocation.of("dashboard", "--no-open", "--port", "" + taken.getLocalPort());
            assertThat(busy.exitCode()).isEqualTo(Cli.FAILED);
            assertThat(busy.err().lines())
                    .singleElement()
                    .asString()
                    .isEqualTo("qlif: can't listen on port " + taken.getLocalPort()
                            + " of 127.0.0.1: it is in use, or this user may not listen on it;"
                            + " choose another with --port, or 0 for any free one");
        }
    }

    /**
     * The address is printed, opened where there is a desktop unless that is not wanted, answers, and is gone after Ctrl-C, of which nobody
     * hears.
     */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "it has no signals")
    void runsUntilItIsInterrupted(boolean opens, @TempDir Path folder) throws Exception {
        Path opened = folder.resolve("opened");
        for (String opener : List.of("xdg-open", "open")) {
            Path program = folder.resolve(opener);
            // Written elsewhere first, so that whoever sees the file sees all of it.
            Files.writeString(
                    program,
                    "#!/bin/sh\necho \"$1\" >'" + opened + ".new' && mv '" + opened + ".new' '" + opened + "'\n");
            Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
        }
        ProcessBuilder command = new ProcessBuilder(interruptible());
        command.command()
                .addAll(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--add-modules",
                        "jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-cp",
                        withoutTests(System.getProperty("java.class.path")),
                        "org.qlif.cli.Main",
                        "dashboard",
                        "--port",
                        "0"));
        if (!opens) {
            command.command().add("--no-open");
        }
        command.environment().put("PATH", folder + File.pathSeparator + System.getenv("PATH"));
        command.environment().put("DISPLAY", ":0");
        Process process = command.start();
        try (BufferedReader out = process.inputReader();
                BufferedReader err = process.errorReader()) {
            Matcher line = ADDRESS.matcher(String.valueOf(out.readLine()));
            assertThat(line.matches()).isTrue();
            HttpRequest request =
                    HttpRequest.newBuilder(URI.create(line.group(1))).build();
            assertThat(HttpClient.newHttpClient()
                            .send(request, BodyHandlers.ofString())
                            .body())
                    .contains("<title>QLIF: live page</title>");
            for (int i = 0; opens && i < PATIENCE && !Files.exists(opened); i++) {
                Thread.sleep(100);
            }
            new ProcessBuilder("kill", "-INT", "" + process.pid()).start().waitFor();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isEqualTo(130);
            assertThat(err.lines().filter(text -> !text.contains("Using incubator modules")))
                    .isEmpty();
            if (opens) {
                assertThat(opened).hasContent(line.group(1));
            } else {
                assertThat(opened).doesNotExist();
            }
        } finally {
            process.destroyForcibly();
        }
    }

    /** What a command begins with that can be interrupted even if whoever runs the tests, as nohup, has its processes ignore that. */
    private static List<String> interruptible() throws IOException, InterruptedException {
        List<String> restored = List.of("env", "--default-signal=INT");
        Process trial = new ProcessBuilder(
                        Stream.concat(restored.stream(), Stream.of("true")).toList())
                .redirectErrorStream(true)
                .start();
        trial.getInputStream().readAllBytes();
        // An older env does not know it.
        return new ArrayList<>(trial.waitFor() == 0 ? restored : List.of());
    }

    /** The tests' own backends, which are in the way of the automatic choice, would be told of. */
    private static String withoutTests(String classPath) {
        return Stream.of(classPath.split(File.pathSeparator))
                .filter(entry -> !entry.endsWith("test-classes"))
                .collect(Collectors.joining(File.pathSeparator));
    }
}
