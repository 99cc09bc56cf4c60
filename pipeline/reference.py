"""Generates docs/configuration.md and docs/config.schema.json from the typed configuration.

Run with ``python -m pipeline.reference``; a test fails when the files differ from what this makes.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline import config
from pipeline.config.base import MOST_ENTRIES
from pipeline.names import NAME_BYTES, Name
from pipeline.networks.sizes import SIZES
from pipeline.tasks.registry import TASKS

PLAIN = {
    int: "integer",
    float: "number",
    str: "text",
    bool: "true/false",
    Path: "path",
    NoneType: "null",
    Any: "value",
    ...: "",
}
DOCS = Path(__file__).resolve().parent.parent / "docs"
SECTIONS: list[tuple[str, type[BaseModel]]] = [
    ("(top level)", config.Config),
    ("corpus", config.Corpus),
    ("corpus.scenes", config.Scenes),
    ("corpus.scenes.counts", config.SceneCounts),
    ("dialogs", config.Dialogs),
    ("captions", config.Captions),
    ("media", config.Media),
    ("features.NAME (i3d_rgb, i3d_flow, i3d_r50)", config.I3DFeature),
    ("features.NAME.flow", config.FlowSettings),
    ("features.NAME (image)", config.ImageFeature),
    ("features.NAME (vggish)", config.VGGishFeature),
    ("features.NAME (cnn10)", config.CNN10Feature),
    ("features.NAME (yamnet)", config.YAMNetFeature),
    ("features.NAME.reduce", config.Reduce),
    ("vocabulary", config.Vocabulary),
    ("concepts", config.ConceptWords),
    *((f"systems.NAME (task: {name})", task.entry) for name, task in TASKS.items()),
    ("systems.NAME.description", config.SystemDescription),
    ("systems.NAME.concepts", config.DetectedBy),
    ("systems.NAME.init_from", config.Start),
    ("systems.NAME.rescore", config.Rescoring),
    ("training", config.Training),
    ("distillation", config.Distillation),
    ("matching", config.Matching),
    ("answers", config.Answers),
    ("scoring", config.Scoring),
    ("report", config.Report),
    *((f"networks.{name}, systems.NAME.sizes", sizes) for name, sizes in SIZES.items()),
]
HEAD = """# Configuration

Generated from `pipeline/config/` by `make docs`: do not edit.

`config.yaml` holds the default experiment. Other experiments are laid over it with `--configfile`: mappings merge key
by key, lists and values are replaced. Single keys are given with `--config`, for example
`--config videos=clips results=results-clips 'training={epochs: 1}'`. A stage run by hand takes the same files:
`avsd train st --config config.yaml --config configs/charades.yaml`. Unknown keys are errors. A number where a text or a
path is asked for is that text (`results=2024`; with `'results="1.50"'` it stays as written). Numbers are finite and
within the bounds given here. A name becomes a part of files' names: letters, digits, `_` and, not in front, `-`, at
most NAME_BYTES bytes; names that differ by capitals alone are refused, and so are those the workflow makes itself.
Other texts are one line each. A list or a mapping has at most MOST_ENTRIES entries.
""".replace("NAME_BYTES", str(NAME_BYTES)).replace("MOST_ENTRIES", str(MOST_ENTRIES))


def configuration_markdown() -> str:
    """The whole of docs/configuration.md."""
    return HEAD + "".join(_section(title, model) for title, model in SECTIONS)


def configuration_schema() -> str:
    """The JSON schema, for editors that complete and check YAML with one."""
    return json.dumps(config.Config.model_json_schema(), indent=1) + "\n"


def _section(title: str, model: type[BaseModel]) -> str:
    summary = (model.__doc__ or "").strip().splitlines()[0]
    rows = "".join(_row(name, field) for name, field in model.model_fields.items())
    return f"\n## {title}\n\n{summary}\n\n| key | type | default | meaning |\n|---|---|---|---|\n{rows}"


def _row(name: str, field: FieldInfo) -> str:
    default = "required" if field.is_required() else _default(field.default)
    return f"| `{name}` | {_type(field.annotation, field.metadata)} | {default} | {field.description or ''} |\n"


def _default(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "see below"
    plain = json.dumps(value, default=str)
    return f"`{plain}`"


def _type(annotation: Any, marks: Iterable[Any] = ()) -> str:
    """A type in a reader's words. marks: what is said beside it: bounds, or that a text is a name."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0], [*arguments[1:], *marks])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(argument, marks) for argument in arguments))
    if origin is Literal:
        return ", ".join(f"`{argument}`" for argument in arguments)
    wrapped = {tuple: "list of {0}", dict: "mapping to {1}"}
    return wrapped[origin].format(*map(_type, arguments)) if origin in wrapped else _plain(annotation, marks)


def _plain(annotation: Any, marks: Iterable[Any]) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    if annotation in (int, float):
        return f"{PLAIN[annotation]} {_bounds(marks)}"
    if annotation is str and get_args(Name)[1] in marks:
        return "name"
    return PLAIN.get(annotation, str(annotation))


def _bounds(marks: Iterable[Any]) -> str:
    """From where to where a number goes.

    >>> from pydantic import Field
    >>> _bounds(Field(gt=0, le=2**32 - 1).metadata)
    'above 0 to 4294967295'
    """
    flat = [each for mark in marks for each in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    said = {Ge: "{.ge:.12g}", Gt: "above {.gt:.12g}", Le: "to {.le:.12g}", Lt: "to below {.lt:.12g}"}
    return " ".join(words.format(mark) for kind, words in said.items() for mark in flat if isinstance(mark, kind))


if __name__ == "__main__":
    (DOCS / "configuration.md").write_text(configuration_markdown(), encoding="utf-8")
    (DOCS / "config.schema.json").write_text(configuration_schema(), encoding="utf-8")
