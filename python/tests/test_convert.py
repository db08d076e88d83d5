# SPDX-License-Identifier: Apache-2.0
"""A state_dict of QLIF-Neurons becomes a checkpoint; other files are refused by what they are."""

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import qlif  # noqa: E402
from qlif import convert  # noqa: E402
from qlif.torch import QLIF, QLIFLayer, load  # noqa: E402

N = 5
OWN = ("threshold_offset", "firing_rate", "homeostatic_offset", "draws", "statistics")


def public(module, **other):
    """The state_dict that the public package would have saved."""
    made = {name: tensor for name, tensor in module.state_dict().items() if not name.endswith(OWN)}
    for name in made:
        if name.endswith(("V_th", "q_scale")):
            made[name] = torch.linspace(0.8, 1.2, N)
    return {**made, **other}


def converted(tmp_path, tensors, *arguments):
    torch.save(tensors, tmp_path / "in.pt")
    assert convert.main([str(tmp_path / "in.pt"), str(tmp_path / "out.safetensors"), *arguments]) == 0
    return tmp_path / "out.safetensors"


def test_layers(tmp_path, capsys):
    for preset in ("2025-08-15", "2025-08-24"):
        for arguments, settings in (
            ({}, ()),
            (
                {"noise_std": 0.0, "quantum_mode": False, "neuromod_mode": None, "V_reset": -0.5},
                (
                    "--set",
                    "noise_std=0",
                    "--set",
                    "quantum_mode=false",
                    "--set",
                    "neuromod_mode=none",
                    "--set",
                    "V_reset=-.5",
                ),
            ),
            ({"learnable_threshold": False, "tau_ahp": 33.0, "allow_dynamic_spike_probability": False}, ()),
        ):
            layer = QLIFLayer(N, preset=preset, **arguments)
            tensors = public(layer)
            layer.load_state_dict(tensors)
            made = load(converted(tmp_path, tensors, *settings))
            assert made.qlifs.config == layer.qlifs.config and made.qlifs.preset == preset
            assert f"layer 0: 5 neurons, {layer.qlifs.config}" in capsys.readouterr().out
            results = []
            for each in (layer, made):
                torch.manual_seed(2)
                results.append(each(torch.ones(6, 2, N) * 3))
            assert torch.equal(results[0][0], results[1][0]) and torch.equal(results[0][1], results[1][1])
            read = qlif.load(tmp_path / "out.safetensors").layers[0]
            assert (
                read.draws is None
                and read.state is None
                and ("v_th" in read.learnable) == ("V_th" in layer.qlifs._parameters)
            )


def test_names_that_the_later_snapshot_has(tmp_path):
    neurons = QLIF(N, preset="2025-08-24")
    kept = {
        "dynamic_spike_probability.tau_adapt": torch.tensor(20.0),
        "dynamic_spike_probability.adaptation": torch.zeros(1, N),
    }
    assert load(converted(tmp_path, public(neurons, **kept))).qlifs.config == neurons.config
    with_another = load(converted(tmp_path, public(neurons, theta_max=torch.tensor(1.25))))
    assert with_another.qlifs.config.theta_max == 1.25


def test_a_state(tmp_path):
    neurons = QLIF(N, batch_size=2, preset="2025-08-15")
    tensors = public(neurons, V=torch.full((2, N), 0.25))
    made = load(converted(tmp_path, tensors, "--state"))
    assert type(made) is QLIF and (made.V == 0.25).all()
    assert type(load(converted(tmp_path, tensors))) is QLIFLayer


