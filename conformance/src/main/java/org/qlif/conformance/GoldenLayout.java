// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.qlif.DType;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.ParameterRange;
import org.qlif.QlifConfig;
import org.qlif.Tensor;
import org.qlif.io.Safetensors;

/**
 * The tensors that a case may have, with their types and shapes. The whole file is checked before anything runs: a tensor that no
 * comparison uses, a shape that does not fit the others, or an expected value that has no result to compare with would otherwise let a case
 * pass without testing anything.
 */
final class GoldenLayout {
    static final String EXPECT = "expect_";
    static final String EXPECT_FINAL = "expect_final_";
    static final String EXPECT_GRAD = "expect_grad_";
    static final String EXPECT_GRAD_STATE = "expect_grad_state_";
    static final String GRAD_FINAL = "grad_final_";
    static final String INITIAL = "initial_";
    static final String PARAM = "param_";
    static final String INPUT = "input";
    static final String UNIFORMS = "uniforms";
    static final String NORMALS = "normals";
    static final String MODULATION = "modulation";
    static final String GRAD_Y = "grad_y";
    static final String GRAD_V = "grad_v";
    static final String EXPECT_SPIKES = "expect_spikes";
    static final String EXPECT_SPIKE_VALUES = "expect_spike_values";
    static final String EXPECT_V = "expect_v";
    static final String EXPECT_UNIFORMS = "expect_uniforms";
    static final String EXPECT_NORMALS = "expect_normals";

    /**
     * The most elements of a tensor, about a hundred times those of the largest golden case. A shape with an extent of 0 takes no bytes in
     * a file, but a run over it can take memory for the other extents, so 0 counts as 1.
     */
    private static final long MAX_ELEMENTS = 1 << 20;

    /** The maximum number of wires, the factor by which uniforms may outnumber other elements. */
    private static final long MAX_WIRES = 64;

    /** What determines the shape of a tensor. */
    private enum Form {
        /** (T, B, N). */
        RUN,
        /** (T, B, N) of U8, 0 or 1. */
        SPIKES,
        /** (B, N). */
        STATE,
        /** (N), (1) or (). */
        PARAMETER,
        /** Broadcasts to (T, B, N). */
        BROADCAST,
        /** (T, B, N), or (T, W, B, N) for the wires of MULTI_QUBIT; from 0 up to but not including 1. */
        UNIFORMS,
        /** The shape of the parameter whose gradient it is. */
        LIKE_PARAMETER,
        /** The shape of the modulation. */
        LIKE_MODULATION
    }

    private static final Map<String, Form> RNG = Map.of(EXPECT_UNIFORMS, Form.UNIFORMS, EXPECT_NORMALS, Form.RUN);

    /** The forms for a model of neurons, from its tables. */
    private static Map<String, Form> forms(NeuronConfig config) {
        Map<String, Form> forms = new HashMap<>(Map.of(
                INPUT,
                Form.RUN,
                GRAD_Y,
                Form.RUN,
                GRAD_V,
                Form.RUN,
                EXPECT_SPIKES,
                Form.SPIKES,
                EXPECT_SPIKE_VALUES,
                Form.RUN,
                EXPECT_V,
                Form.RUN,
                EXPECT_GRAD + INPUT,
                Form.RUN));
        switch (config) {
            // A case may have draws that its configuration does not use.
            case QlifConfig _ -> forms.putAll(Map.of(UNIFORMS, Form.UNIFORMS, NORMALS, Form.RUN));
            case LifConfig _ -> {}
        }
        if (config.acceptsModulation()) {
            forms.put(MODULATION, Form.BROADCAST);
            forms.put(EXPECT_GRAD + MODULATION, Form.LIKE_MODULATION);
        }
        config.traces().forEach(trace -> forms.put(EXPECT + trace.symbol(), Form.RUN));
        config.parameters().forEach(parameter -> addParameter(forms, parameter.symbol()));
        config.stateVariables().forEach(variable -> addVariable(forms, variable.symbol()));
        return forms;
    }

    private static void addParameter(Map<String, Form> forms, String symbol) {
        forms.put(PARAM + symbol, Form.PARAMETER);
        forms.put(EXPECT_GRAD + symbol, Form.LIKE_PARAMETER);
    }

