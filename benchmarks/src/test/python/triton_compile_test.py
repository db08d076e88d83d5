# SPDX-License-Identifier: Apache-2.0
"""Triton's own compiler takes the kernels, of every tuning and kind of argument, for a GPU that need not be there."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[2] / "main" / "python"))

try:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
except ImportError as missing:
    raise unittest.SkipTest(f"{missing}: the kernels are not compiled") from missing

import triton_model  # noqa: E402

SIZES = ("elements", "neurons", "pairs", "groups", "seed", "stream")


def compiled(kernel, constants, ones, warps):
    """For compute capability 9.0. ones: arguments of value 1, which Triton makes constants of."""
    constants = {**constants, **{name: 1 for name in ones}}
    types = {name: "i32" if name in SIZES else "*u8" if name == "spikes" else "*fp32" for name in kernel.arg_names}
    signature = {name: "constexpr" if name in constants else types[name] for name in kernel.arg_names}
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    source = ASTSource(kernel, signature, places)
    return triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": warps}).asm["cubin"]


class TritonCompileTest(unittest.TestCase):
    def setUp(self):
        # Nothing that was compiled before counts, and nothing stays.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        cache = mock.patch.dict(os.environ, {"TRITON_CACHE_DIR": folder.name})
        cache.start()
        self.addCleanup(cache.stop)

    def compile(self, kernel, configuration, tuning, ones=(), **constants):
        constants = {
            **constants,
            "FULL": configuration == "full",
            "GROUP": tuning.group,
            "KEPT_VALUES": triton_model.KEPT[configuration],
            "BLOCK": tuning.block,
        }
        with self.subTest(configuration=configuration, tuning=tuning, ones=ones, constants=constants):
            self.assertTrue(compiled(kernel, constants, ones, tuning.warps))

    def forward(self, configuration, tuning, training=True, own=True, odd=0, ones=()):
        constants = {"TRAIN": training, "OWN_DRAWS": own, "KEEP_VOLTAGES": not own, "ODD": odd}
        self.compile(triton_model.forward_kernel, configuration, tuning, ones, **constants)

    def test_every_tuning(self):
        for configuration in triton_model.KEPT:
            for tuning in triton_model.TUNINGS:
                self.forward(configuration, tuning)
                self.compile(triton_model.backward_kernel, configuration, tuning, TAIL=4)

    def test_every_kind_of_call(self):
        small = triton_model.Tuning(64, 2, 4)
        for configuration in triton_model.KEPT:
            for odd in (0, 1):
                for training in (False, True):
                    for own in (False, True):
                        self.forward(configuration, small, training, own, odd)
            for ones in (("pairs",), ("elements", "neurons")):
                self.forward(configuration, small, odd=1, ones=ones)
            for tail, ones in ((0, ()), (1, ("groups",)), (1, ("elements", "neurons"))):
                self.compile(triton_model.backward_kernel, configuration, small, ones, TAIL=tail)


if __name__ == "__main__":
    unittest.main()
