# SPDX-License-Identifier: Apache-2.0
"""What is read from a profile; the lines are of the form that Nsight Compute prints."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "main" / "python"))

import profile_counts  # noqa: E402

HEADER = '"ID","Process ID","Process Name","Kernel Name","Section Name","Metric Name","Metric Unit","Metric Value"'
NAME = "void qlif::forwardKernel<qlif::Fixed<65024, (int)-1>, 1>(qlif::CudaForward)"
VALUES = ("5,000", "40,000", "10,000", "3,000")


def printed() -> str:
    lines = ["==PROF== Connected to process 7", HEADER]
    for metric, value in zip(profile_counts.METRICS, VALUES):
        lines.append(f'"0","7","java","{NAME}","Command line profiler metrics","{metric}","unit","{value}"')
    return "\n".join(lines) + "\n==PROF== Disconnected\n"


class ProfileCountsTest(unittest.TestCase):
    def run_on(self, text: str, shape: str):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "profile.txt"
            file.write_text(text)
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = profile_counts.main([str(file), shape])
            return code, out.getvalue(), err.getvalue()

    def test_counts_for_a_neuron_step(self):
        code, out, _ = self.run_on(printed(), "10,10,10")
        self.assertEqual(0, code)
        self.assertIn("| `void qlif::forwardKernel<qlif::Fixed<65024, (int)-1>, 1>` | 160 | 40 | 10 | 3e+03 |", out)

    def test_refuses_what_is_no_profile(self):
        self.assertEqual(2, self.run_on(printed(), "10,10")[0])
        code, _, said = self.run_on("==ERROR== no permission\n", "10,10,10")
        self.assertEqual(1, code)
        self.assertIn("no kernel", said)


if __name__ == "__main__":
    unittest.main()
