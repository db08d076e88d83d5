// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/** Losses and hits over the steps of an epoch. Not thread-safe. */
final class TrainingScore {
    private double loss;
    private int correct;
    private int images;

    TrainingScore() {}

    /** The results of an epoch after {@code images} images. */
    TrainingScore(double loss, int correct, int images) {
        this.loss = loss;
        this.correct = correct;
        this.images = images;
    }

    TrainingScore copy() {
        return new TrainingScore(loss, correct, images);
    }

    void add(TrainingRun.Outcome outcome, int batch) {
        loss += outcome.loss() * batch;
        correct += outcome.correct();
        images += batch;
    }

    /** The sum of the images' losses. */
    double loss() {
        return loss;
    }

    int correct() {
        return correct;
    }

    double meanLoss() {
        return loss / images;
    }

    double accuracy() {
        return (double) correct / images;
    }
}
