"""Where a network looked while it said an answer: its attention, read off by teacher forcing.

Legend: W words of an answer with `<eos>`, K modalities, L steps of a modality.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.networks.attention import CONCEPTS, HISTORY, QUESTION
from pipeline.networks.base import Generator
from pipeline.networks.inputs import Inputs
from pipeline.vocabulary import END
from pipeline.vocabulary.words import Vocabulary

END_WORD = "<eos>"
NO_HISTORY = "(nothing said before)"
NO_WORDS = "(no word found)"


@dataclass(frozen=True)
class WordWeights:
    """Weights of each word of an answer, `<eos>` last.

    attention: by modality (W, L), temporal weights; padding may follow the real steps, with weight 0. modality: (W, K)
    in the order of ``attention``, or None. Networks without such attention leave them empty. scores: (W,) log P.
    """

    attention: dict[str, NDArray[np.float32]]
    modality: NDArray[np.float32] | None
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class Modality:
    """What one modality contributed.

    weights: (W, L). times: (L,) seconds, the centres of the steps' windows; None where steps are texts. steps: the
    texts (L,), empty where they are moments. evenly: whether nobody knows the times, so that steps stand evenly in the
    clip.
    """

    name: str
    weights: NDArray[np.float32]
    times: NDArray[np.float64] | None
    steps: tuple[str, ...] = ()
    evenly: bool = False


@dataclass(frozen=True)
class Explanation:
    """A question, its answer and the attention behind it.

    words: the W words, `<eos>` last. shares: (W, K), beta of eq. 7, or None.
    """

    question: str
    answer: str
    words: tuple[str, ...]
    modalities: tuple[Modality, ...]
    shares: NDArray[np.float32] | None


@torch.no_grad()
def word_weights(network: Generator, inputs: Inputs, ids: tuple[int, ...]) -> WordWeights:
    """Run the answer ``ids`` (without `<eos>`) through ``network`` word by word; ``inputs`` hold one turn."""
    encoded = network.encode(inputs)
    state = network.start(encoded)
    attention: dict[str, list[NDArray[np.float32]]] = {}
    modality: list[NDArray[np.float32]] = []
    scores: list[float] = []
    for place, word in enumerate((*ids, END)):
        prediction = network.predict(encoded, state)
        for name, weights in prediction.attention.items():
            attention.setdefault(name, []).append(weights[0].float().cpu().numpy())
        if prediction.modality is not None:
            modality.append(prediction.modality[0].float().cpu().numpy())
        scores.append(float(prediction.logits.float().log_softmax(1)[0, word]))
        if place < len(ids):
            state = network.advance(state, prediction, torch.tensor([word], device=prediction.logits.device))
    return WordWeights(
        {name: np.stack(rows) for name, rows in attention.items()},
        np.stack(modality) if modality else None,
        np.array(scores),
    )


def explanation(
    network: Generator,
    vocabulary: Vocabulary,
    inputs: Inputs,
    question: str,
    answer: str,
    description: str,
    said: Sequence[str],
    times: Mapping[str, NDArray[np.float64]],
    concepts: Sequence[str] = (),
    evenly: Collection[str] = (),
) -> Explanation:
    """Where ``network`` looks while it says ``answer`` to the one turn in ``inputs``.

    description: in front of the question, "" where the network sees none. said: the pairs before, as texts. times: by
    feature, the centres of its steps' windows, seconds; a feature that is not in it has no step. concepts: the words
    that were detected in the video. evenly: the features whose times are not known.
    """
    found = word_weights(network, inputs, tuple(vocabulary.encode(answer)))
    texts = {QUESTION: (*description.split(), *question.split()), HISTORY: tuple(said) or (NO_HISTORY,)}
    texts[CONCEPTS] = tuple(concepts) or (NO_WORDS,)
    modalities = []
    for name, weights in found.attention.items():
        steps = texts.get(name)
        if steps is not None:
            modalities.append(Modality(name, weights[:, : len(steps)], None, steps))
            continue
        seconds = times.get(name, np.zeros(0))
        modalities.append(Modality(name, weights[:, : len(seconds)], seconds, evenly=name in evenly))
    return Explanation(question, answer, (*answer.split(), END_WORD), tuple(modalities), found.modality)
