"""Search and metrics: the sections `answers` and `scoring`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pipeline.names import Name, Place
from pipeline.section import Section

Filter = Literal["dstc7", "dstc8", "none"]
OTHER_NAMES: Mapping[str, Filter] = {"organisers": "dstc7", "punctuation": "dstc8"}
"""Older names of filters, as configurations may have them."""


class Answers(Section):
    """Beam search."""

    beam: int = Field(5, ge=1, le=1000, description="width; 1 is greedy")
    bonus: float = Field(
        1.0, ge=-1000, le=1000, description="added to the log probability for each word, `<eos>` included"
    )
    min_length: int = Field(1, ge=0, le=1000, description="words at least")
    max_length: int = Field(30, ge=1, le=1000, description="words at most")
    n_best: int = Field(5, ge=1, le=1000, description="answers kept beside the best one")
    batch_turns: int = Field(64, ge=1, le=1_000_000, description="turns searched at once")


def _by_challenge(value: Any) -> Any:
    return OTHER_NAMES.get(value, value) if isinstance(value, str) else value


class Scoring(Section):
    """Metrics."""

    filter: Annotated[
        Filter, BeforeValidator(_by_challenge, json_schema_input_type=Filter | Literal["organisers", "punctuation"])
    ] = Field(
        "dstc7",
        description="the challenge whose stop filter is used: dstc7 drops every one-character token (the paper's "
        "tables; also called organisers), dstc8 `,` and `.` alone (DSTC8's figures; also called punctuation)",
    )
    spice: Place | None = Field(
        None, description="the jar of SPICE 1.0, its folder lib with the parser beside it: SPICE is scored too"
    )
    bootstrap: int = Field(1000, ge=0, le=1_000_000, description="resamples for the 95 % intervals; 0: none")
    against: Name | None = Field(
        None,
        description="the system that all others are compared with (approximate randomisation), where run; null: none",
    )
    randomisations: int = Field(1000, ge=0, le=1_000_000, description="trials of each comparison; 0: no comparison")


class Report(Section):
    """What the report shows beside tables, curves and dialogs."""

    explain: Name | None = Field(
        None, description="system whose attention is shown on some trial videos; needs the videos; null: none"
    )
    explain_videos: int = Field(3, ge=1, le=1000, description="how many videos")
