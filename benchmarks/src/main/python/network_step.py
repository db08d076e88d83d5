# SPDX-License-Identifier: Apache-2.0
"""A training step of the smoke network, 784-512-10 with QLIF's default neurons, written in several ways, in one run.

    python benchmarks/src/main/python/network_step.py --markdown [--threads 2] [--qlif] [--djl]

From images of MNIST to updated weights: Poisson encoder, linear, neurons, mean over time, linear, cross-entropy, cut of the
norm, Adam; T = 20, a batch of 128. By turns: the neurons in PyTorch's operations (eager; compiled, some steps a graph), our
operator with nn.Linear, and with SpikeLinear. Then, each by itself and on as many threads as --threads says, `./qlif train` (--qlif) and its engine
on DJL with our block (--djl), which build what they need. Before, the losses of a first step must be
those of one network. It takes three minutes, of which one compiles; the machine should have nothing else to do. Needs the
package qlif with PyTorch.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import qlif
import torch_model
from qlif.torch import Mean, Network, QLIFLayer, SpikeLinear
from torch_cost import medians

REPOSITORY = Path(__file__).resolve().parents[4]
STEPS, BATCH, HIDDEN = 20, 128, 512


class Composed(nn.Module):
    """The layer's neurons in PyTorch's operations, with its parameters."""

    def __init__(self, layer: QLIFLayer, program: Callable, chunk: int):
        super().__init__()
        self.neurons = layer.qlifs
        self.program = program
        self.chunk = chunk
        self.spike_values = None

    def forward(self, current: Tensor) -> Tensor:
        neurons = self.neurons
        p = torch_model.parameters_of(
            {
                "v_th": neurons.V_th,
                "tau": neurons.tau,
                "eta": neurons.eta,
                "q_scale": neurons.q_scale,
                "q_bias": neurons.q_bias,
            }
        )
        state = torch_model.initial_state("full", current[0])
        currents = current.unbind(0)
        values = []
        for begin in range(0, len(currents), self.chunk):
            part = currents[begin : begin + self.chunk]
            nothing = (None,) * len(part)
            state, _, ys, _ = self.program(p, state, part, nothing, nothing)
            values.extend(ys)
        self.spike_values = torch.stack(values)
        return self.spike_values


class Row(nn.Module):
    """Linear, neurons, mean, linear."""

    def __init__(self, first: nn.Module, neurons: nn.Module, last: nn.Module):
        super().__init__()
        self.first, self.neurons, self.last = first, neurons, last

    def forward(self, spikes: Tensor) -> Tensor:
        self.neurons(self.first(spikes))
        return self.last(self.neurons.spike_values.mean(0))


def images(count: int) -> Tensor:
    with gzip.open(REPOSITORY / "data" / "mnist" / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(16 + count * 784)[16:], np.uint8)
    return torch.from_numpy(pixels.reshape(count, 784).copy()).float() / 255


def step_of(network: nn.Module, shown: Tensor, labels: Tensor, kind: torch.dtype) -> Callable[[], float]:
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-4)

    def step() -> float:
        spikes = torch.rand((STEPS, *shown.shape)) < shown
        loss = functional.cross_entropy(network(spikes if kind is torch.bool else spikes.to(kind)), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimizer.step()
        return loss.item()

    return step


def contenders(chunk: int, wanted: str) -> Dict[str, Callable[[], float]]:
    shown = images(BATCH)
    labels = torch.arange(BATCH) % 10

    def fresh(linear):
        torch.manual_seed(1)
        return linear(784, HIDDEN), QLIFLayer(HIDDEN), linear(HIDDEN, 10)

    def composed(translate, chunk):
        first, layer, last = fresh(nn.Linear)
        program = translate(torch_model.several_steps(torch_model.STEPS["full"], True, False))
        return Row(first, Composed(layer, program, chunk), last)

    first, layer, last = fresh(SpikeLinear)
    made = {
        "PyTorch's operations, eager": lambda: (composed(lambda program: program, 1), torch.float32),
        f"PyTorch's operations, torch.compile, {chunk} steps a graph": lambda: (
            composed(torch.compile, chunk),
            torch.float32,
        ),
        "our operator, nn.Linear": lambda: (Row(*fresh(nn.Linear)), torch.float32),
        "our operator, SpikeLinear": lambda: (Network(first, layer, Mean(), last), torch.bool),
    }
    steps = {}
    for name, make in made.items():
        if wanted in name:
            network, kind = make()
            steps[name] = step_of(network, shown, labels, kind)
    return steps


def agree() -> None:
    """One batch through all ways but the compiled one, without draws: the losses are those of one network."""
    losses = []
    for name, step in contenders(1, "").items():
        if "compile" not in name:
            torch.manual_seed(5)
            losses.append((name, step()))
    # Draws differ, so losses do a little; a network that is another one is far off.
    least, most = min(loss for _, loss in losses), max(loss for _, loss in losses)
    if not most - least < 0.05:
        raise SystemExit(f"network_step: the losses of the first step differ by more than draws explain: {losses}")


def of_the_command(*arguments: str) -> float:
    """Milliseconds of a step of ./qlif train, which prints the median."""
    command = [
        str(REPOSITORY / "qlif"), "train", "--neuron", "default", "--tau", "20", "--epochs", "3", "--test-images", "100",
        "--hidden", str(HIDDEN), "--steps", str(STEPS), "--batch", str(BATCH), *arguments,
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    found = re.search(r"training step: ([0-9.]+) ms", ended.stdout)
    if ended.returncode != 0 or found is None:
        raise SystemExit(f"network_step: {' '.join(command)} failed: {(ended.stderr or ended.stdout)[-500:]}")
    return float(found.group(1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=60.0, help="for all rows of PyTorch together")
    parser.add_argument("--chunk", type=int, default=5, help="time steps of a compiled graph")
    parser.add_argument("--only", default="", help="the contenders whose names have this in them")
    parser.add_argument("--qlif", action="store_true", help="./qlif train, too")
    parser.add_argument("--djl", action="store_true", help="./qlif train --engine djl, too")
    parser.add_argument("--markdown", action="store_true", help="the table as it goes into docs/benchmarks.md")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    agree()
    load = os.getloadavg()[0]
    made = {
        name: each / 1000 for name, each in medians(contenders(options.chunk, options.only), options.seconds).items()
    }
    for wanted, name, engine in (
        (options.djl, "DJL with our block (./qlif train --engine djl)", "djl"),
        (options.qlif, "./qlif train", "qlif"),
    ):
        if wanted:
            made[name] = of_the_command("--threads", str(options.threads), "--engine", engine)
    print(
        f"Milliseconds a training step, medians. {platform.platform()}, {qlif.devices()['cpu']}, PyTorch {torch.__version__}, "
        f"{options.threads} threads, load {load:.2f} before and {os.getloadavg()[0]:.2f} after.\n"
    )
    least = min(made.values())
    if options.markdown:
        print("| a training step | ms | times the least |\n|:--|--:|--:|")
    for name, each in made.items():
        print(f"| {name} | {each:.1f} | {each / least:.1f} |" if options.markdown else f"{name}: {each:.1f} ms")


if __name__ == "__main__":
    sys.exit(main())
