# SPDX-License-Identifier: Apache-2.0
"""Makes a checkpoint of a state_dict of QLIF-Neurons: `python -m qlif.convert IN OUT`

IN is a file that torch.save wrote of `module.state_dict()`, of QLIF, of QLIFLayer or of a network in a row of them and
nn.Linear, whose last linear layer is taken as the readout of the mean over time. It is loaded with weights_only=True, so
that nothing in it runs. Names decide which snapshot it is of, shapes which layers. What a state_dict does not say (such
as V_reset, noise_std or whether quantum_mode was on) has the package's defaults unless --set says otherwise. The state of
a run is left out, but of single neurons with --state.

OUT is a checkpoint, for `qlif.torch.load`, `qlif.load`, the JVM and the command line (docs/checkpoints.md). Exit 1, with
what came and what was expected, for a file that is no such state_dict; 2 for arguments that are wrong.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import warnings
from typing import Any, Dict, List, Mapping, Optional, Tuple

from . import checkpoint as files

_PRESETS = ("2025-08-15", "2025-08-24")
_LATER = ("theta_max", "k_q")


def read(path: str) -> "Dict[str, Any]":
    """The tensors by name of a file that torch.save wrote. Raises ValueError if it is something else."""
    import torch

    with open(path, "rb") as file:
        begin = file.read(8)
    if len(begin) == 8 and 2 <= int.from_bytes(begin, "little") <= 16 << 20 and begin[:1] != b"\x80":
        raise ValueError(f"{path}: got a safetensors file, expected a state_dict saved with torch.save")
    try:
        with warnings.catch_warnings():
            # Of a file that is no state_dict, which is refused below.
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as refused:
        reason = str(refused).strip().splitlines()
        wanted = [line.strip() for line in reason if "GLOBAL" in line or "Unsupported" in line]
        raise ValueError(
            f"{path}: got a file with more than tensors in it, expected a state_dict saved with torch.save; "
            f"save module.state_dict(), not the module: {(wanted or reason or ['no message'])[0][:200]}"
        ) from None
    except (
        RuntimeError,
        EOFError,
        KeyError,
        IndexError,
        ValueError,
        TypeError,
        AttributeError,
        UnicodeDecodeError,
    ) as broken:
        reason = str(broken).strip().splitlines() or [type(broken).__name__]
        raise ValueError(
            f"{path}: got a file that can't be read, expected a state_dict saved with torch.save: {reason[0][:200]}"
        ) from None
    if not isinstance(found, Mapping):
        raise ValueError(f"{path}: got a {type(found).__name__}, expected a state_dict, which has tensors by name")
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            inside = f"; the state_dict may be what is in {name!r}" if isinstance(value, Mapping) else ""
            raise ValueError(
                f"{path}: got {type(value).__name__} by the name {name!r}, expected a tensor, as a state_dict has{inside}"
            )
    return dict(found)


def _parts(tensors: Mapping[str, Any]) -> List[Tuple[str, str]]:
    """(kind, prefix) of the layers, in the order of the file: "qlif", "linear"."""
    prefixes = [name[: -len("q_scale")] for name in tensors if name == "q_scale" or name.endswith(".q_scale")]
    found: Dict[str, str] = {}
    for name, tensor in tensors.items():
        own = [prefix for prefix in prefixes if name.startswith(prefix)]
        if own:
            found.setdefault(own[0], "qlif")
            continue
        prefix, _, last = name.rpartition(".")
        prefix += "." if prefix else ""
        if last == "weight" and tensor.dim() == 2:
            found.setdefault(prefix, "linear")
        elif last != "bias" or tensor.dim() != 1 or found.get(prefix) != "linear":
            raise ValueError(
                f"{name}: got a tensor of shape {tuple(tensor.shape)}, expected those of QLIF neurons (q_scale, q_bias and so on) "
                "and of nn.Linear (weight, then bias)"
            )
    if "qlif" not in found.values():
        names = ", ".join(list(tensors)[:5]) or "none"
        raise ValueError(f"names: got {names}, expected those of QLIF neurons, such as q_scale, q_bias, tau")
    return [(kind, prefix) for prefix, kind in found.items()]


def _neurons(tensors: Mapping[str, Any], prefix: str, preset: Optional[str], settings: Mapping[str, Any]) -> Any:
    from .torch import QLIF

    own = {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    scale = own["q_scale"]
    if scale.dim() != 1 or scale.shape[0] == 0:
        raise ValueError(f"{prefix}q_scale: got the shape {tuple(scale.shape)}, expected (N,)")
    known = preset or (_PRESETS[1] if any(name in own for name in _LATER) else _PRESETS[0])
    arguments: Dict[str, Any] = {
        "learnable_threshold": "V_th" in own,
        "allow_dynamic_spike_probability": "dynamic_spike_probability.tau_adapt" in own,
    }
    made = QLIF(scale.shape[0], preset=known, **{**arguments, **settings})
    try:
        made.load_state_dict(own)
    except RuntimeError as refused:
        problems = [line.strip() for line in str(refused).splitlines()[1:]]
        raise ValueError(f"{prefix or 'QLIF'}: {' '.join(problems)[:500]} (as a snapshot of {known})") from None
    return made


def _linear(tensors: Mapping[str, Any], prefix: str) -> Any:
    import torch

    weight, bias = tensors[prefix + "weight"], tensors.get(prefix + "bias")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"{prefix}bias: got the shape {tuple(bias.shape)}, expected {tuple(weight.shape[:1])}")
    if 0 in weight.shape:
        raise ValueError(f"{prefix}weight: got the shape {tuple(weight.shape)}, expected (M, K), both at least 1")
    made = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    with torch.no_grad():
        made.weight.copy_(weight)
        if bias is not None:
            made.bias.copy_(bias)
    return made


def convert(
    tensors: Mapping[str, Any], preset: Optional[str] = None, state: bool = False, **settings: Any
) -> files.Checkpoint:
    """The checkpoint of a state_dict's tensors. settings: arguments of `qlif.torch.QLIF`."""
    from .torch import Mean, Network, QLIFLayer
    from .torch.checkpoint import checkpoint_of

    parts = _parts(tensors)
    if len(parts) == 1:
        neurons = _neurons(tensors, parts[0][1], preset, settings)
        made = checkpoint_of(neurons if state else QLIFLayer.of(neurons))
        # Which draws came next, a state_dict of the public package does not say.
        made.layers[0].draws = None
        return made
    if state:
        raise ValueError(f"state: got a network of {len(parts)} layers, expected only neurons")
    row: List[Any] = []
    for i, (kind, prefix) in enumerate(parts):
        if kind == "linear":
            if i > 0 and i + 1 == len(parts):
                row.append(Mean())
            row.append(_linear(tensors, prefix))
        else:
            row.append(_neurons(tensors, prefix, preset, settings))
    return checkpoint_of(Network(*row))


