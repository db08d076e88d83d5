# SPDX-License-Identifier: Apache-2.0
"""Kernels: all time steps of a batch in one call, forward or backward, on arrays of any library with DLPack."""

from __future__ import annotations

import ctypes
import inspect
import threading
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import _library as native
from .arrays import (
    Array,
    Device,
    aligned_bytes,
    lent,
    lent_numbers,
    new,
    on_host,
    require_apart,
    written,
    written_numbers,
)
from .config import NeuronConfig

# What a tape keeps, and the type of its potentials.
_TAPES = {
    "voltage": (native.TAPE_VOLTAGE, native.TYPE_F32),
    "voltage-fp16": (native.TAPE_VOLTAGE, native.TYPE_F16),
    "voltage-bf16": (native.TAPE_VOLTAGE, native.TYPE_BF16),
    "compact": (native.TAPE_COMPACT, native.TYPE_F32),
}


@dataclass(frozen=True)
class Forward:
    """The results of a forward call: NumPy arrays, or those passed as `out`; None if not requested.

    spikes: (T, B, N), 0 or 1, uint8. spike_values: y, (T, B, N). voltages: V after the reset, (T, B, N). state: the
    state after the last step, (B, N) by symbol, such as "v". traces: (T, B, N) by symbol. tape: the memory of the tape,
    if the call recorded one. `Kernel.backward` takes this object, and reads the call's inputs again.
    """

    spikes: Any
    spike_values: Any
    voltages: Any
    state: Optional[Dict[str, Any]]
    traces: Dict[str, Any]
    tape: Any
    _call: Any = field(repr=False, default=None)


@dataclass(frozen=True)
class Gradients:
    """The results of a backward call; None if not requested.

    input: (T, B, N). parameters: by symbol, in the shape of each parameter. modulation: in the modulation's shape.
    state: of the initial state, (B, N) by symbol; None if all rows started from the same one.
    """

    input: Any
    parameters: Dict[str, Any]
    modulation: Any
    state: Optional[Dict[str, Any]]


@dataclass
class _Call:
    """A forward call's arguments, for its backward call."""

    args: native.ForwardArgs
    reads: List[Tuple[str, Optional[Array]]]  # what keeps them alive
    shape: Tuple[int, ...]
    parameter_shapes: Dict[str, Tuple[int, ...]]
    modulation_shape: Optional[Tuple[int, ...]]
    tape: Optional[Array] = None
    tape_kind: Tuple[int, int] = _TAPES["voltage"]


