# SPDX-License-Identifier: Apache-2.0
"""The operators: the core's bits, gradients against a float64 twin, errors, what PyTorch may do with them."""

import random
import threading

import numpy as np
import pytest
from conftest import random_options

torch = pytest.importorskip("torch")

import twin  # noqa: E402

import qlif  # noqa: E402
import qlif.torch  # noqa: E402
from qlif.torch import _operators  # noqa: E402

SHAPE = (70, 3, 37)


def call(
    config,
    input,
    parameters,
    *,
    modulation=None,
    state=None,
    draws=None,
    uniforms=None,
    normals=None,
    row_index=None,
    traces=0,
):
    draws = torch.tensor([5, 0, 0, 0]) if draws is None else draws
    return torch.ops.qlif.run(
        input, list(parameters.values()), modulation, state, draws, row_index, uniforms, normals, str(config), traces
    )


def parameters_of(config, neurons, seed=0):
    """Of QLIF: V_th and tau of each neuron its own, at numbers that float32 adds without rounding."""
    chance = random.Random(seed)
    values = {name: torch.full((neurons,), config.parameter_default(name)) for name in config._model().parameters}
    if isinstance(config, qlif.QlifConfig):
        values["v_th"] = torch.tensor([chance.choice([0.75, 1.0, 1.25]) for _ in range(neurons)])
        values["eta"] = torch.tensor(0.125)
        values["tau"] = torch.tensor([config.tau])
    return {name: value.requires_grad_() for name, value in values.items()}


def current(seed, shape=SHAPE):
    return torch.from_numpy(np.random.default_rng(seed).normal(1, 2, shape).astype(np.float32))


@pytest.mark.parametrize("seed", range(25))
def test_bits_are_the_cores(seed):
    config = qlif.QlifConfig(**random_options(seed)) if seed else qlif.LifConfig()
    parameters = parameters_of(config, SHAPE[2], seed)
    input = current(seed).requires_grad_()
    modulation = current(seed + 1, (SHAPE[0], 1, SHAPE[2])).requires_grad_() if seed % 2 else None
    upstream, upstream_v = current(seed + 2), current(seed + 3)
    spikes, values, voltages, last, traced, following, tape = call(
        config, input, parameters, modulation=modulation, traces=1
    )
    core = qlif.forward(
        config, input.detach().numpy(), seed=5, record=True, traces=[config._model().traces[0].symbol],
        parameters={name: value.detach().numpy() for name, value in parameters.items()},
        modulation=None if modulation is None else modulation.detach().numpy(),
    )  # fmt: skip
    assert spikes.dtype == torch.bool and np.array_equal(spikes.numpy(), core.spikes)
    assert np.array_equal(values.detach().numpy(), core.spike_values)
    assert np.array_equal(voltages.detach().numpy(), core.voltages)
    assert np.array_equal(traced[0].numpy(), next(iter(core.traces.values())), equal_nan=True)
    for i, array in enumerate(core.state.values()):
        assert np.array_equal(last[i].detach().numpy(), array)
    assert following.tolist() == [5, 0, SHAPE[0], 0]
    torch.autograd.backward([values, voltages], [upstream, upstream_v])
    gradients = qlif.backward(config, core, grad_spike_values=upstream.numpy(), grad_voltages=upstream_v.numpy())
    assert np.array_equal(input.grad.numpy(), gradients.input)
    for name, value in parameters.items():
        assert np.array_equal(value.grad.numpy(), gradients.parameters[name])
    if modulation is not None:
        assert np.array_equal(modulation.grad.numpy(), gradients.modulation)


