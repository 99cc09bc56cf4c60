"""`system.json` of a model folder: what it may hold, and whether it is as it was written."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from pipeline.errors import UserError
from pipeline.texts import read_json
from pipeline.versions import STAGES

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(gt=0, le=1 << 31)]
HASH = "hash"


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", frozen=True)


class _Words(_Part):
    size: Count
    hash: Hash


class _Versions(_Part):
    training_stage: Count | None = None


class _Metrics(_Part):
    validation_perplexity: FiniteFloat | None = Field(None, ge=1)


class Measured(_Part):
    """What anything that only compares models reads of one."""

    versions: _Versions = _Versions()
    metrics: _Metrics = _Metrics()
    parameters: dict[str, Annotated[int, Field(ge=0)]] | Annotated[int, Field(ge=0)] = 0


class Info(Measured):
    """What builds the network again. Further keys say what it was made with, and are for people."""

    network: str
    sizes: dict[str, Any]
    feature_dims: dict[str, Count]
    history: bool
    question: bool = True
    concepts: bool = False
    vocabulary: _Words
    weights: Hash


def read_info(path: Path, kind: type[Measured] = Info) -> dict[str, Any]:
    """The content of a `system.json`. Raises `UserError` naming the key for anything that `Info` does not allow.

    kind: `Measured`, where the network is not wanted. A file of an older version, without a hash, is taken as it is.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a mapping, found {type(content).__name__}; train the system again")
    _check_version(path, content)
    try:
        kind.model_validate(content)
    except ValidationError as error:
        found = error.errors()
        if any(each["type"] == "missing" and len(each["loc"]) == 1 for each in found):
            needed = (name for name, field in kind.model_fields.items() if field.is_required())
            raise UserError(f"{path}: expected {', '.join(needed)}; train the system again") from None
        where = ".".join(map(str, found[0]["loc"]))
        raise UserError(f"{path}: {where[:100]}: {found[0]['msg']}; train the system again") from None
    return content


def check_hash(path: Path, content: Mapping[str, Any]) -> None:
    """Raise `UserError` when the content of ``path`` is not what was written."""
    if HASH in content and content[HASH] != content_hash(content):
        raise UserError(f"{path}: changed since it was written (its hash differs); train the system again")


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of all that a `system.json` says, its `hash` left out, as JSON with sorted keys."""
    said = {key: value for key, value in content.items() if key != HASH}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _check_version(path: Path, content: Mapping[str, Any]) -> None:
    versions = content.get("versions")
    stage = versions.get("training_stage") if isinstance(versions, dict) else None
    if isinstance(stage, int) and stage > STAGES["training"]:
        here = STAGES["training"]
        raise UserError(f"{path}: made by a later version (training_stage {stage}, here {here}); update this one")
