"""Sentences beside videos, as batches for a matcher: which pairs there are, and each sentence and video once.

Legend: R rows, L pairs a row, S different sentences, B different videos.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

import torch
from torch import Tensor

from pipeline.corpus.dialogs import Dialog, turns_of
from pipeline.dataset.dialogs import sequences
from pipeline.dataset.features import FeatureReader, Store, missing
from pipeline.dataset.views import Shown, shown_words
from pipeline.errors import UserError
from pipeline.tensors import ON_HOST, FeatureSequences, Sequences, TensorGroup
from pipeline.vocabulary.words import Vocabulary

Pick = tuple[int, Sequence[int] | None]
"""A dialog's index, and which of its rows; None for all."""


@dataclass(frozen=True)
class Pairs(TensorGroup):
    """R rows of L pairs each.

    texts: (S, words). features: by name, (B, steps, dims). text_rows, video_rows: (R, L) on the host, the sentence and
    the video of each pair; the first of a row is the right one. keys: (video id, row of its dialog) of every row.
    concepts: (B, K) the words that were detected in each video, where they are shown.
    """

    texts: Sequences
    features: dict[str, FeatureSequences]
    text_rows: Tensor = field(metadata=ON_HOST)
    video_rows: Tensor = field(metadata=ON_HOST)
    keys: tuple[tuple[str, int], ...]
    concepts: Sequences | None = None


