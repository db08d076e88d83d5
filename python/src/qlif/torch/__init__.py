# SPDX-License-Identifier: Apache-2.0
"""QLIF for PyTorch, a drop-in replacement for the public package QLIF-Neurons: change the import, keep the code.

    from qlif.torch import QLIFLayer            # from qlif_layers.qlif_layer import QLIFLayer
    from qlif.torch import QLIF                 # from neurons.qlif import QLIF

Importing it loads the operators. The first import on a machine compiles them (half a minute) if there is a C++
compiler.
"""

from .checkpoint import load, save
from .layers import LIF, QLIF, ArgumentError, PackedSpikes, QLIFLayer, SpikeLinear, pack
from .network import Mean, Network

__all__ = [
    "LIF",
    "QLIF",
    "ArgumentError",
    "Mean",
    "Network",
    "PackedSpikes",
    "QLIFLayer",
    "SpikeLinear",
    "load",
    "pack",
    "save",
]
