// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class PrintableTest {
    @Test
    void leavesWhatPeopleWrite() {
        for (String text : new String[] {"expect_v", "a b/c-d.e", "größer, 日本語, 🙂", "C:\\golden", "it's \"it\""}) {
            assertThat(Printable.text(text)).isEqualTo(text);
            assertThat(Printable.path(Path.of(text))).isEqualTo(text);
        }
    }

    @Test
    void showsThatNothingIsThere() {
        assertThat(Printable.text("")).isEmpty();
        assertThat(Printable.path(Path.of(""))).isEqualTo("''");
    }

    @Test
    void escapesWhatTerminalsObeyOrHide() {
        assertThat(Printable.text("a\nb\rc\td\u0000")).isEqualTo("a\\nb\\rc\\td\\u0000");
        assertThat(Printable.text("\u001B[31m\u009B2J\u007F")).isEqualTo("\\u001B[31m\\u009B2J\\u007F");
        assertThat(Printable.text("\u202E\u2066\u200B\uFEFF\u00AD")).isEqualTo("\\u202E\\u2066\\u200B\\uFEFF\\u00AD");
        assertThat(Printable.text("\u2028\u2029\u0085\u00A0\u3000")).isEqualTo("\\u2028\\u2029\\u0085\\u00A0\\u3000");
        assertThat(Printable.text("\uD800x\uDC00")).isEqualTo("\\uD800x\\uDC00");
        assertThat(Printable.text(Character.toString(0xE0041) + Character.toString(0x10FFFF) + '\uE000'))
                .isEqualTo("\\u{E0041}\\u{10FFFF}\\uE000");
    }

    @Test
    void cutsWhatIsLong() {
        assertThat(Printable.text("abc", 3)).isEqualTo("abc");
        assertThat(Printable.text("abcd", 3)).isEqualTo("abc...");
        assertThat(Printable.text("ab\nc", 3)).as("no half escapes").isEqualTo("ab...");
        assertThat(Printable.text("n".repeat(900_000)))
                .hasSizeLessThan(200)
                .startsWith("nnn")
                .endsWith("...");
        assertThat(Printable.text("\u0000".repeat(900_000))).hasSizeLessThan(200);
    }

    @Test
    void keepsBothEndsOfLongPaths() {
        String deep = "/start" + "/folder".repeat(1000) + "/a/x.safetensors";
        assertThat(Printable.path(Path.of(deep)))
                .startsWith("/start/folder")
                .contains("...")
                .endsWith("/folder/a/x.safetensors")
                .hasSizeLessThan(700);
    }
}