    private static void addVariable(Map<String, Form> forms, String symbol) {
        forms.put(INITIAL + symbol, Form.STATE);
        forms.put(GRAD_FINAL + symbol, Form.STATE);
        forms.put(EXPECT_FINAL + symbol, Form.STATE);
        forms.put(EXPECT_GRAD_STATE + symbol, Form.STATE);
    }

    private final GoldenCase golden;
    private final Safetensors tensors;
    private final Map<String, Form> forms;
    /** T, B and N. */
    private final long[] run;

    private GoldenLayout(GoldenCase golden) {
        this.golden = golden;
        this.tensors = golden.tensors();
        this.forms = switch (golden.model()) {
            case QLIF, LIF -> forms(golden.config());
            case RNG -> RNG;
        };
        requireKnown();
        requireBounded();
        requireComparison();
        String first = golden.model() == GoldenCase.Model.RNG ? EXPECT_NORMALS : INPUT;
        if (!tensors.has(first)) {
            throw golden.problem("tensor '" + first + "' is missing");
        }
        this.run = tensors.shape(first);
        if (run.length != 3) {
            throw refused(first, "the shape " + Arrays.toString(run), "(T, B, N)");
        }
    }

    /**
     * Throws unless the tensors of {@code golden} are those of a case of its model.
     *
     * @return T, B and N
     */
    static long[] check(GoldenCase golden) {
        GoldenLayout layout = new GoldenLayout(golden);
        layout.requirePresent();
        for (String name : layout.tensors.names()) {
            layout.requireShape(name);
            layout.requireValues(name);
        }
        return layout.run;
    }

    private void requireKnown() {
        for (String name : tensors.names()) {
            if (!forms.containsKey(name)) {
                throw golden.problem("tensor " + StrictJson.quoted(name)
                        + ": got a tensor that no comparison uses in a case of the model " + golden.model());
            }
        }
    }

    /** Called before anything is allocated for the case. */
    private void requireBounded() {
        for (String name : tensors.names()) {
            long allowed = name.equals(UNIFORMS) ? MAX_ELEMENTS * MAX_WIRES : MAX_ELEMENTS;
            long left = allowed;
            for (long extent : tensors.shape(name)) {
                left /= Math.max(extent, 1);
            }
            if (left == 0) {
                throw refused(
                        name,
                        "the shape " + Arrays.toString(tensors.shape(name)),
                        "at most " + allowed + " elements, counting an extent of 0 as 1");
            }
        }
    }

    private void requireComparison() {
        List<String> expected =
                tensors.names().stream().filter(name -> name.startsWith(EXPECT)).toList();
        if (expected.isEmpty()) {
            throw golden.problem("got no tensor '" + EXPECT + "*': nothing to compare");
        }
        if (expected.stream().allMatch(name -> tensors.tensor(name).elements() == 0)) {
            throw golden.problem("got no element in any tensor '" + EXPECT + "*': nothing to compare");
        }
        if (expected.stream().noneMatch(name -> name.startsWith(EXPECT_GRAD))) {
            for (String name : tensors.names()) {
                if (name.equals(GRAD_Y) || name.equals(GRAD_V) || name.startsWith(GRAD_FINAL)) {
                    throw golden.problem("tensor '" + name
                            + "': got a tensor that no comparison uses, since there is no '" + EXPECT_GRAD + "*'");
                }
            }
        }
    }

    private void requirePresent() {
        List<String> needed = new ArrayList<>();
        switch (golden.model()) {
            case QLIF, LIF -> {
                for (NeuronParameter parameter : golden.config().parameters()) {
                    needed.add(PARAM + parameter.symbol());
                }
                if (golden.config().uniformsPerStep() > 0) {
                    needed.add(UNIFORMS);
                }
            }
            case RNG -> needed.add(EXPECT_UNIFORMS);
        }
        for (String name : needed) {
            if (!tensors.has(name)) {
                throw golden.problem("tensor '" + name + "' is missing");
            }
        }
    }

