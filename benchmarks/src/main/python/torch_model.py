# SPDX-License-Identifier: Apache-2.0
"""The model composed of PyTorch's tensor operations in a loop over time, as one would write it without a kernel.

Section 3 of docs/model.md in its order and with its names, no modulation given; gradients by autograd. Draws are
PyTorch's own unless lent.
"""

from __future__ import annotations

from typing import Callable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import torch

import constants as k


class Parameters(NamedTuple):
    """A neuron's parameters as its steps use them, (N) each."""

    v_th: torch.Tensor
    leak: torch.Tensor
    eta: torch.Tensor
    alpha: torch.Tensor
    rest_angle: torch.Tensor


def parameters_of(given: Mapping[str, torch.Tensor]) -> Parameters:
    return Parameters(
        given["v_th"], k.DT / given["tau"], given["eta"], given["q_scale"], given["q_bias"] - k.QUANTUM_LEAK
    )


# A step turns a state and an input into the next state, the spike, its value and V after the reset.
State = Tuple[torch.Tensor, ...]
Step = Callable[..., Tuple[State, torch.Tensor, torch.Tensor, torch.Tensor]]


def initial_state(configuration: str, like: torch.Tensor) -> State:
    """Of full: V, A, S, R, H, D, o, r, h and y; of plain-lif: V. like: a (B, N) tensor."""
    state = [torch.zeros_like(like) for _ in range(10 if configuration == "full" else 1)]
    if configuration == "full":
        state[2] = torch.ones_like(like)
    return tuple(state)


def full_step(
    p: Parameters, state: State, current: torch.Tensor, u: Optional[torch.Tensor], xi: Optional[torch.Tensor]
):
    """Every option on: the default configuration."""
    v, a, s, r, h, d, o, rate, homeostasis, y = state
    if u is None:
        u = torch.rand_like(v)
    if xi is None:
        xi = torch.randn_like(v)
    base = (p.v_th + o).clamp(k.MIN_THRESHOLD, k.MAX_THRESHOLD)
    drive = k.GAIN * current * s - (a + k.G_AHP * h) - v
    v_pre = v + p.leak * drive + k.SIGMA * xi
    delta = v_pre - (base + homeostasis)
    d = k.DSP_DECAY * d + k.DSP_JUMP * y
    slope = p.alpha / (1 + d).clamp(min=k.MIN_SLOPE_DIVISOR)
    probability = (0.5 - 0.5 * torch.cos(p.rest_angle + slope * delta)) * torch.exp(-r)
    spike = (u < probability).to(v.dtype)
    y = probability + (spike - probability).detach()
    v = v_pre + spike * k.RESET_FRACTION * (k.V_RESET - v_pre)
    r = k.REFRACTORY_DECAY * r + k.R_JUMP * spike
    h = (k.AHP_DECAY * h + k.AHP_JUMP * spike).clamp(max=k.AHP_MAX)
    a = k.ADAPTATION_DECAY * a + k.SPIKE_INCREASE * y
    s = s * (1 - k.DEPRESSION_RATE * y) + k.RECOVERY_RATE * (1 - s)
    move = y - (1 - y) * (base - p.v_th)
    o = (base + p.eta * move).clamp(k.MIN_THRESHOLD, k.MAX_THRESHOLD) - p.v_th
    rate = rate + k.RATE_STEP * (spike - rate)
    homeostasis = homeostasis + k.HOMEOSTASIS_LR * (rate - k.TARGET_RATE)
    return (v, a, s, r, h, d, o, rate, homeostasis, y), spike, y, v