class RowExamples(ABC):
    """Dialogs as rows of texts beside their videos (`dataset.dialogs.Examples`).

    Features are read when a batch needs them, and ``cache_bytes`` of them kept; more than ``max_missing`` of the videos
    without one is a `UserError`. concepts: the words of each video that are shown.
    """

    def __init__(
        self,
        dialogs: Sequence[Dialog],
        vocabulary: Vocabulary,
        stores: Mapping[str, Store],
        features: Sequence[str],
        max_missing: float = 0.05,
        cache_bytes: int = 1 << 30,
        concepts: Shown | None = None,
    ) -> None:
        self.dialogs, self.vocabulary = dialogs, vocabulary
        self._words = None if concepts is None else shown_words(concepts, dialogs, max_missing)
        video_ids = [dialog.video_id for dialog in dialogs]
        for name in features:
            missing(name, stores[name], video_ids, max_missing)
        self._readers = {name: FeatureReader(stores[name], cache_bytes // len(features)) for name in features}

    @abstractmethod
    def rows(self, dialog: int) -> int:
        """How many rows a dialog has."""

    @abstractmethod
    def batch(self, picks: Sequence[Pick], with_targets: bool = True) -> TensorGroup:
        """The rows of ``picks``."""

    def lengths(self, dialog: int) -> Sequence[int]:
        """Every row is one thing to learn."""
        return [0] * self.rows(dialog)

    def chosen(self, picks: Sequence[Pick]) -> list[tuple[int, int]]:
        """Dialog and row of each row of ``picks``."""
        return [(dialog, row) for dialog, chosen in picks for row in (chosen or range(self.rows(dialog)))]

    def encoded(self, texts: Sequence[str]) -> Sequences:
        """Texts as ids (S, words)."""
        return sequences([self.vocabulary.encode(text) for text in texts])

    def concepts(self, video_ids: Sequence[str]) -> Sequences | None:
        """Concept words of videos (B, K); None where none are shown."""
        if self._words is None:
            return None
        return self.encoded([" ".join(self._words.get(video_id, ())) for video_id in video_ids])

    def features(self, video_ids: Sequence[str]) -> dict[str, FeatureSequences]:
        """Features of videos, by name."""
        return {name: reader.batch(video_ids) for name, reader in self._readers.items()}


class PairExamples(RowExamples):
    """Dialogs as rows of pairs. choices: pairs a row has in training, the right one among them."""

    def __init__(
        self,
        dialogs: Sequence[Dialog],
        vocabulary: Vocabulary,
        stores: Mapping[str, Store],
        features: Sequence[str],
        choices: int,
        max_missing: float = 0.05,
        cache_bytes: int = 1 << 30,
        concepts: Shown | None = None,
    ) -> None:
        super().__init__(dialogs, vocabulary, stores, features, max_missing, cache_bytes, concepts)
        self.choices = choices

    @abstractmethod
    def pairs(self, rows: Sequence[tuple[int, int]], generator: random.Random) -> list[list[tuple[str, int]]]:
        """Of each of ``rows`` (dialog, row) L pairs, text and dialog's index, the right one first."""

    def batch(self, picks: Sequence[Pick], with_targets: bool = True) -> Pairs:  # noqa: ARG002, which pair is right is known
        """The rows of ``picks``, wrong pairs drawn anew for each different batch."""
        return self.part(picks, picks)

    def part(self, picks: Sequence[Pick], whole: Sequence[Pick]) -> Pairs:
        """The rows of ``picks`` with the pairs that they have in the batch of ``whole``."""
        rows, every = self.chosen(picks), self.chosen(whole)
        pairs = dict(zip(every, self.pairs(every, random.Random(str(every))), strict=True))
        return self.made_of(rows, [pairs[row] for row in rows])

    def made_of(self, rows: Sequence[tuple[int, int]], pairs: Sequence[Sequence[tuple[str, int]]]) -> Pairs:
        """The batch of these pairs, each sentence and each video in it once."""
        texts: dict[str, int] = {}
        videos: dict[int, int] = {}
        text_rows = [[texts.setdefault(text, len(texts)) for text, _ in row] for row in pairs]
        video_rows = [[videos.setdefault(video, len(videos)) for _, video in row] for row in pairs]
        return Pairs(
            self.encoded(list(texts)),
            self.features([self.dialogs[video].video_id for video in videos]),
            torch.tensor(text_rows, dtype=torch.int64),
            torch.tensor(video_rows, dtype=torch.int64),
            tuple((self.dialogs[dialog].video_id, row) for dialog, row in rows),
            self.concepts([self.dialogs[video].video_id for video in videos]),
        )


class Choices(PairExamples):
    """A turn is a row: its video with its question and the right answer, and with the question and wrong ones.

    history: whether the dialog so far stands in front of the question. Where nothing is asked about a video, as in a
    corpus of captions, each of these answers no question, and none of them is another's history.
    """

    def __init__(self, *given: Any, history: bool, **further: Any) -> None:
        super().__init__(*given, **further)
        self.history = history
        self.turns = [turns_of(dialog) for dialog in self.dialogs]

    def rows(self, dialog: int) -> int:
        """Turns."""
        return len(self.turns[dialog])

    def pairs(self, rows: Sequence[tuple[int, int]], generator: random.Random) -> list[list[tuple[str, int]]]:
        """Wrong answers are those of turns of other dialogs, in so far as they read otherwise."""
        found = []
        for dialog, turn in rows:
            right = self.turns[dialog][turn].answer
            answers = [right, *self._wrong(dialog, right, generator)]
            found.append([(self.text(dialog, turn, answer), dialog) for answer in answers])
        return found

    def text(self, dialog: int, turn: int, answer: str) -> str:
        """What is compared with the video: the dialog so far where it is seen, the question, an answer."""
        turns = self.turns[dialog]
        so_far = turns[:turn] if self.history and self.dialogs[dialog].turns else ()
        said = [f"{each.question} {each.answer}" for each in so_far]
        return " ".join(text for text in (*said, turns[turn].question, answer) if text)

    def _wrong(self, dialog: int, right: str, generator: random.Random) -> list[str]:
        """Where hardly any other answer reads otherwise, one stands there several times."""
        chosen: dict[str, None] = {}
        for _ in range(20 * self.choices):
            other = generator.randrange(len(self.dialogs))
            text = generator.choice(self.turns[other]).answer
            if other != dialog and text != right:
                chosen.setdefault(text)
            if len(chosen) == self.choices - 1:
                break
        if not chosen:
            video = self.dialogs[dialog].video_id
            raise UserError(
                f"dialog {video}: no other dialog has another answer than {right!r}: nothing to choose from"
            )
        return list(islice(cycle(chosen), self.choices - 1))


class Queries(PairExamples):
    """A text is a row: with the video that it is about, and with other videos, those of the batch first.

    texts: of each dialog, those about its video, at least one. What is searched by is the first, `queries`.
    """

    def __init__(self, *given: Any, texts: Sequence[Sequence[str]], **further: Any) -> None:
        super().__init__(*given, **further)
        self.texts = texts
        self.queries = [each[0] for each in texts]

    def rows(self, dialog: int) -> int:
        """Texts."""
        return len(self.texts[dialog])

    def pairs(self, rows: Sequence[tuple[int, int]], generator: random.Random) -> list[list[tuple[str, int]]]:
        """Where there are fewer other videos than wanted, rows are shorter; without any there is nothing to learn."""
        if len(self.dialogs) < 2:
            raise UserError(f"dialog {self.dialogs[0].video_id}: there is no other video: nothing to tell it from")
        own = list(dict.fromkeys(dialog for dialog, _ in rows))
        count = min(self.choices, len(self.dialogs))
        found = []
        for dialog, row in rows:
            others = [other for other in own if other != dialog]
            generator.shuffle(others)
            while len(others) < count - 1:
                other = generator.randrange(len(self.dialogs))
                if other != dialog and other not in others:
                    others.append(other)
            found.append([(self.texts[dialog][row], video) for video in (dialog, *others[: count - 1])])
        return found
