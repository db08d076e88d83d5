# SPDX-License-Identifier: Apache-2.0
"""Layers and networks as checkpoints: what is saved goes on with the same bits."""

import copy
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

torch = pytest.importorskip("torch")

import qlif  # noqa: E402
from qlif.torch import LIF, QLIF, ArgumentError, Mean, Network, QLIFLayer, SpikeLinear, _operators, load, pack, save  # noqa: E402

T, B, N = 5, 3, 7

ARGUMENTS = (
    {},
    {"preset": "2025-08-24"},
    {"preset": "2025-08-15", "tau_adapt": 10.0},
    {"quantum_mode": False},
    {"quantum_mode": False, "stochastic": False, "surrogate_gradient_function": "arctan"},
    {"preset": "2025-08-24", "quantum_mode": False, "neuromod_mode": None},
    {"learnable_tau": True, "learnable_eta": True, "learnable_threshold": False, "tau": 3.0},
    {"options": {"angle_map": "TANH", "v_th": 1.25, "stochastic": False}, "V_th": 0.75},
    {"readout": "multi_qubit", "quantum_wire": 3, "noise_std": 0.0, "homeostasis_enabled": False},
)


def current(seed=0, steps=T):
    return torch.from_numpy(np.random.default_rng(seed).normal(1, 3, (steps, B, N)).astype(np.float32))


@pytest.mark.parametrize("training", (True, False))
@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_layers_go_on(tmp_path, arguments, training):
    path = tmp_path / "layer"
    torch.manual_seed(3)
    layer = QLIFLayer(N, **arguments)
    with torch.no_grad():
        layer.qlifs.V_th.add_(torch.linspace(0, 0.2, N))
    layer(current())
    layer.train(training)
    before = torch.get_rng_state()
    save(layer, path)
    again = load(path).train(training)
    assert torch.equal(before, torch.get_rng_state())
    assert type(again) is QLIFLayer and str(again.qlifs._texts[training, False]) == str(
        layer.qlifs._texts[training, False]
    )
    assert {name: value.shape for name, value in again.named_parameters()} == {
        name: value.shape for name, value in layer.named_parameters()
    }
    for run in range(2):
        # Of the second run nothing is said: both draw a seed.
        torch.manual_seed(run)
        expected = layer(current(run), return_extras=True)
        torch.manual_seed(run)
        draws = again(current(run), return_extras=True)
        if run == 0:
            continue
        assert torch.equal(expected[0], draws[0]) and torch.equal(expected[1], draws[1])
    save(layer, path)
    again = load(path).train(training)
    expected, got = layer(current(4), return_extras=True), again(current(4), return_extras=True)
    assert torch.equal(expected[0], got[0]) and torch.equal(expected[1], got[1])
    assert all(torch.equal(expected[2][name], got[2][name]) for name in expected[2])
    for name in ("V_reset", "tau_ahp", "neuromod_mode", "quantum_mode", "quantum_threshold", "preset"):
        assert str(getattr(again.qlifs, name)).lower() == str(getattr(layer.qlifs, name)).lower().replace(
            "none", "off"
        ) or (getattr(again.qlifs, name) == getattr(layer.qlifs, name))


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_a_run_of_steps_goes_on(tmp_path, arguments):
    path = tmp_path / "neurons"
    torch.manual_seed(3)
    neurons = QLIF(N, batch_size=B, **arguments)
    steps = current(1)
    run = [neurons(steps[t]) for t in range(2)]
    save(neurons, path)
    again = load(path)
    assert type(again) is QLIF and again.seed == neurons.seed
    for t in range(2, T):
        run.append(neurons(steps[t]))
        assert torch.equal(run[-1], again(steps[t]))
        assert torch.equal(neurons._state, again._state)
    for each in (neurons, again):
        each.resize(B)
    assert torch.equal(neurons.statistics, again.statistics)
    assert {name: value.shape for name, value in neurons.state_dict().items()} == {
        name: value.shape for name, value in again.state_dict().items()
    }
    # A layer of the file starts afresh, with the draws of the run.
    whole = load(path, stepwise=False)
    assert type(whole) is QLIFLayer
    assert torch.equal(whole(torch.stack(list(steps)))[0], torch.stack(run))
    save(QLIFLayer(N, **arguments), path)
    stepwise = load(path, stepwise=True)
    stepwise.resize(B)
    stepwise(steps[0])
    assert type(stepwise) is QLIF and load(path, stepwise=True).seed == qlif.load(path).layers[0].draws.seed % 2**64


