package org.qlif;

import java.util.List;

/**
 * What a backend says of one of its devices.
 *
 * @param device the full name, with its qualifier
 * @param description what it is, such as the instruction set in use; may be empty if it can't run
 * @param priority the automatic choice takes the highest that can run
 * @param obstacles why it can't run here, one actionable sentence each; empty if it can
 * @param present whether there is reason to think that the machine has the hardware: that the automatic choice passes over a device
 *     is worth telling only of one that is there
 */
public record DeviceInfo(Device device, String description, int priority, List<String> obstacles, boolean present) {
    /** Copies the list. */
    public DeviceInfo {
        obstacles = List.copyOf(obstacles);
    }

    /** A device whose hardware the machine has. */
    public DeviceInfo(Device device, String description, int priority, List<String> obstacles) {
        this(device, description, priority, obstacles, true);
    }

    /** Whether it can run here. */
    public boolean available() {
        return obstacles.isEmpty();
    }
}
