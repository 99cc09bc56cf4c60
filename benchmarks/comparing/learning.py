"""The attention network of config.yaml trained on dialogs in memory, and its first words."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from pipeline.config import Config, Training
from pipeline.corpus.dialogs import Dialog
from pipeline.dataset.dialogs import DialogDataset
from pipeline.dataset.features import Store
from pipeline.dataset.views import View
from pipeline.networks.base import Generator
from pipeline.networks.registry import build_generator
from pipeline.tasks.answer import Answer
from pipeline.training.learner import Learner
from pipeline.training.loop import Loop
from pipeline.training.processes import Place, make_fabric
from pipeline.training.split import Split
from pipeline.vocabulary.words import Vocabulary, build

SAYS = {"yes": ("yes", "yeah"), "no": ("no", "nope")}
"""How an answer begins."""


def learn(
    dialogs: Mapping[str, Sequence[Dialog]],
    config: Config,
    settings: Training,
    stores: Mapping[str, Store],
    folder: Path,
) -> list[bool]:
    """Train on ``dialogs`` ("training", "validation"), and say of each turn of "trial" whether its first word is right.

    stores: the features it sees; where there is none it reads the description instead. folder: for the state.
    """
    view = View(tuple(stores), "none" if stores else "summary", history=False)
    vocabulary = build(dialogs["training"], frozenset({"summary"}), config.vocabulary.min_count)
    splits = {
        name: Split.of(DialogDataset(given, vocabulary, stores, {"model": view})) for name, given in dialogs.items()
    }
    torch.manual_seed(settings.seed)
    sizes = config.sizes("ours_man_man").model_copy(update={"standardise": False})
    dims = {name: store.dims for name, store in stores.items()}
    network = build_generator("attention", sizes, len(vocabulary), dims, history=False)
    loop = Loop(
        "comparing",
        make_fabric("cpu", Place(), "32-true"),
        Learner("ce", network),
        splits["training"],
        splits["validation"],
        Answer().measure(),
        settings=settings,
        made_with={},
        folder=folder,
        state=None,
    )
    loop.run()
    network.load_state_dict(loop.best)
    return first_words(network.eval(), splits["trial"], settings.batch_turns, vocabulary)


def first_words(network: Generator, split: Split, batch_turns: int, vocabulary: Vocabulary) -> list[bool]:
    """Of each turn, whether the more probable of yes and no is how its true answer begins."""
    ids = {value: torch.tensor([vocabulary.encode(word)[0] for word in words]) for value, words in SAYS.items()}
    right: list[bool] = []
    with torch.no_grad():
        for units in split.in_order(batch_turns):
            batch = split.read(units)
            encoded = network.encode(batch.views["model"])
            chances = network.predict(encoded, network.start(encoded)).logits.softmax(1)
            assert batch.targets is not None
            said = chances[:, ids["yes"]].sum(1) > chances[:, ids["no"]].sum(1)
            right += (said == torch.isin(batch.targets.ids[:, 0], ids["yes"])).tolist()
    return right
