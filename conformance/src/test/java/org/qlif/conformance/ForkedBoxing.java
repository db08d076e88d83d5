// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.NeuronConfig;
import org.qlif.SpikeLinear;
import org.qlif.Tape;

/**
 * Opens kernels of several configurations, and linear layers, on a device, one after another, runs each until it allocates nothing, at most some seconds
 * long, then the earlier ones again: what the compiler learns from one must not undo what it made of another. Prints what allocates.
 */
final class ForkedBoxing {
    private static final Shape SHAPE = new Shape(20, 2, 128);

    private final Memory memory = new Memory(Memory.Kind.ALIGNED);
    private final List<String> allocating = new ArrayList<>();

    private ForkedBoxing() {}

    /** A kernel's two calls, warm or not. */
    private record Calls(String name, Runnable forward, Runnable backward) {}

    public static void main(String[] arguments) {
        ForkedBoxing boxing = new ForkedBoxing();
        long seconds = Long.parseLong(arguments[1]);
        List<Calls> opened = new ArrayList<>();
        for (Map.Entry<String, NeuronConfig> variant : Variants.all().entrySet()) {
            if (arguments.length > 2 && !List.of(arguments).contains(variant.getKey())) {
                continue;
            }
            for (Tape.Mode mode : Tape.Mode.values()) {
                Calls calls = boxing.open(variant.getKey() + " " + mode, variant.getValue(), arguments[0], mode);
                opened.add(calls);
                boxing.run(calls, seconds);
            }
        }
        for (LinearCase.Values values : LinearCase.Values.values()) {
            for (double share : new double[] {0.1, 0.95}) {
                Calls calls = boxing.open(arguments[0], values, share);
                opened.add(calls);
                boxing.run(calls, seconds);
            }
        }
        opened.forEach(calls -> boxing.run(calls, seconds));
        System.out.println("opened -> " + opened.size());
        System.out.println("allocating -> " + boxing.allocating);
    }

    private Calls open(String name, NeuronConfig config, String device, Tape.Mode mode) {
        Scenario scenario = Scenario.healthy(config, SHAPE);
        Kernel kernel =
                Kernel.open(config, Device.of(device), KernelOptions.defaults().withThreads(1));
        // Without voltages and traces, a model may do several steps in one pass.
        boolean everything = mode == Tape.Mode.VOLTAGE;
        Forward forward = scenario.forward(memory, result -> everything || result.startsWith("spikes"))
                .tape(kernel.newTape(mode, SHAPE.steps(), SHAPE.batch(), SHAPE.neurons()));
        Backward backward = scenario.backward(forward, memory, _ -> true);
        return new Calls(name, () -> kernel.forward(forward), () -> kernel.backward(backward));
    }

    /** A linear layer whose output needs panels of every width. */
    private Calls open(String device, LinearCase.Values values, double share) {
        LinearCase linear = new LinearCase(Seeds.random(1), 2, 33, 70, 125, DType.F32, share, values, true, false);
        SpikeLinear layer =
                SpikeLinear.open(Device.of(device), KernelOptions.defaults().withThreads(1));
        LinearForward forward = linear.forward(memory);
        LinearBackward backward = linear.backward(forward, memory, LinearCase.EVERYTHING);
        return new Calls(
                "linear " + values + " " + share, () -> layer.forward(forward), () -> layer.backward(backward));
    }

    private void run(Calls calls, long seconds) {
        note(calls.name() + " forward", Allocation.perCall(seconds, calls.forward()));
        note(calls.name() + " backward", Allocation.perCall(seconds, calls.backward()));
    }

    private void note(String name, long bytes) {
        if (bytes > Allocation.NONE) {
            allocating.add(name + ": " + bytes);
        }
    }
}