class Kernel:
    """A kernel for a configuration on a device: "cpu" or "cuda:N".

    It serves one call at a time; a concurrent call raises RuntimeError. Results depend neither on the device nor on
    the number of threads.

        >>> with qlif.Kernel(qlif.QlifConfig()) as kernel:
        ...     run = kernel.forward(current, seed=42, record=True)              # (T, B, N), float32
        ...     gradients = kernel.backward(run, grad_spike_values=upstream)     # (T, B, N), or (B, N) for all steps

    threads: how many share a call on the CPU, 1 to 1024; None: one for each processor that the process may
    use. Raises ValueError for bad arguments, and qlif.UnavailableError if the device can't run.
    """

    def __init__(self, config: NeuronConfig, device: str = "cpu", threads: Optional[int] = None):
        if not isinstance(config, NeuronConfig):
            raise TypeError(f"config: got {type(config).__name__}, expected a QlifConfig or a LifConfig")
        if threads is not None and (
            isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 1024
        ):
            raise ValueError(f"threads: got {threads!r}, expected 1 to 1024, or None for one for each processor")
        self.config = config
        self.device = Device.of(device)
        self._library = native.library()
        self._model = config._model()
        self._handle = ctypes.c_void_p()
        options = native.sized(native.KernelOptions, threads=threads or 0)
        self._library.call(
            "qlif_kernel_open", self.device.number, config._address, ctypes.byref(options), ctypes.byref(self._handle)
        )

    def close(self) -> None:
        """Frees the kernel. Closing twice is harmless; later calls raise ValueError."""
        handle, self._handle = self._handle, ctypes.c_void_p()
        if handle:
            self._library.call("qlif_kernel_close", handle)

    def __enter__(self) -> "Kernel":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        try:
            self.close()
        except Exception:  # the interpreter may be ending, and nobody could catch it
            pass

    def __repr__(self) -> str:
        return f"<Kernel {self.config} on {self.device}{'' if self._handle else ', closed'}>"

    @property
    def description(self) -> str:
        """A description of what runs the calls, for people to read."""
        text = ctypes.create_string_buffer(512)
        self._library.call("qlif_kernel_describe", self._open(), text, len(text))
        return text.value.decode("utf-8", "replace")

    def _open(self) -> ctypes.c_void_p:
        if not self._handle:
            raise ValueError("kernel: got a closed one, expected an open one")
        return self._handle

    # ------------------------------------------------------------ forward

    def forward(
        self,
        input: Any,
        *,
        traces: Sequence[str] = (),
        record: Union[bool, str] = False,
        out: Optional[Mapping[str, Any]] = None,
        cuda_stream: int = 0,
        **reads: Any,
    ) -> Forward:
        """Runs all steps of input, (T, B, N).

        parameters: by symbol, such as "v_th", one value or (N) each; by default those of the configuration.
        modulation: broadcasts to (T, B, N). state: the initial state by symbol, (B, N) each, or (N) each if all rows
        start from the same; a missing variable starts at its initial value. seed, stream, first_step, element_offset,
        row_index ((B), 64-bit integers): determine the draws, docs/model.md, section 8; uniforms ((T, B, N), for
        MULTI_QUBIT (T, W, B, N)) and normals ((T, B, N)) replace them. traces: symbols such as "p". record: False, or
        what a tape for the backward pass keeps: "voltage" (True), 4 bytes and a bit per neuron-step; "voltage-bf16" or
        "voltage-fp16", 2 bytes and a bit, which rounds the potentials that the backward pass uses; or "compact", a bit.
        out: arrays that the call writes to, by name: spikes, spike_values, voltages, tape (bytes), "trace." or "state."
        and a symbol. On the CPU, missing ones are new NumPy arrays; on a GPU, they are not written. cuda_stream: the
        address of the CUDA stream to run on; the call returns at once, and the arrays must live until the work is done.

        Contiguous float32 arrays are read and written in place; on the CPU others are copied once. The input, and the
        array for "spike_values", may also be float16 or bfloat16, in place too; everything is computed in float32.
        Nothing is written when ValueError is raised.
        """
        handle = self._open()
        call = self._call(input, cuda_stream, **reads)
        args, shape = call.args, call.shape
        writes: List[Tuple[str, Optional[Array]]] = []
        outputs = _Outputs(self.device, out or {}, writes, cuda_stream)
        spikes = outputs.get("spikes", shape, np.uint8)
        values = outputs.numbers("spike_values", shape)
        voltages = outputs.get("voltages", shape, np.float32)
        args.spikes_u8, args.spike_values, args.voltages = (_address(a) for a in (spikes, values, voltages))
        args.spike_value_type = _type(values)
        traced = {}
        symbols = [trace.symbol for trace in self._model.traces]
        for symbol in traces:
            if symbol not in symbols:
                raise ValueError(f"traces: got {symbol!r}, expected some of {', '.join(symbols)}")
            traced[symbol] = outputs.get(f"trace.{symbol}", shape, np.float32)
            args.traces[symbols.index(symbol)] = _address(traced[symbol])
        final = {}
        variables = [variable.symbol for variable in self._model.variables]
        if self.device.is_host or any(f"state.{symbol}" in (out or {}) for symbol in variables):
            for i, symbol in enumerate(variables):
                final[symbol] = outputs.get(f"state.{symbol}", shape[1:], np.float32)
                if final[symbol] is None:
                    raise ValueError(f"out: got no 'state.{symbol}', expected all of the state or none of it")
                args.final_state[i] = _address(final[symbol])

        call.tape_kind = self._tape_kind(record)
        if record:
            call.tape = outputs.bytes("tape", self._tape_bytes(call.tape_kind, shape))
        outputs.require_used()
        require_apart(call.reads, writes)
        handle_of_tape = self._tape(call.tape_kind, shape, call.tape, False) if record else None
        try:
            args.tape = handle_of_tape
            self._library.call("qlif_forward", handle, ctypes.byref(args), cuda_stream)
        finally:
            args.tape = None
            self._close_tape(handle_of_tape)
        return Forward(
            _owner(spikes),
            _owner(values),
            _owner(voltages),
            {symbol: _owner(array) for symbol, array in final.items()} or None,
            {symbol: _owner(array) for symbol, array in traced.items()},
            _owner(call.tape),
            call if record else None,
        )

    def recorded(
        self, input: Any, *, tape: Any, record: Union[bool, str] = True, cuda_stream: int = 0, **reads: Any
    ) -> Forward:
        """A forward call that was made before, of the arguments that it had and the memory of its tape, wherever that
        has been since: for `backward`. Its results are None."""
        call = self._call(input, cuda_stream, **reads)
        call.tape_kind = self._tape_kind(record)
        bytes_of_tape = self._tape_bytes(call.tape_kind, call.shape)
        memory = lent("tape", tape, self.device, np.uint8, cuda_stream)
        if memory.shape != (bytes_of_tape,) or memory.bytes and memory.address % native.ALIGNMENT:
            raise ValueError(
                f"tape: got the shape {memory.shape}, expected {bytes_of_tape} bytes aligned to {native.ALIGNMENT}"
            )
        call.tape = memory
        return Forward(None, None, None, None, {}, tape, call)

    def _call(
        self,
        input: Any,
        cuda_stream: int,
        *,
        parameters: Optional[Mapping[str, Any]] = None,
        modulation: Any = None,
        state: Optional[Mapping[str, Any]] = None,
        seed: int = 0,
        stream: int = 0,
        first_step: int = 0,
        element_offset: int = 0,
        row_index: Any = None,
        uniforms: Any = None,
        normals: Any = None,
    ) -> _Call:
        """What a forward call reads."""
        device = self.device
        run = lent_numbers("input", input, device, cuda_stream)
        if len(run.shape) != 3:
            raise ValueError(f"input: got the shape {run.shape}, expected (T, B, N)")
        steps, batch, neurons = run.shape
        _require_integer("seed", seed, -(2**63), 2**64)
        _require_integer("stream", stream, 0, 2**32)
        _require_integer("first_step", first_step, 0, 2**33 + 1)
        _require_integer("element_offset", element_offset, 0, 2**63)
        args = native.sized(
            native.ForwardArgs,
            steps=steps,
            batch=batch,
            neurons=neurons,
            first_step=first_step,
            seed=seed % 2**64,
            element_offset=element_offset,
            stream=stream,
            input=run.address,
            input_type=run.type,
        )
        reads: List[Tuple[str, Optional[Array]]] = [("input", run)]
        parameter_shapes = self._lend_parameters(args, parameters or {}, neurons, reads, cuda_stream)
        modulation_shape = self._lend_modulation(args, modulation, run.shape, reads, cuda_stream)
        self._lend_draws(args, row_index, uniforms, normals, run.shape, reads, cuda_stream)
        if state is not None:
            args.initial_state_shared = int(any(len(np.shape(array)) == 1 for array in state.values()))
            extents = (neurons,) if args.initial_state_shared else (batch, neurons)
            for i, array in enumerate(self._states("state", state, extents, True, reads, cuda_stream)):
                args.initial_state[i] = array.address
        return _Call(args, reads, run.shape, parameter_shapes, modulation_shape)

    def _lend_parameters(self, args, given, neurons, reads, stream) -> Dict[str, Tuple[int, ...]]:
        unknown = [name for name in given if name not in self._model.parameters]
        if unknown:
            raise ValueError(f"parameters: got {unknown[0]!r}, expected some of {', '.join(self._model.parameters)}")
        shapes = {}
        for i, symbol in enumerate(self._model.parameters):
            name = f"parameters.{symbol}"
            value = given.get(symbol)
            if value is None:
                if not self.device.is_host:
                    raise ValueError(f"{name}: got nothing, expected an array of {self.device}")
                value = np.float32(self.config.parameter_default(symbol))
            array = lent(name, value, self.device, np.float32, stream)
            if array.shape not in ((neurons,), (1,), ()):
                raise ValueError(f"{name}: got the shape {array.shape}, expected ({neurons},), (1,) or ()")
            if array.shape == (neurons,) and neurons != 1:
                args.per_neuron_parameters |= 1 << i
            args.parameters[i] = array.address
            shapes[symbol] = array.shape
            reads.append((name, array))
        return shapes

    def _lend_modulation(self, args, modulation, shape, reads, stream) -> Optional[Tuple[int, ...]]:
        if modulation is None:
            return None
        if not self._model.takes_modulation:
            raise ValueError(f"modulation: got an array, expected none: {self._model.name} takes no modulation")
        array = lent("modulation", modulation, self.device, np.float32, stream)
        extents = array.shape
        if len(extents) > 3 or any(a not in (1, b) for a, b in zip(reversed(extents), reversed(shape))):
            raise ValueError(f"modulation: got the shape {extents}, expected one that broadcasts to {shape}")
        padded = (1,) * (3 - len(extents)) + extents
        strides = (padded[1] * padded[2], padded[2], 1)
        t, b, n = (0 if extent == 1 else stride for extent, stride in zip(padded, strides))
        args.modulation = native.Broadcast(array.address, t, b, n)
        reads.append(("modulation", array))
        return extents

    def _lend_draws(self, args, row_index, uniforms, normals, shape, reads, stream) -> None:
        steps, batch, neurons = shape
        if row_index is not None:
            rows = row_index
            if self.device.is_host:
                rows = on_host("row_index", row_index)
                if rows.dtype.kind not in "iu":
                    raise ValueError(f"row_index: got {rows.dtype}, expected integers")
                rows = rows.astype(np.uint64)
            array = lent("row_index", rows, self.device, np.uint64, stream)
            if array.shape != (batch,):
                raise ValueError(f"row_index: got the shape {array.shape}, expected ({batch},)")
            args.row_index = array.address
            reads.append(("row_index", array))
        if uniforms is not None:
            wires = self.config.uniforms_per_step
            if wires == 0:
                raise ValueError("uniforms: got an array, expected none: this configuration draws none")
            array = lent("uniforms", uniforms, self.device, np.float32, stream)
            expected = (steps, wires, batch, neurons)
            if array.shape != expected and not (wires == 1 and array.shape == shape):
                raise ValueError(f"uniforms: got the shape {array.shape}, expected {shape if wires == 1 else expected}")
            args.uniforms = array.address
            reads.append(("uniforms", array))
        if normals is not None:
            if not self.config.draws_normals:
                raise ValueError("normals: got an array, expected none: this configuration draws none")
            array = lent("normals", normals, self.device, np.float32, stream)
            if array.shape != shape:
                raise ValueError(f"normals: got the shape {array.shape}, expected {shape}")
            args.normals = array.address
            reads.append(("normals", array))

    def _states(self, name, given, shape, initial, reads, stream) -> List[Array]:
        symbols = [variable.symbol for variable in self._model.variables]
        unknown = [symbol for symbol in given if symbol not in symbols]
        if unknown:
            raise ValueError(f"{name}: got {unknown[0]!r}, expected some of {', '.join(symbols)}")
        arrays = []
        for variable in self._model.variables:
            value = given.get(variable.symbol)
            if value is None:
                if not self.device.is_host:
                    raise ValueError(f"{name}.{variable.symbol}: got nothing, expected an array of {self.device}")
                value = np.full(shape, variable.initial_value if initial else 0, np.float32)
            array = lent(f"{name}.{variable.symbol}", value, self.device, np.float32, stream)
            if array.shape != shape:
                raise ValueError(f"{name}.{variable.symbol}: got the shape {array.shape}, expected {shape}")
            arrays.append(array)
            reads.append((f"{name}.{variable.symbol}", array))
        return arrays

    # ------------------------------------------------------------ backward

    def backward(
        self,
        run: Forward,
        *,
        grad_spike_values: Any = None,
        grad_voltages: Any = None,
        grad_state: Optional[Mapping[str, Any]] = None,
        out: Optional[Mapping[str, Any]] = None,
        cuda_stream: int = 0,
    ) -> Gradients:
        """The gradients of a run recorded by this kernel or by one with an equal configuration.

        grad_spike_values: (T, B, N), or (B, N) for all steps. grad_voltages: (T, B, N). grad_state: of the state after
        the run, (B, N) by symbol. Missing ones are 0. grad_spike_values, and the array for "input", may be float16 or
        bfloat16. out: as for `forward`: input, modulation, "parameter." or "state." and a symbol. The arrays that the
        forward call read must not have changed since.
        """
        handle = self._open()
        call = run._call if isinstance(run, Forward) else None
        if call is None:
            raise ValueError("run: got one without a tape, expected a Forward of forward(..., record=True)")
        device = self.device
        shape = call.shape
        steps, batch, neurons = shape
        args = native.sized(native.BackwardArgs, forward=ctypes.pointer(call.args))
        reads = list(call.reads)
        reads.append(("tape", call.tape))
        writes: List[Tuple[str, Optional[Array]]] = []
        outputs = _Outputs(device, out or {}, writes, cuda_stream)
        if grad_spike_values is not None:
            array = lent_numbers("grad_spike_values", grad_spike_values, device, cuda_stream)
            if array.shape not in (shape, shape[1:]):
                raise ValueError(f"grad_spike_values: got the shape {array.shape}, expected {shape} or {shape[1:]}")
            args.grad_spike_values = array.address
            args.grad_type = array.type
            args.grad_spike_values_shared = int(len(array.shape) == 2)
            reads.append(("grad_spike_values", array))
        if grad_voltages is not None:
            array = lent("grad_voltages", grad_voltages, device, np.float32, cuda_stream)
            if array.shape != shape:
                raise ValueError(f"grad_voltages: got the shape {array.shape}, expected {shape}")
            args.grad_voltages = array.address
            reads.append(("grad_voltages", array))
        if grad_state is not None:
            for i, array in enumerate(self._states("grad_state", grad_state, shape[1:], False, reads, cuda_stream)):
                args.grad_final_state[i] = array.address
        grad_input = outputs.numbers("input", shape)
        args.grad_input = _address(grad_input)
        args.grad_input_type = _type(grad_input)
        grad_parameters = {}
        for i, (symbol, extents) in enumerate(call.parameter_shapes.items()):
            grad_parameters[symbol] = outputs.get(f"parameter.{symbol}", extents, np.float32)
            args.grad_parameters[i] = _address(grad_parameters[symbol])
        grad_modulation = None
        if call.modulation_shape is not None:
            grad_modulation = outputs.get("modulation", call.modulation_shape, np.float32)
            args.grad_modulation = _address(grad_modulation)
        initial = {}
        variables = [variable.symbol for variable in self._model.variables]
        wanted = any(f"state.{symbol}" in (out or {}) for symbol in variables)
        if wanted or (device.is_host and not call.args.initial_state_shared):
            for i, symbol in enumerate(variables):
                initial[symbol] = outputs.get(f"state.{symbol}", shape[1:], np.float32)
                if initial[symbol] is None:
                    raise ValueError(f"out: got no 'state.{symbol}', expected all of the state or none of it")
                args.grad_initial_state[i] = _address(initial[symbol])
        outputs.require_used()
        require_apart(reads, writes)
        tape = self._tape(call.tape_kind, shape, call.tape, True)
        try:
            call.args.tape = tape
            self._library.call("qlif_backward", handle, ctypes.byref(args), cuda_stream)
        finally:
            call.args.tape = None
            self._close_tape(tape)
        return Gradients(
            _owner(grad_input),
            {symbol: _owner(array) for symbol, array in grad_parameters.items()},
            _owner(grad_modulation),
            {symbol: _owner(array) for symbol, array in initial.items()} or None,
        )

    # ------------------------------------------------------------ draws

    def draw(
        self,
        shape: Sequence[int],
        *,
        seed: int = 0,
        stream: int = 0,
        first_step: int = 0,
        element_offset: int = 0,
        row_index: Any = None,
        wires: int = 1,
    ) -> Tuple[np.ndarray, np.ndarray]:
        """The uniforms, (T, B, N) or (T, W, B, N), and the normals, (T, B, N), that a run of this shape would draw, on
        the CPU."""
        if not self.device.is_host:
            raise ValueError(f"device: got {self.device}, expected a kernel on the CPU; the draws are the same")
        steps, batch, neurons = (_require_integer("shape", extent, 0, 2**63) for extent in shape)
        _require_integer("wires", wires, 1, 65)
        _require_integer("seed", seed, -(2**63), 2**64)
        _require_integer("stream", stream, 0, 2**32)
        uniforms = new((steps, wires, batch, neurons), np.float32)
        normals = new((steps, batch, neurons), np.float32)
        rows = None
        if row_index is not None:
            rows = np.ascontiguousarray(on_host("row_index", row_index).astype(np.uint64))
            if rows.shape != (batch,):
                raise ValueError(f"row_index: got the shape {rows.shape}, expected ({batch},)")
        args = native.sized(
            native.DrawArgs,
            stream=stream,
            seed=seed % 2**64,
            element_offset=element_offset,
            first_step=first_step,
            steps=steps,
            wires=wires,
            elements=batch * neurons,
            neurons=neurons,
            row_index=None if rows is None else rows.ctypes.data,
            uniforms=uniforms.ctypes.data,
            normals=normals.ctypes.data,
        )
        self._library.call("qlif_draw", self._open(), ctypes.byref(args), None)
        return (uniforms[:, 0] if wires == 1 else uniforms), normals

    # ------------------------------------------------------------ tapes

    def _tape_kind(self, record: Union[bool, str]) -> Tuple[int, int]:
        if record not in (False, True, *_TAPES):
            names = ", ".join(map(repr, list(_TAPES)[:-1]))
            raise ValueError(f"record: got {record!r}, expected False, True, {names} or {list(_TAPES)[-1]!r}")
        # Without noise a step done again finds its potential; keeping it would only cost memory.
        if not self.config.draws_normals:
            return _TAPES["compact"]
        return _TAPES[record if isinstance(record, str) else "voltage"]

    def _tape_bytes(self, kind: Tuple[int, int], shape: Tuple[int, ...]) -> int:
        size = ctypes.c_uint64()
        self._library.call("qlif_tape_bytes_for", self._open(), *kind, *shape, ctypes.byref(size))
        return size.value

    def tape_bytes(self, shape: Sequence[int], record: Union[bool, str] = True) -> int:
        """How many bytes the tape of a run of this shape takes: what to lend as out["tape"]."""
        return self._tape_bytes(self._tape_kind(record), tuple(shape))

    def _tape(self, kind: Tuple[int, int], shape: Tuple[int, ...], memory: Optional[Array], recorded: bool) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        self._library.call(
            "qlif_tape_open_in",
            self._open(),
            *kind,
            *shape,
            memory.address if memory is not None and memory.bytes else None,
            memory.bytes if memory is not None else 0,
            int(recorded),
            ctypes.byref(handle),
        )
        return handle

    def _close_tape(self, tape: Optional[ctypes.c_void_p]) -> None:
        if tape is not None:
            self._library.call("qlif_tape_close", tape)


