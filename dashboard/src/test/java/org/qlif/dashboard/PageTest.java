// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The page in a real browser. */
class PageTest {
    private static final int ARROW_RIGHT = 39;

    /** A contrast that people with poor sight can read: WCAG 2, level AA. */
    private static final double READABLE = 4.5;

    private static Dashboard dashboard;
    private static Chromium chromium;

    private Chromium.Page page;

    @BeforeAll
    static void start() throws IOException {
        Optional<Path> program = Chromium.find();
        if (program.isEmpty()) {
            System.out.println(
                    "The page is not tested in a browser: there is no Chromium; on Debian, 'apt-get install chromium'");
        }
        assumeTrue(program.isPresent(), "there is no Chromium");
        dashboard = Dashboard.start("127.0.0.1", 0);
        chromium = Chromium.start(program.get());
    }

    @AfterAll
    static void stop() throws IOException {
        if (chromium != null) {
            chromium.close();
        }
        if (dashboard != null) {
            dashboard.close();
        }
    }

    /** Nothing is written to the console in anger, and no other host is asked, whatever a test does. */
    @AfterEach
    void nothingWentWrong() {
        if (page != null) {
            assertThat(page.complaints()).isEmpty();
            assertThat(page.requests())
                    .allSatisfy(request ->
                            assertThat(request).matches("(" + dashboard.address() + "|blob:|data:|about:).*"));
            page.close();
        }
    }

    private void open(String link) {
        open(link, 1280, 900, false);
    }

    private void open(String link, int width, int height, boolean phone) {
        page = chromium.open(URI.create(dashboard.address() + link), width, height, phone);
        awaitRun(0);
    }

    private int runs() {
        return page.evaluate("Number(document.body?.dataset.runs ?? 0)").getAsInt();
    }

    /** Waits until more than so many runs have been shown or refused, and none goes on. */
    private void awaitRun(int before) {
        page.await("document.body && Number(document.body.dataset.runs ?? 0) > " + before);
    }

    private static String field(String key) {
        return "document.getElementById('c-" + key + "')";
    }

    private static String control(String key) {
        return "document.querySelector('[data-key=\"" + key + "\"]')";
    }

    /** Enters a value as a person does who then leaves the field. */
    private void enter(String key, String value) {
        int before = runs();
        page.evaluate("(field => { field.value = '" + value + "'; field.dispatchEvent(new Event('change')); })("
                + field(key) + ")");
        awaitRun(before);
    }

    private void click(String element) {
        int before = runs();
        page.evaluate(element + ".click()");
        awaitRun(before);
    }

    private String value(String key) {
        return page.text(field(key) + ".value");
    }

    /** What a plot shows, as a picture. */
    private String picture(int figure) {
        return page.text("document.querySelectorAll('figure canvas')[" + figure + "].toDataURL()");
    }

    /** What the link says, once the page has had the time to write it. */
    private String hash() {
        page.evaluate("new Promise(done => setTimeout(done, 400))");
        return page.text("decodeURIComponent(location.hash)");
    }

    @Test
    void showsAllPlotsAtFirst() {
        open("");
        assertThat(page.text("document.title")).isEqualTo("QLIF: live page");
        assertThat(page.evaluate("document.querySelectorAll('figure canvas').length")
                        .getAsInt())
                .isEqualTo(6);
        assertThat(page.text("document.getElementById('summary').textContent")).contains("QLIF spikes", "LIF spikes");
        assertThat(page.text("document.getElementById('speed').textContent")).contains("neuron-steps/s");
        assertThat(page.holds("document.getElementById('problem').hidden")).isTrue();
        assertThat(page.text("location.hash")).isEmpty();
    }

