// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.qlif.spi.Backend;

/**
 * The devices of the installed backends, and the choice among them. Thread-safe.
 *
 * <pre>{@code
 * for (DeviceInfo info : Devices.list()) {
 *     System.out.println(info.device() + (info.available() ? ": " + info.description() : " can't run: " + info.obstacles()));
 * }
 * Device device = Devices.find(Device.of("cuda")).map(DeviceInfo::device).orElse(Device.of("cpu"));
 * }</pre>
 */
public final class Devices {
    private static final System.Logger LOG = System.getLogger("org.qlif");

    /** What has been logged so far. */
    private static final Set<String> SAID = ConcurrentHashMap.newKeySet();

    /** The priority of a device about which nothing is known. The log already says why it is passed over. */
    private static final int LOST = Integer.MIN_VALUE;

    /** The number of broken registrations after which the rest is ignored. */
    private static final int MAX_BROKEN = 100;

    /** A device, and the backend that offers it; none if the device was lost with its backend. */
    record Choice(@Nullable Backend backend, DeviceInfo info) {
        /** The backend of a device that can run. */
        Backend requireBackend() {
            return Objects.requireNonNull(backend);
        }

        Device device() {
            return info.device();
        }

        /** Whether it can run here at all. */
        boolean available() {
            return info.available();
        }
    }

    /** What a device is to run. */
    private interface Task {
        /** What it is, in messages. */
        String what();

        /** What keeps a device of {@code backend} from running it, in the backend's words. */
        List<String> asked(Backend backend, Device device);

        /** Why {@code candidate}, which can run here, can't run this. */
        default List<String> obstacles(Choice candidate) {
            Backend backend = candidate.requireBackend();
            try {
                List<String> obstacles = asked(backend, candidate.device());
                return obstacles.isEmpty() ? obstacles : DeviceInfo.lines(obstacles);
            } catch (RuntimeException | LinkageError failure) {
                return List.of(
                        DeviceInfo.line(backend.getClass().getName() + " can't say whether it runs this: " + failure));
            }
        }
    }

    /** A kernel of a configuration. */
    private record KernelTask(NeuronConfig config, KernelOptions options) implements Task {
        @Override
        public String what() {
            return "this configuration with these options";
        }

        @Override
        public List<String> asked(Backend backend, Device device) {
            return backend.obstacles(config, options, device);
        }
    }

    /** A linear layer. */
    private record LinearTask(KernelOptions options) implements Task {
        @Override
        public String what() {
            return "a SpikeLinear";
        }

        @Override
        public List<String> asked(Backend backend, Device device) {
            return backend.linearObstacles(options, device);
        }
    }

    /** The backends, and the devices of those that were found but can't be used. */
    private record Installation(List<Backend> backends, List<DeviceInfo> lost) {}

    /** Loaded once, on first use. Not in a static initializer, which a failure would make unusable for good. */
    private static @Nullable Installation installation;

    /** The devices of the backends that have been asked so far. */
    private static final Map<Backend, List<DeviceInfo>> OFFERED = new IdentityHashMap<>();

    private Devices() {}

    /**
     * Returns every device of every installed backend, best first. A device that can't run, or would be slow here, says why.
     *
     * @throws DeviceUnavailableException if no backend is installed
     */
    public static List<DeviceInfo> list() {
        return candidates(installation().backends()).stream().map(Choice::info).toList();
    }

    /**
     * The device that {@code device} stands for.
     *
     * @throws IllegalArgumentException if no installed backend knows the name, or a setting that affects the choice has an unknown value
     * @throws DeviceUnavailableException if it can't run here, or no backend is installed
     */
    public static DeviceInfo resolve(Device device) {
        return choose(device, matching(device), null).info();
    }

    /** What {@link #resolve} would return, without logging; empty where it would throw. */
    public static Optional<DeviceInfo> find(Device device) {
        try {
            return matching(device).stream()
                    .filter(Choice::available)
                    .findFirst()
                    .map(Choice::info);
        } catch (IllegalArgumentException | DeviceUnavailableException none) {
            return Optional.empty();
        }
    }

    /**
     * The device to take for a kernel of {@code config}.
     *
     * @throws IllegalArgumentException as {@link #resolve}, or if none of those that can run here can run the configuration
     * @throws DeviceUnavailableException as {@link #resolve}
     */
    static Choice choose(Device device, NeuronConfig config, KernelOptions options) {
        return choose(device, matching(device), new KernelTask(config, options));
    }

