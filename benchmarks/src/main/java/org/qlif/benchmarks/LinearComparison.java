// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.awt.BasicStroke;
import java.awt.Color;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.ChartTheme;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.openjdk.jmh.results.RunResult;

/** The times of a run of {@link SpikeLinearBenchmark}, in milliseconds, as a table and as curves over the share of set inputs. */
final class LinearComparison {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 480;

    /** The same colours as in the plots of neurons, for contenders that occur in both. */
    private static final Map<LinearContenderKind, Color> COLOURS = Map.of(
            LinearContenderKind.SIMD, new Color(0x1B5E9E),
            LinearContenderKind.NATIVE, new Color(0x2E8B57),
            LinearContenderKind.C, new Color(0x4D4D4D),
            LinearContenderKind.TORCH_DENSE, new Color(0xE07B39),
            LinearContenderKind.TORCH_SPARSE, new Color(0xF2B48C));

    private record Key(LinearContenderKind kind, LinearWork work, int share, int threads) {}

    private final Map<Key, Double> milliseconds = new HashMap<>();
    private final TreeSet<Integer> shares = new TreeSet<>();
    private final TreeSet<Integer> threads = new TreeSet<>();

    /** A comparison without a time. */
    LinearComparison() {}

    /** Takes the medians of a run's scores. */
    LinearComparison(Collection<RunResult> results) {
        for (RunResult result : results) {
            add(
                    LinearContenderKind.valueOf(result.getParams().getParam("contender")),
                    LinearWork.valueOf(result.getParams().getParam("work")),
                    Integer.parseInt(result.getParams().getParam(SpikeLinearBenchmark.SHARE)),
                    Integer.parseInt(result.getParams().getParam("threads")),
                    result.getPrimaryResult().getStatistics().getPercentile(50) / 1000);
        }
    }

    /** Adds a time. */
    LinearComparison add(LinearContenderKind kind, LinearWork work, int share, int count, double time) {
        milliseconds.put(new Key(kind, work, share, count), time);
        shares.add(share);
        threads.add(count);
        return this;
    }

    private double time(LinearContenderKind kind, LinearWork work, int share, int count) {
        return milliseconds.getOrDefault(new Key(kind, work, share, count), Double.NaN);
    }

    private List<LinearWork> works() {
        return Arrays.stream(LinearWork.values())
                .filter(work -> !contenders(work).isEmpty())
                .toList();
    }

    private List<LinearContenderKind> contenders(LinearWork work) {
        return Arrays.stream(LinearContenderKind.values())
                .filter(kind -> milliseconds.keySet().stream().anyMatch(key -> key.kind == kind && key.work == work))
                .toList();
    }

    /** A Markdown table: a row for each kind of work, contender and number of threads. */
    String markdown() {
        List<String> header = new ArrayList<>(List.of("ms", "contender", "threads"));
        shares.forEach(share -> header.add(share + " %"));
        MarkdownTable table = new MarkdownTable(header);
        for (LinearWork work : works()) {
            for (LinearContenderKind kind : contenders(work)) {
                for (int count : threads) {
                    List<String> cells = new ArrayList<>(List.of(work.title(), kind.title(), Integer.toString(count)));
                    shares.forEach(share -> cells.add(MarkdownTable.number(time(kind, work, share, count))));
                    table.row(cells);
                }
            }
        }
        return table.toString();
    }

    /** Curves for each kind of work, with the most threads. */
    List<XYChart> charts() {
        return works().stream().map(this::chart).toList();
    }

    private XYChart chart(LinearWork work) {
        int count = threads.last();
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .theme(ChartTheme.XChart)
                .title(work.title() + ", " + count + (count == 1 ? " thread" : " threads"))
                .xAxisTitle("inputs that are set, % (logarithmic)")
                .yAxisTitle("ms (logarithmic)")
                .build();
        XYStyler styler = chart.getStyler();
        styler.setXAxisLogarithmic(true);
        styler.setYAxisLogarithmic(true);
        styler.setPlotBorderVisible(false);
        styler.setLegendPosition(LegendPosition.OutsideS);
        styler.setLegendLayout(LegendLayout.Vertical);
        styler.setLegendBorderColor(Color.WHITE);
        styler.setChartBackgroundColor(Color.WHITE);
        for (LinearContenderKind kind : contenders(work)) {
            List<Integer> timed = shares.stream()
                    .filter(share -> !Double.isNaN(time(kind, work, share, count)))
                    .toList();
            if (!timed.isEmpty()) {
                XYSeries series = chart.addSeries(
                        kind.title(),
                        timed,
                        timed.stream()
                                .map(share -> time(kind, work, share, count))
                                .toList());
                series.setMarker(SeriesMarkers.CIRCLE);
                series.setMarkerColor(COLOURS.get(kind));
                series.setLineColor(COLOURS.get(kind));
                series.setLineStyle(new BasicStroke(2));
            }
        }
        return chart;
    }
}
