"""How probable sentences are to a network that writes word by word.

Legend: T turns, N sentences of all turns together, V vocabulary.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.dataset.dialogs import sequences
from pipeline.networks.base import Generator
from pipeline.networks.inputs import Inputs
from pipeline.tensors import full_precision
from pipeline.vocabulary import END


@torch.no_grad()
def log_probabilities(
    network: Generator, inputs: Inputs, sentences: Sequence[Sequence[Sequence[int]]], per_word: bool = False
) -> list[Tensor]:
    """Log probability of each of ``sentences`` (of each turn some, as word ids): a float64 tensor a turn, on the host.

        log P(y | turn) = sum_i log P(y_i | y_1 ... y_{i-1}, turn),    the last y_i is `<eos>`,

    which a search's score is without its bonus; `<unk>` is a word like others. per_word: divided by the number of
    words, `<eos>` with them. The turns of ``inputs`` are encoded once, and all sentences decoded together.
    """
    device = inputs.questions.ids.device
    rows = [row for row, own in enumerate(sentences) for _ in own]
    targets = sequences([[*ids, END] for own in sentences for ids in own]).to(device)
    decoded = network.decode(network.encode(inputs).select(torch.tensor(rows, dtype=torch.int64)), targets)
    found = -functional.cross_entropy(full_precision(decoded.logits), targets.ids[targets.mask()], reduction="none")
    each = torch.split(found.double().cpu(), targets.lengths.tolist())
    scores = torch.stack([words.mean() if per_word else words.sum() for words in each])
    return list(torch.split(scores, [len(own) for own in sentences]))
