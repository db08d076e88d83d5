# SPDX-License-Identifier: Apache-2.0
"""libqlif.so's C interface as the comparison calls it, over the binding of the Python package (python/src/qlif).

Arrays are torch tensors or numpy arrays, contiguous, on the kernel's device; whoever calls keeps them alive until the
work is done.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

import constants as k

_HERE = Path(__file__).resolve().parent
if not (_HERE / "qlif").is_dir():
    # In a checkout; scripts/gpu-check copies the package beside this file.
    sys.path.insert(0, str(_HERE.parents[3] / "python" / "src"))

from qlif._library import (  # noqa: E402
    HOST,
    TAPE_COMPACT,
    TAPE_VOLTAGE,
    TYPE_F32,
    BackwardArgs,
    DrawArgs,
    ForwardArgs,
    KernelOptions,
    Library,
    sized,
)

__all__ = ["HOST", "TAPE_COMPACT", "TAPE_VOLTAGE", "Kernel", "Library", "Tape", "backward_args", "config_of", "forward_args"]


def config_of(library: Library, configuration: str) -> ctypes.Array:
    """The struct of a configuration in constants.CONFIGURATIONS."""
    if configuration not in k.CONFIGURATIONS:
        raise ValueError(f"configuration: got '{configuration}', expected one of {', '.join(k.CONFIGURATIONS)}")
    size = library.models[0].config_size
    config = (ctypes.c_uint64 * ((size + 7) // 8))()
    if configuration == "full":
        library.call("qlif_qlif_defaults", ctypes.byref(config), size)
    else:
        library.call("qlif_qlif_preset", ctypes.byref(config), size, b"plain-lif")
    return config


def address(array: Any) -> Optional[int]:
    """Where a torch tensor's or a numpy array's values are; of None, None."""
    if array is None:
        return None
    return array.data_ptr() if hasattr(array, "data_ptr") else array.ctypes.data


def forward_args(
    shape: Sequence[int],
    current: Any,
    parameters: Mapping[str, Any],
    *,
    spikes: Any,
    uniforms: Any = None,
    normals: Any = None,
    voltages: Any = None,
    tape: Optional["Tape"] = None,
) -> ForwardArgs:
    """A forward call of T x B x N with per-neuron parameters from the initial state, spikes out as bytes."""
    steps, batch, neurons = shape
    args = sized(
        ForwardArgs,
        steps=steps,
        batch=batch,
        neurons=neurons,
        seed=k.SEED,
        stream=k.STREAM,
        per_neuron_parameters=(1 << len(k.PARAMETERS)) - 1,
        input=address(current),
        uniforms=address(uniforms),
        normals=address(normals),
        spikes_u8=address(spikes),
        voltages=address(voltages),
        tape=None if tape is None else tape.handle,
    )
    for i, name in enumerate(k.PARAMETERS):
        args.parameters[i] = address(parameters[name])
    return args


def backward_args(
    forward: ForwardArgs, upstream: Any, grad_input: Any, grad_parameters: Mapping[str, Any]
) -> BackwardArgs:
    """The backward call of a forward call, from the gradient of the spike values."""
    args = sized(
        BackwardArgs,
        forward=ctypes.pointer(forward),
        grad_spike_values=address(upstream),
        grad_input=address(grad_input),
    )
    for i, name in enumerate(k.PARAMETERS):
        args.grad_parameters[i] = address(grad_parameters[name])
    return args


class _Owner:
    """A handle, closed once."""

    _close: str

    def __init__(self, library: Library):
        self.library = library
        self.handle = ctypes.c_void_p()

    def close(self) -> None:
        handle, self.handle = self.handle, ctypes.c_void_p()
        if handle:
            self.library.call(self._close, handle)

    def __enter__(self):
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class Kernel(_Owner):
    """A kernel of a configuration on a device: HOST, or a CUDA device's number. stream: a CUstream's address, 0 on the
    host."""

    _close = "qlif_kernel_close"

    def __init__(self, library: Library, device: int, config: ctypes.Array, threads: int = 1):
        super().__init__(library)
        options = sized(KernelOptions, threads=threads)
        library.call(
            "qlif_kernel_open", device, ctypes.byref(config), ctypes.byref(options), ctypes.byref(self.handle)
        )

    def describe(self) -> str:
        text = ctypes.create_string_buffer(256)
        self.library.call("qlif_kernel_describe", self.handle, text, len(text))
        return text.value.decode()

    def reserve(self, shape: Sequence[int]) -> None:
        self.library.call("qlif_kernel_reserve", self.handle, *shape, 0)

    def forward(self, args: ForwardArgs, stream: int = 0) -> None:
        self.library.call("qlif_forward", self.handle, ctypes.byref(args), stream)

    def backward(self, args: BackwardArgs, stream: int = 0) -> None:
        self.library.call("qlif_backward", self.handle, ctypes.byref(args), stream)

    def draw(self, shape: Sequence[int], uniforms: Any, normals: Any, stream: int = 0) -> None:
        """Writes the numbers that a run of T x B x N would draw."""
        steps, batch, neurons = shape
        args = sized(
            DrawArgs,
            stream=k.STREAM,
            seed=k.SEED,
            steps=steps,
            wires=1,
            elements=batch * neurons,
            uniforms=address(uniforms),
            normals=address(normals),
        )
        self.library.call("qlif_draw", self.handle, ctypes.byref(args), stream)


class Tape(_Owner):
    """What a forward call leaves for its backward call."""

    _close = "qlif_tape_close"

    def __init__(self, kernel: Kernel, mode: int, shape: Sequence[int]):
        super().__init__(kernel.library)
        self.library.call("qlif_tape_open", kernel.handle, mode, TYPE_F32, *shape, ctypes.byref(self.handle))

    @property
    def bytes(self) -> int:
        return self.library.tape_bytes(self.handle)
