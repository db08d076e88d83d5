# SPDX-License-Identifier: Apache-2.0
"""Golden cases of the public PyTorch snapshots through QLIFLayer, and step by step through QLIF."""

from __future__ import annotations

from typing import Any, Dict

import torch

from ..verify import Case, Comparison, Refused
from .layers import QLIF, QLIFLayer

_PARAMETERS = {"v_th": "V_th", "tau": "tau", "eta": "eta", "q_scale": "q_scale", "q_bias": "q_bias"}


def _arguments(case: Case) -> Dict[str, Any]:
    """The arguments of the public package that make a case."""
    config = case.config
    preset = case.metadata.get("preset")
    if preset is None:
        raise Refused("metadata: got no 'preset'")
    if config.decision != "THRESHOLD" and case.tensors.get("uniforms") is None:
        raise Refused("tensor 'uniforms' is missing")
    return {
        "preset": preset,
        "quantum_mode": config.decision == "QUBIT",
        "stochastic": config.draws_normals if config.decision == "QUBIT" else config.decision == "SIGMOID",
        "V_reset": config.v_reset,
        "dt": config.dt,
        "noise_std": config.noise_std if config.draws_normals else 0.0,
        "use_adaptive_threshold": config.use_adaptive_threshold,
        "min_threshold": config.min_threshold,
        "max_threshold": config.max_threshold,
        "surrogate_gradient_function": config.surrogate.lower(),
        "alpha": config.surrogate_alpha,
        "allow_dynamic_spike_probability": config.dynamic_probability
        or preset == "2025-08-24"
        and config.decision == "QUBIT",
        "base_alpha": config.base_alpha,
        "adaptation_decay": config.adaptation_decay,
        "spike_increase": config.spike_increase,
        "depression_rate": config.depression_rate,
        "recovery_rate": config.recovery_rate,
        "neuromod_mode": config.neuromod_mode.lower(),
        "neuromod_strength": config.neuromod_strength,
        "quantum_threshold": config.quantum_threshold,
        "quantum_leak": config.quantum_leak,
        "quantum_wire": config.quantum_wires,
        "use_ahp": config.use_ahp,
        "tau_ahp": config.tau_ahp,
        "ahp_jump": config.ahp_jump,
        "g_ahp": config.g_ahp,
        "learnable_tau": True,
    }


def run(case: Case, comparison: Comparison) -> None:
    """Runs a case, and compares what the layers compute of what it expects."""
    tensors = {name: torch.from_numpy(array) for name, array in case.tensors.items()}
    arguments = _arguments(case)
    for path in ("QLIFLayer", "QLIF"):
        layer = QLIFLayer(case.shape[2], **arguments)
        neurons = layer.qlifs
        neurons.train(case.config.sampling == "DRAW")
        with torch.no_grad():
            for symbol, name in _PARAMETERS.items():
                getattr(neurons, name).copy_(tensors[f"param_{symbol}"].reshape(getattr(neurons, name).shape))
        inputs = tensors["input"].clone().requires_grad_()
        modulation = tensors.get("modulation")
        if modulation is not None:
            modulation = modulation.clone().requires_grad_()
        uniforms = tensors["uniforms"] if neurons.config.uniforms_per_step else None
        normals = tensors["normals"] if neurons.config.draws_normals else None
        if path == "QLIFLayer":
            spikes, voltages = layer(inputs, modulation, uniforms=uniforms, normals=normals)
            values = layer.spike_values
        else:
            spikes, voltages, values = _stepped(neurons, inputs, modulation, uniforms, normals)
        loss = (values * tensors["grad_y"]).sum() if "grad_y" in tensors else 0
        loss = loss + (voltages * tensors["grad_v"]).sum() if "grad_v" in tensors else loss
        results = {"expect_spikes": spikes, "expect_spike_values": values, "expect_v": voltages}
        if isinstance(loss, torch.Tensor):
            loss.backward()
            results["expect_grad_input"] = inputs.grad
            results["expect_grad_modulation"] = None if modulation is None else modulation.grad
            for symbol, name in _PARAMETERS.items():
                results[f"expect_grad_{symbol}"] = getattr(neurons, name).grad
        for name, expected in case.tensors.items():
            if name.startswith("expect_"):
                got = results.get(name)
                array = None if got is None else got.detach().numpy().reshape(expected.shape)
                comparison.result(name, expected, array, path)


def _stepped(neurons: QLIF, inputs, modulation, uniforms, normals):
    neurons.resize(inputs.shape[1])
    spikes, voltages, values = [], [], []
    for t in range(inputs.shape[0]):
        given = None if modulation is None else modulation[t]
        fired = neurons(
            inputs[t],
            given,
            uniforms=None if uniforms is None else uniforms[t],
            normals=None if normals is None else normals[t],
        )
        spikes.append(fired)
        voltages.append(neurons.V)
        values.append(neurons.spike_values)
    return torch.stack(spikes), torch.stack(voltages), torch.stack(values)
