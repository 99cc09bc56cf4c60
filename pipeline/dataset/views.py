"""What a network sees of a dialog."""

from dataclasses import dataclass

from pipeline.config import Description


@dataclass(frozen=True)
class View:
    """Features by name, which description stands in front of the question, and whether the dialog so far is seen.

    `both` is the caption followed by the summary.
    """

    features: tuple[str, ...]
    description: Description
    history: bool
