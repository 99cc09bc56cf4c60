"""Measure the feature extraction on this machine: `python -m benchmarks.extraction`.

Rates with ratios to what people use now, shares of what the machine can do, and goals met or missed.
docs/performance.md says what each section measures and how.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.extraction import clips, decoding, flows, peaks, sound, windows
from benchmarks.shared import charades, command, machine
from benchmarks.shared.own_process import ROOT
from pipeline.devices import resolve_device

SECTIONS = {
    "decode": decoding.measure,
    "i3d": windows.measure_network,
    "flow": flows.measure,
    "vggish": sound.measure,
    "stride": windows.measure_stride,
    "memory": peaks.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = command.parser("extraction", "feature extraction", list(SECTIONS), "fastest")
    parser.add_argument("--videos", type=Path, help="folder of clips (the first 12 are used); without it, made ones")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<number>")
    parser.add_argument("--raft-weights", type=Path, help="weights of RAFT small: it is measured as well")
    parser.add_argument("--resources", type=Path, default=ROOT / "resources", help="folder of fetched weights")
    chosen = parser.parse_args(arguments)
    command.expect(parser, chosen, 1, "repeats")
    return command.run(_measure, chosen)


def _measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the sections in the order of `SECTIONS`, print the table, and return everything for JSON."""
    device = resolve_device(chosen.device)
    sizes = clips.QUICK if chosen.quick else clips.SIZES[device.type]
    videos = clips.find_clips(chosen.videos) if chosen.videos else clips.made_clips(folder, sizes)
    cores = machine.available_cores()
    bench = clips.Bench(device, chosen.repeats, sizes, folder, videos, chosen.resources, chosen.raft_weights, cores)
    facts = machine.facts(device, cores)
    print(machine.heading(facts, str(cores)))
    rows = command.rows_of(SECTIONS, chosen.sections, bench)
    whole = charades.whole(rows, cores, device.type == "cuda")
    found = command.told(chosen, facts, rows + whole, {"videos": sorted(videos), "made": chosen.videos is None})
    if not whole:
        print(f"charades: not computed, for want of {'; '.join(charades.missing(rows))}")
    return found


if __name__ == "__main__":
    sys.exit(main())
