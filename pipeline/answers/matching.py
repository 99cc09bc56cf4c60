"""`avsd answer` of systems that compare texts with videos: scores of candidate answers, of all videos for each text."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from pipeline.answers.writing import Opened, open_system
from pipeline.config import TEST_SETS, Config
from pipeline.corpus.candidates import Candidates, dialogs_of, read_candidates, reference_name
from pipeline.corpus.dialogs import Dialog, read_dialogs, turns_of
from pipeline.corpus.queries import Query, query
from pipeline.corpus.references import Key
from pipeline.corpus.splits import first
from pipeline.dataset.pairs import Choices, Queries
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.halving import Halving
from pipeline.layout import Layout
from pipeline.networks.matching import Matcher
from pipeline.progress import log, progress
from pipeline.systems.pairs import row_scores, score_queries

CHOSEN, RANKED = "candidate_scores", "video_scores"
"""Types of the files."""
PAIRS = 400
"""Pairs of a turn and a candidate that are scored at once."""


def choose(config: Config, name: str, test_set: str, history: bool) -> None:
    """Score the candidates of a test set's turns with the system ``name``, and write the scores in their order.

    Those of a published test stand by themselves: no dialog of the test set is read.
    """
    _check(test_set)
    layout, opened = Layout(config.results), open_system(config, name, test_set)
    path = layout.references(reference_name(test_set))
    candidates = read_candidates(path)
    if alone := any(each.question is not None for each in candidates.values()):
        dialogs = dialogs_of(candidates)
    else:
        dialogs = _known(read_dialogs(layout.dialogs(test_set)), candidates, path)
    # Questions of a published test have no dialog in front of them, whatever the system has learned from.
    history, view = history and not alone, opened.view
    examples = Choices(
        dialogs, opened.vocabulary, opened.stores, view.features, 2, history=history, concepts=view.concepts
    )
    scores = candidate_scores(opened, examples, {key: found.answers for key, found in candidates.items()})
    turns = [{"image_id": video, "turn": turn, "scores": scores[video, turn]} for video, turn in candidates]
    write_json(
        layout.answers(name, test_set),
        {"type": CHOSEN, "version": "0.1", "system": opened.made_by(config), "turns": turns},
    )


def candidate_scores(
    opened: Opened, examples: Choices, candidates: Mapping[Key, Sequence[str]]
) -> dict[Key, list[float]]:
    """The score of each of a turn's ``candidates``, in their order."""
    places = {dialog.video_id: place for place, dialog in enumerate(examples.dialogs)}
    network, began = opened.network.eval(), time.monotonic()
    assert isinstance(network, Matcher)
    title = f"{opened.name}: {opened.test_set} candidates"
    # Alike in how many candidates they have, so that a batch is a table.
    order = sorted(candidates, key=lambda key: len(candidates[key]))
    halving, found = Halving(title, "matching.distractors"), dict[Key, list[float]]()

    def scored(parts: Sequence[Sequence[Key]]) -> list[dict[Key, list[float]]]:
        return [part_scores(part) for part in parts]

    def part_scores(keys: Sequence[Key]) -> dict[Key, list[float]]:
        rows = [(places[video], turn) for video, turn in keys]
        pairs = [
            [(examples.text(*row, answer), row[0]) for answer in candidates[key]]
            for row, key in zip(rows, keys, strict=True)
        ]
        with torch.no_grad():
            scores = row_scores(network, examples.made_of(rows, pairs).to(opened.device))
        return {key: _finite(opened, key[0], row) for key, row in zip(keys, scores.tolist(), strict=True)}

    batches = list(_batches(order, candidates))
    for keys in progress(batches, len(batches), title, "batches"):
        for part in halving(keys, scored):
            found |= part
    log(f"{title}: {len(found)} turns, {len(found) / (time.monotonic() - began):.1f} a second")
    return found


def _batches(order: Sequence[Key], candidates: Mapping[Key, Sequence[str]]) -> list[list[Key]]:
    batches: list[list[Key]] = []
    for key in order:
        count = len(candidates[key])
        if not batches or len(candidates[batches[-1][0]]) != count or (len(batches[-1]) + 1) * count > PAIRS:
            batches.append([])
        batches[-1].append(key)
    return batches


def retrieve(config: Config, name: str, test_set: str, kind: Query, pool: int) -> None:
    """Score every video of a test set's pool for every text of it, and write the scores, a row a text."""
    _check(test_set)
    layout, opened = Layout(config.results), open_system(config, name, test_set)
    dialogs = [dialog for dialog in read_dialogs(layout.dialogs(test_set)) if query(dialog, kind)]
    if not dialogs:
        raise UserError(f"{layout.dialogs(test_set)}: no dialog has a {kind}, so there is nothing to search by")
    chosen = set(first((dialog.video_id for dialog in dialogs), pool, "pool"))
    dialogs = [dialog for dialog in dialogs if dialog.video_id in chosen]
    texts = [[query(dialog, kind)] for dialog in dialogs]
    view = opened.view
    queries = Queries(dialogs, opened.vocabulary, opened.stores, view.features, 2, texts=texts, concepts=view.concepts)
    network, began, title = opened.network.eval(), time.monotonic(), f"{name}: {test_set} pairs"
    assert isinstance(network, Matcher)
    scores = score_queries(network, queries, opened.device, title)
    log(f"{title}: {scores.numel()}, {scores.numel() / (time.monotonic() - began):.0f} a second")
    videos = [dialog.video_id for dialog in dialogs]
    rows = {video: _finite(opened, video, row) for video, row in zip(videos, scores.tolist(), strict=True)}
    content: dict[str, Any] = {"type": RANKED, "version": "0.1", "system": opened.made_by(config), "query": kind}
    write_json(layout.answers(name, test_set), {**content, "videos": videos, "scores": rows}, indent=None)


def _check(test_set: str) -> None:
    if test_set not in TEST_SETS:
        raise UserError(f"test set {test_set!r} is not known; give one of {', '.join(TEST_SETS)}")


def _known(dialogs: Sequence[Dialog], candidates: Mapping[Key, Candidates], path: Path) -> list[Dialog]:
    """The dialogs that have candidates; `UserError` for a turn of the candidates that is not in them."""
    turns = {dialog.video_id: len(turns_of(dialog)) for dialog in dialogs}
    for video, turn in candidates:
        if turn >= turns.get(video, 0):
            raise UserError(f"{path}: dialog {video}, turn {turn}: not in the test set; draw the candidates again")
    videos = {video for video, _ in candidates}
    return [dialog for dialog in dialogs if dialog.video_id in videos]


def _finite(opened: Opened, video: str, scores: Sequence[float]) -> list[float]:
    if not all(map(torch.isfinite, torch.tensor(scores))):
        raise UserError(
            f"{opened.name}: dialog {video}: a score is not a finite number; check the features of the videos"
        )
    return [round(score, 6) for score in scores]
