// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.awt.Color;
import java.awt.Font;
import java.util.Locale;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;

/** The style of this module's charts. */
final class ChartStyle {
    /** The width of all charts, so that they can be stacked. */
    static final int WIDTH = 1200;

    static final Color ORANGE = new Color(0xE0, 0x8A, 0x1E);
    static final Color BLUE = new Color(0x1F, 0x5F, 0xA8);
    static final Color GREEN = new Color(0x2E, 0x8B, 0x57);
    static final Color RED = new Color(0xB8, 0x3A, 0x4B);
    static final Color GREY = new Color(0x9A, 0xA5, 0xB1);
    static final Color INK = new Color(0x1F, 0x2A, 0x44);

    private static final Color GRID = new Color(0xE4, 0xE7, 0xEB);
    private static final Font TITLE_FONT = new Font(Font.SANS_SERIF, Font.BOLD, 18);
    static final Font AXIS_FONT = new Font(Font.SANS_SERIF, Font.BOLD, 15);
    private static final Font LABEL_FONT = new Font(Font.SANS_SERIF, Font.PLAIN, 14);

    /** The width of a y axis's title and numbers. */
    private static final int LEFT_WIDTH = 90;

    private ChartStyle() {}

    static XYChart chart(int height, String title, String xAxis, String yAxis) {
        return chart(WIDTH, height, title, xAxis, yAxis);
    }

    /** A chart that shares a row with others. */
    static XYChart chart(int width, int height, String title, String xAxis, String yAxis) {
        XYChart chart = new XYChartBuilder()
                .width(width)
                .height(height)
                .title(title)
                .xAxisTitle(xAxis)
                .yAxisTitle(yAxis)
                .build();
        chart.getStyler().setLocale(Locale.ROOT);
        chart.getStyler().setChartTitleFont(TITLE_FONT);
        chart.getStyler().setAxisTitleFont(AXIS_FONT);
        chart.getStyler().setAxisTickLabelsFont(LABEL_FONT);
        chart.getStyler().setLegendFont(LABEL_FONT);
        chart.getStyler().setLegendBorderColor(Color.WHITE);
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        chart.getStyler().setPlotBackgroundColor(Color.WHITE);
        chart.getStyler().setPlotGridLinesColor(GRID);
        chart.getStyler().setChartTitleBoxVisible(false);
        chart.getStyler().setChartTitlePadding(12);
        chart.getStyler().setChartPadding(16);
        chart.getStyler().setAntiAlias(true);
        return chart;
    }

    /** Aligns the plot areas of stacked charts. */
    static void align(XYChart chart) {
        chart.getStyler().setYAxisLeftWidthHint(LEFT_WIDTH);
        chart.getStyler().setPlotContentSize(1);
        chart.getStyler().setPlotMargin(0);
    }

    /** Hides the x axis of a chart that is above another one with the same axis. */
    static void withoutXAxis(XYChart chart) {
        chart.getStyler().setXAxisTitleVisible(false);
        chart.getStyler().setXAxisTicksVisible(false);
    }

    /** Puts the legend where it covers no data. */
    static void legendBelow(XYChart chart) {
        chart.getStyler().setLegendPosition(LegendPosition.OutsideS);
        chart.getStyler().setLegendLayout(LegendLayout.Horizontal);
    }
}