@pytest.mark.parametrize("seed", range(60))
def test_gradients_are_those_of_a_float64_twin(seed):
    options = random_options(1000 + seed)
    config = qlif.QlifConfig(**options)
    shape = (24, 3, 7)
    chance = np.random.default_rng(seed)

    def normal(extents):
        return torch.from_numpy(chance.normal(1, 2, extents).astype(np.float32))

    parameters = parameters_of(config, shape[2], seed)
    input = normal(shape).requires_grad_()
    modulation = normal((shape[0], 1, shape[2])).requires_grad_() if seed % 3 else None
    wires = config.uniforms_per_step
    uniforms = torch.from_numpy(chance.random((shape[0], wires, *shape[1:]), dtype=np.float32)) if wires else None
    normals = normal(shape) if config.draws_normals else None
    variables = config._model().variables
    state = None
    if seed % 4 == 0:
        state = torch.stack([torch.full(shape[1:], v.initial_value) for v in variables])
        state[0] = normal(shape[1:]) * 0.1
        state[1] = normal(shape[1:]).abs() * 0.1
        state.requires_grad_()
    spikes, values, voltages, last, _, _, _ = call(
        config, input, parameters, modulation=modulation, state=state, uniforms=uniforms, normals=normals
    )

    def wide(tensor):
        return None if tensor is None else tensor.detach().double().requires_grad_(tensor.requires_grad)

    twins = {name: wide(value) for name, value in parameters.items()}
    wide_input, wide_modulation, wide_state = wide(input), wide(modulation), wide(state)
    started = None if state is None else {v.symbol: wide_state[i] for i, v in enumerate(variables)}
    expected = twin.run(
        config, wide_input, twins, spikes.double(), wide_modulation, wide(uniforms), wide(normals), started
    )
    close_call = expected.margin < 1e-4
    assert torch.equal(spikes | close_call, expected.decided.bool() | close_call)
    torch.testing.assert_close(values.double(), expected.values, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(voltages.double(), expected.voltages, rtol=1e-4, atol=1e-5)
    for i, variable in enumerate(variables):
        torch.testing.assert_close(last[i].double(), expected.state[variable.symbol], rtol=1e-4, atol=1e-5)

    upstream, upstream_v, upstream_last = normal(shape), normal(shape), normal(last.shape)
    loss = (values * upstream).sum() + (voltages * upstream_v).sum() + (last * upstream_last).sum()
    wide_loss = (expected.values * upstream.double()).sum() + (expected.voltages * upstream_v.double()).sum()
    for i, variable in enumerate(variables):
        if variable.carries_gradient:
            wide_loss = wide_loss + (expected.state[variable.symbol] * upstream_last[i].double()).sum()
    loss.backward()
    wide_loss.backward()

    def alike(got, want, name):
        want = torch.zeros_like(got) if want is None else want
        bound = 1e-5 + 5e-4 * float(want.abs().max())
        assert float((got.double() - want).abs().max()) <= bound, name

    alike(input.grad, wide_input.grad, "input")
    for name, value in parameters.items():
        alike(value.grad, twins[name].grad, name)
    if modulation is not None:
        alike(modulation.grad, wide_modulation.grad, "modulation")
    if state is not None:
        for i, variable in enumerate(variables):
            if variable.carries_gradient:
                alike(state.grad[i], wide_state.grad[i], variable.symbol)


def test_a_run_in_parts_with_its_gradients():
    config = qlif.QlifConfig(neuromod_mode="PROB_SLOPE")
    parameters = parameters_of(config, SHAPE[2])
    upstream = current(8)
    results = []
    for parts in ([70], [1, 63, 6], [64, 6]):
        input = current(3).requires_grad_()
        state, draws, spikes, values = None, torch.tensor([9, 1, 0, 0]), [], []
        for part in torch.split(input, parts):
            fired, y, _, state, _, draws, _ = call(config, part, parameters, state=state, draws=draws)
            spikes.append(fired)
            values.append(y)
        (torch.cat(values) * upstream).sum().backward()
        results.append((torch.cat(spikes), input.grad))
    for spikes, gradient in results[1:]:
        assert torch.equal(spikes, results[0][0]) and torch.equal(gradient, results[0][1])


def test_without_gradients_nothing_is_recorded():
    config = qlif.QlifConfig()
    parameters = parameters_of(config, SHAPE[2])
    recorded = call(config, current(0), parameters)
    assert recorded[-1].numel() > 0 and recorded[1].requires_grad
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            made = call(config, current(0), parameters)
            assert made[-1].numel() == 0 and not made[1].requires_grad
            assert torch.equal(made[0], recorded[0])


def test_only_what_is_wanted_is_computed():
    config = qlif.QlifConfig()
    parameters = {name: value.detach() for name, value in parameters_of(config, SHAPE[2]).items()}
    parameters["tau"].requires_grad_()
    made = call(config, current(0), parameters)
    (gradient,) = torch.autograd.grad(made[1].sum(), parameters["tau"])
    everything = parameters_of(config, SHAPE[2])
    (expected,) = torch.autograd.grad(call(config, current(0), everything)[1].sum(), everything["tau"])
    assert torch.equal(gradient, expected) and not made[0].requires_grad


def test_a_second_backward_pass_and_saved_tensor_hooks():
    config = qlif.QlifConfig()
    input = current(0).requires_grad_()
    parameters = parameters_of(config, SHAPE[2])
    values = call(config, input, parameters)[1]
    (first,) = torch.autograd.grad(values.sum(), input, retain_graph=True)
    (second,) = torch.autograd.grad(values.sum(), input)
    assert torch.equal(first, second)
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor.clone(), lambda tensor: tensor.clone()):
        copied = call(config, input, parameters)[1]
    (third,) = torch.autograd.grad(copied.sum(), input)
    assert torch.equal(first, third)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(values.sum(), input)