    /** All that the catalogue has, each with a label, one line of meaning, its default, and a slider that says what it is. */
    @Test
    void everyParameterIsAControl() {
        open("");
        int controls = Catalogue.here().panels().stream()
                .mapToInt(panel -> panel.controls().size())
                .sum();
        assertThat(page.evaluate("document.querySelectorAll('.control').length").getAsInt())
                .isEqualTo(controls);
        assertThat(page.evaluate("""
                                [...document.querySelectorAll('.control')].filter(control => {
                                  const field = control.querySelector('input:not([type=range]), select');
                                  const slider = control.querySelector('input[type=range]');
                                  return !(field.labels.length === 1 && field.labels[0].textContent
                                    && document.getElementById(field.getAttribute('aria-describedby').split(' ')[0]).textContent.includes('default')
                                    && (!slider || slider.getAttribute('aria-label')));
                                }).map(control => control.dataset.key).join()""").getAsString()).isEmpty();
        assertThat(page.evaluate(
                                "[...document.querySelectorAll('button, select, input')].filter(one => !(one.labels?.length || one.textContent || one.getAttribute('aria-label'))).length")
                        .getAsInt())
                .isZero();
    }

    @Test
    void aSliderMovedByKeysChangesThePlots() {
        open("");
        String before = picture(1);
        String curve = picture(5);
        int runs = runs();
        page.evaluate(control("qlif.tau") + ".querySelector('input[type=range]').focus()");
        page.press("ArrowRight", ARROW_RIGHT);
        awaitRun(runs);
        assertThat(value("qlif.tau")).isEqualTo("20.5");
        assertThat(picture(1)).isNotEqualTo(before);
        // The probability over the gap does not depend on tau.
        assertThat(picture(5)).isEqualTo(curve);
        assertThat(hash()).isEqualTo("#qlif.tau=20.5");

        runs = runs();
        page.evaluate(control("qlif.initial_probability") + ".querySelector('input[type=range]').focus()");
        page.press("ArrowRight", ARROW_RIGHT);
        awaitRun(runs);
        assertThat(picture(5)).isNotEqualTo(curve);
    }

    /** A drag is many moves: the last counts, and neither the server nor the browser's history is flooded. */
    @Test
    void aSliderCanBeDragged() {
        open("");
        page.evaluate("""
                (async slider => {
                  for (let i = 0; i < 500; i++) {
                    slider.value = 1 + i * 0.1;
                    slider.dispatchEvent(new Event('input'));
                    if (i % 10 === 0) await new Promise(done => setTimeout(done, 5));
                  }
                })(document.querySelector('[data-key="qlif.tau"] input[type=range]'))""");
        assertThat(value("qlif.tau")).isEqualTo("51");
        assertThat(hash()).isEqualTo("#qlif.tau=51");
        page.await("document.getElementById('plots').getAttribute('aria-busy') === 'false'");
        assertThat(runs()).isLessThan(500);
        String membrane = picture(1);
        page.close();
        open("#qlif.tau=51");
        assertThat(picture(1)).isEqualTo(membrane);
    }

