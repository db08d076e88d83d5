# SPDX-License-Identifier: Apache-2.0
"""The operators that the layers are made of: in C++ (operator.cpp) where they can be compiled, else in Python, with the
same results.

qlif::run does all steps of a batch; its autograd calls qlif::run_backward. State is one tensor (S, B, N), in the order
of the model's variables; the tape is plain memory that PyTorch owns. draws is four int64 on the CPU: seed, stream,
first step, element offset. Both take a configuration as its text. dtype: of the spike values, of their gradient and of the
potentials on the tape; None: float32.

The environment variable QLIF_OPERATOR insists on one kind: cpp or python.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import threading
import warnings
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from .. import _library as native
from ..config import NeuronConfig, parse
from ..kernel import Kernel
from . import _build

# As operator.cpp has them.
_SCHEMAS = {
    "run": "(Tensor input, Tensor[] parameters, Tensor? modulation, Tensor? state, Tensor draws, Tensor? row_index, "
    "Tensor? uniforms, Tensor? normals, str config, int traces, bool record=False, ScalarType? dtype=None) -> (Tensor spikes, "
    "Tensor spike_values, Tensor voltages, Tensor state, Tensor traces, Tensor draws, Tensor tape)",
    "run_backward": "(Tensor? grad_spike_values, Tensor? grad_voltages, Tensor? grad_state, Tensor input, "
    "Tensor[] parameters, Tensor? modulation, Tensor? state, Tensor draws, Tensor? row_index, Tensor? uniforms, "
    "Tensor? normals, Tensor tape, str config, int wanted, ScalarType? dtype=None) -> Tensor[]",
    "linear": "(Tensor input, Tensor weight, Tensor? bias, SymInt rows=0) -> Tensor",
    "linear_backward": "(Tensor grad_output, Tensor input, Tensor weight, int wanted) -> Tensor[]",
    "start": "(Tensor after, Generator? generator=None) -> Tensor",
    "next_run": "(Tensor(a!) series, bool evaluation) -> Tensor",
    "batch_sums": "(Tensor values) -> Tensor",
    "fresh_state": "(Tensor fresh, SymInt rows) -> Tensor",
    "move_statistics": "(Tensor(a!) fresh, Tensor state, int first, int count) -> ()",
}

WANTED_INPUT = 1
WANTED_MODULATION = 2
WANTED_STATE = 4
WANTED_PARAMETERS = 8

# The types of 16 bits that an input may have, and its gradient then has, and spike values may have. All else is float32.
NARROW = (torch.float16, torch.bfloat16)
# The tape that has potentials of a type.
_RECORDS = {torch.float16: "voltage-fp16", torch.bfloat16: "voltage-bf16"}

LINEAR_INPUT = 1
LINEAR_WEIGHT = 2
LINEAR_BIAS = 4

_SECOND_DERIVATIVE = (
    "qlif: the gradient of a gradient was asked for, and QLIF has first derivatives only; leave out create_graph=True, "
    "or detach what it computed"
)

# The sums of docs/numerics.md: a value is a number of coarse units and, of what is left, a number of fine ones, so that a
# sum knows no order. One that is larger, or NaN, leaves no mean.
_COARSE = 2.0**-20
_FINE = 2.0**-60
_LARGEST = 2.0**18


class _Model(NamedTuple):
    config: NeuronConfig
    variables: int
    normals: bool


@functools.lru_cache(maxsize=256)
def _model(text: str) -> _Model:
    config = parse(text)
    return _Model(config, len(config._model().variables), config.draws_normals)


def _tape_bytes(model: _Model, shape: Sequence[Any], host: bool, dtype: Optional[torch.dtype]) -> Any:
    """The formula of operator.cpp, for extents that may be symbols."""
    steps, batch, neurons = shape
    elements = batch * neurons
    checkpoints = torch.sym_max((steps + native.SEGMENT - 1) // native.SEGMENT - 1, 0)
    # Of an element, in bytes.
    kept = (steps * (2 if dtype in NARROW else 4) if model.normals else 0) + 4 * checkpoints * model.variables
    if host:
        return (elements + 63) // 64 * (64 * kept + 8 * steps)
    return elements * (kept + 4 * ((steps + 31) // 32)) + 768


# ---------------------------------------------------------------- shapes of results, for tracing


def _fake_run(
    input, parameters, modulation, state, draws, row_index, uniforms, normals, config, traces, record=False, dtype=None
):
    model = _model(config)
    torch._check_value(input.dim() == 3, lambda: f"input: got the shape {tuple(input.shape)}, expected (T, B, N)")
    shape = list(input.shape)
    host = input.device.type == "cpu"
    return (
        input.new_empty(shape, dtype=torch.bool),
        input.new_empty(shape, dtype=dtype or torch.float32),
        input.new_empty(shape, dtype=torch.float32),
        input.new_empty([model.variables, *shape[1:]], dtype=torch.float32),
        input.new_empty([bin(traces).count("1"), *shape], dtype=torch.float32),
        torch.empty([4], dtype=torch.int64, device="cpu"),
        input.new_empty([_tape_bytes(model, shape, host, dtype) if record else 0], dtype=torch.uint8),
    )


def _fake_run_backward(
    grad_spike_values, grad_voltages, grad_state, input, parameters, modulation, state, draws, row_index, uniforms,
    normals, tape, config, wanted, dtype=None,
):  # fmt: skip

    def result(like, bit, kind=torch.float32):
        return input.new_empty(list(like.shape) if like is not None and wanted & bit else [0], dtype=kind)

    made = [result(input, WANTED_INPUT, input.dtype)]
    made += [result(parameter, WANTED_PARAMETERS << i) for i, parameter in enumerate(parameters)]
    return [*made, result(modulation, WANTED_MODULATION), result(state, WANTED_STATE)]


def _fake_linear(input, weight, bias, rows=0):
    return weight.new_empty([input.shape[0], rows if input.dtype is torch.int64 else input.shape[1], weight.shape[0]])


def _fake_linear_backward(grad_output, input, weight, wanted):
    outputs, inputs = weight.shape
    weights = weight.new_empty([inputs, outputs] if wanted & LINEAR_WEIGHT else [0])
    return [
        weight.new_empty(list(input.shape) if wanted & LINEAR_INPUT else [0]),
        weights.t() if wanted & LINEAR_WEIGHT else weights,
        weight.new_empty([outputs] if wanted & LINEAR_BIAS else [0]),
    ]


def _fake_start(after, generator=None):
    return torch.empty([4], dtype=torch.int64, device="cpu")


def _fake_next_run(series, evaluation):
    return torch.empty([4], dtype=torch.int64, device="cpu")


def _fake_batch_sums(values):
    return values.new_empty([values.shape[0], 3, values.shape[2]], dtype=torch.int64)


def _fake_fresh_state(fresh, rows):
    return fresh.new_empty([fresh.shape[0], rows, fresh.shape[1]])


def _fake_move_statistics(fresh, state, first, count):
    pass


# ---------------------------------------------------------------- the operators in Python


class _Kernels:
    """Idle kernels, with configuration, device and threads: one serves one call at a time. More than some are closed,
    those first that were used longest ago."""

    _KEPT = 64

    def __init__(self) -> None:
        self._idle: List[Tuple[Any, Kernel]] = []
        self._lock = threading.Lock()
        os.register_at_fork(
            before=self._lock.acquire, after_in_parent=self._lock.release, after_in_child=self._lock.release
        )

    def take(self, key: Tuple[str, str, Optional[int]]) -> Kernel:
        with self._lock:
            for i in reversed(range(len(self._idle))):
                if self._idle[i][0] == key:
                    return self._idle.pop(i)[1]
        return Kernel(_model(key[0]).config, key[1], key[2])

    def give(self, key: Tuple[str, str, Optional[int]], kernel: Kernel) -> None:
        with self._lock:
            self._idle.append((key, kernel))
            oldest = self._idle.pop(0)[1] if len(self._idle) > self._KEPT else None
        if oldest is not None:
            oldest.close()


_kernels = _Kernels()


def _stream_of(device: torch.device) -> int:
    """The stream that a call on this device goes to; 0 on the host."""
    return 0 if device.type == "cpu" else torch.cuda.current_stream(device).cuda_stream


class _Lease:
    """A kernel for a call on a tensor's device."""

    def __init__(self, config: str, input: Tensor):
        host = input.device.type == "cpu"
        threads = min(torch.get_num_threads(), 1024) if host else None
        self.key = (config, "cpu" if host else f"cuda:{input.device.index}", threads)
        self.stream = _stream_of(input.device)

    def __enter__(self) -> Kernel:
        self.kernel = _kernels.take(self.key)
        return self.kernel

    def __exit__(self, *_: Any) -> None:
        _kernels.give(self.key, self.kernel)