def _show_what_is_read(function: Any) -> None:
    """Gives a function that hands `reads` on to `Kernel._call` the signature that its callers see."""
    own = inspect.signature(function).parameters
    read = inspect.signature(Kernel._call).parameters
    shown = [each for name, each in own.items() if name != "reads"]
    shown += [each for each in read.values() if each.kind is inspect.Parameter.KEYWORD_ONLY]
    function.__signature__ = inspect.signature(function).replace(parameters=shown)


_show_what_is_read(Kernel.forward)
_show_what_is_read(Kernel.recorded)


class _Outputs:
    """Where a call writes: to arrays of the caller's, else to new ones."""

    def __init__(self, device: Device, given: Mapping[str, Any], writes: List[Any], stream: int):
        self._device = device
        self._given = dict(given)
        self._left = set(given)
        self._writes = writes
        self._stream = stream

    def get(self, name: str, shape: Tuple[int, ...], dtype: Any) -> Optional[Array]:
        self._left.discard(name)
        value = self._given.get(name)
        if value is None:
            if not self._device.is_host:
                return None
            value = new(shape, dtype)
        array = written(f"out.{name}", value, self._device, shape, dtype, self._stream)
        self._writes.append((f"out.{name}", array))
        return array

    def numbers(self, name: str, shape: Tuple[int, ...]) -> Optional[Array]:
        """Numbers of the type that the caller's array has."""
        value = self._given.get(name)
        if value is None:
            return self.get(name, shape, np.float32)
        self._left.discard(name)
        array = written_numbers(f"out.{name}", value, self._device, shape, self._stream)
        self._writes.append((f"out.{name}", array))
        return array

    def bytes(self, name: str, count: int) -> Array:
        self._left.discard(name)
        value = self._given.get(name)
        if value is None:
            if not self._device.is_host:
                raise ValueError(f"out: got no '{name}', expected {count} bytes of {self._device}")
            value = aligned_bytes(count, native.ALIGNMENT)
        array = written(f"out.{name}", value, self._device, (count,), np.uint8, self._stream)
        if array.address % native.ALIGNMENT:
            raise ValueError(f"out.{name}: got memory at {array.address:#x}, expected it aligned to {native.ALIGNMENT}")
        self._writes.append((f"out.{name}", array))
        return array

    def require_used(self) -> None:
        if self._left:
            raise ValueError(f"out: got {sorted(self._left)[0]!r}, which this call does not write")


