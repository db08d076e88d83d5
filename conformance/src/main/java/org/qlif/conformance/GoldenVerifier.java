// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.qlif.conformance.GoldenLayout.EXPECT;
import static org.qlif.conformance.GoldenLayout.EXPECT_FINAL;
import static org.qlif.conformance.GoldenLayout.EXPECT_GRAD;
import static org.qlif.conformance.GoldenLayout.EXPECT_GRAD_STATE;
import static org.qlif.conformance.GoldenLayout.EXPECT_NORMALS;
import static org.qlif.conformance.GoldenLayout.EXPECT_SPIKES;
import static org.qlif.conformance.GoldenLayout.EXPECT_SPIKE_VALUES;
import static org.qlif.conformance.GoldenLayout.EXPECT_UNIFORMS;
import static org.qlif.conformance.GoldenLayout.EXPECT_V;
import static org.qlif.conformance.GoldenLayout.GRAD_FINAL;
import static org.qlif.conformance.GoldenLayout.GRAD_V;
import static org.qlif.conformance.GoldenLayout.GRAD_Y;
import static org.qlif.conformance.GoldenLayout.INITIAL;
import static org.qlif.conformance.GoldenLayout.INPUT;
import static org.qlif.conformance.GoldenLayout.MODULATION;
import static org.qlif.conformance.GoldenLayout.NORMALS;
import static org.qlif.conformance.GoldenLayout.PARAM;
import static org.qlif.conformance.GoldenLayout.UNIFORMS;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DeviceUnavailableException;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.NativeException;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.State;
import org.qlif.StateVariable;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.Trace;
import org.qlif.io.Safetensors;

/**
 * Runs golden cases on a device, forward and backward and with each kind of tape, and compares everything that they expect:
 * spikes exactly, the rest within the bounds that the README beside the files gives.
 *
 * <pre>{@code
 * GoldenVerifier verifier = new GoldenVerifier(Device.of("cpu"), KernelOptions.defaults());
 * GoldenFiles found = GoldenVerifier.find(List.of(Path.of("golden")));
 * GoldenSummary summary = verifier.verify(found, result -> System.out.println(result.toLine()));
 * System.exit(summary.exitCode());
 * }</pre>
 */
public final class GoldenVerifier {
    /** The neurons of a word of spike bits, the smallest share of a thread in any backend. */
    private static final long NEURONS_PER_THREAD = 64;

    private final Device device;
    private final KernelOptions options;

    /** A verifier of {@code device}, whose kernels run with {@code options}, but with no more threads than a case has work for. */
    public GoldenVerifier(Device device, KernelOptions options) {
        this.device = Objects.requireNonNull(device, "device");
        this.options = Objects.requireNonNull(options, "options");
    }

    /**
     * The golden files that {@code paths} stand for: a file for itself, a folder for the {@code .safetensors} files below it, by name.
     * Links are followed.
     */
    public static GoldenFiles find(List<Path> paths) {
        return GoldenSearch.of(paths);
    }

    /** Verifies the files, passes each result to {@code each} at once, and counts. A path that could not be followed counts as failed. */
    public GoldenSummary verify(GoldenFiles found, Consumer<GoldenResult> each) {
        GoldenSummary summary = new GoldenSummary(0, 0);
        for (GoldenFiles.Missed missed : found.missed()) {
            summary = summary.plus(told(failed(missed.path(), missed.reason()), each));
        }
        for (Path file : found.files()) {
            summary = summary.plus(told(verify(file), each));
        }
        return summary;
    }

    private static GoldenResult told(GoldenResult result, Consumer<GoldenResult> each) {
        each.accept(result);
        return result;
    }

    /** Verifies one file. Any exception, including lack of memory, becomes a failed result. */
    public GoldenResult verify(Path file) {
        // All memory of a case is freed at its end, independently of the garbage collector.
        try (Arena arena = Arena.ofShared()) {
            GoldenCase golden = GoldenCase.read(file, arena);
            long[] shape = GoldenLayout.check(golden);
            return switch (golden.model()) {
                case QLIF, LIF -> new NeuronCase(golden, shape).verify();
                case RNG -> verifyDraws(golden, shape, arena);
            };
        } catch (GoldenFormatException refused) {
            return failed(file, refused.problem());
        } catch (IOException unreadable) {
            return failed(file, GoldenSearch.reason(file, unreadable));
        } catch (IllegalArgumentException | NativeException | DeviceUnavailableException known) {
            return failed(file, known.getMessage());
        } catch (OutOfMemoryError full) {
            return failed(file, "not enough memory (" + full.getMessage() + ")");
        } catch (RuntimeException | VirtualMachineError unexpected) {
            return failed(file, "unexpected " + unexpected);
        }
    }

