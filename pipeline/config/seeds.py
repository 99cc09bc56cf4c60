"""Systems trained several times over: the entry's `seeds` as entries of their own, before anything is validated.

An entry with `seeds: 3` stands for itself and two more, NAME_s2 and NAME_s3, that differ in `training.seed` alone: the
entry's own, and the numbers after it. A student's seeds learn from their teacher's seeds where it has as many, what
starts from another system (`init_from`) or is rescored by one (`rescore`) does so by its seeds likewise, and what
answers with another system's model (`model`) does so with its seeds. `run` names the entry; its seeds follow it there.

>>> entry = {"label": "Ours", "network": "attention", "seeds": 2}
>>> student = {"label": "Student", "network": "attention", "loss": "st", "teacher": "ours", "seeds": 2}
>>> made = with_seeds({"run": ["student"], "systems": {"ours": entry, "student": student}})
>>> made["run"], list(made["systems"])
(['student', 'student_s2'], ['ours', 'ours_s2', 'student', 'student_s2'])
>>> made["systems"]["student_s2"]["teacher"], made["systems"]["student_s2"]["training"]
('ours_s2', {'seed': 2})
"""

from typing import Any

from pydantic import TypeAdapter

from pipeline.config.base import MOST_ENTRIES, Seed, Seeds, entries, mapping, number

OTHERS = ("teacher", "model")
"""Keys of an entry that name another entry, whose seeds it goes with."""
INSIDE = ("init_from", "rescore")
"""Keys whose `system` does."""
FIRST = 1
"""`training.seed` where none is given."""
_SEEDS, _SEED = TypeAdapter(Seeds), TypeAdapter(Seed)


def with_seeds(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration with an entry for every seed. Raises `ValueError` for a name that is taken already, and
    for more seeds than the system has whose model an entry answers with.

    What is no configuration yet (another type than expected) is left for validation to name.
    """
    systems = entries(values, "systems")
    if systems is None:
        return values
    counts = {name: number(_SEEDS, entry.get("seeds", 1)) for name, entry in systems.items()}
    if None in counts.values():
        return values
    known = {name: count for name, count in counts.items() if count is not None}
    if (count := sum(known.values())) > MOST_ENTRIES:
        raise ValueError(f"systems: {count} with all their seeds, at most {MOST_ENTRIES} go; give fewer seeds")
    made: dict[Any, Any] = {}
    for name, entry in systems.items():
        made[name] = {key: value for key, value in entry.items() if key != "seeds"}
        for seed in range(2, known[name] + 1):
            other = seed_name(name, seed)
            if other in systems:
                raise ValueError(f"systems.{name}.seeds: {other!r} is an entry already; give that one another name")
            made[other] = _entry(values, name, seed, known)
    run = values.get("run")
    if isinstance(run, list | tuple):
        run = [seed_name(name, seed) for name in run for seed in range(1, _count(known, name) + 1)]
    return {**values, "systems": made, **({} if run is None else {"run": run})}


def seed_name(name: Any, seed: int) -> Any:
    """The entry of a system's seed ``seed``, counted from 1: the first is the system itself."""
    return name if seed == 1 else f"{name}_s{seed}"


def _count(counts: dict[Any, int], name: Any) -> int:
    """Seeds of what an entry or `run` names; 1 of what is no name."""
    return counts.get(name, 1) if isinstance(name, str | int) else 1


def _entry(values: dict[str, Any], name: Any, seed: int, counts: dict[Any, int]) -> dict[Any, Any]:
    entry = {key: value for key, value in values["systems"][name].items() if key != "seeds"}
    entry["seed_of"] = name
    for key in OTHERS:
        other = entry.get(key)
        if other is None:
            continue
        if _count(counts, other) >= seed:
            entry[key] = seed_name(other, seed)
        elif key == "model":
            raise ValueError(f"systems.{name}.seeds: {counts[name]}, but {other!r} has {_count(counts, other)} seeds")
    for key in INSIDE:
        named = mapping(entry.get(key))
        if named.get("system") is not None and _count(counts, named["system"]) >= seed:
            entry[key] = {**named, "system": seed_name(named["system"], seed)}
    training = mapping(entry.get("training", {}))
    first = number(_SEED, training.get("seed", mapping(values.get("training", {})).get("seed", FIRST)))
    if "model" not in entry and training is entry.get("training", training) and first is not None:
        entry["training"] = {**training, "seed": first + seed - 1}
    return entry