def _address(array: Optional[Array]) -> Optional[int]:
    return None if array is None else array.address


def _type(array: Optional[Array]) -> int:
    return native.TYPE_F32 if array is None else array.type


def _owner(array: Optional[Array]) -> Any:
    return None if array is None else array.owner


def _require_integer(name: str, value: Any, low: int, high: int) -> int:
    """low <= value < high."""
    try:
        number = value.__index__() if not isinstance(value, bool) else None
    except AttributeError:
        number = None
    if number is None or not low <= number < high:
        raise ValueError(f"{name}: got {value!r}, expected a whole number from {low} to {high - 1}")
    return number


class _Kernels(threading.local):
    """The kernels of a thread's calls of `forward` and `backward`, the last few of them."""

    _KEPT = 8

    def __init__(self) -> None:
        self._kernels: Dict[Any, Kernel] = {}

    def get(self, config: NeuronConfig, device: str, threads: Optional[int]) -> Kernel:
        key = (str(config), str(Device.of(device)), threads)
        kernel = self._kernels.pop(key, None)
        if kernel is None:
            kernel = Kernel(config, device, threads)
            while len(self._kernels) >= self._KEPT:
                self._kernels.pop(next(iter(self._kernels))).close()
        self._kernels[key] = kernel
        return kernel


