# SPDX-License-Identifier: Apache-2.0
"""Arrays of JAX: read in place, never written, and the example of a layer that JAX differentiates."""

import importlib.util

import numpy as np
import pytest
from conftest import REPOSITORY

import qlif
from qlif import QlifConfig

jax = pytest.importorskip("jax")
jnp = jax.numpy

SHAPE = (70, 3, 37)
CONFIG = QlifConfig(tau=10)


def current(seed=0):
    return np.random.default_rng(seed).normal(1, 2, SHAPE).astype(np.float32)


def example():
    spec = importlib.util.spec_from_file_location("jax_layer", REPOSITORY / "python" / "examples" / "jax_layer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_arrays_of_jax_give_the_results_of_arrays_of_numpy():
    v_th = np.linspace(0.8, 1.2, SHAPE[2], dtype=np.float32)
    upstream = current(1)
    results = []
    for array in (np.asarray, jnp.asarray):
        run = qlif.forward(CONFIG, array(current()), parameters={"v_th": array(v_th)}, seed=3, record=True)
        gradients = qlif.backward(CONFIG, run, grad_spike_values=array(upstream))
        results.append((run.spikes, run.voltages, gradients.input, gradients.parameters["v_th"]))
    assert results[0][0].any()
    for expected, actual in zip(*results):
        np.testing.assert_array_equal(actual, expected)


def test_a_computation_that_is_still_running_is_waited_for():
    made = jax.jit(lambda x: jnp.tile(x, (1, 40, 10)) @ jnp.eye(370))(current())
    run = qlif.forward(CONFIG, made, seed=3)
    np.testing.assert_array_equal(run.spikes, qlif.forward(CONFIG, np.asarray(made), seed=3).spikes)


@pytest.mark.parametrize("type", ["float16", "bfloat16"])
def test_numbers_of_16_bits_are_read(type):
    narrow = jnp.asarray(current()).astype(type)
    run = qlif.forward(CONFIG, narrow, seed=3)
    np.testing.assert_array_equal(run.spikes, qlif.forward(CONFIG, np.asarray(narrow.astype("float32")), seed=3).spikes)


@pytest.mark.parametrize(
    "result, type",
    [("spikes", "uint8"), ("spike_values", "float32"), ("spike_values", "bfloat16"), ("voltages", "float32")],
)
def test_arrays_of_jax_are_refused_as_results(result, type):
    zeros = jnp.zeros(SHAPE, type)
    with pytest.raises(ValueError, match=f"{result}: got an array of JAX, which is immutable"):
        qlif.forward(CONFIG, current(), seed=3, out={result: zeros})
    assert not zeros.any()


def test_a_deleted_array_is_refused():
    gone = jnp.asarray(current())
    gone.delete()
    with pytest.raises(ValueError, match="input: got ArrayImpl that can't be lent: .*deleted"):
        qlif.forward(CONFIG, gone, seed=3)


def test_a_traced_array_is_refused():
    with pytest.raises(ValueError, match="input: got .*Tracer that can't be lent"):
        jax.jit(lambda x: qlif.forward(CONFIG, x, seed=3).spikes)(current())


def test_the_example_has_the_kernels_values_and_gradients():
    layer = example()
    upstream = current(1)
    values, pull = jax.vjp(lambda x: layer.spikes(CONFIG, x, 3), jnp.asarray(current()))
    run = qlif.forward(CONFIG, current(), seed=3, record=True)
    np.testing.assert_array_equal(values, run.spike_values)
    gradient = qlif.backward(CONFIG, run, grad_spike_values=upstream).input
    np.testing.assert_array_equal(jax.jit(pull)(upstream)[0], gradient)


def test_the_example_learns():
    assert example().main() < 0.5
