"""Dialogs, vocabulary and features joined into batches.

Legend: B dialogs, T turns in all of them, P history pairs, J pairs at most before one turn, La answer length.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from pipeline.corpus.dialogs import UNDISCLOSED, Dialog
from pipeline.dataset.batch import Batch
from pipeline.dataset.features import FeatureReader, Store, missing
from pipeline.dataset.views import Describer, View, shown_words
from pipeline.errors import UserError
from pipeline.networks.inputs import Inputs
from pipeline.tensors import Sequences
from pipeline.vocabulary import END, START
from pipeline.vocabulary.words import Vocabulary


class _Tokens:
    """A dialog as ids. descriptions: by role of a view, the one in front of its questions."""

    def __init__(self, dialog: Dialog, vocabulary: Vocabulary, descriptions: Mapping[str, str]) -> None:
        self.questions = [vocabulary.encode(turn.question) for turn in dialog.turns]
        self.answers = [vocabulary.encode(turn.answer) for turn in dialog.turns]
        self.descriptions = {role: vocabulary.encode(text) for role, text in descriptions.items()}

    def pair(self, turn: int) -> list[int]:
        """A turn of the history: question and answer as one sentence (choice 10)."""
        return [*self.questions[turn], *self.answers[turn], END]


class Examples(Protocol):
    """What a task makes of some dialogs: rows ("turns") of dialogs, read in batches."""

    @property
    def dialogs(self) -> Sequence[Dialog]:
        """One for each video and its rows."""

    def lengths(self, dialog: int) -> Sequence[int]:
        """Of each row of a dialog, how many words are learned, less one."""

    def batch(self, picks: Sequence[tuple[int, Sequence[int] | None]], with_targets: bool = True) -> Any:
        """A batch of ``picks``, a dialog's index and which of its rows, None for all: what the task's learner takes."""


@runtime_checkable
class DrawnExamples(Examples, Protocol):
    """Examples of whose rows something is drawn, anew for each different batch."""

    def part(
        self, picks: Sequence[tuple[int, Sequence[int] | None]], whole: Sequence[tuple[int, Sequence[int] | None]]
    ) -> Any:
        """A batch of ``picks`` with what they have in the batch of ``whole``, in which they all stand."""


class DialogDataset:
    """Dialogs as batches for one or two networks.

    views: by role, what each network sees. stores: every feature in the views. missing: by feature, videos without
    it: they have no step of it; more than ``max_missing`` of all is a `UserError`, as it is for automatic descriptions
    and concept words.
    Texts are tokenised once; features are read when a batch needs them, and ``cache_bytes`` of them kept.
    """

    def __init__(
        self,
        dialogs: Sequence[Dialog],
        vocabulary: Vocabulary,
        stores: Mapping[str, Store],
        views: Mapping[str, View],
        max_missing: float = 0.05,
        cache_bytes: int = 1 << 30,
    ) -> None:
        self.dialogs = dialogs
        self.views = dict(views)
        names = list(dict.fromkeys(name for view in views.values() for name in view.features))
        video_ids = [dialog.video_id for dialog in dialogs]
        self.missing = {name: missing(name, stores[name], video_ids, max_missing) for name in names}
        self._readers = {name: FeatureReader(stores[name], cache_bytes // len(names)) for name in names}
        self._describer = Describer(self.views.values(), dialogs, max_missing)
        shown = {role: view.concepts for role, view in self.views.items() if view.concepts is not None}
        self._words = {role: shown_words(concepts, dialogs, max_missing) for role, concepts in shown.items()}
        self._vocabulary = vocabulary
        self._tokens: list[_Tokens | None] = [None] * len(dialogs)

    def __len__(self) -> int:
        """Dialogs."""
        return len(self.dialogs)

    def turns(self, dialog: int) -> int:
        """Turns of a dialog."""
        return len(self.dialogs[dialog].turns)

    def lengths(self, dialog: int) -> Sequence[int]:
        """Words of each answer of a dialog."""
        return [len(turn.answer.split()) for turn in self.dialogs[dialog].turns]

    def description(self, role: str, dialog: int) -> str:
        """What stands in front of a dialog's questions in the view of ``role``: concept words, a description."""
        text = self._describer.text(self.views[role].description, self.dialogs[dialog])
        concepts = self.views[role].concepts
        in_front = () if concepts is None or concepts.place == "modality" else self.words(role, dialog)
        return " ".join([*in_front, text]) if in_front else text

    def words(self, role: str, dialog: int) -> Sequence[str]:
        """The concept words that are shown of a dialog's video in the view of ``role``, the most likely first."""
        return self._words.get(role, {}).get(self.dialogs[dialog].video_id, ())

    def batch(self, picks: Sequence[tuple[int, Sequence[int] | None]], with_targets: bool = True) -> Batch:
        """A batch of ``picks``: a dialog's index and which of its turns, None for all.

        with_targets: with the answers; a withheld one among them is a `UserError`.
        """
        chosen = [(index, range(self.turns(index)) if turns is None else turns) for index, turns in picks]
        rows = [(index, turn) for index, turns in chosen for turn in turns]
        tokens = {index: self._tokenised(index) for index, _ in chosen}
        dialog = torch.tensor([place for place, (_, turns) in enumerate(chosen) for _ in turns], dtype=torch.int64)
        pairs, history = _history([(tokens[index], turns) for index, turns in chosen])
        no_pairs, no_history = sequences([]), torch.zeros(len(rows), 0, dtype=torch.int64)
        video_ids = [self.dialogs[index].video_id for index, _ in chosen]
        features = {name: reader.batch(video_ids) for name, reader in self._readers.items()}
        views = {}
        for role, view in self.views.items():
            questions = [
                tokens[index].descriptions[role] + tokens[index].questions[turn] if view.asked else [START]
                for index, turn in rows
            ]
            views[role] = Inputs(
                questions=sequences(questions),
                pairs=pairs if view.history else no_pairs,
                history=history if view.history else no_history,
                features={name: features[name] for name in view.features},
                dialog=dialog,
                concepts=self._concepts(role, [index for index, _ in chosen]),
            )
        targets = self._targets(rows, tokens) if with_targets else None
        return Batch(views, targets, tuple((self.dialogs[index].video_id, turn) for index, turn in rows))

    def _concepts(self, role: str, dialogs: Sequence[int]) -> Sequences | None:
        """(B, K) the concept words that are a modality of the view of ``role``; None where none are."""
        concepts = self.views[role].concepts
        if concepts is None or concepts.place == "question":
            return None
        return sequences([self._vocabulary.encode(" ".join(self.words(role, index))) for index in dialogs])

    def _tokenised(self, index: int) -> _Tokens:
        tokens = self._tokens[index]
        if tokens is None:
            dialog = self.dialogs[index]
            texts = {role: self.description(role, index) for role in self.views}
            tokens = self._tokens[index] = _Tokens(dialog, self._vocabulary, texts)
        return tokens

    def _targets(self, rows: Sequence[tuple[int, int]], tokens: Mapping[int, _Tokens]) -> Sequences:
        """The answers (T, La), each followed by `<eos>`."""
        for index, turn in rows:
            dialog = self.dialogs[index]
            if dialog.turns[turn].answer == UNDISCLOSED:
                raise UserError(
                    f"dialog {dialog.video_id}, turn {turn}: the answer is {UNDISCLOSED}, expected words to learn or "
                    "to measure by; leave the dialog out of training and validation"
                )
        return sequences([[*tokens[index].answers[turn], END] for index, turn in rows])


def _history(chosen: Sequence[tuple[_Tokens, Sequence[int]]]) -> tuple[Sequences, Tensor]:
    """Each pair that a chosen turn looks back on, once, and (T, J) the pairs of every turn, oldest first."""
    sentences: list[list[int]] = []
    rows: list[range] = []
    for tokens, turns in chosen:
        begin = len(sentences)
        sentences += [tokens.pair(turn) for turn in range(max(turns, default=0))]
        rows += [range(begin, begin + turn) for turn in turns]
    history = torch.full((len(rows), max(map(len, rows), default=0)), -1, dtype=torch.int64)
    for row, places in enumerate(rows):
        history[row, : len(places)] = torch.arange(places.start, places.stop)
    return sequences(sentences), history


def sequences(sentences: Sequence[Sequence[int]]) -> Sequences:
    """Padded ids (N, L), L at least 1."""
    lengths = [len(sentence) for sentence in sentences]
    ids = torch.zeros(len(sentences), max([*lengths, 1]), dtype=torch.int64)
    for row, sentence in enumerate(sentences):
        ids[row, : len(sentence)] = torch.tensor(sentence, dtype=torch.int64)
    return Sequences(ids, torch.tensor(lengths, dtype=torch.int64))