_kernels = _Kernels()


def forward(
    config: NeuronConfig, input: Any, *, device: str = "cpu", threads: Optional[int] = None, **arguments: Any
) -> Forward:
    """Runs all steps of input, (T, B, N): `Kernel.forward`, whose arguments it takes, on a kernel that the calling
    thread keeps.

    >>> run = qlif.forward(qlif.QlifConfig(), current, seed=42, record=True)
    >>> run.spikes.mean()
    """
    if not isinstance(config, NeuronConfig):
        raise TypeError(f"config: got {type(config).__name__}, expected a QlifConfig or a LifConfig")
    return _kernels.get(config, device, threads).forward(input, **arguments)


def backward(
    config: NeuronConfig, run: Forward, *, device: str = "cpu", threads: Optional[int] = None, **arguments: Any
) -> Gradients:
    """The gradients of a recorded run: `Kernel.backward`, whose arguments it takes, on a kernel that the calling thread
    keeps.

    >>> gradients = qlif.backward(qlif.QlifConfig(), run, grad_spike_values=upstream)
    >>> gradients.input.shape, gradients.parameters["v_th"].shape
    """
    if not isinstance(config, NeuronConfig):
        raise TypeError(f"config: got {type(config).__name__}, expected a QlifConfig or a LifConfig")
    return _kernels.get(config, device, threads).backward(run, **arguments)


def devices() -> Dict[str, str]:
    """The devices of this machine by name, each with a description, or with the reason why it can't run.

    >>> qlif.devices()
    {'cpu': 'AMD EPYC (x86-64-v4)', 'cuda': 'unavailable: ...'}
    """
    library = native.library()
    found = {}
    names = ["cpu"]
    count = ctypes.c_int32()
    try:
        library.call("qlif_device_count", ctypes.byref(count))
        names += [f"cuda:{number}" for number in range(count.value)]
    except native.QlifError as absent:
        found["cuda"] = f"unavailable: {absent}"
    for name in names:
        info = native.sized(native.DeviceInfo)
        try:
            library.call("qlif_device_describe", Device.of(name).number, ctypes.byref(info))
            found[name] = info.name.decode("utf-8", "replace")
        except native.QlifError as absent:
            found[name] = f"unavailable: {absent}"
    return dict(sorted(found.items()))


__all__ = ["Forward", "Gradients", "Kernel", "backward", "devices", "forward"]
