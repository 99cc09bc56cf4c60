"""Sentences with a blank beside their videos, as batches for a filler.

Legend: S sentences, B different videos.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pipeline.corpus.blanking import Blankable, blankable, sentences
from pipeline.corpus.blanks import MARK, Blank, BlankText
from pipeline.corpus.dialogs import Dialog
from pipeline.corpus.references import Key
from pipeline.dataset.dialogs import sequences
from pipeline.dataset.pairs import Pick, RowExamples
from pipeline.errors import UserError
from pipeline.tensors import ON_HOST, FeatureSequences, Sequences, TensorGroup
from pipeline.vocabulary import BLANK
from pipeline.vocabulary.words import Vocabulary

Asked = tuple[int, int, Blank]
"""A dialog's index, the turn, and the blank to fill there."""


@dataclass(frozen=True)
class Blanked(TensorGroup):
    """S sentences with a blank each.

    texts: (S, words), `BLANK` where a word is missing. blanks: (S,) on the host, the place of that. words: (S,) ids of
    the missing words; `<unk>` for one of no vocabulary. features: by name, (B, steps, dims). video_rows: (S,) on the
    host, each sentence's video. keys: (video id, turn). concepts: (B, K) the words that were detected in each video,
    where they are shown.
    """

    texts: Sequences
    blanks: Tensor = field(metadata=ON_HOST)
    words: Tensor
    features: dict[str, FeatureSequences]
    video_rows: Tensor = field(metadata=ON_HOST)
    keys: tuple[tuple[str, int], ...]
    concepts: Sequences | None = None


class _Sentences(RowExamples):
    """Sentences with what stands in front of them.

    text: which sentences: in front of an answer stands its question. history: whether the dialog so far stands in front
    of that.
    """

    text: BlankText
    history: bool

    def made_of(self, asked: Sequence[Asked]) -> Blanked:
        """The batch of these blanks, each video in it once."""
        videos: dict[int, int] = {}
        rows = [videos.setdefault(dialog, len(videos)) for dialog, _, _ in asked]
        texts = [self._ids(dialog, turn, blank.sentence) for dialog, turn, blank in asked]
        words = [self.vocabulary.encode(blank.word)[0] for _, _, blank in asked]
        return Blanked(
            sequences(texts),
            torch.tensor([len(ids) - 1 - ids[::-1].index(BLANK) for ids in texts], dtype=torch.int64),
            torch.tensor(words, dtype=torch.int64),
            self.features([self.dialogs[video].video_id for video in videos]),
            torch.tensor(rows, dtype=torch.int64),
            tuple((self.dialogs[dialog].video_id, turn) for dialog, turn, _ in asked),
            self.concepts([self.dialogs[video].video_id for video in videos]),
        )

    def _ids(self, dialog: int, turn: int, sentence: str) -> list[int]:
        # A mark of the dialog's own, in front, is a word like any other.
        words = sentence.split()
        ids = [BLANK if word == MARK else self.vocabulary.encode(word)[0] for word in words]
        return [*self.vocabulary.encode(self.front(dialog, turn)), *ids]

    def front(self, dialog: int, turn: int) -> str:
        """Of an answer its question, behind the dialog so far where that is seen; of what nobody asked for nothing."""
        if self.text != "answer":
            return ""
        turns = self.dialogs[dialog].turns
        said = [f"{each.question} {each.answer}" for each in turns[:turn]] if self.history else []
        return " ".join([*said, turns[turn].question])


class BlankExamples(_Sentences):
    """A sentence that may have a blank is a row, and one of its words is drawn.

    Dialogs in which no sentence may have a blank are left out; `UserError` where none is left.
    """

    def __init__(
        self,
        dialogs: Sequence[Dialog],
        vocabulary: Vocabulary,
        *given: Any,
        text: BlankText,
        history: bool,
        **more: Any,
    ) -> None:
        known = vocabulary.known
        found = [free_sentences(dialog, text, known) for dialog in dialogs]
        kept = [place for place, free in enumerate(found) if free]
        if not kept:
            raise UserError(f"no noun, verb or adjective of the vocabulary could be blanked in any {text}")
        super().__init__([dialogs[place] for place in kept], vocabulary, *given, **more)
        self.text, self.history = text, history
        self.free = [found[place] for place in kept]

    def rows(self, dialog: int) -> int:
        """Sentences that may have a blank."""
        return len(self.free[dialog])

    def batch(self, picks: Sequence[Pick], with_targets: bool = True) -> Blanked:  # noqa: ARG002, the words are known
        """The rows of ``picks``, blanks drawn anew for each different batch."""
        return self.part(picks, picks)

    def part(self, picks: Sequence[Pick], whole: Sequence[Pick]) -> Blanked:
        """The rows of ``picks`` with the blanks that they have in the batch of ``whole``."""
        every = self.chosen(whole)
        generator = random.Random(str(every))
        blanks = {(dialog, row): self.free[dialog][row].draw(generator) for dialog, row in every}
        rows = self.chosen(picks)
        return self.made_of([(dialog, self.free[dialog][row].turn, blanks[dialog, row]) for dialog, row in rows])


class GivenBlanks(_Sentences):
    """Blanks that were drawn before. blanks: by video and turn, of the dialogs' videos alone."""

    def __init__(self, *given: Any, blanks: Mapping[Key, Blank], text: BlankText, history: bool, **more: Any) -> None:
        super().__init__(*given, **more)
        self.text, self.history = text, history
        places = {dialog.video_id: place for place, dialog in enumerate(self.dialogs)}
        self.asked: list[list[Asked]] = [[] for _ in self.dialogs]
        for (video, turn), blank in blanks.items():
            self.asked[places[video]].append((places[video], turn, blank))

    def rows(self, dialog: int) -> int:
        """Blanks of its video."""
        return len(self.asked[dialog])

    def batch(self, picks: Sequence[Pick], with_targets: bool = True) -> Blanked:  # noqa: ARG002, which word it is does no harm
        """The rows of ``picks``."""
        return self.made_of([self.asked[dialog][row] for dialog, row in self.chosen(picks)])


def free_sentences(dialog: Dialog, text: BlankText, known: frozenset[str]) -> tuple[Blankable, ...]:
    """Those of a dialog's sentences that may have a blank."""
    found = (blankable(said, known) for said in sentences(dialog, text))
    return tuple(each for each in found if each.places)
