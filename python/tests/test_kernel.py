# SPDX-License-Identifier: Apache-2.0
"""Kernels on arrays: the results of the C calls, whoever lends the memory, and refusals."""

import ctypes
import threading

import numpy as np
import pytest
from conftest import random_options

import qlif
from qlif import Kernel, LifConfig, QlifConfig, UnavailableError
from qlif import _library as native

SHAPE = (70, 3, 37)


def current(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(1, 2, shape).astype(np.float32)


def bits(array):
    return np.ascontiguousarray(array).view(np.uint8)


def same(a, b):
    return np.array_equal(bits(a), bits(b))


def by_hand(config, values, seed):
    """The C calls themselves, with everything written out."""
    library = native.library()
    steps, batch, neurons = values.shape
    kernel, tape = ctypes.c_void_p(), ctypes.c_void_p()
    library.call("qlif_kernel_open", -1, config._address, None, ctypes.byref(kernel))
    library.call("qlif_tape_open", kernel, 0, 0, steps, batch, neurons, ctypes.byref(tape))
    parameters = [np.full(1, config.parameter_default(symbol), np.float32) for symbol in config._model().parameters]
    spikes, y, v = np.full(values.shape, 9, np.uint8), np.empty_like(values), np.empty_like(values)
    forward = native.sized(
        native.ForwardArgs,
        steps=steps,
        batch=batch,
        neurons=neurons,
        seed=seed,
        input=values.ctypes.data,
        spikes_u8=spikes.ctypes.data,
        spike_values=y.ctypes.data,
        voltages=v.ctypes.data,
        tape=tape.value,
    )
    for i, parameter in enumerate(parameters):
        forward.parameters[i] = parameter.ctypes.data
    library.call("qlif_forward", kernel, ctypes.byref(forward), None)
    upstream = current(9, values.shape)
    grad_input = np.empty_like(values)
    grads = [np.empty(1, np.float32) for _ in parameters]
    backward = native.sized(
        native.BackwardArgs,
        forward=ctypes.pointer(forward),
        grad_spike_values=upstream.ctypes.data,
        grad_input=grad_input.ctypes.data,
    )
    for i, grad in enumerate(grads):
        backward.grad_parameters[i] = grad.ctypes.data
    library.call("qlif_backward", kernel, ctypes.byref(backward), None)
    library.call("qlif_tape_close", tape)
    library.call("qlif_kernel_close", kernel)
    return spikes, y, v, upstream, grad_input, grads


@pytest.mark.parametrize("seed", range(30))
def test_results_are_the_c_calls(seed):
    config = QlifConfig(**random_options(seed)) if seed else LifConfig()
    values = current(seed)
    spikes, y, v, upstream, grad_input, grads = by_hand(config, values, 5)
    for record in ("voltage", "compact"):
        run = qlif.forward(config, values, seed=5, record=record)
        assert same(run.spikes, spikes) and same(run.spike_values, y) and same(run.voltages, v)
        gradients = qlif.backward(config, run, grad_spike_values=upstream)
        assert same(gradients.input, grad_input)
        for got, expected in zip(gradients.parameters.values(), grads):
            assert same(got.reshape(1), expected)


@pytest.mark.parametrize("config", [QlifConfig(), LifConfig(), QlifConfig(readout="MULTI_QUBIT")], ids=str)
def test_a_run_in_parts_is_the_run(config):
    values = current()
    whole = qlif.forward(config, values, seed=3)
    first = qlif.forward(config, values[:13], seed=3)
    rest = qlif.forward(config, values[13:], seed=3, first_step=13, state=first.state)
    assert same(whole.spikes, np.concatenate([first.spikes, rest.spikes]))
    assert all(same(whole.state[symbol], rest.state[symbol]) for symbol in whole.state)
    low = qlif.forward(config, values[:, :2], seed=3)
    high = qlif.forward(config, values[:, 2:], seed=3, element_offset=2 * SHAPE[2])
    assert same(whole.spikes, np.concatenate([low.spikes, high.spikes], axis=1))
    turned = qlif.forward(config, values[:, ::-1], seed=3, row_index=[2, 1, 0])
    assert same(whole.spikes, turned.spikes[:, ::-1])


@pytest.mark.parametrize("config", [QlifConfig(), LifConfig(), QlifConfig(stochastic=False)], ids=str)
def test_a_state_that_all_rows_start_from(config):
    values = current(0, (70, *SHAPE[1:]))
    generator = np.random.default_rng(4)
    one = {symbol: generator.random(SHAPE[2], dtype=np.float32) for symbol in qlif.forward(config, values).state}
    each = {symbol: np.tile(row, (SHAPE[1], 1)) for symbol, row in one.items()}
    upstream = current(1, (70, *SHAPE[1:]))
    made = []
    for state in (one, each):
        run = qlif.forward(config, values, seed=3, state=state, record=True)
        made.append((run, qlif.backward(config, run, grad_spike_values=upstream)))
    (shared, of_shared), (whole, of_whole) = made
    assert same(shared.voltages, whole.voltages) and same(of_shared.input, of_whole.input)
    assert all(same(shared.state[symbol], whole.state[symbol]) for symbol in one)
    assert all(same(of_shared.parameters[symbol], of_whole.parameters[symbol]) for symbol in of_whole.parameters)
    assert of_shared.state is None and set(of_whole.state) == set(one)
    out = {f"state.{symbol}": np.zeros(SHAPE[1:], np.float32) for symbol in one}
    with pytest.raises(ValueError, match="grad_initial_state: given, expected NULL"):
        qlif.backward(config, shared, grad_spike_values=upstream, out=out)
    with pytest.raises(ValueError, match=r"state.v: got the shape \(4,\), expected \(37,\)"):
        qlif.forward(config, values, state={"v": np.zeros(4)})


def test_draws_are_those_of_the_run():
    config = QlifConfig(readout="MULTI_QUBIT", quantum_wires=5)
    values = current()
    with Kernel(config) as kernel:
        uniforms, normals = kernel.draw(SHAPE, seed=3, stream=7, first_step=11, wires=5)
        run = kernel.forward(values, seed=3, stream=7, first_step=11)
        lent = kernel.forward(values, uniforms=uniforms, normals=normals)
    assert same(run.spikes, lent.spikes) and same(run.voltages, lent.voltages)
    assert not same(run.spikes, qlif.forward(config, values, seed=4, stream=7, first_step=11).spikes)


def test_shared_and_own_parameters_and_modulation():
    config = QlifConfig()
    values = current()
    upstream = current(1)
    own = {"v_th": np.linspace(0.5, 2, SHAPE[2], dtype=np.float32)}
    modulation = current(2, (1, SHAPE[1], 1))
    run = qlif.forward(config, values, parameters=own, modulation=modulation, record=True)
    gradients = qlif.backward(config, run, grad_spike_values=upstream)
    assert gradients.parameters["v_th"].shape == (SHAPE[2],) and gradients.parameters["tau"].shape == ()
    assert gradients.modulation.shape == modulation.shape
    full = np.ascontiguousarray(np.broadcast_to(modulation, SHAPE))
    dense = qlif.forward(config, values, parameters=own, modulation=full, record=True)
    assert same(run.spikes, dense.spikes)
    assert np.allclose(
        qlif.backward(config, dense, grad_spike_values=upstream).modulation.sum((0, 2)),
        gradients.modulation[0, :, 0],
        rtol=1e-3,
        atol=1e-3,
    )


def test_a_shared_upstream_gradient():
    config = QlifConfig()
    run = qlif.forward(config, current(), record=True)
    one = current(1, SHAPE[1:])
    every = np.ascontiguousarray(np.broadcast_to(one, SHAPE))
    a = qlif.backward(config, run, grad_spike_values=one)
    b = qlif.backward(config, run, grad_spike_values=every)
    assert same(a.input, b.input)


def test_memory_of_others_is_written_in_place():
    spikes = np.full(SHAPE, 7, np.uint8)
    flags = np.zeros(SHAPE, bool)
    voltages = np.empty(SHAPE, np.float32)
    run = qlif.forward(QlifConfig(), current(), out={"spikes": spikes, "voltages": voltages})
    assert run.spikes is spikes and run.voltages is voltages and spikes.max() <= 1
    qlif.forward(QlifConfig(), current(), out={"spikes": flags})
    assert np.array_equal(flags, spikes)


def test_tensors_of_pytorch():
    torch = pytest.importorskip("torch")
    values = current()
    spikes = torch.zeros(SHAPE, dtype=torch.uint8)
    run = qlif.forward(QlifConfig(), torch.from_numpy(values), seed=1, out={"spikes": spikes})
    assert run.spikes is spikes
    assert same(spikes.numpy(), qlif.forward(QlifConfig(), values, seed=1).spikes)
    with pytest.raises(ValueError, match="input: got Tensor that can't be lent"):
        qlif.forward(QlifConfig(), torch.zeros(SHAPE, requires_grad=True))
    with pytest.raises(ValueError, match="input: got Tensor that can't be lent"):
        qlif.forward(QlifConfig(), torch.zeros(SHAPE).to_sparse())


def test_other_types_and_strides_are_copied():
    values = current()
    expected = qlif.forward(QlifConfig(), values, seed=1).spikes
    assert same(qlif.forward(QlifConfig(), values.astype(np.float64), seed=1).spikes, expected)
    strided = np.zeros((*SHAPE[:2], 2 * SHAPE[2]), np.float32)
    strided[..., ::2] = values
    assert same(qlif.forward(QlifConfig(), strided[..., ::2], seed=1).spikes, expected)
    read_only = values.copy()
    read_only.flags.writeable = False
    assert same(qlif.forward(QlifConfig(), read_only, seed=1).spikes, expected)
    assert qlif.forward(QlifConfig(), [[[1.0, 2.0]]]).spikes.shape == (1, 1, 2)


def test_numbers_of_16_bits():
    """The bits of the float32 call on the same numbers, rounded."""
    config = QlifConfig()
    values = current().astype(np.float16)
    upstream = current(1).astype(np.float16)
    wide = qlif.forward(config, values.astype(np.float32), seed=3, record=True)
    wide_gradients = qlif.backward(config, wide, grad_spike_values=upstream.astype(np.float32))
    y, grad_input = np.empty(SHAPE, np.float16), np.empty(SHAPE, np.float16)
    run = qlif.forward(config, values, seed=3, record=True, out={"spike_values": y})
    gradients = qlif.backward(config, run, grad_spike_values=upstream, out={"input": grad_input})
    assert run.spike_values is y and gradients.input is grad_input
    assert same(run.spikes, wide.spikes) and same(run.voltages, wide.voltages) and same(run.state["v"], wide.state["v"])
    assert same(y, wide.spike_values.astype(np.float16))
    assert same(grad_input, wide_gradients.input.astype(np.float16))
    assert same(gradients.parameters["v_th"], wide_gradients.parameters["v_th"])
    # The array itself is read, not a copy of it.
    assert [array.address for name, array in run._call.reads if name == "input"] == [values.ctypes.data]


def test_tensors_of_16_bits():
    torch = pytest.importorskip("torch")
    config = QlifConfig()
    for dtype in (torch.bfloat16, torch.float16):
        values = torch.from_numpy(current()).to(dtype)
        upstream = torch.from_numpy(current(1)).to(dtype)
        wide = qlif.forward(config, values.float(), seed=3, record=True)
        wide_gradients = qlif.backward(config, wide, grad_spike_values=upstream.float())
        y, grad_input = torch.empty(SHAPE, dtype=dtype), torch.empty(SHAPE, dtype=dtype)
        run = qlif.forward(config, values, seed=3, record=True, out={"spike_values": y})
        gradients = qlif.backward(config, run, grad_spike_values=upstream, out={"input": grad_input})
        assert run.spike_values is y and gradients.input is grad_input
        assert same(run.spikes, wide.spikes) and same(run.voltages, wide.voltages)
        assert torch.equal(y, torch.from_numpy(wide.spike_values).to(dtype))
        assert torch.equal(grad_input, torch.from_numpy(wide_gradients.input).to(dtype))
        assert same(gradients.parameters["v_th"], wide_gradients.parameters["v_th"])
        assert [array.address for name, array in run._call.reads if name == "input"] == [values.data_ptr()]
    strided = torch.zeros((*SHAPE[:2], 2 * SHAPE[2]), dtype=torch.bfloat16)[..., ::2]
    refused("input: got an array that is not contiguous", strided)
    refused("out.spike_values: got an array that is not", current(), out={"spike_values": strided})
    refused("out.spike_values: got the shape", current(), out={"spike_values": torch.zeros(3, dtype=torch.bfloat16)})
    refused("out.spike_values: got float64", current(), out={"spike_values": torch.zeros(SHAPE, dtype=torch.float64)})
    refused("out.voltages", current(), out={"voltages": torch.zeros(SHAPE, dtype=torch.bfloat16)})
    refused("out.voltages: got float16", current(), out={"voltages": torch.zeros(SHAPE, dtype=torch.float16)})


@pytest.mark.parametrize("kind", ["voltage-bf16", "voltage-fp16"])
def test_tapes_of_16_bits(kind):
    with Kernel(QlifConfig()) as kernel:
        least = kernel.tape_bytes(SHAPE)
        assert least - 2 * 128 * SHAPE[0] == kernel.tape_bytes(SHAPE, kind)
        wide = kernel.forward(current(), seed=1, record=True)
        run = kernel.forward(current(), seed=1, record=kind)
        assert run.tape.nbytes == kernel.tape_bytes(SHAPE, kind) and same(run.spikes, wide.spikes)
        expected = kernel.backward(wide, grad_voltages=current(2)).input
        got = kernel.backward(run, grad_voltages=current(2)).input
        assert not same(got, expected) and np.allclose(got, expected, rtol=0.1, atol=0.1)
        # A tape may be kept, and read again.
        again = kernel.recorded(current(), seed=1, tape=run.tape.copy(), record=kind)
        assert same(kernel.backward(again, grad_voltages=current(2)).input, got)


@pytest.mark.parametrize("shape", [(0, 3, 4), (5, 0, 4), (5, 3, 0)])
def test_nothing_to_do(shape):
    run = qlif.forward(QlifConfig(), np.zeros(shape, np.float32), record=True)
    assert run.spikes.shape == shape and run.state["v"].shape == shape[1:]
    gradients = qlif.backward(QlifConfig(), run, grad_spike_values=np.zeros(shape, np.float32))
    assert gradients.input.shape == shape and gradients.parameters["v_th"] == 0


def refused(message, *arguments, config=QlifConfig(), **named):
    with pytest.raises(ValueError, match=message):
        qlif.forward(config, *arguments, **named)


def test_refusals():
    values = current()
    refused("input: got the shape \\(3, 4\\), expected \\(T, B, N\\)", np.zeros((3, 4)))
    refused("input: got complex128", np.zeros(SHAPE, complex))
    refused("input: got object", np.zeros(SHAPE, object))
    refused("input: got", "text")
    refused("parameters: got 'vth', expected some of v_th", values, parameters={"vth": 1})
    refused(
        "parameters.v_th: got the shape \\(4,\\), expected \\(37,\\), \\(1,\\) or \\(\\)",
        values,
        parameters={"v_th": [1] * 4},
    )
    refused("tau\\)*: got -1", values, parameters={"tau": -1.0})
    refused("modulation: got the shape \\(2,\\)", values, modulation=[1, 2])
    refused("modulation: got an array, expected none", values, modulation=[1], config=LifConfig())
    refused("state: got 'x', expected some of v, ", values, state={"x": 0})
    refused("state.v: got the shape \\(\\), expected \\(3, 37\\)", values, state={"v": 0})
    refused("seed: got 1.5", values, seed=1.5)
    refused("stream: got -1, expected a whole number from 0", values, stream=-1)
    refused("first_step", values, first_step=2**33)
    refused("row_index: got float64", values, row_index=[0.0, 1, 2])
    refused("row_index: got the shape", values, row_index=[0, 1])
    refused("uniforms: got the shape", values, uniforms=np.zeros((1, 1)))
    refused("uniforms: got an array, expected none", values, uniforms=values, config=QlifConfig(readout="EXPECTATION"))
    refused("normals: got an array, expected none", values, normals=values, config=QlifConfig(noise_std=0))
    refused("traces: got 'q', expected some of p, ", values, traces=["q"])
    refused("record: got 'all'", values, record="all")
    refused("out: got 'spike', which this call does not write", values, out={"spike": np.zeros(SHAPE, np.uint8)})
    refused("out.spikes: got float32 of shape", values, out={"spikes": np.zeros(SHAPE, np.float32)})
    refused("out.voltages: got memory that overlaps input", values, out={"voltages": values})
    refused(
        "out.spikes: got an array that is not contiguous",
        values,
        out={"spikes": np.zeros((*SHAPE[:2], 74), np.uint8)[..., ::2]},
    )
    refused("device: got 'gpu', expected 'cpu' or 'cuda:N'", values, device="gpu")
    refused("device: got 'cuda:-1'", values, device="cuda:-1")
    with pytest.raises(TypeError, match="config: got str"):
        qlif.forward("QLIF", values)
    with pytest.raises(ValueError, match="threads: got 0"):
        Kernel(QlifConfig(), threads=0)


def test_nothing_is_written_where_a_call_is_refused():
    spikes = np.full(SHAPE, 7, np.uint8)
    refused("tau\\)*: got -1", current(), parameters={"tau": -1.0}, out={"spikes": spikes})
    refused("out.voltages", current(), out={"spikes": spikes, "voltages": spikes})
    assert (spikes == 7).all()


def test_backward_refusals():
    config = QlifConfig()
    plain = qlif.forward(config, current())
    with pytest.raises(ValueError, match="run: got one without a tape"):
        qlif.backward(config, plain)
    run = qlif.forward(config, current(), record=True)
    with pytest.raises(ValueError, match="grad_spike_values: got the shape"):
        qlif.backward(config, run, grad_spike_values=np.zeros(3))
    with pytest.raises(ValueError, match="grad_state: got 'q'"):
        qlif.backward(config, run, grad_state={"q": 1})


def test_a_closed_kernel():
    kernel = Kernel(QlifConfig())
    assert "x86-64" in kernel.description or kernel.description
    kernel.close()
    kernel.close()
    with pytest.raises(ValueError, match="kernel: got a closed one"):
        kernel.forward(current())
    assert "closed" in repr(kernel)


def test_a_device_that_is_not_there():
    if any(name.startswith("cuda:") for name in qlif.devices()):
        pytest.skip("there is a GPU here")
    with pytest.raises(UnavailableError, match="CUDA"):
        Kernel(QlifConfig(), "cuda:0")
    assert "unavailable" in qlif.devices()["cuda"] and "cpu" in qlif.devices()


def test_threads():
    expected = qlif.forward(QlifConfig(), current(), seed=2).spikes
    for threads in (1, 2, 3):
        assert same(qlif.forward(QlifConfig(), current(), seed=2, threads=threads).spikes, expected)
    results = []

    def call():
        for _ in range(20):
            results.append(same(qlif.forward(QlifConfig(), current(), seed=2).spikes, expected))

    workers = [threading.Thread(target=call) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 80 and all(results)
