# SPDX-License-Identifier: Apache-2.0
"""The binding of libqlif.so's C interface, native/include/qlif.h, on raw addresses: structs, functions, tables.

Whoever calls keeps the memory behind an address alive until the work is done. Calls release the interpreter's lock.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

ABI_VERSION = 3
HOST = -1
ALIGNMENT = 16
SEGMENT = 64
MAX_STATE_VARIABLES = 32
MAX_PARAMETERS = 16
MAX_TRACES = 32
TYPE_F32 = 0
TYPE_F16 = 1
TYPE_BF16 = 2
INPUT_F32 = 0
INPUT_U8 = 1
INPUT_BIT = 2
TAPE_VOLTAGE = 0
TAPE_COMPACT = 1
MODELS = {"QLIF": 0, "LIF": 1}

INVALID_ARGUMENT = 1
OUT_OF_MEMORY = 2
UNAVAILABLE = 3

KIND_BOOLEAN = 0
KIND_ENUMERATION = 1
KIND_INTEGER = 2
KIND_REAL = 3

_pointer = ctypes.c_void_p
_text = ctypes.c_char_p
_i32 = ctypes.c_int32
_i64 = ctypes.c_int64
_u32 = ctypes.c_uint32
_u64 = ctypes.c_uint64


class QlifError(RuntimeError):
    """A failure of the device or of the library, with the library's status and its text."""

    def __init__(self, call: str, status: int, text: str):
        super().__init__(f"{call}: {text} (status {status})")
        self.status = status


class UnavailableError(QlifError):
    """A device that can't run here; the text says why."""


class ModelInfo(ctypes.Structure):
    """qlif_model_info."""

    _fields_ = [
        ("size", _u32),
        ("state_variables", _i32),
        ("parameters", _i32),
        ("traces", _i32),
        ("modulation", _i32),
        ("constants", _i32),
        ("options", _i32),
        ("config_size", _i32),
        ("name", _text),
    ]


class VariableInfo(ctypes.Structure):
    """qlif_variable_info."""

    _fields_ = [
        ("size", _u32),
        ("initial_value", ctypes.c_float),
        ("carries_gradient", _i32),
        ("flushed", _i32),
        ("symbol", _text),
    ]


class ParameterInfo(ctypes.Structure):
    """qlif_parameter_info."""

    _fields_ = [("size", _u32), ("range", _i32), ("symbol", _text)]


class TraceInfo(ctypes.Structure):
    """qlif_trace_info."""

    _fields_ = [("size", _u32), ("state_variable", _i32), ("symbol", _text)]


class OptionInfo(ctypes.Structure):
    """qlif_option_info."""

    _fields_ = [
        ("size", _u32),
        ("kind", _i32),
        ("offset", _i32),
        ("range", _i32),
        ("default_value", ctypes.c_double),
        ("low", ctypes.c_double),
        ("high", ctypes.c_double),
        ("low_open", _i32),
        ("high_open", _i32),
        ("derived", _i32),
        ("parameter", _i32),
        ("choices", _i32),
        ("reserved", _i32),
        ("name", _text),
        ("symbol", _text),
        ("enumeration", _text),
    ]


class DeviceInfo(ctypes.Structure):
    """qlif_device_info."""

    _fields_ = [
        ("size", _u32),
        ("compute_major", _i32),
        ("compute_minor", _i32),
        ("multiprocessors", _i32),
        ("driver_version", _i32),
        ("vector_bits", _i32),
        ("memory_bytes", _u64),
        ("name", ctypes.c_char * 256),
    ]


class KernelOptions(ctypes.Structure):
    """qlif_kernel_options."""

    _fields_ = [("size", _u32), ("threads", _i32), ("spin_nanos", _i64)]


class Broadcast(ctypes.Structure):
    """qlif_broadcast."""

    _fields_ = [("data", _pointer), ("stride_t", _i64), ("stride_b", _i64), ("stride_n", _i64)]


class ForwardArgs(ctypes.Structure):
    """qlif_forward_args."""

    _fields_ = [
        ("size", _u32),
        ("input_type", _i32),
        ("spike_value_type", _i32),
        ("reserved", _i32),
        ("steps", _i64),
        ("batch", _i64),
        ("neurons", _i64),
        ("first_step", _i64),
        ("seed", _u64),
        ("element_offset", _i64),
        ("stream", _u32),
        ("per_neuron_parameters", _u32),
        ("key", _pointer),
        ("row_index", _pointer),
        ("input", _pointer),
        ("parameters", _pointer * MAX_PARAMETERS),
        ("modulation", Broadcast),
        ("uniforms", _pointer),
        ("normals", _pointer),
        ("initial_state", _pointer * MAX_STATE_VARIABLES),
        ("final_state", _pointer * MAX_STATE_VARIABLES),
        ("spikes_f32", _pointer),
        ("spikes_u8", _pointer),
        ("spikes_bit", _pointer),
        ("spike_values", _pointer),
        ("voltages", _pointer),
        ("traces", _pointer * MAX_TRACES),
        ("tape", _pointer),
        ("scratch", _pointer),
        ("scratch_bytes", _u64),
        ("linear", _pointer),
        ("initial_state_shared", _i32),
        ("reserved_2", _i32),
    ]


