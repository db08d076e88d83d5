# SPDX-License-Identifier: Apache-2.0
"""QLIF, QLIFLayer and LIF: the interface of the public package, streaming and fused runs, modulation, homeostasis, refusals."""

import inspect
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import qlif  # noqa: E402
from qlif.torch import LIF, QLIF, ArgumentError, QLIFLayer  # noqa: E402

SHAPE = (12, 3, 5)

ARGUMENTS = (
    "num_neurons V_th V_reset tau dt eta use_adaptive_threshold noise_std stochastic min_threshold max_threshold batch_size "
    "device surrogate_gradient_function alpha allow_dynamic_spike_probability base_alpha tau_adapt adaptation_decay "
    "spike_increase depression_rate recovery_rate neuromod_transform neuromod_mode neuromod_strength learnable_threshold "
    "learnable_tau learnable_eta learnable_qscale learnable_qbias quantum_mode quantum_threshold quantum_leak quantum_wire "
    "use_ahp tau_ahp ahp_jump g_ahp"
).split()
DEFAULTS = [
    1.0, 0.0, 20.0, 1.0, 0.1, True, 0.1, True, 0.5, 2.0, 1, "cpu", "heaviside", 1.0, True, 2.0, 20.0, 0.9, 0.5, 0.1, 0.05, None,
    "gain", 1.0, True, False, False, True, True, True, 0.7, 0.1, 4, True, 120.0, 0.3, 0.2,
]  # fmt: skip


def current(seed=0, shape=SHAPE):
    return torch.from_numpy(np.random.default_rng(seed).normal(2, 3, shape).astype(np.float32))


def stepped(neurons, input, modulation=None):
    spikes, voltages, values = [], [], []
    for t in range(input.shape[0]):
        spikes.append(neurons(input[t], None if modulation is None else modulation[t]))
        voltages.append(neurons.V)
        values.append(neurons.spike_values)
    return torch.stack(spikes), torch.stack(voltages), torch.stack(values)


def test_arguments_and_defaults_are_the_public_packages():
    parameters = list(inspect.signature(QLIF.__init__).parameters.values())[1:]
    assert [parameter.name for parameter in parameters[: len(ARGUMENTS)]] == ARGUMENTS
    assert [parameter.default for parameter in parameters[1 : len(ARGUMENTS)]] == DEFAULTS
    named = {parameter.name: parameter.default for parameter in parameters[len(ARGUMENTS) :]}
    assert named["homeostasis_enabled"] is True and named["homeostasis_target_rate"] == 0.12
    assert named["homeostasis_lr"] == 1e-3 and named["homeostasis_tau"] == 1000.0


