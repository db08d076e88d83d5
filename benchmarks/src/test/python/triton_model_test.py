# SPDX-License-Identifier: Apache-2.0
"""The Triton kernels, on the emulation, against libqlif on the host: spikes, potentials and gradients."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "main" / "python"))

import emulated_triton  # noqa: E402

emulated_triton.install()

import agreement  # noqa: E402
import constants as k  # noqa: E402
import native  # noqa: E402
import triton_model  # noqa: E402

LIBRARY = native.Library(os.environ["QLIF_LIBRARY"])
ARRAYS = agreement.Arrays(
    lambda values, shape: np.array(values, np.float32).reshape(shape),
    emulated_triton.empty,
    lambda shape: np.full(shape, 9, np.uint8),
)


class TritonModelTest(unittest.TestCase):
    def check(self, configuration: str, shape, tuning, training: bool = True, lent: bool = True) -> None:
        case = agreement.random_case(shape, ARRAYS)
        expected = agreement.native_answer(LIBRARY, native.HOST, configuration, case, ARRAYS, training, lent)
        problem = agreement.disagreement(run(configuration, case, tuning, training, lent), expected)
        self.assertIsNone(problem, f"{configuration} {shape} {tuning}: {problem}")

    def test_agrees_on_every_remainder_of_steps(self):
        for configuration in k.CONFIGURATIONS:
            for steps in range(1, 19):
                for group in (4, 8):
                    with self.subTest(configuration=configuration, steps=steps, group=group):
                        self.check(configuration, (steps, 2, 19), triton_model.Tuning(16, 1, group))

    def test_agrees_over_many_steps(self):
        for configuration in k.CONFIGURATIONS:
            with self.subTest(configuration=configuration):
                self.check(configuration, (150, 3, 67), triton_model.Tuning(64, 2, 8))

    def test_a_forward_run_alone_agrees(self):
        for configuration in k.CONFIGURATIONS:
            with self.subTest(configuration=configuration):
                self.check(configuration, (21, 3, 67), triton_model.Tuning(), training=False)

    def test_draws_what_the_model_says(self):
        self.check("full", (41, 8, 128), triton_model.Tuning(256, 4, 8), lent=False)

    def test_a_wrong_gradient_is_noticed(self):
        case = agreement.random_case((11, 3, 67), ARRAYS)
        expected = agreement.native_answer(LIBRARY, native.HOST, "full", case, ARRAYS, True, True)
        for name in k.PARAMETERS:
            wrong = run("full", case, triton_model.Tuning(), True, True)
            wrong.grad_parameters[name] = wrong.grad_parameters[name] * np.float32(1.01)
            self.assertIn(name, agreement.disagreement(wrong, expected))
        wrong = run("full", case, triton_model.Tuning(), True, True)
        wrong.spikes[3, 1, 5] ^= 1
        self.assertIn("spikes", agreement.disagreement(wrong, expected, allowed=0))


def run(configuration: str, case: agreement.Case, tuning, training: bool, lent: bool) -> agreement.Answer:
    model = triton_model.TritonModel(configuration, case.shape, training, emulated_triton.empty, tuning)
    spikes = ARRAYS.empty_bytes(case.shape)
    voltages = emulated_triton.empty(case.shape)
    draws = (case.uniforms, case.normals) if lent else (None, None)
    model.forward(case.current, case.parameters, spikes, *draws, voltages)
    if not training:
        return agreement.Answer(spikes, voltages, None, None)
    grad_input = emulated_triton.empty(case.shape)
    sums = model.backward(case.current, case.parameters, spikes, case.upstream, grad_input).sum(axis=1)
    return agreement.Answer(spikes, voltages, grad_input, dict(zip(k.PARAMETERS, sums)))


if __name__ == "__main__":
    unittest.main()
