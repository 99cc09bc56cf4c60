"""CIDEr of every answer of a list beside what a person answered: what a choice among them is measured by."""

from collections.abc import Sequence

from pipeline.scoring.cider import CiderReferences
from pipeline.scoring.filters import apply_filter
from pipeline.scoring.tokenizer import tokenize


def ciders(lists: Sequence[Sequence[str]], references: Sequence[str], filter: str) -> list[list[float]]:
    """CIDEr of each answer of N lists beside the N ``references``, one of a person's a list.

    Document frequencies are those of the references: whichever answer of each list is then taken, the mean of their
    figures is the CIDEr that `avsd score` gives those answers. filter: as there, over both.
    """
    given = [apply_filter(filter, text) for answers in lists for text in answers]
    tokens = iter(tokenize([*given, *(apply_filter(filter, text) for text in references)]))
    answers = [[next(tokens) for _ in each] for each in lists]
    groups = [[text] for text in tokens]
    if not any(text for (text,) in groups):
        return [[0.0] * len(each) for each in lists]
    known = CiderReferences(groups)
    # All first answers, all second ones and so on: each column is as if one system had given it.
    columns = [
        known.items([each[place] if place < len(each) else "" for each in answers])
        for place in range(max(map(len, answers)))
    ]
    return [[float(columns[place][row]) for place in range(len(each))] for row, each in enumerate(answers)]
