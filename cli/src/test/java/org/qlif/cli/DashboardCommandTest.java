package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DashboardCommandTest {
    private static final Pattern ADDRESS =
            Pattern.compile("The page is at (http://127\\.0\\.0\\.1:[0-9]+/) \\(Ctrl-C ends it\\)");

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
                            + " of 127.0.0.1: it is in use, or not allowed for this user; --port takes another, 0 any that"
                            + " is free");
        }
    }

    /** The address is printed, answers, and is gone after Ctrl-C, of which nobody hears. */
    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "it has no signals")
    void runsUntilItIsInterrupted() throws Exception {
        Process process = new ProcessBuilder(
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
                        "0",
                        "--no-open")
                .start();
        try (BufferedReader out = process.inputReader();
                BufferedReader err = new BufferedReader(new InputStreamReader(process.getErrorStream()))) {
            Matcher line = ADDRESS.matcher(String.valueOf(out.readLine()));
            assertThat(line.matches()).isTrue();
            HttpRequest request =
                    HttpRequest.newBuilder(URI.create(line.group(1))).build();
            assertThat(HttpClient.newHttpClient()
                            .send(request, BodyHandlers.ofString())
                            .body())
                    .contains("<title>QLIF: live page</title>");
            new ProcessBuilder("kill", "-INT", "" + process.pid()).start().waitFor();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isEqualTo(130);
            assertThat(err.lines().filter(text -> !text.contains("Using incubator modules")))
                    .isEmpty();
        } finally {
            process.destroyForcibly();
        }
    }

    /** The tests' own backends, which are in the way of the automatic choice, would be told of. */
    private static String withoutTests(String classPath) {
        return Stream.of(classPath.split(File.pathSeparator))
                .filter(entry -> !entry.endsWith("test-classes"))
                .collect(Collectors.joining(File.pathSeparator));
    }
}
