"""Starting a network from another trained model: the `init_from` of a configuration entry.

The other model may have been trained on another corpus with other words (the "AVSD best system" was pretrained on the
captions of another one). Its weights are taken over where name and size agree; the rows of embeddings and of the
output layer are taken word by word, by spelling.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.networks.base import Network
from pipeline.networks.parts.words import WordScores
from pipeline.systems.system import WEIGHTS, WORDS, read_weights
from pipeline.vocabulary.concepts import read_words
from pipeline.vocabulary.words import Vocabulary


@dataclass(frozen=True)
class TakenOver:
    """What a network has of another model. taken, fresh: names of parameters. known: words both vocabularies have."""

    taken: tuple[str, ...]
    fresh: tuple[str, ...]
    known: int


def start_folder(config: Config, name: str) -> Path | None:
    """The folder of the model that a system starts from; None where it starts with fresh weights."""
    start, layout = config.systems[name].init_from, Layout(config.results)
    if start is None or start.model is not None:
        return None if start is None else start.model
    return layout.pretraining(name).model(name) if start.system is None else layout.model(start.system)


def check_start(config: Config, name: str) -> None:
    """Raise a `UserError` that says what to do when the model that a system starts from is not there."""
    start, folder = config.systems[name].init_from, start_folder(config, name)
    if start is None or folder is None or (folder / WEIGHTS).is_file():
        return
    if start.system is not None:
        how = f"; train it first: `avsd train {start.system}`"
    else:
        how = f"; the workflow makes it: `snakemake {folder / WEIGHTS}`" if start.captions is not None else ""
    raise UserError(f"{folder}: no {WEIGHTS}, so no trained model to start from (systems.{name}.init_from){how}")


def take_over(network: Network, vocabulary: Vocabulary, folder: Path) -> TakenOver:
    """Copy into ``network`` every parameter of the model in ``folder`` that fits; the others stay as they are.

    Moments of standardised features are not taken: they belong to a corpus. Raises `UserError` for a folder that holds
    no trained model, and when nothing fits.
    """
    source, words = _read(folder)
    places = {word: place for place, word in enumerate(words.words)}
    pairs = [(row, places[word]) for row, word in enumerate(vocabulary.words) if word in places]
    rows, others = (torch.tensor(column, dtype=torch.int64) for column in zip(*pairs, strict=True))
    by_word = set(_by_word(network))
    taken, fresh = [], []
    for name, parameter in network.named_parameters():
        given = source.get(name)
        if name in by_word and given is not None and given.shape == (len(words), *parameter.shape[1:]):
            parameter.data[rows] = given[others].to(parameter.dtype)
        elif name not in by_word and given is not None and given.shape == parameter.shape:
            parameter.data.copy_(given)
        else:
            fresh.append(name)
            continue
        taken.append(name)
    if not taken:
        raise UserError(f"{folder}: no weight in it fits by name and size; give a model of the same network and sizes")
    return TakenOver(tuple(taken), tuple(fresh), len(pairs))


def _read(folder: Path) -> tuple[dict[str, Tensor], Vocabulary]:
    for file in (WEIGHTS, WORDS):
        if not (folder / file).is_file():
            raise UserError(f"{folder}: no {file}, so no trained model to start from (init_from)")
    return read_weights(folder), read_words(folder / WORDS)


def _by_word(network: nn.Module) -> Iterator[str]:
    """Parameters with a row a word: embeddings and the output layer."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Embedding | WordScores):
            yield from (f"{name}.{part}" for part, _ in module.named_parameters())