def _lent(tensor: Optional[Tensor]) -> Any:
    if tensor is None:
        return None
    return tensor.detach().contiguous()


def _require(name: str, tensor: Optional[Tensor], input: Tensor, dtype: torch.dtype = torch.float32) -> None:
    if tensor is None:
        return
    if tensor.layout is not torch.strided:
        raise ValueError(f"{name}: got a tensor of layout {tensor.layout}, expected a dense one")
    if tensor.device != input.device:
        raise ValueError(f"{name}: got a tensor on {tensor.device}, expected one on {input.device}, where the input is")
    if tensor.dtype is not dtype:
        raise ValueError(f"{name}: got {tensor.dtype}, expected {dtype}")


def _is_shared(state, input) -> bool:
    """Whether a state of one row starts all the rows of a run."""
    return state is not None and state.dim() == 3 and state.shape[1] == 1 and input.dim() == 3 and input.shape[1] != 1


def _arguments(model, input, parameters, modulation, state, draws, row_index, uniforms, normals) -> Dict[str, Any]:
    """A forward call's arguments for `Kernel.forward`."""
    _require("input", input, input, input.dtype if input.dtype in NARROW else torch.float32)
    table = model.config._model()
    if draws.device.type != "cpu" or draws.dtype is not torch.int64 or tuple(draws.shape) != (4,):
        raise ValueError(
            f"draws: got {draws.dtype} of shape {tuple(draws.shape)} on {draws.device}, expected 4 numbers of int64 on the CPU"
        )
    if len(parameters) != len(table.parameters):
        raise ValueError(f"parameters: got {len(parameters)}, expected {len(table.parameters)}")
    for parameter in parameters:
        _require("parameters", parameter, input)
    for name, tensor in (("modulation", modulation), ("state", state), ("uniforms", uniforms), ("normals", normals)):
        _require(name, tensor, input)
    _require("row_index", row_index, input, torch.int64)
    seed, stream, first_step, element_offset = draws.tolist()
    whole = (model.variables, *input.shape[1:])
    one = (model.variables, 1, *input.shape[2:])
    if state is not None and tuple(state.shape) not in (whole, one):
        raise ValueError(f"state: got the shape {tuple(state.shape)}, expected {whole}, or {one} for all rows")
    if _is_shared(state, input):
        state = state[:, 0]
    return {
        "input": _lent(input),
        "parameters": {symbol: _lent(each) for symbol, each in zip(table.parameters, parameters)},
        "modulation": _lent(modulation),
        "state": None if state is None else {v.symbol: _lent(state[i]) for i, v in enumerate(table.variables)},
        "seed": seed,
        "stream": stream % 2**32,
        "first_step": first_step,
        "element_offset": 0 if row_index is not None else element_offset,
        "row_index": _lent(row_index),
        "uniforms": _lent(uniforms),
        "normals": _lent(normals),
    }


