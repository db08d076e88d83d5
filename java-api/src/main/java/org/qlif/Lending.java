// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The tensors that one call reads and writes, with the checks that hold for all of them: memory alive and within reach of the
 * thread, writable outputs, no output that overlaps another tensor.
 */
final class Lending {
    /** Never started: stands for "some other thread" when a segment is asked which threads may use it. */
    private static final Thread SOMEONE_ELSE = new Thread(() -> {}, "qlif-probe");

    private final List<String> names = new ArrayList<>();
    private final List<MemorySegment> segments = new ArrayList<>();
    /** For each tensor, the device whose memory it is in; null for the host. */
    private final List<@Nullable Device> places = new ArrayList<>();

    private boolean beyondHost;

    void clear() {
        names.clear();
        segments.clear();
        places.clear();
        beyondHost = false;
    }

    /** Adds memory that is read. All reads are added before the first write, so that each write is compared with every read. */
    void read(String name, @Nullable Tensor tensor) {
        if (tensor != null) {
            add(name, tensor);
        }
    }

    private void add(String name, Tensor tensor) {
        names.add(name);
        segments.add(tensor.memory());
        places.add(tensor.place());
        beyondHost |= tensor.place() != null;
    }

    void read(String name, @Nullable State state) {
        if (state != null) {
            for (StateVariable variable : state.variables()) {
                read(name + "." + variable.symbol(), state.get(variable));
            }
        }
    }

    void read(String name, Parameters parameters) {
        for (NeuronParameter parameter : parameters.parameters()) {
            read(name + "." + parameter.symbol(), parameters.get(parameter));
        }
    }

    void write(String name, @Nullable Tensor tensor) {
        if (tensor == null) {
            return;
        }
        MemorySegment segment = tensor.memory();
        if (segment.isReadOnly()) {
            throw new IllegalArgumentException(name + ": got read-only memory, expected writable");
        }
        for (int i = 0; i < segments.size(); i++) {
            if (segment.byteSize() > 0
                    && Objects.equals(tensor.place(), places.get(i))
                    && segment.asOverlappingSlice(segments.get(i)).isPresent()) {
                throw new IllegalArgumentException(
                        name + ": its memory overlaps that of " + names.get(i) + ", expected memory of its own");
            }
        }
        add(name, tensor);
    }

    void write(String name, @Nullable State state) {
        if (state != null) {
            for (StateVariable variable : state.variables()) {
                write(name + "." + variable.symbol(), state.get(variable));
            }
        }
    }

    void write(String name, @Nullable Parameters parameters) {
        if (parameters != null) {
            for (NeuronParameter parameter : parameters.parameters()) {
                write(name + "." + parameter.symbol(), parameters.get(parameter));
            }
        }
    }

    /**
     * Throws unless the calling thread and {@code device} can reach all memory. Allocates nothing, so every call can do it.
     *
     * @param reachable whether the device reaches the memory of another one
     */
    void requireReachable(Device device, Predicate<Device> reachable) {
        for (int i = 0; beyondHost && i < places.size(); i++) {
            Device place = places.get(i);
            if (place != null && !reachable.test(place)) {
                throw new IllegalArgumentException(names.get(i) + ": got memory of " + place
                        + ", expected memory that a kernel on " + device + " can reach");
            }
        }
        Thread caller = Thread.currentThread();
        for (int i = 0; i < segments.size(); i++) {
            MemorySegment segment = segments.get(i);
            if (!segment.scope().isAlive()) {
                throw new IllegalStateException(names.get(i) + ": the arena of its memory is closed");
            }
            if (!segment.isAccessibleBy(caller)) {
                throw new WrongThreadException(names.get(i)
                        + ": its memory belongs to a confined arena of another thread, this is " + name(caller));
            }
        }
    }

    /** Virtual threads have no name unless given one. */
    private static String name(Thread thread) {
        return thread.getName().isEmpty() ? thread.toString() : thread.getName();
    }

    /** Whether some memory may be used by the calling thread only. */
    boolean threadBound() {
        for (int i = 0; i < segments.size(); i++) {
            if (!segments.get(i).isAccessibleBy(SOMEONE_ELSE)) {
                return true;
            }
        }
        return false;
    }
}
