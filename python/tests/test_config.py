# SPDX-License-Identifier: Apache-2.0
"""Configurations: options of the library's table, text, refusals."""

import copy
import pickle

import pytest
from conftest import random_options

import qlif
from qlif import LifConfig, QlifConfig


def test_options_are_the_librarys():
    config = QlifConfig()
    assert config.tau == 20.0 and config.decision == "QUBIT" and config.use_ahp is True and config.quantum_wires == 4
    assert config.q_scale is None and config.dsp_decay is None
    assert config.parameter_default("q_scale") == pytest.approx(0.714285, abs=1e-5)
    assert "noise_std" in dir(config)
    assert LifConfig().tau_syn_inv == 200.0
    with pytest.raises(AttributeError, match="no option 'taus'"):
        config.taus


def test_text_is_javas():
    config = QlifConfig(tau=10, angle_map="TANH", probability_floor=1e-5, v_th=1e8, homeostasis_lr=0.00125)
    assert str(QlifConfig()) == "QLIF"
    for word in ("tau=10.0", "angle_map=TANH", "probability_floor=1.0E-5", "v_th=1.0E8", "homeostasis_lr=0.00125"):
        assert word in str(config).split()
    assert str(QlifConfig(q_scale=1)) == "QLIF q_scale=1.0"
    assert str(QlifConfig(q_scale=1).replace(q_scale=None)) == "QLIF"
    assert str(LifConfig(surrogate="ARCTAN")) == "LIF surrogate=ARCTAN"


@pytest.mark.parametrize("seed", range(40))
def test_round_trips(seed):
    config = QlifConfig(**random_options(seed))
    assert QlifConfig.parse(str(config)) == config
    assert hash(QlifConfig.parse(str(config))) == hash(config)
    assert pickle.loads(pickle.dumps(config)) == config
    assert copy.deepcopy(config) == config
    assert config.replace() == config
    for name, value in random_options(seed).items():
        assert getattr(config, name) == value


def test_random_options_vary_every_option():
    configs = [QlifConfig(**random_options(seed)) for seed in range(100)]
    for name, option in QlifConfig._model().options.items():
        values = {getattr(config, name) for config in configs}
        missing = [choice for choice in option.choices if choice not in values]
        assert len(values) > 1, f"random_options in conftest.py never changes {name}"
        assert not missing, f"random_options in conftest.py never sets {name} to one of {missing}"


def test_what_java_writes_is_read():
    text = " QLIF homeostasis_enabled=false  dsp_decay=derived\ttau=1.5E1 "
    assert QlifConfig.parse(text) == QlifConfig(homeostasis_enabled=False, tau=15)


def test_presets():
    early = QlifConfig.preset("2025-08-15")
    assert early.reset_fraction == 0.3 and early.eta == 0 and early.dsp_jump > 1.9
    late = QlifConfig.preset("2025-08-24", tau=5.0)
    assert late.angle_map == "TANH" and late.spike_value == "EXPECTED" and late.tau == 5 and not late.refractory
    classic = QlifConfig.preset("2025-08-24", decision="THRESHOLD")
    assert (
        classic.refractory and not classic.detach_reset and not classic.stochastic and classic.spike_value == "SAMPLE"
    )
    assert not QlifConfig.preset("plain-lif").use_ahp
    with pytest.raises(ValueError, match="got '2025', expected 2025-08-15"):
        QlifConfig.preset("2025")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"tau": -1}, "tau: got -1, expected a finite number > 0"),
        ({"tau": float("nan")}, "tau: got nan"),
        ({"noise_std": float("inf")}, "noise_std: got inf"),
        ({"q_scale": float("nan")}, "q_scale: got nan"),
        ({"tau": "10"}, "tau: got '10', expected a number"),
        ({"tau": True}, "tau: got True, expected a number"),
        ({"use_ahp": 1}, "use_ahp: got 1, expected True or False"),
        ({"decision": "qubit"}, "decision: got 'qubit', expected one of QUBIT, SIGMOID, THRESHOLD"),
        ({"decision": ["QUBIT"]}, "decision: got"),
        ({"quantum_wires": 65}, "quantum_wires: got 65, expected 1 to 64"),
        ({"quantum_wires": 2.0}, "quantum_wires: got 2.0"),
        ({"quantum_wires": 2**40}, "quantum_wires: got 1099511627776"),
        ({"min_alpha": 3.0, "max_alpha": 2.0}, "min_alpha"),
        ({"taus": 1}, "option: got 'taus', expected one of"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        QlifConfig(**options)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "model: got '', expected QLIF"),
        ("LIF", "model: got 'LIF', expected QLIF"),
        ("QLIF tau", "setting: got 'tau', expected NAME=VALUE"),
        ("QLIF tau=1 tau=2", "tau: got it twice"),
        ("QLIF tau=0x10", "tau: got '0x10'"),
        ("QLIF tau=NaN", "tau: got nan"),
        ("QLIF use_ahp=True", "use_ahp: got 'True', expected true or false"),
        ("QLIF x=1", "option: got 'x'"),
    ],
)
def test_text_refusals(text, message):
    with pytest.raises(ValueError, match=message):
        QlifConfig.parse(text)


def test_it_does_not_change():
    config = QlifConfig()
    with pytest.raises(AttributeError, match="can't be changed: config.replace\\(tau=...\\)"):
        config.tau = 3
    with pytest.raises(TypeError):
        qlif.NeuronConfig()


def test_the_example_is_right():
    import doctest

    from qlif import config

    ended = doctest.testmod(config, extraglobs={"qlif": qlif})
    assert ended.attempted >= 4 and ended.failed == 0
