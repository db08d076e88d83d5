# SPDX-License-Identifier: Apache-2.0
"""The model in PyTorch's tensor operations against libqlif on the host: spikes, potentials and gradients; and firing
from own draws."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "main" / "python"))

try:
    import torch
except ImportError as missing:
    raise unittest.SkipTest(f"{missing}: PyTorch's part is skipped") from missing

import agreement  # noqa: E402
import constants as k  # noqa: E402
import native  # noqa: E402
import torch_model  # noqa: E402

LIBRARY = native.Library(os.environ["QLIF_LIBRARY"])
ARRAYS = agreement.torch_arrays("cpu")


class TorchModelTest(unittest.TestCase):
    def test_agrees(self):
        for configuration in k.CONFIGURATIONS:
            for shape, chunk in (((11, 3, 67), 1), ((50, 2, 33), 1), ((11, 3, 67), 4)):
                for training in (False, True):
                    with self.subTest(configuration=configuration, shape=shape, chunk=chunk, training=training):
                        case = agreement.random_case(shape, ARRAYS)
                        expected = agreement.native_answer(
                            LIBRARY, native.HOST, configuration, case, ARRAYS, training, True
                        )
                        got = agreement.torch_answer(configuration, case, training, True, chunk=chunk)
                        self.assertIsNone(agreement.disagreement(got, expected))

    def test_fires_alike_from_its_own_draws(self):
        torch.manual_seed(1)
        case = agreement.random_case((20, 8, 128), ARRAYS)
        expected = agreement.native_answer(LIBRARY, native.HOST, "full", case, ARRAYS, False, False)
        got = agreement.torch_answer("full", case, False, False)
        counts = int(got.spikes.sum()), int(expected.spikes.sum())
        self.assertIsNone(agreement.firing_disagreement(*counts))
        self.assertIsNotNone(agreement.firing_disagreement(counts[0] * 2, counts[1]))
        self.assertIsNotNone(agreement.firing_disagreement(0, 0))


if __name__ == "__main__":
    unittest.main()
