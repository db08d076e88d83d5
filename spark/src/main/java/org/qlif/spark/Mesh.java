// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.Closeable;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.BarrierTaskInfo;
import org.apache.spark.util.TaskInterruptListener;
import org.qlif.network.Exchange;

/**
 * The tasks of a barrier stage, with a connection between each two. They exchange addresses through Spark's own channel, along with a
 * secret that is required to connect, so that tasks of an earlier attempt and strangers are kept out. If a task is killed, its connections
 * close and all others fail, too, so that Spark repeats the stage.
 */
final class Mesh implements Exchange, Closeable {
    private static final int SECRET_BYTES = 32;
    private static final int HELLO_BYTES = SECRET_BYTES + Integer.BYTES;
    private static final int TIMEOUT_MILLIS = 120_000;
    /** How long a new connection may take to identify itself. */
    private static final int HELLO_MILLIS = 5_000;

    private final int rank;
    private final SocketChannel[] peers;
    private final List<String> notes = new ArrayList<>();
    private long bytesSent;

    private Mesh(int rank, int size) {
        this.rank = rank;
        peers = new SocketChannel[size];
    }

    /**
     * Connects a task to all others, which must call this, too.
     *
     * @param context the task's
     * @param note a text for all tasks
     */
    static Mesh join(BarrierTaskContext context, String note) throws IOException {
        BarrierTaskInfo[] tasks = context.getTaskInfos();
        Mesh mesh = new Mesh(context.partitionId(), tasks.length);
        TaskInterruptListener closing = (_, _) -> mesh.close();
        context.addTaskInterruptListener(closing);
        String address = tasks[mesh.rank].address();
        mesh.connect(address.substring(0, address.lastIndexOf(':')), context::allGather, note);
        return mesh;
    }

    /**
     * The same, without Spark.
     *
     * @param host the address of this task
     * @param allGather sends a message to all, and returns those of all by rank
     */
    static Mesh join(int rank, int size, String host, Function<String, String[]> allGather, String note)
            throws IOException {
        Mesh mesh = new Mesh(rank, size);
        mesh.connect(host, allGather, note);
        return mesh;
    }

    private void connect(String host, Function<String, String[]> allGather, String note) throws IOException {
        try {
            connectAll(host, allGather, note);
        } catch (Throwable failure) {
            close();
            throw failure;
        }
    }

    private void connectAll(String host, Function<String, String[]> allGather, String note) throws IOException {
        byte[] secret = new byte[SECRET_BYTES];
        new SecureRandom().nextBytes(secret);
        try (ServerSocketChannel server = listen(host)) {
            int port = ((InetSocketAddress) server.getLocalAddress()).getPort();
            String[] messages = allGather.apply(String.join(
                    "\n", host, Integer.toString(port), HexFormat.of().formatHex(secret), note));
            for (int peer = 0; peer < peers.length; peer++) {
                String[] parts = messages[peer].split("\n", 4);
                notes.add(parts[3]);
                if (peer < rank) {
                    peers[peer] = call(
                            new InetSocketAddress(unbracketed(parts[0]), Integer.parseInt(parts[1])),
                            HexFormat.of().parseHex(parts[2]));
                }
            }
            accept(server, secret);
        }
    }

    private static String unbracketed(String host) {
        return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    }

    /** Listens at the address of Spark's executor; in a container, that may be the address of the host machine. */
    private ServerSocketChannel listen(String host) throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open();
        try {
            try {
                server.bind(new InetSocketAddress(InetAddress.getByName(unbracketed(host)), 0), peers.length);
            } catch (BindException elsewhere) {
                server.bind(new InetSocketAddress(0), peers.length);
            }
            return server;
        } catch (Throwable failure) {
            server.close();
            throw failure;
        }
    }

    private SocketChannel call(SocketAddress address, byte[] secret) throws IOException {
        SocketChannel channel = SocketChannel.open();
        try {
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            channel.socket().connect(address, TIMEOUT_MILLIS);
            ByteBuffer hello =
                    ByteBuffer.allocate(HELLO_BYTES).put(secret).putInt(rank).flip();
            while (hello.hasRemaining()) {
                channel.write(hello);
            }
            return channel;
        } catch (Throwable failure) {
            channel.close();
            throw failure;
        }
    }

    /** Waits for the tasks of higher ranks. */
    private void accept(ServerSocketChannel server, byte[] secret) throws IOException {
        long deadline = System.nanoTime() + TIMEOUT_MILLIS * 1_000_000L;
        int missing = peers.length - 1 - rank;
        while (missing > 0) {
            long left = (deadline - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                throw new IOException("task " + rank + ": " + missing + " of " + peers.length
                        + " tasks have not connected within " + TIMEOUT_MILLIS / 1000 + " s");
            }
            server.socket().setSoTimeout((int) left);
            Socket socket;
            try {
                socket = server.socket().accept();
            } catch (SocketTimeoutException tooLate) {
                continue;
            }
            int peer = whoIs(socket, secret);
            if (peer > rank && peer < peers.length && peers[peer] == null) {
                peers[peer] = socket.getChannel();
                missing--;
            } else {
                socket.close();
            }
        }
    }

    /** The rank of the task that has connected; -1 if it is not one of ours. */
    private static int whoIs(Socket socket, byte[] secret) {
        try {
            socket.setTcpNoDelay(true);
            socket.setSoTimeout(HELLO_MILLIS);
            byte[] hello = socket.getInputStream().readNBytes(HELLO_BYTES);
            socket.setSoTimeout(0);
            boolean known =
                    hello.length == HELLO_BYTES && MessageDigest.isEqual(Arrays.copyOf(hello, SECRET_BYTES), secret);
            return known ? ByteBuffer.wrap(hello).getInt(SECRET_BYTES) : -1;
        } catch (IOException silent) {
            return -1;
        }
    }

    /** The note of each task, by rank. */
    List<String> notes() {
        return notes;
    }

    /** The number of bytes that this task has sent. */
    long bytesSent() {
        return bytesSent;
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return peers.length;
    }

    @Override
    public void exchange(ByteBuffer[] out, ByteBuffer[] in) throws IOException {
        Queue<Exception> failures = new ConcurrentLinkedQueue<>();
        List<Thread> writers = new ArrayList<>();
        for (int peer = 0; peer < peers.length; peer++) {
            if (peer != rank && out[peer].hasRemaining()) {
                bytesSent += out[peer].remaining();
                SocketChannel to = peers[peer];
                ByteBuffer bytes = out[peer];
                writers.add(Thread.ofVirtual().start(() -> {
                    try {
                        while (bytes.hasRemaining()) {
                            to.write(bytes);
                        }
                    } catch (IOException | RuntimeException broken) {
                        failures.add(broken);
                        close();
                    }
                }));
            }
        }
        try {
            for (int peer = 0; peer < peers.length; peer++) {
                while (peer != rank && in[peer].hasRemaining()) {
                    if (peers[peer].read(in[peer]) < 0) {
                        throw new IOException("task " + peer + " has closed its connection to task " + rank);
                    }
                }
            }
            for (Thread writer : writers) {
                writer.join();
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            close();
            throw new IOException("interrupted", interrupted);
        } catch (IOException broken) {
            close();
            throw broken;
        }
        if (!failures.isEmpty()) {
            throw new IOException("task " + rank + " can't send any more", failures.peek());
        }
    }

    /** Closes all connections; closing twice is harmless. */
    @Override
    public void close() {
        for (SocketChannel peer : peers) {
            try {
                if (peer != null) {
                    peer.close();
                }
            } catch (IOException gone) {
                // It should be closed anyway.
            }
        }
    }
}
