"""Check a GPU in six minutes: `python -m benchmarks.gpu`.

Right, fast, many, and the whole of Charades, a line as soon as there is one. A number that is wrong, a step that breaks
down, and one of the sections right and many that does not end in its time make the exit status 1; a goal that is missed
does not.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu import runner, whole
from benchmarks.gpu.goals import CHARADES, MUST, verdict
from benchmarks.gpu.plan import LEFT_OUT, MINUTES, QUICK_LIMIT, STEPS, STOPPED, Step
from benchmarks.gpu.records import row_of
from benchmarks.shared.results import Row
from pipeline.errors import UserError
from pipeline.files import write_json

FACTS = ("gpu", "cpu", "cores", "torch", "python", "date")


@dataclass
class Record:
    """What has been found so far, written after every line."""

    chosen: argparse.Namespace
    began: float = field(default_factory=time.monotonic)
    machine: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)

    def take(self, step: Step, message: runner.Message) -> None:
        """A message of a step: facts of the machine, a row, or how it ended.

        Raises `UserError` for a device that is not there: no other step would find it.
        """
        if "refused" in message:
            raise UserError(message["refused"])
        if "machine" in message:
            if not self.machine:
                self.machine = message["machine"]
                print(", ".join(f"{name} {self.machine[name]}" for name in FACTS), flush=True)
        elif "row" in message:
            self.add(row_of(message["row"]))
        else:
            self.steps.append({"section": step.section, "step": step.name, **message})
            if message["ended"]:
                print(f"{step.section} | {step.name} | {_ending(message['ended'])}", flush=True)
        self.write()

    def add(self, row: Row) -> None:
        """Print a row and keep it."""
        self.rows.append(row)
        print(" | ".join(filter(None, (*row.cells(), verdict(row)))), flush=True)

    def write(self) -> None:
        """The file of ``--json``."""
        if self.chosen.json is not None:
            rows = [{**row.record(), "verdict": verdict(row)} for row in self.rows]
            found = {"machine": self.machine, "quick": self.chosen.quick, "device": self.chosen.device, "rows": rows}
            write_json(self.chosen.json, {**found, "steps": self.steps, "seconds": time.monotonic() - self.began})

    def bad(self) -> list[str]:
        """Everything that makes the check fail."""
        wrong = [f"{row.section}, {row.what}" for row in self.rows if verdict(row) == "WRONG"]
        failed = [f"{step['section']}, {step['step']}: {step['ended']}" for step in self.steps if _failed(step)]
        return wrong + failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; returns the exit status."""
    try:
        return _check(_parse(arguments))
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _check(chosen: argparse.Namespace) -> int:
    record = Record(chosen)
    record.write()
    wanted = [step for step in STEPS if chosen.steps is None or step.name in chosen.steps]

    def limit(step: Step) -> float:
        left: float = 60 * chosen.minutes - (time.monotonic() - record.began)
        return min(QUICK_LIMIT if chosen.quick else step.limit, left)

    options = [chosen.device, *(["--quick"] if chosen.quick else [])]
    with _logs(chosen.logs) as folder:
        runner.run(wanted, options, limit, folder, record.take)
    _add_charades(record)
    bad = record.bad()
    print(f"{time.monotonic() - record.began:.0f} s, {len(record.rows)} figures, {_count(record)}", flush=True)
    for name in bad:
        print(f"error: {name}", file=sys.stderr)
    return 1 if bad else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description="Check a GPU: right, and how fast.")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<number>")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs: no figures")
    parser.add_argument("--steps", nargs="+", choices=[step.name for step in STEPS], help="only these steps")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="what all of it may take (%(default)g)")
    parser.add_argument("--logs", type=Path, help="a folder to keep what each step says besides: where one has failed")
    parser.add_argument("--json", type=Path, help="where to write all figures, again after every line")
    return parser.parse_args(arguments)


@contextlib.contextmanager
def _logs(kept: Path | None) -> Iterator[Path]:
    """The folder of what the steps say besides their rows."""
    if kept is None:
        with tempfile.TemporaryDirectory(prefix="avsd-gpu-check-") as folder:
            yield Path(folder)
    else:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept


def _add_charades(record: Record) -> None:
    gpu = record.machine.get("cards", 0) > 0
    rows, lacking = whole.hours(record.rows, gpu=gpu, goals=gpu and not record.chosen.quick)
    for row in rows:
        record.add(row)
    if lacking:
        print(f"{CHARADES} | not computed, for want of: {'; '.join(lacking)}", flush=True)
    record.write()


def _failed(step: dict[str, Any]) -> bool:
    """Whether an ending is a failure. Too slow is no wrong number, but what has to be right must have been checked."""
    ending = step["ended"]
    if not ending or ending.startswith(LEFT_OUT):
        return False
    return step["section"] in MUST or not ending.startswith(STOPPED)


def _ending(text: str) -> str:
    return text if text.startswith(LEFT_OUT) else f"FAILED | {text}"


def _count(record: Record) -> str:
    verdicts = [verdict(row) for row in record.rows]
    words = ("met", "missed", "WRONG")
    return ", ".join(f"{verdicts.count(word)} {word}" for word in words)


if __name__ == "__main__":
    sys.exit(main())
