"""What the stages before left in the results folder, and how systems are called in tables and report."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.config import Config, Description
from pipeline.config.systems import DescribedUnseen
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.report.paper import AUTOMATIC, MANUAL, NONE
from pipeline.scoring.written import read_scores_file
from pipeline.texts import quoted, read_json, read_records

Scores = Mapping[str, Any]
IN_SAMPLE = "auto, in sample"
"""Descriptions of training videos by a system that has learned from them."""


def read_if_there(path: Path) -> Any | None:
    """A JSON file's content; None when there is no such file (a stage that was not run)."""
    return read_json(path) if path.is_file() else None


def read_scores(config: Config, system: str, test_set: str) -> Scores | None:
    """Scores of a system on a test set; None when it was not scored."""
    path = Layout(config.results).scores(system, test_set)
    return read_scores_file(path) if path.is_file() else None


def scored_systems(config: Config, test_set: str) -> dict[str, Scores]:
    """Scores of every system of `run` that answers and has some on ``test_set``, in the order of `run`."""
    read = {name: read_scores(config, name, test_set) for name in config.run if config.systems[name].asked}
    return {name: scores for name, scores in read.items() if scores is not None}


def read_curves(path: Path) -> dict[str, list[float | None]]:
    """Columns of a curves.csv by name; a cell that is empty or not finite is None, one that is no number an error."""
    lines = read_records(path)
    try:
        return {name: [_finite(line[name]) for line in lines] for name in (lines[0] if lines else {})}
    except ValueError as error:
        raise UserError(f"{path}: not learning curves ({error}); train the system again") from None


def _finite(cell: str) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"{quoted(cell)} is no number") from None
    return value if math.isfinite(value) else None


def descriptions(config: Config, name: str) -> tuple[str, str]:
    """The columns "desc. train" and "desc. test" of a system, in the paper's words.

    A student counts as trained with descriptions: its teacher sees them.
    """
    system = config.systems[name]
    trained = config.trained(name)[1]
    seen = [trained, *([config.systems[trained.teacher]] if trained.teacher is not None else [])]
    sources = [_source(each.told("train")) for each in seen]
    train = next((source for source in (MANUAL, AUTOMATIC, IN_SAMPLE) if source in sources), NONE)
    return train, _source(system.told("test"))


def _source(description: Description) -> str:
    if isinstance(description, DescribedUnseen) and description.in_sample:
        return IN_SAMPLE
    if not isinstance(description, str):
        return AUTOMATIC
    return NONE if description == "none" else MANUAL


def display_names(config: Config, systems: Sequence[str] | None = None) -> dict[str, str]:
    """A name for every system of `run`, or of ``systems``: its label; where several have it, with the task if theirs
    differ, and with the descriptions if they do not; else with its key.
    """
    entries = {name: config.systems[name] for name in (config.run if systems is None else systems)}
    labels = Counter(entry.label for entry in entries.values())
    tasks = Counter((entry.label, entry.task) for entry in entries.values())
    names = {}
    for name, entry in entries.items():
        told = "/".join(descriptions(config, name)) if tasks[entry.label, entry.task] > 1 else entry.task
        names[name] = entry.label if labels[entry.label] == 1 else f"{entry.label} ({told})"
    repeated = Counter(names.values())
    return {name: text if repeated[text] == 1 else f"{text} [{name}]" for name, text in names.items()}
