// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.Serializable;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.SparseVector;
import org.apache.spark.ml.linalg.Vector;

/**
 * Converts features for an encoder: to levels from 0 to 255, the feature divided by the greatest one, times 255, rounded.
 *
 * @param max the greatest feature
 * @param clip whether values out of range count as the nearer bound
 */
record Levels(double max, boolean clip) implements Serializable {
    private static final long serialVersionUID = 1;

    /**
     * The levels of a row.
     *
     * @throws IllegalArgumentException if a feature is NaN, or out of range and not clipped; the message names it
     */
    byte[] of(Vector features) {
        byte[] levels = new byte[features.size()];
        switch (features) {
            case DenseVector dense -> {
                for (int i = 0; i < levels.length; i++) {
                    levels[i] = level(i, dense.apply(i));
                }
            }
            case SparseVector sparse -> {
                for (int i = 0; i < sparse.indices().length; i++) {
                    int at = sparse.indices()[i];
                    levels[at] = level(at, sparse.values()[i]);
                }
            }
            default -> throw new IllegalArgumentException("features: got a " + features.getClass());
        }
        return levels;
    }

    private byte level(int index, double feature) {
        double bounded = clip ? Math.clamp(feature, 0, max) : feature;
        if (!(bounded >= 0 && bounded <= max)) {
            throw new IllegalArgumentException("element " + index + ": got " + feature + ", expected 0 to " + max
                    + (Double.isNaN(feature) ? "" : ": set featureMax, or featureClip to clip such features"));
        }
        return (byte) Math.round(bounded * 255 / max);
    }

    /** The number of a row without an id: the first 64 bits of its levels' SHA-256. */
    static long hash(byte[] levels) {
        byte[] digest;
        try {
            digest = MessageDigest.getInstance("SHA-256").digest(levels);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every JDK has SHA-256", impossible);
        }
        long hash = 0;
        for (int i = 0; i < Long.BYTES; i++) {
            hash = hash << 8 | digest[i] & 0xff;
        }
        return hash;
    }
}