def _setting(text: str) -> Tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"got {text!r}, expected NAME=VALUE, such as noise_std=0.0")
    words: Dict[str, Any] = {"true": True, "false": False, "none": None}
    if value.lower() in words:
        return name, words[value.lower()]
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            pass
    return name, value


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m qlif.convert", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("input", metavar="IN", help="the state_dict, as torch.save wrote it")
    parser.add_argument("output", metavar="OUT", help="the checkpoint, such as layer.safetensors")
    parser.add_argument("--preset", choices=_PRESETS, help="the snapshot; unless given, what the names tell")
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="an argument that QLIF was given",
    )
    parser.add_argument("--state", action="store_true", help="with the state of the run that the neurons are in")
    options = parser.parse_args(arguments)
    try:
        made = convert(read(options.input), options.preset, options.state, **dict(options.set))
        files.save(made, options.output)
    except (ValueError, TypeError, OSError) as refused:
        print(f"qlif.convert: {refused}", file=sys.stderr)
        return 1
    except ImportError as absent:
        print(f"qlif.convert: PyTorch is needed to read a state_dict: {absent}", file=sys.stderr)
        return 1
    for i, layer in enumerate(made.layers):
        if isinstance(layer, files.Neurons):
            print(f"layer {i}: {layer.neurons} neurons, {layer.config}")
        else:
            inputs, outputs = layer.weight.shape
            print(f"layer {i}: {'readout' if layer.readout else 'linear'}, {inputs} to {outputs}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
