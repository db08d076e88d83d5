# SPDX-License-Identifier: Apache-2.0
"""Data-parallel runs: what the ranks of a process group agree on, so that together they are one process with the whole
batch."""

from __future__ import annotations

from typing import Any, Optional

import torch
import torch.distributed as distributed
from torch import Tensor

from ._operators import means_of


class Group:
    """A process group with rank 0's seed, sent once, and the number of runs so far, which is their stream of draws."""

    def __init__(self, group: Any, generator: Optional[torch.Generator]):
        if not distributed.is_available() or not distributed.is_initialized():
            raise RuntimeError("process_group: got one, expected torch.distributed to be initialised")
        self._group = group
        self._device = _device_of(group)
        self._rank = distributed.get_rank(group)
        self._size = distributed.get_world_size(group)
        draws = torch.ops.qlif.start(torch.zeros(4, dtype=torch.int64), generator).to(self._device)
        distributed.broadcast(draws, distributed.get_global_rank(group, 0), group=group)
        # Where the draws of the next run begin: a tensor, so that compiled code counts, too.
        self.next = draws.cpu()

    def draws(self, rows: int, neurons: int, row_index: Optional[Tensor]) -> Tensor:
        """Where the draws of the next run begin. Without row_index a rank's rows follow those of the ranks before
        it."""
        draws = self.next.clone()
        if row_index is None:
            counts = torch.zeros(self._size, dtype=torch.int64, device=self._device)
            counts[self._rank] = rows
            distributed.all_reduce(counts, group=self._group)
            draws[3] = counts[: self._rank].sum() * neurons
        self.next[1] += 1
        return draws

    def means(self, sums: Tensor, rows: int) -> Tensor:
        """The means over all rows of all ranks of what has these sums here."""
        counted = torch.cat([sums.flatten(), sums.new_tensor([rows])]).to(self._device)
        distributed.all_reduce(counted, group=self._group)
        return means_of(counted[:-1].view_as(sums), counted[-1].clamp(min=1)).to(sums.device)


def _device_of(group: Any) -> torch.device:
    """Where the group's backend takes tensors."""
    if distributed.get_backend(group) == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")
