# SPDX-License-Identifier: Apache-2.0
"""The whole comparison with a pretended GPU: the host's memory and libqlif's host device, Triton emulated, graphs that
run nothing.

What stands between the contenders and the report would otherwise run for the first time where time on a GPU is short.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[2] / "main" / "python"))

try:
    import torch
except ImportError as missing:
    raise unittest.SkipTest(f"{missing}: the comparison's tests are skipped") from missing

import emulated_triton  # noqa: E402

emulated_triton.install()

import contenders  # noqa: E402
import gpu_compare  # noqa: E402
import native  # noqa: E402

SHAPES = ("11,3,67", "8,2,16")


class Event:
    def __init__(self, enable_timing: bool):
        self._time = 0.0

    def record(self) -> None:
        # So long that one call makes a sample.
        Event.clock = self._time = getattr(Event, "clock", 0.0) + 100.0

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, end: "Event") -> float:
        return end._time - self._time


class Stream:
    cuda_stream = 0

    def wait_stream(self, other: "Stream") -> None:
        pass


class Graph:
    def replay(self) -> None:
        pass

    def reset(self) -> None:
        pass


class PretendedReplay(contenders.Replayed):
    """Calls the contender again, and puts the spikes where a graph would."""

    def __init__(self, machine: contenders.Machine, contender: contenders.Contender):
        super().__init__(machine, contender)
        self._graph.replay = self._again

    def _again(self) -> None:
        self._contender.run()
        for kept, new in zip(self.spikes, self._contender.spikes):
            kept.copy_(new)


class PretendedGpu(contenders.Machine):
    def __init__(self, name: str):
        super().__init__("cpu:native")
        self.name, self.is_host = name, False


def pretended(test):
    """Puts stand-ins where torch.cuda's functions are."""
    cuda = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "synchronize": lambda: None,
        "empty_cache": lambda: None,
        "current_stream": Stream,
        "mem_get_info": lambda: (2**30, 2**31),
        "Event": Event,
        "Stream": Stream,
        "stream": lambda stream: contextlib.nullcontext(),
        "CUDAGraph": Graph,
        "graph": lambda graph: contextlib.nullcontext(),
        "get_device_properties": lambda number: types.SimpleNamespace(
            name="none", major=9, minor=0, total_memory=2**31
        ),
    }
    dynamo = types.ModuleType("torch._dynamo")
    dynamo.reset = lambda: None
    dynamo.config = types.SimpleNamespace(recompile_limit=8)
    patches = [mock.patch.object(torch.cuda, name, value, create=True) for name, value in cuda.items()]
    patches.append(mock.patch.object(torch, "compile", lambda function, **_: function, create=True))
    patches.append(mock.patch.object(torch, "_dynamo", dynamo, create=True))
    patches.append(mock.patch.dict(sys.modules, {"torch._dynamo": dynamo}))
    patches.append(mock.patch.object(contenders, "Machine", PretendedGpu))
    patches.append(mock.patch.object(contenders, "Replayed", PretendedReplay))
    for patch in patches:
        test = patch(test) if isinstance(patch, mock._patch_dict) else _under(patch, test)
    return test


def _under(patch, test):
    def run(self):
        with patch:
            return test(self)

    return run