def test_attributes():
    neurons = QLIF(5, batch_size=3)
    for name in "V spikes spike_values adaptation_current synaptic_efficiency neuromodulator refrac ahp".split():
        assert getattr(neurons, name).shape == (3, 5), name
    assert neurons.dynamic_spike_probability.adaptation.shape == (3, 5)
    assert (
        neurons.spikes.dtype == torch.bool
        and neurons.V_th.shape == (5,)
        and neurons.tau.shape == ()
        and neurons.eta.shape == ()
    )
    assert neurons.q_scale.shape == neurons.q_bias.shape == (5,)
    assert (neurons.synaptic_efficiency == 1).all() and (neurons.neuromodulator == 1).all() and (neurons.V == 0).all()
    assert neurons.num_neurons == 5 and neurons.dt == 1.0 and neurons.noise_std == 0.1 and neurons.quantum_mode is True
    assert neurons.neuromod_mode == "gain" and neurons.quantum_leak == 0.1
    assert QLIF(5, allow_dynamic_spike_probability=False).dynamic_spike_probability is None
    learnable = {name for name, _ in neurons.named_parameters()}
    assert learnable == {"V_th", "q_scale", "q_bias"}
    assert {name for name, _ in QLIF(5, learnable_tau=True, learnable_eta=True, learnable_threshold=False).named_parameters()} == {
        "tau", "eta", "q_scale", "q_bias"
    }  # fmt: skip
    neurons.noise_std = 0.0
    assert neurons.noise_std == 0.0 and neurons.config.noise_std == 0.0
    with pytest.raises(ArgumentError, match="noise_std: got -1"):
        neurons.noise_std = -1
    assert neurons.noise_std == 0.0
    with pytest.raises(AttributeError, match="preset: can't be changed"):
        neurons.preset = "2025-08-24"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"preset": "2025-08-15"},
        {"preset": "2025-08-24"},
        {"quantum_mode": False, "learnable_tau": True},
        {"quantum_mode": False, "stochastic": False, "surrogate_gradient_function": "arctan"},
        {"readout": "multi_qubit", "quantum_wire": 6, "neuromod_mode": "threshold", "learnable_eta": True},
        {"preset": "2025-08-15", "quantum_mode": False, "neuromod_mode": "prob_slope"},
    ],
    ids=str,
)
@pytest.mark.parametrize("steps", [12, 130])
def test_steps_in_a_loop_are_the_fused_call(arguments, steps):
    shape = (steps, 3, 5)
    modulation = current(1, shape).requires_grad_()
    results = []
    for fused in (True, False):
        layer = QLIFLayer(5, **arguments)
        input = current(0, shape).requires_grad_()
        modulation.grad = None
        torch.manual_seed(3)
        if fused:
            spikes, voltages = layer(input, modulation)
            values = layer.spike_values
        else:
            layer.qlifs.resize(3)
            spikes, voltages, values = stepped(layer.qlifs, input, modulation)
        ((values * current(2, shape)).sum() + (voltages * current(3, shape)).sum()).backward()
        gradients = {name: parameter.grad for name, parameter in layer.named_parameters()}
        results.append((spikes, voltages, values, input.grad, modulation.grad.clone(), layer.qlifs._state, gradients))
    for a, b in zip(results[0][:6], results[1][:6]):
        assert torch.equal(a, b)
    assert results[0][0].any() and not results[0][0].all()
    for name, gradient in results[0][6].items():
        # Sums of a call: a run split over time adds its calls' sums, in another order.
        torch.testing.assert_close(results[1][6][name], gradient, rtol=2e-5, atol=1e-5)


def test_the_layers_calls():
    layer = QLIFLayer(5)
    assert layer.spike_values is None
    spikes, voltages = layer(current())
    assert spikes.shape == voltages.shape == SHAPE and spikes.dtype == torch.bool and voltages.dtype == torch.float32
    assert voltages.requires_grad and layer.spike_values.requires_grad
    assert torch.equal(layer.qlifs.V, voltages[-1]) and torch.equal(layer.qlifs.spikes, spikes[-1])
    layer.reset()
    assert (layer.qlifs.V == 0).all() and layer.qlifs.batch_size == 3
    assert layer(current(0, (12, 8, 5)))[0].shape == (12, 8, 5)
    for shape in ((0, 3, 5), (4, 0, 5)):
        made = layer(torch.zeros(shape, requires_grad=True))
        assert made[0].shape == shape and made[1].shape == shape


def test_extras():
    for arguments, names in (
        ({}, "spike_values q_scale_trace adaptation_current_trace adaptation_trace alpha_eff_trace"),
        ({"allow_dynamic_spike_probability": False}, "spike_values q_scale_trace adaptation_current_trace"),
        ({"quantum_mode": False}, "spike_values adaptation_trace alpha_eff_trace"),
        ({"quantum_mode": False, "stochastic": False, "allow_dynamic_spike_probability": False}, "spike_values"),
        ({"preset": "2025-08-24"}, "spike_values q_scale_trace adaptation_current_trace"),
    ):
        layer = QLIFLayer(5, **arguments)
        spikes, voltages, extras = layer(current(), return_extras=True)
        assert set(extras) == set(names.split()), arguments
        assert all(trace.shape == SHAPE for trace in extras.values())
        if "adaptation_current_trace" in extras:
            assert torch.equal(extras["adaptation_current_trace"][-1], layer.qlifs.adaptation_current)
        if "adaptation_trace" in extras:
            assert torch.equal(extras["adaptation_trace"][-1], layer.qlifs.dynamic_spike_probability.adaptation)


