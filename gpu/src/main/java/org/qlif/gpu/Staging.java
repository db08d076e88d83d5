// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.NativeException;
import org.qlif.NativeException.Kind;
import org.qlif.Tensor;
import org.qlif.gpu.ffi.qlif.qlif_h;

/**
 * Puts the addresses of a call's tensors into its argument struct. Memory that the device can't reach as it lies gets a place in
 * scratch memory of the device, kept from call to call: copied there before the call, and back after it if it is written.
 *
 * <p>For each call: {@link #bind} for every tensor, {@link #load}, the call itself, {@link #store}, and {@link #clear} whatever
 * happened. In the steady state none of them allocates.
 */
abstract class Staging implements AutoCloseable {
    /** What the call does with a tensor. */
    enum Use {
        READ,
        WRITE,
        READ_AND_WRITE
    }

    /** The alignment of what is staged: that of a cache line of the CPU, and of a transaction of a GPU. */
    private static final long ALIGNMENT = 128;

    /** No second pointer to the same memory. */
    static final long NONE = -1;

    private int count;
    private @Nullable Tensor[] tensors = new @Nullable Tensor[16];
    private Use[] uses = new Use[16];
    private MemorySegment[] structs = new MemorySegment[16];
    private long[] pointers = new long[16];
    private long[] aliases = new long[16];
    private long[] places = new long[16];
    private long bytes;

    /** What the device reaches as it lies. */
    private final Holds holds = new Holds();

    /** The address by which the device reaches {@code tensor} as it lies, or 0 if it must be staged; never 0 elements. */
    abstract long direct(Tensor tensor);

    /** Scratch memory of the device of at least so many bytes: its address. What was in it before is gone if it grows. */
    abstract long scratch(long bytes);

    /** Copies {@code from} to device memory. */
    abstract void upload(Tensor from, long to);

    /** Copies device memory to {@code to}. */
    abstract void download(long from, Tensor to);

    /** Sets the pointer at {@code offset} of {@code struct}, and the one at {@code alias} if there is one; null for a null tensor. */
    void bind(MemorySegment struct, long offset, long alias, @Nullable Tensor tensor, Use use) {
        long address = 0;
        if (tensor != null) {
            // Never read or written, but not null, which would mean absent.
            address = tensor.elements() == 0 ? struct.address() : direct(tensor);
            if (address == 0) {
                add(struct, offset, alias, tensor, use);
                return;
            }
            if (tensor.elements() != 0) {
                holds.add(tensor.memory());
            }
        }
        point(struct, offset, alias, address);
    }

    void bind(MemorySegment struct, long offset, @Nullable Tensor tensor, Use use) {
        bind(struct, offset, NONE, tensor, use);
    }

    private static void point(MemorySegment struct, long offset, long alias, long address) {
        struct.set(qlif_h.C_LONG, offset, address);
        if (alias != NONE) {
            struct.set(qlif_h.C_LONG, alias, address);
        }
    }

    private void add(MemorySegment struct, long offset, long alias, Tensor tensor, Use use) {
        if (count == tensors.length) {
            int more = 2 * count;
            tensors = Arrays.copyOf(tensors, more);
            uses = Arrays.copyOf(uses, more);
            structs = Arrays.copyOf(structs, more);
            pointers = Arrays.copyOf(pointers, more);
            aliases = Arrays.copyOf(aliases, more);
            places = Arrays.copyOf(places, more);
        }
        tensors[count] = tensor;
        uses[count] = use;
        structs[count] = struct;
        pointers[count] = offset;
        aliases[count] = alias;
        places[count] = bytes;
        count++;
        bytes = sum(bytes, tensor.segment().byteSize());
    }

    /** Where the next one begins. */
    private static long sum(long bytes, long more) {
        if (more > Long.MAX_VALUE - ALIGNMENT - bytes) {
            throw new NativeException(
                    Kind.OUT_OF_MEMORY, 0, 0, "copies of the call's tensors take more than 2^63 bytes");
        }
        return (bytes + more + ALIGNMENT - 1) & -ALIGNMENT;
    }

    /** Whether anything has to be copied for this call. */
    boolean copies() {
        return count > 0;
    }

    /** Makes room, sets the remaining pointers, and copies what the call reads. */
    void load() {
        if (count == 0) {
            return;
        }
        long base = scratch(bytes);
        for (int i = 0; i < count; i++) {
            places[i] += base;
            point(structs[i], pointers[i], aliases[i], places[i]);
            if (uses[i] != Use.WRITE) {
                upload(tensor(i), places[i]);
            }
        }
    }

    private Tensor tensor(int index) {
        return Objects.requireNonNull(tensors[index]);
    }

    /** Copies back what the call has written. */
    void store() {
        for (int i = 0; i < count; i++) {
            if (uses[i] != Use.READ) {
                download(places[i], tensor(i));
            }
        }
    }

    /** Keeps memory that is not a tensor's open during the call. */
    void hold(MemorySegment segment) {
        holds.add(segment);
    }

    /** What to keep open during the call. */
    Holds holds() {
        return holds;
    }

    /** Forgets the call: no caller's memory is held on to. */
    void clear() {
        holds.clear();
        for (int i = 0; i < count; i++) {
            tensors[i] = null;
        }
        count = 0;
        bytes = 0;
    }

    @Override
    public abstract void close();
}
