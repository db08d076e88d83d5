// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A backend's description of one of its devices: whether and how well it runs here, and facts about it, which are absent if they have no
 * meaning or aren't known. Immutable; facts that take long to find out are found out when the first of them is asked for.
 *
 * <pre>{@code
 * for (DeviceInfo info : Devices.list()) {
 *     System.out.println(info.device() + (info.available() ? ": " + info.description() : " can't run: " + info.obstacles()));
 * }
 * }</pre>
 */
public final class DeviceInfo {
    private static final Pattern NOT_PRINTABLE = Pattern.compile("[\\p{Cntrl}\\u2028\\u2029\\s]+");

    private final Device device;
    private final int priority;
    /** Obstacles that are known from the start. */
    private final List<String> known;

    private final List<String> cautions;
    private final boolean present;

    /** The facts and all obstacles; guarded by itself. */
    private final Builder facts;

    private volatile @Nullable Supplier<List<String>> search;
    private @Nullable Consumer<Builder> more;

    private DeviceInfo(Builder builder) {
        this.device = builder.device;
        this.priority = builder.priority;
        this.known = builder.obstacles;
        this.cautions = builder.cautions;
        this.present = builder.present;
        this.facts = builder.copyOfFacts();
        this.search = builder.search;
        this.more = builder.more;
    }

    private Builder facts() {
        synchronized (facts) {
            if (more != null) {
                more.accept(facts);
                more = null;
            }
            return facts;
        }
    }

    /**
     * For backends: a device that, unless the builder is told otherwise, can run here, has no cautions, and whose hardware is present.
     *
     * @param device the full name, with its qualifier
     * @param priority the automatic choice takes the device with the highest priority that can run, and one with cautions only if there is
     *     no other
     */
    public static Builder builder(Device device, int priority) {
        return new Builder(device, priority);
    }

    /** The full name, with its qualifier. */
    public Device device() {
        return device;
    }

    /** What it is, such as the instruction set in use; may be empty if it can't run. */
    public String description() {
        return facts().description;
    }

    /** The automatic choice takes the device with the highest priority that can run, and one with cautions only as a last resort. */
    public int priority() {
        return priority;
    }

    /** Why it can't run here, one actionable sentence each; empty if it can. */
    public List<String> obstacles() {
        synchronized (facts) {
            Supplier<List<String>> pending = search;
            if (pending != null) {
                try {
                    facts.obstacles(pending.get());
                } catch (RuntimeException | LinkageError failure) {
                    facts.obstacles(List.of("its backend can't say whether it can run: " + failure));
                }
                search = null;
            }
            return facts.obstacles;
        }
    }

    /** Whether it takes a search to say if it can run here, which has not been made. */
    boolean isUnknown() {
        return search != null && known.isEmpty();
    }

    /** Why it runs many times slower here than it should, one actionable sentence each; usually empty. */
    public List<String> cautions() {
        return cautions;
    }

    /**
     * Whether the machine seems to have the hardware. If the automatic choice passes over a device, it says so only if the hardware is
     * present.
     */
    public boolean present() {
        return present;
    }

    /** The width of its vectors in bits, such as 512. */
    public OptionalInt vectorBits() {
        return facts().vectorBits;
    }

    /** The number of hardware threads that this process may use. */
    public OptionalInt threads() {
        return facts().threads;
    }

    /** The size of its memory in bytes; of a CPU, the machine's or the container's. */
    public OptionalLong memoryBytes() {
        return facts().memoryBytes;
    }

    /** A GPU's compute capability, such as {@code 9.0}. */
    public Optional<String> computeCapability() {
        return facts().computeCapability;
    }

    /** The newest CUDA version that a GPU's driver knows, such as {@code 13.0}. */
    public Optional<String> driverVersion() {
        return facts().driverVersion;
    }

    /** Whether it can run here. */
    public boolean available() {
        return known.isEmpty() && obstacles().isEmpty();
    }

    /** The device and its description, or why it can't run. */
    @Override
    public String toString() {
        return device + (available() ? ": " + description() : " can't run: " + String.join("; ", obstacles()));
    }

