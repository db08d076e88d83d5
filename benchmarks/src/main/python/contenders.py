# SPDX-License-Identifier: Apache-2.0
"""Who is compared: each does one call, forward or training, on the same workload, and gives answers to be held against
ours."""

from __future__ import annotations

import sys
import time
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

import torch

import agreement
import constants as k
import native
import torch_model
from agreement import Answer, Case


class NotRun(Exception):
    """Why a contender does not run here, though nothing failed."""


class Machine:
    """The device, as the contenders see it: a CUDA device through torch, or the host."""

    def __init__(self, name: str):
        self.name = name
        self.is_host = name == "cpu:native"
        self.device = "cpu" if self.is_host else name
        self.number = native.HOST if self.is_host else int(name.split(":")[1])
        if not self.is_host:
            torch.cuda.set_device(self.number)
        self.arrays = agreement.torch_arrays(self.device)

    def stream(self) -> int:
        return 0 if self.is_host else torch.cuda.current_stream().cuda_stream

    def synchronize(self) -> None:
        if not self.is_host:
            torch.cuda.synchronize()

    def release(self) -> None:
        """Gives memory that nothing uses back to the device, where libqlif can have it."""
        if not self.is_host:
            torch.cuda.empty_cache()

    def memory_taken(self) -> str:
        """By the workload and whoever else is there."""
        if self.is_host:
            return "an unknown amount"
        free, total = torch.cuda.mem_get_info()
        return f"{(total - free) / 2**30:.0f} of {total / 2**30:.0f} GiB"

    def workload(self, shape: Sequence[int], training: bool) -> Case:
        """What is timed: input of mean 1.5 and standard deviation 1, the parameters' defaults for every neuron, nothing
        lent."""
        steps, batch, neurons = shape
        generator = torch.Generator(device=self.device).manual_seed(k.SEED)

        def normal() -> torch.Tensor:
            return torch.randn(steps, batch, neurons, device=self.device, generator=generator)

        parameters = {name: torch.full((neurons,), k.DEFAULTS[name], device=self.device) for name in k.PARAMETERS}
        return Case(shape, normal().add_(1.5), parameters, normal() if training else None, None, None)


class Contender:
    """A call on a workload, ready to run."""

    name: str
    # Whether its own draws are those of docs/model.md, section 8.
    draws_as_specified = False
    # What was chosen for it, for people.
    description = ""
    # (T, B, N), or a tensor for each step.
    spikes: Sequence[torch.Tensor]

    def run(self) -> None:
        """The call that is timed; on a GPU it is enqueued on the current stream."""
        raise NotImplementedError

    @classmethod
    def answer(
        cls, machine: Machine, library: native.Library, configuration: str, case: Case, training: bool
    ) -> Answer:
        """What it computes from the case's draws."""
        raise NotImplementedError

    def close(self) -> None:
        """Frees what is not the garbage collector's."""


class Ours(Contender):
    name = "QLIF"
    draws_as_specified = True
    # Of the tape; None: what suits the configuration.
    mode: Optional[int] = None

    def __init__(self, machine: Machine, library: native.Library, configuration: str, case: Case, training: bool):
        self._machine = machine
        self._case = case
        shape = case.shape
        self.spikes = torch.empty(tuple(shape), dtype=torch.uint8, device=machine.device)
        self._kernel = native.Kernel(library, machine.number, native.config_of(library, configuration))
        self._tape = None
        self._backward = None
        try:
            if training:
                mode = agreement.tape_mode(configuration) if self.mode is None else self.mode
                self._tape = native.Tape(self._kernel, mode, shape)
                self._kernel.reserve(shape)
            self._forward = native.forward_args(
                shape, case.current, case.parameters, spikes=self.spikes, tape=self._tape
            )
            if training:
                self._grad_input = torch.empty_like(case.current)
                self._grads = {name: torch.empty_like(values) for name, values in case.parameters.items()}
                self._backward = native.backward_args(self._forward, case.upstream, self._grad_input, self._grads)
        except BaseException:
            self.close()
            raise
        self.description = self._kernel.describe()

    def run(self) -> None:
        stream = self._machine.stream()
        self._kernel.forward(self._forward, stream)
        if self._backward is not None:
            self._kernel.backward(self._backward, stream)

    @classmethod
    def answer(cls, machine, library, configuration, case, training):
        return agreement.native_answer(
            library, machine.number, configuration, case, machine.arrays, training, True, machine.stream(), cls.mode
        )

    def close(self) -> None:
        try:
            if self._tape is not None:
                self._tape.close()
        finally:
            self._kernel.close()


class OursCompact(Ours):
    """With a tape that keeps no potentials: less memory, the draws made again."""

    name = "QLIF, compact tape"
    mode = native.TAPE_COMPACT

    def __init__(self, machine, library, configuration, case, training):
        if not training or agreement.tape_mode(configuration) == native.TAPE_COMPACT:
            raise NotRun("the same as QLIF here")
        super().__init__(machine, library, configuration, case, training)


