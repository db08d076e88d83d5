// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.Optional;
import org.qlif.DeviceUnavailableException;
import org.qlif.SpikeLinear;

/** The contenders of {@link SpikeLinearBenchmark}. */
public enum LinearContenderKind implements Able {
    /** Our layer on the Vector API. */
    SIMD("SpikeLinear cpu:simd (Vector API)") {
        @Override
        LinearContender open(LinearWorkload workload, LinearWork work, int threads) {
            return new SpikeLinearContender("cpu:simd", workload, work, threads, Storage.HEAP);
        }
    },
    /** Our layer in C++. */
    NATIVE("SpikeLinear cpu:native (C++)") {
        @Override
        LinearContender open(LinearWorkload workload, LinearWork work, int threads) {
            return new SpikeLinearContender("cpu:native", workload, work, threads, Storage.ALIGNED);
        }

        @Override
        public Optional<String> obstacle() {
            try {
                SpikeLinear.open("cpu:native").close();
                return Optional.empty();
            } catch (DeviceUnavailableException | IllegalArgumentException reason) {
                return Optional.of(reason.getMessage());
            }
        }
    },
    /** C tuned for speed. */
    C("C, gcc -O3 -march=native -ffast-math, OpenMP") {
        @Override
        LinearContender open(LinearWorkload workload, LinearWork work, int threads) {
            return new CLinearContender(workload, work, threads);
        }

        @Override
        public Optional<String> obstacle() {
            return CLibrary.obstacle();
        }
    },
    /** PyTorch's product of dense matrices. */
    TORCH_DENSE("PyTorch dense, through DJL") {
        @Override
        LinearContender open(LinearWorkload workload, LinearWork work, int threads) {
            return new TorchLinearContender(workload, work, threads, false);
        }

        @Override
        public Optional<String> obstacle() {
            return TorchContender.obstacle();
        }
    },
    /** PyTorch's product with a sparse matrix. */
    TORCH_SPARSE("PyTorch compressed sparse rows, through DJL") {
        @Override
        LinearContender open(LinearWorkload workload, LinearWork work, int threads) {
            return new TorchLinearContender(workload, work, threads, true);
        }

        @Override
        public Optional<String> obstacle() {
            return TorchContender.obstacle();
        }
    };

    private final String title;

    LinearContenderKind(String title) {
        this.title = title;
    }

    /** The title in tables. */
    String title() {
        return title;
    }

    /** Opens it; the caller closes it. */
    abstract LinearContender open(LinearWorkload workload, LinearWork work, int threads);
}
