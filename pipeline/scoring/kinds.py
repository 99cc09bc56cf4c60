"""Kinds of result files that the same metrics score: what of them differs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.corpus.references import Key
from pipeline.corpus.scenes.truth import Truth
from pipeline.scoring.grounded import grounded
from pipeline.scoring.matching import Answers, read_answers

Read = Callable[[Path, Mapping[Key, Sequence[str]]], Answers]
Accuracy = Callable[[Sequence[Key], Sequence[str], Truth, str], tuple[dict[str, dict[str, Any]], Sequence[bool] | None]]


@dataclass(frozen=True)
class Kind:
    """A kind of result file.

    read: its sentences, given the references. accuracy: of N sentences on generated scenes, with the right ones where
    each is either right or wrong.
    """

    read: Read
    accuracy: Accuracy


def _read(path: Path, references: Mapping[Key, Sequence[str]]) -> Answers:  # noqa: ARG001, they stand by themselves
    return read_answers(path)


ANSWERS = Kind(_read, grounded)
"""The challenge's result files."""