class Heaviside(torch.autograd.Function):
    """A spike at a gap of 0 or more; in the backward pass max(0, 1 - a |gap|)."""

    @staticmethod
    def forward(ctx, delta: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(delta)
        return (delta >= 0).to(delta.dtype)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        (delta,) = ctx.saved_tensors
        return gradient * (1 - k.SURROGATE_SCALE * delta.abs()).clamp(min=0)


def plain_lif_step(p: Parameters, state: State, current: torch.Tensor, u: None, xi: None):
    """Every option off. Nothing is drawn."""
    (v,) = state
    v_pre = v + p.leak * (current - v)
    y = Heaviside.apply(v_pre - p.v_th)
    spike = y.detach()
    v = v_pre + spike * k.RESET_FRACTION * (k.V_RESET - v_pre)
    return (v,), spike, y, v


STEPS: Mapping[str, Step] = {"full": full_step, "plain-lif": plain_lif_step}


def several_steps(step: Step, values: bool, voltages: bool) -> Callable:
    """A function of as many steps as it is given inputs: what torch.compile is given, and fuses.

    values, voltages: whether the spike values and V of each step are wanted; what is not, a compiled function leaves
    out.
    """

    def run(p: Parameters, state: State, currents: Sequence[torch.Tensor], us: Sequence, xis: Sequence):
        spikes, ys, vs = [], [], []
        for current, u, xi in zip(currents, us, xis):
            state, spike, y, v = step(p, state, current, u, xi)
            spikes.append(spike.to(torch.uint8))
            if values:
                ys.append(y)
            if voltages:
                vs.append(v)
        return state, spikes, ys, vs

    return run


class Result(NamedTuple):
    """What a call computed, a tensor for each step. Gradients are of sum(upstream * y), in training."""

    spikes: List[torch.Tensor]
    voltages: List[torch.Tensor]
    grad_input: Optional[torch.Tensor]
    grad_parameters: Optional[Mapping[str, torch.Tensor]]


class TorchModel:
    """The model on lent input. upstream: of the spike values, where gradients are wanted. chunk: steps that one call of
    `program` does; program: several_steps(...), compiled or not.
    """

    def __init__(
        self,
        configuration: str,
        current: torch.Tensor,
        parameters: Mapping[str, torch.Tensor],
        upstream: Optional[torch.Tensor],
        program: Callable,
        chunk: int = 1,
    ):
        self.configuration = configuration
        self.current = current
        self.parameters = parameters
        self.upstream = upstream
        self.program = program
        self.chunk = chunk

    def run(self, uniforms: Optional[torch.Tensor] = None, normals: Optional[torch.Tensor] = None) -> Result:
        """All steps; with an upstream gradient, back again."""
        if self.upstream is None:
            with torch.no_grad():
                return self._unroll(self.current, self.parameters, uniforms, normals)[0]
        current = self.current.detach().requires_grad_(True)
        leaves = {name: values.detach().requires_grad_(True) for name, values in self.parameters.items()}
        result, ys = self._unroll(current, leaves, uniforms, normals)
        # One gradient for each step's y: a sum over a stacked y would write and read it once more.
        gradients = torch.autograd.grad(
            ys, [current, *leaves.values()], list(self.upstream.unbind(0)), allow_unused=True
        )
        of_parameters = {
            name: torch.zeros_like(values) if gradient is None else gradient
            for (name, values), gradient in zip(leaves.items(), gradients[1:])
        }
        return result._replace(grad_input=gradients[0], grad_parameters=of_parameters)

    def _unroll(self, current, parameters, uniforms, normals):
        p = parameters_of(parameters)
        state = initial_state(self.configuration, self.current[0])
        steps = current.shape[0]
        # The gradient of unbind is one stack; that of an index would write all of (T, B, N) at each step.
        currents = current.unbind(0)
        absent = (None,) * steps
        us = absent if uniforms is None else uniforms.unbind(0)
        xis = absent if normals is None else normals.unbind(0)
        # Lists: to put the steps into one tensor would write and read them once more.
        spikes, ys, vs = [], [], []
        for begin in range(0, steps, self.chunk):
            part = slice(begin, begin + self.chunk)
            state, fired, values, voltages = self.program(p, state, currents[part], us[part], xis[part])
            spikes.extend(fired)
            ys.extend(values)
            vs.extend(v.detach() for v in voltages)
        return Result(spikes, vs, None, None), ys