def test_state_dict_names():
    public = (
        "V_th tau eta q_scale q_bias _qnode_ready V spikes adaptation_current synaptic_efficiency neuromodulator spike_values "
        "refrac tau_ref r_jump tau_ahp ahp g_ahp ahp_jump dynamic_spike_probability.tau_adapt dynamic_spike_probability.adaptation"
    ).split()
    own = {"threshold_offset", "firing_rate", "homeostatic_offset", "draws", "statistics"}
    assert set(QLIF(5).state_dict()) == {*public, *own}
    assert set(QLIF(5, learnable_threshold=False).state_dict()) == {*public, *own} - {"V_th"}
    late = QLIF(5, preset="2025-08-24").state_dict()
    assert set(late) == {*public, *own, "theta_max", "k_q"} - {
        "statistics", "dynamic_spike_probability.tau_adapt", "dynamic_spike_probability.adaptation"
    }  # fmt: skip
    assert all(key.startswith("qlifs.") for key in QLIFLayer(5).state_dict())
    assert late["V"].shape == (1, 5) and late["_qnode_ready"].dtype == torch.int8


def test_a_saved_state_goes_on():
    neurons = QLIF(5, learnable_tau=True)
    stepped(neurons, current())
    saved = neurons.state_dict()
    other = QLIF(5, learnable_tau=True, batch_size=7)
    other.load_state_dict(saved)
    a, b = stepped(neurons, current(1)), stepped(other, current(1))
    assert all(torch.equal(x, y) for x, y in zip(a, b))


def test_a_file_of_the_public_package_loads():
    saved = QLIF(5, batch_size=3).state_dict()
    for name in ("threshold_offset", "firing_rate", "homeostatic_offset", "draws", "statistics"):
        del saved[name]
    saved["V"] = torch.full((3, 5), 0.25)
    saved["tau_ref"] = torch.tensor(4.0)
    saved["g_ahp"] = torch.tensor(0.5)
    saved["q_scale"] = torch.full((5,), 1.5)
    neurons = QLIF(5)
    neurons.load_state_dict(saved)
    assert (neurons.V == 0.25).all() and (neurons.q_scale == 1.5).all()
    assert neurons.config.tau_ref == 4 and neurons.config.g_ahp == 0.5 and neurons.g_ahp == 0.5
    layer = QLIFLayer(5)
    layer.load_state_dict({f"qlifs.{name}": value for name, value in saved.items()})
    assert (layer.qlifs.V == 0.25).all()
    late = QLIF(5, batch_size=3, preset="2025-08-24")
    kept = {name: saved[name] for name in saved if name.startswith("dynamic_spike_probability.")}
    late.load_state_dict({**late.state_dict(), **kept})
    with pytest.raises(RuntimeError, match="Unexpected key.*dynamic_spike_probability"):
        QLIF(5, allow_dynamic_spike_probability=False).load_state_dict(saved)


