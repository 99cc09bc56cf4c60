"""Configuration files, or inline JSON, laid over one another and validated."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config.base import MOST_ENTRIES
from pipeline.config.places import first_of
from pipeline.config.root import Config
from pipeline.errors import UserError
from pipeline.inert import shown
from pipeline.texts import check_content, parse_json, read_json, read_yaml

MOST_VALUES = 100_000
"""Of a whole configuration."""


def merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Lay one configuration over another: mappings merge key by key, everything else is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def parse(values: dict[str, Any], source: str = "configuration") -> Config:
    """Validate a plain mapping; the first problem becomes a one-line `UserError`."""
    _check_size(values, source)
    check_content(values, source)
    try:
        return Config.model_validate(_nulls(values))
    except ValidationError as error:
        raise UserError(f"{source}: {first_of(Config, error.errors(include_url=False))}") from None


def _check_size(values: dict[str, Any], source: str) -> None:
    """Raises `UserError` for more than anyone can mean: all else looks at every value, which would take its time."""
    left: list[tuple[str, Any]] = [("", values)]
    seen = 0
    while left:
        place, value = left.pop()
        if not isinstance(value, dict | list | tuple):
            continue
        seen += len(value)
        if len(value) > MOST_ENTRIES:
            what = shown(place) or "configuration"
            raise UserError(f"{source}: {what}: {len(value)} entries, at most {MOST_ENTRIES} go")
        if seen > MOST_VALUES:
            raise UserError(f"{source}: more than {MOST_VALUES} values, or a mapping that holds itself")
        items = value.items() if isinstance(value, dict) else enumerate(value)
        left += [(f"{place}.{key}" if place else str(key), item) for key, item in items]


def _nulls(value: Any) -> Any:
    """``value`` with the text `null` as None: Snakemake's --config gives every scalar as text."""
    if isinstance(value, dict):
        return {key: _nulls(item) for key, item in value.items()}
    return None if value == "null" else value


def load(sources: Sequence[str]) -> Config:
    """Read the configuration from files, or inline JSON, each laid over the one before.

    The rules give a command exactly the settings it depends on as inline JSON; by hand one gives files.
    """
    values: dict[str, Any] = {}
    for source in sources:
        values = merge(values, _read(source))
    return parse(values, ", ".join(source if not source.startswith("{") else "--config" for source in sources))


def _read(source: str) -> dict[str, Any]:
    loaded = parse_json(source, "--config") if source.startswith("{") else read_settings(Path(source))
    assert isinstance(loaded, dict)
    return loaded


def read_settings(path: Path) -> dict[str, Any]:
    """The content of one configuration file, YAML or, as its suffix says, JSON; nothing of it is believed yet."""
    loaded = read_json(path) if path.suffix == ".json" else read_yaml(path) or {}
    if not isinstance(loaded, dict):
        raise UserError(f"{path}: a configuration is a mapping, not {type(loaded).__name__}")
    return loaded
