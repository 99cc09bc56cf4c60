"""What a result file of rescored answers says of the weight they were ordered by."""

from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from pipeline.texts.typed import Count, Number, read_typed


@with_config(ConfigDict(extra="allow"))
class Rescored(TypedDict):
    """What validation chose, of ``turns`` answers.

    weight: of log P and the bonus. spreads: what both scores are divided by. curve: the metric by weight. own: that of
    the search's own answers. best_of_list: of the best answer of each list. by: the system that scored. made_of:
    settings and weights that the choice depends on.
    """

    weight: Number
    spreads: dict[Literal["found", "fits"], Number]
    metric: str
    turns: Count
    curve: list[dict[str, Number]]
    own: Number
    best_of_list: Number
    by: str
    made_of: dict[str, Any]


@with_config(ConfigDict(extra="allow"))
class _System(TypedDict):
    rescored: Rescored


@with_config(ConfigDict(extra="allow"))
class _File(TypedDict):
    system: _System


def read_rescored(path: Path, advice: str = "answer again") -> Rescored:
    """As `avsd answer` of a system that rescores has written it; `UserError` with ``advice`` for anything else."""
    content = read_typed(path, TypeAdapter(_File), f"answers that were rescored; {advice}")
    return content["system"]["rescored"]