def test_a_refused_call_leaves_the_last_runs_state():
    layer = QLIFLayer(8)
    layer(torch.ones(5, 2, 8))
    state, spikes = layer.qlifs.V.clone(), layer.qlifs.spikes.clone()
    with pytest.raises(ValueError, match="uniforms: got the shape"):
        layer(torch.ones(5, 2, 8), uniforms=torch.zeros(1))
    assert layer.spike_values is None
    assert torch.equal(layer.qlifs.V, state) and torch.equal(layer.qlifs.spikes, spikes)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda saved: saved.pop("V"), "Missing key.*V"),
        (lambda saved: saved.update(x=torch.zeros(1)), 'Unexpected key.*"x"'),
        (lambda saved: saved.update(V=torch.zeros(3, 4)), "size mismatch for V"),
        (lambda saved: saved.update(V="x"), "size mismatch for V: got str"),
        (lambda saved: saved.update(spikes=torch.zeros(2, 5)), "size mismatch for spikes"),
        (lambda saved: saved.update(q_scale=torch.zeros(6)), "size mismatch for q_scale"),
        (lambda saved: saved.update(tau_ref=torch.tensor(-1.0)), "tau_ref: got -1"),
        (lambda saved: saved.update(draws=torch.zeros(2)), "size mismatch for draws"),
        (lambda saved: saved.update(statistics=torch.zeros(2)), "size mismatch for statistics"),
    ],
)
def test_a_state_dict_that_does_not_fit(change, message):
    saved = QLIF(5, batch_size=3).state_dict()
    change(saved)
    with pytest.raises(RuntimeError, match=message):
        QLIF(5).load_state_dict(saved)


def test_modulation_stays_in_force():
    neurons = QLIF(5, batch_size=3)
    neurons(current()[0], torch.full((3, 1), 2.0))
    assert torch.allclose(neurons.neuromodulator, torch.sigmoid(torch.tensor(2.0)))
    neurons(current()[1])
    assert torch.allclose(neurons.neuromodulator, torch.sigmoid(torch.tensor(2.0)))
    neurons(current()[1], 0.5)
    assert torch.allclose(neurons.neuromodulator, torch.sigmoid(torch.tensor(0.5)))
    off = QLIF(5, batch_size=3, neuromod_mode=None)
    off(current()[0], torch.ones(5))
    assert (off.neuromodulator == 1).all()


def test_a_transform_is_trained():
    class Transform(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.tensor(0.7))

        def forward(self, modulation):
            return torch.tanh(self.weight * modulation)

    layer = QLIFLayer(5, neuromod_transform=Transform(), preset="2025-08-24", noise_std=0.0)
    modulation = torch.rand(12, 1, 1, requires_grad=True)
    torch.manual_seed(0)
    layer(current(), modulation)
    layer.spike_values.sum().backward()
    assert modulation.grad.abs().sum() > 0 and layer.qlifs.neuromod_transform.weight.grad.abs() > 0
    assert "qlifs.neuromod_transform.weight" in layer.state_dict()
    # A sigmoid of one's own is the kernel's, up to its rounding.
    values = []
    for transform in (None, torch.sigmoid):
        other = QLIFLayer(5, neuromod_transform=transform, preset="2025-08-24", noise_std=0.0)
        torch.manual_seed(0)
        other(current(), modulation.detach())
        values.append(other.spike_values)
    torch.testing.assert_close(values[0], values[1])
    with pytest.raises(TypeError, match="neuromod_transform: got float"):
        QLIFLayer(5, neuromod_transform=lambda m: 1.0)(current(), modulation)


@pytest.mark.parametrize("extents", [(12,), (12, 1), (12, 5), (12, 3, 1), (12, 1, 5), (12, 3, 5), (20, 5)])
def test_shapes_of_modulation(extents):
    modulation = current(4, extents)
    layer = QLIFLayer(5)
    torch.manual_seed(1)
    spikes, _ = layer(current(), modulation)
    neurons = QLIF(5, batch_size=3)
    torch.manual_seed(1)
    neurons.reset()
    assert torch.equal(stepped(neurons, current(), modulation)[0], spikes)
    torch.manual_seed(1)
    assert torch.equal(layer(current(), [modulation[t] for t in range(12)])[0], spikes)


def test_evaluation():
    layer = QLIFLayer(5, quantum_mode=False, homeostasis_enabled=False, noise_std=0.0).eval()
    assert torch.equal(layer(current())[0], layer(current())[0])
    layer.train()
    assert not torch.equal(layer(current())[0], layer(current())[0])
    qubit = QLIFLayer(5, preset="2025-08-15").eval()
    spikes, _ = qubit(current())
    assert torch.equal(qubit.spike_values, spikes.float())
    assert not torch.equal(spikes, qubit(current())[0])
    late = QLIFLayer(5, preset="2025-08-24")
    for training in (True, False):
        late.train(training)
        late(current())
        assert ((late.spike_values > 0) & (late.spike_values < 1)).all()


