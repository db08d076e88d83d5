# SPDX-License-Identifier: Apache-2.0
"""What PyTorch does with layers: seeds, torch.compile, torch.export, checkpointing, autocast, copies, processes."""

import copy
import gc
import io
import multiprocessing
import os
import pickle
import weakref

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch._dynamo.testing import CompileCounterWithBackend  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

from qlif.torch import LIF, QLIF, QLIFLayer  # noqa: E402

SHAPE = (12, 3, 5)


def current(seed=0, shape=SHAPE):
    return torch.from_numpy(np.random.default_rng(seed).normal(2, 3, shape).astype(np.float32))


class Network(torch.nn.Module):
    def __init__(self, **arguments):
        super().__init__()
        self.first = torch.nn.Linear(5, 8)
        self.one = QLIFLayer(8, **arguments)
        self.middle = torch.nn.Linear(8, 6)
        self.two = QLIFLayer(6, **arguments)

    def forward(self, input):
        self.one(self.first(input))
        spikes, voltages = self.two(self.middle(self.one.spike_values))
        return self.two.spike_values, voltages


def test_manual_seed_fixes_the_draws():
    layer = QLIFLayer(5, preset="2025-08-15")
    torch.manual_seed(1)
    first, second = layer(current())[0], layer(current())[0]
    torch.manual_seed(1)
    assert torch.equal(layer(current())[0], first) and torch.equal(layer(current())[0], second)
    assert not torch.equal(first, second)
    torch.manual_seed(1)
    assert torch.equal(
        QLIFLayer(5, preset="2025-08-15", batch_size=1)(current())[0], second
    ), "its own first state took a seed"
    generator = torch.Generator().manual_seed(1)
    other = QLIFLayer(5, preset="2025-08-15", generator=generator)
    assert torch.equal(other(current())[0], second)
    state = torch.get_rng_state()
    other(current())
    assert torch.equal(torch.get_rng_state(), state)


def test_layers_never_share_draws():
    torch.manual_seed(0)
    layers = [QLIFLayer(5, preset="2025-08-15") for _ in range(4)]
    seeds = [layer.qlifs.seed for layer in layers]
    runs = [layer(current())[0] for layer in layers]
    seeds += [layer.qlifs.seed for layer in layers]
    assert len(set(seeds)) == 8
    assert all(not torch.equal(a, b) for i, a in enumerate(runs) for b in runs[:i])


def test_the_seed_is_the_same_in_both_kinds_of_operators():
    torch.manual_seed(0)
    drawn = torch.ops.qlif.start(torch.zeros(4, dtype=torch.int64))
    torch.manual_seed(0)
    other = torch.zeros(1, dtype=torch.int64).random_(-(2**63), None)
    assert drawn[0] == other[0] and drawn[1:].tolist() == [0, 0, 0]


@pytest.fixture
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("arguments", [{}, {"preset": "2025-08-24"}, {"quantum_mode": False}], ids=str)
def test_compiled_is_eager(arguments, fresh_compiler):
    eager = Network(**arguments)
    compiled_network = copy.deepcopy(eager)
    compiled = torch.compile(compiled_network, fullgraph=True)
    for step in range(3):
        results = []
        for network, call in ((eager, eager), (compiled_network, compiled)):
            input = current(step).requires_grad_()
            torch.manual_seed(step)
            values, voltages = call(input)
            network.zero_grad()
            (values.sum() + voltages.pow(2).sum()).backward()
            gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
            results.append(
                [values, voltages, input.grad, *gradients, network.one.qlifs._fresh, network.one.qlifs._state]
            )
        assert len(results[0]) == len(results[1]) > 8
        # Linear layers may be added up in another order by a compiler; QLIF gets the same input, so the same bits.
        for a, b in zip(*results):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
        assert torch.equal(results[0][0] > 0.5, results[1][0] > 0.5)