class Eager(Contender):
    name = "PyTorch eager"

    def __init__(self, machine, library, configuration, case, training):
        self._model = model_of(configuration, case, training)

    def run(self) -> None:
        # The last call's gradients go first.
        self._result = None
        self._result = self._model.run()
        self.spikes = self._result.spikes

    @classmethod
    def answer(cls, machine, library, configuration, case, training):
        return agreement.torch_answer(configuration, case, training, True)


class Compiled(Eager):
    """A chunk of steps is compiled as one function, called in a loop: the larger the chunk, the less goes through
    memory and the longer compiling takes. Chunks are tried from small to large while compiling stays within the budget,
    and the fastest is kept.
    """

    name = "torch.compile"
    CHUNKS = (4, 10, 16, 20)
    budget_s = 90.0

    def __init__(self, machine, library, configuration, case, training):
        require_compile(machine)
        start_compiling()
        steps = case.shape[0]
        begin = time.monotonic()
        tried: List[str] = []
        best = None
        before = None
        # Chunks that leave no remainder, which would be one more function to compile.
        for chunk in [c for c in self.CHUNKS if steps % c == 0] or [1]:
            # As many times the steps take as many times as long to compile, or longer.
            if before is not None and time.monotonic() - begin + before[0] * chunk / before[1] > self.budget_s:
                tried.append(f"{chunk}: not within {self.budget_s:.0f} s")
                break
            started = time.monotonic()
            try:
                model = model_of(configuration, case, training, compiled, chunk)
                model.run()
                machine.synchronize()
                before = time.monotonic() - started, chunk
                seconds = settled_seconds(machine, model.run)
            except Exception as error:
                if best is None:
                    raise
                # What a smaller chunk reached stands.
                tried.append(f"{chunk}: {type(error).__name__}")
                break
            tried.append(f"{chunk}: {1e3 * seconds:.3g} ms, compiled in {before[0]:.0f} s")
            if best is None or seconds < best[0]:
                best = (seconds, chunk, model)
        _, chunk, self._model = best
        self.description = f"{chunk} steps a compiled function; tried steps {'; '.join(tried)}"

    @classmethod
    def answer(cls, machine, library, configuration, case, training):
        require_compile(machine)
        start_compiling()
        # The smallest chunk that is timed: steps are fused with one another, too.
        chunk = next((c for c in cls.CHUNKS if case.shape[0] % c == 0), 1)
        return agreement.torch_answer(configuration, case, training, True, compiled, chunk)


def model_of(
    configuration: str,
    case: Case,
    training: bool,
    translate: Callable[[Callable], Callable] = lambda program: program,
    chunk: int = 1,
) -> torch_model.TorchModel:
    """The model in tensor operations, for a run that keeps no more than it must. translate: a compiler, if any."""
    program = translate(torch_model.several_steps(torch_model.STEPS[configuration], training, False))
    upstream = case.upstream if training else None
    return torch_model.TorchModel(configuration, case.current, case.parameters, upstream, program, chunk)


def start_compiling() -> None:
    """Forgets what was compiled, and allows as many variants of a function as chunks of different sizes and gradients
    make."""
    import torch._dynamo

    torch._dynamo.reset()
    for name in ("recompile_limit", "cache_size_limit"):
        if hasattr(torch._dynamo.config, name):
            setattr(torch._dynamo.config, name, 64)


def compiled(program: Callable) -> Callable:
    return torch.compile(program, dynamic=False, fullgraph=True)


def require_compile(machine: Machine) -> None:
    if not hasattr(torch, "compile"):
        raise NotRun(f"PyTorch {torch.__version__} has no torch.compile")
    if machine.is_host:
        raise NotRun("compared on a GPU only")


def require_triton(machine: Machine) -> None:
    if machine.is_host:
        raise NotRun("compared on a GPU only")
    try:
        import triton  # noqa: F401
    except ImportError as missing:
        raise NotRun(str(missing)) from missing