def test_a_network_refuses_a_state(tmp_path):
    neurons = QLIF(N, batch_size=B)
    neurons(current(1)[0])
    save(neurons, tmp_path / "neurons")
    checkpoint = qlif.load(tmp_path / "neurons")
    checkpoint.layers.append(qlif.Linear(np.zeros((N, 3), np.float32)))
    qlif.save(checkpoint, tmp_path / "network")
    with pytest.raises(ValueError, match="layers.0: got neurons with a state, expected none"):
        load(tmp_path / "network")


def of_the_jvm(**other):
    config = qlif.QlifConfig(homeostasis_lr=0.1)
    parameters = {name: np.full(N, config.parameter_default(name)) for name in config._model().parameters}
    parameters["tau"] = np.linspace(10, 20, N)
    return qlif.Checkpoint([qlif.Neurons(config, N, parameters, ("v_th", "tau"), seed=42, stream=3, **other)])


def expected_of(checkpoint, stream, input, statistics=None):
    """The spikes of a run from a fresh state as the JVM's layer draws it."""
    layer = checkpoint.layers[0]
    state = None
    if statistics is not None:
        rows = [np.tile(each.numpy(), (B, 1)) for each in statistics]
        state = {"rate": rows[0], "homeostasis_offset": rows[1]}
    key = _operators.layer_key(42, 3)
    run = qlif.forward(layer.config, input, parameters=layer.parameters, seed=key, stream=stream % 2**32, state=state)
    return torch.from_numpy(run.spikes).bool(), torch.from_numpy(run.voltages)


def test_a_layer_of_the_jvm_counts_its_runs(tmp_path):
    path = tmp_path / "layer"
    key = _operators.layer_key(42, 3)
    for written in (
        of_the_jvm(episode=5, evaluations=2),
        of_the_jvm(episode=5, evaluations=2, draws=qlif.Draws(key, 5)),
    ):
        qlif.save(written, path)
        layer = load(path)
        assert layer.qlifs.tau.shape == (N,) and layer.qlifs.tau.requires_grad and layer.qlifs.eta.shape == ()
        layer.eval()
        for i in (2, 3):
            for got, wanted in zip(layer(current(i)), expected_of(written, -1 - i, current(i))):
                assert torch.equal(got, wanted)
        layer.train()
        for episode in (5, 6, 7):
            statistics = layer.qlifs.statistics.clone()
            for got, wanted in zip(
                layer(current(episode)), expected_of(written, episode, current(episode), statistics)
            ):
                assert torch.equal(got, wanted)
            if episode == 6:
                save(layer, path)
                assert qlif.load(path).layers[0].episode == 7 and qlif.load(path).layers[0].evaluations == 4
                layer = copy.deepcopy(load(path))
    # Another run first, as of a layer whose next run was told.
    qlif.save(of_the_jvm(episode=5, draws=qlif.Draws(17, 9)), path)
    layer = load(path)
    save(layer, path)
    layer = load(path)
    assert torch.equal(layer(current())[0], _by_draws(17, 9)) and not torch.equal(layer(current())[0], _by_draws(17, 9))
    assert layer.qlifs._series.tolist() == [42, 3, 7, 0]
    other = QLIFLayer(N, learnable_tau=True, learnable_qscale=False, learnable_qbias=False)
    other.qlifs.tau = torch.nn.Parameter(torch.ones(N))
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other.qlifs._series, layer.qlifs._series)


def _by_draws(seed, stream):
    layer = of_the_jvm().layers[0]
    run = qlif.forward(layer.config, current(), parameters=layer.parameters, seed=seed, stream=stream)
    return torch.from_numpy(run.spikes).bool()


