"""Scores of candidate answers as what is scored."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from pipeline.corpus.candidates import Candidates, read_candidates
from pipeline.corpus.references import Key
from pipeline.errors import UserError
from pipeline.ranks import ranks
from pipeline.scoring.names import CHOSEN
from pipeline.scoring.placed import write_placed
from pipeline.scoring.request import Request
from pipeline.texts.typed import Number, read_typed


@with_config(ConfigDict(extra="allow"))
class _Turn(TypedDict):
    image_id: str
    turn: Annotated[int, Field(ge=0)]
    scores: list[Number]


@with_config(ConfigDict(extra="allow"))
class _File(TypedDict):
    type: Literal["candidate_scores"]
    turns: list[_Turn]


def score_chosen(request: Request) -> None:
    """Accuracy, recall and ranks of the right candidates; every turn of the candidates must have scores."""
    candidates = read_candidates(request.references)
    for path, out in zip(request.hypotheses, request.outs, strict=True):
        placed = _placed(path, candidates)
        counts = [len(candidates[key].answers) for key in placed]
        write_placed(path, out, CHOSEN, placed, counts, request.bootstrap, "turns with candidate answers")


def read_scores_of(path: Path) -> dict[Key, list[float]]:
    """The scores of each turn's candidates, as a system that chooses wrote them; `UserError` for anything else."""
    content = read_typed(path, TypeAdapter(_File), "scores of candidates, as `avsd answer` writes them")
    found: dict[Key, list[float]] = {}
    for turn in content["turns"]:
        key = (turn["image_id"], turn["turn"])
        if key in found:
            raise UserError(f"{path}: dialog {key[0]}, turn {key[1]}: stands twice; keep one of them")
        found[key] = turn["scores"]
    return found


def _placed(path: Path, candidates: dict[Key, Candidates]) -> dict[Key, int]:
    given, found = read_scores_of(path), {}
    for key, each in candidates.items():
        scores = given.get(key, [])
        if len(scores) != len(each.answers):
            raise UserError(
                f"{path}: dialog {key[0]}, turn {key[1]}: {len(scores)} scores of {len(each.answers)} candidates; "
                "were they others? Answer again"
            )
        found[key] = int(ranks([scores], [each.right])[0])
    return found
