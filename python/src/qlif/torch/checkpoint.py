# SPDX-License-Identifier: Apache-2.0
"""Layers and networks as checkpoints, in a file that the JVM and the command line read, too: docs/checkpoints.md."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional, Union

import numpy as np
import torch
from torch import Tensor, nn

from .. import checkpoint as files
from ..config import LifConfig, QlifConfig, parse
from .layers import LIF, QLIF, QLIFLayer, SpikeLinear, arguments_of
from .network import Mean, Network

_NAMES = {"v_th": "V_th", "tau": "tau", "eta": "eta", "q_scale": "q_scale", "q_bias": "q_bias"}

Path = Union[str, "os.PathLike[str]"]


def save(module: nn.Module, path: Path, extra: Optional[Mapping[str, str]] = None) -> None:
    """Writes a layer (QLIFLayer, QLIF, LIF, SpikeLinear, nn.Linear) or a Network as a checkpoint.

    >>> qlif.torch.save(network, "network.safetensors")
    >>> network = qlif.torch.load("network.safetensors")

    A layer goes on elsewhere with the bits that it would have had here: with parameters, configuration (that of its
    train() or eval() mode of now), statistics, a QLIF's state, and the draws of its next run, which a QLIFLayer draws
    from PyTorch's generator: they are those of its next call if nothing else draws before. A network's tests draw by its
    seed. A LIF is saved without its last call's state, as its calls start afresh. extra: texts of your own.

    The file that was there stays until the new one is whole. What a checkpoint can't hold, such as a neuromod_transform,
    raises ValueError; nothing is written then.
    """
    made = checkpoint_of(module)
    made.extra.update(extra or {})
    files.save(made, path)


def checkpoint_of(module: nn.Module) -> files.Checkpoint:
    """What `save` writes."""
    if isinstance(module, Network):
        return _network(module)
    if isinstance(module, (QLIFLayer, QLIF)):
        stepwise = isinstance(module, QLIF)
        neurons = module if isinstance(module, QLIF) else module.qlifs
        made = files.Checkpoint([_qlif(neurons, module.training)], extra=_hints(neurons, 0))
        _add_run(made.layers[0], neurons, stepwise)
        return made
    if isinstance(module, (LIF, SpikeLinear, nn.Linear)):
        return files.Checkpoint([_other(module)])
    raise TypeError(
        f"module: got {type(module).__name__}, expected a QLIFLayer, QLIF, LIF, SpikeLinear, nn.Linear or Network"
    )


def load(path: Path, *, stepwise: Optional[bool] = None) -> nn.Module:
    """The layer or network of a checkpoint, whoever wrote it: neurons become a QLIFLayer, or, if the file has a state of
    them or stepwise=True, a QLIF; linear layers SpikeLinear, or nn.Linear if they were that; several layers a Network.

    >>> layer = qlif.torch.load("layer.safetensors")
    >>> spikes, voltages = layer(current)

    The next run draws as the file says. Those after it do, too, if the file has a seed of the layer's, as those of the
    JVM have: such a layer counts its runs, so torch.utils.checkpoint would recompute another one than there was. Else
    they draw from PyTorch's generator. A LIF with a state has it in `state`, before step `step`, for its next call. A
    file does not say of which dtype a layer's spike values were: they are float32.

    Raises ValueError as `qlif.load` does, and NotImplementedError for a row of layers that a Network can't run.
    """
    return module_of(files.load(path), stepwise)


def module_of(checkpoint: files.Checkpoint, stepwise: Optional[bool] = None) -> nn.Module:
    """The layer or network that a checkpoint is of: see `load`."""
    layers = checkpoint.layers
    if len(layers) == 1 and not (isinstance(layers[0], files.Linear) and layers[0].readout):
        return _module(layers[0], checkpoint.extra.get("layers.0.preset"), stepwise)
    row: List[nn.Module] = []
    for i, layer in enumerate(layers):
        if isinstance(layer, files.Linear) and layer.readout:
            if i + 1 < len(layers):
                raise NotImplementedError(f"layers.{i}: got a readout with layers after it, expected it to be the last")
            row.append(Mean())
        if isinstance(layer, files.Neurons) and layer.state is not None:
            raise ValueError(f"layers.{i}: got neurons with a state, expected none: a Network starts every run afresh")
        row.append(_module(layer, checkpoint.extra.get(f"layers.{i}.preset"), False))
    return Network(*row, seed=checkpoint.seed, encoder_steps=checkpoint.encoder_steps)


# ---------------------------------------------------------------- to a checkpoint


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().to(device="cpu", dtype=torch.float32).numpy()


def _parameter(tensor: Tensor) -> np.ndarray:
    return _array(tensor).reshape(-1)


def _hints(neurons: QLIF, position: int) -> Dict[str, str]:
    """What a loaded layer needs to have the attributes of this one, and no other reader does."""
    preset = neurons._arguments["preset"]
    return {} if preset is None else {f"layers.{position}.preset": preset}


def _qlif(neurons: QLIF, training: bool) -> files.Neurons:
    if neurons.neuromod_transform is not None:
        raise ValueError(
            f"neuromod_transform: got {type(neurons.neuromod_transform).__name__}, expected None: a checkpoint can't hold it"
        )
    config = parse(neurons._texts[training, False])
    parameters = {symbol: _parameter(getattr(neurons, name)) for symbol, name in _NAMES.items()}
    learnable = tuple(symbol for symbol, name in _NAMES.items() if isinstance(getattr(neurons, name), nn.Parameter))
    if neurons._no_eta is not None:
        parameters["eta"] = np.zeros(1, np.float32)
        learnable = tuple(symbol for symbol in learnable if symbol != "eta")
    statistics = None
    if config.homeostasis_enabled:
        rate, offset = neurons.statistics
        statistics = {"rate": _array(rate), "homeostasis_offset": _array(offset)}
    return files.Neurons(config, neurons.num_neurons, parameters, learnable, statistics=statistics)


def _add_run(made: files.Neurons, neurons: QLIF, stepwise: bool) -> None:
    """Adds the state and the draws of the run that a QLIF is in, or the draws of a QLIFLayer's next run."""
    series = neurons._series
    if series is not None:
        made.seed, made.stream, made.episode, made.evaluations = series.tolist()
    if stepwise and neurons.batch_size > 0:
        draws = neurons._draws
        made.state = {
            variable.symbol: _array(neurons._variable(variable.symbol)) for variable in neurons._table.variables
        }
        made.step = int(draws[2])
    elif neurons._next_draws is not None:
        draws = neurons._next_draws
    elif neurons._group is not None:
        draws = neurons._group.next
    elif series is not None:
        draws = torch.ops.qlif.next_run(series.clone(), False)
    else:
        # What the next call will draw of the generator, which stays as it is.
        copy = torch.Generator()
        copy.set_state((neurons.generator or torch.default_generator).get_state())
        draws = torch.ops.qlif.start(neurons._draws, copy)
    if made.state is not None or neurons._next_draws is not None:
        # The series is at the run after this one.
        made.episode = max(made.episode - 1, 0)
    seed, stream, _, element_offset = draws.tolist()
    made.draws = files.Draws(seed, stream % 2**32, element_offset)


