// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import java.util.zip.ZipException;

/**
 * Unpacks gzip data of any number of members, each checked against its trailer. {@link java.util.zip.GZIPInputStream} recurses for each
 * empty member, so that some thousands of them overflow the stack, and ignores anything after a member that is not another member.
 */
final class Gunzip extends InputStream {
    private static final int MAGIC_1 = 0x1f;
    private static final int MAGIC_2 = 0x8b;
    private static final int DEFLATE = 8;
    private static final int HEADER_CRC = 2;
    private static final int EXTRA = 4;
    private static final int NAME = 8;
    private static final int COMMENT = 16;
    private static final int RESERVED = 0xe0;

    private final InputStream in;
    private final byte[] input = new byte[1 << 16];
    private int at;
    private int end;

    private final Inflater inflater = new Inflater(true);
    private final CRC32 crc = new CRC32();
    private final byte[] one = new byte[1];
    private boolean inMember;
    private boolean started;

    /** Unpacks {@code in}, which {@link #close} closes, too. */
    Gunzip(InputStream in) {
        this.in = in;
    }

    @Override
    public int read() throws IOException {
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        while (inMember || startMember()) {
            int count = inflate(target, offset, length);
            if (count > 0) {
                crc.update(target, offset, count);
                return count;
            }
            if (inflater.finished()) {
                endMember();
            } else if (inflater.needsDictionary()) {
                throw new ZipException("it needs a preset dictionary");
            } else {
                // All input has been consumed; if there is no more, the data end here.
                if (!fill()) {
                    throw new EOFException();
                }
                inflater.setInput(input, 0, end);
                at = end;
            }
        }
        return -1;
    }

    private int inflate(byte[] target, int offset, int length) throws ZipException {
        try {
            return inflater.inflate(target, offset, length);
        } catch (DataFormatException damaged) {
            ZipException problem = new ZipException(damaged.getMessage());
            problem.initCause(damaged);
            throw problem;
        }
    }

    /** Reads the header of the next member; false if there is none. */
    private boolean startMember() throws IOException {
        if (started && !skipPadding()) {
            return false;
        }
        crc.reset();
        if (next() != MAGIC_1 || next() != MAGIC_2) {
            throw new ZipException(
                    started ? "what follows the end of its data is neither gzip data nor zeros" : "no gzip data");
        }
        started = true;
        int method = next();
        if (method != DEFLATE) {
            throw new ZipException("compression method " + method + ", expected " + DEFLATE);
        }
        int flags = next();
        if ((flags & RESERVED) != 0) {
            throw new ZipException("unknown flags in its header");
        }
        number(4);
        number(2);
        if ((flags & EXTRA) != 0) {
            for (long left = number(2); left > 0; left--) {
                next();
            }
        }
        skipText((flags & NAME) != 0);
        skipText((flags & COMMENT) != 0);
        if ((flags & HEADER_CRC) != 0) {
            long expected = crc.getValue() & 0xffff;
            if (number(2) != expected) {
                throw new ZipException("the checksum of its header is wrong");
            }
        }
        crc.reset();
        inflater.reset();
        inflater.setInput(input, at, end - at);
        at = end;
        inMember = true;
        return true;
    }

    /** Some tools fill the last block with zeros. */
    private boolean skipPadding() throws IOException {
        while (at < end || fill()) {
            if (input[at] != 0) {
                return true;
            }
            at++;
        }
        return false;
    }

    private void skipText(boolean present) throws IOException {
        while (present && next() != 0) {
            // Ends at a zero.
        }
    }

    private void endMember() throws IOException {
        at = end - inflater.getRemaining();
        long sum = crc.getValue();
        long size = inflater.getBytesWritten() & 0xffff_ffffL;
        if (number(4) != sum) {
            throw new ZipException("the checksum of its data is wrong");
        }
        if (number(4) != size) {
            throw new ZipException("the size of its data is wrong");
        }
        inMember = false;
    }

    private long number(int bytes) throws IOException {
        long number = 0;
        for (int i = 0; i < bytes; i++) {
            number |= (long) next() << 8 * i;
        }
        return number;
    }

    /** The next byte of a header or trailer. */
    private int next() throws IOException {
        if (at == end && !fill()) {
            throw new EOFException();
        }
        int value = input[at++] & 0xff;
        crc.update(value);
        return value;
    }

    private boolean fill() throws IOException {
        at = 0;
        end = Math.max(0, in.read(input, 0, input.length));
        return end > 0;
    }

    @Override
    public void close() throws IOException {
        inflater.end();
        in.close();
    }
}
