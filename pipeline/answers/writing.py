"""What every task's writer does: a trained system opened for a test set, and batches walked; sentences searched for."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from pipeline.answers.search import Answer, search
from pipeline.config import Answers, Config
from pipeline.config.systems import DescribedBy
from pipeline.dataset.batches import ordered_batches
from pipeline.dataset.dialogs import Examples
from pipeline.dataset.views import View
from pipeline.devices import resolve_device
from pipeline.errors import UserError
from pipeline.features.store import FeatureStore
from pipeline.halving import Halving
from pipeline.layout import Layout
from pipeline.networks.base import Generator, Network
from pipeline.progress import log, progress
from pipeline.systems.answering import load_answering
from pipeline.systems.system import view_of
from pipeline.tasks.registry import task_of
from pipeline.versions import STAGES
from pipeline.vocabulary.concepts import read_words
from pipeline.vocabulary.words import Vocabulary

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
Key = tuple[str, int]
MADE_BY = ("system", "network", "loss", "teacher", "training", "versions", "commit")
"""What a model's `system.json` says that result files repeat."""
Pick = tuple[int, Sequence[int]]
"""A dialog's index, and the rows of it that something is written for."""


@dataclass(frozen=True)
class Opened:
    """A trained system, on its device, with what it sees of a test set.

    info: what its `system.json` says. others: of an ensemble, what those of its members behind the first say.
    """

    name: str
    test_set: str
    network: Network
    info: Mapping[str, Any]
    vocabulary: Vocabulary
    view: View
    stores: Mapping[str, FeatureStore]
    settings: Answers
    device: torch.device
    others: tuple[Mapping[str, Any], ...] = ()

    def provenance(self, config: Config) -> dict[str, Any]:
        """What made the sentences: `made_by`, and how was searched."""
        return {**self.made_by(config), "answers": self.settings.model_dump()}

    def made_by(self, config: Config) -> dict[str, Any]:
        """The system, its model or those of its members, and what it saw."""
        view = self.view
        models = [{key: info[key] for key in MADE_BY} for info in (self.info, *self.others)]
        return {
            "name": self.name,
            "label": config.systems[self.name].label,
            **({"models": models} if self.others else {"model": models[0]}),
            "members": config.members(self.name),
            "vocabulary": self.info["vocabulary"],
            "test_set": self.test_set,
            "sees": {
                "features": view.features,
                "description": described(config, self.name),
                "history": view.history,
                **_shown(config, self.name, view),
            },
            "stage": STAGES["answers"],
        }


def open_system(config: Config, name: str, test_set: str) -> Opened:
    """Load the system ``name`` for a test set. Raises `UserError` for anything missing."""
    settings = config.answers_of(name)
    layout, device = Layout(config.results), resolve_device(config.device)
    vocabulary = read_words(task_of(config, name).words(layout))
    system = load_answering(config, name, vocabulary, device)
    view = view_of(config, name, "test", [test_set])
    stores = {feature: FeatureStore(layout.feature(feature)) for feature in view.features}
    network, info, others = system.network, system.info, system.others
    return Opened(name, test_set, network, info, vocabulary, view, stores, settings, device, others)


def find(opened: Opened, examples: Examples, wanted: Sequence[Sequence[int]], what: str) -> dict[Key, list[Answer]]:
    """The best sentences for the rows ``wanted`` of each dialog, by video and row. what: they are called in the log."""
    batches = list(_batches(examples, wanted, opened.settings.batch_turns))
    title = f"{opened.name}: {opened.test_set} {what}"
    return walked(title, "answers.batch_turns", batches, lambda picks: _search(opened, examples, picks))


def walked(
    title: str, setting: str, batches: Sequence[Sequence[T]], of: Callable[[Sequence[T]], Mapping[K, V]]
) -> dict[K, V]:
    """What ``of`` makes of every batch, all together; of one that the memory does not hold, of its parts.

    title: what is found, for the log. setting: what makes batches smaller.
    """
    began, halving, found = time.monotonic(), Halving(title, setting), dict[K, V]()
    for batch in progress(batches, len(batches), title, "batches"):
        for part in halving(batch, lambda parts: list(map(of, parts))):
            found |= part
    log(f"{title}: {len(found)}, {len(found) / (time.monotonic() - began):.1f} a second")
    return found


def _batches(examples: Examples, wanted: Sequence[Sequence[int]], batch_turns: int) -> Iterator[list[Pick]]:
    """Picks of whole dialogs of like length, about ``batch_turns`` rows each; of dialogs without such rows none."""
    lengths = [sum(len(turn.question.split()) for turn in dialog.turns) for dialog in examples.dialogs]
    for batch in ordered_batches([len(rows) for rows in wanted], lengths, batch_turns):
        yield [(index, wanted[index]) for index in batch if wanted[index]]


@torch.no_grad()
def _search(opened: Opened, examples: Examples, picks: Sequence[Pick]) -> dict[Key, list[Answer]]:
    network = opened.network
    assert isinstance(network, Generator)
    batch = examples.batch(picks, with_targets=False).to(opened.device)
    try:
        answers = search(network, network.encode(batch.views["model"]), opened.settings)
    except ArithmeticError as error:
        videos = ", ".join(dict.fromkeys(video_id for video_id, _ in batch.keys))
        raise UserError(f"dialogs {videos}: {error}; check the features of these videos") from None
    return dict(zip(batch.keys, answers, strict=True))


def described(config: Config, name: str) -> str:
    """Whose descriptions are seen, in a word."""
    told = config.systems[name].told("test")
    return f"of {told.system}" if isinstance(told, DescribedBy) else str(told)


def _shown(config: Config, name: str, view: View) -> dict[str, Any]:
    """Whose concept words are seen, where some are."""
    words = config.trained(name)[1].shown()
    return (
        {}
        if view.concepts is None or words is None
        else {"concepts": words.model_dump(include={"system", "k", "place"})}
    )