@pytest.mark.parametrize("modulated", [False, True])
def test_each_gradient_goes_to_its_own_argument(modulated):
    config = qlif.QlifConfig()
    parameters = {name: value.detach() for name, value in parameters_of(config, SHAPE[2]).items()}

    def gradients(*wanted):
        given = {"input": current(0), "state": torch.zeros(len(config._model().variables), *SHAPE[1:])}
        if modulated:
            given["modulation"] = current(1, (SHAPE[0], 1, SHAPE[2]))
        wanted = wanted or tuple(given)
        for name in wanted:
            given[name].requires_grad_()
        made = call(config, parameters=parameters, **given)
        return dict(zip(wanted, torch.autograd.grad(made[1].sum(), [given[name] for name in wanted])))

    everything = gradients()
    assert len(everything) == (3 if modulated else 2)
    for name, expected in everything.items():
        assert expected.any() and torch.equal(gradients(name)[name], expected), name


@pytest.mark.skipif(_operators.KIND != "cpp", reason="operators in Python use PyTorch's own node")
def test_a_long_chain_of_runs_is_freed():
    config = qlif.LifConfig()
    parameters = parameters_of(config, 1)
    state = None
    for _ in range(50_000):
        state = call(config, current(0, (1, 1, 1)), parameters, state=state)[3]
    assert state.requires_grad
    del state  # recursion would overflow the stack


def test_writing_to_what_the_backward_pass_reads_is_refused():
    config = qlif.QlifConfig()
    parameters = parameters_of(config, SHAPE[2])
    for name in ("input", "parameter", "state"):
        input, state = current(0), torch.zeros(11, *SHAPE[1:])
        values = call(config, input, parameters, state=state)[1]
        with torch.no_grad():
            {"input": input, "parameter": parameters["v_th"], "state": state}[name].add_(0.0)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            values.sum().backward()


