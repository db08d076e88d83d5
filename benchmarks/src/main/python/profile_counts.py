# SPDX-License-Identifier: Apache-2.0
"""What our kernels executed, from a profile by Nsight Compute: instructions, memory traffic and time for a neuron-step.

profile_counts.py FILE T,B,N reads what `ncu --csv --print-units base` printed with METRICS, and prints a Markdown
table. Beside the counts of native/operations it tells how much of what a kernel executes is more than a step needs.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Dict, Iterable, List, Tuple

METRICS = ("smsp__inst_executed.sum", "dram__bytes_read.sum", "dram__bytes_write.sum", "gpu__time_duration.sum")
WARP = 32


def read(lines: Iterable[str]) -> List[Tuple[str, Dict[str, float]]]:
    """Kernels in the order of their launches, with their metrics. ncu's own messages stand between the lines."""
    rows = csv.DictReader(line for line in lines if line.startswith('"'))
    launches: Dict[str, Tuple[str, Dict[str, float]]] = {}
    for row in rows:
        name, metrics = launches.setdefault(row["ID"], (row["Kernel Name"], {}))
        metrics[row["Metric Name"]] = float(row["Metric Value"].replace(",", ""))
    return list(launches.values())


def table(launches: List[Tuple[str, Dict[str, float]]], neuron_steps: int) -> str:
    lines = ["| a neuron-step | instructions | bytes read | bytes written | ps |", "|---|---:|---:|---:|---:|"]
    for name, metrics in launches:
        instructions, read_bytes, written, nanoseconds = (metrics[metric] for metric in METRICS)
        # Warp instructions: a thread's share of each is one.
        values = (WARP * instructions, read_bytes, written, 1e3 * nanoseconds)
        cells = " | ".join(f"{value / neuron_steps:.3g}" for value in values)
        # Without the arguments; a parenthesis further in is that of a cast.
        lines.append(f"| `{name[: name.rindex('(')] if '(' in name else name}` | {cells} |")
    return "\n".join(lines)


def main(arguments: List[str]) -> int:
    parts = arguments[1].split(",") if len(arguments) == 2 else []
    if len(parts) != 3 or not all(part.isdigit() and int(part) > 0 for part in parts):
        print("usage: profile_counts.py FILE T,B,N", file=sys.stderr)
        return 2
    launches = read(Path(arguments[0]).read_text().splitlines())
    if not launches:
        print(f"profile_counts.py: no kernel in '{arguments[0]}'", file=sys.stderr)
        return 1
    steps, batch, neurons = map(int, parts)
    print(table(launches, steps * batch * neurons))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