class BackwardArgs(ctypes.Structure):
    """qlif_backward_args."""

    _fields_ = [
        ("size", _u32),
        ("grad_type", _i32),
        ("forward", ctypes.POINTER(ForwardArgs)),
        ("grad_spike_values", _pointer),
        ("grad_spike_values_shared", _i32),
        ("grad_input_type", _i32),
        ("grad_voltages", _pointer),
        ("grad_final_state", _pointer * MAX_STATE_VARIABLES),
        ("grad_input", _pointer),
        ("grad_modulation", _pointer),
        ("grad_parameters", _pointer * MAX_PARAMETERS),
        ("grad_initial_state", _pointer * MAX_STATE_VARIABLES),
        ("scratch", _pointer),
        ("scratch_bytes", _u64),
    ]


class DrawArgs(ctypes.Structure):
    """qlif_draw_args."""

    _fields_ = [
        ("size", _u32),
        ("stream", _u32),
        ("seed", _u64),
        ("element_offset", _i64),
        ("first_step", _i64),
        ("steps", _i64),
        ("wires", _i64),
        ("elements", _i64),
        ("neurons", _i64),
        ("row_index", _pointer),
        ("uniforms", _pointer),
        ("normals", _pointer),
    ]


class LinearForwardArgs(ctypes.Structure):
    """qlif_linear_forward_args."""

    _fields_ = [
        ("size", _u32),
        ("input_type", _i32),
        ("steps", _i64),
        ("batch", _i64),
        ("inputs", _i64),
        ("outputs", _i64),
        ("input", _pointer),
        ("weights", _pointer),
        ("bias", _pointer),
        ("output", _pointer),
    ]


class LinearBackwardArgs(ctypes.Structure):
    """qlif_linear_backward_args."""

    _fields_ = [
        ("size", _u32),
        ("grad_output_shared", _i32),
        ("forward", ctypes.POINTER(LinearForwardArgs)),
        ("grad_output", _pointer),
        ("grad_weights", _pointer),
        ("grad_bias", _pointer),
        ("grad_input", _pointer),
    ]


def sized(struct: type, **fields: Any) -> Any:
    """A struct that begins with its own size."""
    return struct(size=ctypes.sizeof(struct), **fields)


class Variable(NamedTuple):
    """A state variable of a model."""

    symbol: str
    initial_value: float
    carries_gradient: bool


class Trace(NamedTuple):
    """A trace of a model; state_variable: the number of the one that is traced, or -1."""

    symbol: str
    state_variable: int


class Option(NamedTuple):
    """An option of a model's configuration; choices: the names of an ENUMERATION's constants; parameter: the number of
    the one that starts there, or -1."""

    name: str
    kind: int
    offset: int
    default: float
    derived: bool
    parameter: int
    choices: List[str]


class Model(NamedTuple):
    """What a model is made of."""

    number: int
    name: str
    config_size: int
    takes_modulation: bool
    variables: List[Variable]
    parameters: List[str]
    traces: List[Trace]
    options: Dict[str, Option]
    constants: List[str]


_SIGNATURES: Dict[str, List[Any]] = {
    "qlif_device_count": [_pointer],
    "qlif_model": [_i32, _pointer],
    "qlif_state_variable": [_i32, _i32, _pointer],
    "qlif_parameter": [_i32, _i32, _pointer],
    "qlif_trace": [_i32, _i32, _pointer],
    "qlif_option": [_i32, _i32, _pointer],
    "qlif_qlif_defaults": [_pointer, _u32],
    "qlif_lif_defaults": [_pointer, _u32],
    "qlif_qlif_preset": [_pointer, _u32, _text],
    "qlif_parameter_default": [_pointer, _i32, _pointer],
    "qlif_constants": [_pointer, _pointer],
    "qlif_device_describe": [_i32, _pointer],
    "qlif_kernel_open": [_i32, _pointer, _pointer, _pointer],
    "qlif_kernel_close": [_pointer],
    "qlif_kernel_describe": [_pointer, _text, ctypes.c_size_t],
    "qlif_kernel_reserve": [_pointer, _i64, _i64, _i64, _i32],
    "qlif_scratch_bytes": [_pointer, _i64, _i64, _i64, _i32, _pointer],
    "qlif_forward": [_pointer, _pointer, _pointer],
    "qlif_backward": [_pointer, _pointer, _pointer],
    "qlif_draw": [_pointer, _pointer, _pointer],
    "qlif_tape_open": [_pointer, _i32, _i32, _i64, _i64, _i64, _pointer],
    "qlif_tape_bytes_for": [_pointer, _i32, _i32, _i64, _i64, _i64, _pointer],
    "qlif_tape_open_in": [_pointer, _i32, _i32, _i64, _i64, _i64, _pointer, _u64, _i32, _pointer],
    "qlif_tape_close": [_pointer],
    "qlif_linear_open": [_i32, _pointer, _pointer],
    "qlif_linear_close": [_pointer],
    "qlif_linear_forward": [_pointer, _pointer, _pointer],
    "qlif_linear_backward": [_pointer, _pointer, _pointer],
}


