"""JSFusion and tracing LSTMs at their papers' sizes: steps beside plain implementations, and a pair at test.

    python -m benchmarks.matching                    two cores, some minutes
    python -m benchmarks.matching --sections pairs --json pairs.json
    python -m benchmarks.matching --sections tracing

Times of the two implementations are taken turn about, and the fastest of `--repeats` counts.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.matching.bench import CPU, SECTIONS, Bench
from benchmarks.shared import command
from benchmarks.shared.machine import available_cores, facts, heading
from benchmarks.shared.timing import cores, quiet


def measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:  # noqa: ARG001, no files are needed
    """Everything asked for."""
    count = min(chosen.cores, available_cores())
    about = facts(CPU, count)
    print(heading(about, str(count)), flush=True)
    with cores(count), quiet():
        rows = command.rows_of(SECTIONS, chosen.sections, Bench(chosen.quick, chosen.repeats))
    return command.told(chosen, about, rows, {"cores": count})


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = command.parser("matching", "joint sequence fusion and tracing LSTMs", list(SECTIONS), "fastest")
    parser.add_argument("--cores", type=int, default=2, help="cores to compute on")
    chosen = parser.parse_args(arguments)
    command.expect(parser, chosen, 1, "repeats", "cores")
    return command.run(measure, chosen)


if __name__ == "__main__":
    sys.exit(main())