def test_no_second_derivative_and_no_forward_mode():
    config = qlif.QlifConfig()
    input = current(0).requires_grad_()
    parameters = parameters_of(config, SHAPE[2])
    (gradient,) = torch.autograd.grad(call(config, input, parameters)[1].sum(), input, create_graph=True)
    with pytest.raises(NotImplementedError, match="first derivatives only"):
        gradient.sum().backward()
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(current(0), current(1))
        with pytest.raises(NotImplementedError, match="reverse mode only"):
            call(config, dual, parameters)
    weight = torch.ones(4, SHAPE[2], requires_grad=True)
    for made in (call(config, input, parameters)[1], torch.ops.qlif.linear(torch.ones(SHAPE), weight, None)):
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(torch.ones_like(made), torch.ones_like(made))
            with pytest.raises(NotImplementedError, match="reverse mode only"):
                torch.autograd.backward(made, dual)
    with pytest.raises(RuntimeError, match="functorch"):
        torch.func.grad(lambda input: call(config, input, parameters)[1].sum())(current(0))


def test_strides_and_batches_of_none():
    config = qlif.QlifConfig()
    parameters = parameters_of(config, SHAPE[2])
    turned = current(0, (SHAPE[2], SHAPE[1], SHAPE[0])).permute(2, 1, 0).requires_grad_()
    dense = turned.detach().contiguous().requires_grad_()
    a, b = call(config, turned, parameters)[1], call(config, dense, parameters)[1]
    assert torch.equal(a, b)
    upstream = torch.ones(SHAPE[1], SHAPE[2], SHAPE[0]).permute(2, 0, 1)
    assert torch.equal(*(torch.autograd.grad(y, x, upstream)[0] for y, x in ((a, turned), (b, dense))))
    for shape in ((0, 3, 37), (5, 0, 37)):
        input = torch.zeros(shape, requires_grad=True)
        made = call(config, input, parameters, state=torch.ones(11, *shape[1:]))
        made[1].sum().backward()
        assert made[0].shape == shape and input.grad.shape == shape and made[3].shape == (11, *shape[1:])
        assert parameters["v_th"].grad.abs().max() == 0
        parameters["v_th"].grad = None


def test_a_state_that_all_rows_start_from():
    config = qlif.QlifConfig()
    one = torch.rand(11, 1, SHAPE[2])
    made = []
    for state in (one, one.repeat(1, SHAPE[1], 1)):
        input = current(0).requires_grad_()
        parameters = parameters_of(config, SHAPE[2])
        results = call(config, input, parameters, state=state)
        results[1].sum().backward()
        made.append([*results[:4], input.grad, *(each.grad for each in parameters.values())])
    assert all(torch.equal(a, b) for a, b in zip(*made))
    with pytest.raises(ValueError, match="state: got a shared state that requires a gradient"):
        call(config, current(0), parameters_of(config, SHAPE[2]), state=one.requires_grad_())


REFUSALS = {
    "input: got the shape": dict(input=torch.zeros(3, 37)),
    "input: got (Double|torch.float64)": dict(input=torch.zeros(SHAPE, dtype=torch.float64)),
    "parameters(\\[0\\]|.v_th): got the shape": dict(parameters={"v_th": torch.zeros(3)}),
    "tau\\): got -1": dict(parameters={"tau": torch.tensor(-1.0)}),
    "tau\\): got nan": dict(parameters={"tau": torch.tensor(float("nan"))}),
    "parameters: got 4": dict(without="q_bias"),
    "modulation: got the shape": dict(modulation=torch.zeros(2, 37)),
    "state: got the shape": dict(state=torch.zeros(10, 3, 37)),
    "state: got the shape .* expected .*37": dict(state=torch.zeros(11, 3)),
    "state: got (Double|torch.float64)": dict(state=torch.zeros(11, 3, 37, dtype=torch.float64)),
    "draws: got": dict(draws=torch.zeros(3, dtype=torch.int64)),
    "first_step": dict(draws=torch.tensor([0, 0, -1, 0])),
    "row_index: got": dict(row_index=torch.zeros(2, dtype=torch.int64)),
    "uniforms: got the shape": dict(uniforms=torch.zeros(1)),
    "normals: got the shape": dict(normals=torch.zeros(1)),
    "traces: got 8192": dict(traces=1 << 13),
}


