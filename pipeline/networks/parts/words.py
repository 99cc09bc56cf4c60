"""Embeddings and output layers, and the two ways of sharing their weights (both are options, off by default).

Legend: V vocabulary, E embedding width, N rows.

Tied weights: the output layer's V x E weights are the decoder's embedding (Press and Wolf, 2017). Its biases stay its
own. Shared embeddings (choice 11): question, history and decoder read one table.

>>> import torch
>>> table = embedding(11, 4, tied=True)
>>> layer = WordScores(4, 11, tied=True)
>>> layer(torch.zeros(2, 4), table).shape
torch.Size([2, 11])
>>> [name for name, _ in layer.named_parameters()]
['bias']
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional


def embedding(vocabulary: int, width: int, tied: bool = False) -> nn.Embedding:
    """A fresh embedding (V, E), N(0, 1).

    tied: its weights are an output layer's too, and a score is a sum over E of them: N(0, 1/E) instead *(choice)*, so
    that the first scores are near each other.
    """
    table = nn.Embedding(vocabulary, width)
    if tied:
        nn.init.normal_(table.weight, std=width**-0.5)
    return table


@dataclass(frozen=True)
class Borrowed:
    """An embedding that belongs to another module.

    It is no module itself: the borrower does not register it, so its weights are counted and saved once.

    >>> import torch
    >>> Borrowed(embedding(11, 4))(torch.tensor([5, 6])).shape
    torch.Size([2, 4])
    """

    table: nn.Embedding

    @property
    def embedding_dim(self) -> int:
        """E."""
        return self.table.embedding_dim

    def __call__(self, ids: Tensor) -> Tensor:
        """Vectors (..., E) of ``ids`` (...)."""
        vectors: Tensor = self.table(ids)
        return vectors


def source(vocabulary: int, width: int | nn.Embedding) -> nn.Embedding | Borrowed:
    """The embedding of an encoder: one of its own of ``width`` E, or a borrowed one.

    >>> source(11, 4)
    Embedding(11, 4)
    >>> source(11, embedding(11, 4))
    Borrowed(table=Embedding(11, 4))
    """
    return Borrowed(width) if isinstance(width, nn.Embedding) else embedding(vocabulary, width)


class WordRows(nn.Linear):
    """An output layer with a row a word, or a concept: scores (N, V) of vectors (N, E).

    It computes what `nn.Linear` does. A network that starts from a model with other words takes the rows of this class
    and of `nn.Embedding` by spelling (`systems.initial`).
    """


class WordScores(WordRows):
    """The output layer of a network that says something, scores of every word from a vector of E values.

    tied: its weight is the decoder's embedding, which every call gives; only the bias is its own.
    """

    def __init__(self, width: int, vocabulary: int, tied: bool) -> None:
        super().__init__(width, vocabulary)
        self.tied = tied
        if tied:
            del self.weight

    def forward(self, values: Tensor, table: nn.Embedding) -> Tensor:  # type: ignore[override]
        """Scores (N, V) of ``values`` (N, E); ``table``: the decoder's embedding."""
        return functional.linear(values, table.weight if self.tied else self.weight, self.bias)


def bridge(inputs: int, width: int, tied: bool) -> nn.Module:
    """What stands between ``inputs`` values and a tied output layer of ``width``: nothing, or where needed a layer.

    >>> bridge(6, 4, tied=True)
    Linear(in_features=6, out_features=4, bias=True)
    >>> bridge(6, 4, tied=False), bridge(4, 4, tied=True)
    (Identity(), Identity())
    """
    return nn.Linear(inputs, width) if tied and inputs != width else nn.Identity()