    /**
     * The best device for the first calls of a kernel on {@code taken}, among those that {@code asked} can mean: of the same kind, and with
     * code that is compiled ahead of time or soon. Null if there is none.
     *
     * @param atOnce only among devices that are known to run, without a search for others
     */
    static @Nullable Choice starter(
            Device asked, Choice taken, NeuronConfig config, KernelOptions options, boolean atOnce) {
        Task task = new KernelTask(config, options);
        for (Choice candidate : matching(asked)) {
            if (!(atOnce && candidate.info().isUnknown())
                    && candidate.available()
                    && candidate.info().cautions().isEmpty()
                    && candidate.device().kind().equals(taken.device().kind())
                    && candidate.requireBackend().compiledWhileRunning(config).isEmpty()
                    && task.obstacles(candidate).isEmpty()) {
                return candidate;
            }
        }
        return null;
    }

    /**
     * The device to take for a linear layer.
     *
     * @throws IllegalArgumentException as {@link #resolve}, or if none of those that can run here has such layers
     * @throws DeviceUnavailableException as {@link #resolve}
     */
    static Choice chooseLinear(Device device, KernelOptions options) {
        return choose(device, matching(device), new LinearTask(options));
    }

    private static Choice choose(Device device, List<Choice> matching, @Nullable Task task) {
        if (matching.isEmpty()) {
            throw unknown(device);
        }
        Map<Choice, List<String>> refusals = new LinkedHashMap<>();
        // Best first, so those with cautions come last.
        for (Choice candidate : matching) {
            if (!candidate.available()) {
                continue;
            }
            List<String> refusal = task == null ? List.of() : task.obstacles(candidate);
            if (refusal.isEmpty()) {
                tell(device, matching, candidate, refusals);
                return candidate;
            }
            refusals.put(candidate, refusal);
        }
        if (task == null || refusals.isEmpty()) {
            throw new DeviceUnavailableException(
                    "device '" + device + "' can't run here: " + reasons(device, matching, refusals));
        }
        throw new IllegalArgumentException("device '" + device + "' can't run " + task.what() + ": "
                + reasons(device, List.copyOf(refusals.keySet()), refusals));
    }

    /** The devices that {@code device} can mean, best first. */
    private static List<Choice> matching(Device device) {
        List<Backend> concerned = new ArrayList<>();
        for (Backend backend : installation().backends()) {
            if (backend.concerns(device)) {
                backend.requireKnownSettings(device);
                concerned.add(backend);
            }
        }
        List<Choice> matching = new ArrayList<>();
        for (Choice candidate : candidates(concerned)) {
            if (matches(device, candidate.device())) {
                matching.add(candidate);
            }
        }
        return matching;
    }

    /** The exception for a name that no device here has. */
    private static RuntimeException unknown(Device device) {
        for (Backend backend : installation().backends()) {
            Optional<String> reason = backend.absence(device);
            if (reason.isPresent()) {
                // A device that could exist but doesn't, such as a second GPU.
                return new DeviceUnavailableException("device '" + device + "' can't run here: " + reason.get());
            }
        }
        List<DeviceInfo> all = list();
        if (all.stream().allMatch(info -> info.priority() == LOST)) {
            throw new DeviceUnavailableException("device '" + device + "' can't run here: no backend can be used; "
                    + all.stream().map(DeviceInfo::toString).collect(Collectors.joining("; ")));
        }
        String offered = all.stream()
                .filter(info -> info.priority() != LOST)
                .flatMap(info -> Stream.of(info.device().kind(), info.device().text()))
                .distinct()
                .collect(Collectors.joining(", ", "[", "]"));
        String lost = all.stream()
                .filter(info -> info.priority() == LOST)
                .map(info -> "; not available is " + info.device() + ": " + String.join("; ", info.obstacles()))
                .collect(Collectors.joining());
        return new IllegalArgumentException("device: got '" + device
                + "', expected 'auto' or one that an installed backend offers: " + offered
                + KnownBackend.remedy(device)
                        .filter(_ -> lost.isEmpty())
                        .map(remedy -> "; " + remedy)
                        .orElse("")
                + lost);
    }

