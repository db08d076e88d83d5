// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.qlif.DrawStream;
import org.qlif.spi.host.Philox;

/** Selects what the next call of a block draws. Thread-safe. */
@FunctionalInterface
interface Draws {
    /**
     * @param engine a manager of the engine
     * @param training whether the call is in training
     */
    DrawStream next(NDManager engine, boolean training);

    /** A seed for each call, from the engine's own generator, so that seeding the engine fixes all draws. */
    static Draws ofEngine() {
        return (engine, training) -> {
            try (NDArray seed = engine.randomInteger(0, Long.MAX_VALUE, new Shape(1), DataType.INT64)) {
                return new DrawStream(seed.toLongArray()[0], 0);
            }
        };
    }

    /** The draws of a {@link org.qlif.QlifLayer} with this seed and stream: of its episodes in training, of its evaluations otherwise. */
    static Draws ofSeed(long seed, int stream) {
        long key = Philox.layerKey(seed, stream);
        AtomicInteger episodes = new AtomicInteger();
        AtomicInteger evaluations = new AtomicInteger();
        return (engine, training) ->
                new DrawStream(key, training ? episodes.getAndIncrement() : -1 - evaluations.getAndIncrement());
    }

    static Draws of(Supplier<DrawStream> draws) {
        return (engine, training) -> draws.get();
    }
}
