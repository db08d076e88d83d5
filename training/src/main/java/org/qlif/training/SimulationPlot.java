// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.qlif.io.OutputFile;
import org.qlif.simulation.Traces;

/** What a simulated neuron did, and the spikes of all neurons, as stacked panels over one time axis. */
public final class SimulationPlot {
    private static final int PANEL_HEIGHT = 170;
    /** The height of the potential's panel, which has spikes above it. */
    private static final int POTENTIAL_HEIGHT = 240;

    /** The height that a title adds above a panel. */
    private static final int TITLE_HEIGHT = 40;
    /** The height that labels and title of the time axis add below a panel. */
    private static final int TIME_HEIGHT = 48;

    private static final int LEAST_RASTER_HEIGHT = 110;
    private static final int MOST_RASTER_HEIGHT = 560;
    private static final int NEURON_HEIGHT = 10;

    /** The maximum number of points of a line: about two per column of pixels, so that no peak is lost. */
    private static final int MOST_POINTS = 2400;

    /** The cells of a raster: spikes in one cell are drawn as one mark. */
    private static final int RASTER_COLUMNS = 1200;

    private static final int RASTER_ROWS = 280;

    /** The space for the legend above the data, relative to the data's height. */
    private static final double HEADROOM = 0.38;

    /** The space for spikes above a potential, likewise. */
    private static final double SPIKES = 0.12;

    private static final Font LABELS = new Font(Font.SANS_SERIF, Font.PLAIN, 13);
    private static final Font Y_TITLE = new Font(Font.SANS_SERIF, Font.BOLD, 13);

    private static final float LINE_WIDTH = 1.6f;

    /** A trace as a line of a panel, if the model has it. */
    private record Line(String trace, String name, Color colour) {}

    private record Panel(String title, List<Line> lines) {}

    private static final List<Panel> PANELS = List.of(
            new Panel("input I", List.of(new Line(Traces.INPUT, "input current I", ChartStyle.INK))),
            new Panel(
                    "modulation",
                    List.of(
                            new Line(Traces.EXTERNAL_MODULATION, "external modulation m", ChartStyle.GREY),
                            new Line("modulation", "M after the transform", ChartStyle.GREEN))),
            new Panel(
                    "potential",
                    List.of(
                            new Line(Traces.MEMBRANE, "membrane potential V", ChartStyle.BLUE),
                            new Line(Traces.THRESHOLD, "threshold θ", ChartStyle.RED))),
            new Panel("p", List.of(new Line("p", "spike probability p", ChartStyle.ORANGE))),
            new Panel("current", List.of(new Line("i", "synaptic current i", ChartStyle.ORANGE))),
            new Panel(
                    "adaptation",
                    List.of(
                            new Line("adaptation", "adaptation A", ChartStyle.GREEN),
                            new Line("ahp", "after-hyperpolarization H", ChartStyle.BLUE),
                            new Line("refractory", "refractory trace R", ChartStyle.ORANGE),
                            new Line("dsp", "dynamic probability D", ChartStyle.RED),
                            new Line("efficiency", "synaptic efficiency S", ChartStyle.GREY))));

    private final Traces traces;
    private final int neuron;

    private SimulationPlot(Traces traces, int neuron) {
        this.traces = traces;
        this.neuron = neuron;
    }

    /**
     * Writes the figure: a PNG, or an SVG if the file's name says so.
     *
     * @param neuron the neuron whose potential and other traces are shown
     * @param title the title of the figure
     * @throws IndexOutOfBoundsException if there is no such neuron
     */
    public static void write(OutputFile file, Traces traces, int neuron, String title) throws IOException {
        Pictures.write(file, new SimulationPlot(traces, neuron).charts(title));
    }

    private List<XYChart> charts(String title) {
        List<XYChart> charts = new ArrayList<>();
        for (Panel panel : PANELS) {
            List<Line> lines = panel.lines().stream()
                    .filter(line -> traces.has(line.trace()))
                    .filter(line -> isShown(panel, line))
                    .toList();
            if (!lines.isEmpty()) {
                charts.add(chart(panel, lines, charts.isEmpty() ? title : ""));
            }
        }
        if (traces.neurons() > 1) {
            charts.add(rate());
        }
        charts.add(raster());
        return charts;
    }

    /** Shows a modulation only if one was given, and leaves out traces that never change because their option is off. */
    private boolean isShown(Panel panel, Line line) {
        return switch (panel.title()) {
            case "modulation" -> traces.has(Traces.EXTERNAL_MODULATION);
            case "adaptation" -> !isConstant(traces.neuron(line.trace(), neuron));
            default -> true;
        };
    }

