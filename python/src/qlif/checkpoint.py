# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: a layer, or a network of consecutive layers, in one safetensors file that Java, Python and the command
line read and write. docs/checkpoints.md defines the format."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import struct
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from .config import NeuronConfig, parse
from .kernel import Kernel

FORMAT = "qlif"
VERSION = "1"

_MAX_HEADER = 16 << 20
_MAX_LAYERS = 1000
_MAX_RANK = 8
_MAX_STEP = 2**33
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")

# The types that a checkpoint may have, with the bytes of an element; its own tensors are F32.
_BYTES = {"F32": 4, "I64": 8, "U8": 1, "BOOL": 1}

# How files begin that people take for a checkpoint.
_OTHERS = (
    (b"PK\x03\x04", "a zip archive, such as torch.save writes; python -m qlif.convert makes a checkpoint of a state_dict"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "an array of NumPy (.npy)"),
    (b"\x1f\x8b", "a gzip file"),
    (b"GGUF", "a GGUF file"),
)  # fmt: skip

Array = np.ndarray


class Draws(NamedTuple):
    """The draws of a run: key and stream of Philox, and the index of its first element in the whole batch."""

    seed: int
    stream: int = 0
    element_offset: int = 0


@dataclass
class Neurons:
    """A layer of neurons.

    parameters: by symbol, such as "v_th", all of the model's, (N) or (1). learnable: those that an optimizer changes.
    state: (B, N) by symbol, all of the model's, before step `step`; None: the next call starts from a fresh one.
    statistics: (N) by symbol, homeostasis' means over the batch; None: initial values. draws: of the run that the state
    belongs to, or of the next one. seed, stream, episode, evaluations: determine the draws of later runs, as in
    `QlifLayer` on the JVM; None: each run draws a seed.
    """

    config: NeuronConfig
    neurons: int
    parameters: Dict[str, Array]
    learnable: Tuple[str, ...] = ()
    state: Optional[Dict[str, Array]] = None
    step: int = 0
    statistics: Optional[Dict[str, Array]] = None
    draws: Optional[Draws] = None
    seed: Optional[int] = None
    stream: int = 0
    episode: int = 0
    evaluations: int = 0


@dataclass
class Linear:
    """A linear layer: bias + input times weight, (K, M), at every step; a readout does so once, for the mean of the
    input over time. ascending: its sums are those of SpikeLinear; False: their order is undefined, as in nn.Linear."""

    weight: Array
    bias: Optional[Array] = None
    readout: bool = False
    ascending: bool = True


@dataclass
class Checkpoint:
    """The contents of a file. seed: determines the draws of a network's tests. encoder_steps: for how many time steps its
    input, an image of bytes, is shown as spikes; None: its input is spikes. extra: a writer's own texts and float32
    arrays. training: the trainer's texts and tensors as in the file, without the prefix "training."; None: not in training.
    """

    layers: List[Union[Neurons, Linear]]
    seed: int = 0
    encoder_steps: Optional[int] = None
    extra: Dict[str, Union[str, Array]] = field(default_factory=dict)
    training: Optional[Dict[str, Union[str, Array]]] = None


def load(path: Union[str, "os.PathLike[str]"]) -> Checkpoint:
    """Reads a checkpoint written by Java, Python or the command line.

    >>> checkpoint = qlif.load("layer.safetensors")
    >>> layer = checkpoint.layers[0]
    >>> run = qlif.forward(layer.config, current, parameters=layer.parameters, seed=layer.draws.seed)

    Raises ValueError for a truncated file or one of another format, naming the file, the entry, what was found and what
    was expected, and OSError if it can't be read. Nothing in a file is ever executed.
    """
    metadata, tensors = _read(path)
    try:
        return _Reader(metadata, tensors).checkpoint()
    except ValueError as refused:
        raise ValueError(f"{os.fspath(path)}: {refused}") from None


def save(checkpoint: Checkpoint, path: Union[str, "os.PathLike[str]"]) -> None:
    """Writes a checkpoint. An existing file is replaced only once the new one is completely on disk.

    >>> config = qlif.QlifConfig(tau=10)
    >>> parameters = {name: numpy.full(128, config.parameter_default(name)) for name in ("v_th", "tau", "eta", "q_scale", "q_bias")}
    >>> qlif.save(qlif.Checkpoint([qlif.Neurons(config, 128, parameters, ("v_th",))]), "layer.safetensors")

    Raises ValueError for anything the format does not allow, before anything is written, and OSError if writing fails.
    """
    if not isinstance(checkpoint, Checkpoint):
        raise TypeError(f"checkpoint: got {type(checkpoint).__name__}, expected a qlif.Checkpoint")
    metadata, tensors = _written(checkpoint)
    _Reader(metadata, tensors).checkpoint()
    # Here, so that what only runs kernels, as the benchmarks do, needs NumPy alone.
    import safetensors.numpy

    _replace(Path(os.path.realpath(path)), safetensors.numpy.save(tensors, metadata))


