// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import com.google.gson.Gson;
import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import io.javalin.http.ForbiddenResponse;
import io.javalin.http.Header;
import io.javalin.http.HttpResponseException;
import io.javalin.http.HttpStatus;
import io.javalin.http.staticfiles.Location;
import io.javalin.util.JavalinBindException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.URI;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Semaphore;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.qlif.DeviceUnavailableException;
import org.qlif.NativeException;

/**
 * The server of the live page. Its work is bounded: a request has at most 64 KiB, a run at most 100,000 neuron-steps, and at most four runs
 * and one measurement are in progress at a time; anything more gets a 4xx status. A request with {@code "refusals": "reply"}, as the page
 * sends it, gets status 200 and the header {@code Refused: true} if its settings can't be used, since browsers log a 4xx status as an
 * error. The server only answers requests from its own pages, by address, as {@code localhost} or by the name that it was started with.
 *
 * <pre>{@code
 * try (Dashboard dashboard = Dashboard.start("127.0.0.1", 0)) {
 *     System.out.println(dashboard.address());
 *     Thread.sleep(60_000);
 * }
 * }</pre>
 */
public final class Dashboard implements AutoCloseable {
    /** The default port of {@code ./qlif dashboard}. */
    public static final int PORT = 8787;

    /** Everything that the page needs comes from this server. Plots set sizes of elements by script, which style-src allows. */
    static final String POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
            + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    static final int MOST_BYTES = 1 << 16;

    /** The metadata of a webjar. */
    private static final String UPLOT_FACTS = "META-INF/maven/org.webjars.npm/uplot/pom.properties";

    /** The header that tells the page that the reply is a refusal. */
    private static final String REFUSED = "Refused";

    private static final int MOST_THREADS = 16;
    private static final int MOST_RUNS = 4;
    private static final int WARM_UP_RUNS = 60;
    private static final long WARM_UP_NANOS = 5_000_000_000L;
    private static final int MISDIRECTED = 421;
    private static final int MOST_MESSAGE = 2000;
    private static final System.Logger LOG = System.getLogger("org.qlif");
    private static final Gson GSON = new Gson();

    /** Permits for runs; tests take them away. */
    final Semaphore runs = new Semaphore(MOST_RUNS);

    private final Semaphore measurements = new Semaphore(1);
    private final String catalogue = GSON.toJson(Catalogue.here());
    private final Guard guard;
    private final Javalin server;
    private final URI address;
    private final Thread warmUp;

    private interface Work<R> {
        R done() throws RefusedException;
    }

    private Dashboard(String host, int port) throws IOException {
        guard = new Guard(host);
        server = Javalin.create(this::configure);
        try {
            server.start(host, port);
        } catch (JavalinBindException bound) {
            throw refusal(host, port, bound);
        }
        boolean any = InetAddress.getByName(host).isAnyLocalAddress();
        String shown = any ? "127.0.0.1" : host.indexOf(':') >= 0 ? "[" + host + "]" : host;
        address = URI.create("http://" + shown + ":" + server.port() + "/");
        warmUp = Thread.ofPlatform().daemon().name("qlif-warm-up").start(this::warmUp);
    }

    /** Does the first runs of a JVM, which are many times slower than later ones, before the user does. */
    private void warmUp() {
        long end = System.nanoTime() + WARM_UP_NANOS;
        try {
            RunRequest request = RunRequest.read("{}");
            for (int i = 0; i < WARM_UP_RUNS && System.nanoTime() < end && !Thread.interrupted(); i++) {
                Run.simulate(request);
            }
        } catch (RefusedException | RuntimeException failure) {
            LOG.log(System.Logger.Level.DEBUG, "no warm-up", failure);
        }
    }

    /**
     * Starts a server.
     *
     * @param host the address or name of the network interface to listen on, such as {@code 127.0.0.1}, which only this machine can reach;
     *     {@code 0.0.0.0} for all
     * @param port from 0 to 65535; 0 for any free port
     * @throws IllegalArgumentException if the port is out of range
     * @throws IOException if the address is not one of this machine, or the port is in use or not allowed
     */
    public static Dashboard start(String host, int port) throws IOException {
        if (port < 0 || port > 65_535) {
            throw new IllegalArgumentException("port: got " + port + ", expected a whole number in [0, 65535]");
        }
        // Throws if the name is unknown.
        InetAddress.getByName(host);
        return new Dashboard(host, port);
    }

