"""Cross-fitting: systems that describe training videos unseen, as entries of their own, before anything is validated.

An entry whose `description.train` is `{system: describer, folds: 5}` reads, of each training video, what a describer
says that has not learned from it: describer_fold1of5 learns from all parts of the training videos but the first, and
describes that part.

>>> told = {"label": "Ours", "network": "attention", "description": {"train": {"system": "describer", "folds": 2}}}
>>> describer = {"label": "Describer", "task": "describe", "network": "attention", "features": ["i3d_rgb"]}
>>> made = with_folds({"run": ["ours"], "systems": {"ours": told, "describer": describer}})["systems"]
>>> list(made)
['ours', 'describer', 'describer_fold1of2', 'describer_fold2of2']
>>> made["describer_fold2of2"]["fold"]
{'number': 2, 'of': 2}
"""

from typing import Any

from pydantic import TypeAdapter

from pipeline.config.base import MOST_ENTRIES, Folds, entries, mapping, number

FOLDS = 5
"""Parts of the training videos where `folds` is not given."""
_FOLDS = TypeAdapter(Folds)


def with_folds(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration with an entry for every part that is left out of a describer's training videos.

    What is no configuration yet (another type than expected) is left for validation to name. Raises `ValueError` for a
    name that is taken already.
    """
    systems = entries(values, "systems")
    if systems is None:
        return values
    made = dict(systems)
    for entry in systems.values():
        told = mapping(mapping(entry.get("description")).get("train"))
        describer, folds = told.get("system"), number(_FOLDS, told.get("folds", FOLDS))
        if told.get("in_sample") or not isinstance(describer, str | int) or describer not in systems or folds is None:
            continue
        for part in range(1, folds + 1):
            name, fold = fold_name(str(describer), part, folds), {"number": part, "of": folds}
            if name in systems and systems[name].get("fold") != fold:
                raise ValueError(f"systems.{describer}: {name!r} is an entry already; give that one another name")
            label = f"{systems[describer].get('label')}, part {part} of {folds} left out"
            if len(made) >= MOST_ENTRIES:
                raise ValueError(f"systems: more than {MOST_ENTRIES} with all their folds; give fewer folds")
            made[name] = {**systems[describer], "label": label, "row": None, "fold": fold}
    return {**values, "systems": made}


def fold_name(name: str, number: int, folds: int) -> str:
    """The entry of a describer that has not learned from part ``number`` of ``folds``, counted from 1."""
    return f"{name}_fold{number}of{folds}"
