package org.qlif.benchmarks;

import java.util.Optional;
import org.qlif.Device;
import org.qlif.DeviceUnavailableException;
import org.qlif.Devices;

/** The contenders of {@link ContenderBenchmark}. */
public enum ContenderKind {
    /** Our kernel on the Vector API. */
    SIMD("QLIF cpu:simd (Vector API)", true, true) {
        @Override
        Contender open(Workload workload, int threads, Pass pass) {
            return new KernelContender("cpu:simd", workload, threads, pass, Storage.HEAP);
        }
    },
    /** Our kernel in scalar Java. */
    SCALAR("QLIF cpu:scalar (plain Java)", true, true) {
        @Override
        Contender open(Workload workload, int threads, Pass pass) {
            return new KernelContender("cpu:scalar", workload, threads, pass, Storage.HEAP);
        }
    },
    /** Our kernel in C++, on memory that it reaches as it lies. */
    HOST("QLIF host (the GPU's library on the CPU)", true, true) {
        @Override
        Contender open(Workload workload, int threads, Pass pass) {
            return new KernelContender("host", workload, threads, pass, Storage.ALIGNED);
        }

        @Override
        Optional<String> obstacle() {
            try {
                Devices.resolve(Device.of("host"));
                return Optional.empty();
            } catch (DeviceUnavailableException reason) {
                return Optional.of(reason.getMessage());
            }
        }
    },
    /** Tensor operations in a loop over time. */
    TORCH("DJL with PyTorch, eager tensor operations", true, false) {
        @Override
        Contender open(Workload workload, int threads, Pass pass) {
            return new TorchContender(workload, threads, pass);
        }

        @Override
        Optional<String> obstacle() {
            return TorchContender.obstacle();
        }
    },
    /** C with elementary functions of its own. */
    C("C, gcc -O3 -march=native -ffast-math, OpenMP", false, true) {
        @Override
        Contender open(Workload workload, int threads, Pass pass) {
            return new CContender(CContender.Math.OWN, workload, threads);
        }

        @Override
        Optional<String> obstacle() {
            return CLibrary.obstacle();
        }
    },
    /** C that calls libm. */
    C_LIBM("C, the same, elementary functions from libm", false, true) {
        @Override
        Contender open(Workload workload, int threads, Pass pass) {
            return new CContender(CContender.Math.LIBM, workload, threads);
        }

        @Override
        Optional<String> obstacle() {
            return CLibrary.obstacle();
        }
    };

    private final String title;
    private final boolean trains;
    private final boolean drawsAsSpecified;

    ContenderKind(String title, boolean trains, boolean drawsAsSpecified) {
        this.title = title;
        this.trains = trains;
        this.drawsAsSpecified = drawsAsSpecified;
    }

    /** What it is, for tables. */
    String title() {
        return title;
    }

    /** Whether it can do {@code pass}. */
    boolean can(Pass pass) {
        return pass == Pass.FORWARD || (trains && pass == Pass.TRAIN);
    }

    /** Whether its own draws are those of docs/model.md, so that it fires where our kernels do. */
    boolean drawsAsSpecified() {
        return drawsAsSpecified;
    }

    /** Why it can't run here, if so. */
    Optional<String> obstacle() {
        return Optional.empty();
    }

    /** Opens it, to be closed by the caller. */
    abstract Contender open(Workload workload, int threads, Pass pass);
}
