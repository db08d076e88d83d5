package org.qlif.conformance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;
import org.qlif.State;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * Runs golden cases on a device, forward and backward and with each kind of tape, and compares everything that they expect:
 * spikes exactly, the rest within the bounds that the README beside the files gives.
 */
public final class GoldenVerifier {
    private static final String SUFFIX = ".safetensors";
    private static final String EXPECT = "expect_";
    private static final String EXPECT_FINAL = "expect_final_";
    private static final String EXPECT_GRAD = "expect_grad_";
    private static final String EXPECT_GRAD_STATE = "expect_grad_state_";
    private static final String GRAD_FINAL = "grad_final_";
    private static final String INITIAL = "initial_";
    private static final String PARAM = "param_";

    private static final String UNIFORMS = "uniforms";

    /**
     * The most elements of a tensor, about a hundred times those of the largest golden case. A shape with an extent of 0 takes no
     * bytes in a file, but a run over it can take memory by the other extents, so that 0 counts as 1.
     */
    private static final long MAX_ELEMENTS = 1 << 20;

    /** The most wires, by which uniforms may outnumber the rest. */
    private static final long MAX_WIRES = 64;

    /** What a QLIF case can bring besides what it expects. */
    private static final Set<String> INPUTS = inputs();

    private static Set<String> inputs() {
        Set<String> names = new HashSet<>(Set.of("input", UNIFORMS, "normals", "modulation", "grad_y", "grad_v"));
        for (QlifParameter parameter : QlifParameter.values()) {
            names.add(PARAM + parameter.symbol());
        }
        for (QlifVariable variable : QlifVariable.values()) {
            names.add(INITIAL + variable.symbol());
            names.add(GRAD_FINAL + variable.symbol());
        }
        return Set.copyOf(names);
    }

    private final Device device;
    private final KernelOptions options;

    /** A verifier of {@code device}, whose kernels run with {@code options}. */
    public GoldenVerifier(Device device, KernelOptions options) {
        this.device = Objects.requireNonNull(device, "device");
        this.options = Objects.requireNonNull(options, "options");
    }

    /**
     * The golden files that {@code paths} stand for: files as they are, folders for the {@code .safetensors} files below them,
     * by name.
     *
     * @throws NoSuchFileException if a path does not exist or a folder has no golden file
     */
    public static List<Path> find(List<Path> paths) throws IOException {
        List<Path> files = new ArrayList<>();
        for (Path path : paths) {
            if (!Files.isDirectory(path)) {
                if (!Files.exists(path)) {
                    throw new NoSuchFileException(path.toString(), null, "no such file or folder");
                }
                files.add(path);
                continue;
            }
            try (Stream<Path> below = Files.walk(path)) {
                List<Path> found = below.filter(file -> file.toString().endsWith(SUFFIX))
                        .sorted()
                        .toList();
                if (found.isEmpty()) {
                    throw new NoSuchFileException(path.toString(), null, "no " + SUFFIX + " file in this folder");
                }
                files.addAll(found);
            }
        }
        return files;
    }

    /** Verifies {@code files}, tells {@code each} of every result as it comes, and counts. */
    public GoldenSummary verify(List<Path> files, Consumer<GoldenResult> each) {
        GoldenSummary summary = new GoldenSummary(0, 0, 0);
        for (Path file : files) {
            GoldenResult result = verify(file);
            each.accept(result);
            summary = summary.plus(result);
        }
        return summary;
    }

    /** Verifies one file. Whatever goes wrong with it, short of an {@link Error}, is a failed result. */
    public GoldenResult verify(Path file) {
        String name = file.toString();
        try {
            GoldenCase golden = GoldenCase.read(file);
            name = golden.name();
            return switch (golden.model()) {
                case QLIF -> new QlifCase(golden).verify();
                case RNG -> verifyDraws(golden);
                case LIF ->
                    new GoldenResult(name, GoldenResult.Outcome.SKIPPED, 0, null, null, "the LIF model has no kernel");
            };
        } catch (IOException | RuntimeException problem) {
            return new GoldenResult(
                    name,
                    GoldenResult.Outcome.FAILED,
                    0,
                    null,
                    null,
                    problem.getClass().getSimpleName() + ": " + problem.getMessage());
        }
    }