def test_presets_take_no_eta_and_no_homeostasis():
    layer = QLIFLayer(5, preset="2025-08-15", eta=0.5, learnable_eta=True)
    layer(current())
    layer.spike_values.sum().backward()
    assert layer.qlifs.eta.item() == 0.5 and layer.qlifs.eta.grad is None
    assert (layer.qlifs.homeostatic_offset == 0).all() and (layer.qlifs.firing_rate == 0).all()
    ours = QLIFLayer(5, eta=0.5, learnable_eta=True)
    ours(current())
    ours.spike_values.sum().backward()
    assert ours.qlifs.eta.item() == 0.5 and ours.qlifs.eta.grad is not None


def test_homeostasis_goes_on_from_run_to_run():
    layer = QLIFLayer(5, homeostasis_lr=0.1, homeostasis_tau=10.0)
    layer(current())
    rate, offset = layer.qlifs.firing_rate.mean(0), layer.qlifs.homeostatic_offset.mean(0)
    torch.testing.assert_close(layer.qlifs.statistics, torch.stack([rate, offset]), rtol=1e-5, atol=1e-6)
    assert offset.abs().max() > 0
    kept = layer.qlifs.statistics.clone()
    layer.eval()
    layer(current())
    assert torch.equal(layer.qlifs.statistics, kept)
    layer.train()
    layer.freeze_homeostasis()
    layer(current())
    assert torch.equal(layer.qlifs.statistics, kept)
    layer.freeze_homeostasis(False)
    layer(current())
    assert not torch.equal(layer.qlifs.statistics, kept)


def test_homeostasis_of_steps_is_that_of_fused_calls():
    layer, neurons = QLIFLayer(5, homeostasis_lr=0.1), QLIF(5, homeostasis_lr=0.1)
    torch.manual_seed(2)
    fused = [layer(current(seed))[0] for seed in range(3)]
    torch.manual_seed(2)
    for seed in range(3):
        neurons.resize(3)
        assert torch.equal(stepped(neurons, current(seed))[0], fused[seed])
    neurons.reset()
    assert torch.equal(neurons.statistics, layer.qlifs.statistics)


def test_readouts():
    for readout, wires in (("single_qubit", 1), ("multi_qubit", 4), ("expectation", 0)):
        assert QLIF(5, readout=readout).config.uniforms_per_step == wires
    low = QLIFLayer(500, readout="expectation", quantum_threshold=-0.9, quantum_wire=2)
    high = QLIFLayer(500, readout="expectation", quantum_threshold=0.9, quantum_wire=2)
    input = current(0, (12, 1, 500))
    assert low(input)[0].sum() < high(input)[0].sum()


def test_init_quantum():
    for arguments in ({}, {"preset": "2025-08-24"}):
        neurons = QLIF(5, **arguments)
        start = neurons.q_scale.detach().clone(), neurons.q_bias.detach().clone()
        neurons.init_quantum(p0=0.3, slope0=0.2)
        config = neurons.config.replace(initial_probability=0.3, initial_slope=0.2)
        assert (neurons.q_scale == config.parameter_default("q_scale")).all()
        neurons.init_quantum()
        assert torch.equal(neurons.q_scale, start[0]) and torch.equal(neurons.q_bias, start[1])
        with pytest.raises(ArgumentError, match="p0: got 2"):
            neurons.init_quantum(p0=2)


