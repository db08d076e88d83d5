# SPDX-License-Identifier: Apache-2.0
"""Runs golden cases: `python -m qlif.verify PATH...`

Paths are .safetensors files, or folders that are searched for them; the README beside the files says what they hold.
Each case runs through `qlif.Kernel`, forward and backward, with each kind of tape; where PyTorch is there, a case
`torch-*` also runs through `qlif.torch.QLIFLayer`, and step by step through `qlif.torch.QLIF`. Spikes must match
exactly, other results within the bounds that the README gives. One line for each file, the counts last; exit 1 if any
failed, 2 if there is nothing to verify.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import sys
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

import numpy as np
from safetensors import SafetensorError, safe_open

from .config import LifConfig, NeuronConfig, QlifConfig
from .kernel import Kernel

_ABSOLUTE = 1e-5
_FORWARD = 1e-4
_GRADIENT = 5e-4
_NORMALS = 1e-6
_MAX_BYTES = 128 << 20
_MAX_ELEMENTS = 1 << 20
_MAX_WIRES = 64

# The keys of a configuration in a file that are not the names of the options that they set.
_RENAMED = {
    "adaptation": "use_adaptation",
    "adaptive_threshold": "use_adaptive_threshold",
    "ahp": "use_ahp",
    "depression": "use_depression",
    "homeostasis": "homeostasis_enabled",
}


class Refused(Exception):
    """A file that is no golden case; the text says why."""


class Case:
    """A golden case: its configuration and tensors, checked."""

    def __init__(self, path: Path):
        self.path = path
        if not path.is_file():
            raise Refused("got something that is not a regular file, expected a .safetensors file")
        if path.stat().st_size > _MAX_BYTES:
            raise Refused(f"got {path.stat().st_size} bytes, expected at most {_MAX_BYTES}")
        try:
            with safe_open(str(path), framework="np") as file:
                self.metadata: Mapping[str, str] = file.metadata() or {}
                self.tensors: Dict[str, np.ndarray] = {name: file.get_tensor(name) for name in file.keys()}
        except (SafetensorError, OSError, TypeError, ValueError) as broken:
            raise Refused(f"can't be read: {broken}") from broken
        config = self.metadata.get("config")
        if config is None:
            raise Refused("metadata: got no 'config'")
        try:
            values = json.loads(config, object_pairs_hook=_without_duplicates)
        except ValueError as broken:
            raise Refused(f"config: {broken}") from broken
        if not isinstance(values, dict):
            raise Refused("config: got no object")
        self.values: Dict[str, Any] = values
        self.model = values.pop("model", "QLIF")
        if self.model == "RNG":
            self.config: Optional[NeuronConfig] = None
        elif self.model in ("QLIF", "LIF"):
            try:
                self.config = self._qlif() if self.model == "QLIF" else self._lif()
            except ValueError as refused:
                raise Refused(f"config: {refused}") from refused
        else:
            raise Refused(f"config.model: got {self.model!r}, expected QLIF, LIF or RNG")
        self.shape = self._check()

    def _qlif(self) -> QlifConfig:
        options = {_RENAMED.get(key, key): value for key, value in self.values.items()}
        if "round_probability" in options:
            flag = options.pop("round_probability")
            if not isinstance(flag, bool):
                raise ValueError(f"round_probability: got {flag!r}, expected true or false")
            options["sampling"] = "ROUND" if flag else "DRAW"
        normals = "normals" in self.tensors
        stochastic = self.metadata.get("stochastic")
        if stochastic is not None and stochastic != str(normals):
            raise ValueError(f"stochastic: got {stochastic!r} {'with' if normals else 'without'} the tensor 'normals'")
        return QlifConfig(stochastic=normals, **options)

    def _lif(self) -> LifConfig:
        options = dict(self.values)
        if options.get("surrogate") == "SUPERSPIKE":
            options["surrogate"] = "FAST_SIGMOID"
        # The rates start where they are for this dt a step: what a case runs with are its own.
        usual = LifConfig()
        dt = options.get("dt", usual.dt)
        if isinstance(dt, float) and dt > 0:
            options.setdefault("tau_syn_inv", usual.tau_syn_inv * usual.dt / dt)
            options.setdefault("tau_mem_inv", usual.tau_mem_inv * usual.dt / dt)
        return LifConfig(**options)

    def _check(self) -> Tuple[int, int, int]:
        """T, B and N. All of a file is checked before anything runs: a tensor that no comparison uses, or one that no
        result could be held against, would let a case pass that has shown nothing."""
        first = "expect_normals" if self.config is None else "input"
        if first not in self.tensors:
            raise Refused(f"tensor '{first}' is missing")
        shape = self.tensors[first].shape
        if len(shape) != 3:
            raise Refused(f"tensor '{first}': got the shape {shape}, expected (T, B, N)")
        forms = self._forms(shape)
        for name, array in self.tensors.items():
            if name not in forms:
                raise Refused(
                    f"tensor {name!r}: got a tensor that no comparison uses in a case of the model {self.model}"
                )
            limit = _MAX_ELEMENTS * (_MAX_WIRES if name == "uniforms" else 1)
            if math.prod(max(extent, 1) for extent in array.shape) > limit:
                raise Refused(f"tensor '{name}': got the shape {array.shape}, expected at most {limit} elements")
            allowed = forms[name]
            if array.shape not in allowed:
                raise Refused(
                    f"tensor '{name}': got the shape {array.shape}, expected {allowed[0] if allowed else 'none'}"
                )
            dtype = np.dtype(np.uint8 if name == "expect_spikes" else np.float32)
            if array.dtype != dtype:
                raise Refused(f"tensor '{name}': got {array.dtype}, expected {dtype}")
            if name == "expect_spikes":
                if (array > 1).any():
                    raise Refused(f"tensor '{name}': got values other than 0 and 1")
            elif not np.isfinite(array).all():
                raise Refused(f"tensor '{name}': got values that are not finite")
            elif name in ("uniforms", "expect_uniforms") and not ((array >= 0) & (array < 1)).all():
                raise Refused(f"tensor '{name}': got values outside [0, 1)")
        expected = [name for name in self.tensors if name.startswith("expect_")]
        if not any(self.tensors[name].size for name in expected):
            raise Refused("got no expected element: nothing to compare")
        if not any(name.startswith("expect_grad_") for name in expected):
            for name in self.tensors:
                if name.startswith("grad_"):
                    raise Refused(
                        f"tensor '{name}': got a tensor that no comparison uses, since there is no 'expect_grad_*'"
                    )
        if self.config is not None:
            needed = [f"param_{symbol}" for symbol in self.config._model().parameters]
            needed += ["uniforms"] if self.config.uniforms_per_step else []
        else:
            needed = ["expect_uniforms"]
        for name in needed:
            if name not in self.tensors:
                raise Refused(f"tensor '{name}' is missing")
        return shape

    def _forms(self, shape: Tuple[int, ...]) -> Dict[str, List[Tuple[int, ...]]]:
        """The tensors that a case may hold, with the shapes that each may have."""
        steps, batch, neurons = shape
        if self.config is None:
            wires = self.tensors["expect_uniforms"].shape[1:2] if "expect_uniforms" in self.tensors else (1,)
            return {"expect_uniforms": [shape, (steps, *wires, batch, neurons)], "expect_normals": [shape]}
        model = self.config._model()
        run = ["input", "grad_y", "grad_v", "expect_spikes", "expect_spike_values", "expect_v", "expect_grad_input"]
        forms: Dict[str, List[Tuple[int, ...]]] = {name: [shape] for name in run}
        for trace in model.traces:
            forms[f"expect_{trace.symbol}"] = [shape]
        for symbol in model.parameters:
            given = self.tensors.get(f"param_{symbol}")
            forms[f"param_{symbol}"] = [(neurons,), (1,), ()]
            forms[f"expect_grad_{symbol}"] = [] if given is None else [given.shape]
        for variable in model.variables:
            for form in ("initial_{}", "grad_final_{}", "expect_final_{}", "expect_grad_state_{}"):
                forms[form.format(variable.symbol)] = [(batch, neurons)]
        if self.model == "QLIF":
            # A case may bring draws that its configuration does not take.
            wires = self.config.uniforms_per_step
            uniforms = self.tensors.get("uniforms")
            if wires == 0 and uniforms is not None and uniforms.ndim == 4:
                wires = min(uniforms.shape[1], _MAX_WIRES)
            forms["uniforms"] = [(steps, max(wires, 1), batch, neurons)] + ([shape] if wires <= 1 else [])
            forms["normals"] = [shape]
        if model.takes_modulation:
            given = self.tensors.get("modulation")
            broadcast = given is not None and given.ndim <= 3
            broadcast = broadcast and all(a in (1, b) for a, b in zip(reversed(given.shape), reversed(shape)))
            forms["modulation"] = [given.shape] if broadcast else []
            forms["expect_grad_modulation"] = [] if given is None else [given.shape]
        return forms


class Comparison:
    """How far results are from what a case expects."""

    def __init__(self) -> None:
        self.problems: List[str] = []
        self.compared = 0
        self.worst: Dict[str, Tuple[float, str]] = {}

    def exact(self, name: str, expected: np.ndarray, got: np.ndarray) -> None:
        self.compared += expected.size
        if got.shape != expected.shape:
            self.problems.append(f"{name}: got the shape {got.shape}, expected {expected.shape}")
            return
        differ = np.flatnonzero(np.asarray(expected).ravel() != np.asarray(got).ravel())
        if differ.size:
            self.problems.append(f"{name}: {differ.size} of {expected.size} differ, the first at index {differ[0]}")

    def close(
        self, kind: str, name: str, expected: np.ndarray, got: np.ndarray, absolute: float, relative: float
    ) -> None:
        self.compared += expected.size
        if got.shape != expected.shape:
            self.problems.append(f"{name}: got the shape {got.shape}, expected {expected.shape}")
            return
        if expected.size == 0:
            return
        allowed = absolute + relative * float(np.abs(expected.astype(np.float64)).max())
        error = np.abs(got.astype(np.float64) - expected.astype(np.float64)).max()
        error = math.inf if math.isnan(error) else float(error)
        if not error <= allowed:
            self.problems.append(f"{name}: off by {error:.2g}, allowed {allowed:.2g}")
        if kind not in self.worst or error / allowed > self.worst[kind][0]:
            self.worst[kind] = (error / allowed, f"{error:.2g} of {allowed:.2g} in {name}")

    def result(self, name: str, expected: np.ndarray, got: Any, path: str) -> None:
        """A tensor of a case, by its name, against a result; path: the way that it was computed."""
        shown = f"{name} ({path})"
        if got is None:
            self.problems.append(f"{shown}: this is not computed")
        elif name == "expect_spikes":
            self.exact(shown, expected, got)
        elif name.startswith("expect_grad_"):
            self.close("gradient", shown, expected, got, _ABSOLUTE, _GRADIENT)
        else:
            self.close("forward", shown, expected, got, _ABSOLUTE, _FORWARD)


def _without_duplicates(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("got a key twice")
    return made


def _core(case: Case, comparison: Comparison) -> None:
    """A case of a model through `Kernel`, with each kind of tape."""
    config, tensors = case.config, case.tensors
    model = config._model()
    state = {v.symbol: tensors[f"initial_{v.symbol}"] for v in model.variables if f"initial_{v.symbol}" in tensors}
    final = {
        v.symbol: tensors[f"grad_final_{v.symbol}"] for v in model.variables if f"grad_final_{v.symbol}" in tensors
    }
    with Kernel(config) as kernel:
        for record in ("voltage", "compact"):
            run = kernel.forward(
                tensors["input"],
                parameters={symbol: tensors[f"param_{symbol}"] for symbol in model.parameters},
                modulation=tensors.get("modulation"),
                state=state or None,
                uniforms=tensors.get("uniforms") if config.uniforms_per_step else None,
                normals=tensors.get("normals") if config.draws_normals else None,
                traces=[trace.symbol for trace in model.traces if f"expect_{trace.symbol}" in tensors],
                record=record,
            )
            gradients = kernel.backward(
                run,
                grad_spike_values=tensors.get("grad_y"),
                grad_voltages=tensors.get("grad_v"),
                grad_state=final or None,
            )
            results = {"spikes": run.spikes, "spike_values": run.spike_values, "v": run.voltages, **run.traces}
            results.update({f"final_{symbol}": array for symbol, array in run.state.items()})
            results.update({f"grad_{symbol}": array for symbol, array in gradients.parameters.items()})
            results.update({f"grad_state_{symbol}": array for symbol, array in gradients.state.items()})
            results.update({"grad_input": gradients.input, "grad_modulation": gradients.modulation})
            for name, expected in tensors.items():
                if name.startswith("expect_"):
                    comparison.result(name, expected, results.get(name[len("expect_") :]), f"tape {record}")


def _draws(case: Case, comparison: Comparison) -> None:
    """A case of the generator."""
    values = case.values
    if set(values) != {"seed", "stream", "step_offset", "element_offset"}:
        raise Refused(f"config: got the keys {sorted(values)}, expected seed, stream, step_offset and element_offset")
    try:
        seed = int(values["seed"], 16)
    except (TypeError, ValueError) as broken:
        raise Refused(f"config.seed: got {values['seed']!r}, expected 16 hexadecimal digits") from broken
    expected = case.tensors["expect_uniforms"]
    wires = expected.shape[1] if expected.ndim == 4 else 1
    with Kernel(QlifConfig()) as kernel:
        uniforms, normals = kernel.draw(
            case.shape,
            seed=seed,
            stream=values["stream"],
            first_step=values["step_offset"],
            element_offset=values["element_offset"],
            wires=wires,
        )
    comparison.exact("expect_uniforms", expected.view(np.uint32), uniforms.reshape(expected.shape).view(np.uint32))
    comparison.close("forward", "expect_normals", case.tensors["expect_normals"], normals, _NORMALS, 0)


def verify(path: Path, layers: bool = True) -> Tuple[bool, str]:
    """Whether a file passes, and a line that says so. layers: whether cases of PyTorch snapshots run through the
    layers, too."""
    comparison = Comparison()
    try:
        case = Case(path)
        if case.config is None:
            _draws(case, comparison)
        else:
            _core(case, comparison)
            if layers and path.name.startswith("torch-"):
                from .torch import _golden

                _golden.run(case, comparison)
    except Refused as refused:
        return False, f"FAILED {path}: {refused}"
    except (ValueError, MemoryError, RuntimeError, OSError, ImportError) as failed:
        return False, f"FAILED {path}: {failed}"
    if comparison.compared == 0:
        comparison.problems.append("nothing was compared")
    told = ", ".join(f"{kind} {text}" for kind, (_, text) in comparison.worst.items())
    if comparison.problems:
        shown = "; ".join(comparison.problems[:8])
        more = len(comparison.problems) - 8
        return False, f"FAILED {path}: {shown}{f'; and {more} more' if more > 0 else ''}"
    return True, f"PASSED {path}: {told}"


def find(paths: Iterable[str]) -> Tuple[List[Path], List[str]]:
    """The files that paths stand for, and what could not be followed."""
    files: List[Path] = []
    missed: List[str] = []
    for text in paths:
        path = Path(text)
        if path.is_dir():
            below = sorted(path.rglob("*.safetensors"))
            if not below:
                missed.append(f"{path}: no .safetensors file in this folder")
            files += below
        elif path.exists():
            files.append(path)
        else:
            missed.append(f"{path}: no such file or folder")
    return files, missed


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m qlif.verify", description=__doc__.split("\n\n")[0])
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a .safetensors file, or a folder of them")
    parser.add_argument("--core", action="store_true", help="leave out the layers of PyTorch")
    options = parser.parse_args(arguments)
    layers = not options.core and importlib.util.find_spec("torch") is not None
    if not layers and not options.core:
        print("PyTorch is not installed: its layers are left out", file=sys.stderr)
    files, missed = find(options.paths)
    passed = failed = 0
    for problem in missed:
        print(f"FAILED {problem}")
        failed += 1
    for path in files:
        ok, line = verify(path, layers)
        print(line, flush=True)
        passed += ok
        failed += not ok
    print(f"{passed} passed, {failed} failed")
    if not files:
        return 2
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # Nobody reads on. Standard output is closed already: keep the interpreter from flushing it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