def test_a_loaded_layer_in_graphs(tmp_path):
    path = tmp_path / "layer"
    for made in (of_the_jvm(episode=5), of_the_jvm(episode=5, draws=qlif.Draws(17, 9))):
        qlif.save(made, path)
        eager, layer = load(path), load(path)
        compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
        for run in range(3):
            for got, wanted in zip(compiled(current(run)), eager(current(run))):
                assert torch.equal(got, wanted)
        # An exported program keeps no position.
        run = torch.export.export(load(path).eval(), (current(),)).module()
        assert not torch.equal(run(current())[0], run(current())[0])


def test_hints_that_mean_nothing(tmp_path):
    path = tmp_path / "layer"
    for hint in ("2020-01-01", np.ones(3, np.float32)):
        made = of_the_jvm()
        made.extra["layers.0.preset"] = hint
        qlif.save(made, path)
        assert load(path).qlifs.preset is None


def test_a_state_of_the_jvm(tmp_path):
    path = tmp_path / "layer"
    made = of_the_jvm(episode=5, draws=qlif.Draws(_operators.layer_key(42, 3), 5))
    layer = made.layers[0]
    whole = qlif.forward(
        layer.config, current(), parameters=layer.parameters, seed=layer.draws.seed, stream=layer.draws.stream
    )
    first = qlif.forward(
        layer.config, current()[:2], parameters=layer.parameters, seed=layer.draws.seed, stream=layer.draws.stream
    )
    layer.state, layer.step = first.state, 2
    qlif.save(made, path)
    neurons = load(path)
    for t in range(2, T):
        assert np.array_equal(neurons(current()[t]).numpy(), whole.spikes[t].astype(bool))
    save(neurons, path)
    again = qlif.load(path).layers[0]
    assert (again.seed, again.stream, again.episode, again.step) == (42, 3, 5, T)
    neurons.reset()
    assert neurons._draws.tolist() == [_operators.layer_key(42, 3), 6, 0, 0]


def test_lif_and_linear_layers(tmp_path):
    path = tmp_path / "layer"
    layer = LIF(N, v_th=0.25, learnable=("v_th",), surrogate="gaussian")
    with torch.no_grad():
        layer.v_th.add_(torch.arange(N) / 10)
    save(layer, path)
    again = load(path)
    for got, wanted in zip(again(current()), layer(current())):
        assert torch.equal(got, wanted)
    assert [name for name, _ in again.named_parameters()] == ["v_th"] and str(again.config) == str(layer.config)
    half = layer(current()[:2])
    made = qlif.load(path)
    made.layers[0].state = {"v": layer.state[0].detach().numpy(), "i": layer.state[1].detach().numpy()}
    made.layers[0].step = 2
    qlif.save(made, path)
    again = load(path)
    assert again.step == 2
    rest = again(current()[2:], again.state, first_step=again.step)
    assert torch.equal(torch.cat([half[1], rest[1]]), layer(current())[1])
    for kind in (SpikeLinear, torch.nn.Linear):
        for bias in (True, False):
            linear = kind(N, 4, bias=bias)
            save(linear, path)
            again = load(path)
            assert type(again) is kind and torch.equal(again(current()), linear(current()))
            assert list(again.state_dict()) == list(linear.state_dict())
            if kind is SpikeLinear:
                assert again.weight.t().is_contiguous()


def row(linear=SpikeLinear, **other):
    torch.manual_seed(1)
    return Network(
        linear(9, N),
        QLIFLayer(N, preset="2025-08-15"),
        linear(N, N, bias=False),
        LIF(N, v_th=0.05),
        Mean(),
        linear(N, 2),
        **other,
    )


def spikes(rows=B):
    return torch.from_numpy(np.random.default_rng(2).random((T, rows, 9)) < 0.5)