    private static boolean isConstant(float[] values) {
        for (float value : values) {
            if (Float.compare(value, values[0]) != 0) {
                return false;
            }
        }
        return true;
    }

    private XYChart chart(Panel panel, List<Line> lines, String title) {
        boolean potential = panel.lines().getFirst().trace().equals(Traces.MEMBRANE);
        int panelHeight = potential ? POTENTIAL_HEIGHT : PANEL_HEIGHT;
        XYChart chart = panel(panelHeight + (title.isEmpty() ? 0 : TITLE_HEIGHT), title, "", panel.title());
        double least = Double.POSITIVE_INFINITY;
        double greatest = Double.NEGATIVE_INFINITY;
        for (Line line : lines) {
            for (double value : add(chart, line, traces.neuron(line.trace(), neuron))) {
                if (Double.isFinite(value)) {
                    least = Math.min(least, value);
                    greatest = Math.max(greatest, value);
                }
            }
        }
        if (least > greatest) {
            // XChart refuses an empty chart.
            chart.addSeries("no finite value", new double[] {0}, new double[] {0})
                    .setMarker(SeriesMarkers.NONE);
            return chart;
        }
        // An axis of length 0 has no numbers.
        double scale = Math.max(1, Math.abs(greatest));
        double height = greatest - least < 1e-6 * scale ? scale : greatest - least;
        chart.getStyler().setYAxisMin(least - 0.05 * height);
        chart.getStyler().setYAxisMax(greatest + (potential ? SPIKES + HEADROOM : HEADROOM) * height);
        if (potential) {
            addSpikes(chart, greatest + SPIKES * height);
        }
        return chart;
    }

    private XYChart panel(int height, String title, String xAxis, String yAxis) {
        XYChart chart = ChartStyle.chart(height, title, xAxis, yAxis);
        chart.getStyler().setChartTitleVisible(!title.isEmpty());
        if (xAxis.isEmpty()) {
            ChartStyle.withoutXAxis(chart);
        }
        chart.getStyler().setChartPadding(8);
        chart.getStyler().setAxisTickLabelsFont(LABELS);
        chart.getStyler().setAxisTitleFont(Y_TITLE);
        ChartStyle.align(chart);
        chart.getStyler().setYAxisTickMarkSpacingHint(35);
        chart.getStyler().setXAxisTickMarkSpacingHint(100);
        chart.getStyler().setDecimalPattern("0.###");
        chart.getStyler().setXAxisMin(-0.5);
        chart.getStyler().setXAxisMax(traces.steps() - 0.5);
        chart.getStyler().setLegendPosition(LegendPosition.InsideNE);
        chart.getStyler().setLegendLayout(LegendLayout.Horizontal);
        chart.getStyler().setLegendBackgroundColor(new Color(255, 255, 255, 200));
        chart.getStyler().setLegendPadding(8);
        return chart;
    }

