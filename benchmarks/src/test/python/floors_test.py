# SPDX-License-Identifier: Apache-2.0
"""Counted bytes against what the library says of its tapes, and the choice of the larger floor."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "main" / "python"))

import floors  # noqa: E402
import native  # noqa: E402

LIBRARY = native.Library(os.environ["QLIF_LIBRARY"])


class FloorsTest(unittest.TestCase):
    def test_a_tape_is_as_large_as_counted(self):
        for configuration, mode in (("full", native.TAPE_VOLTAGE), ("plain-lif", native.TAPE_COMPACT)):
            for shape in ((20, 8, 512), (64, 4, 1024), (65, 4, 1024), (256, 2, 2048)):
                with self.subTest(configuration=configuration, shape=shape):
                    with native.Kernel(LIBRARY, native.HOST, native.config_of(LIBRARY, configuration)) as kernel:
                        with native.Tape(kernel, mode, shape) as tape:
                            # Parts are aligned.
                            self.assertLess(abs(floors.tape_bytes(configuration, shape) - tape.bytes), 1024)

    def test_bytes_of_a_neuron_step(self):
        shape = (20, 128, 512)
        neuron_steps = 20 * 128 * 512
        self.assertAlmostEqual(floors.counted_bytes("plain-lif", shape, False) / neuron_steps, 5, places=1)
        # Input, spike, tape twice, input again, two gradients; sums over time of 20 steps.
        self.assertAlmostEqual(
            floors.counted_bytes("full", shape, True) / neuron_steps, 5 + 2 * (4 + 1 / 8) + 12 + 2 * 20 / 20, places=1
        )

    def test_the_larger_floor_counts(self):
        counts = {"a_neuron_step": {"plain_lif_forward": {"operations": 10.0}}}
        for rate, bound, seconds in ((1e12, "bytes", 5e6 / 1e9), (1e9, "operations", 1e7 / 1e9)):
            measured = {
                "copy_bytes_per_second": 1e9,
                "l2_bytes": 2_000_000,
                "thread_instructions": {"mixed": {"per_second": rate}},
            }
            floor = floors.Ceilings(measured, counts).floor("plain-lif", (100, 10, 1000), False)
            self.assertEqual(bound, floor.bound)
            self.assertAlmostEqual(seconds, floor.seconds, places=4)
            self.assertFalse(floor.cached)
            self.assertTrue(floors.Ceilings(measured, counts).floor("plain-lif", (1, 10, 1000), False).cached)