    /** The devices of {@code backends}, and those that are lost, best first: the order of the automatic choice. */
    private static synchronized List<Choice> candidates(List<Backend> backends) {
        List<Choice> found = new ArrayList<>();
        for (Backend backend : backends) {
            for (DeviceInfo info : offered(backend)) {
                add(found, new Choice(backend, info));
            }
        }
        for (DeviceInfo info : installation().lost()) {
            add(found, new Choice(null, info));
        }
        found.sort(Devices::compare);
        return found;
    }

    /** Adds {@code next}, unless there is a device of this name that is at least as good: one for each name, even if two backends offer it. */
    private static void add(List<Choice> found, Choice next) {
        for (int i = 0; i < found.size(); i++) {
            Choice other = found.get(i);
            if (other.device().equals(next.device())) {
                boolean better = other.available() == next.available() ? compare(next, other) < 0 : next.available();
                if (better) {
                    found.set(i, next);
                }
                return;
            }
        }
        found.add(next);
    }

    /** Devices with cautions come last; among others, priority decides. */
    private static int compare(Choice one, Choice other) {
        boolean slow = !one.info().cautions().isEmpty();
        boolean otherSlow = !other.info().cautions().isEmpty();
        return slow == otherSlow
                ? Integer.compare(other.info().priority(), one.info().priority())
                : Boolean.compare(slow, otherSlow);
    }

    /** The devices of {@code backend}: kept once they are known; a backend that throws is asked again. */
    private static List<DeviceInfo> offered(Backend backend) {
        List<DeviceInfo> offered = OFFERED.get(backend);
        if (offered == null) {
            try {
                offered = List.copyOf(backend.devices());
            } catch (RuntimeException | LinkageError failure) {
                String name = backend.getClass().getName();
                String reason = name + " can't say what it offers: " + failure;
                warnLost(devicesOf(name), reason);
                return lost(devicesOf(name), reason);
            }
            OFFERED.put(backend, offered);
        }
        return offered;
    }

    private static synchronized Installation installation() {
        if (installation == null) {
            List<Backend> backends = new ArrayList<>();
            List<DeviceInfo> lost = new ArrayList<>();
            warnOfUnknownProperties();
            load(backends, lost);
            addUnregistered(backends, lost);
            if (backends.isEmpty() && lost.isEmpty()) {
                throw new DeviceUnavailableException(
                        "no QLIF backend is installed: add the artifact qlif-simd (Vector API, brings"
                                + " the scalar one along) or qlif-scalar to the class path or module path");
            }
            installation = new Installation(List.copyOf(backends), List.copyOf(lost));
        }
        return installation;
    }

    /** A misspelt system property would go unnoticed. Names with a further dot belong to tools and tests. */
    private static void warnOfUnknownProperties() {
        for (String name : new TreeSet<>(System.getProperties().stringPropertyNames())) {
            if (name.startsWith("qlif.")
                    && name.indexOf('.', "qlif.".length()) < 0
                    && !KnownBackend.PROPERTIES.contains(name)) {
                warnOnce("system property " + name + " has no effect: the known ones are "
                        + String.join(", ", KnownBackend.PROPERTIES));
            }
        }
    }

    private static void load(List<Backend> backends, List<DeviceInfo> lost) {
        Iterator<Backend> providers = ServiceLoader.load(Backend.class, Devices.class.getClassLoader())
                .iterator();
        Set<String> loaded = new HashSet<>();
        for (int broken = 0; broken < MAX_BROKEN; ) {
            try {
                if (!providers.hasNext()) {
                    return;
                }
                Backend backend = providers.next();
                if (loaded.add(backend.getClass().getName())) {
                    backends.add(backend);
                }
            } catch (ServiceConfigurationError | LinkageError failure) {
                broken++;
                String text = failure + (failure.getCause() == null ? "" : ", " + failure.getCause());
                String name = Stream.of(KnownBackend.values())
                        .map(KnownBackend::className)
                        .filter(text::contains)
                        .findFirst()
                        .orElse("broken" + broken);
                String reason = "its backend can't be loaded: " + text;
                warnLost(devicesOf(name), reason);
                lost.addAll(lost(devicesOf(name), reason));
            }
        }
    }

