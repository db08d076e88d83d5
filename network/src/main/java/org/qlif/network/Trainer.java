// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.KernelOptions;
import org.qlif.Parameters;
import org.qlif.Statistics;
import org.qlif.Tensor;
import org.qlif.spi.host.BlockTree;
import org.qlif.spi.host.Crew;

/**
 * Trains and tests a {@link Network}. A batch is split into blocks of {@value #BLOCK} rows. One thread takes a block from spikes to
 * gradients, so that the data between layers stays in its cache; at most one thread per block has work. The blocks' gradients are added in
 * a fixed order (docs/numerics.md), so the number of threads changes no bit. Then the gradient's norm is clipped, {@link Adam} updates the
 * learned values, and neuron parameters are moved into their useful ranges ({@link Parameters#clamp}).
 *
 * <p>Spikes and draws of a training step depend on the seed, the step's index and the rows' numbers; those of a test only on the seed and
 * the rows' numbers, so every test of a row sees the same ones, in any batch.
 *
 * <pre>{@code
 * Network network = Network.builder(784).linear(512).neurons(QlifConfig.defaults()).readout(10).build();
 * PoissonEncoder encoder = new PoissonEncoder(pixels, 784, 20); // byte[60_000 * 784], each shown 20 steps
 * Loss loss = Loss.crossEntropy(labels); // int[60_000]
 * DataOrder order = new DataOrder(60_000, 42);
 * try (Trainer trainer = Trainer.builder(network).adam(new Adam(1e-3)).clip(1).seed(42).build()) {
 *     for (int epoch = 0; epoch < 5; epoch++) {
 *         int[] rows = order.epoch(epoch);
 *         for (int from = 0; from + 128 <= rows.length; from += 128) {
 *             StepResult step = trainer.train(new Batch(encoder, loss, Arrays.copyOfRange(rows, from, from + 128)));
 *             System.out.println(step.loss());
 *         }
 *     }
 *     StepResult test = trainer.test(new Batch(testEncoder, testLoss, testRows));
 *     System.out.println(test.accuracy());
 * }
 * }</pre>
 *
 * <p>Runs on the CPU unless a GPU is named. Not thread-safe; it uses threads of the team that kernels share, see {@link KernelOptions}.
 */
public final class Trainer implements AutoCloseable {
    /** The rows of a block. */
    public static final int BLOCK = BlockTree.ROWS;

    private static final long TRAINING_SPIKES = 3;
    private static final long TRAINING_DRAWS = 4;
    private static final long TEST_SPIKES = 5;
    private static final long TEST_DRAWS = 6;

    /**
     * The number of values that a thread sums or updates at a time: few enough for the first-level cache, including what belongs to them.
     */
    private static final int CHUNK = 2048;

    /** Partial sums of squares, by index. */
    private static final int LANES = 64;

    /** The minimum number of blocks whose gradients are kept until they are added. */
    private static final int LEAST_WAVE = 4;

    private final Network network;
    private final Adam adam;
    private final double clip;
    private final long seed;
    private final Crew crew;
    private final List<Worker> workers = new ArrayList<>();
    /** The number of blocks that are done before their gradients are added: a power of two, so that every wave is a subtree. */
    private final int wave;

    private final List<Gradients> blocks = new ArrayList<>();
    private final float[] gradient;
    private final double[] partialSums;
    private final BlockTree tree = new BlockTree();
    /** How the last step was shared. */
    private @Nullable SharedStep shared;

    private long step;
    /** The number of times that sums were made. */
    private long calls;

    private boolean closed;

    private Trainer(Builder builder) {
        network = builder.network;
        adam = builder.adam;
        clip = builder.clip;
        seed = builder.seed;
        step = builder.step;
        adam.requireSize(network.values().length);
        gradient = new float[network.values().length];
        partialSums = new double[Math.ceilDiv(gradient.length, CHUNK)];
        crew = new Crew(builder.options);

        wave = Math.max(LEAST_WAVE, Integer.highestOneBit(4 * crew.size() - 1));
        try {
            for (int i = 0; i < crew.size(); i++) {
                workers.add(new Worker(network, i == 0 ? ofHost(builder.device) : device()));
            }
        } catch (Throwable failure) {
            close();
            throw failure;
        }
    }