    /** Adds a line if it is not empty, and returns its y. */
    private static double[] add(XYChart chart, Line line, float[] values) {
        double[] x = new double[Math.min(values.length, MOST_POINTS)];
        double[] y = new double[x.length];
        thin(values, x, y);
        if (Arrays.stream(y).anyMatch(Double::isFinite)) {
            XYSeries series = chart.addSeries(line.name(), x, y);
            series.setLineColor(line.colour());
            series.setLineStyle(SeriesLines.SOLID);
            series.setLineWidth(LINE_WIDTH);
            // One step makes no line.
            series.setMarker(values.length == 1 ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
            series.setMarkerColor(line.colour());
        }
        return y;
    }

    /**
     * Fills in all points or, if there are too many, the least and the greatest value of each of many equal parts. Values that are not
     * finite become NaN, a gap.
     */
    private static void thin(float[] values, double[] x, double[] y) {
        int points = x.length;
        if (points == values.length) {
            for (int t = 0; t < points; t++) {
                put(x, y, t, values, t);
            }
            return;
        }
        int parts = points / 2;
        for (int part = 0; part < parts; part++) {
            int from = (int) ((long) part * values.length / parts);
            int to = (int) ((part + 1L) * values.length / parts);
            int least = from;
            int greatest = from;
            for (int t = from; t < to; t++) {
                least = values[t] < values[least] ? t : least;
                greatest = values[t] > values[greatest] ? t : greatest;
            }
            put(x, y, 2 * part, values, Math.min(least, greatest));
            put(x, y, 2 * part + 1, values, Math.max(least, greatest));
        }
    }

    private static void put(double[] x, double[] y, int point, float[] values, int step) {
        x[point] = step;
        y[point] = Float.isFinite(values[step]) ? values[step] : Double.NaN;
    }

    /** The neuron's spikes as marks at {@code level}, above its potential; one mark per column of pixels. */
    private void addSpikes(XYChart chart, double level) {
        float[] spikes = traces.neuron(Traces.SPIKES, neuron);
        int columns = Math.min(spikes.length, RASTER_COLUMNS);
        BitSet spiking = new BitSet(columns);
        for (int t = 0; t < spikes.length; t++) {
            if (spikes[t] != 0) {
                spiking.set((int) ((long) t * columns / spikes.length));
            }
        }
        if (spiking.isEmpty()) {
            return;
        }
        double[] x = spiking.stream()
                .mapToDouble(column -> (double) column * spikes.length / columns)
                .toArray();
        double[] y = new double[x.length];
        Arrays.fill(y, level);
        XYSeries series = chart.addSeries("spikes", x, y);
        series.setXYSeriesRenderStyle(XYSeriesRenderStyle.Scatter);
        series.setMarker(SeriesMarkers.TRIANGLE_DOWN);
        series.setMarkerColor(ChartStyle.INK);
    }

    /** The share of all neurons that spike, over time. */
    private XYChart rate() {
        int[] counts = new int[traces.steps()];
        float[] spikes = traces.get(Traces.SPIKES);
        for (int i = 0; i < spikes.length; i++) {
            counts[i / traces.neurons()] += spikes[i] == 0 ? 0 : 1;
        }
        XYChart chart = panel(PANEL_HEIGHT, "", "", "rate (%)");
        SpikeRate rate = new SpikeRate(counts, traces.neurons(), SpikeRate.windowFor(traces.steps()));
        float[] values = rate.percent();
        add(chart, new Line("rate", rate.name(), ChartStyle.INK), values);
        double greatest = 1;
        for (float value : values) {
            greatest = Math.max(greatest, value);
        }
        chart.getStyler().setYAxisMin(-0.05 * greatest);
        chart.getStyler().setYAxisMax((1 + HEADROOM) * greatest);
        return chart;
    }

    private XYChart raster() {
        int steps = traces.steps();
        int neurons = traces.neurons();
        int columns = Math.min(steps, RASTER_COLUMNS);
        int rows = Math.min(neurons, RASTER_ROWS);
        BitSet cells = new BitSet(columns * rows);
        float[] all = traces.get(Traces.SPIKES);
        for (int i = 0; i < all.length; i++) {
            if (all[i] != 0) {
                long column = (long) (i / neurons) * columns / steps;
                long row = (long) (i % neurons) * rows / neurons;
                cells.set((int) (row * columns + column));
            }
        }
        int height = Math.clamp((long) NEURON_HEIGHT * neurons + TIME_HEIGHT, LEAST_RASTER_HEIGHT, MOST_RASTER_HEIGHT);
        XYChart chart = panel(height, "", "time step", neurons == 1 ? "spikes" : "neuron");
        chart.getStyler().setLegendVisible(false);
        chart.getStyler().setYAxisMin(-1.0);
        chart.getStyler().setYAxisMax((double) neurons);
        chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Scatter);
        chart.getStyler().setMarkerSize(neurons > 60 ? 3 : 5);
        double[] x = cells.stream()
                .mapToDouble(cell -> (double) (cell % columns) * steps / columns)
                .toArray();
        double[] y = cells.stream()
                .mapToDouble(cell -> (double) (cell / columns) * neurons / rows)
                .toArray();
        // Invisible points at every step: if there are few values, as for silent neurons, XChart labels these instead
        // of round numbers, and
        // it refuses an empty chart.
        double[] times = IntStream.range(0, columns)
                .mapToDouble(i -> (double) ((long) i * steps / columns))
                .toArray();
        double[] heights = new double[columns];
        Arrays.fill(heights, neurons - 0.3);
        heights[0] = -0.7;
        chart.addSeries("unseen", times, heights).setMarker(SeriesMarkers.NONE);
        if (x.length > 0) {
            XYSeries series = chart.addSeries("spikes", x, y);
            series.setMarker(SeriesMarkers.CIRCLE);
            series.setMarkerColor(ChartStyle.INK);
        }
        return chart;
    }
}
