# SPDX-License-Identifier: Apache-2.0
"""QLIF: fused spiking-neuron kernels, all time steps of a batch in one call, forward and backward.

`qlif.forward` and `qlif.backward` take arrays of any library with DLPack: NumPy, PyTorch, JAX, CuPy. `qlif.torch` has
layers for PyTorch, drop-in replacements for those of QLIF-Neurons. `qlif.load` and `qlif.save` read and write
checkpoints, as the JVM does. `python -m qlif.verify PATH...` runs golden cases.
"""

from ._library import QlifError, UnavailableError
from .checkpoint import Checkpoint, Draws, Linear, Neurons, load, save
from .config import LifConfig, NeuronConfig, QlifConfig
from .kernel import Forward, Gradients, Kernel, backward, devices, forward

__version__ = "0.1.0.dev0"

__all__ = [
    "Checkpoint",
    "Draws",
    "Forward",
    "Gradients",
    "Kernel",
    "LifConfig",
    "Linear",
    "NeuronConfig",
    "Neurons",
    "QlifConfig",
    "QlifError",
    "UnavailableError",
    "backward",
    "devices",
    "forward",
    "load",
    "save",
]
