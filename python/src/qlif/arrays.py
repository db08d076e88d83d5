# SPDX-License-Identifier: Apache-2.0
"""Arrays of other libraries as the native calls take them: an address, a shape, and what keeps the memory alive."""

from __future__ import annotations

import ctypes
import sys
from typing import Any, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from . import _library as native

_DLPACK_CPU = 1
_DLPACK_CUDA = 2
_DLPACK_CUDA_HOST = 3
_DLPACK_CUDA_MANAGED = 13
_CODES = {0: "i", 1: "u", 2: "f", 4: "bfloat", 6: "b"}
_BFLOAT = (4, 16)

# The types that numbers can have, by the code and bits of DLPack.
_NUMBERS = {(2, 32): native.TYPE_F32, (2, 16): native.TYPE_F16, _BFLOAT: native.TYPE_BF16}


class Device(NamedTuple):
    """Where a kernel runs: "cpu", or the number of a CUDA device."""

    number: int

    @staticmethod
    def of(name: str) -> "Device":
        """The device of a name: cpu, cpu:native, cuda (which is cuda:0), cuda:N."""
        if isinstance(name, Device):
            return name
        if isinstance(name, str):
            if name in ("cpu", "cpu:native"):
                return Device(-1)
            kind, _, number = name.partition(":")
            if kind == "cuda" and (number.isascii() and number.isdigit() and len(number) < 4 or name == "cuda"):
                return Device(int(number or 0))
        raise ValueError(f"device: got {name!r}, expected 'cpu' or 'cuda:N'")

    @property
    def is_host(self) -> bool:
        return self.number < 0

    def __str__(self) -> str:
        return "cpu" if self.is_host else f"cuda:{self.number}"


class Array(NamedTuple):
    """Contiguous memory on a kernel's device; owner: the array that it is of; keep: what else keeps it alive; type: of
    numbers."""

    address: int
    shape: Tuple[int, ...]
    bytes: int
    owner: Any
    keep: Any = None
    type: int = native.TYPE_F32


class _DLDevice(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("id", ctypes.c_int32)]


class _DLDataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _DLDevice),
        ("ndim", ctypes.c_int32),
        ("dtype", _DLDataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def _described(dtype: Any, shape: Sequence[int]) -> str:
    return f"{dtype} of shape {tuple(shape)}"


def _is_elsewhere(value: Any) -> bool:
    """Whether a value says that its memory is not the host's."""
    if not hasattr(value, "__dlpack_device__"):
        return False
    try:
        kind, _ = value.__dlpack_device__()
    except (BufferError, RuntimeError, TypeError, ValueError):
        return False  # such as a deleted array; whoever asks for its memory is told why
    return int(kind) not in (_DLPACK_CPU, _DLPACK_CUDA_HOST)


def on_host(name: str, value: Any) -> np.ndarray:
    """A value of any library, or numbers, as an array of NumPy; without a copy where that is possible."""
    if isinstance(value, np.ndarray):
        return value
    if _is_elsewhere(value):
        raise ValueError(f"{name}: got an array of another device, expected one in the host's memory")
    if hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError) as refused:
            raise ValueError(f"{name}: got {type(value).__name__} that can't be lent: {refused}") from refused
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as refused:
        raise ValueError(f"{name}: got {type(value).__name__}, expected an array or numbers: {refused}") from refused


