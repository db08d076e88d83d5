// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.QlifConfig;
import org.qlif.simulation.Simulation;
import org.qlif.simulation.Traces;
import org.qlif.simulation.Waveform;

class DashboardTest {
    private static final String JSON = "application/json";

    private static Dashboard dashboard;
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    @BeforeAll
    static void start() throws IOException {
        dashboard = Dashboard.start("127.0.0.1", 0);
    }

    @AfterAll
    static void stop() {
        dashboard.close();
    }

    private static HttpResponse<byte[]> send(HttpRequest.Builder request) throws Exception {
        return CLIENT.send(request.build(), BodyHandlers.ofByteArray());
    }

    private static HttpRequest.Builder to(String path) {
        return HttpRequest.newBuilder(dashboard.address().resolve(path));
    }

    private static HttpResponse<byte[]> get(String path) throws Exception {
        return send(to(path));
    }

    private static HttpResponse<byte[]> run(String json) throws Exception {
        return send(to("/api/run").header("Content-Type", JSON).POST(BodyPublishers.ofString(json)));
    }

    private static String text(HttpResponse<byte[]> response) {
        return new String(response.body(), StandardCharsets.UTF_8);
    }

    /** Reads a reply as the page does. */
    private static final class Read {
        final JsonObject facts;
        final Map<String, float[]> series = new HashMap<>();

        Read(byte[] body) {
            ByteBuffer bytes = ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN);
            byte[] head = new byte[bytes.getInt()];
            bytes.get(head);
            facts = JsonParser.parseString(new String(head, StandardCharsets.UTF_8))
                    .getAsJsonObject();
            assertThat(bytes.position() % 4).isZero();
            for (JsonElement one : facts.getAsJsonArray("series")) {
                JsonObject described = one.getAsJsonObject();
                float[] values = new float
                        [described.get("rows").getAsInt()
                                * described.get("columns").getAsInt()];
                bytes.asFloatBuffer().get(values);
                bytes.position(bytes.position() + 4 * values.length);
                series.put(described.get("name").getAsString(), values);
            }
            assertThat(bytes.hasRemaining()).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/app.js", "/style.css", "/uplot/dist/uPlot.esm.js", "/api/catalogue", "/nowhere"})
    void nothingMayComeFromElsewhere(String path) throws Exception {
        HttpResponse<byte[]> response = get(path);
        assertThat(response.statusCode()).isEqualTo(path.equals("/nowhere") ? 404 : 200);
        assertThat(response.headers().firstValue("Content-Security-Policy"))
                .hasValueSatisfying(policy -> assertThat(policy)
                        .startsWith("default-src 'none'; script-src 'self'; style-src 'self';")
                        .contains("connect-src 'self'", "frame-ancestors 'none'")
                        .doesNotContain("http", "*", "unsafe"));
        assertThat(response.headers().firstValue("X-Content-Type-Options")).hasValue("nosniff");
        assertThat(response.headers().firstValue("Referrer-Policy")).hasValue("no-referrer");
        assertThat(response.headers().firstValue("Server")).isEmpty();
    }