def test_options():
    neurons = QLIF(5, options={"tau_ref": 3.0, "min_alpha": 0.2})
    assert neurons.config.tau_ref == 3 and neurons.config.min_alpha == 0.2
    with pytest.raises(ArgumentError, match="option: got 'x'"):
        QLIF(5, options={"x": 1})


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_neurons": 0}, "num_neurons: got 0, expected a whole number of 1 or more"),
        ({"num_neurons": 2.0}, "num_neurons: got 2.0"),
        ({"batch_size": 0}, "batch_size: got 0"),
        ({"V_th": float("nan")}, "V_th: got nan"),
        ({"V_reset": float("inf")}, "V_reset: got inf"),
        ({"tau": 0}, "tau: got 0"),
        ({"tau": "a"}, "tau: got 'a'"),
        ({"dt": -1.0}, "dt: got -1"),
        ({"noise_std": -0.1}, "noise_std: got -0.1"),
        ({"min_threshold": 2.0, "max_threshold": 1.0}, "min_threshold"),
        ({"alpha": 0.0}, "alpha: got 0"),
        (
            {"surrogate_gradient_function": "step"},
            "surrogate_gradient_function: got 'step', expected one of heaviside, ",
        ),
        ({"neuromod_mode": "up"}, "neuromod_mode: got 'up', expected one of gain, threshold, prob_slope, off"),
        ({"neuromod_transform": 3}, "neuromod_transform: got 3"),
        ({"quantum_mode": 1}, "quantum_mode: got 1, expected True or False"),
        ({"stochastic": None}, "stochastic: got None"),
        ({"quantum_wire": 65}, "quantum_wire: got 65, expected 1 to 64"),
        ({"quantum_threshold": 1.0}, "quantum_threshold: got 1"),
        ({"preset": "2024"}, "preset: got '2024', expected one of 2025-08-15, 2025-08-24"),
        ({"readout": "some"}, "readout: got 'some'"),
        ({"generator": 3}, "generator: got 3"),
        ({"learnable_tau": 1}, "learnable_tau: got 1"),
        ({"homeostasis_tau": 0.0}, "homeostasis_tau: got 0"),
        ({"tau_adapt": 0.0, "preset": "2025-08-15"}, "tau_adapt: got 0"),
    ],
)
def test_arguments_that_are_refused(arguments, message):
    for kind in (AssertionError, ValueError):
        with pytest.raises(kind, match=message):
            QLIFLayer(**{"num_neurons": 5, **arguments})


def test_inputs_that_are_refused():
    layer, neurons = QLIFLayer(5), QLIF(5)
    for bad, kind, message in (
        (torch.zeros(3, 5), ValueError, "input_seq: got the shape \\(3, 5\\), expected \\(T, B, 5\\)"),
        (torch.zeros(2, 3, 4), ValueError, "input_seq: got the shape"),
        (np.zeros((2, 3, 5)), TypeError, "input_seq: got ndarray, expected a tensor"),
        (torch.zeros(2, 3, 5).to_sparse(), ValueError, "input_seq: got a tensor of layout"),
        (torch.zeros(2, 3, 5, dtype=torch.complex64), TypeError, "input_seq: got torch.complex64"),
        (torch.zeros(2, 3, 5, device="meta"), ValueError, "input_seq: got a tensor on meta, expected one on cpu"),
    ):
        with pytest.raises(kind, match=message):
            layer(bad)
    with pytest.raises(ValueError, match="I: got the shape \\(5,\\), expected \\(B, 5\\)"):
        neurons(torch.zeros(5))
    with pytest.raises(ValueError, match="external_modulation: got the shape \\(3, 5\\), expected \\(12, ...\\)"):
        layer(current(), torch.zeros(3, 5))
    with pytest.raises(ValueError, match="modulation: got the shape"):
        layer(current(), torch.zeros(12, 7))
    with pytest.raises(ValueError, match="external_modulation: got the shape"):
        neurons(current()[0], torch.zeros(1, 3, 5))
    with pytest.raises(TypeError, match="external_modulation: got str"):
        neurons(current()[0], "high")
    with torch.no_grad():
        neurons.V_th[0] = float("nan")
    with pytest.raises(ValueError, match="v_th.*got nan"):
        neurons(current()[0])
    with pytest.raises(ArgumentError, match="batch_size: got 0"):
        neurons.resize(0)


