"""Which differences say something: systems of one run that are alike but for one thing."""

from collections.abc import Sequence

from pipeline.config import Config
from pipeline.plan.ablations import ablated

Pair = tuple[str, str]
"""A system, and the one that it is compared with: more is expected of the first."""


def pairs(config: Config, test_set: str) -> list[Pair]:
    """By the systems' order: with concept words and without; with a description and without; with features and
    without; a model and itself with something taken away; rescored and not; JSFusion and without a part of it.

    config: whose `run` it is.
    """
    run = [name for name in config.run if test_set in config.systems[name].test_sets]
    found = [pair for name in run for pair in _of(config, name, run)]
    for task in dict.fromkeys(config.systems[name].task for name in run):
        parts = ablated(config, task, test_set)
        found += [] if parts is None else [(parts.full, part) for part in parts.parts]
    return list(dict.fromkeys(found))


def _of(config: Config, name: str, run: Sequence[str]) -> list[Pair]:
    entry = config.systems[name]
    if entry.model is not None:
        if entry.model not in run:
            return []
        if entry.rescored_by() is not None:
            return [(name, entry.model)]
        return [(entry.model, name)] if entry.without else []
    alike = [other for other in run if other != name and _alike(config, name, other)]
    # What one has and the other lacks, all else being equal; sizes may be part of it (`semantic: false`).
    lacks = {
        "concepts": entry.shown() is not None,
        "description": entry.told("test") != "none",
        "features": bool(entry.features),
    }
    found = []
    for part in (part for part, has in lacks.items() if has):
        others = [other for other in alike if _differ(config, name, other) == [part] and _without(config, other, part)]
        if others:
            found.append((name, min(others, key=lambda other: _sizes_apart(config, name, other))))
    return found


def _alike(config: Config, name: str, other: str) -> bool:
    keys = ("task", "network", "loss", "teacher")
    one, two = config.systems[name], config.systems[other]
    return two.model is None and all(getattr(one, key) == getattr(two, key) for key in keys)


def _differ(config: Config, name: str, other: str) -> list[str]:
    one, two = config.systems[name], config.systems[other]
    same = {
        "concepts": one.shown() == two.shown(),
        "description": (one.told("train"), one.told("test")) == (two.told("train"), two.told("test")),
        "features": one.features == two.features,
        "history": one.looks_back() == two.looks_back(),
    }
    return [part for part, equal in same.items() if not equal]


def _without(config: Config, name: str, part: str) -> bool:
    entry = config.systems[name]
    if part == "features":
        return not entry.features
    return entry.shown() is None if part == "concepts" else entry.told("test") == "none"


def _sizes_apart(config: Config, name: str, other: str) -> int:
    one, two = config.systems[name].sizes, config.systems[other].sizes
    return sum(one.get(key) != two.get(key) for key in one.keys() | two.keys())
