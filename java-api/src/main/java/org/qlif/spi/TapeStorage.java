// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi;

/** The backend's part of a {@link org.qlif.Tape}. */
public interface TapeStorage extends AutoCloseable {
    /** Its size in bytes. */
    long byteSize();

    /** Releases the memory; called once. */
    @Override
    void close();
}