def _require_type(dtype: Optional[torch.dtype]) -> None:
    if dtype not in (None, torch.float32, *NARROW):
        raise ValueError(f"dtype: got {dtype}, expected torch.float32, torch.float16 or torch.bfloat16")


def _kind_of_tape(model: _Model, dtype: Optional[torch.dtype]) -> Any:
    """What `Kernel` calls the tape of a run. Without noise there are no potentials on it."""
    return _RECORDS.get(dtype, True) if model.normals else True


def _run(
    input, parameters, modulation, state, draws, row_index, uniforms, normals, config, traces, record=False, dtype=None
):
    model = _model(config)
    table = model.config._model()
    arguments = _arguments(model, input, parameters, modulation, state, draws, row_index, uniforms, normals)
    if input.dim() != 3:
        raise ValueError(f"input: got the shape {tuple(input.shape)}, expected (T, B, N)")
    if not 0 <= traces < 1 << len(table.traces):
        raise ValueError(f"traces: got {traces}, expected bits of {len(table.traces)} traces")
    _require_type(dtype)
    kind = _kind_of_tape(model, dtype)
    results = _fake_run(
        input.detach(), parameters, modulation, state, draws, row_index, uniforms, normals, config, traces, record, dtype
    )
    spikes, values, voltages, last, traced, following, tape = results
    lease = _Lease(config, input)
    with lease as kernel:
        out = {"spikes": spikes, "spike_values": values, "voltages": voltages}
        out.update({f"state.{v.symbol}": last[i] for i, v in enumerate(table.variables)})
        names = [trace.symbol for i, trace in enumerate(table.traces) if traces >> i & 1]
        out.update({f"trace.{name}": traced[i] for i, name in enumerate(names)})
        if record:
            out["tape"] = tape[: kernel.tape_bytes(tuple(input.shape), kind)]
        kernel.forward(**arguments, traces=names, record=record and kind, out=out, cuda_stream=lease.stream)
    following.copy_(draws)
    following[2] += input.shape[0]
    return results


