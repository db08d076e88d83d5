// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.Serializable;
import java.util.Set;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.qlif.Device;
import scala.Function1;

/** The params that a classifier and its model have beyond Spark's own. */
final class SharedParams implements Serializable {
    private static final long serialVersionUID = 1;

    private final Params owner;
    final Param<String> idCol;
    final DoubleParam featureMax;
    final BooleanParam featureClip;
    final Param<String> device;

    SharedParams(Params owner) {
        this.owner = owner;
        idCol = new Param<>(
                owner,
                "idCol",
                "column of whole numbers that tell rows apart, each of which has one of its own: a row's spikes and draws follow from it."
                        + " Without one they follow from the row's content");
        featureMax = new DoubleParam(
                owner,
                "featureMax",
                "the greatest feature, at which an input spikes at every time step; features are 0 to this and are rounded to a 255th of it",
                number("featureMax", value -> value > 0 && value <= Double.MAX_VALUE, "a finite number above 0"));
        featureClip = new BooleanParam(
                owner,
                "featureClip",
                "whether a feature below 0 counts as 0 and one above featureMax as featureMax; otherwise such a row is refused");
        device = new Param<>(
                owner,
                "device",
                "what a task computes on: cpu, which is the best that is there, or cpu:simd, cpu:native, cpu:scalar; all give the same bits",
                new Checked<>(
                        "device",
                        text -> Device.of(text).toString().startsWith("cpu"),
                        "cpu, cpu:simd, cpu:native or cpu:scalar"));
        owner.setDefault(featureMax, 1.0);
        owner.setDefault(featureClip, false);
        owner.setDefault(device, "cpu");
    }

    /** The check of a param of real numbers; NaN fails every comparison. */
    static Function1<Object, Object> number(String name, Checked.Test<Double> test, String expected) {
        return new Checked<>(name, value -> test.test((Double) value), expected);
    }

    /** The id column, or null if there is none. */
    @Nullable
    String idCol() {
        return owner.isDefined(idCol) ? owner.getOrDefault(idCol) : null;
    }

    Levels levels() {
        return new Levels((Double) owner.getOrDefault(featureMax), (Boolean) owner.getOrDefault(featureClip));
    }

    /** Throws if an id column is named that is missing or doesn't have whole numbers. */
    void requireIds(StructType schema) {
        String name = idCol();
        if (name == null) {
            return;
        }
        if (!schema.getFieldIndex(name).isDefined()) {
            throw new IllegalArgumentException(
                    "idCol: got '" + name + "', expected one of the columns " + String.join(", ", schema.fieldNames()));
        }
        String type = schema.apply(name).dataType().typeName();
        if (!Set.of("byte", "short", "integer", "long").contains(type)) {
            throw new IllegalArgumentException("idCol: column '" + name + "' is of type " + type
                    + ", expected one of whole numbers: byte, short, integer or long");
        }
    }
}
