// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Threads as tasks. */
class MeshTest {
    private static final int SIZE = 4;
    /** More than fits a socket's buffers, so that all have to read while they write. */
    private static final int BYTES = 6_000_000;

    private final String[] messages = new String[SIZE];
    private final CyclicBarrier together = new CyclicBarrier(SIZE);

    private String[] gather(int rank, String message) {
        messages[rank] = message;
        try {
            together.await();
            if (rank == 0) {
                // Before any task connects: one who does not know the secret, and one who leaves.
                int port = Integer.parseInt(message.split("\n")[1]);
                try (Socket stranger = new Socket("127.0.0.1", port)) {
                    stranger.getOutputStream().write(new byte[36]);
                }
                new Socket("127.0.0.1", port).close();
            }
            together.await();
        } catch (Exception broken) {
            throw new IllegalStateException(broken);
        }
        return messages;
    }

    private static <T> List<T> all(List<? extends Callable<T>> calls) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(calls.size())) {
            List<Future<T>> futures = new ArrayList<>();
            for (Callable<T> call : calls) {
                futures.add(threads.submit(call));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> future : futures) {
                results.add(future.get());
            }
            return results;
        }
    }

    private List<Mesh> meshes() throws Exception {
        List<Callable<Mesh>> joins = new ArrayList<>();
        for (int rank = 0; rank < SIZE; rank++) {
            int own = rank;
            joins.add(() -> Mesh.join(own, SIZE, "127.0.0.1", message -> gather(own, message), "note\nof " + own));
        }
        return all(joins);
    }

    /** What {@code from} sends {@code to} in a round: a length that both know, and bytes that only it would send. */
    private static ByteBuffer message(int from, int to, int round) {
        ByteBuffer bytes = ByteBuffer.allocateDirect(round == 0 ? BYTES : from * 100 + to);
        for (int i = 0; i < bytes.limit(); i++) {
            bytes.put(i, (byte) (i * 31 + from * 7 + to * 3 + round));
        }
        return bytes;
    }

    @Test
    void everybodyGetsWhatWasSentToIt() throws Exception {
        List<Mesh> meshes = meshes();
        List<Callable<Void>> exchanges = new ArrayList<>();
        for (Mesh mesh : meshes) {
            assertThat(mesh.notes()).containsExactly("note\nof 0", "note\nof 1", "note\nof 2", "note\nof 3");
            exchanges.add(() -> {
                for (int round = 0; round < 3; round++) {
                    ByteBuffer[] out = new ByteBuffer[SIZE];
                    ByteBuffer[] in = new ByteBuffer[SIZE];
                    for (int peer = 0; peer < SIZE; peer++) {
                        out[peer] = message(mesh.rank(), peer, round);
                        in[peer] = ByteBuffer.allocateDirect(
                                message(peer, mesh.rank(), round).limit());
                    }
                    mesh.exchange(out, in);
                    for (int peer = 0; peer < SIZE; peer++) {
                        if (peer != mesh.rank()) {
                            assertThat(out[peer].hasRemaining()).isFalse();
                            assertThat(in[peer].flip().mismatch(message(peer, mesh.rank(), round)))
                                    .isEqualTo(-1);
                        }
                    }
                }
                return null;
            });
        }
        all(exchanges);
        assertThat(meshes.getFirst().bytesSent()).isEqualTo(3L * BYTES + 2 * (1 + 2 + 3));
        meshes.forEach(Mesh::close);
        meshes.forEach(Mesh::close);
    }

    @Test
    void oneThatIsGoneStopsAll() throws Exception {
        List<Mesh> meshes = meshes();
        meshes.get(2).close();
        List<Callable<Void>> exchanges = new ArrayList<>();
        for (Mesh mesh : meshes) {
            exchanges.add(() -> {
                ByteBuffer[] out = new ByteBuffer[SIZE];
                ByteBuffer[] in = new ByteBuffer[SIZE];
                for (int peer = 0; peer < SIZE; peer++) {
                    out[peer] = ByteBuffer.allocateDirect(BYTES);
                    in[peer] = ByteBuffer.allocateDirect(BYTES);
                }
                assertThatThrownBy(() -> mesh.exchange(out, in)).isInstanceOf(IOException.class);
                return null;
            });
        }
        all(exchanges);
        meshes.forEach(Mesh::close);
    }
}
