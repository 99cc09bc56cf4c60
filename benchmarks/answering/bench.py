"""What the sections of the answers benchmark share: networks trained a little, and turns that they answer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from statistics import median

import torch

from benchmarks.shared.dialog_bench import DialogBench
from benchmarks.shared.trainees import Trainee
from benchmarks.shared.workload import Workload
from pipeline.answers.search import Answer, search
from pipeline.config import Answers
from pipeline.dataset.batch import Batch
from pipeline.dataset.batches import ordered_batches
from pipeline.dataset.dialogs import DialogDataset
from pipeline.dataset.views import View
from pipeline.errors import UserError
from pipeline.networks.base import Generator
from pipeline.networks.registry import build_generator
from pipeline.progress import progress

Found = list[list[Answer]]
"""The n best answers of every turn."""
ROLE = "model"
FEATURES = {
    "attention": ("i3d_rgb", "i3d_flow", "vggish"),
    "naive_fusion": ("i3d_rgb", "i3d_flow"),
    "hierarchical": ("i3d_rgb",),
}
TRAINING_DIALOGS = 1200
ANSWERS = Answers()
"""Beam 5, a bonus of 1 a word, 1 to 30 words, n-best 5."""
LONGEST = Answers(bonus=20.0)
"""With so much for a word every answer has 30, and no turn ends early."""


@dataclass(frozen=True, kw_only=True)
class AnswerBench(DialogBench):
    """What every section is given.

    steps: of training before. dialogs: answered a repeat, every turn of them. official: dialogs whose last turn alone
    is answered.
    """

    steps: int
    dialogs: int
    official: int

    @cached_property
    def _everything(self) -> Workload:
        found = self.recipe.make(self.dialogs + (12 if self.recipe.quick else TRAINING_DIALOGS))
        if len(found.dialogs) <= self.dialogs:
            raise UserError(
                f"--dialogs: {len(found.dialogs)} dialogs, expected more than the {self.dialogs} that are answered "
                "(--dialogs-count), to train on the others; give more files or a smaller number"
            )
        return found

    @cached_property
    def answered(self) -> Workload:
        """The dialogs whose turns are answered."""
        return self._everything.first(self.dialogs)

    @cached_property
    def learned(self) -> Workload:
        """The dialogs that networks learn from: all others."""
        return replace(self._everything, dialogs=self._everything.dialogs[self.dialogs :])

    def dataset(self, name: str, workload: Workload | None = None) -> DialogDataset:
        """The dialogs to answer, or those of ``workload``, as the network ``name`` sees them."""
        given = self.answered if workload is None else workload
        return DialogDataset(given.dialogs, given.vocabulary, given.stores, {ROLE: self.view(name)})

    def view(self, name: str) -> View:
        """What the network ``name`` sees."""
        return self.answered.view(features=FEATURES[name], history=name != "hierarchical")

    @cached_property
    def _networks(self) -> dict[str, Generator]:
        return {}

    def trained(self, name: str) -> Generator:
        """The network ``name`` with its default sizes, weights from the seed, trained for ``steps``, to answer with."""
        if name not in self._networks:
            self._networks[name] = self._train(name)
        return self._networks[name].to(self.device)

    def _train(self, name: str) -> Generator:
        view, learned = self.view(name), self.learned
        dims = {feature: learned.dims[feature] for feature in view.features}
        torch.manual_seed(self.recipe.seed)
        network = build_generator(name, self.recipe.sizes(name), len(learned.vocabulary), dims, view.history)
        trainee = Trainee.of(network, self.device)
        batches = islice(learned.batches({ROLE: view}, self.recipe.seed), self.steps)
        for batch in progress(batches, self.steps, f"{name}: training", "steps"):
            trainee.step(batch.to(self.device))
        return network.eval()


@dataclass(frozen=True)
class Lengths:
    """Words of answers."""

    words: tuple[int, ...]

    @classmethod
    def of(cls, found: Found) -> "Lengths":
        """Of the best answer of each turn."""
        return cls(tuple(len(turn[0].ids) for turn in found))

    def __str__(self) -> str:
        return f"{min(self.words)} to {max(self.words)} words, median {median(self.words):g}"


def batched(dataset: DialogDataset, last_only: bool = False) -> Iterator[Batch]:
    """The dataset's turns in the batches of `avsd answer`: dialogs of like length, about 64 turns.

    last_only: of each dialog only the last one, as in the official test set.
    """
    wanted = [range(count - 1 if last_only else 0, count) for count in map(dataset.turns, range(len(dataset)))]
    lengths = [sum(len(turn.question.split()) for turn in dialog.turns) for dialog in dataset.dialogs]
    made = ordered_batches([len(turns) for turns in wanted], lengths, ANSWERS.batch_turns)
    return (dataset.batch([(place, wanted[place]) for place in units], with_targets=False) for units in made)


@torch.no_grad()
def every_answer(network: Generator, batches: Iterable[Batch], settings: Answers) -> Found:
    """What is timed: encoder and search for all turns of each batch."""
    return [turn for batch in batches for turn in search(network, network.encode(batch.views[ROLE]), settings)]