    private static GoldenResult failed(Path file, String reason) {
        return GoldenResult.failed(file, reason);
    }

    /** A kernel for runs over {@code shape}. */
    private Kernel open(NeuronConfig config, long[] shape) {
        long useful = Math.max(1, Math.ceilDiv(shape[1] * shape[2], NEURONS_PER_THREAD));
        return Kernel.open(
                config, device, KernelOptions.defaults().withThreads((int) Math.min(options.threads(), useful)));
    }

    private GoldenResult verifyDraws(GoldenCase golden, long[] shape, Arena arena) {
        Safetensors tensors = golden.tensors();
        Tensor uniforms = unwritten(arena, tensors.shape(EXPECT_UNIFORMS));
        Tensor normals = unwritten(arena, tensors.shape(EXPECT_NORMALS));
        try (Kernel kernel = open(QlifConfig.defaults(), shape)) {
            kernel.draw(golden.draws(), golden.firstStep(), uniforms, normals);
        }
        Comparison comparison = new Comparison();
        comparison.uniforms(EXPECT_UNIFORMS, tensors.tensor(EXPECT_UNIFORMS), uniforms);
        comparison.normals(EXPECT_NORMALS, tensors.tensor(EXPECT_NORMALS), normals);
        return comparison.result(tensors.file());
    }

    /** Filled with NaN, so that the comparison fails wherever a kernel does not write. */
    private static Tensor unwritten(Arena arena, long... shape) {
        Tensor tensor = zeros(arena, DType.F32, shape);
        tensor.fill(Float.NaN);
        return tensor;
    }

    private static Tensor zeros(Arena arena, DType type, long... shape) {
        return Tensor.of(type, arena.allocate(Tensor.byteSize(type, shape), Long.BYTES), shape);
    }

    /** A case of a model of neurons: its memory, and the runs over it. */
    private final class NeuronCase {
        private final GoldenCase golden;
        private final Safetensors tensors;
        private final NeuronConfig config;
        private final Comparison comparison = new Comparison();
        private final long[] shape;

        NeuronCase(GoldenCase golden, long[] shape) {
            this.golden = golden;
            this.tensors = golden.tensors();
            this.config = golden.config();
            this.shape = shape;
        }

        GoldenResult verify() {
            try (Kernel kernel = open(config, shape)) {
                for (Tape.Mode mode : Tape.Mode.values()) {
                    try (Arena arena = Arena.ofShared();
                            Tape tape = kernel.newTape(mode, shape[0], shape[1], shape[2])) {
                        Forward forward = forward(tape, arena);
                        kernel.forward(forward);
                        Backward backward = backward(forward, arena);
                        kernel.backward(backward);
                        compare(forward, backward, mode);
                    }
                }
            }
            return comparison.result(tensors.file());
        }

        private Forward forward(Tape tape, Arena arena) {
            Parameters parameters = Parameters.none(config);
            for (NeuronParameter parameter : config.parameters()) {
                parameters.set(parameter, tensors.tensor(PARAM + parameter.symbol()));
            }
            Forward forward = new Forward()
                    .input(tensors.tensor(INPUT))
                    .parameters(parameters)
                    .finalState(unwrittenState(arena))
                    .spikes(zeros(arena, DType.U8, shape))
                    .spikeValues(unwritten(arena, shape))
                    .voltages(unwritten(arena, shape))
                    .tape(tape);
            if (tensors.has(MODULATION)) {
                forward.modulation(tensors.tensor(MODULATION));
            }
            // A case may bring draws that its configuration does not take; a kernel refuses those.
            if (config.uniformsPerStep() > 0) {
                forward.uniforms(tensors.tensor(UNIFORMS));
            }
            if (config.drawsNormals()) {
                forward.normals(tensors.tensor(NORMALS));
            }
            if (anyState(INITIAL)) {
                State initial = unwrittenState(arena);
                initial.reset();
                forward.initialState(given(INITIAL, initial));
            }
            for (Trace trace : config.traces()) {
                if (tensors.has(EXPECT + trace.symbol())) {
                    forward.trace(trace, unwritten(arena, shape));
                }
            }
            return forward;
        }