    /** The page's own files name no other host; namespaces of XML are names, not addresses. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "/",
                "/app.js",
                "/controls.js",
                "/plots.js",
                "/circuit.js",
                "/server.js",
                "/files.js",
                "/style.css"
            })
    void filesNameNoOtherHost(String path) throws Exception {
        assertThat(text(get(path)).replace("http://www.w3.org/2000/svg", ""))
                .doesNotContain("http:", "https:", "//cdn");
    }

    @Test
    void runsWhatTheLibraryRuns() throws Exception {
        HttpResponse<byte[]> response = run("""
                {"settings": {"qlif.tau": "30", "current": "sine", "steps": "60", "neurons": "3", "seed": "7"}, "traces": ["ahp"]}""");
        assertThat(response.statusCode()).isEqualTo(200);
        Read read = new Read(response.body());
        Traces traces = Simulation.of(QlifConfig.parse("QLIF tau=30"))
                .steps(60)
                .neurons(3)
                .seed(7)
                .current(Waveform.of(Waveform.Shape.SINE))
                .run();
        for (String name : List.of("input", "v", "threshold", "spikes", "p", "ahp")) {
            assertThat(read.series.get("qlif." + name)).as(name).isEqualTo(traces.get(name));
        }
        assertThat(read.series).doesNotContainKeys("qlif.adaptation", "qlif.external_modulation");
        float[] scaled = read.series.get("lif.input");
        for (int i = 0; i < scaled.length; i++) {
            assertThat(scaled[i]).isEqualTo((float) (0.2 * traces.get("input")[i]));
        }
        assertThat(read.facts.get("config").getAsString()).isEqualTo("QLIF tau=30.0");
        assertThat(read.facts.get("device").getAsString()).startsWith("cpu:");
    }

    /** At the gap 0, the curve has the probability and the slope of the calibration. */
    @Test
    void theCurveIsCalibrated() throws Exception {
        Read read = new Read(run("""
                {"settings": {"qlif.initial_probability": "0.3", "qlif.initial_slope": "0.2", "qlif.angle_map": "TANH", "steps": "1"}}""").body());
        float[] gaps = read.series.get("curve.gap");
        float[] p = read.series.get("curve.p");
        int middle = gaps.length / 2;
        assertThat(gaps[middle]).isZero();
        assertThat(p[middle]).isEqualTo(0.3f, within(1e-3f));
        assertThat((p[middle + 1] - p[middle - 1]) / (gaps[middle + 1] - gaps[middle - 1]))
                .isEqualTo(0.2f, within(2e-3f));
        assertThat(read.series.get("curve.after")[middle]).isLessThan(p[middle]);
        Read threshold = new Read(run("{\"settings\": {\"qlif.decision\": \"THRESHOLD\", \"steps\": \"1\"}}")
                .body());
        assertThat(threshold.series).doesNotContainKeys("curve.p", "curve.gap", "curve.after");
    }

    @Test
    void modulationGoesThroughTheTransform() throws Exception {
        String settings =
                "{\"settings\": {\"modulation\": \"sine\", \"steps\": \"40\", \"transform\": \"%s\"}, \"traces\": [\"modulation\"]}";
        Read own = new Read(run(settings.formatted("neuromod_transform")).body());
        float[] m = own.series.get("qlif.external_modulation");
        Read relu = new Read(run(settings.formatted("relu(m)")).body());
        Read steep = new Read(run(settings.formatted("sigmoid(2m)")).body());
        assertThat(relu.series.get("qlif.external_modulation")).isEqualTo(m);
        assertThat(steep.series.get("qlif.external_modulation")).isEqualTo(m);
        Read tanh = new Read(run(settings.formatted("tanh(m)")).body());
        Read product = new Read(run(settings.formatted("sigmoid(m)·tanh(m)")).body());
        assertThat(tanh.series.get("qlif.external_modulation")).isEqualTo(m);
        assertThat(product.series.get("qlif.external_modulation")).isEqualTo(m);
        for (int i = 0; i < m.length; i++) {
            assertThat(own.series.get("qlif.modulation")[i])
                    .isEqualTo((float) (1 / (1 + Math.exp(-m[i]))), within(1e-6f));
            assertThat(relu.series.get("qlif.modulation")[i]).isEqualTo(Math.max(0, m[i]));
            assertThat(steep.series.get("qlif.modulation")[i])
                    .isEqualTo((float) (1 / (1 + Math.exp(-2 * m[i]))), within(1e-6f));
            assertThat(tanh.series.get("qlif.modulation")[i]).isEqualTo((float) Math.tanh(m[i]), within(1e-6f));
            assertThat(product.series.get("qlif.modulation")[i])
                    .isEqualTo((float) (Math.tanh(m[i]) / (1 + Math.exp(-m[i]))), within(1e-6f));
        }
    }

