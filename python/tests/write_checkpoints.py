# SPDX-License-Identifier: Apache-2.0
"""Writes the checkpoints of data/checkpoints that Python makes, which the JVM's tests read: each with what its next run
gives. `python python/tests/write_checkpoints.py`; its numbers do not depend on the machine."""

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from qlif.torch import LIF, QLIF, Mean, Network, QLIFLayer, SpikeLinear, save

FOLDER = Path(__file__).resolve().parents[2] / "data" / "checkpoints"
T, B, N = 10, 3, 6


def current(seed, steps=T):
    return torch.from_numpy(np.random.default_rng(seed).normal(1.5, 3, (steps, B, N)).astype(np.float32))


def keep(name, **tensors):
    arrays = {}
    for key, value in tensors.items():
        array = value.detach().numpy()
        arrays[key] = np.ascontiguousarray(array.astype(np.uint8) if array.dtype == np.bool_ else array)
    save_file(arrays, FOLDER / f"{name}.expected.safetensors")


def vary(module):
    """Parameters that differ from neuron to neuron, as training leaves them."""
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            chance = np.random.default_rng(100 + i)
            parameter.mul_(torch.from_numpy(chance.uniform(0.9, 1.1, tuple(parameter.shape)).astype(np.float32)))


def layer():
    made = QLIFLayer(N, learnable_tau=True, homeostasis_lr=0.1, homeostasis_tau=10.0)
    vary(made)
    made(current(0))
    save(made, FOLDER / "python-layer.safetensors", extra={"note": "a layer in training"})
    input = current(1).requires_grad_()
    spikes, voltages = made(input)
    values = made.spike_values
    values.sum().backward()
    keep(
        "python-layer", input=input, spikes=spikes, spike_values=values, voltages=voltages, grad_input=input.grad,
        grad_v_th=made.qlifs.V_th.grad, statistics=made.qlifs.statistics,
    )  # fmt: skip


def neurons():
    made = QLIF(N, batch_size=B, preset="2025-08-24", tau=4.0)
    vary(made)
    input = current(2)
    for t in range(3):
        made(input[t])
    save(made, FOLDER / "python-state.safetensors")
    runs = []
    for t in range(3, T):
        spikes = made(input[t])
        runs.append((spikes, made.spike_values, made.V))
    spikes, values, voltages = (torch.stack(each) for each in zip(*runs))
    keep("python-state", input=input[3:], spikes=spikes, spike_values=values, voltages=voltages)


def lif():
    made = LIF(N, v_th=0.3, learnable=("v_th", "tau_mem_inv"))
    vary(made)
    save(made, FOLDER / "python-lif.safetensors")
    spikes, voltages = made(current(3))
    keep("python-lif", input=current(3), spikes=spikes, voltages=voltages)


def network(name, linear):
    made = Network(
        linear(20, N), QLIFLayer(N, homeostasis_lr=0.1), linear(N, 5), QLIFLayer(5, preset="2025-08-15"), Mean(), linear(5, 4),
        seed=77, encoder_steps=T,
    )  # fmt: skip
    vary(made)
    with torch.no_grad():
        made[0].weight.mul_(8)
        made[2].weight.mul_(8)
    chance = np.random.default_rng(4)
    spikes = torch.from_numpy(chance.random((T, B, 20)) < 0.3)
    made(spikes)
    images = torch.from_numpy(chance.integers(0, 256, (40, 20), dtype=np.uint8))
    made.eval()
    save(made, FOLDER / f"{name}.safetensors")
    keep(name, spikes=spikes, outputs=made(spikes), images=images, image_outputs=made(made.encode(images)))


def main():
    torch.manual_seed(14)
    layer()
    neurons()
    lif()
    network("python-network", SpikeLinear)
    network("python-network-nn", torch.nn.Linear)


if __name__ == "__main__":
    main()
