"""Cross-fitting: systems that write about training videos unseen, as entries of their own, before validation.

An entry whose `description.train` is `{system: describer, folds: 5}` reads, of each training video, what a describer
says that has not learned from it: describer_fold1of5 learns from all parts of the training videos but the first, and
describes that part. Likewise with `concepts: {system: detector, folds: 5}`: the words that are detected in each.

>>> told = {"label": "Ours", "network": "attention", "description": {"train": {"system": "describer", "folds": 2}}}
>>> describer = {"label": "Describer", "task": "describe", "network": "attention", "features": ["i3d_rgb"]}
>>> made = with_folds({"run": ["ours"], "systems": {"ours": told, "describer": describer}})["systems"]
>>> list(made)
['ours', 'describer', 'describer_fold1of2', 'describer_fold2of2']
>>> made["describer_fold2of2"]["fold"]
{'number': 2, 'of': 2}
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from pipeline.config.base import MOST_ENTRIES, Folds, entries, mapping, number
from pipeline.section import Section

ANSWER = "answer"
"""The task of an entry that names none."""
FOLDS = 5
"""Parts of the training videos where `folds` is not given."""
_FOLDS = TypeAdapter(Folds)


class Fold(Section):
    """A part of the training videos that a system does not learn from, so that it can write about them unseen."""

    number: Annotated[int, Field(ge=1, le=100)] = Field(description="which part, counted from 1")
    of: Folds = Field(description="how many parts there are")


def with_folds(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration with an entry for every part that is left out of a writer's training videos.

    What is no configuration yet (another type than expected) is left for validation to name. Raises `ValueError` for a
    name that is taken already.
    """
    systems = entries(values, "systems")
    if systems is None:
        return values
    made = dict(systems)
    for told in (told for entry in systems.values() for told in _told(entry)):
        writer, folds = told.get("system"), number(_FOLDS, told.get("folds", FOLDS))
        if told.get("in_sample") or not isinstance(writer, str | int) or writer not in systems or folds is None:
            continue
        if systems[writer].get("task", ANSWER) == ANSWER:
            continue  # It writes about no video unasked: validation says so.
        for part in range(1, folds + 1):
            name, fold = fold_name(str(writer), part, folds), {"number": part, "of": folds}
            if name in systems and systems[name].get("fold") != fold:
                raise ValueError(f"systems.{writer}: {name!r} is an entry already; give that one another name")
            label = f"{systems[writer].get('label')}, part {part} of {folds} left out"
            if len(made) >= MOST_ENTRIES:
                raise ValueError(f"systems: more than {MOST_ENTRIES} with all their folds; give fewer folds")
            made[name] = {**systems[writer], "label": label, "row": None, "fold": fold}
    return {**values, "systems": made}


def _told(entry: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    """What an entry says of who writes about its training videos: sentences, concept words."""
    yield mapping(mapping(entry.get("description")).get("train"))
    yield mapping(entry.get("concepts"))


def fold_name(name: str, number: int, folds: int) -> str:
    """The entry of a system that has not learned from part ``number`` of ``folds``, counted from 1."""
    return f"{name}_fold{number}of{folds}"