def _converted(name: str, array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Contiguous, of a type: the array itself, or one copy."""
    if array.dtype != dtype:
        if dtype == np.float32:
            legal = array.dtype.kind in "fiub"
        else:
            legal = array.dtype.kind in "iub"
        if not legal:
            raise ValueError(f"{name}: got {_described(array.dtype, array.shape)}, expected {dtype}")
    made = np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)
    if made.ctypes.data % dtype.itemsize != 0:
        made = made.copy()
    return made


def _require_mutable(name: str, value: Any) -> None:
    """Refuses arrays of JAX as results: they must not change, and DLPack as JAX speaks it doesn't say so."""
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(value, jax.Array):
        raise ValueError(f"{name}: got an array of JAX, which is immutable, expected an array to write to")


def _tensor(capsule: Any) -> _DLTensor:
    return ctypes.cast(_capsule_pointer(capsule, b"dltensor"), ctypes.POINTER(_DLTensor)).contents


def _capsule(name: str, value: Any, stream: int) -> Tuple[_DLTensor, Any]:
    if not hasattr(value, "__dlpack__"):
        raise ValueError(f"{name}: got {type(value).__name__}, expected an array with __dlpack__")
    # 1 is the legacy default stream in the array API's words.
    capsule = value.__dlpack__(stream=stream or 1)
    return _tensor(capsule), capsule


def _host_capsule(name: str, value: Any) -> Tuple[_DLTensor, Any]:
    if _is_elsewhere(value):
        raise ValueError(f"{name}: got an array of another device, expected one in the host's memory")
    try:
        capsule = value.__dlpack__()
    except (BufferError, RuntimeError, TypeError) as refused:
        raise ValueError(f"{name}: got {type(value).__name__} that can't be lent: {refused}") from refused
    return _tensor(capsule), capsule


def _whole(name: str, tensor: _DLTensor, capsule: Any, value: Any, where: Any, type: int = native.TYPE_F32) -> Array:
    """The memory of a tensor, which must be contiguous."""
    shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
    count = 1
    for i in reversed(range(len(shape))):
        if tensor.strides and shape[i] > 1 and tensor.strides[i] != count and 0 not in shape:
            raise ValueError(f"{name}: got an array that is not contiguous, expected a contiguous one on {where}")
        count *= shape[i]
    address = (tensor.data or 0) + tensor.byte_offset
    return Array(address, shape, count * tensor.dtype.bits // 8, value, capsule, type)


def _on_gpu(name: str, value: Any, device: Device, dtype: Optional[np.dtype], stream: int) -> Array:
    """dtype: None for numbers of any type."""
    if not _is_elsewhere(value):
        raise ValueError(f"{name}: got {type(value).__name__} in the host's memory, expected an array of {device}")
    tensor, capsule = _capsule(name, value, stream)
    shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
    kind = _CODES.get(tensor.dtype.code, "?")
    got = f"{kind}{tensor.dtype.bits // 8}"
    if tensor.device.type not in (_DLPACK_CUDA, _DLPACK_CUDA_MANAGED) or tensor.device.id != device.number:
        raise ValueError(
            f"{name}: got an array of DLPack device {tensor.device.type}:{tensor.device.id}, expected one of {device}"
        )
    if dtype is None:
        number = _NUMBERS.get((tensor.dtype.code, tensor.dtype.bits))
        legal = number is not None
    else:
        number = native.TYPE_F32
        # Booleans have the bits of 0 and 1; indices are never negative.
        same_bits = (kind, dtype) in (("b", np.uint8), ("i", np.uint64))
        legal = tensor.dtype.bits == 8 * dtype.itemsize and (kind == dtype.kind or same_bits)
    if tensor.dtype.lanes != 1 or not legal:
        raise ValueError(f"{name}: got {_described(got, shape)}, expected {dtype or 'float32, float16 or bfloat16'}")
    return _whole(name, tensor, capsule, value, device, number)


def lent(name: str, value: Any, device: Device, dtype: Any = np.float32, stream: int = 0) -> Array:
    """What a call reads. On the host, values of another type or that are not contiguous are copied once; on a GPU they
    are refused."""
    dtype = np.dtype(dtype)
    if not device.is_host:
        return _on_gpu(name, value, device, dtype, stream)
    array = _converted(name, on_host(name, value), dtype)
    return Array(array.ctypes.data, array.shape, array.nbytes, array)


def _is_bfloat(array: np.ndarray) -> bool:
    """NumPy has no such type, but others register one."""
    return array.dtype.name == "bfloat16" and array.dtype.itemsize == 2


def lent_numbers(name: str, value: Any, device: Device, stream: int = 0) -> Array:
    """The same of numbers, of which those of 16 bits are read as they are."""
    if not device.is_host:
        return _on_gpu(name, value, device, None, stream)
    if hasattr(value, "__dlpack__") and not isinstance(value, (np.ndarray, np.generic)):
        tensor, capsule = _host_capsule(name, value)
        if (tensor.dtype.code, tensor.dtype.bits) == _BFLOAT:
            return _whole(name, tensor, capsule, value, device, native.TYPE_BF16)
    array = on_host(name, value)
    if _is_bfloat(array):
        made = np.ascontiguousarray(array)
        return Array(made.ctypes.data, made.shape, made.nbytes, made, None, native.TYPE_BF16)
    narrow = array.dtype == np.float16
    made = _converted(name, array, np.dtype(np.float16 if narrow else np.float32))
    return Array(made.ctypes.data, made.shape, made.nbytes, made, None, native.TYPE_F16 if narrow else native.TYPE_F32)


def written_numbers(name: str, value: Any, device: Device, shape: Tuple[int, ...], stream: int = 0) -> Array:
    """As `written`, for numbers of the type that the array has."""
    _require_mutable(name, value)
    if not device.is_host:
        array = _on_gpu(name, value, device, None, stream)
        if array.shape != shape:
            raise ValueError(f"{name}: got the shape {array.shape}, expected {shape}")
        return array
    dtype = np.dtype(np.float32)
    number = native.TYPE_F32
    if isinstance(value, np.ndarray):
        if _is_bfloat(value):
            dtype, number = value.dtype, native.TYPE_BF16
        elif value.dtype == np.float16:
            dtype, number = value.dtype, native.TYPE_F16
    elif hasattr(value, "__dlpack__"):
        tensor, capsule = _host_capsule(name, value)
        number = _NUMBERS.get((tensor.dtype.code, tensor.dtype.bits), number)
        if number == native.TYPE_BF16:
            array = _whole(name, tensor, capsule, value, device, number)
            if array.shape != shape:
                raise ValueError(f"{name}: got the shape {array.shape}, expected {shape}")
            return array
        if number == native.TYPE_F16:
            dtype = np.dtype(np.float16)
    return written(name, value, device, shape, dtype, stream)._replace(type=number)


def written(name: str, value: Any, device: Device, shape: Tuple[int, ...], dtype: Any, stream: int = 0) -> Array:
    """What a call writes: an array of the caller's, of exactly this type and shape, contiguous and writable."""
    _require_mutable(name, value)
    dtype = np.dtype(dtype)
    if not device.is_host:
        array = _on_gpu(name, value, device, dtype, stream)
        if array.shape != shape:
            raise ValueError(f"{name}: got the shape {array.shape}, expected {shape}")
        return array
    if isinstance(value, np.ndarray):
        made = value
    elif hasattr(value, "__dlpack__"):
        # NumPy takes memory of others as read-only, unless they say that it is not.
        tensor, capsule = _host_capsule(name, value)
        if (tensor.dtype.code, tensor.dtype.bits) == _BFLOAT:
            raise ValueError(f"{name}: got bfloat16, expected {_described(dtype, shape)}")
        made = np.from_dlpack(value)
        if made.shape == shape and made.dtype == dtype and made.flags.c_contiguous:
            return Array((tensor.data or 0) + tensor.byte_offset, shape, made.nbytes, value, capsule)
    else:
        raise ValueError(f"{name}: got {type(value).__name__}, expected an array to write to")
    boolean = dtype == np.uint8 and made.dtype == np.bool_
    if made.shape != shape or not (made.dtype == dtype or boolean):
        raise ValueError(f"{name}: got {_described(made.dtype, made.shape)}, expected {_described(dtype, shape)}")
    if not made.flags.c_contiguous or not made.flags.writeable or not made.flags.aligned:
        raise ValueError(f"{name}: got an array that is not contiguous, aligned and writable, expected one that is")
    return Array(made.ctypes.data, shape, made.nbytes, value)


def new(shape: Tuple[int, ...], dtype: Any) -> np.ndarray:
    """Memory of the host that a call writes to."""
    return np.empty(shape, dtype)


def aligned_bytes(count: int, alignment: int) -> np.ndarray:
    """Bytes of the host from an address that is a multiple of alignment."""
    memory = np.empty(count + alignment, np.uint8)
    first = -memory.ctypes.data % alignment
    return memory[first : first + count]


def require_apart(reads: Sequence[Tuple[str, Optional[Array]]], writes: Sequence[Tuple[str, Optional[Array]]]) -> None:
    """Refuses results that overlap each other or what is read."""
    spans = sorted(
        (array.address, array.address + array.bytes, name, is_written)
        for is_written, group in ((False, reads), (True, writes))
        for name, array in group
        if array is not None and array.bytes > 0
    )
    reach, reach_written = (0, ""), (0, "")
    for start, end, name, is_written in spans:
        other = reach if is_written else reach_written
        if start < other[0]:
            raise ValueError(
                f"{name if is_written else other[1]}: got memory that overlaps {other[1] if is_written else name}, "
                "expected memory of its own"
            )
        reach = max(reach, (end, name))
        if is_written:
            reach_written = max(reach_written, (end, name))