def _run_backward(
    grad_spike_values, grad_voltages, grad_state, input, parameters, modulation, state, draws, row_index, uniforms,
    normals, tape, config, wanted, dtype=None,
):  # fmt: skip
    model = _model(config)
    table = model.config._model()
    arguments = _arguments(model, input, parameters, modulation, state, draws, row_index, uniforms, normals)
    _require_type(dtype)
    kind = _kind_of_tape(model, dtype)
    _require("grad_spike_values", grad_spike_values, input, dtype or torch.float32)
    _require("grad_voltages", grad_voltages, input)
    _require("grad_state", grad_state, input)
    results = _fake_run_backward(
        grad_spike_values, grad_voltages, grad_state, input.detach(), parameters, modulation, state, draws, row_index,
        uniforms, normals, tape, config, wanted, dtype,
    )  # fmt: skip
    upstream = grad_spike_values
    if upstream is not None and upstream.shape == input.shape and input.shape[0] > 1 and not upstream.stride(0):
        # This is what the backward pass of a sum over the steps produces: the gradient of one step, which all share.
        upstream = upstream[0]
    lease = _Lease(config, input)
    with lease as kernel:
        run = kernel.recorded(
            **arguments,
            tape=tape[: kernel.tape_bytes(tuple(input.shape), kind)].detach().contiguous(),
            record=kind,
            cuda_stream=lease.stream,
        )
        # Everything is computed on the CPU; what is not wanted stays in an array that nobody sees.
        out = {"input": results[0]} if wanted & WANTED_INPUT else {}
        for i, symbol in enumerate(table.parameters):
            if wanted & WANTED_PARAMETERS << i:
                out[f"parameter.{symbol}"] = results[1 + i]
        if wanted & WANTED_MODULATION and modulation is not None:
            out["modulation"] = results[-2]
        if wanted & WANTED_STATE and state is not None:
            out.update({f"state.{v.symbol}": results[-1][i] for i, v in enumerate(table.variables)})
        kernel.backward(
            run,
            grad_spike_values=_lent(upstream),
            grad_voltages=_lent(grad_voltages),
            grad_state=(
                None if grad_state is None else {v.symbol: _lent(grad_state[i]) for i, v in enumerate(table.variables)}
            ),
            out=out,
            cuda_stream=lease.stream,
        )
    return results


def _start(after, generator=None):
    draws = torch.zeros(4, dtype=torch.int64)
    draws[:1].random_(-(2**63), None, generator=generator)
    return draws


_WORD = 0xFFFFFFFF