class GpuCompareTest(unittest.TestCase):
    def compare(self, *arguments: str):
        """The exit code, what was printed and the JSON."""
        with tempfile.TemporaryDirectory() as folder:
            ceilings, operations, results = (Path(folder) / name for name in ("ceilings", "operations", "results"))
            ceilings.write_text(
                json.dumps(
                    {
                        "copy_bytes_per_second": 1e9,
                        "l2_bytes": 50 << 20,
                        "thread_instructions": {"mixed": {"per_second": 1e9}},
                    }
                )
            )
            kernels = [f"{c}_{p}" for c in ("full", "plain_lif") for p in ("forward", "forward_taped", "backward")]
            operations.write_text(json.dumps({"a_neuron_step": {kernel: {"operations": 100} for kernel in kernels}}))
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
                code = gpu_compare.main(
                    ["--library", os.environ["QLIF_LIBRARY"], "--rounds", "3", "--sample-ms", "1"]
                    + ["--ceilings", str(ceilings), "--operations", str(operations), "--json", str(results), *arguments]
                )
            return code, printed.getvalue(), json.loads(results.read_text())

    @pretended
    def test_all_contenders_agree_and_are_timed(self):
        code, text, results = self.compare(*(word for shape in SHAPES for word in ("--shape", shape)))
        self.assertEqual(0, code, text)
        self.assertEqual(len(SHAPES) * 4, len(results["results"]))
        for result in results["results"]:
            names = {"QLIF", "Triton", "PyTorch eager", "torch.compile"}
            if result["configuration"] == "full" and result["pass"] == "train":
                names.add("QLIF, compact tape")
            self.assertEqual(names | {f"{name}, graph" for name in names}, set(result["seconds"]))
            self.assertEqual({}, result["failed"])
            self.assertGreater(result["floor"]["by_operations"], 0)
            self.assertGreater(result["single_replay_seconds"], 0)
        for words in ("of the floor", "as fast as Triton", "a graph replay takes", "## plain-lif, train"):
            self.assertIn(words, text)

    @pretended
    def test_a_contender_that_computes_something_else_fails(self):
        right = contenders.Triton.answer

        def wrong(*arguments):
            answer = right(*arguments)
            answer.grad_input[3] *= 1.01
            return answer

        with mock.patch.object(contenders.Triton, "answer", wrong):
            code, text, results = self.compare("--shape", SHAPES[0], "--passes", "train")
        self.assertEqual(1, code)
        for result in results["results"]:
            self.assertIn("gradient of input", result["failed"]["Triton"])
            self.assertNotIn("Triton", result["seconds"])
        self.assertIn("failed: does not compute", text)

    @pretended
    def test_a_timed_call_that_fires_otherwise_fails(self):
        def silent(contender):
            contender.spikes = [torch.zeros_like(step, dtype=torch.uint8) for step in contender._model.current]

        with mock.patch.object(contenders.Eager, "run", silent):
            code, text, _ = self.compare("--shape", SHAPES[0], "--contenders", "qlif,eager")
        self.assertEqual(1, code)
        self.assertIn("does not compute what ours does: firing", text)
        self.assertIn("does not compute what ours does: spikes", text)

    @pretended
    def test_a_graph_that_captured_nothing_fails(self):
        with mock.patch.object(contenders.Replayed, "_again", lambda self: None):
            code, text, results = self.compare("--shape", SHAPES[0], "--contenders", "qlif,eager")
        self.assertEqual(1, code, text)
        for result in results["results"]:
            self.assertEqual({"QLIF, graph", "PyTorch eager, graph"}, set(result["failed"]))
            self.assertIsNone(result["single_replay_seconds"])

    @pretended
    def test_a_chunk_that_fails_leaves_what_a_smaller_one_reached(self):
        right = contenders.model_of

        def model_of(configuration, case, training, translate=lambda program: program, chunk=1):
            if chunk > 4:
                raise RuntimeError("too large")
            return right(configuration, case, training, translate, chunk)

        with mock.patch.object(contenders, "model_of", model_of):
            code, text, _ = self.compare("--shape", "20,2,16", "--contenders", "qlif,compile")
        self.assertEqual(0, code, text)
        self.assertIn("10: RuntimeError", text)

    @pretended
    def test_a_broken_device_leaves_a_report(self):
        def broken(self):
            raise RuntimeError("the device is gone")

        with mock.patch.object(contenders.Ours, "close", broken):
            code, text, results = self.compare("--shape", SHAPES[0], "--contenders", "qlif,eager")
        self.assertEqual(1, code)
        for result in results["results"]:
            self.assertEqual({"all": "RuntimeError: the device is gone"}, result["failed"])
            self.assertIn("QLIF", result["seconds"])
        self.assertIn("failed: RuntimeError: the device is gone", text)

    @pretended
    def test_out_of_memory_is_said_and_no_failure(self):
        def too_much(self):
            raise MemoryError("no memory")

        with mock.patch.object(contenders.Eager, "run", too_much):
            code, text, results = self.compare("--shape", SHAPES[0], "--passes", "forward")
        self.assertEqual(0, code)
        self.assertIn("out of memory; 1 of 2 GiB were taken by the workload and the others", text)
        self.assertNotIn("PyTorch eager", results["results"][0]["seconds"])
        self.assertIn("Triton", results["results"][0]["seconds"])

    @pretended
    def test_other_errors_are_failures_and_the_rest_goes_on(self):
        def broken(self):
            raise ValueError("broken")

        with mock.patch.object(contenders.Compiled, "run", broken):
            code, text, results = self.compare("--shape", SHAPES[0], "--passes", "forward")
        self.assertEqual(1, code)
        self.assertIn("failed: ValueError: broken", text)
        self.assertIn("QLIF", results["results"][0]["seconds"])

    def test_arguments_are_refused_with_the_reason(self):
        for arguments, reason in (
            (["--device", "gpu"], "expected cpu:native or cuda:N"),
            (["--shape", "1,2"], "expected T,B,N"),
            (["--rounds", "0"], "above 0"),
            (["--contenders", "eager", "--device", "cpu:native"], "'qlif' must be among them"),
            (["--ceilings", __file__, "--device", "cpu:native"], "floors need both"),
            (["--library", "/nowhere"], "there is no file"),
        ):
            with self.subTest(arguments=arguments):
                said = io.StringIO()
                with self.assertRaises(SystemExit), contextlib.redirect_stderr(said):
                    gpu_compare.parse(["--library", os.environ["QLIF_LIBRARY"], *arguments])
                self.assertIn(reason, said.getvalue())


class HostTest(unittest.TestCase):
    def test_runs_on_the_host(self):
        with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(io.StringIO()):
            code = gpu_compare.main(
                ["--library", os.environ["QLIF_LIBRARY"], "--device", "cpu:native", "--shape", SHAPES[0], "--rounds", "1"]
                + ["--sample-ms", "1"]
            )
        self.assertEqual(0, code)
        self.assertIn("compared on a GPU only", printed.getvalue())


if __name__ == "__main__":
    unittest.main()