        private Backward backward(Forward forward, Arena arena) {
            Parameters gradients = Parameters.none(config);
            for (NeuronParameter parameter : config.parameters()) {
                gradients.set(
                        parameter,
                        unwritten(arena, forward.parameters().get(parameter).shape()));
            }
            Backward backward = new Backward(forward)
                    .gradInput(unwritten(arena, shape))
                    .gradParameters(gradients)
                    .gradInitialState(unwrittenState(arena));
            if (tensors.has(GRAD_Y)) {
                backward.gradSpikeValues(tensors.tensor(GRAD_Y));
            }
            if (tensors.has(GRAD_V)) {
                backward.gradVoltages(tensors.tensor(GRAD_V));
            }
            if (anyState(GRAD_FINAL)) {
                State gradFinal = unwrittenState(arena);
                for (StateVariable variable : config.stateVariables()) {
                    gradFinal.get(variable).fill(0);
                }
                backward.gradFinalState(given(GRAD_FINAL, gradFinal));
            }
            if (forward.modulation() != null) {
                backward.gradModulation(unwritten(arena, tensors.shape(MODULATION)));
            }
            return backward;
        }

        private void compare(Forward forward, Backward backward, Tape.Mode mode) {
            for (String name : tensors.names()) {
                String shown = name + " (tape " + mode + ")";
                Tensor expected = tensors.tensor(name);
                if (name.startsWith(EXPECT_GRAD)) {
                    comparison.gradient(shown, expected, known(name, gradient(name, backward)));
                } else if (name.equals(EXPECT_SPIKES)) {
                    comparison.spikes(shown, expected, forward.spikes(DType.U8));
                } else if (name.startsWith(EXPECT)) {
                    comparison.forward(shown, expected, known(name, result(name, forward)));
                }
            }
        }

        private Tensor known(String name, Tensor result) {
            if (result == null) {
                throw golden.problem("tensor '" + name + "': no kernel computes this");
            }
            return result;
        }

        /** What the forward run wrote for {@code name}, or null if a run does not write it. */
        private Tensor result(String name, Forward forward) {
            if (name.equals(EXPECT_SPIKE_VALUES)) {
                return forward.spikeValues();
            }
            if (name.equals(EXPECT_V)) {
                return forward.voltages();
            }
            for (StateVariable variable : config.stateVariables()) {
                if (name.equals(EXPECT_FINAL + variable.symbol())) {
                    return forward.finalState().get(variable);
                }
            }
            for (Trace trace : config.traces()) {
                if (name.equals(EXPECT + trace.symbol())) {
                    return forward.trace(trace);
                }
            }
            return null;
        }

        /** What the backward run wrote for {@code name}, or null if a run does not write it. */
        private Tensor gradient(String name, Backward backward) {
            if (name.equals(EXPECT_GRAD + INPUT)) {
                return backward.gradInput();
            }
            if (name.equals(EXPECT_GRAD + MODULATION)) {
                return backward.gradModulation();
            }
            for (NeuronParameter parameter : config.parameters()) {
                if (name.equals(EXPECT_GRAD + parameter.symbol())) {
                    return backward.gradParameters().get(parameter);
                }
            }
            for (StateVariable variable : config.stateVariables()) {
                if (name.equals(EXPECT_GRAD_STATE + variable.symbol())) {
                    return backward.gradInitialState().get(variable);
                }
            }
            return null;
        }

        private boolean anyState(String prefix) {
            return tensors.names().stream().anyMatch(name -> name.startsWith(prefix));
        }

        /** {@code state} with the variables that the case gives under {@code prefix}. */
        private State given(String prefix, State state) {
            for (StateVariable variable : config.stateVariables()) {
                if (tensors.has(prefix + variable.symbol())) {
                    state.get(variable).copyFrom(tensors.tensor(prefix + variable.symbol()));
                }
            }
            return state;
        }

        private State unwrittenState(Arena arena) {
            List<Tensor> variables = new ArrayList<>();
            for (StateVariable variable : config.stateVariables()) {
                variables.add(unwritten(arena, shape[1], shape[2]));
            }
            return State.of(config, variables);
        }
    }
}