    /** Throws if the case is too large to be one: before anything is allocated for it. */
    private static void requireBounded(GoldenCase golden) {
        Safetensors tensors = golden.tensors();
        for (String name : tensors.names()) {
            long allowed = name.endsWith(UNIFORMS) ? MAX_ELEMENTS * MAX_WIRES : MAX_ELEMENTS;
            long left = allowed;
            for (long extent : tensors.shape(name)) {
                left /= Math.max(extent, 1);
            }
            if (left == 0) {
                throw golden.problem("tensor '" + name + "': got the shape " + Arrays.toString(tensors.shape(name))
                        + ", expected at most " + allowed + " elements, counting an extent of 0 as 1");
            }
        }
    }

    private GoldenResult verifyDraws(GoldenCase golden) {
        requireBounded(golden);
        Safetensors tensors = golden.tensors();
        Tensor uniforms = unwritten(tensors.shape("expect_uniforms"));
        Tensor normals = unwritten(tensors.shape("expect_normals"));
        try (Kernel kernel = Kernel.open(QlifConfig.defaults(), device, options)) {
            kernel.draw(golden.draws(), golden.firstStep(), uniforms, normals);
        }
        Comparison comparison = new Comparison();
        comparison.uniforms(tensors.floats("expect_uniforms"), uniforms.toFloatArray());
        comparison.normals(tensors.floats("expect_normals"), normals.toFloatArray());
        return comparison.result(golden.name());
    }

    /** NaN everywhere, which fails wherever a kernel forgets to write. */
    private static Tensor unwritten(long... shape) {
        Tensor tensor = Tensor.zeros(DType.F32, shape);
        tensor.fill(Float.NaN);
        return tensor;
    }

    /** A case of the QLIF model: its memory, and the runs over it. */
    private final class QlifCase {
        private final GoldenCase golden;
        private final Safetensors tensors;
        private final QlifConfig config;
        private final Comparison comparison = new Comparison();
        private final long[] shape;

        QlifCase(GoldenCase golden) {
            this.golden = golden;
            this.tensors = golden.tensors();
            this.config = golden.config();
            this.shape = tensors.shape("input");
            if (shape.length != 3) {
                throw golden.problem(
                        "tensor 'input': got the shape " + Arrays.toString(shape) + ", expected (T, B, N)");
            }
        }

        GoldenResult verify() {
            requireBounded(golden);
            if (tensors.names().stream().noneMatch(name -> name.startsWith(EXPECT))) {
                throw golden.problem("got no tensor '" + EXPECT + "*': nothing to compare");
            }
            for (String name : tensors.names()) {
                // A misspelt tensor would otherwise go unused, and the case pass for another one.
                if (!name.startsWith(EXPECT) && !INPUTS.contains(name)) {
                    throw golden.problem("tensor '" + name + "': no such input of a QLIF case");
                }
            }
            try (Kernel kernel = Kernel.open(config, device, options)) {
                for (Tape.Mode mode : Tape.Mode.values()) {
                    try (Tape tape = kernel.newTape(mode, shape[0], shape[1], shape[2])) {
                        Forward forward = forward(tape);
                        kernel.forward(forward);
                        Backward backward = backward(forward);
                        kernel.backward(backward);
                        compare(forward, backward, mode);
                    }
                }
            }
            return comparison.result(golden.name());
        }

        private Forward forward(Tape tape) {
            Parameters parameters = Parameters.none(config);
            for (QlifParameter parameter : QlifParameter.values()) {
                parameters.set(parameter, tensor(PARAM + parameter.symbol()));
            }
            Forward forward = new Forward()
                    .input(tensor("input"))
                    .parameters(parameters)
                    .finalState(unwrittenState())
                    .spikes(Tensor.zeros(DType.U8, shape))
                    .spikeValues(unwritten(shape))
                    .voltages(unwritten(shape))
                    .tape(tape);
            if (tensors.has("modulation")) {
                forward.modulation(tensor("modulation"));
            }
            // A case may bring draws that its configuration does not take; a kernel refuses those.
            if (config.uniformsPerStep() > 0) {
                forward.uniforms(tensor(UNIFORMS));
            }
            if (config.drawsNormals()) {
                forward.normals(tensor("normals"));
            }
            if (anyState(INITIAL)) {
                forward.initialState(state(INITIAL, State.initial(config, shape[1], shape[2])));
            }
            for (QlifTrace trace : QlifTrace.values()) {
                if (tensors.has(EXPECT + trace.symbol())) {
                    forward.trace(trace, unwritten(shape));
                }
            }
            return forward;
        }

