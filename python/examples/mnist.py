# SPDX-License-Identifier: Apache-2.0
"""A spiking network on MNIST, as users of QLIF-Neurons write it: Poisson encoder, Linear, QLIF in a loop, Linear.

    python python/examples/mnist.py --epochs 3 --images 5000

Its neurons came from `neurons.qlif`; the import is all that changed.
"""

import argparse
import gzip
import struct
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from qlif.torch import QLIF, SpikeLinear

DATA = Path(__file__).resolve().parents[2] / "data" / "mnist"


def read(name, data):
    """An IDX file, gzipped, as a tensor."""
    with gzip.open(data / name) as file:
        _, _, kind, dimensions = struct.unpack("4B", file.read(4))
        shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
        if kind != 8:
            raise ValueError(f"{name}: got IDX type {kind}, expected 8, bytes")
        return torch.from_numpy(np.frombuffer(file.read(), np.uint8).reshape(shape).copy())


class Network(nn.Module):
    def __init__(self, hidden, steps, linear=nn.Linear, **neurons):
        super().__init__()
        self.steps = steps
        self.encoded = linear(784, hidden)
        self.neurons = QLIF(hidden, **neurons)
        self.readout = linear(hidden, 10)

    def forward(self, images):
        """Logits, averaged over the steps, of images (B, 784) in [0, 1]."""
        self.neurons.resize(len(images))
        logits = 0
        for _ in range(self.steps):
            spikes = (torch.rand_like(images) < images).float()
            self.neurons(self.encoded(spikes))
            logits = logits + self.readout(self.neurons.spike_values)
        return logits / self.steps


def accuracy(network, images, labels):
    network.eval()
    with torch.no_grad():
        found = torch.cat([network(part).argmax(1) for part in images.split(1000)])
    network.train()
    return (found == labels).float().mean().item()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--T", type=int, default=20, help="time steps")
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--clip-grad", type=float, default=1.0)
    parser.add_argument("--images", type=int, default=60000, help="how many to train with")
    parser.add_argument("--tests", type=int, default=10000, help="how many to test with")
    parser.add_argument("--no-quantum", action="store_true", help="the classic decision")
    parser.add_argument("--spike-linear", action="store_true", help="SpikeLinear in the place of nn.Linear")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the IDX files")
    options = parser.parse_args(arguments)

    torch.manual_seed(0)
    images = read("train-images-idx3-ubyte.gz", options.data)[: options.images].flatten(1).float() / 255
    labels = read("train-labels-idx1-ubyte.gz", options.data)[: options.images].long()
    tests = read("t10k-images-idx3-ubyte.gz", options.data)[: options.tests].flatten(1).float() / 255
    answers = read("t10k-labels-idx1-ubyte.gz", options.data)[: options.tests].long()

    network = Network(
        options.hidden,
        options.T,
        SpikeLinear if options.spike_linear else nn.Linear,
        preset="2025-08-24",
        tau=2.0,
        noise_std=0.0,
        quantum_mode=not options.no_quantum,
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=options.lr)
    reached = 0.0
    for epoch in range(options.epochs):
        began = time.perf_counter()
        for batch in torch.randperm(len(images)).split(options.batch_size):
            loss = functional.cross_entropy(network(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), options.clip_grad)
            optimizer.step()
        took = time.perf_counter() - began
        reached = accuracy(network, tests, answers)
        print(f"epoch {epoch + 1}: {100 * reached:.2f} % of the test images right, {took:.1f} s", flush=True)
    return reached


if __name__ == "__main__":
    main()
