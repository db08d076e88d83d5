# SPDX-License-Identifier: Apache-2.0
"""The least time that a call can take on a GPU: counted bytes over the measured copy bandwidth, and counted operations
over the measured issue rate; the larger is the floor. native/README.md derives the counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Optional, Sequence

import constants as k

FLOAT = 4
STATE_BYTES = 11 * FLOAT


def tape_bytes(configuration: str, shape: Sequence[int]) -> float:
    """Spikes as bits, the state before every 64th step but the first, and V' in the full configuration."""
    steps, batch, neurons = shape
    elements = batch * neurons
    checkpoints = (-(-steps // k.SEGMENT) - 1) * elements * STATE_BYTES
    voltages = steps * elements * FLOAT if configuration == "full" else 0
    return steps * elements / 8 + checkpoints + voltages


def counted_bytes(configuration: str, shape: Sequence[int], training: bool) -> float:
    """What a call must read and write once, own draws, spikes out as bytes; in training the gradients of the input and
    the parameters, by way of a tape: with V' in the full configuration, without where there is no noise."""
    steps, batch, neurons = shape
    elements = batch * neurons
    parameters = len(k.PARAMETERS) * FLOAT * neurons
    total = steps * elements * (FLOAT + 1) + parameters
    if training:
        tape = tape_bytes(configuration, shape)
        # Written and read: the tape, and a sum over time for each element and parameter. Read: the input again, the
        # gradient of the spike values. Written: the gradients.
        sums = elements * len(k.PARAMETERS) * FLOAT
        total += 2 * tape + 2 * sums + steps * elements * 3 * FLOAT + 2 * parameters
    return total


def counted_operations(counts: Mapping[str, Any], configuration: str, training: bool) -> float:
    """Instructions of a thread for a neuron-step, from native/operations."""
    rows = counts["a_neuron_step"]
    name = configuration.replace("-", "_")
    if not training:
        return rows[f"{name}_forward"]["operations"]
    return rows[f"{name}_forward_taped"]["operations"] + rows[f"{name}_backward"]["operations"]


class Floor(NamedTuple):
    """In seconds a call."""

    by_bytes: float
    by_operations: float
    # Whether the counted bytes fit the GPU's cache: calls in a row then find some there, and by_bytes is no floor.
    cached: bool

    @property
    def seconds(self) -> float:
        return max(self.by_bytes, self.by_operations)

    @property
    def bound(self) -> str:
        return "bytes" if self.by_bytes >= self.by_operations else "operations"


class Ceilings(NamedTuple):
    """What native/ceilings measured, and what native/operations counted."""

    measured: Mapping[str, Any]
    counts: Mapping[str, Any]

    @staticmethod
    def read(measured: Optional[str], counts: Optional[str]) -> Optional["Ceilings"]:
        """None unless both files are named."""
        if measured is None or counts is None:
            return None
        return Ceilings(json.loads(Path(measured).read_text()), json.loads(Path(counts).read_text()))

    def floor(self, configuration: str, shape: Sequence[int], training: bool) -> Floor:
        steps, batch, neurons = shape
        operations = counted_operations(self.counts, configuration, training) * steps * batch * neurons
        moved = counted_bytes(configuration, shape, training)
        return Floor(
            moved / self.measured["copy_bytes_per_second"],
            operations / self.measured["thread_instructions"]["mixed"]["per_second"],
            # Twice the cache: what was touched last stays.
            moved < 2 * self.measured["l2_bytes"],
        )
