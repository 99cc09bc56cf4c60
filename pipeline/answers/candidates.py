"""Scores of a turn's candidate answers: of a matcher how well each fits, of a generator how probable it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch

from pipeline.answers.writing import Opened, walked
from pipeline.config import Config
from pipeline.corpus.dialogs import Dialog
from pipeline.corpus.references import Key
from pipeline.dataset.dialogs import DialogDataset
from pipeline.dataset.pairs import Choices
from pipeline.errors import UserError
from pipeline.networks.base import Generator
from pipeline.networks.matching import Matcher
from pipeline.systems.pairs import row_scores
from pipeline.systems.sentences import log_probabilities

PAIRS = 400
"""Pairs of a turn and a candidate that are scored at once."""
Given = Mapping[Key, Sequence[str]]
"""The candidates of each turn."""
Scores = dict[Key, list[float]]


def candidate_scores(
    config: Config, opened: Opened, dialogs: Sequence[Dialog], candidates: Given, alone: bool = False
) -> Scores:
    """The score of each of a turn's ``candidates``, in their order, by the network of ``opened``.

    dialogs: those that have candidates. alone: their turns are no dialog, but questions that others have published;
    none of them has a history, whatever was learned from.
    """
    name, network = opened.name, opened.network.eval()
    if isinstance(network, Matcher):
        view, history = opened.view, config.trained(name)[1].history_in_front() and not alone
        choices = Choices(
            dialogs, opened.vocabulary, opened.stores, view.features, 2, history=history, concepts=view.concepts
        )
        scored = _fitting(opened, network, choices, candidates)
    else:
        assert isinstance(network, Generator)
        view = replace(opened.view, history=opened.view.history and not alone)
        turns = DialogDataset(dialogs, opened.vocabulary, opened.stores, {"model": view})
        scored = _probable(opened, network, turns, candidates, config.systems[name].mean_of_words())
    return walked(f"{name}: {opened.test_set} candidates", "matching.distractors", _batches(candidates), scored)


def _fitting(
    opened: Opened, network: Matcher, examples: Choices, candidates: Given
) -> Callable[[Sequence[Key]], Scores]:
    """A matcher's scores of question, answer and video, for turns with the same number of candidates."""
    places = {dialog.video_id: place for place, dialog in enumerate(examples.dialogs)}

    def scored(keys: Sequence[Key]) -> Scores:
        rows = [(places[video], turn) for video, turn in keys]
        pairs = [
            [(examples.text(*row, answer), row[0]) for answer in candidates[key]]
            for row, key in zip(rows, keys, strict=True)
        ]
        with torch.no_grad():
            scores = row_scores(network, examples.made_of(rows, pairs).to(opened.device))
        return {key: finite(opened, key[0], row) for key, row in zip(keys, scores.tolist(), strict=True)}

    return scored


def _probable(
    opened: Opened, network: Generator, examples: DialogDataset, candidates: Given, per_word: bool
) -> Callable[[Sequence[Key]], Scores]:
    """A generator's log P(answer | video, question, history)."""
    places = {dialog.video_id: place for place, dialog in enumerate(examples.dialogs)}

    def scored(keys: Sequence[Key]) -> Scores:
        turns: dict[int, list[int]] = {}
        for video, turn in keys:
            turns.setdefault(places[video], []).append(turn)
        batch = examples.batch(list(turns.items()), with_targets=False).to(opened.device)
        sentences = [[opened.vocabulary.encode(answer) for answer in candidates[key]] for key in batch.keys]
        scores = log_probabilities(network, batch.views["model"], sentences, per_word)
        return {key: finite(opened, key[0], row.tolist()) for key, row in zip(batch.keys, scores, strict=True)}

    return scored


def _batches(candidates: Given) -> list[list[Key]]:
    """Turns alike in how many candidates they have, so that a batch is a table; of these a dialog's side by side."""
    batches: list[list[Key]] = []
    for key in sorted(candidates, key=lambda key: len(candidates[key])):
        count = len(candidates[key])
        if not batches or len(candidates[batches[-1][0]]) != count or (len(batches[-1]) + 1) * count > PAIRS:
            batches.append([])
        batches[-1].append(key)
    return batches


def finite(opened: Opened, video: str, scores: Sequence[float]) -> list[float]:
    """Scores about a video as they are written; `UserError` where one is no number."""
    if not all(map(torch.isfinite, torch.tensor(scores))):
        raise UserError(
            f"{opened.name}: dialog {video}: a score is not a finite number; check the features of the videos"
        )
    return [round(score, 6) for score in scores]
