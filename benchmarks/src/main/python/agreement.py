# SPDX-License-Identifier: Apache-2.0
"""Checks that contenders compute the same before they are timed. The yardstick is libqlif on the same device.

Answers are compared neuron by neuron. Rounding differs between contenders, and where a probability lies within rounding
of its uniform (or a potential of the threshold) a spike falls the other way and takes the rest of its neuron's run
along; so a neuron whose spikes differ is counted, and left out of what is compared by value.
"""

from __future__ import annotations

import random
from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence

import constants as k
import native

# Roundings, and the GPU's approximated functions, move a probability or a gap by about 1e-6 (a dozen roundings of 2^-24
# of values of the order of 1, 2^-20 of the approximated cosine); densities there are of the order of 1. Ten times that,
# for each neuron-step.
FLIPS_PER_NEURON_STEP = 1e-5

# Ten roundings of 2^-24 a step, of values up to 4, in a state that remembers about tau = 20 steps.
VOLTAGE_TOLERANCE = 5e-5

# Of the largest: a factor of the chain rule is off by some 4e-6 (sine of 2^-20.9 over 1/2, a dozen roundings), and an
# adjoint lives for about a hundred steps, of which the errors could all point one way.
GRADIENT_TOLERANCE = 5e-4

# Firing of different draws: standard deviations of the difference of two counts, taken as Poisson's, which it does not
# reach.
DEVIATIONS = 6.0


class Case(NamedTuple):
    """What a call is given. Arrays are (T, B, N), parameters (N)."""

    shape: Sequence[int]
    current: Any
    parameters: Mapping[str, Any]
    upstream: Any
    uniforms: Any
    normals: Any


class Answer(NamedTuple):
    """What a call gave; gradients are None after a forward run alone."""

    spikes: Any
    voltages: Any
    grad_input: Any
    grad_parameters: Optional[Mapping[str, Any]]


class Arrays(NamedTuple):
    """How arrays of a kind are made: from a list of floats and a shape, and empty ones, of float32 or of bytes."""

    make: Callable[[Sequence[float], Sequence[int]], Any]
    empty: Callable[[Sequence[int]], Any]
    empty_bytes: Callable[[Sequence[int]], Any]


def random_case(shape: Sequence[int], arrays: Arrays, seed: int = 1) -> Case:
    """Input of mean 1.5 and standard deviation 1, which makes some percent of the neuron-steps fire; parameters of
    their own for every neuron; draws to lend."""
    generator = random.Random(seed)
    steps, batch, neurons = shape
    count = steps * batch * neurons

    def normals(mean: float) -> Any:
        return arrays.make([generator.gauss(mean, 1) for _ in range(count)], shape)

    spread = {"v_th": 0.2, "tau": 8.0, "eta": 0.05, "q_scale": 0.1, "q_bias": 0.2}
    parameters = {
        name: arrays.make(
            [k.DEFAULTS[name] + spread[name] * generator.uniform(-1, 1) for _ in range(neurons)], (neurons,)
        )
        for name in k.PARAMETERS
    }
    uniforms = arrays.make([generator.getrandbits(24) * 2.0**-24 for _ in range(count)], shape)
    return Case(shape, normals(1.5), parameters, normals(0), uniforms, normals(0))


def native_answer(
    library: native.Library,
    device: int,
    configuration: str,
    case: Case,
    arrays: Arrays,
    training: bool,
    lent: bool,
    stream: int = 0,
    mode: Optional[int] = None,
) -> Answer:
    """libqlif's, with a tape of a mode in training. The device must be synchronized before the answer is read."""
    # plain-lif draws nothing, and refuses numbers.
    lent = lent and configuration == "full"
    spikes, voltages = arrays.empty_bytes(case.shape), arrays.empty(case.shape)
    with native.Kernel(library, device, native.config_of(library, configuration)) as kernel:
        mode = tape_mode(configuration) if mode is None else mode
        tape = native.Tape(kernel, mode, case.shape) if training else None
        try:
            forward = native.forward_args(
                case.shape,
                case.current,
                case.parameters,
                spikes=spikes,
                uniforms=case.uniforms if lent else None,
                normals=case.normals if lent else None,
                voltages=voltages,
                tape=tape,
            )
            kernel.forward(forward, stream)
            if tape is None:
                return Answer(spikes, voltages, None, None)
            grad_input = arrays.empty(case.shape)
            grad_parameters = {name: arrays.empty((case.shape[2],)) for name in k.PARAMETERS}
            kernel.backward(native.backward_args(forward, case.upstream, grad_input, grad_parameters), stream)
            return Answer(spikes, voltages, grad_input, grad_parameters)
        finally:
            if tape is not None:
                tape.close()


