"""CIDEr after every epoch of a training: what `noise` measures, in its file, with the settings it was made with."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from benchmarks.real.record import differing, settings
from benchmarks.real.runs import NOTED
from pipeline.config import Config
from pipeline.files import write_json
from pipeline.texts.typed import Count, Number, read_typed


@dataclass(frozen=True)
class Epoch:
    """An epoch's figures, each with the last weights and with the average: validation perplexity, CIDEr."""

    number: Count
    perplexity: tuple[Number, Number]
    held_out: tuple[Number, Number]
    official: tuple[Number, Number]


class Content(TypedDict):
    """The file of all epochs, with the settings as a record has them."""

    settings: dict[str, Any]
    epochs: list[Epoch]


_CONTENT = TypeAdapter(Content)


def write(path: Path, made_with: Mapping[str, Any], epochs: Sequence[Epoch]) -> None:
    """Write the figures of all epochs, with the settings they were made with (`record.settings`)."""
    write_json(path, {"settings": made_with, "epochs": [asdict(epoch) for epoch in epochs]})


def read(path: Path, config: Config) -> list[Epoch]:
    """The figures of `NOTED`; empty where there are none that were made with ``config``'s settings."""
    found = _content(path)
    if found is None or found["settings"] != settings(config, NOTED):
        return []
    return found["epochs"]


def stale(path: Path, config: Config) -> list[str]:
    """What is other in the settings that the figures were made with; empty where they count, or there are none."""
    found = _content(path)
    return [] if found is None else list(differing(found["settings"], settings(config, NOTED)))


def _content(path: Path) -> Content | None:
    expected = "figures of `python -m benchmarks.real.noise`; delete it, and run again"
    return read_typed(path, _CONTENT, expected) if path.is_file() else None
