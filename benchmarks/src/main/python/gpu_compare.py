# SPDX-License-Identifier: Apache-2.0
"""Compares libqlif with PyTorch eager, torch.compile and Triton kernels of the same mathematics, in one run on one GPU.

For each shape, configuration and pass: checks that all contenders compute the same, then times them in turn, and where
ceilings were measured says which share of the floor is reached. Prints Markdown and writes JSON; exit code 1 if a
contender disagrees or fails. What can't run is listed with the reason. On device `cpu:native` it compares on the CPU, to see
that it works.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import gc
import json
import platform
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

try:
    import torch
except ImportError as missing:
    sys.exit(f"gpu_compare: {missing}; it needs a python3 with PyTorch, and this is {sys.executable}")

import agreement
import constants as k
import contenders as c
import native
from floors import Ceilings

PASSES = ("forward", "train")
SHAPES = ((20, 128, 512), (100, 32, 4096), (32, 64, 65536), (256, 64, 65536), (100, 1, 128))

# Contenders are held against ours over all steps, and so many rows and neurons.
CHECKED_BATCH = 4
CHECKED_NEURONS = 99

# Up to here a call is so short that launches count, so every contender is captured into a graph, too.
GRAPH_NEURON_STEPS = 1 << 24

# Aims, of the project.
AIM_SHARE = 0.60
AIM_EAGER = 10.0
AIM_REPLAY_S = 30e-6


def shape_of(text: str) -> Tuple[int, ...]:
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"got '{text}', expected T,B,N such as 20,128,512")
    return tuple(int(part) for part in parts)


def some_of(known: Sequence[str]):
    def parse(text: str) -> List[str]:
        given = text.split(",")
        for each in given:
            if each not in known:
                raise argparse.ArgumentTypeError(f"got '{each}', expected some of {','.join(known)}")
        return given

    return parse


def device_of(text: str) -> str:
    if text == "cpu:native" or (text.startswith("cuda:") and text[5:].isdigit()):
        return text
    raise argparse.ArgumentTypeError(f"got '{text}', expected cpu:native or cuda:N")


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got '{text}', expected a number above 0")
    return int(text)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gpu_compare.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--library", required=True, metavar="FILE", help="libqlif.so")
    parser.add_argument("--device", type=device_of, default="cuda:0", help="cuda:N or cpu:native (default: %(default)s)")
    parser.add_argument(
        "--shape", type=shape_of, action="append", metavar="T,B,N", help="may be repeated (default: five shapes)"
    )
    parser.add_argument("--configurations", type=some_of(k.CONFIGURATIONS), default=list(k.CONFIGURATIONS))
    parser.add_argument("--passes", type=some_of(PASSES), default=list(PASSES))
    parser.add_argument("--contenders", type=some_of(tuple(c.CONTENDERS)), default=list(c.CONTENDERS))
    parser.add_argument("--rounds", type=positive, default=7, help="samples of each contender (default: %(default)s)")
    parser.add_argument(
        "--sample-ms", type=positive, default=50, help="length of a sample, one call at least (default: %(default)s)"
    )
    parser.add_argument(
        "--compile-budget", type=positive, default=90, metavar="SECONDS",
        help="for torch.compile, a shape, configuration and pass (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--time-limit",
        type=positive,
        metavar="SECONDS",
        help="begins no further comparison after that; it says which were left out",
    )
    parser.add_argument("--ceilings", metavar="FILE", help="what native/ceilings printed")
    parser.add_argument("--operations", metavar="FILE", help="what native/operations wrote")
    parser.add_argument("--json", metavar="FILE", help="results go there, too")
    options = parser.parse_args(arguments)
    if (options.ceilings is None) != (options.operations is None):
        parser.error("--ceilings and --operations: floors need both")
    for name in ("library", "ceilings", "operations"):
        file = getattr(options, name)
        if file is not None and not Path(file).is_file():
            parser.error(f"--{name}: there is no file '{file}'")
    if options.device != "cpu:native" and not torch.cuda.is_available():
        parser.error(f"--device: PyTorch {torch.__version__} sees no GPU")
    if options.device != "cpu:native" and int(options.device[5:]) >= torch.cuda.device_count():
        parser.error(f"--device: got {options.device}, but PyTorch sees {torch.cuda.device_count()} GPUs")
    if "qlif" not in options.contenders:
        parser.error("--contenders: 'qlif' must be among them, the others are held against it")
    return options


def machine_facts(machine: c.Machine, library: native.Library) -> Dict[str, Any]:
    facts = {
        "date": datetime.date.today().isoformat(),
        "device": machine.name,
        "qlif": library.version,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }
    if machine.is_host:
        facts["threads"] = torch.get_num_threads()
        return facts
    properties = torch.cuda.get_device_properties(machine.number)
    facts["gpu"] = properties.name
    facts["compute_capability"] = f"{properties.major}.{properties.minor}"
    facts["gpu_memory_bytes"] = properties.total_memory
    facts["torch_cuda"] = torch.version.cuda
    try:
        query = [
            "nvidia-smi",
            "--query-gpu=driver_version,clocks.sm,clocks.max.sm",
            "--format=csv,noheader",
            "-i",
            str(machine.number),
        ]
        facts["driver_and_clocks"] = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        facts["driver_and_clocks"] = f"nvidia-smi: {error}"
    try:
        import triton

        facts["triton"] = triton.__version__
    except ImportError as error:
        facts["triton"] = str(error)
    return facts


@functools.lru_cache(maxsize=1)
def checked_case(machine: c.Machine, steps: int) -> agreement.Case:
    return agreement.random_case((steps, CHECKED_BATCH, CHECKED_NEURONS), machine.arrays)


def check(
    machine: c.Machine, library: native.Library, kind, configuration: str, steps: int, training: bool
) -> Optional[str]:
    """What a contender's answer to lent draws differs in from ours, or None."""
    case = checked_case(machine, steps)
    expected = c.Ours.answer(machine, library, configuration, case, training)
    got = kind.answer(machine, library, configuration, case, training)
    machine.synchronize()
    return agreement.disagreement(got, expected)