def test_other_types():
    layer = QLIFLayer(5, preset="2025-08-24")
    torch.manual_seed(0)
    expected = layer(current())[0]
    for kind in (torch.float64, torch.bfloat16):
        torch.manual_seed(0)
        input = current().bfloat16().to(kind).requires_grad_()
        spikes, voltages = layer(input)
        assert voltages.dtype == torch.float32
        layer.spike_values.sum().backward()
        assert input.grad.dtype == kind
    torch.manual_seed(0)
    assert torch.equal(layer(current().double())[0], expected)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("make", [lambda: QLIFLayer(5, preset="2025-08-24"), lambda: LIF(5, learnable=("v_th",))])
def test_inputs_of_16_bits(make, kind):
    """They give the bits of the same numbers as float32, and a gradient that is rounded to their type."""
    layer = make()
    narrow = current().to(kind).requires_grad_()
    wide = narrow.detach().float().requires_grad_()
    results = []
    for input in (wide, narrow):
        torch.manual_seed(0)
        spikes, voltages = layer(input)
        (layer.spike_values.sum() + voltages.pow(2).sum()).backward()
        assert layer.spike_values.dtype == voltages.dtype == torch.float32
        results.append([spikes, voltages, layer.spike_values, *(each.grad.clone() for each in layer.parameters())])
        layer.zero_grad()
    assert all(map(torch.equal, *results))
    assert narrow.grad.dtype == kind and narrow.grad.any() and torch.equal(narrow.grad, wide.grad.to(kind))
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.manual_seed(0)
    assert torch.equal(compiled(narrow)[0], results[0][0])


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    "make",
    [
        lambda **more: QLIFLayer(5, **more),
        lambda **more: QLIFLayer(5, noise_std=0.0, **more),
        lambda **more: LIF(5, alpha=10.0, learnable=("v_th",), **more),
    ],
    ids=["noise", "no noise", "LIF"],
)
def test_spike_values_of_16_bits(make, kind):
    """Spikes and potentials keep their bits. Spike values are rounded, and without potentials on the tape nothing else is."""
    layers = make(), make(dtype=kind)
    upstream = current(1).to(kind)
    results, gradients = [], []
    for layer in layers:
        torch.manual_seed(0)
        input = current().to(kind).requires_grad_()
        spikes, voltages = layer(input)
        layer.spike_values.backward(upstream.to(layer.spike_values.dtype))
        results.append((spikes, voltages, layer.spike_values))
        gradients.append([input.grad, *(each.grad for each in layer.parameters() if each.grad is not None)])
    (spikes, voltages, values), (narrow_spikes, narrow_voltages, narrow_values) = results
    assert torch.equal(spikes, narrow_spikes) and torch.equal(voltages, narrow_voltages)
    assert values.dtype == torch.float32 and narrow_values.dtype == kind and torch.equal(values.to(kind), narrow_values)
    assert gradients[0][0].dtype == gradients[1][0].dtype == kind and gradients[0][0].any()
    exact = isinstance(layers[0], LIF) or not layers[0].qlifs.config.draws_normals
    for wide, narrow in zip(*gradients):
        assert torch.equal(wide, narrow) if exact else torch.isfinite(narrow).all()
    copied = pickle.loads(pickle.dumps(layers[1]))
    compiled = torch.compile(copied, backend="aot_eager", fullgraph=True)
    torch.manual_seed(0)
    compiled(current().to(kind))
    assert torch.equal(copied.spike_values, narrow_values)


