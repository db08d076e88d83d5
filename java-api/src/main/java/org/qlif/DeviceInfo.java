// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/**
 * A backend's description of one of its devices: whether and how well it runs here, and facts about it, which are absent if they have no
 * meaning or aren't known. Immutable.
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
    private final String description;
    private final int priority;
    private final List<String> obstacles;
    private final List<String> cautions;
    private final boolean present;
    private final OptionalInt vectorBits;
    private final OptionalInt threads;
    private final OptionalLong memoryBytes;
    private final Optional<String> computeCapability;
    private final Optional<String> driverVersion;

    private DeviceInfo(Builder builder) {
        this.device = builder.device;
        this.description = builder.description;
        this.priority = builder.priority;
        this.obstacles = builder.obstacles;
        this.cautions = builder.cautions;
        this.present = builder.present;
        this.vectorBits = builder.vectorBits;
        this.threads = builder.threads;
        this.memoryBytes = builder.memoryBytes;
        this.computeCapability = builder.computeCapability;
        this.driverVersion = builder.driverVersion;
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
        return description;
    }

    /** The automatic choice takes the device with the highest priority that can run, and one with cautions only as a last resort. */
    public int priority() {
        return priority;
    }

    /** Why it can't run here, one actionable sentence each; empty if it can. */
    public List<String> obstacles() {
        return obstacles;
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
        return vectorBits;
    }

    /** The number of hardware threads that this process may use. */
    public OptionalInt threads() {
        return threads;
    }

    /** The size of its memory in bytes; of a CPU, the machine's or the container's. */
    public OptionalLong memoryBytes() {
        return memoryBytes;
    }

    /** A GPU's compute capability, such as {@code 9.0}. */
    public Optional<String> computeCapability() {
        return computeCapability;
    }

    /** The newest CUDA version that a GPU's driver knows, such as {@code 13.0}. */
    public Optional<String> driverVersion() {
        return driverVersion;
    }

    /** Whether it can run here. */
    public boolean available() {
        return obstacles.isEmpty();
    }

    /** The device and its description, or why it can't run. */
    @Override
    public String toString() {
        return device + (available() ? ": " + description : " can't run: " + String.join("; ", obstacles));
    }

    /** {@code text} as one printable line, whatever it quotes, for logs and terminals. */
    static String line(String text) {
        return NOT_PRINTABLE.matcher(text).replaceAll(" ").strip();
    }

    private static List<String> lines(List<String> texts) {
        return texts.stream().map(DeviceInfo::line).toList();
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

        private Builder(Device device, int priority) {
            this.device = Objects.requireNonNull(device, "device");
            this.priority = priority;
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

        /** The description. */
        public DeviceInfo build() {
            return new DeviceInfo(this);
        }
    }
}
