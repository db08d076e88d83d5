// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.apache.spark.BarrierTaskContext;
import org.jspecify.annotations.Nullable;
import org.qlif.network.Adam;
import org.qlif.network.Checkpoint;
import org.qlif.network.DivergenceException;
import org.qlif.network.StepResult;
import org.qlif.network.Trainer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;

/** A task of a training's barrier stage: all epochs, or those since the newest checkpoint if the stage is repeated. */
final class FitTask
        extends AbstractFunction1<
                scala.collection.Iterator<Tuple2<Integer, LabeledRow>>, scala.collection.Iterator<FitOutcome>>
        implements Serializable {
    private static final long serialVersionUID = 1;

    private static final Logger LOG = LoggerFactory.getLogger(FitTask.class);

    private final FitPlan plan;
    private final Placement placement;

    FitTask(FitPlan plan, Placement placement) {
        this.plan = plan;
        this.placement = placement;
    }

    @Override
    public scala.collection.Iterator<FitOutcome> apply(scala.collection.Iterator<Tuple2<Integer, LabeledRow>> rows) {
        try {
            FitOutcome outcome = run(BarrierTaskContext.get(), CollectionConverters.asJava(rows));
            return CollectionConverters.asScala(
                    outcome == null
                            ? Collections.<FitOutcome>emptyIterator()
                            : List.of(outcome).iterator());
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /** The outcome in the first task, null in others. */
    private @Nullable FitOutcome run(BarrierTaskContext context, Iterator<Tuple2<Integer, LabeledRow>> rows)
            throws IOException {
        int task = context.partitionId();
        HeldRows held = HeldRows.of(rows, placement, task, plan.inputs());
        TrainingStore store = plan.store();
        // One task decides where all start, since others might see a newer file.
        String newest = task == 0 && store != null ? store.newest() : "";
        try (Mesh mesh = Mesh.join(context, newest + "\n" + (held.fault() == null ? "" : held.fault()))) {
            for (String note : mesh.notes()) {
                String fault = note.substring(note.indexOf('\n') + 1);
                if (!fault.isEmpty()) {
                    return task == 0 ? new FitOutcome(null, fault, null) : null;
                }
            }
            String first = mesh.notes().getFirst();
            String resumed = first.substring(0, first.indexOf('\n'));
            Training training = new Training(mesh, new StepRows(plan, placement, held, mesh));
            return training.run(
                    store == null || resumed.isEmpty()
                            ? null
                            : store.read(resumed).read(),
                    context.cpus());
        }
    }

    /** A run of all epochs in one task. */
    private final class Training {
        private final Mesh mesh;
        private final StepRows steps;

        Training(Mesh mesh, StepRows steps) {
            this.mesh = mesh;
            this.steps = steps;
        }

        @Nullable
        FitOutcome run(@Nullable Checkpoint saved, int threads) throws IOException {
            Adam adam = saved == null ? new Adam(plan.rate()) : saved.adam();
            double[] losses = saved == null ? new double[0] : SavedNetwork.losses(saved);
            boolean first = mesh.rank() == 0;
            try (Trainer trainer = plan.build(saved == null ? plan.newTrainer(adam) : saved.trainer(), threads)) {
                for (int epoch = losses.length; epoch < plan.epochs(); epoch++) {
                    adam.setRate(plan.rate(epoch));
                    losses = Arrays.copyOf(losses, epoch + 1);
                    losses[epoch] = train(trainer, epoch);
                    TrainingStore store = plan.store();
                    if (first && store != null && (epoch + 1) % plan.interval() == 0 && epoch + 1 < plan.epochs()) {
                        store.write(epoch + 1, training(trainer, losses));
                    }
                }
                return first ? new FitOutcome(network(trainer, losses), null, null) : null;
            } catch (DivergenceException divergence) {
                // The same in all tasks and in all attempts.
                return first
                        ? new FitOutcome(null, null, "in epoch " + losses.length + ": " + divergence.getMessage())
                        : null;
            }
        }

        /** Logs the progress of the training on this executor. */
        private void tell(int epoch, double loss, int steps, long nanos, long bytes) {
            LOG.info(String.format(
                    Locale.ROOT,
                    "epoch %d of %d: loss %.4f; a step took %.2f ms, and this task, of %d, sent %.0f kB",
                    epoch + 1,
                    plan.epochs(),
                    loss,
                    nanos * 1e-6 / steps,
                    mesh.size(),
                    bytes * 1e-3 / steps));
        }

        /** The mean loss of an epoch, from 0; the order of blocks counts epochs from 1, as in {@code ./qlif train}. */
        private double train(Trainer trainer, int epoch) throws IOException {
            int[] blocks = placement.order().blocks(epoch + 1);
            int blocksOfStep = plan.batch() / Trainer.BLOCK;
            long start = System.nanoTime();
            long sent = mesh.bytesSent();
            double loss = 0;
            for (int from = 0; from < blocks.length; from += blocksOfStep) {
                int[] some = Arrays.copyOfRange(blocks, from, Math.min(blocks.length, from + blocksOfStep));
                StepResult result = trainer.train(steps.batch(some), mesh);
                loss += result.loss() * result.rows();
            }
            loss /= placement.rows();
            if (mesh.rank() == 0) {
                int count = Math.ceilDiv(blocks.length, blocksOfStep);
                tell(epoch, loss, count, System.nanoTime() - start, mesh.bytesSent() - sent);
            }
            return loss;
        }

        private SavedNetwork training(Trainer trainer, double[] losses) throws IOException {
            Checkpoint.Place place =
                    new Checkpoint.Place(placement.rows(), placement.seed(), plan.batch(), losses.length + 1, 0);
            return SavedNetwork.of(SavedNetwork.withLosses(
                    Checkpoint.of(trainer).steps(plan.steps()).place(place), losses));
        }

        private SavedNetwork network(Trainer trainer, double[] losses) throws IOException {
            return SavedNetwork.of(SavedNetwork.withLosses(
                    Checkpoint.of(trainer.network(), plan.seed()).steps(plan.steps()), losses));
        }
    }
}
