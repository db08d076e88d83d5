package org.qlif;

import java.util.List;
import java.util.regex.Pattern;

/**
 * What a backend says of one of its devices.
 *
 * @param device the full name, with its qualifier
 * @param description what it is, such as the instruction set in use; may be empty if it can't run
 * @param priority the automatic choice takes the highest that can run, and one with cautions only if there is no other
 * @param obstacles why it can't run here, one actionable sentence each; empty if it can
 * @param cautions why it runs here but is many times slower than it should be, one actionable sentence each; usually empty
 * @param present whether there is reason to think that the machine has the hardware: that the automatic choice passes over a device
 *     is worth telling only of one that is there
 */
public record DeviceInfo(
        Device device,
        String description,
        int priority,
        List<String> obstacles,
        List<String> cautions,
        boolean present) {
    private static final Pattern NOT_PRINTABLE = Pattern.compile("[\\p{Cntrl}\\u2028\\u2029\\s]+");

    /** Copies the lists, and makes one printable line of each text. */
    public DeviceInfo {
        description = line(description);
        obstacles = obstacles.stream().map(DeviceInfo::line).toList();
        cautions = cautions.stream().map(DeviceInfo::line).toList();
    }

    /** A device without cautions whose hardware the machine has. */
    public DeviceInfo(Device device, String description, int priority, List<String> obstacles) {
        this(device, description, priority, obstacles, List.of(), true);
    }

    /** Whether it can run here. */
    public boolean available() {
        return obstacles.isEmpty();
    }

    /** Whether it can run here and nothing is to be said against it. */
    boolean recommended() {
        return obstacles.isEmpty() && cautions.isEmpty();
    }

    /** {@code text} on one line, whatever it quotes: it goes to logs and terminals. */
    static String line(String text) {
        return NOT_PRINTABLE.matcher(text).replaceAll(" ").strip();
    }
}
