# SPDX-License-Identifier: Apache-2.0
"""Networks of consecutive layers, as in checkpoints and in the JVM's network kit."""

from __future__ import annotations

from typing import Any, List, Optional, Union

import numpy as np
import torch
from torch import Tensor, nn

from ._operators import signed
from .layers import LIF, QLIF, PackedSpikes, QLIFLayer, SpikeLinear, _linear, _refuse

# What the draws and the encoder's spikes of a test are for: docs/checkpoints.md.
_TEST_SPIKES = 5
_TEST_DRAWS = 6


def _mix(key: Any, counter: Any) -> Any:
    """SplitMix64: element `counter` of the sequence that starts at a key, both numbers of 64 bits or arrays of uint64."""
    with np.errstate(over="ignore"):
        z = np.asarray(key, np.uint64) + np.asarray(counter, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def _mix_key(seed: int, use: int, index: int) -> int:
    """The key of number `index` of a use of a seed, without a sign."""
    return int(_mix(_mix(seed % 2**64, use + 1), index))


class Mean(nn.Module):
    """The mean over time, (T, ..., N) in and (..., N) out, for use before a readout. It adds up from the first step to the
    last, so its bits are those of the JVM."""

    def forward(self, values: Tensor) -> Tensor:
        steps = values.shape[0]
        if steps == 0:
            raise ValueError("values: got no step, expected at least one")
        if values.device.type not in ("cpu", "cuda"):
            return values.float().mean(0)
        # A linear layer whose terms are the steps, with all inputs set: its order of additions is defined.
        flat = values.float().reshape(steps, -1)
        total = _linear(values.new_ones((1, 1, steps), dtype=torch.float32), flat.t(), None, 0)
        return (total / steps).reshape(values.shape[1:])


class Network(nn.Sequential):
    """Consecutive layers: SpikeLinear or nn.Linear; QLIFLayer, QLIF or LIF, whose spike values the next layer gets; and
    Mean, before a readout.

        >>> network = qlif.torch.Network(SpikeLinear(784, 512), QLIFLayer(512), Mean(), SpikeLinear(512, 10))
        >>> logits = network(spikes)                    # (T, B, 784) in; (B, 10) out

    In training its neurons draw as they do outside a network. After eval() the draws follow from `seed`, the row's
    index in the batch (or row_index) and the layer's in the network, so the same input gives the same bits at every call,
    after `qlif.torch.load(path)` and, if its linear layers are SpikeLinear, on the JVM. encoder_steps: for networks whose
    input is an image of bytes, the number of steps for which `encode` shows it; None: the input is spikes.
    """

    def __init__(self, *layers: nn.Module, seed: int = 0, encoder_steps: Optional[int] = None):
        for i, layer in enumerate(layers):
            if not isinstance(layer, (SpikeLinear, nn.Linear, QLIFLayer, QLIF, LIF, Mean)):
                raise _refuse(
                    f"layers[{i}]", type(layer).__name__, "SpikeLinear, nn.Linear, QLIFLayer, QLIF, LIF or Mean"
                )
        if isinstance(seed, bool) or not isinstance(seed, int) or not -(2**63) <= seed < 2**64:
            raise _refuse("seed", seed, "a whole number of 64 bits")
        if encoder_steps is not None and (
            isinstance(encoder_steps, bool) or not isinstance(encoder_steps, int) or encoder_steps < 1
        ):
            raise _refuse("encoder_steps", encoder_steps, "a whole number of 1 or more, or None")
        super().__init__(*(QLIFLayer.of(layer) if isinstance(layer, QLIF) else layer for layer in layers))
        self.seed = signed(seed)
        self._draw_key = signed(_mix_key(seed, _TEST_DRAWS, 0))
        self.encoder_steps = encoder_steps

    def positions(self) -> List[int]:
        """The index of each layer without counting those of Mean, as a checkpoint counts."""
        found, at = [], 0
        for layer in self:
            found.append(at)
            at += not isinstance(layer, Mean)
        return found

    def forward(self, input: Union[Tensor, PackedSpikes], *, row_index: Optional[Tensor] = None) -> Tensor:
        """The outputs of the last layer for spikes, (T, B, K). row_index: (B), int64, the numbers of the rows, which
        decide their draws in a test; None: 0, 1, 2 and so on."""
        values: Any = input
        key = None if self.training else self._draw_key
        for layer, position in zip(self, self.positions()):
            if isinstance(layer, QLIFLayer):
                draws = None if key is None else torch.tensor([key, position, 0, 0])
                layer._forward(values, None, False, draws, row_index, None, None)
                values = layer.spike_values
            elif isinstance(layer, LIF):
                layer(values)
                values = layer.spike_values
            elif isinstance(layer, nn.Linear):
                values = values.unpack() if isinstance(values, PackedSpikes) else values
                values = layer(values.to(layer.weight.dtype))
            else:
                values = layer(values)
        return values

    def encode(self, images: Tensor, rows: Optional[Tensor] = None) -> Tensor:
        """The spikes, bool, (T, B, K), that show images of bytes, (B, K), in a test: those of the JVM's encoder.

        rows: (B), the numbers of the images, which decide their spikes; None: 0, 1, 2 and so on.
        """
        if self.encoder_steps is None:
            raise ValueError("encoder_steps: got None, expected a network whose input is images")
        if not isinstance(images, Tensor) or images.dtype is not torch.uint8 or images.dim() != 2:
            got = (
                f"{images.dtype} of shape {tuple(images.shape)}"
                if isinstance(images, Tensor)
                else type(images).__name__
            )
            raise ValueError(f"images: got {got}, expected uint8 of shape (B, K)")
        batch, inputs = images.shape
        numbers = np.arange(batch) if rows is None else rows.numpy()
        if numbers.shape != (batch,):
            raise ValueError(f"rows: got the shape {numbers.shape}, expected ({batch},)")
        # round(65536 x / 255), a half up.
        thresholds = (images.numpy().astype(np.int64) * 131072 + 255) // 510
        spikes = np.empty((self.encoder_steps, batch, inputs), np.bool_)
        keys = _mix(_mix_key(self.seed, _TEST_SPIKES, 0), numbers.astype(np.int64).view(np.uint64))
        # 64 bits are of four steps.
        for first in range(0, self.encoder_steps, 4):
            bits = _mix(keys[:, None], np.arange(inputs) + first // 4 * inputs)
            for step in range(first, min(first + 4, self.encoder_steps)):
                spikes[step] = (bits >> np.uint64(16 * (step - first)) & np.uint64(0xFFFF)).astype(
                    np.int64
                ) < thresholds
        return torch.from_numpy(spikes)

    def extra_repr(self) -> str:
        return f"seed={self.seed}" + ("" if self.encoder_steps is None else f", encoder_steps={self.encoder_steps}")
