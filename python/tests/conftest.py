# SPDX-License-Identifier: Apache-2.0
"""What several tests need: random configurations and the folder of golden cases."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of golden cases."""
    return REPOSITORY / "golden"


def random_options(seed: int) -> dict:
    """Random values for all options of QlifConfig; test_config.py checks that none is missing. New options go to the
    end, so that the others keep their values."""
    chance = random.Random(seed)

    def pick(*values):
        return chance.choice(values)

    options = {
        "decision": pick("QUBIT", "QUBIT", "SIGMOID", "THRESHOLD"),
        "sampling": pick("DRAW", "ROUND"),
        "spike_value": pick("SAMPLE", "EXPECTED"),
        "angle_map": pick("LINEAR", "TANH"),
        "readout": pick("SINGLE_QUBIT", "MULTI_QUBIT", "EXPECTATION"),
        "surrogate": pick("HEAVISIDE", "FAST_SIGMOID", "GAUSSIAN", "ARCTAN"),
        "neuromod_mode": pick("GAIN", "THRESHOLD", "PROB_SLOPE", "OFF"),
        "neuromod_transform": pick("SIGMOID", "IDENTITY"),
        "neuromod_strength": pick(1.0, 0.4),
        "reset_fraction": pick(1.0, 0.3),
        "noise_std": pick(0.1, 0.0, 0.3),
        "quantum_wires": pick(4, 1, 7),
        "quantum_threshold": pick(0.7, 0.2),
        "probability_floor": pick(0.0, 1e-3),
        "tau": pick(20.0, 3.0),
        "initial_probability": pick(0.02, 0.3),
        "homeostasis_lr": pick(1e-3, 0.05),
        "homeostasis_tau": pick(1000.0, 10.0),
        "g_ahp": pick(0.2, 0.5),
        "depression_rate": pick(0.1, 0.4),
    }
    for name in (
        "detach_reset",
        "stochastic",
        "dynamic_probability",
        "refractory",
        "use_adaptation",
        "use_depression",
        "use_ahp",
        "use_adaptive_threshold",
        "homeostasis_enabled",
    ):
        options[name] = chance.random() < 0.6
    options.update(
        dt=pick(1.0, 0.5),
        v_reset=pick(0.0, -0.2),
        theta_max=pick(math.pi / 2 - 0.005, 1.2),
        quantum_leak=pick(0.1, 0.35),
        surrogate_alpha=pick(1.0, 0.5),
        base_alpha=pick(2.0, 4.0),
        min_alpha=pick(0.05, 0.5),
        max_alpha=pick(5.0, 1.0),
        dsp_decay=pick(None, 0.5),
        dsp_jump=pick(1.0, 0.3),
        tau_adapt=pick(20.0, 5.0),
        tau_ref=pick(6.0, 2.0),
        r_jump=pick(1.0, 0.4),
        adaptation_decay=pick(0.9, 0.5),
        spike_increase=pick(0.5, 0.1),
        recovery_rate=pick(0.05, 0.3),
        tau_ahp=pick(120.0, 5.0),
        ahp_jump=pick(0.3, 1.1),
        ahp_max=pick(2.0, 0.7),
        min_threshold=pick(0.5, 0.9),
        max_threshold=pick(2.0, 1.1),
        homeostasis_target_rate=pick(0.12, 0.5),
        v_th=pick(1.0, 0.8),
        eta=pick(0.1, 0.05),
        q_scale=pick(None, 1.0),
        q_bias=pick(None, 0.5),
        initial_slope=pick(0.1, 0.2),
    )
    return options