    /** A builder of a trainer of {@code network}. */
    public static Builder builder(Network network) {
        return new Builder(network);
    }

    /** The network. */
    public Network network() {
        return network;
    }

    /** The CPU unless a device was named: a network is in the host's memory, which a GPU would have to copy for every call. */
    private static Device ofHost(Device asked) {
        return asked.equals(Device.AUTO) ? Device.of("cpu") : asked;
    }

    /** The full name of the device that runs the network, such as {@code cpu:simd}. */
    public Device device() {
        return workers.getFirst().device();
    }

    /** A description for people to read. */
    public String description() {
        return crew.description() + ", each on blocks of " + BLOCK + " rows: "
                + workers.getFirst().description();
    }

    /** A builder of a trainer that continues from here, with the same network and optimizer. */
    Builder toBuilder() {
        return new Builder(network).adam(adam).clip(clip).seed(seed).step(step);
    }

    /** The number of times that sums were made; the next ones reuse their memory. */
    long calls() {
        return calls;
    }

    /** The index of the next training step, from 0. */
    public long step() {
        return step;
    }

    /**
     * Does a training step.
     *
     * @return the result for the batch, before the network learned from it
     * @throws IllegalArgumentException if input or loss don't fit the network
     * @throws DivergenceException if the loss, an output, the gradient, the square of its norm (in float32), or a learned value is not
     *     finite; except in the last case, nothing has been learned from this batch
     * @throws IllegalStateException if the trainer is closed, or the tensor of a learned parameter is not that of {@link Network#get}
     */
    public StepResult train(Batch batch) {
        return update(gradients(batch, 0, batch.blocks()));
    }

    /**
     * Does a training step together with other machines. Each of them calls this method of its own trainer, which must be at the same step
     * and have a network with the same values. Each does a run of the batch's blocks ({@link Exchange#firstBlock}) and only needs the data
     * of those rows; the batch's input and loss must have the others' rows in place, but not their values. All get the same bits as a
     * single machine that does the whole batch, and the same result except for its times.
     *
     * <p>A machine sends, and receives, about 4 V (q + 1) (K - 1) / K bytes per step, where V is the number of learned values and q the
     * number of largest subtrees in its run (docs/numerics.md): one if K and the number of blocks are powers of two.
     *
     * @param exchange how the machines send each other their sums
     * @return the result for the batch, before the network learned from it
     * @throws IOException if the exchange fails; nothing has been learned from this batch, and this trainer can't continue with the others
     * @throws IllegalArgumentException if input or loss don't fit the network, or the exchange's rank its size
     * @throws DivergenceException as {@link #train(Batch)}, on all machines
     * @throws IllegalStateException as {@link #train(Batch)}
     */
    public StepResult train(Batch batch, Exchange exchange) throws IOException {
        Objects.requireNonNull(exchange, "exchange");
        if (exchange.size() == 1) {
            return train(batch);
        }
        if (shared == null || !shared.isBy(exchange)) {
            shared = new SharedStep(exchange);
        }
        requireFits(batch);
        int blocks = batch.blocks();
        int first = Exchange.firstBlock(blocks, exchange.rank(), exchange.size());
        int end = Exchange.firstBlock(blocks, exchange.rank() + 1, exchange.size());
        long start = System.nanoTime();
        BlockSums mine = first == end ? null : subtrees(batch, first, end);
        long done = System.nanoTime();
        BlockScore score = new BlockScore(0, blocks, batch.rows().length);
        List<Statistics.@Nullable Sums> sums = newSums();
        // From here on, earlier sums of this trainer are lost.
        calls++;
        shared.complete(mine, score, sums, gradient);
        StepTimes own = mine == null ? new StepTimes(0, 0, 0, 0, 0) : mine.times();
        long ended = System.nanoTime();
        StepTimes times =
                new StepTimes(own.encoding(), own.linear(), own.neurons(), own.update() + ended - done, ended - start);
        return update(new BlockSums(this, score, sums, gradient, times));
    }

