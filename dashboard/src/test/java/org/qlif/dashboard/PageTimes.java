// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import java.util.Arrays;
import java.util.Locale;

/** Measures in a browser how long the page takes from a slider's move to what it shows: {@code PageTimes [LINK]}. */
final class PageTimes {
    private static final int MOVES = 100;
    private static final long WARM_UP_MILLIS = 6000;

    private PageTimes() {}

    /** Prints the median and the largest of some moves. */
    public static void main(String[] arguments) throws Exception {
        try (Dashboard dashboard = Dashboard.start("127.0.0.1", 0);
                Chromium chromium = Chromium.start(Chromium.find().orElseThrow());
                Chromium.Page page = chromium.open(
                        dashboard.address().resolve(arguments.length > 0 ? arguments[0] : ""), 1280, 1000, false)) {
            page.await("document.body && document.body.dataset.runs > 0");
            Thread.sleep(WARM_UP_MILLIS);
            double[] millis = new double[MOVES];
            for (int i = 0; i < MOVES; i++) {
                int runs = page.evaluate("Number(document.body.dataset.runs)").getAsInt();
                page.evaluate("(slider => { slider.value = " + (5 + i * 0.5)
                        + "; slider.dispatchEvent(new Event('input')); })(document.querySelector('[data-key=\"qlif.tau\"]')"
                        + ".querySelector('input[type=range]'))");
                page.await("Number(document.body.dataset.runs) > " + runs);
                millis[i] = Double.parseDouble(page.text("document.body.dataset.latency"));
            }
            System.out.println(page.text("document.getElementById('speed').textContent"));
            int runs = page.evaluate("Number(document.body.dataset.runs)").getAsInt();
            page.evaluate("document.getElementById('c-qlif.use_ahp').click()");
            page.await("Number(document.body.dataset.runs) > " + runs);
            System.out.println("a switch, for the first time: " + page.text("document.body.dataset.latency") + " ms");
            Arrays.sort(millis);
            System.out.printf(
                    Locale.ROOT,
                    "%d moves of tau's slider: median %.1f ms, 95 %% within %.1f ms, largest %.1f ms%n",
                    MOVES,
                    millis[MOVES / 2],
                    millis[MOVES * 95 / 100],
                    millis[MOVES - 1]);
        }
    }
}
