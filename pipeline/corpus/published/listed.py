"""What a published file lists, before anything of it is believed."""

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["pairs", "choices", "blanks"]
LAYOUTS = (
    "LSMDC's tab-separated lines (6 columns: a sentence; 7: its paraphrase; 8: a blank; 10 or 11: five sentences to "
    "choose from), tables with a line of names (key, vid_key or video_id, and sentence, description, a1 ... a5 and "
    "answer, or blank_sentence and answer), or JSON of questions (options or caption, and answer)"
)
GAP = "_"
"""What a blank is written of, two of it at least: LSMDC has five."""


@dataclass(frozen=True)
class Item:
    """One line, or one object, as it stands there.

    where: its place, for messages. key: its own id, where the layout has one. sentence: about the video; of a question
    the right one. options: what there is to choose from, ``right`` (counted from 0) the place of the right one. gapped,
    word: the sentence with a blank, and what is missing.
    """

    where: str
    video: Any
    sentence: Any
    key: str | None = None
    options: tuple[Any, ...] = ()
    right: int = 0
    gapped: str = ""
    word: str = ""


@dataclass(frozen=True)
class Listed:
    """Items of one kind. broken: a line for each that is none."""

    kind: Kind
    items: tuple[Item, ...]
    broken: list[str] = field(default_factory=list)
