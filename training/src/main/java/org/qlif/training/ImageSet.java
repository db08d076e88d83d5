// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.nio.file.Path;
import org.qlif.spi.Printable;

/**
 * Labelled grey images.
 *
 * @param rows the height of each
 * @param columns the width of each
 * @param pixels one byte a pixel, image by image
 * @param labels one byte an image
 * @param labelFile where the labels came from
 */
public record ImageSet(int rows, int columns, byte[] pixels, byte[] labels, Path labelFile) {
    /** The training images of {@code folder}. */
    public static ImageSet training(Path folder) throws IdxException {
        return load(folder, "train");
    }

    /** The test images of {@code folder}, which must fit the training images. */
    public static ImageSet test(Path folder, ImageSet training) throws IdxException {
        ImageSet test = load(folder, "t10k");
        if (test.rows != training.rows || test.columns != training.columns) {
            throw new IdxException(
                    folder,
                    "test images are " + test.rows + "x" + test.columns + ", expected " + training.rows + "x"
                            + training.columns + " as the training images");
        }
        if (test.maxLabel() > training.maxLabel()) {
            throw new IdxException(
                    test.labelFile,
                    "has label " + test.maxLabel() + ", expected at most " + training.maxLabel()
                            + ", the highest training label");
        }
        return test;
    }

    private static ImageSet load(Path folder, String prefix) throws IdxException {
        IdxFile images = IdxFile.find(folder, prefix + "-images-idx3-ubyte", 3);
        IdxFile labels = IdxFile.find(folder, prefix + "-labels-idx1-ubyte", 1);
        if (labels.shape()[0] != images.shape()[0]) {
            throw new IdxException(
                    labels.file(),
                    "has " + labels.shape()[0] + " labels, expected " + images.shape()[0] + ", the images in "
                            + Printable.path(images.file()));
        }
        return new ImageSet(images.shape()[1], images.shape()[2], images.elements(), labels.elements(), labels.file());
    }

    /** The number of images to use if an option has this value, where 0 means all. */
    int count(String option, int asked) {
        if (asked > count()) {
            throw new OptionException(option, asked, "at most " + count() + ", the number in " + labelFile);
        }
        return asked == 0 ? count() : asked;
    }

    /** The number of images. */
    public int count() {
        return labels.length;
    }

    /** The pixels of an image. */
    public int pixelsPerImage() {
        return rows * columns;
    }

    /** The class of an image. */
    public int label(int image) {
        return labels[image] & 0xff;
    }

    int maxLabel() {
        int max = 0;
        for (byte label : labels) {
            max = Math.max(max, label & 0xff);
        }
        return max;
    }
}
