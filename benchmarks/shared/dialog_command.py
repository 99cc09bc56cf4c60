"""What the commands share whose sections get a `DialogBench`: options, what they say of it, what is kept of them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.shared import command, machine
from benchmarks.shared.dialog_bench import DialogBench, Recipe
from benchmarks.shared.workload import Workload
from pipeline.devices import resolve_device
from pipeline.errors import UserError


def parser(question: str, subject: str, sections: Sequence[str], device: str, counted: str) -> argparse.ArgumentParser:
    """The options of such a command. device, counted: what --device is of, and which dialogs --dialogs-count counts."""
    made = command.parser(question, subject, sections, "median")
    made.add_argument("--dialogs", type=Path, nargs="+", default=[], help="AVSD dialog files; without, made dialogs")
    made.add_argument("--dialogs-count", type=int, help=counted)
    made.add_argument("--device", default="auto", help=device)
    made.add_argument("--threads", type=int, default=1, help="threads, on as many cores, where the CPU computes")
    made.add_argument("--seed", type=int, default=1, help="of made dialogs, weights and order")
    made.add_argument("--published", type=Path, help="checkout of the organisers' code, for the section baseline")
    return made


def given(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What the arguments say of a `DialogBench`. Raises `UserError` for more threads than cores."""
    if chosen.threads > machine.available_cores():
        count = machine.available_cores()
        raise UserError(f"--threads {chosen.threads}: this process may use {count} cores; give fewer")
    return {
        "device": resolve_device(chosen.device),
        "threads": chosen.threads,
        "repeats": chosen.repeats,
        "recipe": Recipe(tuple(str(path.resolve()) for path in chosen.dialogs), chosen.seed, chosen.quick),
        "folder": folder,
        "published": chosen.published,
    }


def settings(chosen: argparse.Namespace) -> dict[str, Any]:
    """What is kept of the arguments beside the figures."""
    dialogs = [str(path) for path in chosen.dialogs]
    return {"dialogs": dialogs, "threads": chosen.threads, "seed": chosen.seed}


def heading(bench: DialogBench, facts: dict[str, Any], workload: Workload, words: str) -> str:
    """The machine, and what is known of the dialogs."""
    kind = "made" if workload.made else "read"
    used = machine.heading(facts, f"{bench.threads} of {facts['cores']}")
    return f"{used}\n{kind} dialogs: {words}"
