"""Measure the feature extraction on this machine: `python benchmarks/extract.py`.

Rates with ratios to what people use now, shares of what the machine can do, and goals met or missed.
docs/performance.md says what each section measures and how.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.clips import Bench
    from benchmarks.results import Row

SECTIONS = ("decode", "i3d", "flow", "vggish", "stride", "memory")
ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status. A missed goal is a result, not a failure."""
    chosen = _parse(arguments)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from benchmarks.command import run

    return run(_measure, chosen)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the feature extraction on this machine.")
    parser.add_argument("--videos", type=Path, help="folder of clips (the first 12 are used); without it, made ones")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to measure")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<number>")
    parser.add_argument("--repeats", type=int, default=3, help="repetitions, turn about; the fastest counts")
    parser.add_argument("--raft-weights", type=Path, help="weights of RAFT small: it is measured as well")
    parser.add_argument("--resources", type=Path, default=ROOT / "resources", help="folder of fetched weights")
    parser.add_argument("--json", type=Path, help="where to write the figures and the facts of the machine")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs: no figures")
    chosen = parser.parse_args(arguments)
    if chosen.repeats < 1:
        parser.error(f"--repeats {chosen.repeats}: expected 1 or more")
    return chosen


def _measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the sections in the order of `SECTIONS`, print the table, and return everything for JSON."""
    from benchmarks import charades, clips, machine, results
    from benchmarks.command import rows_of
    from pipeline.devices import resolve_device

    device = resolve_device(chosen.device)
    sizes = clips.QUICK if chosen.quick else clips.SIZES[device.type]
    videos = clips.find_clips(chosen.videos) if chosen.videos else clips.made_clips(folder, sizes)
    cores = machine.available_cores()
    bench = clips.Bench(device, chosen.repeats, sizes, folder, videos, chosen.resources, chosen.raft_weights, cores)
    facts = machine.facts(device, cores)
    print(f"{facts['cpu']}, {cores} cores, {facts['gpu'] or 'no GPU'}, PyTorch {facts['torch']}, {facts['date']}")
    rows = rows_of(SECTIONS, chosen.sections, lambda name: _section(name, bench))
    whole = charades.whole(rows, cores, device.type == "cuda")
    rows += whole
    print(results.table(rows), *results.verdicts(rows), sep="\n")
    if not whole:
        print(f"charades: not computed, for want of {'; '.join(charades.missing(rows))}")
    settings = {
        "videos": sorted(videos),
        "made": chosen.videos is None,
        "repeats": chosen.repeats,
        "quick": chosen.quick,
    }
    return {"machine": facts, "settings": settings, "rows": [row.record() for row in rows]}


def _section(name: str, bench: "Bench") -> "list[Row]":
    from benchmarks import decoding, flows, peaks, sound, windows

    measures = {
        "decode": decoding.measure,
        "i3d": windows.measure_network,
        "flow": flows.measure,
        "vggish": sound.measure,
        "stride": windows.measure_stride,
        "memory": peaks.measure,
    }
    return measures[name](bench)


if __name__ == "__main__":
    sys.exit(main())