    /** Adds the devices of our own backends that are on the path but not registered, as happens in merged jars. */
    private static void addUnregistered(List<Backend> backends, List<DeviceInfo> lost) {
        List<KnownBackend> unregistered = new ArrayList<>();
        for (KnownBackend known : KnownBackend.values()) {
            if (!isAmong(backends, known) && !isAmong(lost, known.devices()) && known.isThere()) {
                unregistered.add(known);
            }
        }
        if (unregistered.isEmpty()) {
            return;
        }
        List<Device> devices =
                unregistered.stream().flatMap(known -> known.devices().stream()).toList();
        warnLost(devices, KnownBackend.unregistered(unregistered));
        for (KnownBackend known : unregistered) {
            lost.addAll(lost(known.devices(), KnownBackend.unregistered(List.of(known))));
        }
    }

    private static boolean isAmong(List<Backend> backends, KnownBackend known) {
        for (Backend backend : backends) {
            if (backend.getClass().getName().equals(known.className())) {
                return true;
            }
        }
        return false;
    }

    private static boolean isAmong(List<DeviceInfo> infos, List<Device> devices) {
        for (DeviceInfo info : infos) {
            if (devices.contains(info.device())) {
                return true;
            }
        }
        return false;
    }

    /** The devices of the backend of this class, as far as they are known without loading it. */
    private static List<Device> devicesOf(String className) {
        return KnownBackend.of(className).map(KnownBackend::devices).orElseGet(() -> List.of(standIn(className)));
    }

    private static List<DeviceInfo> lost(List<Device> devices, String reason) {
        return devices.stream()
                .map(device -> DeviceInfo.builder(device, LOST)
                        .obstacles(List.of(reason))
                        .build())
                .toList();
    }

    private static void warnLost(List<Device> devices, String reason) {
        warnOnce((devices.size() == 1 ? "device " : "devices ")
                + devices.stream().map(Device::text).collect(Collectors.joining(", ")) + " can't run: " + reason);
    }

    /** A name for the devices of an unknown backend. */
    private static Device standIn(String className) {
        String name = className
                .substring(className.lastIndexOf('.') + 1)
                .toLowerCase(Locale.ROOT)
                .replaceAll("[^a-z0-9]", "");
        return Device.of(name.isEmpty() ? "unknown" : "unknown:" + name);
    }

    private static boolean matches(Device asked, Device offered) {
        return asked.equals(Device.AUTO)
                || asked.equals(offered)
                || asked.text().equals(offered.kind());
    }

    /** Logs a choice once: that a device is slow, or which one was taken and why the better ones were not. */
    private static void tell(Device asked, List<Choice> matching, Choice taken, Map<Choice, List<String>> refusals) {
        if (!taken.info().cautions().isEmpty()) {
            warnOnce("device '" + taken.device() + "' is slow here: "
                    + String.join("; ", taken.info().cautions()));
            return;
        }
        if (asked.equals(taken.device())) {
            return;
        }
        List<Choice> passedOver = new ArrayList<>();
        boolean before = true;
        for (Choice candidate : matching) {
            before &= candidate != taken;
            boolean slow = !candidate.info().cautions().isEmpty() && candidate.available();
            // Most machines have no GPU; that is not worth a log message at every start.
            if ((before || slow) && candidate.info().present()) {
                passedOver.add(candidate);
            }
        }
        String outcome = taken.device()
                + (passedOver.isEmpty()
                        ? ""
                        : "; passed over: " + reasons(asked, passedOver, refusals) + " (ask for '" + taken.device()
                                + "' by name to silence this)");
        if (SAID.add(outcome)) {
            LOG.log(System.Logger.Level.INFO, "device '" + asked + "' is " + outcome);
        }
    }

    private static void warnOnce(String message) {
        if (SAID.add(message)) {
            LOG.log(System.Logger.Level.WARNING, DeviceInfo.line(message));
        }
    }

    /** The reasons against {@code candidates}, each once, preceded by its devices unless that is the device asked for. */
    private static String reasons(Device asked, List<Choice> candidates, Map<Choice, List<String>> refusals) {
        Map<String, List<String>> devices = new LinkedHashMap<>();
        for (Choice candidate : candidates) {
            Stream.of(
                            candidate.info().obstacles(),
                            candidate.info().cautions(),
                            refusals.getOrDefault(candidate, List.of()))
                    .flatMap(List::stream)
                    .forEach(reason -> devices.computeIfAbsent(reason, _ -> new ArrayList<>())
                            .add(candidate.device().text()));
        }
        return devices.entrySet().stream()
                .map(entry -> entry.getValue().equals(List.of(asked.text()))
                        ? entry.getKey()
                        : String.join(", ", entry.getValue()) + ": " + entry.getKey())
                .collect(Collectors.joining("; "));
    }
}