    private void requireShape(String name) {
        Form form = forms.get(name);
        DType type = form == Form.SPIKES ? DType.U8 : DType.F32;
        if (tensors.type(name) != type) {
            throw refused(name, "type " + tensors.type(name), type.toString());
        }
        long[] shape = tensors.shape(name);
        long batch = run[1];
        long neurons = run[2];
        switch (form) {
            case RUN, SPIKES -> requireOneOf(name, shape, "(T, B, N)", run);
            case STATE -> requireOneOf(name, shape, "(B, N)", new long[] {batch, neurons});
            case PARAMETER ->
                requireOneOf(name, shape, "(N), (1) or ()", new long[] {neurons}, new long[] {1}, new long[] {});
            case BROADCAST -> {
                boolean fits = shape.length <= 3;
                for (int axis = 0; fits && axis < shape.length; axis++) {
                    long extent = shape[shape.length - 1 - axis];
                    fits = extent == 1 || extent == run[2 - axis];
                }
                if (!fits) {
                    throw refused(
                            name,
                            "the shape " + Arrays.toString(shape),
                            "one that broadcasts to " + Arrays.toString(run));
                }
            }
            case UNIFORMS -> {
                long wires = wires(shape);
                long[] each = {run[0], wires, batch, neurons};
                if (wires == 1) {
                    requireOneOf(name, shape, "(T, B, N)", run, each);
                } else {
                    requireOneOf(name, shape, "(T, W, B, N)", each);
                }
            }
            case LIKE_PARAMETER -> requireLike(name, shape, PARAM + name.substring(EXPECT_GRAD.length()));
            case LIKE_MODULATION -> requireLike(name, shape, MODULATION);
        }
    }

    /** The number of uniforms of a decision: that of the configuration, or that of the tensor if the configuration uses none. */
    private long wires(long[] shape) {
        long taken = golden.config() == null ? 0 : golden.config().uniformsPerStep();
        if (taken == 0) {
            return shape.length == 4 ? Math.clamp(shape[1], 1, MAX_WIRES) : 1;
        }
        return taken;
    }

    private void requireLike(String name, long[] shape, String other) {
        if (!tensors.has(other)) {
            throw golden.problem("tensor '" + name + "': got a gradient, expected '" + other + "' with it");
        }
        requireOneOf(name, shape, "that of '" + other + "'", tensors.shape(other));
    }

    private void requireOneOf(String name, long[] shape, String form, long[]... allowed) {
        if (Arrays.stream(allowed).noneMatch(each -> Arrays.equals(each, shape))) {
            throw refused(name, "the shape " + Arrays.toString(shape), form + " = " + Arrays.toString(allowed[0]));
        }
    }

    private void requireValues(String name) {
        Tensor tensor = tensors.tensor(name);
        switch (forms.get(name)) {
            case SPIKES -> {
                byte[] spikes = tensor.toByteArray();
                for (int i = 0; i < spikes.length; i++) {
                    if (spikes[i] != 0 && spikes[i] != 1) {
                        throw refused(name, (spikes[i] & 0xff) + " at index " + i, "0 or 1");
                    }
                }
            }
            case UNIFORMS -> {
                for (long i = 0; i < tensor.elements(); i++) {
                    float value = tensor.getFloat(i);
                    if (!(value >= 0 && value < 1)) {
                        throw refused(name, value + " at index " + i, "at least 0, below 1");
                    }
                }
            }
            default -> {
                for (long i = 0; i < tensor.elements(); i++) {
                    float value = tensor.getFloat(i);
                    if (!Float.isFinite(value)) {
                        throw refused(name, value + " at index " + i, "a finite number");
                    }
                }
            }
        }
        if (forms.get(name) == Form.PARAMETER) {
            requireRange(name, tensor);
        }
    }

    /** A kernel also refuses such a value, but under another name. */
    private void requireRange(String name, Tensor tensor) {
        NeuronParameter parameter = golden.config().parameters().stream()
                .filter(each -> name.equals(PARAM + each.symbol()))
                .findFirst()
                .orElseThrow();
        ParameterRange range = golden.config().parameterRange(parameter);
        for (long i = 0; i < tensor.elements(); i++) {
            float value = tensor.getFloat(i);
            if (!range.contains(value)) {
                throw refused(name, value + " at index " + i, range.expected());
            }
        }
    }

    private GoldenFormatException refused(String name, String got, String expected) {
        return golden.problem("tensor '" + name + "': got " + got + ", expected " + expected);
    }
}
