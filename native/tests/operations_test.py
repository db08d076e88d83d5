# SPDX-License-Identifier: Apache-2.0
"""native/operations, on kernels of known content and on those it is for."""

import importlib.machinery
import importlib.util
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
NATIVE = Path(__file__).parent.parent
loader = importlib.machinery.SourceFileLoader("operations", str(NATIVE / "operations"))
operations = importlib.util.module_from_spec(importlib.util.spec_from_loader("operations", loader))
loader.exec_module(operations)


class OperationsTest(unittest.TestCase):
    def test_classes_of_known_instructions(self):
        # The loops of 'ceilings' hold 128 instructions of a kind, which only these kernels have in such numbers.
        with tempfile.TemporaryDirectory() as folder:
            cubin = Path(folder) / "ceilings.cubin"
            source = NATIVE / "ceilings" / "ceilings.cu"
            command = [operations.find_nvcc(), "-cubin", "-arch=sm_90", "-O3", "-std=c++20", "-o", cubin, source]
            subprocess.run(command, check=True)
            code = operations.functions(cubin.read_bytes())
        expected = {
            0: ("multiply-adds", 128),
            1: (operations.REST, 128),
            2: ("wide multiplies", 128),
            3: ("special functions", 128),
            4: ("multiply-adds", 96),
        }
        for kind, (name, count) in expected.items():
            kernel = next(value for key, value in code.items() if f"issueILi{kind}E" in key)
            found = operations.classes_of(kernel)
            # What stands around the loop is some dozens of instructions.
            self.assertGreaterEqual(found[name], count, f"kernel {kind}: {found}")
            self.assertLess(found[name], count + 60, f"kernel {kind}: {found}")
            if kind == 4:
                # Its logic has operands that stay the same, so the assembler could merge it: LOP3 is 0x012.
                logic = sum(kernel[i] == 0x12 and kernel[i + 1] & 1 == 0 for i in range(0, len(kernel), 16))
                self.assertGreaterEqual(logic, 32)
            for other in ("wide multiplies", "special functions"):
                if other != name:
                    self.assertLess(found[other], 12, f"kernel {kind}: {found}")

    def test_loops(self):
        # A branch to the one before, and one to itself: what nvcc ends a kernel with.
        nop, back, itself = (0x918, 0), (0x947 | 0xF8 << 16 | 0x3FFFFFFF << 34, (1 << 18) - 1), (0x947 | 0xFC << 16 | 0x3FFFFFFF << 34, (1 << 18) - 1)
        code = b"".join(struct.pack("<QQ", *each) for each in (nop, nop, back, itself))
        self.assertEqual([None, None, 16, 48], [operations.target_of(code, begin) for begin in range(0, 64, 16)])
        self.assertEqual([code[16:48]], operations.innermost_loops(code))

    def test_without_what_a_branch_avoids(self):
        nop, call, back = (0x918, 0), (0x944, 0), (0x947 | 0xE8 << 16 | 0x3FFFFFFF << 34, (1 << 18) - 1)
        over_one, over_two = (0x947 | 4 << 16, 0), (0x947 | 8 << 16, 0)
        code = b"".join(struct.pack("<QQ", *each) for each in (over_two, nop, call, over_one, nop, back))
        self.assertEqual([48, None, None, 80, None, 0], [operations.target_of(code, begin) for begin in range(0, 96, 16)])
        # The call is left out with what stands before it; what the other branch leads past is not.
        self.assertEqual(code[0:16] + code[48:96], operations.executed(code))

    def test_steps_of_the_kernels(self):
        steps = {name: sum(row.values()) for name, row in operations.steps_of_kernels(operations.loops_of_kernels("sm_90")).items()}

        def of(*parts):
            found = [count for name, count in steps.items() if all(part in name for part in parts)]
            return len(found), max(found, default=0)

        # By default: bytes or values, with a key or without one.
        for uses, most in (((1, 2), 175), ((3, 4), 180)):
            for use in uses:
                count, greatest = of("forwardKernel", "261632", f"UseE{use}")
                self.assertEqual(2, count)
                self.assertLess(greatest, most)
        self.assertEqual(1, of("backwardKernel", "261632")[0])
        self.assertLess(of("backwardKernel", "261632")[1], 225)
        # All off, and LIF: kernels that draw nothing have none for a key. Of 16 bits are those of values.
        for options in ("QlifOptionsELj65922", "LifOptionsELj0"):
            for uses, most in (((1, 2), 32), ((3, 4), 36)):
                for use in uses:
                    for number in range(3):
                        count, greatest = of("forwardKernel", options, f"ELi{number}ELNS_3UseE{use}")
                        self.assertEqual(0 if number > 0 and use % 2 == 1 else 1, count)
                        self.assertLess(greatest, most)
            for number in range(3):
                count, greatest = of("backwardKernel", options, f"ELi{number}ELb0ELb1E")
                self.assertEqual(4, count)
                self.assertLess(greatest, 80)

    def test_a_step_of_every_kind(self):
        counts = operations.count("sm_90")
        self.assertEqual(
            {f"{c}_{p}" for c in ("full", "plain_lif", "lif") for p in ("forward", "forward_taped", "backward")}, set(counts)
        )
        for name, row in counts.items():
            self.assertGreater(row["operations"], 10, name)
            self.assertGreaterEqual(row["memory"], 2, name)
        self.assertEqual(0, counts["plain_lif_forward"]["special functions"])
        # Ten rounds of two products for two steps.
        self.assertAlmostEqual(10, counts["full_forward"]["wide multiplies"], delta=2)
        self.assertGreater(counts["full_forward"]["operations"], 4 * counts["plain_lif_forward"]["operations"])
        self.assertGreater(counts["full_forward_taped"]["operations"], counts["full_forward"]["operations"])


if __name__ == "__main__":
    unittest.main()