def test_tape_of_16_bits():
    """The gradients are those of the core with such a tape, and the tape is smaller."""
    config = qlif.QlifConfig()
    input = current()
    parameters = {name: torch.full((1,), config.parameter_default(name)) for name in config._model().parameters}
    for kind, record in ((torch.float16, "voltage-fp16"), (torch.bfloat16, "voltage-bf16")):
        sizes = []
        for dtype in (None, torch.float32, kind):
            asked = input.clone().requires_grad_()
            made = torch.ops.qlif.run(
                asked, list(parameters.values()), None, None, torch.tensor([5, 0, 0, 0]), None, None, None, str(config), 0,
                dtype=dtype,
            )  # fmt: skip
            assert made[1].dtype == (dtype or torch.float32)
            made[1].sum().backward()
            sizes.append(made[-1].numel())
        assert sizes[0] == sizes[1] > 1.7 * sizes[2]
        run = qlif.forward(config, input.numpy(), seed=5, record=record)
        expected = qlif.backward(config, run, grad_spike_values=np.ones(input.shape, np.float32))
        assert np.array_equal(asked.grad.numpy(), expected.input)


def test_steps_of_16_bits():
    neurons = QLIF(5, dtype=torch.bfloat16)
    neurons.resize(current().shape[1])
    neurons(current()[0])
    assert neurons.spike_values.dtype == torch.bfloat16 and neurons.V.dtype == torch.float32
    assert neurons.state_dict()["spike_values"].dtype == torch.float32
    assert repr(neurons).endswith("dtype=torch.bfloat16)")


@pytest.mark.parametrize("make", [QLIF, QLIFLayer, LIF])
def test_refuses_other_types_of_spike_values(make):
    for dtype in (torch.float64, "float16"):
        with pytest.raises(ArgumentError, match="dtype: got "):
            make(5, dtype=dtype)
    with pytest.raises(ValueError, match="dtype: got "):
        torch.ops.qlif.run(
            current(), [torch.ones(1)] * 5, None, None, torch.zeros(4, dtype=torch.int64), None, None, None,
            str(qlif.QlifConfig()), 0, dtype=torch.float64,
        )  # fmt: skip


def test_lif():
    layer = LIF(5, learnable=("v_th", "tau_mem_inv"), alpha=10.0)
    input = (current() * 0.3).requires_grad_()
    spikes, voltages = layer(input)
    core = qlif.forward(qlif.LifConfig(surrogate_alpha=10.0), input.detach().numpy())
    assert np.array_equal(spikes.numpy(), core.spikes) and np.array_equal(voltages.detach().numpy(), core.voltages)
    assert torch.equal(layer.spike_values, spikes.float()) and spikes.any()
    (layer.spike_values.sum() + voltages.sum()).backward()
    assert input.grad.abs().sum() > 0 and layer.v_th.grad.shape == (5,)
    assert {name for name, _ in layer.named_parameters()} == {"v_th", "tau_mem_inv"}
    layer(input[:5])
    first = layer.state
    assert torch.equal(layer(input[5:], first, first_step=5)[0], spikes[5:])
    for arguments, message in (
        ({"num_neurons": 0}, "num_neurons"),
        ({"dt": 1.0}, "tau_syn_inv: got"),
        ({"alpha": -1.0}, "alpha: got -1"),
        ({"surrogate": "x"}, "surrogate: got 'x'"),
        ({"learnable": ("x",)}, "learnable: got"),
        ({"learnable": "v_th"}, "learnable: got"),
    ):
        with pytest.raises(ArgumentError, match=message):
            LIF(**{"num_neurons": 5, **arguments})


def test_a_network_learns():
    """Linear, QLIF in a loop, Linear: as users of the public package write it."""
    torch.manual_seed(0)
    data = torch.rand(64, 20)
    labels = (data[:, :10].sum(1) > data[:, 10:].sum(1)).long()
    first, neurons, second = (
        torch.nn.Linear(20, 32),
        QLIF(32, preset="2025-08-24", tau=2.0, noise_std=0.0),
        torch.nn.Linear(32, 2),
    )
    parameters = [*first.parameters(), *neurons.parameters(), *second.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.02)
    losses = []
    for _ in range(60):
        neurons.resize(64)
        logits = 0
        for _ in range(10):
            neurons(first(2 * data))
            logits = logits + second(neurons.spike_values)
        loss = torch.nn.functional.cross_entropy(logits / 10, labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