    @Test
    void measuresADevice() throws Exception {
        HttpResponse<byte[]> response = send(to("/api/measure")
                .header("Content-Type", JSON)
                .POST(BodyPublishers.ofString("{\"settings\": {\"device\": \"cpu:scalar\"}}")));
        JsonObject result = JsonParser.parseString(text(response)).getAsJsonObject();
        assertThat(result.get("device").getAsString()).isEqualTo("cpu:scalar");
        assertThat(result.get("perSecond").getAsDouble()).isPositive();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"settings\": {\"steps\": \"1000000000\"}}",
                "{\"settings\": {\"steps\": \"5000\", \"neurons\": \"200\"}}",
                "{\"settings\": {\"steps\": NaN}}",
                "{\"settings\": {\"qlif.tau\": \"NaN\"}}",
                "{\"settings\"",
                "",
                "[[[[[[",
                "{\"settings\": {\"qlif.tau\": 20}}"
            })
    void badRequestsAreRefused(String json) throws Exception {
        HttpResponse<byte[]> response = run(json);
        assertThat(response.statusCode()).isEqualTo(400);
        assertThat(JsonParser.parseString(text(response)).getAsJsonObject().keySet())
                .containsExactlyInAnyOrder("error", "fields");
    }

    /** Settings that can't be used are an answer to a page that asks to be told, which then has no failure to log. */
    @Test
    void aPageIsToldOfBadSettings() throws Exception {
        HttpResponse<byte[]> response = run("{\"settings\": {\"qlif.tau\": \"0\"}, \"refusals\": \"reply\"}");
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.headers().firstValue("Refused")).hasValue("true");
        assertThat(text(response)).contains("\"qlif.tau\":\"got 0.0, expected a finite number");
        HttpResponse<byte[]> tooMuch =
                run("{\"settings\": {\"steps\": \"5000\", \"neurons\": \"200\"}, \"refusals\": \"reply\"}");
        assertThat(tooMuch.statusCode()).isEqualTo(200);
        assertThat(tooMuch.headers().firstValue("Refused")).hasValue("true");
        assertThat(text(tooMuch)).contains("\"steps\":\"got 5000 x 200 ");
    }

    @Test
    void largeBodiesAreRefused() throws Exception {
        assertThat(run(" ".repeat(Dashboard.MOST_BYTES + 1)).statusCode()).isEqualTo(413);
        HttpResponse<byte[]> streamed = send(to("/api/run")
                .header("Content-Type", JSON)
                .POST(BodyPublishers.ofInputStream(
                        () -> new ByteArrayInputStream(new byte[4 * Dashboard.MOST_BYTES]))));
        assertThat(streamed.statusCode()).isEqualTo(413);
    }

    @ParameterizedTest
    @CsvSource({"text/plain,415", "application/x-www-form-urlencoded,415", "application/json; charset=utf-8,200"})
    void onlyJsonIsRead(String type, int status) throws Exception {
        assertThat(send(to("/api/run").header("Content-Type", type).POST(BodyPublishers.ofString("{}")))
                        .statusCode())
                .isEqualTo(status);
    }

    @Test
    void otherMethodsAndPathsAreRefused() throws Exception {
        assertThat(get("/api/run").statusCode()).isEqualTo(405);
        assertThat(send(to("/").DELETE()).statusCode()).isBetween(404, 405);
        assertThat(get("/../../etc/passwd").statusCode()).isBetween(400, 404);
        assertThat(raw("GET /%2e%2e/%2e%2e/Dashboard.class HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
                .matches("(?s)HTTP/1.1 4.*");
    }

    /** Sends bytes as they are and returns the answer's head and body. */
    private static String raw(String request) throws IOException {
        URI address = dashboard.address();
        try (Socket socket = new Socket(address.getHost(), address.getPort())) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "localhost,200",
        "localhost:80,200",
        "127.0.0.1:8787,200",
        "[::1]:8787,200",
        "192.168.1.7,200",
        "attacker.example,421",
        "localhost.attacker.example:8787,421",
        "127.0.0.1.attacker.example,421",
        "attacker.example@127.0.0.1,421"
    })
    void otherNamesAreRefused(String host, int status) throws Exception {
        String answer = raw("GET /api/catalogue HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
        // What is no host at all, the server refuses before it is asked.
        assertThat(answer).matches("(?s)HTTP/1.1 (" + status + (status == 421 ? "|400" : "") + ") .*");
    }

    @ParameterizedTest
    @CsvSource({"http://127.0.0.1:%d,200", "http://attacker.example,403", "null,403", "https://127.0.0.1:%d,403"})
    void otherPagesAreRefused(String origin, int status) throws Exception {
        assertThat(send(to("/api/run")
                                .header("Content-Type", JSON)
                                .header(
                                        "Origin",
                                        origin.formatted(dashboard.address().getPort()))
                                .POST(BodyPublishers.ofString("{}")))
                        .statusCode())
                .isEqualTo(status);
    }

    /** With no room left, a request is refused at once; when there is room again, it is met. */
    @Test
    void tooManyAtOnceAreRefused() throws Exception {
        int room = dashboard.runs.drainPermits();
        try {
            assertThat(run("{}").statusCode()).isEqualTo(429);
        } finally {
            dashboard.runs.release(room);
        }
        assertThat(run("{}").statusCode()).isEqualTo(200);

        List<CompletableFuture<Integer>> statuses = new ArrayList<>();
        String large = """
                {"settings": {"steps": "500", "neurons": "200", "qlif.readout": "MULTI_QUBIT", "qlif.quantum_wires": "64"}}""";
        for (int i = 0; i < 40; i++) {
            statuses.add(CLIENT.sendAsync(
                            to("/api/run")
                                    .header("Content-Type", JSON)
                                    .POST(BodyPublishers.ofString(large))
                                    .build(),
                            BodyHandlers.discarding())
                    .thenApply(HttpResponse::statusCode));
        }
        assertThat(statuses.stream().map(CompletableFuture::join)).contains(200).isSubsetOf(200, 429);
        assertThat(dashboard.runs.availablePermits()).isEqualTo(room);
    }

    @Test
    void aPortInUseIsTold() {
        int port = dashboard.address().getPort();
        assertThatThrownBy(() -> Dashboard.start("127.0.0.1", port))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("can't listen on port " + port + " of 127.0.0.1: it is in use");
        assertThatThrownBy(() -> Dashboard.start("192.0.2.1", 0))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("192.0.2.1: it is not an address of this machine");
        assertThatThrownBy(() -> Dashboard.start("127.0.0.1", 65_536))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("port: got 65536, expected a whole number in [0, 65535]");
        assertThatThrownBy(() -> Dashboard.start("no such host", 0)).isInstanceOf(UnknownHostException.class);
    }

    @Test
    void closingFreesThePort() throws Exception {
        Dashboard other = Dashboard.start("127.0.0.1", 0);
        int port = other.address().getPort();
        other.close();
        try (Dashboard again = Dashboard.start("127.0.0.1", port)) {
            assertThat(again.address()).isEqualTo(URI.create("http://127.0.0.1:" + port + "/"));
        }
    }

    @Test
    void forAllInterfacesTheMachinesNameIsGood() throws Exception {
        Guard guard = new Guard("0.0.0.0");
        assertThat(guard.knows(InetAddress.getLocalHost().getHostName() + ":8787"))
                .isTrue();
        assertThat(guard.knows("attacker.example")).isFalse();
        assertThat(new Guard("127.0.0.1").knows(null)).isFalse();
    }
}
