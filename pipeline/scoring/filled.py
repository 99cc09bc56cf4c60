"""Words named at blanks as what is scored: accuracy, in all and by the words' class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NotRequired

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from pipeline.corpus.blanks import ANY, Blank, Blanks, read_blanks
from pipeline.corpus.references import Key
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.inert import shown
from pipeline.progress import log
from pipeline.scoring.bootstrap import SEED, drawable, resampled_sums, with_interval
from pipeline.scoring.names import FILLED
from pipeline.scoring.request import Request
from pipeline.scoring.videos import numbered, summed
from pipeline.texts.typed import Number, read_typed
from pipeline.versions import STAGES

FEW = 5
"""Of as many words one may be right for "accuracy of five"."""
CLASSES = {"nouns": "noun", "verbs": "verb", "adjectives": "adjective"}
COMMONEST, COMMONEST_OF_CLASS = "most frequent word", "most frequent word of the class"
"""What is named every time for the base rates, by training's counts; for the second one must be told the class."""
Right = NDArray[np.float64]
"""(N, M): whether each item is right by each of `FILLED`; no number where that does not count the item."""


@with_config(ConfigDict(extra="allow"))
class _Filled(TypedDict):
    image_id: str
    turn: Annotated[int, Field(ge=0)]
    words: Annotated[list[str], Field(min_length=1)]
    scores: NotRequired[list[Number]]


@with_config(ConfigDict(extra="allow"))
class _File(TypedDict):
    type: Literal["filled_blanks"]
    blanks: list[_Filled]


@dataclass(frozen=True)
class Named:
    """The words named at a blank, the likeliest first, and their scores where the file has some."""

    words: Sequence[str]
    scores: Sequence[float] | None


def score_filled(request: Request) -> None:
    """Accuracy of the words at all blanks of the references; each must have been filled."""
    asked = read_blanks(request.references)
    for path, out in zip(request.hypotheses, request.outs, strict=True):
        named = read_named(path)
        missing = [key for key in asked.blanks if key not in named]
        if missing:
            video, turn = missing[0]
            raise UserError(
                f"{path}: dialog {video}, turn {turn}: no word for this blank ({len(missing)} of {len(asked.blanks)} "
                "have none); were they others? Answer again"
            )
        _write(path, out, asked, named, request.bootstrap)


def read_named(path: Path) -> dict[Key, Named]:
    """The words of a file, as a system that fills blanks wrote them; `UserError` for anything else."""
    content = read_typed(path, TypeAdapter(_File), "words for blanks, as `avsd answer` writes them")
    found: dict[Key, Named] = {}
    for each in content["blanks"]:
        key, scores = (each["image_id"], each["turn"]), each.get("scores")
        if key in found or (scores is not None and len(scores) != len(each["words"])):
            where = f"{path}: dialog {key[0]}, turn {key[1]}"
            raise UserError(f"{where}: stands twice, or has not as many scores as words")
        found[key] = Named(each["words"], scores)
    return found


def rank(named: Named, word: str) -> int | None:
    """The place of ``word`` among those named, counted from 1, behind all that score as much; None: it is not there.

    >>> rank(Named(["red", "blue"], [-0.5, -0.5]), "red"), rank(Named(["red", "blue"], None), "red")
    (2, 1)
    """
    if word not in named.words:
        return None
    place = list(named.words).index(word)
    if named.scores is None:
        return place + 1
    return sum(score >= named.scores[place] for score in named.scores)


def right_of(blanks: Sequence[Blank], ranks: Sequence[int | None]) -> Right:
    """What of the blanks is right by each of `FILLED`."""
    table = np.full((len(blanks), len(FILLED)), np.nan)
    for row, (blank, place) in enumerate(zip(blanks, ranks, strict=True)):
        for column, name in enumerate(FILLED):
            if name not in CLASSES or CLASSES[name] == blank.word_class:
                most = FEW if name == "accuracy of five" else 1
                table[row, column] = place is not None and place <= most
    return table


def measured(right: Right) -> dict[str, float]:
    """The share of right ones by each of `FILLED` that counts any."""
    return {
        name: float(np.nanmean(column))
        for name, column in zip(FILLED, right.T, strict=True)
        if not np.isnan(column).all()
    }


def intervals(right: Right, of: Sequence[str], resamples: int) -> dict[str, list[float]]:
    """The 2.5 and 97.5 % points of the shares, had other videos been drawn; ``of``: (N,) the video of each item.

    Empty where `drawable` says no, without the shares of a class that one video alone has blanks of.
    """
    if not drawable(len(set(of)), resamples):
        return {}
    counted = ~np.isnan(right)
    sums = summed(np.hstack([np.nan_to_num(right), counted]), numbered(of))
    (drawn,) = resampled_sums([sums], resamples, SEED)
    found = {}
    for place, name in enumerate(FILLED):
        hits, count = drawn[:, place], drawn[:, len(FILLED) + place]
        if np.count_nonzero(sums[:, len(FILLED) + place]) > 1:
            ends = np.percentile(hits[count > 0] / count[count > 0], [2.5, 97.5])
            found[name] = [float(end) for end in ends]
    return found


def base_rates(asked: Blanks) -> dict[str, dict[str, float]]:
    """What naming training's most frequent word every time reaches, and the most frequent one of the class."""
    blanks, common = list(asked.blanks.values()), asked.frequent
    guesses = {
        COMMONEST: [common.get(ANY)] * len(blanks),
        COMMONEST_OF_CLASS: [common.get(blank.word_class) for blank in blanks],
    }
    found = {}
    for name, words in guesses.items() if common else ():
        ranks = [1 if blank.word == word else None for blank, word in zip(blanks, words, strict=True)]
        shares = measured(right_of(blanks, ranks))
        found[name] = {metric: share for metric, share in shares.items() if metric != "accuracy of five"}
    return found


def _write(path: Path, out: Path | None, asked: Blanks, named: Mapping[Key, Named], bootstrap: int) -> None:
    blanks = list(asked.blanks.values())
    ranks = [rank(named[key], blank.word) for key, blank in asked.blanks.items()]
    right = right_of(blanks, ranks)
    metrics, ends = measured(right), intervals(right, [video for video, _ in asked.blanks], bootstrap)
    rates = base_rates(asked)
    for name, value in metrics.items():
        beside = ", ".join(f"{what} {rate[name]:.3f}" for what, rate in rates.items() if name in rate)
        log(f"{path}: {name} {with_interval(value, ends, name)}{beside and ', '}{beside}")
    if out is None:
        return
    content = {
        "hypotheses": shown(path),
        "metrics": metrics,
        "intervals": ends,
        "base_rates": rates,
        "signature": {
            "items": len(blanks),
            "of": f"blanks ({asked.text})",
            "classes": {name: sum(blank.word_class == its for blank in blanks) for name, its in CLASSES.items()},
            "tagger": asked.tagger,
            "ties": "against the system",
            "bootstrap": bootstrap,
            "stage": STAGES["scoring"],
        },
        "items": {
            f"{video}_{turn}": {"right": int(place == 1)}
            for (video, turn), place in zip(asked.blanks, ranks, strict=True)
        },
    }
    write_json(out, content)