def layer_key(seed: int, stream: int) -> int:
    """The key of a layer's draws under a seed, both as numbers of their bits without a sign: words 0 and 1 of
    Philox4x32-10 at the counter (stream, "LAYR", "QLIF", 0). docs/numerics.md."""
    c0, c1, c2, c3 = stream & _WORD, 0x4C415952, 0x514C4946, 0
    k0, k1 = seed & _WORD, seed >> 32 & _WORD
    for _ in range(10):
        first, second = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = second >> 32 ^ c1 ^ k0, second & _WORD, first >> 32 ^ c3 ^ k1, first & _WORD
        k0, k1 = k0 + 0x9E3779B9 & _WORD, k1 + 0xBB67AE85 & _WORD
    return c0 | c1 << 32


def signed(number: int) -> int:
    """The number of 64 bits with a sign that has the bits of this one."""
    return (number + 2**63) % 2**64 - 2**63


def _next_run(series, evaluation):
    seed, stream, *indices = series.tolist()
    index = indices[evaluation]
    if not 0 <= index < 2**31 - 1:
        raise RuntimeError(
            f"series: got the index {index}, expected less than 2^31 - 1, the limit of a layer's draws"
        )
    series[2 + evaluation] += 1
    return torch.tensor([signed(layer_key(seed, stream)), -1 - index if evaluation else index, 0, 0])


def _batch_sums(values):
    if values.dim() != 3 or values.dtype is not torch.float32:
        raise ValueError(
            f"values: got {values.dtype} of shape {tuple(values.shape)}, expected float32 of shape (K, B, N)"
        )
    beyond = ~(values.detach().abs() <= _LARGEST)
    wide = values.detach().masked_fill(beyond, 0).double()
    units = (wide / _COARSE).round()
    rest = ((wide - units * _COARSE) / _FINE).round()
    return torch.stack([units.long().sum(1), rest.long().sum(1), beyond.long().sum(1)], 1)


def means_of(sums: Tensor, rows: Any) -> Tensor:
    """The means of so many rows whose sums, (K, 3, N), are these: (K, N)."""
    coarse, fine, beyond = sums.unbind(1)
    means = ((coarse.double() * _COARSE + fine.double() * _FINE) / rows).float()
    return means.masked_fill(beyond != 0, float("nan"))


def _fresh_state(fresh, rows):
    if fresh.dim() != 2 or rows < 0:
        raise ValueError(f"fresh: got the shape {tuple(fresh.shape)} for {rows} rows, expected (S, N)")
    return fresh.unsqueeze(1).repeat(1, rows, 1)


def _move_statistics(fresh, state, first, count):
    if fresh.dim() != 2 or state.dim() != 3 or fresh.shape != (state.shape[0], state.shape[2]):
        raise ValueError(
            f"state: got the shape {tuple(state.shape)}, expected (S, B, N) with a fresh one of {tuple(fresh.shape)}"
        )
    if state.shape[1] > 0:
        fresh[first : first + count] = means_of(_batch_sums(state[first : first + count]), state.shape[1])


class _Gradients(torch.autograd.Function):
    """The backward pass as an operation of the graph that create_graph=True makes; it has no derivative."""

    @staticmethod
    def forward(ctx, config, wanted, dtype, optional, parameters, *tensors):
        with torch._C._AutoDispatchBelowAutograd():
            given = [tensor if present else None for tensor, present in zip(tensors, optional)]
            return tuple(
                torch.ops.qlif.run_backward(
                    *given[:4], list(tensors[len(optional) :]), *given[4:], config, wanted, dtype
                )
            )

    @staticmethod
    def backward(ctx, *_):
        raise NotImplementedError(_SECOND_DERIVATIVE)


def _requires_grad(*tensors: Optional[Tensor]) -> bool:
    return torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors)


