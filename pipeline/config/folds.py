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

FOLDS = 5
"""Parts of the training videos where `folds` is not given."""
MOST_FOLDS = 100


def with_folds(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration with an entry for every part that is left out of a describer's training videos.

    What is no configuration yet (another type than expected) is left for validation to name.
    """
    systems = values.get("systems")
    if not isinstance(systems, dict) or not all(isinstance(entry, dict) for entry in systems.values()):
        return values
    made = dict(systems)
    for entry in systems.values():
        told = entry["description"].get("train") if isinstance(entry.get("description"), dict) else None
        if not isinstance(told, dict) or told.get("in_sample") or told.get("system") not in systems:
            continue
        describer, folds = told["system"], told.get("folds", FOLDS)
        if not isinstance(folds, int) or not 2 <= folds <= MOST_FOLDS:
            continue
        for number in range(1, folds + 1):
            made[fold_name(describer, number, folds)] = _entry(systems[describer], number, folds)
    return {**values, "systems": made}


def fold_name(name: str, number: int, folds: int) -> str:
    """The entry of a describer that has not learned from part ``number`` of ``folds``, counted from 1."""
    return f"{name}_fold{number}of{folds}"


def _entry(entry: dict[str, Any], number: int, folds: int) -> dict[str, Any]:
    label = f"{entry.get('label')}, part {number} of {folds} left out"
    return {**entry, "label": label, "row": None, "fold": {"number": number, "of": folds}}
