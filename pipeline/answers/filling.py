"""`avsd answer` of systems that fill blanks: the likeliest words of each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from pipeline.answers.writing import Opened, open_system, walked
from pipeline.config import TEST_SETS, Config
from pipeline.corpus.blanks import Blanks, BlankText, read_blanks, reference_name
from pipeline.corpus.dialogs import Dialog, read_dialogs
from pipeline.corpus.references import Key
from pipeline.dataset.blanks import GivenBlanks
from pipeline.dataset.pairs import Pick
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.networks.matching import Filler
from pipeline.progress import log
from pipeline.systems.blanks import word_scores
from pipeline.vocabulary.words import SPECIAL

TYPE = "filled_blanks"
MOST = 5
"""Words that are written of each blank."""
TOGETHER = 32
"""Blanks that are filled at once, whole dialogs."""
Words = tuple[list[str], list[float]]
"""Words, the likeliest first, and their log probabilities."""


def fill(config: Config, name: str, test_set: str, text: BlankText, history: bool) -> None:
    """Fill the blanks of a test set with the system ``name``, and write the likeliest words of each.

    Those of a published test stand by themselves: no dialog of the test set is read.
    """
    if test_set not in TEST_SETS:
        raise UserError(f"test set {test_set!r} is not known; give one of {', '.join(TEST_SETS)}")
    layout, opened = Layout(config.results), open_system(config, name, test_set)
    path = layout.references(reference_name(test_set, text))
    asked = read_blanks(path)
    if text != "answer" and not asked.frequent:
        dialogs = [Dialog(video, "", "", ()) for video in dict.fromkeys(video for video, _ in asked.blanks)]
    else:
        dialogs = _known(read_dialogs(layout.dialogs(test_set)), asked, text, path)
    _check(opened, asked, path)
    examples = GivenBlanks(
        dialogs,
        opened.vocabulary,
        opened.stores,
        opened.view.features,
        blanks=asked.blanks,
        text=text,
        history=history,
        concepts=opened.view.concepts,
    )
    found = likeliest(opened, examples)
    blanks = [
        {"image_id": video, "turn": turn, "words": found[video, turn][0], "scores": found[video, turn][1]}
        for video, turn in asked.blanks
    ]
    content: dict[str, Any] = {"type": TYPE, "version": "0.1", "system": opened.made_by(config), "text": text}
    write_json(layout.answers(name, test_set), {**content, "blanks": blanks})


def likeliest(opened: Opened, examples: GivenBlanks) -> dict[Key, Words]:
    """The likeliest words of every blank of ``examples``."""
    network = opened.network.eval()
    assert isinstance(network, Filler)
    picks = [(dialog, [row]) for dialog in range(len(examples.dialogs)) for row in range(examples.rows(dialog))]
    batches = [picks[begin : begin + TOGETHER] for begin in range(0, len(picks), TOGETHER)]
    title = f"{opened.name}: {opened.test_set} blanks"
    return walked(title, "the number of blanks", batches, lambda part: _filled(opened, network, examples, part))


@torch.no_grad()
def _filled(opened: Opened, network: Filler, examples: GivenBlanks, picks: Sequence[Pick]) -> dict[Key, Words]:
    batch = examples.batch(picks)
    scores = word_scores(network, batch.to(opened.device)).cpu()
    # What stands in no sentence is no answer.
    scores = scores[:, len(SPECIAL) :]
    found = {}
    for key, row, best in zip(batch.keys, scores, scores.topk(min(MOST, scores.shape[1]), 1).indices, strict=True):
        if not row.isfinite().all():
            raise UserError(
                f"{opened.name}: dialog {key[0]}: a score is not a finite number; check the features of the videos"
            )
        words = [opened.vocabulary.words[len(SPECIAL) + int(place)] for place in best]
        found[key] = (words, [round(float(row[place]), 6) for place in best])
    return found


def _known(dialogs: Sequence[Dialog], asked: Blanks, text: BlankText, path: Path) -> list[Dialog]:
    """The dialogs that have blanks; `UserError` for a blank of a video, or of a turn's answer, that is not in them."""
    turns = {dialog.video_id: len(dialog.turns) for dialog in dialogs}
    for video, turn in asked.blanks:
        if video not in turns or (text == "answer" and turn >= turns[video]):
            raise UserError(f"{path}: dialog {video}, turn {turn}: not in the test set; draw the blanks again")
    videos = {video for video, _ in asked.blanks}
    return [dialog for dialog in dialogs if dialog.video_id in videos]


def _check(opened: Opened, asked: Blanks, path: Path) -> None:
    """Say where blanks are not of the kind that was learned from."""
    learned = opened.info.get("made_with", {}).get("word classes")
    if learned not in (None, asked.tagger):
        log(f"Warning: {opened.name} learned with word classes by {learned}; of {path} they are by {asked.tagger}")
    unknown = sum(blank.word not in opened.vocabulary.known for blank in asked.blanks.values())
    if unknown:
        log(f"{path}: {unknown} of {len(asked.blanks)} words are not in the vocabulary, so that they cannot be named")