    /**
     * Computes the gradients of a range of a batch's blocks; other machines can do the rest. {@link #update} completes the step.
     *
     * @param first the first block
     * @param end the block after the last
     * @throws IllegalArgumentException if input or loss don't fit the network
     * @throws IndexOutOfBoundsException unless 0 &lt;= first &lt; end &lt;= blocks of the batch
     * @throws IllegalStateException if the trainer is closed
     */
    public BlockSums gradients(Batch batch, int first, int end) {
        long start = System.nanoTime();
        requireFits(batch);
        if (first < 0 || end <= first || end > batch.blocks()) {
            throw new IndexOutOfBoundsException("first, end: got " + first + ", " + end
                    + ", expected 0 <= first < end <= " + batch.blocks() + ", the blocks of the batch");
        }
        if (end - first == batch.blocks() && batch.blocks() <= wave) {
            calls++;
            workers.forEach(Worker::start);
            BlockScore score = new BlockScore(first, end - first, batch.rows().length);
            run(batch, first, end, score);
            long ran = System.nanoTime();
            addBlocks(0, end, gradient);
            return new BlockSums(this, score, statistics(), gradient, times(start, System.nanoTime() - ran));
        }
        return subtrees(batch, first, end);
    }

    /** The gradients of a range of blocks, summed in the largest subtrees. */
    private BlockSums subtrees(Batch batch, int first, int end) {
        long start = System.nanoTime();
        calls++;
        workers.forEach(Worker::start);
        BlockScore score = new BlockScore(first, end - first, batch.rows().length);
        tree.start(gradient.length, first);
        long addNanos = 0;
        for (int at = first; at < end; ) {
            // Up to the next multiple of the wave, so that later waves are subtrees.
            int to = Math.min(end, (at / wave + 1) * wave);
            run(batch, at, to, score);
            long ran = System.nanoTime();
            addSubtrees(at, to);
            addNanos += System.nanoTime() - ran;
            at = to;
        }
        return new BlockSums(this, batch.blocks(), score, statistics(), tree, times(start, addNanos));
    }

    /** The workers' sums of the neurons' final states. They are exact, so it does not matter which worker did which block. */
    private List<Statistics.@Nullable Sums> statistics() {
        List<Statistics.@Nullable Sums> all = newSums();
        for (Worker worker : workers) {
            BlockSums.add(all, worker.sums());
        }
        return all;
    }

    /** New sums without rows, for each layer of neurons. */
    private List<Statistics.@Nullable Sums> newSums() {
        List<Statistics.@Nullable Sums> all = new ArrayList<>();
        for (Layer layer : network.layers()) {
            if (layer instanceof Layer.Neurons neurons) {
                all.add(neurons.newSums());
            }
        }
        return all;
    }

    /** Runs blocks {@code first} to {@code end}, exclusive, forward and backward. */
    private void run(Batch batch, int first, int end, BlockScore score) {
        while (blocks.size() < end - first) {
            blocks.add(new Gradients(network.learnables(), gradient.length));
        }
        long spikeKey = Mix.key(seed, TRAINING_SPIKES, step);
        long drawKey = Mix.key(seed, TRAINING_DRAWS, step);
        parallel(
                end - first,
                (member, part) -> workers.get(member)
                        .train(batch, first + (int) part, spikeKey, drawKey, score, blocks.get((int) part)));
    }

    /** Adds the subtrees that blocks {@code first} to {@code end}, exclusive, form, once their gradients are complete. */
    private void addSubtrees(int first, int end) {
        for (int at = first; at < end; ) {
            int size = at == 0 ? Integer.highestOneBit(end) : Integer.lowestOneBit(at);
            while (at + size > end) {
                size /= 2;
            }
            float[] sum = blocks.get(at - first).values;
            addBlocks(at - first, at - first + size, sum);
            tree.addSubtree(Integer.numberOfTrailingZeros(size), sum, 0);
            at += size;
        }
    }

    /** Sums the gradients of blocks, in pieces that stay in the cache: elements are independent of each other. */
    private void addBlocks(int from, int to, float[] sum) {
        chunks((member, at, count) -> {
            BlockTree part = workers.get(member).tree;
            part.start(count, 0);
            for (int i = from; i < to; i++) {
                part.add(blocks.get(i).values, at);
            }
            System.arraycopy(part.sum(), 0, sum, at, count);
        });
    }

