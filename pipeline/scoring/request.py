"""What `avsd score` is asked for."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """Result files to score, and how: see `score.score_files`."""

    hypotheses: list[Path]
    references: Path
    filter: str
    truth: Path | None
    bootstrap: int
    partial: bool
    json: list[Path]
    against: Path | None = None
    randomisations: int = 1000
    paraphrases: Path | None = None
    spice: Path | None = None

    def given(self) -> dict[str, Any]:
        """As `score.score_files` takes them."""
        return {item.name: getattr(self, item.name) for item in fields(self)}
