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
 * Puts the addresses of a call's tensors into its argument struct. Memory that the device can't reach directly is staged in scratch memory
 * of the device, which is reused from call to call: copied there before the call, and back after it if it is written.
 *
 * <p>For each call: {@link #bind} for every tensor, {@link #load}, the call itself, {@link #store}, and in any case {@link #clear}. In the
 * steady state none of them allocates.
 */
abstract class Staging implements AutoCloseable {
    /** How the call uses a tensor. */
    enum Use {
        READ,
        WRITE,
        READ_AND_WRITE
    }

    /** The alignment of staged memory: enough for a CPU's cache lines and a GPU's transactions. */
    private static final long ALIGNMENT = 128;

    /** Means that there is no second pointer to the same memory. */
    static final long NONE = -1;

    private int count;
    private @Nullable Tensor[] tensors = new @Nullable Tensor[16];
    private Use[] uses = new Use[16];
    private MemorySegment[] structs = new MemorySegment[16];
    private long[] pointers = new long[16];
    private long[] aliases = new long[16];
    private long[] places = new long[16];
    private long bytes;

    /** The memory that the device can reach directly. */
    private final Holds holds = new Holds();

    /** The address at which the device can reach {@code tensor}, which is not empty, directly, or 0 if it must be staged. */
    abstract long direct(Tensor tensor);

    /** The address of at least {@code bytes} bytes of scratch memory on the device. Its content is lost when it grows. */
    abstract long scratch(long bytes);

    /** Copies {@code from} to device memory. */
    abstract void upload(Tensor from, long to);

    /** Copies device memory to {@code to}. */
    abstract void download(long from, Tensor to);

    /** Sets the pointer at {@code offset} of {@code struct}, and the one at {@code alias} if there is one; null for a null tensor. */
    void bind(MemorySegment struct, long offset, long alias, @Nullable Tensor tensor, Use use) {
        long address = 0;
        if (tensor != null) {
            // An empty tensor's address is never used, but must not be null, which would mean that there is none.
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

    /** The offset of the next tensor. */
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

    /** Whether memory of {@code scope} is copied for this call. */
    boolean stages(MemorySegment.Scope scope) {
        for (int i = 0; i < count; i++) {
            if (tensor(i).memory().scope() == scope) {
                return true;
            }
        }
        return false;
    }

    /** Allocates scratch memory, sets the remaining pointers, and copies what the call reads. */
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

    /** Copies back what the call wrote. */
    void store() {
        for (int i = 0; i < count; i++) {
            if (uses[i] != Use.READ) {
                download(places[i], tensor(i));
            }
        }
    }

    /** Keeps memory that isn't a tensor's open during the call. */
    void hold(MemorySegment segment) {
        holds.add(segment);
    }

    /** The memory to keep open during the call. */
    Holds holds() {
        return holds;
    }

    /** Forgets the call, including all references to the caller's memory. */
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
