"""Configuration files, or inline JSON, laid over one another and validated."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config.root import Config
from pipeline.errors import UserError
from pipeline.texts import check_content, parse_json, quoted, read_json, read_yaml

MOST = 100_000
"""Values of a configuration; the default one has about 1000."""
_TRIED = re.compile(r"(lax-or-strict|function-\w+|json-or-python|literal)\[")


def merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Lay one configuration over another: mappings merge key by key, everything else is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def parse(values: dict[str, Any], source: str = "configuration") -> Config:
    """Validate a plain mapping; the first problem becomes a one-line `UserError`."""
    check_content(values, source, MOST)
    try:
        return Config.model_validate(_nulls(values))
    except ValidationError as error:
        problem = error.errors()[0]
        # Of a value that may be one of several types, the types tried are no part of its name.
        # Nor is the task of a system, by which its keys are known.
        loc = problem["loc"][:2] + problem["loc"][3:] if problem["loc"][:1] == ("systems",) else problem["loc"]
        where = ".".join(str(part) for part in loc if not _TRIED.match(str(part)))
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] in ("string_type", "path_type"):
            found = problem["input"]
            advice = "" if isinstance(found, list | dict | None) else "; put quotes around it"
            message = f"expected a text, found {quoted(found)}{advice}"
        if problem["type"] == "extra_forbidden" and loc != problem["loc"] and len(loc) == 3:  # systems, NAME, key
            message = f"no key of a system with task {problem['loc'][2]}"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise UserError(f"{source}: {where + ': ' if where else ''}{message}{more}") from None


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
