// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;

/** Takes the pictures of the page that people look at: {@code PageShots FOLDER}. */
final class PageShots {
    private PageShots() {}

    /** Writes the pictures into the folder. */
    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        try (Dashboard dashboard = Dashboard.start("127.0.0.1", 0);
                Chromium chromium = Chromium.start(Chromium.find().orElseThrow())) {
            URI page = dashboard.address();
            // That of the README.
            shoot(chromium, page.resolve("#neurons=20"), 1240, 900, false, "light", folder.resolve("dashboard.png"));
            shoot(chromium, page, 1400, 1900, false, "light", folder.resolve("wide.png"));
            shoot(chromium, page, 1400, 1900, false, "dark", folder.resolve("wide-dark.png"));
            shoot(chromium, page, 390, 844, true, "light", folder.resolve("narrow.png"));
            shoot(chromium, page.resolve("#sheet"), 390, 844, true, "dark", folder.resolve("sheet.png"));
            shoot(chromium, page, 820, 1180, true, "dark", folder.resolve("tablet.png"));
            shoot(
                    chromium,
                    page.resolve("#qlif.tau=0&qlif.min_alpha=9&modulation=sine&compare=plain-lif&neurons=40"),
                    1400,
                    1900,
                    false,
                    "light",
                    folder.resolve("refused.png"));
            shoot(
                    chromium,
                    page.resolve(
                            "#modulation=sine&compare=plain-lif&neurons=40&current=sine&show=qlif.p,qlif.delta,qlif.efficiency,qlif.ahp"),
                    1400,
                    1900,
                    false,
                    "dark",
                    folder.resolve("plain.png"));
        }
    }

    private static void shoot(
            Chromium chromium, URI address, int width, int height, boolean phone, String scheme, Path file)
            throws Exception {
        try (Chromium.Page page = chromium.open(address, width, height, phone)) {
            page.prefer(scheme);
            page.await("document.body.dataset.runs > 0");
            // Until the first runs of the JVM are over.
            page.evaluate("new Promise(done => setTimeout(done, 4000))");
            page.evaluate("dispatchEvent(new Event('hashchange'))");
            page.evaluate("new Promise(done => setTimeout(done, 500))");
            if (address.toString().endsWith("#sheet")) {
                page.evaluate("document.getElementById('sheet').click(), scrollTo(0, 560)");
                page.evaluate("document.getElementById('panels').scrollTo(0, 620)");
                page.evaluate("new Promise(requestAnimationFrame)");
            }
            Files.write(file, page.screenshot(false));
            System.out.println(file + " " + page.complaints());
        }
    }
}
