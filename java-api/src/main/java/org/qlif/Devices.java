package org.qlif;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.qlif.spi.Backend;

/** The devices of the installed backends, and the choice among them. Thread-safe. */
public final class Devices {
    private static final System.Logger LOG = System.getLogger("org.qlif");
    private static final AtomicBoolean FALLBACK_LOGGED = new AtomicBoolean();

    private record Candidate(Backend backend, DeviceInfo info) {}

    /** A backend and the full name of the device that it shall use. */
    record Choice(Backend backend, Device device) {}

    /** Loaded once, on first use, and never in a static initializer that a failure would poison. */
    private static List<Backend> installed;

    /** The devices of the backends that were asked so far. */
    private static final Map<Backend, List<DeviceInfo>> OFFERED = new IdentityHashMap<>();

    private Devices() {}

    /** Every device of every installed backend, best first; those that can't run say why. */
    public static List<DeviceInfo> list() {
        return candidates(_ -> true).stream().map(Candidate::info).toList();
    }

    /**
     * The device that {@code device} stands for.
     *
     * @throws IllegalArgumentException if no installed backend knows the name
     * @throws DeviceUnavailableException if it can't run here
     */
    public static DeviceInfo resolve(Device device) {
        Choice choice = choose(device);
        return candidates(backend -> backend == choice.backend()).stream()
                .map(Candidate::info)
                .filter(info -> info.device().equals(choice.device()))
                .findFirst()
                .orElseThrow();
    }

    static Choice choose(Device device) {
        List<Candidate> matching = candidates(backend -> backend.concerns(device)).stream()
                .filter(candidate -> matches(device, candidate.info().device()))
                .toList();
        if (matching.isEmpty()) {
            requireNotAbsent(device);
            throw new IllegalArgumentException("device: got '" + device
                    + "', expected 'auto' or one that an installed backend"
                    + " offers: "
                    + candidates(_ -> true).stream()
                            .flatMap(candidate ->
                                    List.of(
                                            candidate.info().device().kind(),
                                            candidate.info().device().text())
                                            .stream())
                            .distinct()
                            .collect(Collectors.joining(", ", "[", "]")));
        }
        for (Candidate candidate : matching) {
            if (candidate.info().available()) {
                if (candidate != matching.getFirst()) {
                    logFallback(device, matching, candidate);
                }
                return new Choice(candidate.backend(), candidate.info().device());
            }
        }
        throw new DeviceUnavailableException("device '" + device + "' can't run here:" + reasons(matching));
    }

    /** Throws if {@code device} is the name of one that could be there and is not, such as a second GPU. */
    private static void requireNotAbsent(Device device) {
        for (Backend backend : installed()) {
            backend.absence(device).ifPresent(reason -> {
                throw new DeviceUnavailableException("device '" + device + "' can't run here: " + reason);
            });
        }
    }

    /** The devices of the backends that {@code asked} accepts, best first: the order of the automatic choice. */
    private static synchronized List<Candidate> candidates(Predicate<Backend> asked) {
        List<Candidate> found = new ArrayList<>();
        for (Backend backend : installed()) {
            if (asked.test(backend)) {
                // Kept once it is known; a backend that throws is asked again.
                List<DeviceInfo> offered = OFFERED.get(backend);
                if (offered == null) {
                    offered = List.copyOf(backend.devices());
                    OFFERED.put(backend, offered);
                }
                offered.forEach(info -> found.add(new Candidate(backend, info)));
            }
        }
        found.sort(Comparator.comparingInt(
                        (Candidate candidate) -> candidate.info().priority())
                .reversed());
        return found;
    }

    private static synchronized List<Backend> installed() {
        if (installed == null) {
            List<Backend> found = new ArrayList<>();
            ServiceLoader.load(Backend.class, Devices.class.getClassLoader()).forEach(found::add);
            if (found.isEmpty()) {
                throw new ServiceConfigurationError(
                        "no QLIF backend is installed: add qlif-simd (Vector API, brings the scalar"
                                + " one along) or qlif-scalar to the module path or class path");
            }
            installed = List.copyOf(found);
        }
        return installed;
    }

    private static boolean matches(Device asked, Device offered) {
        return asked.equals(Device.AUTO)
                || asked.equals(offered)
                || asked.text().equals(offered.kind());
    }

    private static void logFallback(Device asked, List<Candidate> matching, Candidate taken) {
        List<Candidate> better = matching.subList(0, matching.indexOf(taken));
        // Most machines have no GPU, which is not worth a line at every start.
        List<Candidate> present =
                better.stream().filter(candidate -> candidate.info().present()).toList();
        boolean tell = !present.isEmpty() && FALLBACK_LOGGED.compareAndSet(false, true);
        List<Candidate> passedOver = tell ? present : better;
        LOG.log(
                tell ? System.Logger.Level.INFO : System.Logger.Level.DEBUG,
                () -> "device '" + asked + "' is " + taken.info().device() + ", since better ones can't run:"
                        + reasons(passedOver) + " (ask for '" + taken.info().device()
                        + "' by name to silence this)");
    }

    private static String reasons(List<Candidate> candidates) {
        return candidates.stream()
                .flatMap(candidate -> candidate.info().obstacles().stream()
                        .map(obstacle -> " " + candidate.info().device() + ": " + obstacle))
                .collect(Collectors.joining(";"));
    }
}