    /** {@code text} as one printable line, whatever it quotes, for logs and terminals. */
    static String line(String text) {
        return NOT_PRINTABLE.matcher(text).replaceAll(" ").strip();
    }

    static List<String> lines(List<String> texts) {
        List<String> lines = new ArrayList<>();
        for (String text : texts) {
            lines.add(line(text));
        }
        return List.copyOf(lines);
    }

    /** Builds a {@link DeviceInfo}. Each text becomes one printable line. */
    public static final class Builder {
        private final Device device;
        private final int priority;
        private String description = "";
        private List<String> obstacles = List.of();
        private List<String> cautions = List.of();
        private boolean present = true;
        private OptionalInt vectorBits = OptionalInt.empty();
        private OptionalInt threads = OptionalInt.empty();
        private OptionalLong memoryBytes = OptionalLong.empty();
        private Optional<String> computeCapability = Optional.empty();
        private Optional<String> driverVersion = Optional.empty();
        private @Nullable Supplier<List<String>> search;
        private @Nullable Consumer<Builder> more;

        private Builder(Device device, int priority) {
            this.device = Objects.requireNonNull(device, "device");
            this.priority = priority;
        }

        private Builder copyOfFacts() {
            Builder copy = new Builder(device, priority);
            copy.description = description;
            copy.obstacles = obstacles;
            copy.vectorBits = vectorBits;
            copy.threads = threads;
            copy.memoryBytes = memoryBytes;
            copy.computeCapability = computeCapability;
            copy.driverVersion = driverVersion;
            return copy;
        }

        /** Sets {@link DeviceInfo#description()}. */
        public Builder description(String description) {
            this.description = line(description);
            return this;
        }

        /** Sets {@link DeviceInfo#obstacles()}. */
        public Builder obstacles(List<String> obstacles) {
            this.obstacles = lines(obstacles);
            return this;
        }

        /** Sets {@link DeviceInfo#cautions()}. */
        public Builder cautions(List<String> cautions) {
            this.cautions = lines(cautions);
            return this;
        }

        /** Sets {@link DeviceInfo#present()}. */
        public Builder present(boolean present) {
            this.present = present;
            return this;
        }

        /** Sets {@link DeviceInfo#vectorBits()}. */
        public Builder vectorBits(int vectorBits) {
            this.vectorBits = OptionalInt.of(vectorBits);
            return this;
        }

        /** Sets {@link DeviceInfo#threads()}. */
        public Builder threads(int threads) {
            this.threads = OptionalInt.of(threads);
            return this;
        }

        /** Sets {@link DeviceInfo#memoryBytes()}; empty if it isn't known. */
        public Builder memoryBytes(OptionalLong memoryBytes) {
            this.memoryBytes = Objects.requireNonNull(memoryBytes, "memoryBytes");
            return this;
        }

        /** Sets {@link DeviceInfo#computeCapability()}. */
        public Builder computeCapability(String computeCapability) {
            this.computeCapability = Optional.of(line(computeCapability));
            return this;
        }

        /** Sets {@link DeviceInfo#driverVersion()}. */
        public Builder driverVersion(String driverVersion) {
            this.driverVersion = Optional.of(line(driverVersion));
            return this;
        }

        /**
         * Sets what finds all of {@link DeviceInfo#obstacles()}, those included that are known already: called once, on the thread that
         * first asks for them, or for whether the device can run if none is known. An exception becomes an obstacle. The automatic choice
         * lets a device that can be asked at once do the first calls, and the search be made in the background.
         */
        public Builder obstacles(Supplier<List<String>> search) {
            this.search = Objects.requireNonNull(search, "search");
            return this;
        }

        /**
         * Sets what tells this builder the facts that take long to find out: from {@link #description} on, but neither obstacles nor
         * cautions. It is called once, on the thread that first asks for a fact, and must not throw.
         */
        public Builder more(Consumer<Builder> more) {
            this.more = Objects.requireNonNull(more, "more");
            return this;
        }

        /** The description. */
        public DeviceInfo build() {
            return new DeviceInfo(this);
        }
    }
}
