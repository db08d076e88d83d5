// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** A headless browser, driven by its DevTools protocol. */
final class Chromium implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 60;
    private static final String LISTENING = "DevTools listening on ";
    private static final Gson GSON = new Gson();

    private final Process process;
    private final Path profile;
    private final WebSocket socket;
    private final AtomicInteger calls = new AtomicInteger();
    private final Map<Integer, CompletableFuture<JsonObject>> answers = new ConcurrentHashMap<>();
    private final Map<String, Consumer<JsonObject>> listeners = new ConcurrentHashMap<>();

    private Chromium(Process process, Path profile, URI address) {
        this.process = process;
        this.profile = profile;
        this.socket = HttpClient.newHttpClient()
                .newWebSocketBuilder()
                .buildAsync(address, new Listener())
                .join();
    }

    /** The browser of this machine, if it has one; {@code QLIF_CHROMIUM} names another. */
    static Optional<Path> find() {
        String named = System.getenv("QLIF_CHROMIUM");
        Stream<String> candidates = named != null
                ? Stream.of(named)
                : Stream.of("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome");
        return candidates.map(Path::of).filter(Files::isExecutable).findFirst();
    }

    /** Starts {@code program}. */
    static Chromium start(Path program) throws IOException {
        Path profile = Files.createTempDirectory("qlif-chromium");
        // In a sandbox of its own it can't be started by root, as which tests run in containers.
        Process process = new ProcessBuilder(
                        program.toString(),
                        "--headless",
                        "--no-sandbox",
                        "--disable-gpu",
                        "--disable-quic",
                        "--no-first-run",
                        "--disable-background-networking",
                        "--disable-component-update",
                        "--disable-sync",
                        "--disable-dev-shm-usage",
                        "--remote-debugging-port=0",
                        "--user-data-dir=" + profile,
                        "about:blank")
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        BufferedReader messages =
                new BufferedReader(new InputStreamReader(process.getErrorStream(), StandardCharsets.UTF_8));
        for (String line = messages.readLine(); line != null; line = messages.readLine()) {
            if (line.startsWith(LISTENING)) {
                URI address = URI.create(line.substring(LISTENING.length()).strip());
                // What it says later would fill the pipe.
                Thread.ofVirtual().start(() -> drain(messages));
                return new Chromium(process, profile, address);
            }
        }
        throw new IOException(program + " ended before it could be driven");
    }

    private static void drain(BufferedReader messages) {
        try {
            while (messages.readLine() != null) {
                // Of no interest.
            }
        } catch (IOException _) {
            // It has ended.
        }
    }

    private final class Listener implements WebSocket.Listener {
        private final StringBuilder text = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
            text.append(part);
            if (last) {
                JsonObject message = JsonParser.parseString(text.toString()).getAsJsonObject();
                text.setLength(0);
                if (message.has("id")) {
                    answers.remove(message.get("id").getAsInt()).complete(message);
                } else if (message.has("sessionId")) {
                    listeners
                            .getOrDefault(message.get("sessionId").getAsString(), _ -> {})
                            .accept(message);
                }
            }
            from.request(1);
            return null;
        }
    }

    private JsonObject call(String session, String method, Map<String, ?> parameters) {
        int id = calls.incrementAndGet();
        CompletableFuture<JsonObject> answer = new CompletableFuture<>();
        answers.put(id, answer);
        JsonObject message = new JsonObject();
        message.addProperty("id", id);
        message.addProperty("method", method);
        message.add("params", GSON.toJsonTree(parameters));
        if (session != null) {
            message.addProperty("sessionId", session);
        }
        synchronized (socket) {
            socket.sendText(message.toString(), true).join();
        }
        JsonObject answered =
                answer.orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
        if (answered.has("error")) {
            throw new IllegalStateException(method + ": " + answered.get("error"));
        }
        return answered.getAsJsonObject("result");
    }

    /** Opens a page in a window of this size. */
    Page open(URI address, int width, int height, boolean phone) {
        String target = call(null, "Target.createTarget", Map.of("url", "about:blank"))
                .get("targetId")
                .getAsString();
        String session = call(null, "Target.attachToTarget", Map.of("targetId", target, "flatten", true))
                .get("sessionId")
                .getAsString();
        Page page = new Page(session, target);
        page.start(width, height, phone);
        page.go(address);
        return page;
    }

    @Override
    public void close() throws IOException {
        process.descendants().forEach(ProcessHandle::destroy);
        process.destroy();
        try {
            process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
        try (Stream<Path> files = Files.walk(profile)) {
            // Helpers of the browser may still be writing; what is left is in the folder for temporary files.
            files.sorted(Comparator.reverseOrder())
                    .forEach(file -> file.toFile().delete());
        }
    }

    /** A page, and what it complained of. */
    final class Page implements AutoCloseable {
        private final String session;
        private final String target;
        private final ConcurrentLinkedQueue<String> complaints = new ConcurrentLinkedQueue<>();
        private final ConcurrentLinkedQueue<String> requests = new ConcurrentLinkedQueue<>();

        private Page(String session, String target) {
            this.session = session;
            this.target = target;
        }

        private void start(int width, int height, boolean phone) {
            listeners.put(session, this::hear);
            for (String domain : List.of("Page", "Runtime", "Log", "Network")) {
                call(session, domain + ".enable", Map.of());
            }
            call(
                    session,
                    "Emulation.setDeviceMetricsOverride",
                    Map.of("width", width, "height", height, "deviceScaleFactor", phone ? 2 : 1, "mobile", phone));
        }

        private void hear(JsonObject message) {
            JsonObject parameters = message.getAsJsonObject("params");
            switch (message.get("method").getAsString()) {
                case "Runtime.exceptionThrown" -> complaints.add(parameters.toString());
                case "Runtime.consoleAPICalled" -> {
                    if (List.of("error", "warning", "assert")
                            .contains(parameters.get("type").getAsString())) {
                        complaints.add(parameters.toString());
                    }
                }
                case "Log.entryAdded" -> {
                    if (!"info"
                            .equals(parameters
                                    .getAsJsonObject("entry")
                                    .get("level")
                                    .getAsString())) {
                        complaints.add(parameters.toString());
                    }
                }
                case "Network.requestWillBeSent" ->
                    requests.add(
                            parameters.getAsJsonObject("request").get("url").getAsString());
                default -> {
                    // Not of interest.
                }
            }
        }

        void go(URI address) {
            call(session, "Page.navigate", Map.of("url", address.toString()));
        }

        void reload() {
            evaluate("delete document.body.dataset.runs");
            call(session, "Page.reload", Map.of());
        }

        /** The value of an expression, which may be a promise. */
        JsonElement evaluate(String script) {
            JsonObject result = call(
                    session,
                    "Runtime.evaluate",
                    Map.of("expression", script, "awaitPromise", true, "returnByValue", true));
            if (result.has("exceptionDetails")) {
                throw new IllegalStateException(script + ": " + result.get("exceptionDetails"));
            }
            return result.getAsJsonObject("result").get("value");
        }

        String text(String script) {
            return evaluate(script).getAsString();
        }

        boolean holds(String condition) {
            return evaluate("Boolean(" + condition + ")").getAsBoolean();
        }

        /** Waits until a condition holds. */
        void await(String condition) {
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
            while (!holds(condition)) {
                if (System.nanoTime() > end) {
                    throw new IllegalStateException("never came true: " + condition + "; complaints: " + complaints);
                }
                try {
                    Thread.sleep(20);
                } catch (InterruptedException interrupt) {
                    Thread.currentThread().interrupt();
                    throw new IllegalStateException(interrupt);
                }
            }
        }

        /** Presses and releases a key, such as {@code ArrowRight}. */
        void press(String key, int code) {
            for (String type : List.of("rawKeyDown", "keyUp")) {
                call(
                        session,
                        "Input.dispatchKeyEvent",
                        Map.of("type", type, "key", key, "code", key, "windowsVirtualKeyCode", code));
            }
        }

        /** Says which colours the system prefers. */
        void prefer(String scheme) {
            call(
                    session,
                    "Emulation.setEmulatedMedia",
                    Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
        }

        /** Lets downloads go to a folder. */
        void downloadTo(Path folder) {
            call(null, "Browser.setDownloadBehavior", Map.of("behavior", "allow", "downloadPath", folder.toString()));
        }

        /** A picture of the window, or of all of the page. */
        byte[] screenshot(boolean all) {
            return Base64.getDecoder()
                    .decode(call(session, "Page.captureScreenshot", Map.of("captureBeyondViewport", all))
                            .get("data")
                            .getAsString());
        }

        /** What the page wrote to the console in anger, and what it threw. */
        List<String> complaints() {
            return List.copyOf(complaints);
        }

        /** The addresses it asked for. */
        List<String> requests() {
            return List.copyOf(requests);
        }

        @Override
        public void close() {
            call(null, "Target.closeTarget", Map.of("targetId", target));
        }
    }
}
