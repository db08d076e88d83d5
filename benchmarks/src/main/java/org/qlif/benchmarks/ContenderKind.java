// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import org.qlif.Device;
import org.qlif.DeviceUnavailableException;
import org.qlif.Devices;

/** The contenders of {@link ContenderBenchmark}. */
public enum ContenderKind implements Able {
    /** Our kernel on the Vector API. */
    SIMD("QLIF cpu:simd (Vector API)", every(), every(), true) {
        @Override
        Contender open(Workload workload, int threads, Pass pass) {
            return new KernelContender("cpu:simd", workload, threads, pass, Storage.HEAP);
        }
    },
    /** Our kernel in scalar Java. */
    SCALAR("QLIF cpu:scalar (plain Java)", every(), every(), true) {
        @Override
        Contender open(Workload workload, int threads, Pass pass) {
            return new KernelContender("cpu:scalar", workload, threads, pass, Storage.HEAP);
        }
    },
    /** Our kernel in C++, on native memory, which it uses without copies. */
    NATIVE("QLIF cpu:native (the GPU's library on the CPU)", every(), every(), true) {
        @Override
        Contender open(Workload workload, int threads, Pass pass) {
            return new KernelContender("cpu:native", workload, threads, pass, Storage.ALIGNED);
        }

        @Override
        public Optional<String> obstacle() {
            try {
                Devices.resolve(Device.of("cpu:native"));
                return Optional.empty();
            } catch (DeviceUnavailableException reason) {
                return Optional.of(reason.getMessage());
            }
        }
    },
    /** Tensor operations in a loop over time. */
    TORCH("DJL with PyTorch, eager tensor operations", EnumSet.of(Model.QLIF), EnumSet.of(Model.QLIF), false) {
        @Override
        Contender open(Workload workload, int threads, Pass pass) {
            return new TorchContender(workload, threads, pass);
        }

        @Override
        public Optional<String> obstacle() {
            return TorchContender.obstacle();
        }
    },
    /** C tuned for speed, with its own elementary functions. */
    C("C, gcc -O3 -march=native -ffast-math, OpenMP", every(), EnumSet.of(Model.LIF, Model.PLAIN_LIF), true) {
        @Override
        Contender open(Workload workload, int threads, Pass pass) {
            return CContender.of(workload, threads, pass);
        }

        @Override
        public Optional<String> obstacle() {
            return CLibrary.obstacle();
        }
    },
    /** C that calls libm. */
    C_LIBM("C, the same, elementary functions from libm", EnumSet.of(Model.QLIF), EnumSet.noneOf(Model.class), true) {
        @Override
        Contender open(Workload workload, int threads, Pass pass) {
            return new CQlifContender(CQlifContender.Math.LIBM, workload, threads);
        }

        @Override
        public Optional<String> obstacle() {
            return CLibrary.obstacle();
        }
    };

    private final String title;
    private final Set<Model> forward;
    private final Set<Model> training;
    private final boolean drawsAsSpecified;

    /**
     * A kind of contender.
     *
     * @param forward the models that it runs
     * @param training the models that it trains
     */
    ContenderKind(String title, Set<Model> forward, Set<Model> training, boolean drawsAsSpecified) {
        this.title = title;
        this.forward = forward;
        this.training = training;
        this.drawsAsSpecified = drawsAsSpecified;
    }

    /** The title in tables. */
    String title() {
        return title;
    }

    private static Set<Model> every() {
        return EnumSet.allOf(Model.class);
    }

    /** Whether it can do {@code pass} of {@code model}. */
    boolean can(Model model, Pass pass) {
        return switch (pass) {
            case FORWARD -> forward.contains(model);
            case TRAIN -> training.contains(model);
            case TRAIN_COMPACT -> false;
        };
    }

    /** Whether its own draws follow docs/model.md, so that it spikes at the same neuron-steps as our kernels. */
    boolean drawsAsSpecified() {
        return drawsAsSpecified;
    }

    /** Opens it; the caller closes it. */
    abstract Contender open(Workload workload, int threads, Pass pass);
}