class Library:
    """libqlif.so, loaded, with its ABI version and the sizes of its structs checked."""

    def __init__(self, path: str):
        self.path = str(path)
        try:
            self._library = ctypes.CDLL(self.path)
        except OSError as absent:
            raise ImportError(f"{self.path}: the native library of QLIF does not load: {absent}") from absent
        try:
            self._library.qlif_abi_version.restype = _u32
            found = self._library.qlif_abi_version()
        except AttributeError as other:
            raise ImportError(f"{self.path}: is not the native library of QLIF: {other}") from other
        if found != ABI_VERSION:
            raise ImportError(f"{self.path}: has ABI version {found}, expected {ABI_VERSION}")
        self._library.qlif_last_error.restype = _text
        self._library.qlif_version.restype = _text
        self._library.qlif_choice_name.restype = _text
        self._library.qlif_choice_name.argtypes = [_i32, _i32, _i32]
        self._library.qlif_constant_name.restype = _text
        self._library.qlif_constant_name.argtypes = [_i32, _i32]
        self._library.qlif_tape_bytes.restype = _u64
        self._library.qlif_tape_bytes.argtypes = [_pointer]
        for name, types in _SIGNATURES.items():
            function = getattr(self._library, name)
            function.argtypes = types
            function.restype = _i32
        self.models = [self._model(number) for number in MODELS.values()]

    @property
    def version(self) -> str:
        """Such as "0.1.0"."""
        return self._library.qlif_version().decode()

    def call(self, name: str, *arguments: Any) -> None:
        """Calls a function that returns a status; raises ValueError for an argument that is refused, MemoryError where
        memory runs out, UnavailableError for a device that can't run here, QlifError for all else."""
        status = getattr(self._library, name)(*arguments)
        if status == 0:
            return
        text = self._library.qlif_last_error().decode("utf-8", "replace")
        if status == INVALID_ARGUMENT:
            raise ValueError(text)
        if status == OUT_OF_MEMORY:
            raise MemoryError(text)
        raise (UnavailableError if status == UNAVAILABLE else QlifError)(name, status, text)

    def tape_bytes(self, tape: ctypes.c_void_p) -> int:
        """What an open tape takes."""
        return self._library.qlif_tape_bytes(tape)

    def _info(self, struct: type, name: str, *arguments: int) -> Any:
        info = sized(struct)
        self.call(name, *arguments, ctypes.byref(info))
        if info.size != ctypes.sizeof(struct):
            raise ImportError(f"{self.path}: {name} writes {info.size} bytes, expected {ctypes.sizeof(struct)}")
        return info

    def _model(self, number: int) -> Model:
        info = self._info(ModelInfo, "qlif_model", number)
        variables = []
        for i in range(info.state_variables):
            row = self._info(VariableInfo, "qlif_state_variable", number, i)
            variables.append(Variable(row.symbol.decode(), row.initial_value, bool(row.carries_gradient)))
        parameters = [
            self._info(ParameterInfo, "qlif_parameter", number, i).symbol.decode() for i in range(info.parameters)
        ]
        traces = []
        for i in range(info.traces):
            row = self._info(TraceInfo, "qlif_trace", number, i)
            traces.append(Trace(row.symbol.decode(), row.state_variable))
        options = {}
        for i in range(info.options):
            row = self._info(OptionInfo, "qlif_option", number, i)
            choices = [self._library.qlif_choice_name(number, i, choice).decode() for choice in range(row.choices)]
            option = Option(
                row.name.decode(), row.kind, row.offset, row.default_value, bool(row.derived), row.parameter, choices
            )
            options[option.name] = option
        constants = [self._library.qlif_constant_name(number, i).decode() for i in range(info.constants)]
        return Model(
            number,
            info.name.decode(),
            info.config_size,
            bool(info.modulation),
            variables,
            parameters,
            traces,
            options,
            constants,
        )


_LOCK = threading.Lock()
_library: Optional[Library] = None


def package_folders() -> List[Path]:
    """The package's folders: an editable install has the sources in one and what was built in another."""
    return [Path(folder) for folder in sys.modules[__package__].__path__]


def library_path() -> str:
    """Where the package's library is; the environment variable QLIF_LIBRARY names another one."""
    named = os.environ.get("QLIF_LIBRARY")
    if named:
        return named
    folders = package_folders()
    found = [folder / "libqlif.so" for folder in folders if (folder / "libqlif.so").is_file()]
    return str(found[0] if found else folders[0] / "libqlif.so")


def library() -> Library:
    """The library, loaded at the first call."""
    global _library
    if _library is None:
        with _LOCK:
            if _library is None:
                path = library_path()
                if not Path(path).is_file():
                    raise ImportError(
                        f"{path}: the native library of QLIF is missing: install the package with 'pip install ./python', "
                        "or name the library in the environment variable QLIF_LIBRARY"
                    )
                _library = Library(path)
    return _library
