"""QLIF: fused spiking-neuron kernels, all time steps of a batch in one call, forward and backward.

`qlif.forward` and `qlif.backward` take arrays of any library with DLPack: NumPy, PyTorch, JAX, CuPy. `qlif.torch` has
layers for PyTorch, in the place of those of QLIF-Neurons. `python -m qlif.verify PATH...` runs golden cases.
"""

from ._library import QlifError, UnavailableError
from .config import LifConfig, NeuronConfig, QlifConfig
from .kernel import Forward, Gradients, Kernel, backward, devices, forward

__version__ = "0.1.0"

__all__ = [
    "Forward",
    "Gradients",
    "Kernel",
    "LifConfig",
    "NeuronConfig",
    "QlifConfig",
    "QlifError",
    "UnavailableError",
    "backward",
    "devices",
    "forward",
]
