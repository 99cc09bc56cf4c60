"""Sentences cut to a number of words.

>>> sentences = Sequences(torch.tensor([[5, 6, 7, 8], [9, 0, 0, 0]]), torch.tensor([4, 0]))
>>> ids, lengths, _ = last_words(sentences, 3, torch.zeros(0))
>>> ids.tolist(), lengths.tolist()  # An empty sentence is one `<pad>`.
([[6, 7, 8], [0, 0, 0]], [3, 1])
>>> ids, _, blanks = last_words(sentences, 3, torch.tensor([0, 0]))  # The blank is the first word: it stays.
>>> ids.tolist(), blanks.tolist()
([[5, 6, 7], [0, 0, 0]], [0, 0])
"""

import torch
from torch import Tensor

from pipeline.tensors import Sequences, length_mask, sent_to
from pipeline.vocabulary import BLANK


def last_words(sentences: Sequences, most: int, blanks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Ids (S, M), lengths and blanks of sentences cut to their last ``most`` words, but not the blank off.

    blanks: (S,) on the host, or (0,) where sentences have none. Padding is 0, whatever it was.
    """
    starts = (sentences.lengths - most).clamp(min=0)
    if len(blanks):
        starts = starts.minimum(blanks)
    lengths = (sentences.lengths - starts).clamp(1, most)
    longest = int(lengths.max()) if len(lengths) else 1
    places = starts.unsqueeze(1) + torch.arange(longest)
    real = places < (starts + lengths).minimum(sentences.lengths).unsqueeze(1)
    (places, real) = sent_to(sentences.ids.device, places.clamp(max=sentences.ids.shape[1] - 1), real.long())
    # Chosen, not multiplied: what pads a sentence need be no word.
    ids = torch.where(real > 0, sentences.ids.gather(1, places), 0)
    return ids, lengths, blanks - starts if len(blanks) else blanks


def blanks_of(sentences: Sequences) -> Tensor:
    """(S,) on the host: the place of each sentence's blank; 0 where there is none. Waits for ids on a device."""
    real = length_mask(sentences.lengths, sentences.ids.shape[1])
    return (sentences.ids.cpu() == BLANK).logical_and(real).int().argmax(1)