def check_timed(expected: torch.Tensor, other: c.Contender, configuration: str) -> Optional[str]:
    """Of calls on the timed workload with draws of their own, whether the spikes are ours, or as many; None if so."""
    if configuration == "full" and not other.draws_as_specified:
        return agreement.firing_disagreement(count(other.spikes), count(expected))
    steps, batch, neurons = expected.shape
    apart = torch.zeros(batch, neurons, dtype=torch.bool, device=expected.device)
    for t in range(steps):
        apart |= expected[t] != other.spikes[t]
    share = int(apart.sum()) / apart.numel()
    # A neuron that leaves ours stays apart, so the share grows with the steps.
    allowed = agreement.FLIPS_PER_NEURON_STEP * steps + 1 / apart.numel()
    if share > allowed:
        return f"spikes: a share of {share:.2g} of the neurons has others, expected at most {allowed:.2g}"
    return None


def count(spikes: Sequence[torch.Tensor]) -> int:
    return sum(int(step.sum(dtype=torch.int64)) for step in spikes)


class Outcome:
    """Of one shape, configuration and pass."""

    def __init__(self, shape: Sequence[int], configuration: str, kind: str):
        self.shape = tuple(shape)
        self.configuration = configuration
        self.kind = kind
        # By contender: what was measured, or why it was not.
        self.measured: Dict[str, c.Measured] = {}
        self.absent: Dict[str, str] = {}
        self.failed: Dict[str, str] = {}
        self.descriptions: Dict[str, str] = {}
        self.replay: Optional[c.Measured] = None
        self.floor = None

    def note(self, name: str, error: Exception, memory: str) -> None:
        """Keeps why a contender has no result. To be out of memory, or not to be there, is no failure."""
        if isinstance(error, c.NotRun):
            self.absent[name] = str(error)
        elif c.is_out_of_memory(error):
            self.absent[name] = f"out of memory; {memory}"
        else:
            trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            c.warn(f"{name}, {self.shape}, {self.configuration}, {self.kind}:\n{trace}")
            self.failed[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"

    def neuron_steps(self) -> int:
        steps, batch, neurons = self.shape
        return steps * batch * neurons

    def verdicts(self) -> List[str]:
        """How ours stands to the project's aims."""
        ours = self.measured.get(c.Ours.name)
        if ours is None:
            return []
        lines = []
        for kind in (c.Eager, c.Compiled, c.Triton):
            theirs = self._best(kind.name)
            if theirs is not None:
                factor = theirs / self._best(c.Ours.name)
                lines.append(f"{factor:.2f} times as fast as {kind.name}, each as it is fastest (aim: above 1)")
        eager = self.measured.get(c.Eager.name)
        if eager is not None:
            factor = eager.seconds / ours.seconds
            lines.append(f"{factor:.1f} times as fast as {c.Eager.name}, both without graphs (aim: {AIM_EAGER:.0f})")
        if self.floor is not None:
            share = self.floor.seconds / ours.seconds
            lines.append(
                f"{100 * share:.0f} % of the floor of {1e3 * self.floor.seconds:.4g} ms by {self.floor.bound}"
                f" (bytes {1e3 * self.floor.by_bytes:.4g}, operations {1e3 * self.floor.by_operations:.4g};"
                f" aim at the large shapes: {100 * AIM_SHARE:.0f} %)"
                + ("; the bytes are few enough for the cache, where they are no floor" if self.floor.cached else "")
            )
        if self.replay is not None:
            lines.append(
                f"a graph replay takes {1e6 * self.replay.seconds:.1f} us by itself"
                f" (aim in training at the small shapes: {1e6 * AIM_REPLAY_S:.0f})"
            )
        return lines

    def _best(self, name: str) -> Optional[float]:
        """With a graph or without."""
        found = [m.seconds for key, m in self.measured.items() if key in (name, f"{name}, graph")]
        return min(found) if found else None

    def as_json(self) -> Dict[str, Any]:
        return {
            "shape": self.shape,
            "configuration": self.configuration,
            "pass": self.kind,
            "seconds": {name: m.seconds for name, m in self.measured.items()},
            "samples": {name: m.samples for name, m in self.measured.items()},
            "not_run": self.absent,
            "failed": self.failed,
            "descriptions": self.descriptions,
            "single_replay_seconds": None if self.replay is None else self.replay.seconds,
            "floor": None if self.floor is None else {**self.floor._asdict(), "bound": self.floor.bound},
        }


def compare(
    machine: c.Machine,
    library: native.Library,
    options: argparse.Namespace,
    outcome: Outcome,
) -> None:
    """Checks and times all contenders, into the outcome."""
    configuration = outcome.configuration
    case = machine.workload(outcome.shape, outcome.kind == "train")
    ready: List[c.Contender] = []
    try:
        for key in options.contenders:
            add(machine, library, c.CONTENDERS[key], outcome, case, ready)
        if not machine.is_host and outcome.neuron_steps() <= GRAPH_NEURON_STEPS:
            for contender in list(ready):
                attempt(
                    machine, outcome, f"{contender.name}, graph", lambda: ready.append(c.Replayed(machine, contender))
                )
        outcome.measured = c.measure(
            machine,
            ready,
            options.rounds,
            options.sample_ms * 1e-3,
            lambda who, error: outcome.note(who.name, error, "while timed, beside the others"),
        )
        ours = next((contender for contender in ready if contender.name == c.Ours.name), None)
        # A graph writes where the contender does that it was captured from, ours too.
        replayed = any(isinstance(contender, c.Replayed) for contender in ready)
        expected = None if ours is None else ours.spikes.clone() if replayed else ours.spikes
        for contender in ready:
            if ours is not None and contender is not ours and contender.name in outcome.measured:
                if isinstance(contender, c.Replayed):
                    contender.run_afresh()
                problem = check_timed(expected, contender, configuration)
                if problem is not None:
                    outcome.failed[contender.name] = f"does not compute what ours does: {problem}"
                    del outcome.measured[contender.name]
        for contender in ready:
            if contender.name == f"{c.Ours.name}, graph" and contender.name in outcome.measured:
                outcome.replay = c.single_calls(machine, contender)
    finally:
        for contender in reversed(ready):
            contender.close()
        ready.clear()
        gc.collect()
        machine.release()


def add(machine, library, kind, outcome: Outcome, case, ready: List[c.Contender]) -> None:
    """Checks a contender and makes it ready, or says in the outcome why not."""
    training = outcome.kind == "train"

    def build() -> None:
        problem = check(machine, library, kind, outcome.configuration, outcome.shape[0], training)
        if problem is not None:
            outcome.failed[kind.name] = f"does not compute what ours does: {problem}"
            return
        contender = kind(machine, library, outcome.configuration, case, training)
        try:
            contender.run()
            machine.synchronize()
        except BaseException:
            contender.close()
            raise
        outcome.descriptions[kind.name] = contender.description
        ready.append(contender)

    attempt(machine, outcome, kind.name, build)
    gc.collect()
    machine.release()


def attempt(machine: c.Machine, outcome: Outcome, name: str, work) -> None:
    """Runs it; what goes wrong is kept under the name, and the others go on."""
    before = machine.memory_taken()
    try:
        work()
    except Exception as error:
        outcome.note(name, error, f"{before} were taken by the workload and the others")


def table(outcomes: Sequence[Outcome]) -> str:
    """A Markdown table, contenders against shapes, of outcomes of one configuration and pass."""
    names: List[str] = []
    for outcome in outcomes:
        for name in (*outcome.measured, *outcome.absent, *outcome.failed):
            if name not in names:
                names.append(name)
    lines = ["| | " + " | ".join(str(outcome.shape) for outcome in outcomes) + " |", "|---|" + "---:|" * len(outcomes)]
    for name in names:
        cells = []
        for outcome in outcomes:
            if name in outcome.measured:
                seconds = outcome.measured[name].seconds
                cells.append(f"{1e3 * seconds:.4g} ms, {outcome.neuron_steps() / seconds / 1e9:.3g} G/s")
            elif name in outcome.failed:
                cells.append(f"failed: {outcome.failed[name]}")
            else:
                cells.append(outcome.absent.get(name, ""))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def report(facts: Dict[str, Any], outcomes: Sequence[Outcome]) -> str:
    parts = [
        "Medians of a call; G/s are 10^9 neuron-steps a second. "
        + ", ".join(f"{key} {value}" for key, value in facts.items())
    ]
    for configuration in k.CONFIGURATIONS:
        for kind in PASSES:
            some = [o for o in outcomes if o.configuration == configuration and o.kind == kind]
            if some:
                parts.append(f"## {configuration}, {kind}\n\n{table(some)}")
                for outcome in some:
                    lines = [f"{name}: {text}" for name, text in outcome.descriptions.items() if text]
                    lines = [f"QLIF: {text}" for text in outcome.verdicts()] + lines
                    if lines:
                        parts.append(f"{outcome.shape}:\n" + "\n".join(f"- {line}" for line in lines))
    return "\n\n".join(parts)


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    library = native.Library(options.library)
    machine = c.Machine(options.device)
    ceilings = Ceilings.read(options.ceilings, options.operations)
    c.Compiled.budget_s = float(options.compile_budget)
    facts = machine_facts(machine, library)
    outcomes: List[Outcome] = []
    begin = time.monotonic()
    for shape in options.shape or SHAPES:
        for configuration in options.configurations:
            for kind in options.passes:
                outcome = Outcome(shape, configuration, kind)
                if options.time_limit is not None and time.monotonic() - begin > options.time_limit:
                    outcome.absent["all"] = f"left out: {options.time_limit} s were over"
                else:
                    c.warn(f"{shape}, {configuration}, {kind}")
                    try:
                        compare(machine, library, options, outcome)
                    except Exception as error:  # such as a device that a kernel has broken: what was found is reported
                        outcome.note("all", error, "by the workload itself")
                if ceilings is not None:
                    outcome.floor = ceilings.floor(configuration, shape, kind == "train")
                outcomes.append(outcome)
                # After each, so that a run that is cut short leaves what it has.
                if options.json:
                    results = {"machine": facts, "results": [each.as_json() for each in outcomes]}
                    if ceilings is not None:
                        results["ceilings"] = ceilings.measured
                        results["operations"] = ceilings.counts
                    Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    print(report(facts, outcomes))
    return 1 if any(outcome.failed for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