@pytest.mark.parametrize("linear", (SpikeLinear, torch.nn.Linear))
def test_networks(tmp_path, linear):
    path = tmp_path / "network"
    network = row(linear, seed=2**63 + 5, encoder_steps=4)
    network(spikes()).pow(2).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    save(network, path, extra={"trained on": "nothing"})
    assert qlif.load(path).extra["trained on"] == "nothing"
    again = load(path)
    assert repr(again) == repr(network) and again.training
    for each in (network, again):
        each.eval()
    expected = network(spikes())
    assert torch.equal(again(spikes()), expected) and torch.equal(network(spikes()), expected)
    assert torch.equal(again(pack(spikes())), expected) and torch.equal(again(spikes().float()), expected)
    # A row's draws are its own.
    some = torch.tensor([2, 0])
    torch.testing.assert_close(network(spikes()[:, some], row_index=some), expected[some], atol=0, rtol=0)
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(spikes().float()), expected)
    images = torch.randint(0, 256, (B, 9), dtype=torch.uint8)
    assert network.encode(images).shape == (4, B, 9)
    assert torch.equal(network.encode(images[some], some), network.encode(images)[:, some])
    assert not network.encode(torch.zeros_like(images)).any()
    shown = row(encoder_steps=500).encode(torch.full((4, 100), 51, dtype=torch.uint8)).float().mean()
    assert abs(shown - 0.2) < 0.004


def test_a_network_is_what_its_parts_are():
    network = row(seed=11).eval()
    first, neurons, second, classic, _, last = network
    key = _operators.signed(_mix_key(11, 6, 0))
    spiked, _ = neurons(first(spikes()))
    neurons._forward(first(spikes()), None, False, torch.tensor([key, 1, 0, 0]), None, None, None)
    assert not torch.equal(spiked, neurons.spike_values.bool())
    classic(second(neurons.spike_values))
    total = torch.zeros(B, N)
    for values in classic.spike_values:
        total = total + values
    assert torch.equal(network(spikes()), last(total / T))


