# SPDX-License-Identifier: Apache-2.0
"""Enough of Triton's language to run triton_model.py's kernels without a GPU: each program as Python over numpy arrays.

It shows that the kernels compute the model, not that Triton's compiler takes them. Loads and stores are checked against
the array's bounds, and what `empty` makes is poisoned.
"""

from __future__ import annotations

import sys
import types
from typing import Any, Callable, Optional, Sequence

import numpy as np

_program = 0


class Block(np.ndarray):
    """A tensor of a program."""

    def to(self, dtype: Any) -> "Block":
        return np.asarray(self).astype(dtype).view(Block)

    # Triton's tensors are values: x += y is another x.
    def __iadd__(self, other: Any) -> "Block":
        return self + other

    def __isub__(self, other: Any) -> "Block":
        return self - other


def _block(values: Any) -> Block:
    return np.atleast_1d(np.asarray(values)).view(Block)


class Pointer:
    """Into a flat array, from where on the offsets count."""

    def __init__(self, memory: np.ndarray, offset: Any = 0):
        self.memory = memory
        self.offset = offset

    def __add__(self, offset: Any) -> "Pointer":
        return Pointer(self.memory, self.offset + offset)

    def __sub__(self, offset: Any) -> "Pointer":
        return Pointer(self.memory, self.offset - offset)

    def at(self, mask: np.ndarray) -> np.ndarray:
        """The offsets of the lanes that take part."""
        offsets = np.broadcast_to(np.asarray(self.offset), mask.shape)[mask]
        if offsets.size and (offsets.min() < 0 or offsets.max() >= self.memory.size):
            raise IndexError(f"offsets {offsets.min()} to {offsets.max()} of an array of {self.memory.size}")
        return offsets


def load(pointer: Pointer, mask: Block, other: Any) -> Block:
    mask = np.asarray(mask)
    values = np.full(mask.shape, other, pointer.memory.dtype)
    values[mask] = pointer.memory[pointer.at(mask)]
    return values.view(Block)


def store(pointer: Pointer, values: Block, mask: Block) -> None:
    mask = np.asarray(mask)
    if values.dtype != pointer.memory.dtype:
        raise TypeError(f"a store of {values.dtype} into an array of {pointer.memory.dtype}")
    pointer.memory[pointer.at(mask)] = np.asarray(values)[mask]


def philox(seed: int, c0: Block, c1: Block, c2: Block, c3: Block):
    """Philox4x32-10 in 64-bit arithmetic."""
    low = np.uint64(0xFFFFFFFF)
    c0, c1, c2, c3 = (np.asarray(c).astype(np.uint64) for c in (c0, c1, c2, c3))
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        product0 = np.uint64(0xD2511F53) * c0
        product2 = np.uint64(0xCD9E8D57) * c2
        c0, c1 = (product2 >> np.uint64(32)) ^ c1 ^ np.uint64(k0), product2 & low
        c2, c3 = (product0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1), product0 & low
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return tuple(_block(c.astype(np.uint32)) for c in (c0, c1, c2, c3))


class Function:
    """A function under @triton.jit: called by kernels, or launched with a grid."""

    def __init__(self, function: Callable):
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __getitem__(self, grid: Sequence[int]) -> Callable[..., None]:
        def launch(*arguments: Any, num_warps: Optional[int] = None, **constants: Any) -> None:
            global _program
            # Tensors of PyTorch on the host share their memory with an array.
            arrays = [a.numpy() if hasattr(a, "numpy") else a for a in arguments]
            given = [Pointer(a.reshape(-1)) if isinstance(a, np.ndarray) else a for a in arrays]
            for _program in range(grid[0]):
                self._function(*given, **constants)

        return launch


def empty(shape: Sequence[int]) -> np.ndarray:
    return np.full(tuple(shape), np.nan, np.float32)


def install() -> None:
    """Puts it where `import triton` finds it."""
    language = types.ModuleType("triton.language")
    language.constexpr = lambda value: value
    language.float32, language.uint8, language.int32 = np.float32, np.uint8, np.int32
    language.uint32, language.int64 = np.uint32, np.int64
    language.program_id = lambda axis: _block(_program)
    language.arange = lambda begin, end: np.arange(begin, end, dtype=np.int32).view(Block)
    language.zeros = lambda shape, dtype: np.zeros(shape, dtype).view(Block)
    language.static_range = range
    language.load, language.store, language.philox = load, store, philox
    language.where = lambda condition, x, y: np.where(condition, x, y).view(Block)
    language.minimum, language.maximum = np.minimum, np.maximum
    language.exp, language.sqrt, language.abs = np.exp, np.sqrt, np.abs
    libdevice = types.ModuleType("triton.language.extra.cuda.libdevice")
    libdevice.fast_log2f, libdevice.fast_cosf, libdevice.fast_sinf = np.log2, np.cos, np.sin
    cuda = types.ModuleType("triton.language.extra.cuda")
    cuda.libdevice = libdevice
    triton = types.ModuleType("triton")
    triton.jit = Function
    triton.language = language
    triton.__version__ = "emulated"
    extra = types.ModuleType("triton.language.extra")
    for module in (triton, language, extra, cuda, libdevice):
        sys.modules[module.__name__] = module
