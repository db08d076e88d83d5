// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import ai.djl.ndarray.NDManager;
import ai.djl.nn.SymbolBlock;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Operations of PyTorch that DJL has no method for, as TorchScript that the engine runs. A module without parameters is a zip file of its
 * source and three constant entries, so that no Python is needed to make it.
 */
final class TorchScript {
    private static final String NAME = "Operation";

    /** The pickled module: an object of the class, without attributes. */
    private static final String MODULE = "\u0080\u0002c__torch__\n" + NAME + "\n)\u0081}b.";

    /** A pickled empty tuple. */
    private static final String NO_CONSTANTS = "\u0080\u0002).";

    private TorchScript() {}

    /**
     * Loads a function of one tensor, which the manager frees.
     *
     * @param expression of {@code x}, in TorchScript
     */
    static SymbolBlock function(NDManager manager, String expression) {
        String source = """
                class %s(Module):
                  __parameters__ = []
                  __buffers__ = []
                  def forward(self: __torch__.%s, x: Tensor) -> Tensor:
                    return %s
                """.formatted(NAME, NAME, expression);
        try {
            return JniUtils.loadModule((PtNDManager) manager, new ByteArrayInputStream(archive(source)), false, false);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    private static byte[] archive(String source) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream archive = new ZipOutputStream(bytes)) {
            add(archive, "code/__torch__.py", source);
            add(archive, "data.pkl", MODULE);
            add(archive, "constants.pkl", NO_CONSTANTS);
            add(archive, "version", "3\n");
        }
        return bytes.toByteArray();
    }

    /** Each character is one byte. */
    private static void add(ZipOutputStream archive, String name, String content) throws IOException {
        archive.putNextEntry(new ZipEntry("operation/" + name));
        archive.write(content.getBytes(StandardCharsets.ISO_8859_1));
        archive.closeEntry();
    }
}
