"""The work a training is timed on: dialogs of the real lengths, a vocabulary of the paper's size, features in memory.

Dialogs are the user's own AVSD files, or made ones: ten turns, lengths drawn from the distributions below, words by
Zipf's law. Everything follows from the seed.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config.systems import Manual
from pipeline.corpus.dialogs import Dialog, Turn, read_dialogs
from pipeline.dataset.batch import Batch
from pipeline.dataset.dialogs import DialogDataset
from pipeline.dataset.features import Store
from pipeline.dataset.views import View
from pipeline.errors import UserError
from pipeline.training.split import Split
from pipeline.vocabulary.words import SPECIAL, Vocabulary

TURNS = 10
VOCABULARY = 3910
"""Entries, the special ones among them."""
BATCH_TURNS = 64
STEPS = 45
"""I3D windows of a clip of 30 s, one every 16 frames at 24 frames a second."""
SOUND_STEPS = 30
"""VGGish patches of the same clip."""


@dataclass(frozen=True)
class Length:
    """Words of a sentence: ``least`` and an excess, at least 1, log-normal with median ``excess`` and width ``sigma``.

    most: longer ones are cut. shared: part of the logarithm's variance that the sentences of one dialog have in common:
    some people write long answers throughout, which decides what batches of like length can save.
    """

    least: int
    excess: float
    sigma: float
    most: int
    shared: float = 0.0

    def draw(self, generator: np.random.Generator, sentences: int) -> NDArray[np.int64]:
        """Lengths of the ``sentences`` of one dialog."""
        own, common = generator.standard_normal(sentences), generator.standard_normal()
        deviation = np.sqrt(1 - self.shared) * own + np.sqrt(self.shared) * common
        excess: NDArray[np.int64] = np.rint(self.excess * np.exp(self.sigma * deviation)).astype(np.int64)
        return self.least + excess.clip(1, self.most - self.least)


# Fitted to quantiles of the official validation dialogs (17,870 turns), and moved to the mean lengths of the official
# test dialogs: questions 8.2, answers 10.5 (longest 54), summaries 26.8, captions 35.2.
QUESTION = Length(least=3, excess=4.5, sigma=0.55, most=61, shared=0.20)
ANSWER = Length(least=4, excess=5.1, sigma=0.72, most=54, shared=0.26)
SUMMARY = Length(least=2, excess=22.5, sigma=0.45, most=98)
CAPTION = Length(least=8, excess=25.4, sigma=0.38, most=88)
ZIPF_SHIFT = 2.7
"""Mandelbrot's: the word of rank r comes with a probability proportional to 1 / (r + shift)."""