def _other(module: nn.Module) -> Union[files.Neurons, files.Linear]:
    if isinstance(module, LIF):
        parameters = {name: _parameter(getattr(module, name)) for name in module._names}
        learnable = tuple(name for name in module._names if isinstance(getattr(module, name), nn.Parameter))
        return files.Neurons(module.config, module.num_neurons, parameters, learnable)
    bias = None if module.bias is None else _array(module.bias)
    return files.Linear(_array(module.weight).T, bias, ascending=isinstance(module, SpikeLinear))


def _network(network: Network) -> files.Checkpoint:
    made = files.Checkpoint([], network.seed, network.encoder_steps)
    for i, layer in enumerate(network):
        if isinstance(layer, Mean):
            if not i + 1 < len(network) or not isinstance(network[i + 1], (SpikeLinear, nn.Linear)):
                raise ValueError(
                    f"layers[{i}]: got a Mean without a linear layer after it, expected one, as a readout has"
                )
        elif isinstance(layer, QLIFLayer):
            made.extra.update(_hints(layer.qlifs, len(made.layers)))
            made.layers.append(_qlif(layer.qlifs, network.training))
        else:
            each = _other(layer)
            if isinstance(each, files.Linear):
                each.readout = i > 0 and isinstance(network[i - 1], Mean)
            made.layers.append(each)
    return made


# ---------------------------------------------------------------- from a checkpoint