def test_a_compiled_layer_alone_has_the_same_bits(fresh_compiler):
    layer = QLIFLayer(5)
    other = copy.deepcopy(layer)
    counted = CompileCounterWithBackend("inductor")
    compiled = torch.compile(other, fullgraph=True, backend=counted)
    for step in range(4):
        torch.manual_seed(step)
        a = layer(current(step))
        torch.manual_seed(step)
        b = compiled(current(step))
        assert (
            torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) and torch.equal(layer.spike_values, other.spike_values)
        )
        assert torch.equal(layer.qlifs.statistics, other.qlifs.statistics)
    assert counted.frame_count == 1


def test_two_calls_of_a_compiled_function_are_two_runs(fresh_compiler):
    layer = QLIFLayer(50, preset="2025-08-15")

    @torch.compile(fullgraph=True)
    def twice(input):
        return layer(input)[0], layer(input)[0]

    a, b = twice(current(0, (12, 3, 50)))
    assert not torch.equal(a, b)
    c, d = twice(current(0, (12, 3, 50)))
    assert not torch.equal(a, c) and not torch.equal(b, d)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_compiled_steps(fresh_compiler):
    eager, other = QLIF(5, batch_size=3), QLIF(5, batch_size=3)
    step = torch.compile(other, fullgraph=True)
    for seed in range(2):
        results = []
        for neurons, call in ((eager, eager), (other, step)):
            torch.manual_seed(seed)
            neurons.reset()
            input = current(seed).requires_grad_()
            values = []
            for t in range(SHAPE[0]):
                call(input[t])
                values.append(neurons.spike_values)
            values = torch.stack(values)
            values.sum().backward()
            results.append((values, input.grad))
        assert torch.equal(results[0][0], results[1][0]) and torch.equal(results[0][1], results[1][1])


def test_compiled_for_any_shape(fresh_compiler):
    layer = QLIFLayer(5, preset="2025-08-24")
    counted = CompileCounterWithBackend("inductor")
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend=counted)
    for shape in ((12, 3, 5), (7, 4, 5), (130, 2, 5)):
        torch.manual_seed(0)
        expected = layer(current(0, shape).requires_grad_())[1]
        torch.manual_seed(0)
        input = current(0, shape).requires_grad_()
        voltages = compiled(input)[1]
        assert torch.equal(voltages, expected)
        voltages.sum().backward()
    assert counted.frame_count == 1


@pytest.mark.parametrize("strict", [True, False])
def test_an_exported_program_draws_anew(strict):
    layer = QLIFLayer(50, preset="2025-08-24").eval()
    batch = torch.export.Dim("batch", min=2, max=100)
    program = torch.export.export(layer, (torch.zeros(12, 3, 50),), dynamic_shapes=({1: batch},), strict=strict)
    run = program.module()
    for shape in ((12, 3, 50), (12, 7, 50)):
        torch.manual_seed(0)
        first = run(current(0, shape))
        again = run(current(0, shape))
        torch.manual_seed(0)
        assert torch.equal(first[0], layer(current(0, shape))[0]) and not torch.equal(first[0], again[0])
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    torch.manual_seed(0)
    assert torch.equal(torch.export.load(file).module()(current(0, (12, 7, 50)))[0], first[0])


@pytest.mark.parametrize("strict", [True, False])
def test_steps_are_not_exported(strict):
    neurons = QLIF(5, batch_size=3)
    with pytest.raises(Exception, match="torch.export was asked for, and its programs keep no state"):
        torch.export.export(neurons, (torch.zeros(3, 5),), strict=strict)
    assert neurons(torch.zeros(3, 5)).shape == (3, 5)


