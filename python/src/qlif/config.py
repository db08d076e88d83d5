# SPDX-License-Identifier: Apache-2.0
"""Configurations of the models: immutable, checked, with the options, defaults and ranges of the native library."""

from __future__ import annotations

import ctypes
import math
import numbers
import re
from typing import Any, Dict, Mapping, Tuple, Type, TypeVar

from . import _library as native

DERIVED = "derived"

_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|[+-]?Infinity")

C = TypeVar("C", bound="NeuronConfig")


def _number_text(value: float) -> str:
    """A number as Java prints it, so that the text of a configuration is the same in both."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value != 0 and not 1e-3 <= abs(value) < 1e7:
        mantissa, exponent = f"{value!r}".split("e") if "e" in f"{value!r}" else _scientific(value)
        if "." not in mantissa:
            mantissa += ".0"
        return f"{mantissa}E{int(exponent)}"
    text = repr(value)
    return text if "e" not in text else f"{value:f}"


def _scientific(value: float) -> Tuple[str, str]:
    """The mantissa and exponent of a number, with as many digits as tell it from its neighbours."""
    for digits in range(17):
        text = f"{value:.{digits}e}"
        if float(text) == value:
            break
    mantissa, exponent = text.split("e")
    return mantissa, exponent


class NeuronConfig:
    """The options of a model. Options are given by name and read as attributes; what is not given has its default.
    Values are checked when a configuration is made: one outside its range raises ValueError with name, value and range.

    An option is a bool, an int, a float, or a str that names a choice. One that can be derived from others is None
    unless it is given.

        >>> config = qlif.QlifConfig(tau=10, angle_map="TANH")
        >>> config.tau, config.angle_map, config.q_scale
        (10.0, 'TANH', None)
        >>> str(config)
        'QLIF angle_map=TANH tau=10.0'
        >>> qlif.QlifConfig.parse(str(config)) == config
        True

    Configurations compare and hash by their options, can be pickled, and may be used by any number of threads.
    """

    _MODEL = ""

    __slots__ = ("_values", "_struct", "_text")

    _text: str
    _values: Dict[str, Any]
    _struct: ctypes.Array

    def __init__(self, **options: Any):
        if type(self) is NeuronConfig:
            raise TypeError("NeuronConfig: can't be instantiated, create a QlifConfig or a LifConfig")
        struct = self._start(native.library())
        self._make(struct, options)

    @classmethod
    def _start(cls, library: native.Library) -> ctypes.Array:
        raise NotImplementedError

    @classmethod
    def _model(cls) -> native.Model:
        return native.library().models[native.MODELS[cls._MODEL]]

    def _make(self, struct: ctypes.Array, options: Mapping[str, Any]) -> None:
        table = self._model().options
        for name, value in options.items():
            option = table.get(name)
            if option is None:
                raise ValueError(f"option: got '{name}', expected one of {', '.join(table)}")
            _write(struct, option, _number_of(option, value))
        native.library().call("qlif_constants", ctypes.addressof(struct), None)
        values = {name: _value_of(option, _read(struct, option)) for name, option in table.items()}
        words = [self._MODEL]
        for name, option in table.items():
            number, default = _read(struct, option), option.default
            if number != default and not (math.isnan(number) and math.isnan(default)):
                words.append(f"{name}={_text_of(option, number)}")
        object.__setattr__(self, "_text", " ".join(words))
        object.__setattr__(self, "_struct", struct)
        object.__setattr__(self, "_values", values)

    @classmethod
    def parse(cls: Type[C], text: str) -> C:
        """The configuration that a text describes, in the form of str(config): the model's name, and options as
        NAME=VALUE. Raises ValueError if it is of another model, or an option is unknown, there twice or out of range.
        """
        words = text.split()
        if not words or words[0] != cls._MODEL:
            raise ValueError(f"model: got '{words[0] if words else ''}', expected {cls._MODEL}")
        table = cls._model().options
        options: Dict[str, Any] = {}
        for word in words[1:]:
            name, equals, value = word.partition("=")
            if not equals:
                raise ValueError(f"setting: got '{word}', expected NAME=VALUE, such as dt=1.0")
            option = table.get(name)
            if option is None:
                raise ValueError(f"option: got '{name}', expected one of {', '.join(table)}")
            if name in options:
                raise ValueError(f"{name}: got it twice, expected it once")
            options[name] = _parsed(option, value)
        return cls(**options)

    def replace(self: C, **options: Any) -> C:
        """This configuration with other values of some options. What was derived is derived anew; None derives what was
        given."""
        made = object.__new__(type(self))
        made._make(_copy(self._struct), options)
        return made

    def parameter_default(self, name: str) -> float:
        """Where a parameter, such as "v_th", starts in this configuration."""
        parameters = self._model().parameters
        if name not in parameters:
            raise ValueError(f"parameter: got '{name}', expected one of {', '.join(parameters)}")
        value = ctypes.c_float()
        native.library().call("qlif_parameter_default", self._address, parameters.index(name), ctypes.byref(value))
        return value.value

    def constants(self) -> Dict[str, float]:
        """The float32 numbers that the kernels compute with, by name."""
        names = self._model().constants
        values = (ctypes.c_float * len(names))()
        native.library().call("qlif_constants", self._address, ctypes.addressof(values))
        return dict(zip(names, values))

    @property
    def _address(self) -> int:
        return ctypes.addressof(self._struct)

    @property
    def draws_normals(self) -> bool:
        """Whether runs draw membrane noise."""
        return False

    @property
    def uniforms_per_step(self) -> int:
        """How many uniforms a neuron draws in a step."""
        return 0

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no option '{name}'") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} can't be changed: config.replace({name}=...) returns a changed copy")

    def __dir__(self) -> list:
        return [*super().__dir__(), *self._model().options]

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        words = str(self).split()[1:]
        return f"<{type(self).__name__}{''.join(' ' + word for word in words)}>"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> Tuple[Any, ...]:
        return _parse, (str(self),)


class QlifConfig(NeuronConfig):
    """The options of the QLIF model; docs/model.md, section 1, says what each means.

    Shapes of what a neuron computes are not among them: they come with each call.
    """

    _MODEL = "QLIF"

    __slots__ = ()

    @classmethod
    def _start(cls, library: native.Library) -> ctypes.Array:
        struct = _buffer(cls._model().config_size)
        library.call("qlif_qlif_defaults", ctypes.addressof(struct), len(struct))
        return struct

    @classmethod
    def preset(cls, name: str, **options: Any) -> "QlifConfig":
        """A known setting, "2025-08-15", "2025-08-24" (public PyTorch snapshots of QLIF, docs/model.md, section 9) or
        "plain-lif" (every option off), with other values of some options. With decision="SIGMOID" or "THRESHOLD" it is
        the snapshot's setting for that decision."""
        struct = _buffer(cls._model().config_size)
        native.library().call(
            "qlif_qlif_preset", ctypes.addressof(struct), len(struct), name.encode("utf-8", "replace")
        )
        made = object.__new__(cls)
        made._make(struct, {})
        decision = options.get("decision", "QUBIT")
        if name != "plain-lif" and decision != "QUBIT":
            # What the preset sets for QUBIT decisions only; docs/model.md, section 9.
            made = cls(
                reset_fraction=made.reset_fraction,
                eta=made.eta,
                homeostasis_enabled=made.homeostasis_enabled,
                detach_reset=made.detach_reset,
                stochastic=decision != "THRESHOLD",
            )
        return made.replace(**options)

    @property
    def draws_normals(self) -> bool:
        return self.stochastic and self.noise_std > 0

    @property
    def uniforms_per_step(self) -> int:
        if self.decision == "QUBIT":
            return {"SINGLE_QUBIT": 1, "MULTI_QUBIT": self.quantum_wires, "EXPECTATION": 0}[self.readout]
        return 1 if self.decision == "SIGMOID" and self.sampling == "DRAW" else 0