    /** Each kind of control, and the input, changes what is seen and what the link says. */
    @Test
    void allKindsOfControlsWork() {
        open("");
        String input = picture(0);
        enter("current", "sine");
        assertThat(picture(0)).isNotEqualTo(input);
        assertThat(page.holds(control("current.periods") + ".hidden")).isFalse();
        assertThat(page.holds(control("current.start") + ".hidden")).isTrue();
        click(field("qlif.use_ahp"));
        enter("qlif.readout", "MULTI_QUBIT");
        enter("modulation", "step");
        enter("qlif.q_scale", "1.5");
        enter("steps", "120");
        assertThat(hash().substring(1).split("&"))
                .containsExactlyInAnyOrder(
                        "current=sine",
                        "qlif.use_ahp=false",
                        "qlif.readout=MULTI_QUBIT",
                        "modulation=step",
                        "qlif.q_scale=1.5",
                        "steps=120");
        click(control("qlif.q_scale") + ".querySelector('.back')");
        assertThat(value("qlif.q_scale")).isEqualTo("derived");
        assertThat(page.text("document.querySelector('.circuit svg').textContent"))
                .contains("W = 4", "1 more");
        click("document.getElementById('reset')");
        assertThat(hash()).isEmpty();
        assertThat(picture(0)).isEqualTo(input);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "NaN", "-3", "1e99", "abc"})
    void badValuesAreRefusedInPlace(String bad) {
        open("");
        String before = picture(1);
        enter("qlif.tau", bad);
        assertThat(page.text(control("qlif.tau") + ".querySelector('.error').textContent"))
                .startsWith("got ")
                .endsWith("expected a finite number > 0" + (bad.equals("1e99") ? "; in float32 it is Infinity" : ""));
        assertThat(page.text(field("qlif.tau") + ".getAttribute('aria-invalid')"))
                .isEqualTo("true");
        assertThat(page.text("document.getElementById('problem').textContent"))
                .startsWith("Some settings can't be used")
                .contains("qlif.tau");
        assertThat(picture(1)).isEqualTo(before);
        enter("qlif.tau", "20");
        assertThat(page.holds("document.getElementById('problem').hidden")).isTrue();
        assertThat(page.holds(field("qlif.tau") + ".hasAttribute('aria-invalid')"))
                .isFalse();
    }

    @Test
    void aReloadRestoresTheLink() {
        open(
                "#qlif.tau=33&current=poisson&current.rate=0.4&compare=plain-lif&neurons=4&seed=9&device=cpu:scalar&neuron=3&show=qlif.ahp");
        String link = hash();
        String membrane = picture(1);
        page.reload();
        awaitRun(0);
        assertThat(hash()).isEqualTo(link);
        assertThat(value("qlif.tau")).isEqualTo("33");
        assertThat(value("current")).isEqualTo("poisson");
        assertThat(value("current.rate")).isEqualTo("0.4");
        assertThat(page.text("document.getElementById('device').value")).isEqualTo("cpu:scalar");
        assertThat(page.text("document.getElementById('neuron-shown').textContent"))
                .isEqualTo("3 of 4");
        assertThat(page.text("document.querySelector('#figures [aria-pressed=true]').dataset.name"))
                .isEqualTo("qlif.ahp");
        assertThat(picture(1)).isEqualTo(membrane);
        assertThat(page.text("document.getElementById('speed').textContent")).startsWith("cpu:scalar: kernel ");
    }

    /** Whoever wrote it: a link's bad values are shown where they belong, what is no setting is passed over, and nothing in it runs. */
    @Test
    void aBadLinkIsRefusedInPlace() {
        open(
                "#qlif.tau=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&qlif.readout=BELL&device=cpu:abacus&nonsense=1&show=qlif.no,x");
        assertThat(page.text(control("qlif.tau") + ".querySelector('.error').textContent"))
                .contains("<img src=x onerror=alert(1)>");
        assertThat(page.text(control("qlif.readout") + ".querySelector('.error').textContent"))
                .contains("'BELL'");
        assertThat(page.text("document.getElementById('problem').textContent")).contains("cpu:abacus");
        assertThat(page.holds("document.querySelector('main img')")).isFalse();
        click("document.getElementById('reset')");
        assertThat(page.holds("document.getElementById('problem').hidden")).isTrue();
    }

    /** Numbers that are legal and no sensible neuron's: gaps in lines, but no failure. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "qlif.noise_std=1e38&qlif.q_scale=1e30",
                "qlif.tau=1e-30&current.amplitude=1e6",
                "steps=1",
                "steps=2&neurons=1",
                "steps=500&neurons=200",
                "qlif.decision=THRESHOLD&qlif.v_th=-3e38&qlif.g_ahp=-3e38",
                "qlif.readout=MULTI_QUBIT&qlif.quantum_wires=64&compare=none",
                "lif.v_th=-3e38&scale=1e6",
                "qlif.initial_probability=0.999999&qlif.initial_slope=-1e9"
            })
    void extremesAreShown(String link) {
        open("#" + link);
        assertThat(page.holds("document.getElementById('problem').hidden")).isTrue();
        assertThat(page.holds("document.getElementById('figures').checkVisibility()"))
                .isTrue();
        int before = runs();
        enter("seed", "7");
        assertThat(runs()).isGreaterThan(before);
    }

    @Test
    void presetsModesAndTheNeuronBesideIt() {
        open("");
        assertThat(page.text("document.getElementById('preset').selectedOptions[0].textContent"))
                .isEqualTo("Defaults");
        int before = runs();
        page.evaluate(
                "(box => { box.value = '4'; box.dispatchEvent(new Event('change')); })(document.getElementById('preset'))");
        awaitRun(before);
        assertThat(page.text("document.getElementById('preset').selectedOptions[0].textContent"))
                .isEqualTo("Snapshot 2025-08-24, QUBIT");
        assertThat(value("qlif.angle_map")).isEqualTo("TANH");
        click("[...document.querySelectorAll('#modes button')].find(one => one.textContent === 'Deterministic')");
        assertThat(value("qlif.readout")).isEqualTo("EXPECTATION");
        click("document.querySelector('#decisions [data-name=classic]')");
        assertThat(value("qlif.decision")).isEqualTo("THRESHOLD");
        assertThat(page.text("document.querySelector('#modes [aria-pressed=true]').textContent"))
                .isEqualTo("Deterministic");
        assertThat(page.holds("document.querySelector('.circuit').closest('figure').hidden"))
                .isTrue();
        click("[...document.querySelectorAll('#modes button')].find(one => one.textContent === 'Neuromodulation')");
        assertThat(value("modulation")).isEqualTo("sine");
        assertThat(value("qlif.neuromod_mode")).isEqualTo("GAIN");
        assertThat(value("qlif.decision")).isEqualTo("SIGMOID");
        enter("compare", "none");
        assertThat(page.evaluate(
                                "[...document.querySelectorAll('figure canvas')].filter(one => one.checkVisibility()).length")
                        .getAsInt())
                .isEqualTo(5);
        enter("compare", "plain-lif");
        assertThat(page.text("document.getElementById('figures').textContent")).contains("Plain LIF: membrane");
    }

    @Test
    void tracesAndNeuronsAreChosen() {
        open("");
        String traces = picture(4);
        click("document.querySelector('[data-name=\"qlif.ahp\"]')");
        assertThat(picture(4)).isNotEqualTo(traces);
        assertThat(hash()).isEqualTo("#show=qlif.p,qlif.adaptation,qlif.slope,qlif.ahp");
        String membrane = picture(1);
        page.evaluate(
                "(box => { box.value = '5'; box.dispatchEvent(new Event('input')); })(document.getElementById('neuron'))");
        page.await("document.getElementById('neuron-shown').textContent === '5 of 10'");
        page.evaluate("new Promise(requestAnimationFrame)");
        assertThat(picture(1)).isNotEqualTo(membrane);
        page.evaluate(
                "(box => { box.value = 'cap of h'; box.dispatchEvent(new Event('input')); })(document.getElementById('find'))");
        assertThat(
                        page.text(
                                "[...document.querySelectorAll('#qlif-panels .control')].filter(one => !one.hidden).map(one => one.dataset.key).join()"))
                .isEqualTo("qlif.ahp_max");
    }

    @Test
    void devicesAreSwitchedAndMeasured() {
        open("");
        int before = runs();
        page.evaluate(
                "(box => { box.value = 'cpu:scalar'; box.dispatchEvent(new Event('change')); })(document.getElementById('device'))");
        awaitRun(before);
        assertThat(page.text("document.getElementById('speed').textContent")).startsWith("cpu:scalar: kernel ");
        page.evaluate("document.getElementById('measure').click()");
        page.await("document.getElementById('speed').textContent.includes('on a batch of')");
        assertThat(page.text("document.getElementById('speed').textContent"))
                .matches("cpu:scalar: [0-9.]+ M neuron-steps/s on a batch of 20 × 64 × 512");
    }

    @Test
    void dataAndPictureAreDownloaded(@TempDir Path folder) throws Exception {
        open("#steps=30&neurons=2");
        page.downloadTo(folder);
        Path csv = download("csv", folder);
        List<String> lines = Files.readAllLines(csv);
        assertThat(lines).hasSize(1 + 30 * 2);
        assertThat(lines.getFirst())
                .startsWith("step,neuron,qlif.input,qlif.v,")
                .contains("qlif.ahp", "lif.i");
        assertThat(lines.get(1).split(",")).hasSameSizeAs(lines.getFirst().split(","));
        JsonObject json = JsonParser.parseString(Files.readString(download("json", folder)))
                .getAsJsonObject();
        assertThat(json.get("config").getAsString()).isEqualTo("QLIF");
        assertThat(json.get("link").getAsString()).contains("steps=30");
        assertThat(json.getAsJsonObject("series").getAsJsonArray("qlif.v")).hasSize(30);
        var picture = ImageIO.read(download("png", folder).toFile());
        assertThat(picture.getHeight()).isGreaterThan(900);
    }

    private Path download(String kind, Path folder) throws InterruptedException {
        page.evaluate("(box => { box.value = '" + kind
                + "'; box.dispatchEvent(new Event('change')); })(document.getElementById('download'))");
        Path file = folder.resolve("qlif." + kind);
        for (int i = 0; i < 600 && !Files.exists(file); i++) {
            Thread.sleep(50);
        }
        assertThat(file).isNotEmptyFile();
        return file;
    }

    @Test
    void lightAndDarkCanBeRead() {
        open("");
        page.prefer("dark");
        page.await("document.documentElement.dataset.theme === 'dark'");
        String dark = picture(1);
        contrasts();
        page.prefer("light");
        page.await("document.documentElement.dataset.theme === 'light'");
        page.evaluate("new Promise(requestAnimationFrame)");
        assertThat(picture(1)).isNotEqualTo(dark);
        contrasts();
        page.evaluate(
                "(box => { box.value = 'dark'; box.dispatchEvent(new Event('change')); })(document.getElementById('theme'))");
        page.reload();
        awaitRun(0);
        assertThat(page.text("document.documentElement.dataset.theme")).isEqualTo("dark");
        page.evaluate("localStorage.clear()");
    }

    private void contrasts() {
        for (String pair : List.of(
                "ink card",
                "ink page",
                "muted card",
                "muted page",
                "accent card",
                "on-accent accent",
                "bad bad-back",
                "bad card",
                "qlif card",
                "lif card")) {
            String[] names = pair.split(" ");
            double contrast = page.evaluate("""
                            (names => {
                              const style = getComputedStyle(document.documentElement);
                              const [a, b] = names.map(name => {
                                const hex = style.getPropertyValue('--' + name).trim();
                                const [r, g, b] = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16) / 255)
                                  .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
                                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                              });
                              return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                            })(['%s', '%s'])""".formatted(names[0], names[1])).getAsDouble();
            assertThat(contrast).as(pair).isGreaterThanOrEqualTo(READABLE);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {320, 390, 768, 1024, 1600})
    void nothingSticksOut(int width) {
        open("#modulation=sine", width, 800, width < 900);
        assertThat(page.evaluate("document.documentElement.scrollWidth - innerWidth")
                        .getAsInt())
                .isLessThanOrEqualTo(0);
        boolean sheet = width <= 860;
        assertThat(page.holds("document.getElementById('panels').checkVisibility()"))
                .isNotEqualTo(sheet);
        if (sheet) {
            page.evaluate("document.getElementById('sheet').click()");
        }
        assertThat(page.holds("document.getElementById('panels').checkVisibility()"))
                .isTrue();
        assertThat(page.evaluate(
                                "document.getElementById('panels').scrollWidth - document.getElementById('panels').clientWidth")
                        .getAsInt())
                .isLessThanOrEqualTo(0);
        // The plots stay in sight above the sheet.
        if (sheet) {
            assertThat(page.evaluate("document.getElementById('controls').getBoundingClientRect().top / innerHeight")
                            .getAsDouble())
                    .isGreaterThan(0.5);
        }
    }
}