class Triton(Contender):
    """The fastest of a few launch parameters, each timed on the workload."""

    name = "Triton"
    draws_as_specified = True

    def __init__(self, machine, library, configuration, case, training):
        require_triton(machine)
        import triton_model

        self._machine = machine
        self._case = case
        self._training = training
        self.spikes = torch.empty(tuple(case.shape), dtype=torch.uint8, device=machine.device)
        self._grad_input = torch.empty_like(case.current) if training else None
        # Forward runs alone know no groups.
        tunings = [t for t in triton_model.TUNINGS if training or t.group == triton_model.Tuning().group]
        times = []
        for tuning in tunings:
            # One model at a time: its tape is as large as the input.
            self._model = None
            self._model = self._build(configuration, tuning)
            # Without the launches, which take longer than a short kernel and would hide which is fastest.
            replayed = Replayed(machine, self)
            try:
                times.append(settled_seconds(machine, replayed.run))
            finally:
                replayed.close()
            # Triton's compiler takes up to half a minute for one.
            warn(f"Triton, {len(times)} of {len(tunings)}: {tuning}, {1e3 * times[-1]:.3g} ms")
        chosen = tunings[times.index(min(times))]
        self._model = None
        self._model = self._build(configuration, chosen)
        self.description = f"{chosen}, of {', '.join(f'{1e3 * s:.3g}' for s in times)} ms"

    def _build(self, configuration, tuning):
        import triton_model

        machine = self._machine
        return triton_model.TritonModel(
            configuration,
            self._case.shape,
            self._training,
            lambda shape: torch.empty(shape, device=machine.device),
            tuning,
        )

    def run(self) -> None:
        self._model.forward(self._case.current, self._case.parameters, self.spikes)
        if self._training:
            sums = self._model.backward(
                self._case.current, self._case.parameters, self.spikes, self._case.upstream, self._grad_input
            )
            self._grads = sums.sum(dim=1)

    @classmethod
    def answer(cls, machine, library, configuration, case, training):
        require_triton(machine)
        import triton_model

        arrays = machine.arrays
        model = triton_model.TritonModel(configuration, case.shape, training, arrays.empty)
        spikes, voltages = arrays.empty_bytes(case.shape), arrays.empty(case.shape)
        model.forward(case.current, case.parameters, spikes, case.uniforms, case.normals, voltages)
        if not training:
            return Answer(spikes, voltages, None, None)
        grad_input = arrays.empty(case.shape)
        sums = model.backward(case.current, case.parameters, spikes, case.upstream, grad_input).sum(dim=1)
        return Answer(spikes, voltages, grad_input, dict(zip(k.PARAMETERS, sums)))


class Replayed(Contender):
    """Another contender's call, captured into a CUDA graph: one launch a call."""

    def __init__(self, machine: Machine, contender: Contender):
        self._contender = contender
        self.name = f"{contender.name}, graph"
        self.draws_as_specified = contender.draws_as_specified
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            contender.run()
        torch.cuda.current_stream().wait_stream(side)
        machine.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            contender.run()
        self.spikes = contender.spikes

    def run(self) -> None:
        self._graph.replay()

    def run_afresh(self) -> None:
        """A replay whose spikes are its own: what was there before is gone."""
        for step in self.spikes:
            step.fill_(9)
        self.run()

    def close(self) -> None:
        # Before what it captured: the library's memory must outlive the graph.
        self._graph.reset()


# Those that take little memory come first: what is left is for those whose needs are not known.
CONTENDERS = {"qlif": Ours, "compact": OursCompact, "triton": Triton, "eager": Eager, "compile": Compiled}


class Measured(NamedTuple):
    """Seconds a call: the median of samples, and the samples."""

    seconds: float
    samples: Sequence[float]


def _seconds(machine: Machine, run: Callable[[], None], repeats: int = 1) -> float:
    """Of one call, of `repeats` in a row."""
    if machine.is_host:
        begin = time.perf_counter()
        for _ in range(repeats):
            run()
        return (time.perf_counter() - begin) / repeats
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(repeats):
        run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) * 1e-3 / repeats


def settled_seconds(machine: Machine, run: Callable[[], None]) -> float:
    """Of one call, to choose by: the least of three samples of about 10 ms."""
    repeats = max(1, min(1000, int(10e-3 / max(_seconds(machine, run), 1e-7))))
    return min(_seconds(machine, run, repeats) for _ in range(3))


def measure(
    machine: Machine,
    contenders: Sequence[Contender],
    rounds: int,
    sample_s: float,
    failed: Callable[[Contender, Exception], None],
) -> Dict[str, Measured]:
    """Times all of them in turn, `rounds` samples each of about sample_s. One that fails is told of, and left out from
    there on."""
    repeats: Dict[str, int] = {}
    samples: Dict[str, List[float]] = {}

    def warm(contender: Contender) -> None:
        contender.run()
        machine.synchronize()
        once = min(_seconds(machine, contender.run) for _ in range(2))
        repeats[contender.name] = max(1, min(1000, int(sample_s / max(once, 1e-7))))
        samples[contender.name] = []
        # At the length of a sample.
        _seconds(machine, contender.run, repeats[contender.name])

    def sample(contender: Contender) -> None:
        samples[contender.name].append(_seconds(machine, contender.run, repeats[contender.name]))

    left = list(contenders)
    for turn in [warm] + [sample] * rounds:
        for contender in list(left):
            try:
                turn(contender)
            except Exception as error:  # whatever it is: the others go on
                left.remove(contender)
                failed(contender, error)
    return {
        contender.name: Measured(sorted(samples[contender.name])[rounds // 2], samples[contender.name])
        for contender in left
    }


def single_calls(machine: Machine, contender: Contender, count: int = 200) -> Measured:
    """One call at a time, each with its own events: the latency that a training loop sees."""
    times = [_seconds(machine, contender.run) for _ in range(count)]
    return Measured(sorted(times)[count // 2], times)


def is_out_of_memory(error: BaseException) -> bool:
    kinds = tuple(
        kind
        for kind in (getattr(torch, "OutOfMemoryError", None), getattr(torch.cuda, "OutOfMemoryError", None))
        if kind
    )
    return isinstance(error, kinds) or isinstance(error, MemoryError)


def warn(text: str) -> None:
    print(f"gpu_compare: {text}", file=sys.stderr, flush=True)