def test_a_layer_in_training_is_exported():
    layer = QLIFLayer(5, homeostasis_lr=0.1)
    eager = copy.deepcopy(layer)
    program = torch.export.export(layer, (torch.zeros(12, 3, 5),)).module()
    # The program moves the means of homeostasis, too.
    for seed in range(3):
        torch.manual_seed(seed)
        expected = eager(current(seed))[1]
        torch.manual_seed(seed)
        assert torch.equal(program(current(seed))[1], expected)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_recomputes_the_run(reentrant):
    layer = QLIFLayer(5)
    layer.freeze_homeostasis()
    gradients = []
    for saved in (False, True):
        input = current().requires_grad_()
        torch.manual_seed(4)

        def run(input):
            return layer(input)[1]

        voltages = checkpoint(run, input, use_reentrant=reentrant) if saved else run(input)
        layer(current(9))
        voltages.pow(2).sum().backward()
        gradients.append(input.grad)
    assert torch.equal(*gradients)


def test_autocast():
    network = Network(preset="2025-08-24")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values, voltages = network(current())
    assert values.dtype == voltages.dtype == torch.float32
    values.sum().backward()
    assert network.first.weight.grad.dtype == torch.float32 and network.first.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))], ids=["deepcopy", "pickle"]
)
def test_copies(copied):
    layer = QLIFLayer(5, neuromod_transform=torch.nn.Tanh(), options={"tau_ref": 3.0})
    layer(current())
    other = copied(layer)
    assert torch.equal(other.qlifs.V, layer.qlifs.V) and not other.qlifs.V.requires_grad
    assert other.qlifs.config == layer.qlifs.config and torch.equal(other.qlifs.statistics, layer.qlifs.statistics)
    torch.manual_seed(0)
    a = layer(current(1), torch.ones(12))
    torch.manual_seed(0)
    b = other(current(1), torch.ones(12))
    assert torch.equal(a[0], b[0])
    with torch.no_grad():
        other.qlifs.V_th.fill_(2.0)
    assert (layer.qlifs.V_th == 1).all()
    lif = LIF(5)
    lif(current())
    assert torch.equal(copied(lif).state, lif.state)


def test_saved_whole():
    neurons = QLIF(5, batch_size=3)
    neurons(current()[0])
    file = io.BytesIO()
    torch.save(neurons, file)
    file.seek(0)
    other = torch.load(file, weights_only=False)
    assert torch.equal(neurons(current()[1]), other(current()[1]))
    file = io.BytesIO()
    torch.save(neurons.state_dict(), file)
    file.seek(0)
    neurons.load_state_dict(torch.load(file, weights_only=True))


def test_types_and_devices_of_a_layer():
    layer = QLIFLayer(5, preset="2025-08-24")
    layer(current())
    torch.manual_seed(0)
    expected = layer(current())[0]
    layer.double()
    assert layer.qlifs.V.dtype == torch.float32 and layer.qlifs.V_th.dtype == torch.float64
    torch.manual_seed(0)
    assert torch.equal(layer(current())[0], expected)
    layer.spike_values.sum().backward()
    assert layer.qlifs.V_th.grad.dtype == torch.float64
    layer.to("meta")
    assert layer.qlifs.V.device.type == "meta"
    with pytest.raises(ValueError, match="expected one on meta"):
        layer(current())
    assert QLIF(5, device="meta").V.device.type == "meta"


def _in_child(layer, input, results):
    torch.manual_seed(0)
    results.put(layer(input)[0].numpy())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_after_use():
    layer = QLIFLayer(200, preset="2025-08-15")
    input = current(0, (50, 20, 200))
    torch.manual_seed(0)
    expected = layer(input)[0].numpy()
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_in_child, args=(layer, input, results))
    child.start()
    assert np.array_equal(results.get(timeout=60), expected)
    child.join()
    assert child.exitcode == 0


class _Packed:
    def __init__(self, tensor):
        self.tensor = tensor


def test_memory_is_given_back():
    layer = QLIFLayer(5)
    packed = []

    def pack(tensor):
        made = _Packed(tensor)
        packed.append(weakref.ref(made))
        return made

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda made: made.tensor):
        voltages = layer(current())[1]
    assert len(packed) > 5 and any(each() is not None for each in packed)
    voltages.sum().backward()
    gc.collect()
    assert all(each() is None for each in packed)
