// SPDX-License-Identifier: Apache-2.0
/** Spiking classifiers as stages of Apache Spark's ML pipelines, with results that do not depend on the cluster. */
@NullMarked
package org.qlif.spark;

import org.jspecify.annotations.NullMarked;
