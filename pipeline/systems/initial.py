"""Starting a network from another trained model: the `init_from` of a configuration entry.

The other model may have been trained on another corpus with other words (the "AVSD best system" was pretrained on the
captions of another one). Its weights, and the running moments of its normalisations, are taken over where name and
size agree; the rows of embeddings and of output layers are taken word by word, by spelling.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.networks.base import Network
from pipeline.networks.parts.standard import Standardisation
from pipeline.networks.parts.words import WordRows
from pipeline.systems.system import WEIGHTS, WORDS, read_weights
from pipeline.vocabulary.concepts import read_words
from pipeline.vocabulary.words import Vocabulary


@dataclass(frozen=True)
class TakenOver:
    """What a network has of another model.

    taken, fresh: names of `carried` tensors. known: words both vocabularies have.
    """

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
    """Copy into ``network`` every `carried` tensor of the model in ``folder`` that fits; the others stay as they are.

    Of what has a row a word the rows of words that both know are taken. Raises `UserError` for a folder that holds no
    trained model, and when no weight fits.
    """
    source, words = _read(folder)
    shared, by_word = _Shared(vocabulary, words), _by_word(network)
    taken, fresh = [], []
    for name, tensor in carried(network).items():
        given = source.get(name)
        if given is not None and id(tensor) in by_word:
            given = shared.respelled(tensor.data, given)
        if given is None or given.shape != tensor.shape:
            fresh.append(name)
            continue
        tensor.data.copy_(given)
        taken.append(name)
    if not any(name in taken for name, _ in network.named_parameters()):
        raise UserError(f"{folder}: no weight in it fits by name and size; give a model of the same network and sizes")
    return TakenOver(tuple(taken), tuple(fresh), len(shared.rows))


def carried(network: nn.Module) -> dict[str, Tensor]:
    """What a network can have of another one, by name: parameters, and buffers that are saved with them.

    A part computes what it did only with its buffers: running moments of normalisations, the draws of a sketch. Moments
    of standardised features are left out: they belong to a corpus.
    """
    layers = [module for module in network.modules() if isinstance(module, Standardisation)]
    of_a_corpus = {id(moments) for layer in layers for moments in layer.buffers()}
    return {
        name: tensor for name, tensor in network.state_dict(keep_vars=True).items() if id(tensor) not in of_a_corpus
    }


def _read(folder: Path) -> tuple[dict[str, Tensor], Vocabulary]:
    for file in (WEIGHTS, WORDS):
        if not (folder / file).is_file():
            raise UserError(f"{folder}: no {file}, so no trained model to start from (init_from)")
    return read_weights(folder), read_words(folder / WORDS)


def _by_word(network: nn.Module) -> set[int]:
    """The `id` of each parameter with a row a word: those of embeddings and of output layers."""
    layers = [module for module in network.modules() if isinstance(module, nn.Embedding | WordRows)]
    return {id(parameter) for layer in layers for parameter in layer.parameters()}


class _Shared:
    """The words that two vocabularies have in common. rows: (K, 2), of each its row here and its row there."""

    def __init__(self, here: Vocabulary, there: Vocabulary) -> None:
        places = {word: place for place, word in enumerate(there.words)}
        rows = [(row, places[word]) for row, word in enumerate(here.words) if word in places]
        self.rows = torch.tensor(rows, dtype=torch.int64).view(-1, 2)
        self.counts = len(here), len(there)

    def respelled(self, own: Tensor, given: Tensor) -> Tensor | None:
        """``own`` (V, ...) with the rows of shared words as ``given`` has them; None where it can have none of them."""
        here, there = self.counts
        if len(self.rows) == 0 or len(own) != here or given.shape != (there, *own.shape[1:]):
            return None
        rows, others = self.rows.unbind(1)
        return own.index_copy(0, rows, given[others].to(own.dtype))
