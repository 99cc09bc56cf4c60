"""What `avsd score` is asked for, and whether a task reads all of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.scoring.names import OPTIONS


@dataclass(frozen=True)
class Request:
    """Result files to score, and how: see `score.score_files`. `UserError` unless ``json`` is none or one for each."""

    hypotheses: list[Path]
    references: Path
    filter: str
    truth: Path | None
    bootstrap: int
    partial: bool
    json: list[Path]
    against: Path | None = None
    randomisations: int = OPTIONS["randomisations"]
    paraphrases: Path | None = None
    spice: Path | None = None

    def __post_init__(self) -> None:
        check_outs(self.hypotheses, self.json)

    @property
    def outs(self) -> list[Path | None]:
        """Where the scores of each result file are written, None: nowhere."""
        return [*self.json] or [None] * len(self.hypotheses)

    def given(self) -> dict[str, Any]:
        """As `score.score_files` takes them."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def check_read(self, task: str, read: Collection[str]) -> None:
        """Raises `UserError` that names what is asked for and none of the options that scores of ``task`` ``read``."""
        asked = [name for name, default in OPTIONS.items() if getattr(self, name) != default]
        if unread := [f"--{name}" for name in asked if name not in read]:
            them = "it" if len(unread) == 1 else "them"
            raise UserError(f"{', '.join(unread)}: scores of task {task} do not go by {them}; leave {them} out")


def check_outs(hypotheses: Sequence[Path], json: Sequence[Path]) -> None:
    """Raises `UserError` unless ``json`` has a file for each result file, or none at all."""
    if json and len(json) != len(hypotheses):
        raise UserError(f"--json: {len(json)} given for {len(hypotheses)} result files; give one for each, in order")