    private static IOException refusal(String host, int port, Exception failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            String reason = String.valueOf(cause.getMessage());
            if (cause instanceof BindException && !reason.contains("Cannot assign")) {
                return new IOException(
                        "can't listen on port " + port + " of " + host
                                + ": it is in use, or this user may not listen on it;"
                                + " choose another with --port, or 0 for any free one",
                        failure);
            }
            if (cause instanceof BindException) {
                return new IOException("can't listen on " + host + ": it is not an address of this machine", failure);
            }
        }
        return new IOException("can't listen on port " + port + " of " + host + ": " + failure.getMessage(), failure);
    }

    /** The address of the page. */
    public URI address() {
        return address;
    }

    /** Stops the server and abandons requests in progress. */
    @Override
    public void close() {
        warmUp.interrupt();
        server.stop();
    }

    private void configure(JavalinConfig config) {
        config.startup.showJavalinBanner = false;
        config.startup.startupWatcherEnabled = false;
        config.startup.showOldJavalinVersionWarning = false;
        config.http.maxRequestSize = MOST_BYTES;
        config.http.prefer405over404 = true;
        // The connection is local, and numbers don't compress well.
        config.http.compressionStrategy = CompressionStrategy.NONE;
        config.jetty.threadPool = new QueuedThreadPool(MOST_THREADS, 2);
        config.jetty.modifyHttpConfiguration(http -> http.setSendServerVersion(false));
        config.jetty.modifyServer(server -> server.setStopTimeout(0));
        config.staticFiles.add(files -> {
            files.directory = "/org/qlif/dashboard/page";
            files.location = Location.CLASSPATH;
            files.headers = Map.of(Header.CACHE_CONTROL, "no-cache");
        });
        config.staticFiles.add(files -> {
            files.hostedPath = "/uplot";
            files.directory = uplot();
            files.location = Location.CLASSPATH;
            files.headers = Map.of(Header.CACHE_CONTROL, "no-cache");
        });
        config.routes.before(this::admit);
        config.routes.get(
                "/api/catalogue",
                context -> context.contentType("application/json").result(catalogue));
        config.routes.post("/api/run", context -> {
            RunRequest request = RunRequest.read(body(context));
            byte[] reply = limited(runs, () -> Run.simulate(request));
            context.contentType("application/octet-stream").result(reply);
        });
        config.routes.post("/api/measure", context -> {
            RunRequest request = RunRequest.read(body(context));
            Map<String, Object> result = limited(measurements, () -> Run.measure(request));
            context.contentType("application/json").result(GSON.toJson(result));
        });
        config.routes.exception(RefusedException.class, (refusal, context) -> {
            if (refusal.replied()) {
                context.header(REFUSED, "true");
            }
            fail(
                    context,
                    (refusal.replied() ? HttpStatus.OK : HttpStatus.BAD_REQUEST).getCode(),
                    String.valueOf(refusal.getMessage()),
                    refusal.fields());
        });
        config.routes.exception(
                HttpResponseException.class,
                (refusal, context) ->
                        fail(context, refusal.getStatus(), String.valueOf(refusal.getMessage()), Map.of()));
        config.routes.exception(Exception.class, (failure, context) -> {
            LOG.log(System.Logger.Level.WARNING, "a request of the page failed: " + failure, failure);
            fail(context, HttpStatus.INTERNAL_SERVER_ERROR.getCode(), "The run failed: " + failure, Map.of());
        });
    }

    /** The path of the webjar's files, which contains its version. */
    private static String uplot() {
        Properties facts = new Properties();
        try (InputStream text = Dashboard.class.getClassLoader().getResourceAsStream(UPLOT_FACTS)) {
            if (text == null) {
                throw new IllegalStateException("uPlot's webjar is not on the class path: no " + UPLOT_FACTS);
            }
            facts.load(text);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        return "/META-INF/resources/webjars/uplot/" + facts.getProperty("version");
    }

    /** Refuses foreign requests, and sets headers that restrict what a browser may do with the reply. */
    private void admit(Context context) {
        context.header("Content-Security-Policy", POLICY)
                .header("X-Content-Type-Options", "nosniff")
                .header("Referrer-Policy", "no-referrer")
                .header("Cross-Origin-Resource-Policy", "same-origin")
                .header("Cross-Origin-Opener-Policy", "same-origin")
                .header(Header.CACHE_CONTROL, "no-store");
        String host = context.header(Header.HOST);
        if (host == null || !guard.knows(host)) {
            throw new HttpResponseException(MISDIRECTED, "Unknown host name: use this server's address", Map.of());
        }
        if (!Guard.isOwn(context.header(Header.ORIGIN), host)) {
            throw new ForbiddenResponse("Only pages of this server may use it");
        }
    }

    private static String body(Context context) {
        String type = context.contentType();
        if (type == null || !type.split(";", 2)[0].strip().equalsIgnoreCase("application/json")) {
            throw new HttpResponseException(
                    HttpStatus.UNSUPPORTED_MEDIA_TYPE.getCode(), "Expected application/json", Map.of());
        }
        return context.body();
    }

    /** Does work if a permit is available. */
    private static <R> R limited(Semaphore room, Work<R> work) throws RefusedException {
        if (!room.tryAcquire()) {
            throw new HttpResponseException(
                    HttpStatus.TOO_MANY_REQUESTS.getCode(), "Too many runs at once; try again in a moment", Map.of());
        }
        try {
            return work.done();
        } catch (IllegalArgumentException | DeviceUnavailableException | NativeException refusal) {
            // From the device: all settings have been checked.
            throw new RefusedException(
                    String.valueOf(refusal.getMessage()),
                    Map.of(RunRequest.DEVICE, String.valueOf(refusal.getMessage())),
                    false);
        } finally {
            room.release();
        }
    }

    private static void fail(Context context, int status, String message, Map<String, String> fields) {
        String text = message.length() <= MOST_MESSAGE ? message : message.substring(0, MOST_MESSAGE) + " …";
        context.status(status)
                .contentType("application/json")
                .result(GSON.toJson(Map.of("error", text, "fields", fields)));
    }
}