def _run_backward_autograd(
    grad_spike_values, grad_voltages, grad_state, input, parameters, modulation, state, draws, row_index, uniforms,
    normals, tape, config, wanted, dtype=None,
):  # fmt: skip
    if _requires_grad(grad_spike_values, grad_voltages, grad_state, input, *parameters, modulation, state):
        given = [
            grad_spike_values,
            grad_voltages,
            grad_state,
            input,
            modulation,
            state,
            draws,
            row_index,
            uniforms,
            normals,
            tape,
        ]
        filled = [draws if tensor is None else tensor for tensor in given]
        present = [tensor is not None for tensor in given]
        return list(_Gradients.apply(config, wanted, dtype, present, len(parameters), *filled, *parameters))
    with torch._C._AutoDispatchBelowAutograd():
        return torch.ops.qlif.run_backward(
            grad_spike_values, grad_voltages, grad_state, input, parameters, modulation, state, draws, row_index,
            uniforms, normals, tape, config, wanted, dtype,
        )  # fmt: skip


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(ctx, config, traces, dtype, input, modulation, state, draws, row_index, uniforms, normals, *parameters):
        with torch._C._AutoDispatchBelowAutograd():
            results = torch.ops.qlif.run(
                input, list(parameters), modulation, state, draws, row_index, uniforms, normals, config, traces, True, dtype
            )
        spikes, values, voltages, last, traced, following, tape = results
        ctx.save_for_backward(input, modulation, state, draws, row_index, uniforms, normals, tape, *parameters)
        ctx.config = config
        ctx.dtype = dtype
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(spikes, traced, following, tape)
        return tuple(results)

    @staticmethod
    def backward(ctx, *grads):
        input, modulation, state, draws, row_index, uniforms, normals, tape, *parameters = ctx.saved_tensors
        _require_no_tangent(*grads[1:4])
        nothing = [None] * (10 + len(parameters))
        if all(grad is None for grad in grads[1:4]):
            return tuple(nothing)
        need = ctx.needs_input_grad
        wanted = WANTED_INPUT * need[3] | WANTED_MODULATION * need[4] | WANTED_STATE * need[5]
        for i in range(len(parameters)):
            wanted |= (WANTED_PARAMETERS << i) * need[10 + i]
        made = torch.ops.qlif.run_backward(
            *grads[1:4],
            input,
            parameters,
            modulation,
            state,
            draws,
            row_index,
            uniforms,
            normals,
            tape,
            ctx.config,
            wanted,
            ctx.dtype,
        )
        nothing[3] = made[0] if need[3] else None
        nothing[4] = made[-2] if need[4] else None
        nothing[5] = made[-1] if need[5] else None
        nothing[10:] = [grad if needed else None for grad, needed in zip(made[1:], need[10:])]
        return tuple(nothing)


def _require_no_tangent(*tensors: Optional[Tensor]) -> None:
    if torch.autograd.forward_ad._current_level < 0:
        return
    for tensor in tensors:
        if tensor is not None and torch.autograd.forward_ad.unpack_dual(tensor).tangent is not None:
            raise NotImplementedError(
                "qlif: a forward-mode derivative was asked for, and QLIF has reverse mode only: use backward()"
            )


def _run_autograd(
    input, parameters, modulation, state, draws, row_index, uniforms, normals, config, traces, record=False, dtype=None
):
    _require_no_tangent(input, *parameters, modulation, state)
    if _is_shared(state, input) and _requires_grad(state):
        raise ValueError(
            "state: got a shared state that requires a gradient, expected (S, B, N), or one that requires none"
        )
    if _requires_grad(input, *parameters, modulation, state):
        return _Run.apply(
            config, traces, dtype, input, modulation, state, draws, row_index, uniforms, normals, *parameters
        )
    with torch._C._AutoDispatchBelowAutograd():
        return torch.ops.qlif.run(
            input, parameters, modulation, state, draws, row_index, uniforms, normals, config, traces, record, dtype
        )


class _Linears:
    """Idle linear layers by device and number of threads, as those of kernels."""

    def __init__(self) -> None:
        self._idle: Dict[Tuple[int, int], List[Any]] = {}
        self._lock = threading.Lock()
        os.register_at_fork(
            before=self._lock.acquire, after_in_parent=self._lock.release, after_in_child=self._lock.release
        )

    @contextlib.contextmanager
    def lease(self, device: torch.device) -> Iterator[Any]:
        host = device.type == "cpu"
        number, threads = (native.HOST, min(torch.get_num_threads(), 1024)) if host else (device.index, 1)
        with self._lock:
            idle = self._idle.setdefault((number, threads), [])
            handle = idle.pop() if idle else None
        if handle is None:
            handle = ctypes.c_void_p()
            options = native.sized(native.KernelOptions, threads=threads)
            native.library().call("qlif_linear_open", number, ctypes.byref(options), ctypes.byref(handle))
        try:
            yield handle
        finally:
            with self._lock:
                idle.append(handle)