        private Backward backward(Forward forward) {
            Parameters gradients = Parameters.zerosLike(forward.parameters());
            for (QlifParameter parameter : QlifParameter.values()) {
                gradients.get(parameter).fill(Float.NaN);
            }
            Backward backward = new Backward(forward)
                    .gradInput(unwritten(shape))
                    .gradParameters(gradients)
                    .gradInitialState(unwrittenState());
            if (tensors.has("grad_y")) {
                backward.gradSpikeValues(tensor("grad_y"));
            }
            if (tensors.has("grad_v")) {
                backward.gradVoltages(tensor("grad_v"));
            }
            if (anyState(GRAD_FINAL)) {
                backward.gradFinalState(state(GRAD_FINAL, State.zeros(config, shape[1], shape[2])));
            }
            if (forward.modulation() != null) {
                backward.gradModulation(unwritten(tensors.shape("modulation")));
            }
            return backward;
        }

        private void compare(Forward forward, Backward backward, Tape.Mode mode) {
            for (String name : tensors.names()) {
                String shown = name + " (tape " + mode + ")";
                if (name.startsWith(EXPECT_GRAD)) {
                    comparison.gradient(shown, expected(name), matching(name, gradient(name, backward)));
                } else if (name.equals(EXPECT + "spikes")) {
                    Tensor spikes = forward.spikes(DType.U8);
                    requireShape(name, spikes.shape());
                    comparison.spikes(shown, tensors.bytes(name), spikes.toByteArray());
                } else if (name.startsWith(EXPECT)) {
                    comparison.forward(shown, expected(name), matching(name, result(name, forward)));
                }
            }
        }

        private float[] expected(String name) {
            return tensors.floats(name);
        }

        private float[] matching(String name, Tensor result) {
            if (result == null) {
                throw golden.problem("tensor '" + name + "': no kernel computes this");
            }
            requireShape(name, result.shape());
            return result.toFloatArray();
        }

        private void requireShape(String name, long[] expected) {
            if (!Arrays.equals(tensors.shape(name), expected)) {
                throw golden.problem("tensor '" + name + "': got the shape " + Arrays.toString(tensors.shape(name))
                        + ", expected " + Arrays.toString(expected));
            }
        }

        /** What the forward run wrote for {@code name}, or null if it is nothing that a run writes. */
        private Tensor result(String name, Forward forward) {
            if (name.equals(EXPECT + "spike_values")) {
                return forward.spikeValues();
            }
            if (name.equals(EXPECT + "v")) {
                return forward.voltages();
            }
            for (QlifVariable variable : QlifVariable.values()) {
                if (name.equals(EXPECT_FINAL + variable.symbol())) {
                    return forward.finalState().get(variable);
                }
            }
            for (QlifTrace trace : QlifTrace.values()) {
                if (name.equals(EXPECT + trace.symbol())) {
                    return forward.trace(trace);
                }
            }
            return null;
        }

        /** What the backward run wrote for {@code name}, or null if it is nothing that a run writes. */
        private Tensor gradient(String name, Backward backward) {
            if (name.equals(EXPECT_GRAD + "input")) {
                return backward.gradInput();
            }
            if (name.equals(EXPECT_GRAD + "modulation")) {
                return backward.gradModulation();
            }
            for (QlifParameter parameter : QlifParameter.values()) {
                if (name.equals(EXPECT_GRAD + parameter.symbol())) {
                    return backward.gradParameters().get(parameter);
                }
            }
            for (QlifVariable variable : QlifVariable.values()) {
                if (name.equals(EXPECT_GRAD_STATE + variable.symbol())) {
                    return backward.gradInitialState().get(variable);
                }
            }
            return null;
        }

        private Tensor tensor(String name) {
            return Tensor.of(tensors.floats(name), tensors.shape(name));
        }

        private boolean anyState(String prefix) {
            return tensors.names().stream().anyMatch(name -> name.startsWith(prefix));
        }

        /** {@code state} with the variables that the case gives under {@code prefix}. */
        private State state(String prefix, State state) {
            for (QlifVariable variable : QlifVariable.values()) {
                if (tensors.has(prefix + variable.symbol())) {
                    state.get(variable).copyFrom(tensor(prefix + variable.symbol()));
                }
            }
            return state;
        }

        private State unwrittenState() {
            State state = State.zeros(config, shape[1], shape[2]);
            for (QlifVariable variable : QlifVariable.values()) {
                state.get(variable).fill(Float.NaN);
            }
            return state;
        }
    }
}