@pytest.mark.parametrize("message", REFUSALS)
@pytest.mark.parametrize("graded", [True, False])
def test_refusals(message, graded):
    config = qlif.QlifConfig()
    named = dict(REFUSALS[message])
    parameters = parameters_of(config, SHAPE[2])
    parameters.update(named.pop("parameters", {}))
    parameters.pop(named.pop("without", None), None)
    with torch.set_grad_enabled(graded), pytest.raises(ValueError, match=message):
        call(config, named.pop("input", current(0)), parameters, **named)


def test_further_refusals():
    config = qlif.QlifConfig()
    parameters = parameters_of(config, SHAPE[2])
    for text in (
        "",
        "LSTM",
        "QLIF x=1",
        "QLIF tau=-1",
        "QLIF tau=abc",
        "QLIF tau=1x",
        "QLIF quantum_wires=1.5",
        "QLIF tau",
        "QLIF use_ahp=1",
    ):
        with pytest.raises(ValueError, match="got"):
            torch.ops.qlif.run(
                current(0),
                list(parameters.values()),
                None,
                None,
                torch.zeros(4, dtype=torch.int64),
                None,
                None,
                None,
                text,
                0,
            )
    with pytest.raises(ValueError, match="modulation: got"):
        call(qlif.LifConfig(), current(0), parameters_of(qlif.LifConfig(), SHAPE[2]), modulation=torch.zeros(1))
    with pytest.raises((RuntimeError, NotImplementedError)):
        call(config, current(0).to_sparse(), parameters)
    with pytest.raises(ValueError, match="values: got"):
        torch.ops.qlif.batch_sums(torch.zeros(3))


def test_threads():
    config = qlif.QlifConfig()
    input = current(0)
    expected = call(config, input, parameters_of(config, SHAPE[2]))[1]
    failures = []

    def work():
        try:
            for _ in range(10):
                parameters = parameters_of(config, SHAPE[2])
                mine = input.clone().requires_grad_()
                values = call(config, mine, parameters)[1]
                values.sum().backward()
                assert torch.equal(values, expected)
        except BaseException as failed:
            failures.append(failed)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []


def test_many_configurations():
    """More than are kept open; the first ones work again after it."""
    input = current(0, (2, 1, 3))

    def values(tau):
        config = qlif.QlifConfig(tau=tau)
        return call(config, input, parameters_of(config, 3))[1]

    first = values(1.0)
    for i in range(200):
        values(2.0 + i)
    assert torch.equal(values(1.0), first)


def test_means_of_many_neurons_are_those_of_each():
    # So many that threads share them, in pieces that are not whole.
    values = torch.randn(1, 1030, 2100)
    sums = torch.ops.qlif.batch_sums(values)
    for first in (0, 511, 512, 1700):
        assert torch.equal(sums[..., first : first + 400], torch.ops.qlif.batch_sums(values[..., first : first + 400]))


def test_means_know_no_order():
    values = torch.randn(2, 1001, 5)
    sums = torch.ops.qlif.batch_sums(values)
    assert torch.equal(sums, torch.ops.qlif.batch_sums(values[:, torch.randperm(1001)]))
    parts = torch.ops.qlif.batch_sums(values[:, :400]) + torch.ops.qlif.batch_sums(values[:, 400:])
    assert torch.equal(sums, parts) and sums.dtype == torch.int64
    fresh, state = torch.zeros(4, 5), torch.cat([torch.zeros(1, 1001, 5), values, torch.zeros(1, 1001, 5)])
    torch.ops.qlif.move_statistics(fresh, state, 1, 2)
    torch.testing.assert_close(fresh[1:3], values.double().mean(1).float())
    assert torch.equal(fresh[1:3], _operators.means_of(sums, 1001)) and (fresh[[0, 3]] == 0).all()
    assert torch.equal(torch.ops.qlif.fresh_state(fresh, 3)[:, 1], fresh)
    torch.ops.qlif.move_statistics(fresh, state[:, :0], 1, 2)
    assert torch.equal(fresh[1:3], _operators.means_of(sums, 1001))
    for extreme in (float("nan"), float("inf"), -1e30, 2.0**18 + 1):
        rows = torch.tensor([[[1.0], [extreme]]])
        assert torch.ops.qlif.batch_sums(rows)[0, 2].item() == 1
        torch.ops.qlif.move_statistics(fresh[:1, :1], rows, 0, 1)
        assert fresh[0, 0].isnan() and _operators.means_of(torch.ops.qlif.batch_sums(rows), 2).isnan()
    # Far apart in magnitude, and rounded once: docs/numerics.md.
    rows = torch.tensor([2.0**18, 2.0**-37, -(2.0**18), 2.0**-37]).reshape(1, 4, 1)
    torch.ops.qlif.move_statistics(fresh[:1, :1], rows, 0, 1)
    assert fresh[0, 0].item() == 2.0**-38


