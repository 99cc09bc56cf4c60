"""`avsd answer` of systems that choose or retrieve: scores of candidate answers, of all videos for each text."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.answers.candidates import candidate_scores, finite
from pipeline.answers.writing import open_system
from pipeline.config import TEST_SETS, Config
from pipeline.corpus.candidates import Candidates, dialogs_of, read_candidates, reference_name
from pipeline.corpus.dialogs import Dialog, read_dialogs, turns_of
from pipeline.corpus.queries import Query, query
from pipeline.corpus.references import Key
from pipeline.corpus.splits import first
from pipeline.dataset.pairs import Queries
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.networks.matching import Matcher
from pipeline.progress import log
from pipeline.systems.pairs import score_queries

CHOSEN, RANKED = "candidate_scores", "video_scores"
"""Types of the files."""


def choose(config: Config, name: str, test_set: str) -> None:
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
    answers = {key: found.answers for key, found in candidates.items()}
    scores = candidate_scores(config, opened, dialogs, answers, alone)
    turns = [{"image_id": video, "turn": turn, "scores": scores[video, turn]} for video, turn in candidates]
    write_json(
        layout.answers(name, test_set),
        {"type": CHOSEN, "version": "0.1", "system": opened.made_by(config), "turns": turns},
    )


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
    rows = {video: finite(opened, video, row) for video, row in zip(videos, scores.tolist(), strict=True)}
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