    /**
     * Completes a training step with the sums of all blocks of its batch.
     *
     * @return the result for the batch, before the network learned from it
     * @throws IllegalArgumentException if the sums belong to another network or step
     * @throws IllegalStateException if they are not of all blocks, their trainer has made other sums since, or this trainer is closed
     * @throws DivergenceException as {@link #train}
     */
    public StepResult update(BlockSums sums) {
        long start = System.nanoTime();
        requireOpen();
        Objects.requireNonNull(sums, "sums").requireCurrent("sums");
        if (sums.step() != step || !sums.network().isLike(network)) {
            throw new IllegalArgumentException("sums: got " + sums + " of " + sums.network()
                    + ", expected those of step " + step + " of " + network);
        }
        network.requireLearnedInPlace();
        adam.requireSize(gradient.length);
        float[] sum = sums.sum();
        double loss = sums.score().meanLoss();
        if (!Double.isFinite(loss)) {
            throw new DivergenceException("the loss is " + loss);
        }
        double norm = norm(sum);
        boolean cut = clip != 0 && norm > clip;
        // Adam's second moments would become infinite, and their values would never change again.
        if (!(Math.pow(cut ? clip : norm, 2) <= Float.MAX_VALUE)) {
            throw new DivergenceException("the norm of the gradients is " + norm);
        }
        // The statistics and the values change from here on.
        for (int i = 0; i < sums.statistics().size(); i++) {
            Statistics statistics = network.neurons(2 * i + 1).statistics();
            Statistics.Sums ended = sums.statistics().get(i);
            if (statistics != null && ended != null) {
                statistics.update(ended);
            }
        }
        adam.begin(gradient.length);
        float scale = cut ? (float) (clip / norm) : 1;
        chunks((_, at, count) -> adam.update(network.values(), sum, scale, at, at + count));
        // Counted before the check, since Adam has counted, too.
        step++;
        requireFinite();
        clamp();
        StepTimes spent = sums.times();
        long nanos = System.nanoTime() - start;
        StepTimes times = new StepTimes(
                spent.encoding(), spent.linear(), spent.neurons(), spent.update() + nanos, spent.whole() + nanos);
        return new StepResult(sums.score().rows(), loss, sums.score().right(), times);
    }

    /**
     * The norm of all gradients together: squares in float64, in each run of {@value #CHUNK} values 64 sums by the index, added by halving; then
     * the runs' sums from first to last.
     */
    private double norm(float[] values) {
        chunks((_, at, count) -> partialSums[at / CHUNK] = squares(values, at, count));
        double sum = 0;
        for (double part : partialSums) {
            sum += part;
        }
        return Math.sqrt(sum);
    }

    private static double squares(float[] values, int at, int count) {
        double[] lanes = new double[LANES];
        int i = 0;
        for (; i + LANES <= count; i += LANES) {
            addSquares(lanes, values, at + i, LANES);
        }
        addSquares(lanes, values, at + i, count - i);
        for (int half = LANES / 2; half > 0; half /= 2) {
            for (int lane = 0; lane < half; lane++) {
                lanes[lane] += lanes[lane + half];
            }
        }
        return lanes[0];
    }

    private static void addSquares(double[] lanes, float[] values, int at, int count) {
        for (int lane = 0; lane < count; lane++) {
            double value = values[at + lane];
            lanes[lane] += value * value;
        }
    }

    /** Called before the values are clamped, which would make an infinity finite. */
    private void requireFinite() {
        float[] values = network.values();
        if (Double.isFinite(norm(values))) {
            return;
        }
        for (Learnable learnable : network.learnables()) {
            for (int i = learnable.at(); i < learnable.at() + learnable.length(); i++) {
                if (!Float.isFinite(values[i])) {
                    throw new DivergenceException(learnable.name() + "[" + (i - learnable.at()) + "] is " + values[i]);
                }
            }
        }
    }

    private void clamp() {
        for (Layer layer : network.layers()) {
            if (layer instanceof Layer.Neurons neurons) {
                Parameters learned = Parameters.none(neurons.config());
                for (Layer.Learned each : neurons.learned()) {
                    learned.set(each.parameter(), neurons.parameters().get(each.parameter()));
                }
                learned.clamp(neurons.config());
            }
        }
    }