@pytest.mark.skipif(_operators.KIND != "cpp", reason="operators in Python take PyTorch's own memory")
@pytest.mark.parametrize("neurons", [512, 3])
def test_memory_of_results_is_used_again_and_never_twice(neurons):
    config = qlif.QlifConfig()
    parameters = [each.detach() for each in parameters_of(config, neurons).values()]
    draws = torch.tensor([5, 0, 0, 0])

    def run(rows):
        input = torch.ones(20, rows, neurons) * 2
        return torch.ops.qlif.run(input, parameters, None, None, draws, None, None, None, str(config), 0)[2]

    first = run(16)
    expected, address = first.clone(), first.data_ptr()
    assert address % 64 == 0
    taken = first.nbytes
    del first
    # The C library would give out the same memory again: it is asked first.
    others = [torch.empty(taken + extra, dtype=torch.uint8) for extra in (0, 64, 128) for _ in range(8)]
    every = torch.ops.qlif.run(
        torch.ones(20, 16, neurons) * 2, parameters, None, None, draws, None, None, None, str(config), 0
    )
    assert address in [each.data_ptr() for each in every] and address not in [each.data_ptr() for each in others]
    seen = [run(16) for _ in range(3)]
    assert len({each.data_ptr() for each in seen}) == 3 and all(torch.equal(each, expected) for each in seen)
    seen[0].fill_(float("nan"))
    assert torch.equal(run(16), expected) and torch.equal(seen[1], expected)
    # As memory of PyTorch's: it grows, is shared and outlives the call's other results.
    assert seen[1].clone().resize_(1 << 20).shape == (1 << 20,)
    assert torch.equal(seen[1].resize_(30, 16, neurons)[:20], expected)
    assert torch.equal(seen[2].share_memory_(), expected)
    # More than is kept, in an order of its own.
    many = [run(rows) for rows in (16, 600, 2000, 40, 2000, 16, 600)]
    while many:
        many.pop(len(many) // 2)
    assert torch.equal(run(16), expected)
    assert torch.equal(run(2000)[:, :16], expected)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 37), (1, 1, 37), (1, 3, 1), (70, 1, 1)])
@pytest.mark.parametrize("dtype", [None, torch.float16])
def test_a_gradient_that_repeats_is_as_its_dense_copy(shape, dtype):
    config = qlif.QlifConfig()
    parameters = parameters_of(config, SHAPE[2])
    input = current(3).requires_grad_()
    draws = torch.tensor([5, 0, 0, 0])
    made = torch.ops.qlif.run(
        input, list(parameters.values()), None, None, draws, None, None, None, str(config), 0, dtype=dtype
    )
    wanted = [input, *parameters.values()]
    repeated = current(4, shape).to(made[1].dtype).expand(SHAPE)
    expected = torch.autograd.grad(made[1], wanted, repeated.contiguous(), retain_graph=True)
    for seen, each in zip(torch.autograd.grad(made[1], wanted, repeated), expected):
        assert torch.equal(seen, each)
    assert expected[0].abs().sum() > 0


