# SPDX-License-Identifier: Apache-2.0
"""SpikeLinear: the library's products, gradients, in the place of nn.Linear."""

import copy
import ctypes

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qlif import _library as native  # noqa: E402
from qlif.torch import ArgumentError, PackedSpikes, QLIFLayer, SpikeLinear, pack  # noqa: E402

T, B, K, M = 3, 40, 70, 33


def spikes(seed=0, kind=torch.bool):
    return torch.from_numpy(np.random.default_rng(seed).random((T, B, K)) < 0.2).to(kind)


def numbers(seed, shape):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32))


def by_hand(layer, input, upstream):
    """The C calls themselves."""
    library = native.library()
    handle = ctypes.c_void_p()
    library.call("qlif_linear_open", native.HOST, None, ctypes.byref(handle))
    weights = np.ascontiguousarray(layer.weight.detach().numpy().T)
    bias = layer.bias.detach().numpy()
    values = np.ascontiguousarray(input.detach().numpy())
    output = np.empty((T, B, M), np.float32)
    forward = native.sized(
        native.LinearForwardArgs, input_type=int(values.dtype.itemsize == 1), steps=T, batch=B, inputs=K, outputs=M,
        input=values.ctypes.data, weights=weights.ctypes.data, bias=bias.ctypes.data, output=output.ctypes.data,
    )  # fmt: skip
    library.call("qlif_linear_forward", handle, ctypes.byref(forward), None)
    grads = np.empty((K, M), np.float32), np.empty(M, np.float32), np.empty((T, B, K), np.float32)
    backward = native.sized(
        native.LinearBackwardArgs, forward=ctypes.pointer(forward), grad_output=upstream.ctypes.data,
        grad_weights=grads[0].ctypes.data, grad_bias=grads[1].ctypes.data, grad_input=grads[2].ctypes.data,
    )  # fmt: skip
    library.call("qlif_linear_backward", handle, ctypes.byref(backward), None)
    library.call("qlif_linear_close", handle)
    return output, *grads


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.float32])
def test_results_are_the_c_calls(kind):
    layer = SpikeLinear(K, M)
    input = spikes(0, kind)
    if kind is torch.float32:
        input = (input * numbers(1, input.shape)).requires_grad_()
    upstream = numbers(2, (T, B, M))
    output = layer(input)
    output.backward(upstream)
    expected, weights, bias, grad_input = by_hand(layer, input, upstream.numpy())
    assert np.array_equal(output.detach().numpy(), expected)
    assert np.array_equal(layer.weight.grad.numpy(), weights.T) and np.array_equal(layer.bias.grad.numpy(), bias)
    if kind is torch.float32:
        assert np.array_equal(input.grad.numpy(), grad_input)


def test_gradients_are_those_of_float64():
    layer = SpikeLinear(K, M)
    input = (spikes(0, torch.float32) * numbers(1, (T, B, K))).requires_grad_()
    upstream = numbers(2, (T, B, M))
    layer(input).backward(upstream)
    twin = torch.nn.Linear(K, M, dtype=torch.float64)
    twin.load_state_dict(layer.state_dict())
    wide = input.detach().double().requires_grad_()
    expected = twin(wide)
    expected.backward(upstream.double())
    torch.testing.assert_close(layer(input).double(), expected, rtol=1e-5, atol=1e-5)
    for got, want in (
        (input.grad, wide.grad),
        (layer.weight.grad, twin.weight.grad),
        (layer.bias.grad, twin.bias.grad),
    ):
        torch.testing.assert_close(got.double(), want, rtol=1e-4, atol=1e-4)


def test_it_stands_in_the_place_of_nn_linear():
    torch.manual_seed(0)
    ours = SpikeLinear(K, M)
    torch.manual_seed(0)
    theirs = torch.nn.Linear(K, M)
    assert torch.equal(ours.weight, theirs.weight) and torch.equal(ours.bias, theirs.bias)
    assert ours.weight.t().is_contiguous()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for shape in ((K,), (B, K), (T, B, K), (0, B, K), (T, 0, K)):
        input = torch.zeros(shape).bernoulli_(0.3)
        torch.testing.assert_close(ours(input), theirs(input))
    plain = SpikeLinear(K, M, bias=False)
    assert plain.bias is None and list(plain.state_dict()) == ["weight"]
    plain(spikes()).sum().backward()
    other = copy.deepcopy(ours)
    assert other.weight.t().is_contiguous() and torch.equal(other(spikes()), ours(spikes()))
    torch.optim.Adam(ours.parameters()).step()