def _replace(path: Path, content: bytes) -> None:
    """Puts a file in the place of what is there, by way of one beside it."""
    handle, made = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~mask)
            os.fsync(file.fileno())
        os.replace(made, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(made)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# ---------------------------------------------------------------- the container


def _read(path: Union[str, "os.PathLike[str]"]) -> Tuple[Dict[str, str], Dict[str, Array]]:
    """Metadata and tensors of a safetensors file, which is checked in all that the format says."""
    where = os.fspath(path)
    # Opened without waiting, so that a pipe that nobody writes to does not hold the reader.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{where}: got something that is not a regular file, expected a safetensors file")
        size = status.st_size
        first = file.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else -1
        if not 2 <= length <= min(_MAX_HEADER, size - 8):
            raise ValueError(f"{where}: {_refused_length(first, length, size)}")
        header = file.read(length)
        data_bytes = size - 8 - length
        try:
            metadata, entries = _header(header, data_bytes)
        except ValueError as refused:
            raise ValueError(f"{where}: {refused}") from None
        data = file.read(data_bytes + 1)
    if len(header) != length or len(data) != data_bytes:
        raise ValueError(
            f"{where}: got another length than the {size} bytes that it had before: it changed while it was read"
        )
    tensors = {}
    for name, (kind, shape, begin, end) in entries.items():
        if kind == "F32":
            # Copied: an array of its own can be written to, and is aligned.
            tensors[name] = np.frombuffer(data, np.dtype("<f4"), (end - begin) // 4, begin).astype(np.float32)
            tensors[name] = tensors[name].reshape(shape)
        elif not name.startswith(("extra.", "training.")):
            raise ValueError(f"{where}: tensor {name!r}: got the type {kind}, expected F32")
    return metadata, tensors


def _refused_length(first: bytes, length: int, size: int) -> str:
    for begin, what in _OTHERS:
        if first.startswith(begin):
            return f"got {what}, expected a safetensors file"
    if first[:1] == b"\x80" and first[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "got a pickle, expected a safetensors file; a pickle is never loaded, since it can run code"
    if size < 10:
        return f"got {size} bytes, expected a safetensors file, which has at least 10"
    if length > _MAX_HEADER or length < 2:
        return f"got a header of {length} bytes, expected 2 to {_MAX_HEADER}: this is no safetensors file, or a damaged one"
    return f"got {size} bytes, expected at least {8 + length}, the length of the header: the file is cut short"


_Entry = Tuple[str, Tuple[int, ...], int, int]


def _header(header: bytes, data_bytes: int) -> Tuple[Dict[str, str], Dict[str, _Entry]]:
    try:
        text = header.decode("utf-8")
    except UnicodeDecodeError as broken:
        raise ValueError(f"header: got bytes that are not UTF-8 ({broken}), expected UTF-8") from None
    if not text.startswith("{"):
        raise ValueError(f"header: got {text[:1]!r} as its first character, expected '{{'")
    try:
        document = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_int=_whole_number,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except RecursionError:
        raise ValueError("header: got JSON that is nested too deeply, expected a JSON object of tensors") from None
    except json.JSONDecodeError as broken:
        raise ValueError(f"header: got bad JSON ({broken}), expected a JSON object") from None
    metadata = document.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise ValueError(f"__metadata__: got {_kind(metadata)}, expected an object whose values are strings")
    for name, value in metadata.items():
        if not isinstance(value, str):
            raise ValueError(f"__metadata__.{name}: got {_kind(value)}, expected text")
    entries = {name: _entry(f"tensor {name!r}", value) for name, value in document.items()}
    end, last = 0, "the data's start"
    for name, entry in sorted(entries.items(), key=lambda each: each[1][2:]):
        if entry[2] != end:
            raise ValueError(
                f"tensor {name!r}: got data from {entry[2]}, expected from {end}, the end of {last} (no overlap, no gap)"
            )
        if entry[3] > data_bytes:
            raise ValueError(
                f"tensor {name!r}: got data to {entry[3]}, expected at most {data_bytes}, the file's end: it is cut short"
            )
        end, last = entry[3], f"tensor {name!r}"
    if end != data_bytes:
        raise ValueError(f"got {data_bytes - end} bytes after the last tensor, expected the file to end there")
    return metadata, entries


def _without_duplicates(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    made: Dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"header: got {name!r} twice, expected it once")
        for text in (name, value):
            if isinstance(text, str) and not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
                raise ValueError(f"header: got {text!r}, half a surrogate pair, expected text")
        made[name] = value
    return made


def _whole_number(text: str) -> int:
    # More digits than these are beyond every range, and would take their time.
    return int(text) if len(text) < 20 else _no_number(text)


def _no_number(text: str) -> Any:
    raise ValueError(f"header: got the number {text[:40]}, expected whole numbers below 2^63")


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", int: "a number", bool: "true or false"}
    return kinds.get(type(value), "null")


def _entry(where: str, value: Any) -> _Entry:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        got = f"the names {sorted(value)}" if isinstance(value, dict) else _kind(value)
        raise ValueError(f"{where}: got {got}, expected dtype, shape and data_offsets")
    kind, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(kind, str) or kind not in _BYTES:
        raise ValueError(f"{where}: got the type {_short(kind)}, expected one of {', '.join(_BYTES)}")
    for name, numbers in (("shape", shape), ("data_offsets", offsets)):
        if not isinstance(numbers, list) or not all(type(each) is int and 0 <= each < 2**63 for each in numbers):
            raise ValueError(f"{where}.{name}: got {_short(numbers)}, expected whole numbers from 0 to 2^63 - 1")
    if len(shape) > _MAX_RANK:
        raise ValueError(f"{where}.shape: got {len(shape)} dimensions, expected at most {_MAX_RANK}")
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"{where}.data_offsets: got {_short(offsets)}, expected [begin, end] with begin <= end")
    elements = 1
    for extent in shape:
        elements *= extent
    if elements >= 2**63 or elements * _BYTES[kind] != offsets[1] - offsets[0]:
        raise ValueError(f"{where}: got {offsets[1] - offsets[0]} bytes, expected those of {kind} {_short(shape)}")
    return kind, tuple(shape), offsets[0], offsets[1]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


# ---------------------------------------------------------------- what is in it


class _Reader:
    """Makes a checkpoint of texts and tensors, and refuses whatever of them is left."""

    def __init__(self, metadata: Mapping[str, str], tensors: Mapping[str, Array]):
        self._texts = dict(metadata)
        self._tensors = dict(tensors)

    def checkpoint(self) -> Checkpoint:
        if "format" not in self._texts:
            raise ValueError(f"format: got none, expected {FORMAT!r}: this safetensors file holds something else")
        self._require_text("format", FORMAT)
        self._require_text("format_version", VERSION)
        count = self._whole("layers", 1, _MAX_LAYERS)
        layers: List[Union[Neurons, Linear]] = []
        for i in range(count):
            kind = self._text(f"layers.{i}.type")
            makers: Dict[str, Callable[[str], Union[Neurons, Linear]]] = {
                "neurons": self._neurons,
                "linear": self._linear,
                "readout": lambda prefix: self._linear(prefix, readout=True),
            }
            if kind not in makers:
                raise ValueError(f"layers.{i}.type: got {kind!r}, expected one of {', '.join(makers)}")
            layers.append(makers[kind](f"layers.{i}."))
        _require_chain(layers)
        seed = self._whole("seed", -(2**63), 2**63 - 1, "0")
        steps = None
        if "encoder" in self._texts:
            self._require_text("encoder", "poisson")
            steps = self._whole("encoder.steps", 1, 2**31 - 1)
        extra, training = self._rest("extra."), self._rest("training.")
        for what, of in (("metadata", self._texts), ("tensor", self._tensors)):
            if of:
                raise ValueError(f"{what} {sorted(of)[0]!r}: got a name that the format does not have")
        return Checkpoint(layers, seed, steps, extra, training or None)

    def _rest(self, prefix: str) -> Dict[str, Union[str, Array]]:
        """Texts and tensors whose names begin so, without it."""
        found: Dict[str, Union[str, Array]] = {}
        of: Dict[str, Any]
        for of in (self._texts, self._tensors):
            for name in [name for name in of if name.startswith(prefix)]:
                found[name[len(prefix) :]] = of.pop(name)
        return found

    def _text(self, name: str, default: Optional[str] = None) -> str:
        value = self._texts.pop(name, default)
        if value is None:
            raise ValueError(f"{name}: got none, expected it in the metadata")
        return value

    def _require_text(self, name: str, expected: str) -> None:
        value = self._text(name)
        if value != expected:
            raise ValueError(f"{name}: got {_short(value)}, expected {expected!r}")

    def _whole(self, name: str, low: int, high: int, default: Optional[str] = None) -> int:
        value = self._text(name, default)
        if not _WHOLE.fullmatch(value) or not low <= int(value) <= high:
            raise ValueError(f"{name}: got {_short(value)}, expected a whole number from {low} to {high}")
        return int(value)

    def _both(self, first: str, second: str) -> bool:
        there = [name in self._texts for name in (first, second)]
        if there[0] != there[1]:
            raise ValueError(
                f"{first if there[1] else second}: got none, expected it with {second if there[1] else first}"
            )
        return there[0]

    def _group(self, prefix: str, symbols: Sequence[str], needed: bool) -> Optional[Dict[str, Array]]:
        """Tensors by symbol, all of them, or none."""
        found = {symbol: self._tensors.pop(prefix + symbol) for symbol in symbols if prefix + symbol in self._tensors}
        if not found and not needed:
            return None
        for symbol in symbols:
            if symbol not in found:
                raise ValueError(f"tensor {prefix + symbol!r}: got none, expected it")
        return found

    def _neurons(self, prefix: str) -> Neurons:
        try:
            config = parse(self._text(prefix + "config"))
        except ValueError as refused:
            raise ValueError(f"{prefix}config: {refused}") from None
        model = config._model()
        count = self._whole(prefix + "neurons", 1, 2**24)
        learnable = (
            tuple(self._text(prefix + "learnable", "").split(" ")) if self._texts.get(prefix + "learnable") else ()
        )
        self._texts.pop(prefix + "learnable", None)
        if list(learnable) != [symbol for symbol in model.parameters if symbol in learnable]:
            raise ValueError(
                f"{prefix}learnable: got {_short(' '.join(learnable))}, expected some of {' '.join(model.parameters)}, in this order"
            )
        parameters = self._group(prefix + "parameters.", model.parameters, True) or {}
        for symbol, values in parameters.items():
            _require_shape(f"{prefix}parameters.{symbol}", values, ((count,), (1,)))
        _require_ranges(config, count, parameters, prefix)
        variables = [variable.symbol for variable in model.variables]
        state = self._group(prefix + "state.", variables, False)
        step = 0
        if state is not None:
            step = self._whole(prefix + "step", 0, _MAX_STEP)
            rows = state[variables[0]].shape[:1]
            for symbol, values in state.items():
                if rows == () or rows == (0,):
                    raise ValueError(
                        f"{prefix}state.{symbol}: got the shape {values.shape}, expected (B, {count}), B at least 1"
                    )
                _require_shape(f"{prefix}state.{symbol}", values, ((*rows, count),))
        averaged = [symbol for symbol in ("rate", "homeostasis_offset") if symbol in variables]
        statistics = self._group(prefix + "statistics.", averaged, False)
        for symbol, values in (statistics or {}).items():
            _require_shape(f"{prefix}statistics.{symbol}", values, ((count,),))
        made = Neurons(config, count, parameters, learnable, state, step, statistics)
        if model.name == "QLIF":
            if self._both(prefix + "draws.seed", prefix + "draws.stream"):
                made.draws = Draws(
                    self._whole(prefix + "draws.seed", -(2**63), 2**63 - 1),
                    self._whole(prefix + "draws.stream", -(2**31), 2**31 - 1),
                    self._whole(prefix + "draws.element_offset", 0, 2**63 - 1, "0"),
                )
            if self._both(prefix + "seed", prefix + "stream"):
                made.seed = self._whole(prefix + "seed", -(2**63), 2**63 - 1)
                made.stream = self._whole(prefix + "stream", -(2**31), 2**31 - 1)
        made.episode = self._whole(prefix + "episode", 0, 2**31 - 1, "0")
        made.evaluations = self._whole(prefix + "evaluations", 0, 2**31 - 1, "0")
        return made

    def _linear(self, prefix: str, readout: bool = False) -> Linear:
        order = self._text(prefix + "order", "ascending")
        if order not in ("ascending", "any"):
            raise ValueError(f"{prefix}order: got {_short(order)}, expected ascending or any")
        weight = (self._group(prefix, ("weight",), True) or {})["weight"]
        if weight.ndim != 2 or 0 in weight.shape:
            raise ValueError(f"{prefix}weight: got the shape {weight.shape}, expected (K, M), both at least 1")
        bias = self._tensors.pop(prefix + "bias", None)
        if bias is not None:
            _require_shape(f"{prefix}bias", bias, (weight.shape[1:],))
        return Linear(weight, bias, readout, order == "ascending")


def _require_shape(name: str, values: Array, allowed: Tuple[Tuple[int, ...], ...]) -> None:
    if values.dtype != np.float32:
        raise ValueError(f"{name}: got {values.dtype}, expected float32")
    if values.shape not in allowed:
        raise ValueError(f"{name}: got the shape {values.shape}, expected {' or '.join(map(str, allowed))}")


def _require_ranges(config: NeuronConfig, neurons: int, parameters: Mapping[str, Array], prefix: str) -> None:
    """The library's own check of the values, which every call makes."""
    width = neurons if any(values.shape == (neurons,) for values in parameters.values()) else 1
    with Kernel(config, threads=1) as kernel:
        try:
            kernel.forward(np.zeros((1, 1, width), np.float32), parameters=parameters)
        except ValueError as refused:
            raise ValueError(f"{prefix}{refused}") from None


def _require_chain(layers: Sequence[Union[Neurons, Linear]]) -> None:
    width = None
    for i, layer in enumerate(layers):
        inputs = layer.weight.shape[0] if isinstance(layer, Linear) else layer.neurons
        if width is not None and inputs != width:
            raise ValueError(f"layers.{i}: got {inputs} inputs, expected {width}, the outputs of layer {i - 1}")
        width = layer.weight.shape[1] if isinstance(layer, Linear) else layer.neurons


def _written(checkpoint: Checkpoint) -> Tuple[Dict[str, str], Dict[str, Array]]:
    """The texts and tensors of a checkpoint."""
    texts = {"format": FORMAT, "format_version": VERSION, "layers": str(len(checkpoint.layers))}
    tensors: Dict[str, Array] = {}
    if checkpoint.seed != 0:
        texts["seed"] = _signed("seed", checkpoint.seed, 64)
    if checkpoint.encoder_steps is not None:
        texts["encoder"], texts["encoder.steps"] = "poisson", str(checkpoint.encoder_steps)

    def put(name: str, values: Any) -> None:
        array = np.asarray(values)
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{name}: got {array.dtype}, expected numbers")
        tensors[name] = np.ascontiguousarray(array, np.float32).reshape(array.shape)

    for i, layer in enumerate(checkpoint.layers):
        prefix = f"layers.{i}."
        if isinstance(layer, Linear):
            texts[prefix + "type"] = "readout" if layer.readout else "linear"
            if not layer.ascending:
                texts[prefix + "order"] = "any"
            put(prefix + "weight", layer.weight)
            if layer.bias is not None:
                put(prefix + "bias", layer.bias)
        elif isinstance(layer, Neurons):
            texts[prefix + "type"] = "neurons"
            texts[prefix + "config"] = str(layer.config)
            texts[prefix + "neurons"] = str(layer.neurons)
            texts[prefix + "learnable"] = " ".join(layer.learnable)
            groups = {"parameters": layer.parameters, "state": layer.state, "statistics": layer.statistics}
            for kind, group in groups.items():
                for symbol, values in (group or {}).items():
                    put(f"{prefix}{kind}.{symbol}", values)
            if layer.state is not None:
                texts[prefix + "step"] = str(layer.step)
            if layer.draws is not None:
                texts[prefix + "draws.seed"] = _signed(prefix + "draws.seed", layer.draws.seed, 64)
                texts[prefix + "draws.stream"] = _signed(prefix + "draws.stream", layer.draws.stream, 32)
                if layer.draws.element_offset:
                    texts[prefix + "draws.element_offset"] = str(layer.draws.element_offset)
            if layer.seed is not None:
                texts[prefix + "seed"] = _signed(prefix + "seed", layer.seed, 64)
                texts[prefix + "stream"] = _signed(prefix + "stream", layer.stream, 32)
            for name in ("episode", "evaluations"):
                if getattr(layer, name):
                    texts[prefix + name] = str(getattr(layer, name))
        else:
            raise TypeError(f"layers[{i}]: got {type(layer).__name__}, expected qlif.Neurons or qlif.Linear")
    for prefix, rest in (("extra.", checkpoint.extra), ("training.", checkpoint.training or {})):
        for name, value in rest.items():
            if isinstance(value, str):
                texts[prefix + name] = value
            else:
                put(prefix + name, value)
    return texts, tensors


def _signed(name: str, number: int, bits: int) -> str:
    """The decimal digits of a number with a sign that has the bits of this one."""
    if not -(2 ** (bits - 1)) <= number < 2**bits:
        raise ValueError(f"{name}: got {number}, expected {bits} bits")
    return str((number + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1))


__all__ = ["Checkpoint", "Draws", "Linear", "Neurons", "load", "save"]
