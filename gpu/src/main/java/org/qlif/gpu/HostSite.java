// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.qlif.Device;
import org.qlif.NeuronConfig;
import org.qlif.Parameters;
import org.qlif.gpu.ffi.qlif.qlif_h;

/** A kernel or linear layer on the host: its calls are done when they return, and take only memory of the host. */
final class HostSite implements NativeKernel.Site {
    private final HostStaging staging = new HostStaging();

    @Override
    public int number() {
        return qlif_h.QLIF_HOST();
    }

    @Override
    public Staging staging() {
        return staging;
    }

    @Override
    public boolean reaches(Device place) {
        return false;
    }

    @Override
    public MemorySegment enter() {
        return MemorySegment.NULL;
    }

    @Override
    public void check(NeuronConfig config, Parameters parameters) {}

    @Override
    public void finish(Holders called, @Nullable NativeTape tape) {}

    @Override
    public void abandon(Holders called, @Nullable NativeTape tape) {}

    @Override
    public void leave() {}

    @Override
    public <T> Optional<T> extension(Class<T> type, NativeKernel kernel) {
        return Optional.empty();
    }

    @Override
    public <T> Optional<T> extension(Class<T> type, NativeLinear linear) {
        return Optional.empty();
    }

    @Override
    public void close() {
        staging.close();
    }
}