@pytest.mark.parametrize("asked", [lambda values: values.sum(), lambda values: values.sum(0).square().sum()])
def test_a_gradient_that_repeats_is_not_copied(asked):
    config = qlif.QlifConfig()
    parameters = [each.detach() for each in parameters_of(config, SHAPE[2]).values()]
    input = current(3).requires_grad_()
    made = torch.ops.qlif.run(input, parameters, None, None, torch.tensor([5, 0, 0, 0]), None, None, None, str(config), 0)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as profile:
        asked(made[1]).backward()
    seen = [event for event in profile.events() if list(SHAPE) in event.input_shapes]
    assert any(event.name == "qlif::run_backward" for event in seen)
    assert not any(event.name in ("aten::contiguous", "aten::clone", "aten::copy_") for event in seen)


def test_modes_and_profilers_see_each_call():
    from torch.utils._python_dispatch import TorchDispatchMode

    class Names(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.seen = []

        def __torch_dispatch__(self, function, types, arguments=(), named=None):
            self.seen.append(str(function))
            return function(*arguments, **(named or {}))

    config = qlif.LifConfig()
    parameters = parameters_of(config, SHAPE[2])

    def gradient():
        input = current(1).requires_grad_()
        call(config, input, parameters)[1].sum().backward()
        return input.grad

    expected = gradient()
    with Names() as names:
        seen = gradient()
    assert torch.equal(seen, expected)
    assert {"qlif.run.default", "qlif.run_backward.default"} <= set(names.seen)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        seen = gradient()
    assert torch.equal(seen, expected)
    # The call of run comes from Python and is seen anyway; this one comes from the graph.
    assert "qlif::run_backward" in {event.name for event in profile.events()}


@pytest.mark.skipif(_operators.KIND != "cpp", reason="operators in Python take PyTorch's own memory")
def test_profilers_count_the_memory_of_results():
    config = qlif.LifConfig()
    parameters = parameters_of(config, SHAPE[2])
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        call(config, current(1), parameters)
    counted = sum(event.cpu_memory_usage for event in profile.key_averages() if event.key == "qlif::run")
    assert counted >= current(1).nbytes


LAYER_KEYS = (
    (0, 0, 3646760325625914814),
    (42, 0, 2966408002964764567),
    (-7, 3, 7912037152623573220),
    (-9223372036854775808, -1, -711435011244158438),
    (123456789012345, 2147483647, 8058632608149525673),
)


def test_runs_of_a_seed_are_those_of_the_jvm():
    # Philox.layerKey of the Java library.
    for seed, stream, key in LAYER_KEYS:
        series = torch.tensor([seed, stream, 5, 2])
        assert torch.ops.qlif.next_run(series, False).tolist() == [key, 5, 0, 0]
        assert torch.ops.qlif.next_run(series, True).tolist() == [key, -3, 0, 0]
        assert series.tolist() == [seed, stream, 6, 3]
        assert _operators.signed(_operators.layer_key(seed, stream)) == key
    with pytest.raises(RuntimeError, match="series: got the index 2147483647"):
        torch.ops.qlif.next_run(torch.tensor([1, 2, 2**31 - 1, 0]), False)


def test_what_pytorch_checks():
    config = qlif.QlifConfig()
    parameters = parameters_of(config, SHAPE[2])
    arguments = (
        current(0).requires_grad_(),
        list(parameters.values()),
        None,
        None,
        torch.tensor([5, 0, 0, 0]),
        None,
        None,
        None,
        str(config),
        3,
    )
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(torch.ops.qlif.run.default, arguments, test_utils=tests)
    for name, arguments in (
        ("batch_sums", (torch.zeros(2, 3, 4),)),
        ("fresh_state", (torch.zeros(2, 4), 3)),
        ("move_statistics", (torch.zeros(2, 4), torch.zeros(2, 3, 4), 0, 2)),
    ):
        op = getattr(torch.ops.qlif, name).default
        torch.library.opcheck(op, arguments, test_utils=("test_schema", "test_faketensor"))