class LifConfig(NeuronConfig):
    """The options of the LIF model, the baseline with a synaptic current; docs/model.md, section 11."""

    _MODEL = "LIF"

    __slots__ = ()

    @classmethod
    def _start(cls, library: native.Library) -> ctypes.Array:
        struct = _buffer(cls._model().config_size)
        library.call("qlif_lif_defaults", ctypes.addressof(struct), len(struct))
        return struct


def _parse(text: str) -> NeuronConfig:
    """The configuration of any model that a text describes."""
    model = text.split(maxsplit=1)[0] if text.split() else ""
    for kind in (QlifConfig, LifConfig):
        if kind._MODEL == model:
            return kind.parse(text)
    raise ValueError(f"model: got '{model}', expected QLIF or LIF")


def parse(text: str) -> NeuronConfig:
    """The configuration of any model that a text describes: NeuronConfig.parse."""
    return _parse(text)


def _buffer(size: int) -> ctypes.Array:
    # Over 64-bit words, so that the doubles in it are aligned.
    words = (ctypes.c_uint64 * ((size + 7) // 8))()
    return (ctypes.c_char * size).from_buffer(words)


def _copy(struct: ctypes.Array) -> ctypes.Array:
    made = _buffer(len(struct))
    ctypes.memmove(made, struct, len(struct))
    return made


def _read(struct: ctypes.Array, option: native.Option) -> float:
    kind = ctypes.c_double if option.kind == native.KIND_REAL else ctypes.c_int32
    return kind.from_buffer(struct, option.offset).value


def _write(struct: ctypes.Array, option: native.Option, value: float) -> None:
    kind = ctypes.c_double if option.kind == native.KIND_REAL else ctypes.c_int32
    kind.from_buffer(struct, option.offset).value = value


def _refusal(option: native.Option, got: Any, expected: str) -> ValueError:
    return ValueError(f"{option.name}: got {got!r}, expected {expected}")


def _number_of(option: native.Option, value: Any) -> float:
    """An option's value as its field has it; the range is the library's to check."""
    if option.kind == native.KIND_BOOLEAN:
        if not isinstance(value, bool):
            raise _refusal(option, value, "True or False")
        return int(value)
    if option.kind == native.KIND_ENUMERATION:
        if value not in option.choices:
            raise _refusal(option, value, f"one of {', '.join(option.choices)}")
        return option.choices.index(value)
    if option.kind == native.KIND_INTEGER:
        if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not -(2**31) <= int(value) < 2**31:
            raise _refusal(option, value, "a whole number in its range")
        return int(value)
    if value is None and option.derived:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise _refusal(option, value, "a number")
    number = float(value)
    if option.derived and math.isnan(number):
        raise _refusal(option, value, "a finite number, or None to derive it")
    return number


def _value_of(option: native.Option, number: float) -> Any:
    if option.kind == native.KIND_BOOLEAN:
        return bool(number)
    if option.kind == native.KIND_ENUMERATION:
        return option.choices[int(number)]
    if option.kind == native.KIND_REAL and option.derived and math.isnan(number):
        return None
    return number


def _text_of(option: native.Option, number: float) -> str:
    if option.kind == native.KIND_BOOLEAN:
        return "true" if number else "false"
    if option.kind == native.KIND_ENUMERATION:
        return option.choices[int(number)]
    if option.kind == native.KIND_INTEGER:
        return str(int(number))
    return DERIVED if math.isnan(number) else _number_text(number)


def _parsed(option: native.Option, text: str) -> Any:
    if option.kind == native.KIND_BOOLEAN:
        if text not in ("true", "false"):
            raise _refusal(option, text, "true or false")
        return text == "true"
    if option.kind == native.KIND_ENUMERATION:
        return text
    if option.kind == native.KIND_INTEGER:
        if not _INTEGER.fullmatch(text):
            raise _refusal(option, text, "a whole number")
        return int(text)
    if option.derived and text == DERIVED:
        return None
    if not _NUMBER.fullmatch(text):
        raise _refusal(option, text, "a number")
    return float(text.replace("Infinity", "inf"))


__all__ = ["LifConfig", "NeuronConfig", "QlifConfig", "parse"]