_linears = _Linears()


_INPUTS = {
    torch.float32: native.INPUT_F32,
    torch.bool: native.INPUT_U8,
    torch.uint8: native.INPUT_U8,
    torch.int64: native.INPUT_BIT,
}


def _product(input: Tensor, weight: Tensor, rows: int) -> Tuple[Any, List[Tensor]]:
    """What a product reads, and the tensors that it is in; rows: of an input of bits."""
    if input.layout is not torch.strided or input.dtype not in _INPUTS:
        raise ValueError(
            f"input: got {input.dtype} of layout {input.layout}, expected dense float32, bool or uint8, or bits in words of int64"
        )
    bits = input.dtype is torch.int64
    if input.dim() != (2 if bits else 3):
        raise ValueError(f"input: got the shape {tuple(input.shape)}, expected {'(T, words)' if bits else '(T, B, K)'}")
    _require("weight", weight, input)
    if weight.dim() != 2 or not bits and weight.shape[1] != input.shape[2]:
        raise ValueError(
            f"weight: got the shape {tuple(weight.shape)}, expected (M, {'K' if bits else input.shape[2]})"
        )
    words = (rows * weight.shape[1] + 63) // 64
    if bits and (rows < 0 or input.shape[1] != words):
        raise ValueError(
            f"input: got the shape {tuple(input.shape)}, expected {words} words a step, the bits of {rows} rows of {weight.shape[1]}"
        )
    kept = [_lent(input), _lent(weight.t())]
    args = native.sized(
        native.LinearForwardArgs,
        input_type=_INPUTS[input.dtype],
        steps=input.shape[0],
        batch=rows if bits else input.shape[1],
        inputs=weight.shape[1],
        outputs=weight.shape[0],
        input=_pointer(kept[0]),
        weights=_pointer(kept[1]),
    )
    return args, kept


_nothing = torch.zeros(16, dtype=torch.uint8)


def _pointer(tensor: Tensor) -> int:
    """Where a tensor's values are; never null, even where there are none."""
    return tensor.data_ptr() if tensor.numel() else _nothing.data_ptr()


def _linear(input, weight, bias, rows=0):
    args, kept = _product(input, weight, rows)
    if bias is not None:
        _require("bias", bias, input)
        if tuple(bias.shape) != (weight.shape[0],):
            raise ValueError(f"bias: got the shape {tuple(bias.shape)}, expected ({weight.shape[0]},)")
        kept.append(_lent(bias))
        args.bias = _pointer(kept[-1])
    output = _fake_linear(input, weight.detach(), bias, rows)
    args.output = _pointer(output)
    with _linears.lease(input.device) as handle:
        native.library().call("qlif_linear_forward", handle, ctypes.byref(args), _stream_of(input.device))
    return output


def _linear_backward(grad_output, input, weight, wanted):
    if grad_output.dim() != 3:
        raise ValueError(f"grad_output: got the shape {tuple(grad_output.shape)}, expected (T, B, M)")
    forward, kept = _product(input, weight, grad_output.shape[1])
    if input.dtype is torch.int64 and wanted & LINEAR_INPUT:
        raise ValueError("wanted: got the gradient of bits, which have none")
    _require("grad_output", grad_output, input)
    expected = (forward.steps, forward.batch, forward.outputs)
    if tuple(grad_output.shape) != expected:
        raise ValueError(f"grad_output: got the shape {tuple(grad_output.shape)}, expected {expected}")
    kept.append(_lent(grad_output))
    results = _fake_linear_backward(grad_output, input, weight.detach(), wanted)
    args = native.sized(native.LinearBackwardArgs, forward=ctypes.pointer(forward), grad_output=_pointer(kept[-1]))
    args.grad_input = _pointer(results[0]) if wanted & LINEAR_INPUT else None
    args.grad_weights = _pointer(results[1]) if wanted & LINEAR_WEIGHT else None
    args.grad_bias = _pointer(results[2]) if wanted & LINEAR_BIAS else None
    with _linears.lease(input.device) as handle:
        native.library().call("qlif_linear_backward", handle, ctypes.byref(args), _stream_of(input.device))
    return results


