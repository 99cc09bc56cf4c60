"""What stands in words in and beside the picture of attention: labels for readers, texts with weights, the numbers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.answers.explain import Explanation, Modality
from pipeline.inert import html

STRONGEST = 45
"""Per cent of colour behind the text with the highest weight: it stays readable in dark and light."""
LONG = 24
"""Characters of a text of which a piece of history is shown; the whole stands in its tooltip."""


def shares_label(explanation: Explanation) -> str:
    """The modality with the largest weight of each word."""
    assert explanation.shares is not None
    parts = []
    for word, row in zip(explanation.words, explanation.shares, strict=True):
        place = int(row.argmax())
        parts.append(f"{word}: most from {explanation.modalities[place].name}, {row[place]:.2f}")
    return f"Weights of the modalities for each word. {'; '.join(parts)}."


def strips_label(words: Sequence[str], modality: Modality) -> str:
    """The moment with the largest weight of each word."""
    parts = [f"{word}: {_most(modality, row)}" for word, row in zip(words, modality.weights, strict=True)]
    return f"Attention over time in {modality.name}. {'; '.join(parts)}."


def chips(modality: Modality, weights: NDArray[np.float32]) -> str:
    """Texts, each behind as much colour as it has weight (of the modality's largest); a long one is cut."""
    largest = float(modality.weights.max(initial=0)) or 1.0
    return " ".join(
        f'<mark style="--share:{STRONGEST * weight / largest:.0f}%" title="{html(text)}: {weight:.2f}">'
        f"{html(text if len(text) <= LONG else text[: LONG - 1] + '…')}</mark>"
        for text, weight in zip(modality.steps, weights, strict=True)
    )


def numbers_table(explanation: Explanation) -> str:
    """A table, a row a word: each modality's weight, and where its attention is highest."""
    head = "".join(f'<th scope="col">{html(modality.name)}</th>' for modality in explanation.modalities)
    rows = []
    for number, word in enumerate(explanation.words):
        cells = []
        for place, modality in enumerate(explanation.modalities):
            share = "" if explanation.shares is None else f"{explanation.shares[number, place]:.2f}"
            cells.append(
                f'<td>{share}<small class="paper">{html(_most(modality, modality.weights[number]))}</small></td>'
            )
        rows.append(f'<tr><th scope="row">{html(word)}</th>{"".join(cells)}</tr>')
    return (
        "<details><summary>The numbers</summary>"
        '<div class="scroll" tabindex="0" role="region" aria-label="The numbers"><table class="narrow">'
        f'<thead><tr><th scope="col">Word</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div></details>'
    )


def _most(modality: Modality, weights: NDArray[np.float32]) -> str:
    """Where a word's attention is highest, and how high."""
    if not len(weights):
        return "nothing there"
    place = int(weights.argmax())
    if modality.times is not None:
        about = "about " if modality.evenly else ""
        return f"most at {about}{modality.times[place]:.1f} s ({weights[place]:.2f})"
    text = modality.steps[place]
    return f"most on “{text if len(text) <= LONG else text[: LONG - 1] + '…'}” ({weights[place]:.2f})"