class MadeFeatures:
    """A feature of any video, made when it is read: normal numbers that follow from the video's id.

    Stands in for a `FeatureStore` where reading files is not what is timed.
    """

    def __init__(self, name: str, steps: int, dims: int) -> None:
        self.name, self.steps, self.dims = name, steps, dims

    def __contains__(self, video_id: str) -> bool:
        return True

    def read(self, video_id: str) -> NDArray[np.float32]:
        """(steps, dims)."""
        digest = hashlib.sha256(f"{self.name} {video_id}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        return generator.standard_normal((self.steps, self.dims), np.float32)


@dataclass(frozen=True)
class Workload:
    """Dialogs with their vocabulary and features.

    stores: by feature, what can be read of every video. made: whether the dialogs are made ones. batch_turns: turns of
    a batch.
    """

    dialogs: tuple[Dialog, ...]
    vocabulary: Vocabulary
    stores: Mapping[str, Store]
    made: bool
    batch_turns: int = BATCH_TURNS

    @property
    def turns(self) -> int:
        """Turns of all dialogs."""
        return sum(len(dialog.turns) for dialog in self.dialogs)

    @property
    def dims(self) -> dict[str, int]:
        """Dimensions of each feature, in order."""
        return {name: store.dims for name, store in self.stores.items()}

    def view(
        self, description: Manual = "none", features: Sequence[str] | None = None, *, history: bool = True
    ) -> View:
        """A view of every feature, or of ``features``; ``description`` as in the configuration."""
        return View(tuple(self.stores) if features is None else tuple(features), description, history)

    def split(self, views: Mapping[str, View]) -> Split:
        """The dialogs as training reads them; views by role, "model" and perhaps "teacher"."""
        return Split.of(DialogDataset(self.dialogs, self.vocabulary, self.stores, views))

    def batches(self, views: Mapping[str, View], seed: int = 1) -> Iterator[Batch]:
        """Batches of whole dialogs as training has them, epoch after epoch without end."""
        split = self.split(views)
        for epoch in count():
            for dialogs in split.shuffled(self.batch_turns, seed, epoch):
                yield split.read(dialogs)

    def first(self, dialogs: int) -> "Workload":
        """The same of the first ``dialogs``."""
        return replace(self, dialogs=self.dialogs[:dialogs])


def paper_stores() -> dict[str, Store]:
    """i3d_rgb and i3d_flow, 45 x 2048, and vggish, 30 x 128, in memory."""
    return {
        "i3d_rgb": MadeFeatures("i3d_rgb", STEPS, 2048),
        "i3d_flow": MadeFeatures("i3d_flow", STEPS, 2048),
        "vggish": MadeFeatures("vggish", SOUND_STEPS, 128),
    }


def made(dialogs: int, seed: int = 1, stores: Mapping[str, Store] | None = None) -> Workload:
    """Made dialogs with the paper's features, or with ``stores``."""
    words = [f"word{rank}" for rank in range(VOCABULARY - len(SPECIAL))]
    generator = np.random.default_rng(seed)
    chances = 1 / (np.arange(len(words)) + 1 + ZIPF_SHIFT)
    bounds = np.cumsum(chances / chances.sum())
    made = tuple(_dialog(f"made{number:05d}", generator, words, bounds) for number in range(dialogs))
    return Workload(made, Vocabulary((*SPECIAL, *words), 1), paper_stores() if stores is None else stores, True)


def read(files: Sequence[Path], dialogs: int | None = None, stores: Mapping[str, Store] | None = None) -> Workload:
    """The dialogs of AVSD files, at most ``dialogs``, whose answers are all given.

    The vocabulary is brought to 3,910 entries: the most frequent words, filled up with others where there are fewer.
    """
    found = [dialog for path in files for dialog in read_dialogs(path, answered=True)]
    by_video = {dialog.video_id: dialog for dialog in found}
    if len(by_video) < len(found):
        raise UserError(f"{', '.join(map(str, files))}: dialogs of one video in several files; give each video once")
    counts = Counter(word for dialog in found for text in _texts(dialog) for word in text.split())
    room = VOCABULARY - len(SPECIAL)
    words = sorted((word for word in counts if word not in SPECIAL), key=lambda word: (-counts[word], word))[:room]
    words += [f"<filler {number}>" for number in range(room - len(words))]
    kept = tuple(found[:dialogs])
    return Workload(kept, Vocabulary((*SPECIAL, *words), 1), paper_stores() if stores is None else stores, False)


def _texts(dialog: Dialog) -> list[str]:
    turns = [text for turn in dialog.turns for text in (turn.question, turn.answer)]
    return [dialog.summary, dialog.caption, *turns]


def _dialog(video_id: str, generator: np.random.Generator, words: Sequence[str], bounds: NDArray[np.float64]) -> Dialog:
    def sentence(length: int) -> str:
        return " ".join(words[place] for place in np.searchsorted(bounds[:-1], generator.random(length), "right"))

    questions, answers = QUESTION.draw(generator, TURNS), ANSWER.draw(generator, TURNS)
    turns = [Turn(sentence(asked), sentence(told)) for asked, told in zip(questions, answers, strict=True)]
    caption, summary = (sentence(int(length.draw(generator, 1)[0])) for length in (CAPTION, SUMMARY))
    return Dialog(video_id, caption, summary, tuple(turns))