class _LinearGradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx, wanted, grad_output, input, weight):
        with torch._C._AutoDispatchBelowAutograd():
            return tuple(torch.ops.qlif.linear_backward(grad_output, input, weight, wanted))

    @staticmethod
    def backward(ctx, *_):
        raise NotImplementedError(_SECOND_DERIVATIVE)


def _linear_backward_autograd(grad_output, input, weight, wanted):
    if _requires_grad(grad_output, input, weight):
        return list(_LinearGradients.apply(wanted, grad_output, input, weight))
    with torch._C._AutoDispatchBelowAutograd():
        return torch.ops.qlif.linear_backward(grad_output, input, weight, wanted)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input, weight, bias, rows):
        ctx.save_for_backward(input, weight)
        with torch._C._AutoDispatchBelowAutograd():
            return torch.ops.qlif.linear(input, weight, bias, rows)

    @staticmethod
    def backward(ctx, grad):
        _require_no_tangent(grad)
        input, weight = ctx.saved_tensors
        need = ctx.needs_input_grad
        wanted = LINEAR_INPUT * need[0] | LINEAR_WEIGHT * need[1] | LINEAR_BIAS * need[2]
        made = torch.ops.qlif.linear_backward(grad, input, weight, wanted)
        return (*(result if needed else None for result, needed in zip(made, need)), None)


def _linear_autograd(input, weight, bias, rows=0):
    _require_no_tangent(input, weight, bias)
    if _requires_grad(input, weight, bias):
        return _Linear.apply(input, weight, bias, rows)
    with torch._C._AutoDispatchBelowAutograd():
        return torch.ops.qlif.linear(input, weight, bias, rows)


# ---------------------------------------------------------------- loading

_python_library: Optional[torch.library.Library] = None


def _define_in_python() -> None:
    global _python_library
    library = torch.library.Library("qlif", "DEF")
    for name, schema in _SCHEMAS.items():
        tags = (torch.Tag.nondeterministic_seeded,) if name == "start" else ()
        library.define(name + schema, tags=tags)
    kernels = {
        "run": _run,
        "run_backward": _run_backward,
        "linear": _linear,
        "linear_backward": _linear_backward,
        "batch_sums": _batch_sums,
        "fresh_state": _fresh_state,
        "move_statistics": _move_statistics,
    }
    for key in ("CPU", "CUDA"):
        for name, kernel in kernels.items():
            library.impl(name, kernel, key)
    library.impl("linear", _linear_autograd, "Autograd")
    library.impl("linear_backward", _linear_backward_autograd, "Autograd")
    library.impl("run", _run_autograd, "Autograd")
    library.impl("run_backward", _run_backward_autograd, "Autograd")
    library.impl("start", _start, "CompositeExplicitAutograd")
    library.impl("next_run", _next_run, "CompositeExplicitAutograd")
    _python_library = library


def _load() -> str:
    wish = os.environ.get("QLIF_OPERATOR", "")
    if wish not in ("", "cpp", "python"):
        raise ImportError(f"QLIF_OPERATOR: got '{wish}', expected 'cpp', 'python' or nothing")
    kind = "python"
    if wish != "python":
        try:
            _build.load()
            kind = "cpp"
        except _build.BuildError as absent:
            if wish == "cpp":
                raise ImportError(f"qlif.torch: the C++ operators are not available: {absent}") from absent
            warnings.warn(
                f"qlif.torch: falling back to operators in Python, which add about 100 microseconds per call: {absent}",
                RuntimeWarning,
                stacklevel=2,
            )
    if kind == "python":
        _define_in_python()
    for name, fake in (
        ("run", _fake_run),
        ("run_backward", _fake_run_backward),
        ("linear", _fake_linear),
        ("linear_backward", _fake_linear_backward),
        ("start", _fake_start),
        ("next_run", _fake_next_run),
        ("batch_sums", _fake_batch_sums),
        ("fresh_state", _fake_fresh_state),
        ("move_statistics", _fake_move_statistics),
    ):
        torch.library.register_fake(f"qlif::{name}", fake)
    return kind


# What the operators are written in: "cpp" or "python".
KIND = _load()