def _module(layer: Union[files.Neurons, files.Linear], preset: Any, stepwise: Optional[bool]) -> nn.Module:
    if isinstance(layer, files.Linear):
        return _linear(layer)
    if isinstance(layer.config, LifConfig):
        return _lif(layer)
    if stepwise is None:
        stepwise = layer.state is not None
    neurons = _neurons(layer, preset, stepwise)
    if stepwise and layer.state is None:
        neurons.reset()
    return neurons if stepwise else QLIFLayer.of(neurons)


def _linear(layer: files.Linear) -> nn.Module:
    kind: Any = SpikeLinear if layer.ascending else nn.Linear
    inputs, outputs = layer.weight.shape
    # Without the draws of initial values.
    made = nn.utils.skip_init(kind, inputs, outputs, bias=layer.bias is not None)
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(layer.weight).t())
        if layer.bias is not None:
            made.bias.copy_(torch.from_numpy(layer.bias))
    return made


def _lif(layer: files.Neurons) -> LIF:
    config = layer.config
    made = LIF(
        layer.neurons,
        config.tau_syn_inv,
        config.tau_mem_inv,
        config.v_th,
        dt=config.dt,
        v_leak=config.v_leak,
        v_reset=config.v_reset,
        surrogate=config.surrogate,
        alpha=config.surrogate_alpha,
        learnable=layer.learnable,
    )
    for name, values in layer.parameters.items():
        _set(made, name, torch.from_numpy(values).expand(layer.neurons).clone())
    if layer.state is not None:
        made._state = torch.from_numpy(np.stack(list(layer.state.values())))
        made.step = layer.step
    return made


def _set(module: nn.Module, name: str, values: Tensor) -> None:
    """Sets a parameter or a buffer, whatever shape it had."""
    if name in module._parameters:
        module._parameters[name] = nn.Parameter(values)
    else:
        module._buffers[name] = values


def _neurons(layer: files.Neurons, preset: Any, stepwise: bool) -> QLIF:
    """The neurons of a file, in the middle of its run if they are called step by step, else at the start of it."""
    config = layer.config
    assert isinstance(config, QlifConfig)
    try:
        arguments = arguments_of(config, preset if isinstance(preset, str) else None)
    except ValueError:
        # No preset that there is: the configuration says all that is computed with.
        arguments = arguments_of(config, None)
    learnable = {f"learnable_{name}": symbol in layer.learnable for name, symbol in _LEARNABLE.items()}
    # Without a draw of PyTorch's generator.
    made = QLIF(layer.neurons, generator=torch.Generator(), **arguments, **learnable)
    made.generator = None
    for symbol, name in _NAMES.items():
        values = torch.from_numpy(layer.parameters[symbol])
        if name in ("V_th", "q_scale", "q_bias"):
            values = values.expand(layer.neurons).clone()
        elif symbol not in layer.learnable or len(values) == 1:
            # One value for all neurons, as it is in the public package, unless they differ or are learned on their own.
            values = values[0].clone() if (values.view(torch.int32) == values.view(torch.int32)[0]).all() else values
        _set(made, name, values)
    if layer.statistics is not None:
        with torch.no_grad():
            made._fresh[made._averaged].copy_(torch.from_numpy(np.stack(list(layer.statistics.values()))))
    in_a_run = stepwise and layer.state is not None
    draws = None
    if layer.draws is not None:
        seed, stream, offset = layer.draws
        draws = torch.tensor([seed, stream, 0 if layer.state is not None and not in_a_run else layer.step, offset])
    if layer.seed is not None:
        made._series = torch.tensor([layer.seed, layer.stream, layer.episode, layer.evaluations])
        following = torch.ops.qlif.next_run(made._series.clone(), False)
        if not in_a_run and draws is not None and torch.equal(draws, following):
            # The next run is one of the series like all others.
            draws = None
        elif in_a_run or draws is not None:
            made._series[2] += 1
    if in_a_run:
        assert layer.state is not None
        state = torch.from_numpy(np.stack([layer.state[variable.symbol] for variable in made._table.variables]))
        if draws is None:
            draws = made._start_draws(state.shape[1])
            draws[2] = layer.step
        spikes = torch.zeros((1, *state.shape[1:]), dtype=torch.bool)
        made._run_so_far = (state, spikes, None, draws)
        made._training_run = made._moves_statistics and layer.step > 0
    elif draws is not None:
        made._next_draws = draws
    return made


_LEARNABLE = {"threshold": "v_th", "tau": "tau", "eta": "eta", "qscale": "q_scale", "qbias": "q_bias"}
