# SPDX-License-Identifier: Apache-2.0
"""A layer of QLIF neurons in JAX: differentiable, and inside jax.jit.

    python python/examples/jax_layer.py

The kernel runs on the CPU, as a callback of the compiled program, and reads JAX's memory in place. The script learns with it: 64 neurons
behind a matrix of weights come to fire at the rates asked for.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import qlif


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def spikes(config: qlif.QlifConfig, current: jax.Array, seed: jax.Array) -> jax.Array:
    """Spike values (T, B, N) from a current (T, B, N), in float32. The same seed draws the same spikes."""

    def run(current, seed):
        return qlif.forward(config, current, seed=int(seed)).spike_values

    return jax.pure_callback(run, jax.ShapeDtypeStruct(current.shape, jnp.float32), current, seed)


def _forward(config, current, seed):
    return spikes(config, current, seed), (current, seed)


def _backward(config, saved, gradient):
    def run(current, seed, gradient):
        # A pure callback keeps nothing between calls, so the run is recorded here, again: the same seed, the same spikes.
        recorded = qlif.forward(config, current, seed=int(seed), record=True)
        return qlif.backward(config, recorded, grad_spike_values=gradient).input

    current, seed = saved
    return jax.pure_callback(run, jax.ShapeDtypeStruct(current.shape, jnp.float32), current, seed, gradient), None


spikes.defvjp(_forward, _backward)


def main(steps: int = 60) -> float:
    """Returns the last loss over the first."""
    config = qlif.QlifConfig(tau=10)
    inputs = jnp.asarray(np.random.default_rng(0).random((50, 16, 32), np.float32))
    rates = jnp.linspace(0.02, 0.3, 64)

    def loss(weights, seed):
        return jnp.mean((spikes(config, inputs @ weights, seed).mean((0, 1)) - rates) ** 2)

    step = jax.jit(jax.value_and_grad(loss))
    weights = jnp.full((32, 64), 0.02)
    losses = []
    for i in range(steps):
        value, gradient = step(weights, i)
        losses.append(float(value))
        weights -= 100 * gradient
    print(f"mean squared error of the rates: {losses[0]:.5f} before, {losses[-1]:.5f} after {steps} steps")
    return losses[-1] / losses[0]


if __name__ == "__main__":
    main()
