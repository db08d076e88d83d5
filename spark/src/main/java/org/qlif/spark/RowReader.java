// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import org.apache.spark.api.java.function.Function;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/**
 * Converts rows of a DataFrame, with the columns features, label and, if there is one, id, to rows for training. Faults are recorded in the
 * row and reported on the driver.
 *
 * @param levels converts features to levels
 * @param featuresCol the features' column, for messages
 * @param labelCol the label's
 * @param idCol the id's; null if there is none
 */
record RowReader(
        Levels levels,
        String featuresCol,
        String labelCol,
        @Nullable String idCol) implements Function<Row, LabeledRow> {
    private static final long serialVersionUID = 1;

    @Override
    public LabeledRow call(Row row) {
        String where = "";
        if (idCol != null) {
            if (row.isNullAt(2)) {
                return LabeledRow.faulty(idCol + ": got null, expected a number");
            }
            where = " of the row with " + idCol + " " + row.getLong(2);
        }
        if (row.isNullAt(0)) {
            return LabeledRow.faulty(featuresCol + where + ": got null, expected a vector");
        }
        if (row.isNullAt(1)) {
            return LabeledRow.faulty(labelCol + where + ": got null, expected a class");
        }
        String fault = Classes.fault(row.getDouble(1));
        if (fault != null) {
            return LabeledRow.faulty(labelCol + where + ": " + fault);
        }
        byte[] shown;
        try {
            shown = levels.of((Vector) row.get(0));
        } catch (IllegalArgumentException outOfRange) {
            return LabeledRow.faulty(featuresCol + where + ": " + outOfRange.getMessage());
        }
        long key = idCol == null ? Levels.hash(shown) : row.getLong(2);
        return new LabeledRow(key, (int) row.getDouble(1), shown, null);
    }
}