    /**
     * Tests the network without changing it.
     *
     * @throws IllegalArgumentException if input or loss don't fit the network
     * @throws DivergenceException if the loss or an output is not finite
     * @throws IllegalStateException if the trainer is closed
     */
    public StepResult test(Batch batch) {
        long start = System.nanoTime();
        requireFits(batch);
        workers.forEach(Worker::start);
        BlockScore score = new BlockScore(0, batch.blocks(), batch.rows().length);
        long spikeKey = Mix.key(seed, TEST_SPIKES, 0);
        long drawKey = Mix.key(seed, TEST_DRAWS, 0);
        parallel(
                batch.blocks(),
                (member, block) -> workers.get(member).test(batch, (int) block, spikeKey, drawKey, score));
        double loss = score.meanLoss();
        if (!Double.isFinite(loss)) {
            throw new DivergenceException("the loss is " + loss);
        }
        return new StepResult(batch.rows().length, loss, score.right(), times(start, 0));
    }

    /**
     * The outputs of the network for a batch, as in a test: row by row, {@code (B, outputs)}.
     *
     * @throws IllegalArgumentException if input or loss don't fit the network, or the outputs are too many for an array
     * @throws IllegalStateException if the trainer is closed
     */
    public float[] outputs(Batch batch) {
        requireFits(batch);
        int outputs = network.outputs();
        float[] all = Tensor.zeros(DType.F32, batch.rows().length, outputs).toFloatArray();
        long spikeKey = Mix.key(seed, TEST_SPIKES, 0);
        long drawKey = Mix.key(seed, TEST_DRAWS, 0);
        parallel(batch.blocks(), (member, part) -> {
            int block = (int) part;
            float[] logits = workers.get(member).test(batch, block, spikeKey, drawKey, null);
            System.arraycopy(logits, 0, all, block * BLOCK * outputs, batch.rowsOf(block) * outputs);
        });
        return all;
    }

    /**
     * The spikes of the neurons at a position for the first rows of a batch, as in a test: {@code U8 (T, B, N)}, B at most {@value #BLOCK}.
     *
     * @throws IllegalArgumentException if input or loss don't fit the network, or there are no neurons at this position
     * @throws IllegalStateException if the trainer is closed
     */
    public Tensor spikes(Batch batch, int position) {
        requireFits(batch);
        Layer.Neurons neurons = network.neurons(position);
        Tensor spikes = Tensor.zeros(DType.U8, batch.input().steps(), batch.rowsOf(0), neurons.neurons());
        workers.getFirst()
                .spikes(batch, 0, Mix.key(seed, TEST_SPIKES, 0), Mix.key(seed, TEST_DRAWS, 0), position / 2, spikes);
        return spikes;
    }

    /**
     * The input of the first rows of a batch as spikes, as in a test: {@code BIT (T, B, K)}, B at most {@value #BLOCK}.
     *
     * @throws IllegalArgumentException if input or loss don't fit the network
     * @throws IllegalStateException if the trainer is closed
     */
    public Tensor inputSpikes(Batch batch) {
        requireFits(batch);
        Tensor spikes = Tensor.zeros(DType.BIT, batch.input().steps(), batch.rowsOf(0), network.inputs());
        batch.input().encode(Mix.key(seed, TEST_SPIKES, 0), batch.rows(), 0, batch.rowsOf(0), spikes);
        return spikes;
    }

