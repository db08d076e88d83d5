# SPDX-License-Identifier: Apache-2.0
"""The QLIF model in PyTorch's float64 operations, step by step as docs/model.md, section 3, has it; gradients by autograd.

Spikes are given: float32 and float64 may decide differently where a draw is next to its probability. `margin` tells how far each
decision was from the other one, so that a test can hold the spikes against it.
"""

from __future__ import annotations

import math
from typing import Dict, NamedTuple, Optional

import torch
from torch import Tensor

import qlif


class _Surrogate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, delta, spikes, kind, a):
        ctx.save_for_backward(delta)
        ctx.kind, ctx.a = kind, a
        return spikes

    @staticmethod
    def backward(ctx, gradient):
        (delta,) = ctx.saved_tensors
        a, x = ctx.a, delta.abs()
        slope = {
            "HEAVISIDE": lambda: (1 - a * x).clamp(min=0),
            "FAST_SIGMOID": lambda: 1 / (1 + a * x) ** 2,
            "GAUSSIAN": lambda: torch.exp(-(x**2) / (2 * a**2)),
            "ARCTAN": lambda: 1 / (1 + (a * x) ** 2),
        }[ctx.kind]()
        return gradient * slope, None, None, None


class Run(NamedTuple):
    values: Tensor
    voltages: Tensor
    state: Dict[str, Tensor]
    decided: Tensor  # the spikes that float64 decides
    margin: Tensor  # how far from the other decision


def run(
    config: qlif.QlifConfig,
    input: Tensor,
    parameters: Dict[str, Tensor],
    spikes: Tensor,
    modulation: Optional[Tensor],
    uniforms: Optional[Tensor],
    normals: Optional[Tensor],
    state: Optional[Dict[str, Tensor]] = None,
) -> Run:
    """All steps of input (T, B, N), float64. uniforms: (T, W, B, N)."""
    c = config
    v_th, tau, eta, alpha, beta = (parameters[name] for name in ("v_th", "tau", "eta", "q_scale", "q_bias"))
    zero = torch.zeros_like(input[0])
    s = state or {}
    v, a, r, h, d, o = (
        s.get(name, zero) for name in ("v", "adaptation", "refractory", "ahp", "dsp", "threshold_offset")
    )
    rate, offset, y = (s.get(name, zero) for name in ("rate", "homeostasis_offset", "y"))
    syn, m = s.get("efficiency", zero + 1), s.get("modulation", zero + 1)
    decay = c.dsp_decay if c.dsp_decay is not None else math.exp(-c.dt / c.tau_adapt)
    kappa, low, high = c.neuromod_strength, c.min_threshold, c.max_threshold
    values, voltages, decided, margins = [], [], [], []
    for t in range(input.shape[0]):
        fired = spikes[t]
        if modulation is not None:
            m = modulation[t].expand_as(zero)
            m = torch.sigmoid(m) if c.neuromod_transform == "SIGMOID" else m
        gain = 1 + kappa * m if c.neuromod_mode == "GAIN" else 1
        base = (v_th + o).clamp(low, high) if c.use_adaptive_threshold else v_th + o
        theta = base + offset + (kappa * m if c.neuromod_mode == "THRESHOLD" else 0)
        current = gain * input[t] * (syn if c.use_depression else 1)
        current = current - (a if c.use_adaptation else 0) - (c.g_ahp * h if c.use_ahp else 0)
        v = v + (c.dt / tau) * (current - v)
        if normals is not None:
            v = v + c.noise_std * normals[t]
        delta = v - theta
        if c.dynamic_probability:
            d = decay * d + c.dsp_jump * y
        flat = 1 / (1 + d).clamp(min=1e-6) if c.dynamic_probability else 1
        slope = 1 + kappa * m if c.neuromod_mode == "PROB_SLOPE" else 1
        if c.decision == "THRESHOLD":
            decided.append((delta >= 0).to(fired))
            margins.append(delta.detach().abs())
            y = _Surrogate.apply(delta, fired, c.surrogate, c.surrogate_alpha)
        else:
            if c.decision == "QUBIT":
                x = alpha * flat * slope * delta
                phi = beta - c.quantum_leak + (c.theta_max * torch.tanh(x) if c.angle_map == "TANH" else x)
                p = (1 - torch.cos(phi)) / 2
            else:
                steep = (
                    (c.base_alpha * flat * slope + zero).clamp(c.min_alpha, c.max_alpha)
                    if c.dynamic_probability
                    else slope
                )
                p = torch.sigmoid(steep * delta)
            p = p.clamp(c.probability_floor, 1 - c.probability_floor)
            if c.refractory:
                p = p * torch.exp(-r)
            firing = (1 - c.quantum_threshold) / 2
            if c.decision == "SIGMOID" and c.sampling == "ROUND":
                at = torch.full_like(p, 0.5).unsqueeze(0)
                decided.append((p > 0.5).to(fired))
            elif c.decision == "QUBIT" and c.readout == "EXPECTATION":
                at = torch.full_like(p, firing).unsqueeze(0)
                decided.append((p > firing).to(fired))
            else:
                at = uniforms[t]
                count = (at < p).sum(0)
                multi = c.decision == "QUBIT" and c.readout == "MULTI_QUBIT"
                decided.append((count > c.quantum_wires * firing if multi else count > 0).to(fired))
            margins.append((at - p.detach()).abs().amin(0))
            y = p + (fired - p).detach() if c.spike_value == "SAMPLE" else p
        seen = y.detach() if c.detach_reset else y
        v = v + seen * c.reset_fraction * (c.v_reset - v)
        if c.refractory:
            r = math.exp(-c.dt / c.tau_ref) * r + c.r_jump * seen
        if c.use_ahp:
            h = (math.exp(-c.dt / c.tau_ahp) * h + c.ahp_jump * fired).clamp(max=c.ahp_max)
        if c.use_adaptation:
            a = c.adaptation_decay * a + c.spike_increase * y
        if c.use_depression:
            syn = syn * (1 - c.depression_rate * y) + c.recovery_rate * (1 - syn)
        if c.use_adaptive_threshold:
            o = (base + eta * (y - (1 - y) * (base - v_th))).clamp(low, high) - v_th
        if c.homeostasis_enabled:
            rate = rate + (c.dt / c.homeostasis_tau) * (fired - rate)
            offset = offset + c.homeostasis_lr * (rate - c.homeostasis_target_rate)
        values.append(y)
        voltages.append(v)
    final = {
        "v": v, "adaptation": a, "efficiency": syn, "refractory": r, "ahp": h, "dsp": d, "threshold_offset": o,
        "rate": rate, "homeostasis_offset": offset, "modulation": m, "y": y,
    }  # fmt: skip
    return Run(torch.stack(values), torch.stack(voltages), final, torch.stack(decided), torch.stack(margins))
