"""What finished runs came to, in files small enough to be kept beside the code.

A results folder is large, and gone when its machine is. Of every system a record keeps what the page needs: its scores,
`METRIC` of each answer, what training and answering took, and where. So the runs of several machines make one page, and
what a record has need not run again.

An entry counts only with what it was made with: the settings of corpus, words, training (what teaches it, too),
answers and scoring, and the versions of these stages, as the workflow knows them; and, where a results folder has them,
the same references and as many training dialogs.
"""

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from benchmarks.real.runs import Run
from pipeline.config import Config
from pipeline.config.needs import needed
from pipeline.corpus.statistics import read_statistics
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.plan.settings import Settings
from pipeline.texts.typed import Count, Number, read_typed
from pipeline.versions import STAGES

METRIC = "CIDEr"
STAGES_READ = ("corpus", "vocabulary", "training", "answers", "scoring")
"""The stages of the workflow that scores come from."""
PER_UNIT = 10_000
"""Values of single answers are kept as whole numbers of so many to the unit."""


class Answers(TypedDict):
    """`METRIC` of every answer, in the order of its `<video>_<turn>`.

    of: a hash of these. turns: answers of a video, and how many videos one after another have so many.
    """

    of: str
    turns: list[tuple[Count, Count]]
    values: str


class Scored(TypedDict):
    """A test set. seconds: of a core that answering took, None where it is not known. date: when it was scored."""

    metrics: dict[str, Number]
    intervals: dict[str, tuple[Number, Number]]
    signature: dict[str, Any]
    answers: Answers
    seconds: Number | None
    date: str


class Cost(TypedDict):
    """What a trained model took.

    seconds: of training, validation apart, on the clock. turns: learned from in a second, of the fastest epoch. torch:
    version of PyTorch.
    """

    seconds: Number
    epochs: Count
    best_epoch: Count
    perplexity: Number
    turns: Number
    torch: str


class Entry(TypedDict):
    """A system of a run. cpu: where it was scored. dialogs: by split. cost: None of one with another's model."""

    settings: dict[str, Any]
    cpu: str
    dialogs: dict[str, Count]
    cost: Cost | None
    scores: dict[str, Scored]


_ENTRY = TypeAdapter(Entry)


@dataclass(frozen=True)
class Record:
    """A folder of entries, one file a system of a run: `<run>/<system>.json`."""

    folder: Path

    @property
    def noise(self) -> Path:
        """Figures of every epoch of one training (`noise`)."""
        return self.folder / "noise.json"

    @property
    def notes(self) -> Path:
        """What whoever made the runs has to say of them."""
        return self.folder / "notes.md"

    def path(self, run: Run, name: str) -> Path:
        """The file of a system."""
        return self.folder / run.slug / f"{name}.json"

    def read(self, run: Run, name: str) -> Entry | None:
        """A system's entry; None where there is none that was made with the settings and dialogs the run has now."""
        entry = self._entry(run, name)
        return None if entry is None or _others(run, name, entry) else entry

    def stale(self, run: Run, name: str) -> list[str]:
        """What is other than what a system's entry was made with; empty where it counts, or is none."""
        entry = self._entry(run, name)
        return [] if entry is None else _others(run, name, entry)

    def _entry(self, run: Run, name: str) -> Entry | None:
        path = self.path(run, name)
        expected = "an entry of `python -m benchmarks.real --record`; delete it, and run again"
        return read_typed(path, _ENTRY, expected) if path.is_file() else None

    def write(self, run: Run, name: str, entry: Entry) -> None:
        """Put down what a system came to; test sets that only the old entry has stay."""
        old = self.read(run, name)
        found = {**({} if old is None else old["scores"]), **entry["scores"]}
        # In the run's order, so that the file is the same whichever was scored first.
        scores = {test_set: found[test_set] for each, test_set in run.answered() if each == name and test_set in found}
        cost = entry["cost"] or (None if old is None else old["cost"])
        new = Entry(settings=entry["settings"], cpu=entry["cpu"], dialogs=entry["dialogs"], cost=cost, scores=scores)
        # Scored once, on whatever machine: reading it again elsewhere makes it no other.
        if old is None or {**old, "cpu": ""} != {**new, "cpu": ""}:
            write_json(self.path(run, name), new)

    def lacking(self, run: Run) -> dict[str, list[str]]:
        """By system of the run, the test sets that it should be scored on and is not."""
        lacking: dict[str, list[str]] = {}
        for name, test_set in run.answered():
            entry = self.read(run, name)
            if entry is None or test_set not in entry["scores"]:
                lacking.setdefault(name, []).append(test_set)
        return lacking