def torch_arrays(device: str) -> Arrays:
    """Tensors on a device, empty ones poisoned."""
    import torch

    return Arrays(
        lambda values, shape: torch.tensor(values, dtype=torch.float32, device=device).reshape(tuple(shape)),
        lambda shape: torch.full(tuple(shape), float("nan"), device=device),
        lambda shape: torch.full(tuple(shape), 9, dtype=torch.uint8, device=device),
    )


def torch_answer(
    configuration: str,
    case: Case,
    training: bool,
    lent: bool,
    translate: Callable[[Callable], Callable] = lambda program: program,
    chunk: int = 1,
) -> Answer:
    """That of the model composed of tensor operations. translate: a compiler, if any."""
    import torch
    import torch_model

    program = translate(torch_model.several_steps(torch_model.STEPS[configuration], training, True))
    upstream = case.upstream if training else None
    model = torch_model.TorchModel(configuration, case.current, case.parameters, upstream, program, chunk)
    lent = lent and configuration == "full"
    result = model.run(case.uniforms if lent else None, case.normals if lent else None)
    return Answer(torch.stack(result.spikes), torch.stack(result.voltages), result.grad_input, result.grad_parameters)


def tape_mode(configuration: str) -> int:
    """Without noise a step done again finds the potentials: the Java library keeps none then, and neither do we."""
    return native.TAPE_VOLTAGE if configuration == "full" else native.TAPE_COMPACT


def disagreement(got: Answer, expected: Answer, allowed: Optional[int] = None) -> Optional[str]:
    """What differs between answers from the same draws by more than rounding explains, or None. allowed: how many (b,
    n) may have other spikes; one, and what FLIPS_PER_NEURON_STEP says, unless given."""
    steps, batch, neurons = expected.spikes.shape
    if allowed is None:
        allowed = 1 + int(FLIPS_PER_NEURON_STEP * steps * batch * neurons)
    same = (got.spikes == expected.spikes).all(0)
    others = batch * neurons - int(same.sum())
    if others > allowed:
        return f"spikes: {others} of {batch * neurons} neurons have others, expected at most {allowed}"
    problem = _apart("voltages", got.voltages[:, same], expected.voltages[:, same], VOLTAGE_TOLERANCE)
    if problem is None and expected.grad_input is not None:
        problem = _gradient_apart("input", got.grad_input[:, same], expected.grad_input[:, same])
        alike = same.all(0)
        for name in k.PARAMETERS:
            problem = problem or _gradient_apart(
                name, got.grad_parameters[name][alike], expected.grad_parameters[name][alike]
            )
    return problem


def firing_disagreement(got: int, expected: int) -> Optional[str]:
    """What is odd about a number of spikes from other draws, or None."""
    bound = DEVIATIONS * (got + expected) ** 0.5
    if abs(got - expected) <= bound and got > 0:
        return None
    return f"firing: {got} spikes, expected {expected} within {bound:.0f}"


def _gradient_apart(name: str, got: Any, expected: Any) -> Optional[str]:
    largest = float(abs(expected).max()) if expected.shape[0] else 0.0
    return _apart(f"gradient of {name}", got, expected, GRADIENT_TOLERANCE * largest)


def _apart(name: str, got: Any, expected: Any, tolerance: float) -> Optional[str]:
    if tuple(got.shape) != tuple(expected.shape):
        return f"{name}: got shape {tuple(got.shape)}, expected {tuple(expected.shape)}"
    worst = float(abs(got - expected).max()) if min(got.shape) else 0.0
    # Written so that a NaN is a difference.
    return None if worst <= tolerance else f"{name}: {worst:.3g} apart, expected at most {tolerance:.3g}"
