// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** What the examples in the documentation assume to be there: {@link DocumentationTest}. */
public abstract class ExampleVariables {
    protected SparkSession spark;
    protected Dataset<Row> train;
    protected Dataset<Row> test;
    protected SpikingClassifier classifier;
    protected SpikingClassifierModel model;
}