def settings(config: Config, name: str) -> dict[str, Any]:
    """What a system's scores depend on beside the data, as the workflow says it to its jobs."""
    plan = Settings(config)
    return {
        "corpus": json.loads(plan.corpus_settings()),
        "vocabulary": json.loads(plan.vocabulary_settings()),
        "stages": {stage: STAGES[stage] for stage in STAGES_READ},
        "training": {model: json.loads(plan.training_settings(model)) for model in models(config, name)},
        "answers": json.loads(plan.answer_settings(name)),
        "scoring": config.scoring.model_dump(mode="json", include={"filter", "bootstrap"}),
    }


def _others(run: Run, name: str, entry: Entry) -> list[str]:
    """What is other now than what an entry was made with."""
    return [*differing(entry["settings"], settings(run.config, name)), *_other_dialogs(entry, Layout(run.results))]


def _other_dialogs(entry: Entry, layout: Layout) -> Iterator[str]:
    """Where the dialogs of a results folder are there, and are not those of an entry."""
    learned = read_statistics(layout.corpus / "statistics.json").get("training", {}).get("dialogs")
    if learned is not None and entry["dialogs"] and learned != entry["dialogs"].get("training"):
        yield f"learned from {entry['dialogs'].get('training')} dialogs, there are {learned}"
    for test_set, scored in entry["scores"].items():
        path = layout.references(test_set)
        known = scored["signature"].get("references_sha256")
        if known is not None and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != known:
            yield f"{test_set} was scored with other references than {path} has"


def models(config: Config, name: str) -> list[str]:
    """The systems whose training a system's scores depend on: those it answers with, and what teaches these."""
    return [each for member in config.members(name) for each in (*needed(config, member), member)]


def differing(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """Each value that is not the same, with its place."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from differing(old.get(key), new.get(key), f"{where}.{key}" if where else key)
    elif old != new:
        yield f"{where} was {json.dumps(old)}, is {json.dumps(new)}"


def packed(items: Mapping[str, Mapping[str, float]]) -> Answers:
    """A metric of every answer, small. items: by `<video>_<turn>`, as score files have them."""
    keys = sorted(items, key=_place)
    counts = [len(list(group)) for _, group in groupby(keys, key=lambda key: _place(key)[0])]
    turns = [(count, len(list(group))) for count, group in groupby(counts)]
    values = np.rint([items[key][METRIC] * PER_UNIT for key in keys]).astype("<i4")
    text = base64.b64encode(zlib.compress(values.tobytes(), 9)).decode()
    return Answers(of=hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16], turns=turns, values=text)


def unpacked(answers: Answers, source: Path) -> dict[str, float]:
    """A metric of every answer, by a name that is the same for the same answers, `<hash>.<video's number>_<number>`."""
    try:
        values = np.frombuffer(zlib.decompress(base64.b64decode(answers["values"], validate=True)), "<i4") / PER_UNIT
    except (binascii.Error, zlib.error, ValueError) as error:
        raise UserError(f"{source}: values that cannot be read ({error}); delete the file, and run again") from None
    counts = [count for count, videos in answers["turns"] for _ in range(videos)]
    names = [f"{answers['of']}.{video}_{turn}" for video, count in enumerate(counts) for turn in range(count)]
    if len(names) != len(values):
        raise UserError(f"{source}: {len(values)} values of {len(names)} answers; delete the file, and run again")
    return dict(zip(names, values.tolist(), strict=True))


def _place(key: str) -> tuple[str, int]:
    video, turn = key.rsplit("_", 1)
    return video, int(turn)