    private void requireFits(Batch batch) {
        requireOpen();
        network.requireLearnedInPlace();
        SpikeInput input = Objects.requireNonNull(batch, "batch").input();
        if (input.width() != network.inputs()) {
            throw new IllegalArgumentException("input: got width " + input.width() + ", expected " + network.inputs()
                    + ", the inputs of the network");
        }
        Checks.atLeast("steps of the input", input.steps(), 1);
        batch.loss().requireOutputs(network.outputs());
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this trainer is closed");
        }
    }

    private StepTimes times(long start, long updateNanos) {
        long encoding = 0;
        long linear = 0;
        long neurons = 0;
        for (Worker worker : workers) {
            encoding += worker.encodingNanos;
            linear += worker.linearNanos;
            neurons += worker.neuronNanos;
        }
        int threads = workers.size();
        return new StepTimes(
                encoding / threads, linear / threads, neurons / threads, updateNanos, System.nanoTime() - start);
    }

    /** Processes a run of values. */
    @FunctionalInterface
    private interface ChunkJob {
        void run(int member, int at, int count);
    }

    private void chunks(ChunkJob job) {
        parallel(partialSums.length, (member, part) -> {
            int at = (int) part * CHUNK;
            job.run(member, at, Math.min(CHUNK, gradient.length - at));
        });
    }

    private void parallel(long parts, Crew.Job job) {
        int members = crew.muster(parts, false, false);
        try {
            crew.run(job, parts, members);
        } finally {
            crew.dismiss(members);
        }
    }

    /** Releases kernels and threads. Closing twice is harmless. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            List<AutoCloseable> held = new ArrayList<>(workers);
            held.add(crew);
            Closing.all(held);
        }
    }

    /** The network, the device and the step. */
    @Override
    public String toString() {
        return "Trainer[" + network + (closed ? ", closed" : " on " + device()) + ", step " + step + "]";
    }

    /**
     * Builds a trainer.
     *
     * <pre>{@code
     * Trainer resumed = Trainer.builder(network)
     *         .adam(adam) // with its earlier moments
     *         .step(adam.steps())
     *         .seed(42)
     *         .device("cpu")
     *         .options(KernelOptions.defaults().withThreads(4))
     *         .build();
     * }</pre>
     */
    public static final class Builder {
        private final Network network;
        private Adam adam = new Adam(1e-3);
        private double clip;
        private long seed;
        private long step;
        private Device device = Device.AUTO;
        private KernelOptions options = KernelOptions.defaults();

        private Builder(Network network) {
            this.network = Objects.requireNonNull(network, "network");
        }

        /** Sets the optimizer, which no other trainer may use; Adam with a learning rate of 1e-3 unless set. */
        public Builder adam(Adam adam) {
            this.adam = Objects.requireNonNull(adam, "adam");
            return this;
        }

        /**
         * Sets the norm to which all gradients together are clipped; 0, the default, for no clipping.
         *
         * @throws IllegalArgumentException if it is negative, or in float32 infinite, NaN or rounded to 0
         */
        public Builder clip(double norm) {
            if (!(norm == 0 || (float) norm > 0 && (float) norm < Float.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException(
                        "norm: got " + norm + ", expected a finite norm > 0 in float32, or 0 for no clipping");
            }
            this.clip = norm;
            return this;
        }

        /** Sets the seed of spikes and draws, any number; 0 unless set. */
        public Builder seed(long seed) {
            this.seed = seed;
            return this;
        }

        /**
         * Sets the index of the first training step, to continue where another trainer stopped; 0 unless set.
         *
         * @throws IllegalArgumentException if it is negative
         */
        public Builder step(long step) {
            Checks.atLeast("step", step, 0);
            this.step = step;
            return this;
        }

        /**
         * Sets the device that runs the whole network; {@code auto} unless set, which here only chooses among those of the CPU. A GPU also
         * runs it if you name one, with the same bits, but every call copies its inputs, including the weights, to the GPU, and its results
         * back.
         *
         * @throws IllegalArgumentException if the name is malformed
         */
        public Builder device(String device) {
            this.device = Device.of(device);
            return this;
        }

        /** Sets how many threads share a step, and where they come from; {@link KernelOptions#defaults} unless set. */
        public Builder options(KernelOptions options) {
            this.options = Objects.requireNonNull(options, "options");
            return this;
        }

        Network network() {
            return network;
        }

        Adam adam() {
            return adam;
        }

        double clip() {
            return clip;
        }

        long seed() {
            return seed;
        }

        long step() {
            return step;
        }

        /**
         * Builds the trainer, which the caller closes.
         *
         * @throws IllegalArgumentException if no installed backend knows the device, none that the name can mean can run the whole network,
         *     or the optimizer has moments of another network
         * @throws org.qlif.DeviceUnavailableException if the device can't run here
         */
        public Trainer build() {
            return new Trainer(this);
        }
    }
}