class Smoke(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(9, N)
        self.qlif = QLIF(N, preset="2025-08-24", noise_std=0.0)
        self.fc2 = torch.nn.Linear(N, 3, bias=False)

    def forward(self, spikes):
        self.qlif.resize(spikes.shape[1])
        logits = 0
        for each in spikes:
            self.qlif(self.fc1(each))
            logits = logits + self.fc2(self.qlif.spike_values)
        return logits / len(spikes)


def test_a_network(tmp_path, capsys):
    # Without draws, so that both see the same neurons.
    network = Smoke()
    network.qlif = QLIF(N, preset="2025-08-24", noise_std=0.0, readout="expectation")
    spikes = (torch.rand(7, 4, 9) < 0.5).float()
    made = load(converted(tmp_path, public(network), "--set", "noise_std=0.0", "--set", "readout=expectation"))
    network.load_state_dict(public(network))
    torch.testing.assert_close(made(spikes), network(spikes), rtol=1e-5, atol=1e-6)
    assert "layer 2: readout, 5 to 3" in capsys.readouterr().out
    assert [layer.ascending for layer in qlif.load(tmp_path / "out.safetensors").layers[::2]] == [False, False]


class Dangerous:
    def __reduce__(self):
        return (print, ("this ran",))


@pytest.mark.parametrize(
    ("content", "message"),
    (
        (Dangerous(), "got a file with more than tensors in it"),
        (torch.nn.Linear(2, 2), "save module.state_dict(), not the module"),
        ([torch.zeros(2)], "got a list, expected a state_dict"),
        (torch.zeros(2), "got a Tensor, expected a state_dict"),
        ({"epoch": 3}, "got int by the name 'epoch'"),
        ({"model": {"q_scale": torch.zeros(2)}}, "the state_dict may be what is in 'model'"),
        ({1: torch.zeros(2)}, "by the name 1, expected a tensor"),
        ({}, "names: got none, expected those of QLIF neurons"),
        ({"fc.weight": torch.zeros(2, 3)}, "names: got fc.weight, expected those of QLIF neurons"),
        ({**public(Smoke()), "conv.weight": torch.zeros(2, 2, 3, 3)}, "conv.weight: got a tensor of shape (2, 2, 3, 3)"),
        ({**public(Smoke()), "conv.bias": torch.zeros(2)}, "conv.bias: got a tensor of shape (2,)"),
        ({"q_scale": torch.zeros(3)}, "Missing key(s)"),
        ({"q_scale": torch.zeros(())}, "q_scale: got the shape ()"),
        ({**public(QLIF(N)), "tau": torch.tensor(-1.0)}, "(tau): got -1"),
        ({**public(QLIF(N)), "V_th": torch.full((N,), float("nan"))}, "(v_th): got NaN"),
        ({**public(QLIF(N)), "unknown": torch.zeros(1)}, "unknown"),
        ({**public(Smoke()), "fc2.weight": torch.zeros(3, N + 1)}, "layers.2: got 6 inputs, expected 5"),
        ({**public(Smoke()), "fc1.bias": torch.zeros(2)}, "fc1.bias: got the shape (2,), expected (5,)"),
    ),
)  # fmt: skip
def test_what_is_refused(tmp_path, capsys, content, message):
    torch.save(content, tmp_path / "in.pt")
    assert convert.main([str(tmp_path / "in.pt"), str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert message.lower() in captured.err.lower() and "this ran" not in captured.out
    assert not (tmp_path / "out").exists()


def test_files_that_are_refused(tmp_path, capsys):
    path = tmp_path / "in"
    torch.save(public(QLIF(N)), path)
    whole = path.read_bytes()
    qlif.save(convert.convert(convert.read(str(path))), tmp_path / "file.safetensors")
    for content in (
        b"", b"nothing", whole[: len(whole) // 2], b"PK\x03\x04" + bytes(50), pickle.dumps({"a": 1}), b"\x80\x02", bytes(100),
        (tmp_path / "file.safetensors").read_bytes(),
    ):  # fmt: skip
        path.write_bytes(content)
        assert convert.main([str(path), str(tmp_path / "out")]) == 1
        assert "qlif.convert: " in capsys.readouterr().err
    assert convert.main([str(tmp_path / "absent"), str(tmp_path / "out")]) == 1
    assert not (tmp_path / "out").exists()
    for arguments in (["--preset", "2020"], ["--set", "noise_std"], []):
        with pytest.raises(SystemExit) as ended:
            convert.main([str(path), *([] if not arguments else [str(tmp_path / "out")]), *arguments])
        assert ended.value.code == 2
    torch.save(public(QLIF(N)), path)
    for setting, message in (("tau_ahp=-3", "tau_ahp: got"), ("nothing=3", "nothing")):
        assert convert.main([str(path), str(tmp_path / "out"), "--set", setting]) == 1
        assert message in capsys.readouterr().err


def test_any_damage_is_refused_or_read(tmp_path, capsys):
    path = tmp_path / "in"
    torch.save(public(QLIF(N)), path)
    whole = path.read_bytes()
    chance = np.random.default_rng(3)
    for _ in range(40):
        damaged = bytearray(whole)
        for at in chance.integers(0, len(whole), 20):
            damaged[at] = chance.integers(0, 256)
        path.write_bytes(damaged)
        assert convert.main([str(path), str(tmp_path / "out")]) in (0, 1)
