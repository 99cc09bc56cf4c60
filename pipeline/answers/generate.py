"""`avsd answer`: a test set's questions answered by a trained system, in the challenge's result format."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from pipeline.answers.search import Answer, search
from pipeline.config import TEST_SETS, Config
from pipeline.corpus.dialogs import Dialog, read_dialogs
from pipeline.dataset.batches import ordered_batches
from pipeline.dataset.dialogs import DialogDataset
from pipeline.dataset.views import View
from pipeline.devices import resolve_device
from pipeline.errors import UserError
from pipeline.features.store import FeatureStore
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.networks.base import DialogNetwork
from pipeline.progress import log, progress
from pipeline.systems.answering import load_answering
from pipeline.systems.system import view_of
from pipeline.versions import STAGES
from pipeline.vocabulary.words import Vocabulary

Key = tuple[str, int]


def answer(config: Config, name: str, test_set: str) -> None:
    """Answer a test set with the system ``name`` and write its result file.

    trial: every turn is answered; official: the last turn of each dialog. The history before a turn is always the true
    one. The file is the test set's JSON with these answers filled in; beside each stand `"generated": true` and
    `"n_best"` with scores (log P + bonus), and at the top `"system"`: what made them. Raises `UserError` for anything
    missing.
    """
    _check(config, name, test_set)
    layout, device = Layout(config.results), resolve_device(config.device)
    vocabulary = Vocabulary.read(layout.vocabulary)
    system = load_answering(config, name, vocabulary, device)
    view = view_of(config, name, "test")
    dialogs = read_dialogs(layout.dialogs(test_set))
    stores = {feature: FeatureStore(layout.feature(feature)) for feature in view.features}
    dataset = DialogDataset(dialogs, vocabulary, stores, {"model": view})
    wanted = [_wanted(dialog, test_set) for dialog in dialogs]
    count, began = sum(map(len, wanted)), time.monotonic()
    found: dict[Key, list[Answer]] = {}
    batches = list(_batches(dialogs, wanted, config.answers.batch_turns))
    for picks in progress(batches, len(batches), f"{name}: answering {test_set}", "batches"):
        found |= _answer_batch(system.network, dataset, picks, config, device)
    log(f"{name}: {count} {test_set} turns answered, {count / (time.monotonic() - began):.1f} turns/s")
    content = {
        "type": "scene_aware_dialog",
        "version": "0.1",
        "system": _provenance(config, name, test_set, view, system.info),
        "dialogs": [_filled(dialog, found, vocabulary) for dialog in dialogs],
    }
    write_json(layout.answers(name, test_set), content)


def _check(config: Config, name: str, test_set: str) -> None:
    if name not in config.systems:
        raise UserError(f"system {name!r} is not in the configuration ({', '.join(config.systems)})")
    if test_set not in TEST_SETS:
        raise UserError(f"test set {test_set!r} is not known; give one of {', '.join(TEST_SETS)}")
    settings = config.answers
    if settings.min_length > settings.max_length:
        raise UserError(
            f"answers.min_length is {settings.min_length} and answers.max_length {settings.max_length}: no answer has "
            "both; lower the first"
        )


def _wanted(dialog: Dialog, test_set: str) -> Sequence[int]:
    """The turns of a dialog that are answered."""
    last = len(dialog.turns) - 1
    return [last] if test_set == "official" else range(last + 1)


def _batches(
    dialogs: Sequence[Dialog], wanted: Sequence[Sequence[int]], batch_turns: int
) -> Iterator[list[tuple[int, Sequence[int]]]]:
    """Picks of whole dialogs of like length, about ``batch_turns`` turns each."""
    lengths = [sum(len(turn.question.split()) for turn in dialog.turns) for dialog in dialogs]
    for batch in ordered_batches([len(turns) for turns in wanted], lengths, batch_turns):
        yield [(index, wanted[index]) for index in batch]


@torch.no_grad()
def _answer_batch(
    network: DialogNetwork,
    dataset: DialogDataset,
    picks: Sequence[tuple[int, Sequence[int]]],
    config: Config,
    device: torch.device,
) -> dict[Key, list[Answer]]:
    batch = dataset.batch(picks, with_targets=False).to(device)
    try:
        answers = search(network, network.encode(batch.views["model"]), config.answers)
    except ArithmeticError as error:
        videos = ", ".join(dict.fromkeys(video_id for video_id, _ in batch.keys))
        raise UserError(f"dialogs {videos}: {error}; check the features of these videos") from None
    return dict(zip(batch.keys, answers, strict=True))


def _filled(dialog: Dialog, found: Mapping[Key, list[Answer]], vocabulary: Vocabulary) -> dict[str, Any]:
    """A dialog in the challenge's layout, its answered turns with the system's answers."""
    turns: list[dict[str, Any]] = []
    for number, turn in enumerate(dialog.turns):
        answers = found.get((dialog.video_id, number))
        if answers is None:
            turns.append({"question": turn.question, "answer": turn.answer})
            continue
        n_best = [{"answer": vocabulary.decode(item.ids), "score": round(item.score, 5)} for item in answers]
        turns.append({"question": turn.question, "answer": n_best[0]["answer"], "generated": True, "n_best": n_best})
    return {"image_id": dialog.video_id, "caption": dialog.caption, "summary": dialog.summary, "dialog": turns}


def _provenance(config: Config, name: str, test_set: str, view: View, info: Mapping[str, Any]) -> dict[str, Any]:
    """What made the answers: the system, its model, what it saw, how was searched."""
    return {
        "name": name,
        "label": config.systems[name].label,
        "model": {key: info[key] for key in ("system", "network", "loss", "teacher", "training", "versions", "commit")},
        "members": config.members(name),
        "vocabulary": info["vocabulary"],
        "test_set": test_set,
        "sees": {"features": view.features, "description": str(view.description), "history": view.history},
        "answers": config.answers.model_dump(),
        "stage": STAGES["answers"],
    }
