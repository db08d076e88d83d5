// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import org.apache.spark.sql.SparkSession;

/** Spark in this process, on loopback alone. */
final class Sessions {
    private Sessions() {}

    static SparkSession local(int slots) {
        return SparkSession.builder()
                .master("local[" + slots + "]")
                .appName("test")
                .config("spark.ui.enabled", false)
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.sql.shuffle.partitions", 4)
                .getOrCreate();
    }
}