def _mix_key(seed, use, index):
    """docs/checkpoints.md, in whole numbers."""

    def bits(key, counter):
        z = (key + counter * 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    return bits(bits(seed % 2**64, use + 1), index)


def test_the_mean_has_one_order():
    values = torch.rand(50, 3, 4, requires_grad=True)
    total = torch.zeros(3, 4)
    for each in values.detach():
        total = total + each
    mean = Mean()(values)
    assert torch.equal(mean, total / 50)
    mean.sum().backward()
    assert torch.equal(values.grad, torch.full((50, 3, 4), 1 / torch.tensor(50.0)))
    with pytest.raises(ValueError, match="values: got no step"):
        Mean()(values[:0])


def test_layers_that_share_their_neurons():
    neurons = QLIF(N)
    network = Network(SpikeLinear(9, N), neurons)
    assert network[1].qlifs is neurons and network(spikes()).shape == (T, B, N)
    with pytest.raises(TypeError, match="neurons: got LIF"):
        QLIFLayer.of(LIF(3))


def test_what_cannot_be_saved(tmp_path):
    path = tmp_path / "file"
    for module, kind, message in (
        (torch.nn.Sequential(SpikeLinear(2, 2)), TypeError, "module: got Sequential, expected a QLIFLayer"),
        (
            QLIFLayer(N, neuromod_transform=torch.tanh),
            ValueError,
            "neuromod_transform: got .*a checkpoint can't hold it",
        ),
        (
            Network(SpikeLinear(9, N), QLIFLayer(N), Mean()),
            ValueError,
            r"layers\[2\]: got a Mean without a linear layer",
        ),
        (Network(SpikeLinear(9, N), QLIFLayer(N + 1)), ValueError, "layers.1: got 8 inputs, expected 7"),
    ):
        with pytest.raises(kind, match=message):
            save(module, path)
    broken = QLIFLayer(N)
    with torch.no_grad():
        broken.qlifs.tau.zero_()
    with pytest.raises(ValueError, match=r"\(tau\): got 0"):
        save(broken, path)
    assert not path.exists()
    for arguments, message in (
        ({"seed": 2**64}, "seed: got"),
        ({"encoder_steps": 0}, "encoder_steps: got 0"),
    ):
        with pytest.raises(ArgumentError, match=message):
            Network(**arguments)
    with pytest.raises(ArgumentError, match=r"layers\[0\]: got 'Tanh'"):
        Network(torch.nn.Tanh())
    narrow = Network(QLIFLayer(N, dtype=torch.float16), torch.nn.Linear(N, 2))
    assert narrow(torch.rand(T, B, N)).dtype == torch.float32
    with pytest.raises(ValueError, match="encoder_steps: got None"):
        row().encode(torch.zeros(1, 9, dtype=torch.uint8))
    with pytest.raises(ValueError, match="images: got torch.float32"):
        row(encoder_steps=3).encode(torch.zeros(1, 9))
    made = qlif.Checkpoint([qlif.Linear(np.ones((2, 2)), readout=True), qlif.Linear(np.ones((2, 2)))])
    qlif.save(made, path)
    with pytest.raises(NotImplementedError, match="layers.0: got a readout with layers after it"):
        load(path)


# ---------------------------------------------------------------- across to the JVM: data/checkpoints

CROSSING = Path(__file__).resolve().parents[2] / "data" / "checkpoints"


def crossing(name):
    return load(CROSSING / f"{name}.safetensors"), {
        key: torch.from_numpy(array) for key, array in load_file(CROSSING / f"{name}.expected.safetensors").items()
    }


def same(expected, **results):
    for name, result in results.items():
        assert torch.equal(result.float(), expected[name].float()), name


@pytest.mark.parametrize("name", ("java-layer", "python-layer"))
def test_a_layer_of_either_side(name):
    layer, expected = crossing(name)
    input = expected["input"].clone().requires_grad_()
    if "tested" in expected:
        layer.eval()
        same(expected, tested=layer(input)[1])
        layer.train()
    spikes, voltages = layer(input)
    layer.spike_values.sum().backward()
    same(
        expected, spikes=spikes, spike_values=layer.spike_values, voltages=voltages, grad_input=input.grad,
        grad_v_th=layer.qlifs.V_th.grad, statistics=layer.qlifs.statistics,
    )  # fmt: skip
    if "next" in expected:
        same(expected, next=layer(input)[1])
    assert spikes.any()


@pytest.mark.parametrize("name", ("java-state", "python-state"))
def test_a_run_of_either_side(name):
    neurons, expected = crossing(name)
    for t, current in enumerate(expected["input"]):
        assert torch.equal(neurons(current), expected["spikes"][t].bool())
        assert torch.equal(neurons.V, expected["voltages"][t])
        assert torch.equal(neurons.spike_values, expected["spike_values"][t])
    assert int(neurons._draws[2]) == 3 + len(expected["input"])


@pytest.mark.parametrize("name", ("java-lif", "python-lif"))
def test_lif_of_either_side(name):
    layer, expected = crossing(name)
    same(expected, voltages=layer(expected["input"])[1])
    assert {name for name, _ in layer.named_parameters()} == {"v_th", "tau_mem_inv"}


@pytest.mark.parametrize("name", ("java-network", "python-network", "python-network-nn"))
def test_a_network_of_either_side(name):
    network, expected = crossing(name)
    network.eval()
    outputs, of_images = network(expected["spikes"]), network(network.encode(expected["images"]))
    if name.endswith("-nn"):
        # The sums of nn.Linear have another order on each machine.
        torch.testing.assert_close(outputs, expected["outputs"], rtol=0, atol=1e-4)
        torch.testing.assert_close(of_images, expected["image_outputs"], rtol=0, atol=1e-4)
    else:
        same(expected, outputs=outputs, image_outputs=of_images)
    training = qlif.load(CROSSING / f"{name}.safetensors").training
    assert (training or {}).get("step") == ("2" if name.startswith("java") else None)


def test_a_file_of_the_jvm_stays_what_it_is(tmp_path):
    # Read and written again, with its training, which Python has no use for.
    checkpoint = qlif.load(CROSSING / "java-network.safetensors")
    qlif.save(checkpoint, tmp_path / "again")
    before, after = (load_file(path) for path in (CROSSING / "java-network.safetensors", tmp_path / "again"))
    assert before.keys() == after.keys() and all(np.array_equal(before[name], after[name]) for name in before)
    assert any(name.startswith("training.adam.m.") for name in before)
