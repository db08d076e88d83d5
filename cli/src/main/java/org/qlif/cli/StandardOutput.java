// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOError;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The standard output, whose failures can't be ignored: the first one ends the work with an error that no {@link PrintStream} or {@link
 * java.io.PrintWriter} swallows, and every later use throws it again.
 */
public final class StandardOutput extends OutputStream {
    /** Thrown if output could not be written. An error, since code in between may continue after an exception. */
    public static final class Failure extends IOError {
        private static final long serialVersionUID = 1L;

        private final String message;
        private final boolean readerGone;

        private Failure(String message, boolean readerGone, IOException cause) {
            super(cause);
            this.message = message;
            this.readerGone = readerGone;
        }

        @Override
        public String getMessage() {
            return message;
        }

        /** Whether the reader of a pipe has gone, as {@code head -1} does; that needs no message. */
        public boolean readerGone() {
            return readerGone;
        }
    }

    private static final int DESCRIPTOR = 1;

    private final OutputStream file;
    private final Peer peer;
    private Failure failure;

    private StandardOutput(OutputStream file, Peer peer) {
        this.file = file;
        this.peer = peer;
    }

    /** Replaces {@link System#out}. */
    public static StandardOutput install() {
        StandardOutput output = new StandardOutput(new FileOutputStream(FileDescriptor.out), Peer.find());
        System.setOut(new PrintStream(new BufferedOutputStream(output), true, System.out.charset()));
        return output;
    }

    /** What has failed so far, or null. */
    public synchronized Failure failure() {
        return failure;
    }

    @Override
    public void write(int b) {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
        requireSound();
        try {
            file.write(bytes, offset, length);
        } catch (IOException cause) {
            fail(cause.getMessage(), peer.isGone(), cause);
        }
    }

    /** There is nothing to flush, but this detects that the reader has gone. */
    @Override
    public synchronized void flush() {
        requireSound();
        if (peer.isGone()) {
            fail("its reader has closed it", true, null);
        }
    }

    private void requireSound() {
        if (failure != null) {
            throw failure;
        }
    }

    private void fail(String reason, boolean readerGone, IOException cause) {
        failure = new Failure("can't write the output: " + reason, readerGone, cause);
        throw failure;
    }

    /** The reader, as far as the system's {@code poll} shows. */
    private static final class Peer {
        /** POLLERR and POLLHUP, the same on Linux and macOS: a pipe or socket whose other end is closed. */
        private static final int GONE = 0x8 | 0x10;

        private static final int REVENTS_OFFSET = 6;

        private final MethodHandle poll;
        /** One struct pollfd: the descriptor, no requested events, and the returned ones. */
        private final MemorySegment request = Arena.global().allocate(8, 4);

        private Peer(MethodHandle poll) {
            this.poll = poll;
            request.set(ValueLayout.JAVA_INT, 0, DESCRIPTOR);
        }

        @SuppressWarnings("restricted")
        static Peer find() {
            Linker linker = Linker.nativeLinker();
            FunctionDescriptor signature = FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT);
            return new Peer(linker.defaultLookup()
                    .find("poll")
                    .map(address -> linker.downcallHandle(address, signature))
                    .orElse(null));
        }

        boolean isGone() {
            if (poll == null) {
                return false;
            }
            try {
                int count = 1;
                int noWaiting = 0;
                int answered = (int) poll.invokeExact(request, (long) count, noWaiting);
                return answered == 1 && (request.get(ValueLayout.JAVA_SHORT, REVENTS_OFFSET) & GONE) != 0;
            } catch (RuntimeException | Error known) {
                throw known;
            } catch (Throwable impossible) {
                throw new AssertionError("poll declares no exception", impossible);
            }
        }
    }
}
