// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.PrintWriter;
import java.util.List;

/** Rows of text in columns as wide as their widest cell. */
final class Table {
    private static final String GAP = "  ";

    private Table() {}

    /** Prints rows, which all have the same number of cells; the last column is not padded. */
    static void print(PrintWriter out, List<List<String>> rows) {
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < row.size(); column++) {
                line.append(row.get(column));
                if (column < row.size() - 1) {
                    line.repeat(' ', width(rows, column) - row.get(column).length());
                    line.append(GAP);
                }
            }
            out.println(line.toString().stripTrailing());
        }
    }

    private static int width(List<List<String>> rows, int column) {
        return rows.stream().mapToInt(row -> row.get(column).length()).max().orElse(0);
    }
}
