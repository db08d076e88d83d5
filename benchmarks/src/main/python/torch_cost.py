# SPDX-License-Identifier: Apache-2.0
"""What a call through PyTorch costs over the bare C call, for the layers of python/src/qlif/torch.

    python benchmarks/src/main/python/torch_cost.py --markdown [--threads 2] [--shapes 20x128x512,100x1x128,1x1x128]

Side by side in one run: the C calls on memory that is there; an operator in C++ of the same signature that computes nothing
(empty_operator.cpp); both, one after the other, forward and then backward, so that PyTorch's code finds the caches as a C call leaves them; the
same with PyTorch's own product of two vectors of N numbers in place of the empty operator; the operator; QLIFLayer. Forward + backward with the
gradients of the input and of the learnable parameters, and forward under no_grad, in training, which carries homeostasis' means on. Needs the
package qlif installed, with PyTorch and a C++ compiler. It takes three minutes, and wants the machine for itself. The last three columns are what
is asked of it: how much longer operator and layer take than the C calls, and at small shapes the operator than the C calls and the empty
operator; the layer than the operator and, under no_grad, than the C call, in microseconds.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List

import torch

import qlif
from qlif import _library as native
from qlif.torch import QLIFLayer, _build, _operators

CONFIGURATIONS = {
    "default": {},
    "2025-08-15": {"preset": "2025-08-15"},
    "2025-08-24": {"preset": "2025-08-24"},
    "plain-lif": {
        "quantum_mode": False, "stochastic": False, "allow_dynamic_spike_probability": False, "use_ahp": False,
        "use_adaptive_threshold": False, "homeostasis_enabled": False, "neuromod_mode": "off",
        "options": {"use_adaptation": False, "use_depression": False, "refractory": False},
    },
}  # fmt: skip


def load_empty() -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "empty.so"
        _build.compile_operators(Path(__file__).with_name("empty_operator.cpp"), Path(folder), target)
        torch.ops.load_library(str(target))


def middle(values: List[float]) -> float:
    return sorted(values)[len(values) // 2]


def turns_of(
    contenders: Dict[str, Callable[[], object]], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> Dict[str, List[float]]:
    """Microseconds a call, by a clock in seconds: the contenders take turns, and this is what each one's calls took in each.

    The first half of a turn is not measured: until the caches hold a contender's own memory again, and no longer the others', calls take up
    to twice as long.
    """
    counts = {}
    for name, call in contenders.items():
        for _ in range(5):
            call()
        began = clock()
        call()
        counts[name] = max(3, int(0.01 / max(clock() - began, 1e-7)))
    turns: Dict[str, List[float]] = {name: [] for name in contenders}
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends or len(turns[next(iter(turns))]) < 5:
        for name, call in contenders.items():
            for _ in range(counts[name]):
                call()
            began = clock()
            for _ in range(counts[name]):
                call()
            turns[name].append((clock() - began) / counts[name] * 1e6)
    return turns


def medians(contenders: Dict[str, Callable[[], object]], seconds: float) -> Dict[str, float]:
    """Microseconds a call, the median of each contender's turns."""
    return {name: middle(each) for name, each in turns_of(contenders, seconds).items()}


class Bare:
    """The C calls that the operator makes, on memory that is there."""

    def __init__(
        self, layer: QLIFLayer, input: torch.Tensor, upstream: torch.Tensor, parameters: List[torch.Tensor], text: str
    ):
        config = qlif.QlifConfig.parse(text)
        self._library = native.library()._library
        library = native.library()
        self._kernel = ctypes.c_void_p()
        options = native.sized(native.KernelOptions, threads=torch.get_num_threads())
        library.call(
            "qlif_kernel_open", native.HOST, config._address, ctypes.byref(options), ctypes.byref(self._kernel)
        )
        steps, batch, neurons = input.shape
        mode = native.TAPE_VOLTAGE if config.draws_normals else native.TAPE_COMPACT
        tape = ctypes.c_void_p()
        library.call("qlif_tape_open", self._kernel, mode, 0, steps, batch, neurons, ctypes.byref(tape))
        self._keep = [input, upstream, parameters]

        def memory(*shape: int, dtype: torch.dtype = torch.float32) -> int:
            self._keep.append(torch.zeros(shape, dtype=dtype))
            return self._keep[-1].data_ptr()

        def forward_args(tape_address) -> native.ForwardArgs:
            args = native.sized(
                native.ForwardArgs, steps=steps, batch=batch, neurons=neurons, seed=1, input=input.data_ptr(),
                spikes_u8=memory(*input.shape, dtype=torch.uint8), spike_values=memory(*input.shape),
                voltages=memory(*input.shape), tape=tape_address,
            )  # fmt: skip
            for i, parameter in enumerate(parameters):
                args.parameters[i] = parameter.data_ptr()
                args.per_neuron_parameters |= (parameter.numel() == neurons and neurons > 1) << i
            for i in range(len(config._model().variables)):
                args.final_state[i] = memory(batch, neurons)
            return args

        recorded, self._plain = forward_args(tape.value), forward_args(None)
        backward = native.sized(
            native.BackwardArgs,
            forward=ctypes.pointer(recorded),
            grad_spike_values=upstream.data_ptr(),
            grad_input=memory(*input.shape),
        )
        for i, parameter in enumerate(parameters):
            if parameter.requires_grad:
                backward.grad_parameters[i] = memory(*parameter.shape)
        self._keep += [recorded, backward]
        self._recorded, self._backward, self._unrecorded = (
            ctypes.byref(each) for each in (recorded, backward, self._plain)
        )

    def record(self) -> None:
        self._library.qlif_forward(self._kernel, self._recorded, None)

    def backward(self) -> None:
        self._library.qlif_backward(self._kernel, self._backward, None)

    def train(self) -> None:
        self.record()
        self.backward()

    def forward(self) -> None:
        self._library.qlif_forward(self._kernel, self._unrecorded, None)