def test_trained_and_compiled():
    network = torch.nn.Sequential(SpikeLinear(K, 16), torch.nn.Tanh(), SpikeLinear(16, 2))
    compiled = torch.compile(network, fullgraph=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    labels = (spikes().sum(-1) > K * 0.2).long()
    losses = []
    for step in range(40):
        logits = (compiled if step % 2 else network)(spikes(0, torch.float32))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    torch.testing.assert_close(compiled(spikes(1, torch.float32)), network(spikes(1, torch.float32)))


def test_with_neurons():
    first, neurons, second = SpikeLinear(K, 20), QLIFLayer(20, preset="2025-08-15"), SpikeLinear(20, 4)
    neurons(5 * first(spikes()))
    second(neurons.spike_values).sum().backward()
    assert all(parameter.grad is not None for parameter in (*first.parameters(), *second.parameters()))
    assert first.weight.grad.abs().sum() > 0


def test_weights_of_silent_inputs_have_no_part():
    layer = SpikeLinear(3, 2)
    with torch.no_grad():
        layer.weight[:, 1] = float("nan")
    assert layer(torch.tensor([1.0, 0.0, 1.0])).isfinite().all() and layer(torch.ones(3)).isnan().all()


def test_bits_are_bytes():
    layer = SpikeLinear(K, M)
    for given in (spikes(), torch.zeros(0, B, K), torch.zeros(T, 0, K), torch.ones(T, B, K), spikes(2)[:, :1]):
        packed = pack(given)
        assert torch.equal(packed.unpack(), given.bool())
        results = []
        for input in (given.to(torch.uint8), packed):
            layer.zero_grad()
            output = layer(input)
            (output * torch.arange(M)).sum().backward()
            results.append((output, layer.weight.grad.clone(), layer.bias.grad.clone()))
        for bytes_, bits in zip(*results):
            assert torch.equal(bytes_, bits)
    graph = torch.compile(layer, fullgraph=True, backend="aot_eager")
    for rows in (B, B + 1, B + 2):
        given = torch.zeros(T, rows, K).bernoulli_(0.2)
        assert torch.equal(graph(pack(given)), layer(given))
    element = 1 * K + 3  # of row 1, input 3
    one = torch.zeros(1, 2, K)
    one[0, 1, 3] = 1
    assert pack(one).words.tolist()[0][element // 64] == 1 << element % 64


def test_bits_that_are_refused():
    layer = SpikeLinear(K, M)
    packed = pack(spikes())
    for bad, message in (
        (PackedSpikes(packed.words, (T, B + 9, K)), "input: got the shape .* expected .* words a step"),
        (PackedSpikes(packed.words, (T, B, K + 1)), "input: got bits of the shape"),
        (PackedSpikes(packed.words[1:], packed.shape), "input: got bits of the shape"),
        (PackedSpikes(packed.words[0], packed.shape), "input: got"),
    ):
        with pytest.raises(ValueError, match=message):
            layer(bad)
    for bad in (torch.zeros(3, K), np.zeros((T, B, K))):
        with pytest.raises(ValueError, match="spikes: got"):
            pack(bad)


def test_refusals():
    layer = SpikeLinear(K, M)
    for bad, kind, message in (
        (np.zeros((B, K)), TypeError, "input: got ndarray"),
        (torch.zeros(B, K + 1), ValueError, "input: got the shape"),
        (torch.zeros(1, 1, B, K), ValueError, "input: got the shape"),
        (torch.zeros(()), ValueError, "input: got the shape"),
        (torch.zeros(B, K, dtype=torch.complex64), TypeError, "input: got torch.complex64"),
        (torch.zeros(T, B, K).to_sparse(), NotImplementedError, "SparseCPU"),
    ):
        with pytest.raises(kind, match=message):
            layer(bad)
    for arguments, message in (
        ((0, 2), "in_features: got 0"),
        ((2, 0.5), "out_features: got 0.5"),
        ((2, 2, True, None, torch.float16), "dtype"),
    ):
        with pytest.raises(ArgumentError, match=message):
            SpikeLinear(*arguments)
    with pytest.raises(ValueError, match="weight: got"):
        torch.ops.qlif.linear(torch.zeros(1, 2, 3), torch.zeros(4, 4), None)
    with pytest.raises(ValueError, match="bias: got"):
        torch.ops.qlif.linear(torch.zeros(1, 2, 3), torch.zeros(4, 3), torch.zeros(3))
    output = layer(spikes(0, torch.float32).requires_grad_())
    (gradient,) = torch.autograd.grad(output.sum(), layer.weight, create_graph=True)
    with pytest.raises(NotImplementedError, match="first derivatives only"):
        gradient.sum().backward()