def measure(shape: List[int], arguments: dict, seconds: float, clock: Callable[[], float]) -> Dict[str, List[float]]:
    layer = QLIFLayer(shape[2], **arguments)
    neurons = layer.qlifs
    input = torch.randn(shape, requires_grad=True)
    upstream = torch.randn(shape)
    text = neurons._texts[True, False]
    eta = neurons.eta if neurons._no_eta is None else neurons._no_eta
    parameters = [neurons.V_th, neurons.tau, eta, neurons.q_scale, neurons.q_bias]
    wanted = [input, *layer.parameters()]
    draws = torch.tensor([1, 0, 0, 0])
    bare = Bare(layer, input, upstream, parameters, text)
    step = input.detach()[0]

    # The overloads, as the layer calls its operator.
    empty, ours = torch.ops.qlif_empty.run.default, torch.ops.qlif.run.default

    def operator(run):
        return run(input, parameters, None, None, draws, None, None, None, text, 0)[1]

    def train(values):
        torch.autograd.grad(values, wanted, upstream, allow_unused=True)

    def trained_layer():
        layer(input)
        train(layer.spike_values)

    def between():
        values = operator(empty)
        bare.record()
        train(values)
        bare.backward()

    factors = [torch.randn(shape[2], requires_grad=True) for _ in range(2)]
    ones = torch.ones(shape[2])

    def product():
        values = factors[0] * factors[1]
        bare.record()
        torch.autograd.grad(values, factors, ones)
        bare.backward()

    def without(call):
        def run():
            with torch.no_grad():
                call()

        return run

    contenders = {
        "bare, training": bare.train,
        "empty, training": lambda: train(operator(empty)),
        "both, training": between,
        "product, training": product,
        "operator, training": lambda: train(operator(ours)),
        "layer, training": trained_layer,
        "bare, forward": bare.forward,
        "operator, forward": without(lambda: operator(ours)),
        "layer, forward": without(lambda: layer(input)),
    }
    if shape[0] == 1:
        contenders["step, forward"] = without(lambda: neurons(step))
    # All of a row by turns: what a neighbour takes of the machine, it takes of all.
    return turns_of(contenders, seconds, clock)


def asked(turns: Dict[str, List[float]], small: bool) -> List[str]:
    """What a row comes to: the operator's and the layer's share over the least that there is, and what the layer adds.

    A median of what neighbouring turns come to: where the machine is slower for some seconds, it is for all contenders.
    """

    def compared(of: Callable[[Dict[str, float]], float]) -> float:
        return middle([of(dict(zip(turns, each))) for each in zip(*turns.values())])

    def least(turn: Dict[str, float]) -> float:
        return turn["bare, training"] + (turn["empty, training"] if small else 0)

    def share(name: str) -> str:
        return f"{100 * (compared(lambda turn: turn[name] / least(turn)) - 1):+.1f} %"

    def more(name: str, than: str) -> str:
        return f"{compared(lambda turn: turn[name] - turn[than]):+.1f}"

    return [
        share("operator, training"),
        more("layer, training", "operator, training") if small else share("layer, training"),
        more("layer, forward", "bare, forward"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--shapes", default="20x128x512,100x1x128,1x1x128", help="T x B x N, with commas between")
    parser.add_argument("--configurations", default=",".join(CONFIGURATIONS))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=12.0, help="for each row of the table")
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="not by the clock, but by the time of a processor, which other processes disturb less; on one thread",
    )
    parser.add_argument("--markdown", action="store_true", help="the table as it goes into docs/benchmarks.md")
    options = parser.parse_args()
    if options.processor_time:
        options.threads = 1
    clock = time.process_time if options.processor_time else time.perf_counter
    torch.set_num_threads(options.threads)
    load_empty()
    print(
        f"Microseconds{' of a processor' if options.processor_time else ''} a call, medians. {platform.platform()}, {qlif.devices()['cpu']}, PyTorch {torch.__version__}, operators in "
        f"{_operators.KIND}, {options.threads} threads, load {os.getloadavg()[0]:.2f}.\n"
    )
    columns = [f"{name}, training" for name in ("bare", "empty", "both", "product", "operator", "layer")]
    columns += [f"{name}, forward" for name in ("bare", "operator", "layer", "step")]
    titles = ["shape", "configuration", *columns, "operator over least", "layer over", "layer, forward, over bare"]
    rows = []
    for shape in options.shapes.split(","):
        extents = [int(extent) for extent in shape.split("x")]
        small = extents[1] == 1
        for name in options.configurations.split(","):
            turns = measure(extents, CONFIGURATIONS[name], options.seconds, clock)
            cells = [f"{middle(turns[column]):.1f}" if column in turns else "" for column in columns]
            rows.append([shape, name, *cells, *asked(turns, small)])
            if not options.markdown:
                print("; ".join(f"{title} {cell}" for title, cell in zip(titles, rows[-1]) if cell), flush=True)
    if options.markdown:
        print("| " + " | ".join(titles) + " |")
        print("|:--|:--|" + "--:|" * (len(titles) - 2))
        for row in rows:
            print("| " + " | ".join(row) + " |")
    print(f"\nload {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
