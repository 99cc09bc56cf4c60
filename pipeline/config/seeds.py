"""Systems trained several times over: the entry's `seeds` as entries of their own, before anything is validated.

An entry with `seeds: 3` stands for itself and two more, NAME_s2 and NAME_s3, that differ in `training.seed` alone: the
entry's own, and the numbers after it. A student's seeds learn from their teacher's seeds where it has as many, what
starts from another system (`init_from`) does so from its seeds likewise, and what answers with another system's model
(`model`) does so with its seeds. `run` names the entry; its seeds follow it there.

>>> entry = {"label": "Ours", "network": "attention", "seeds": 2}
>>> student = {"label": "Student", "network": "attention", "loss": "st", "teacher": "ours", "seeds": 2}
>>> made = with_seeds({"run": ["student"], "systems": {"ours": entry, "student": student}})
>>> made["run"], list(made["systems"])
(['student', 'student_s2'], ['ours', 'ours_s2', 'student', 'student_s2'])
>>> made["systems"]["student_s2"]["teacher"], made["systems"]["student_s2"]["training"]
('ours_s2', {'seed': 2})
"""

from typing import Any

OTHERS = ("teacher", "model")
"""Keys of an entry that name another entry, whose seeds it goes with."""
FIRST = 1
"""`training.seed` where none is given."""
MOST_SEEDS = 100


def with_seeds(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration with an entry for every seed. Raises `ValueError` for a name that is taken already, and
    for more seeds than the system has whose model an entry answers with.

    What is no configuration yet (another type than expected) is left for validation to name.
    """
    systems = values.get("systems")
    if not isinstance(systems, dict) or not all(isinstance(entry, dict) for entry in systems.values()):
        return values
    counts = {name: entry.get("seeds", 1) for name, entry in systems.items()}
    if not all(isinstance(count, int) and 1 <= count <= MOST_SEEDS for count in counts.values()):
        return values
    made: dict[str, Any] = {}
    for name, entry in systems.items():
        made[name] = {key: value for key, value in entry.items() if key != "seeds"}
        for number in range(2, counts[name] + 1):
            other = seed_name(name, number)
            if other in systems:
                raise ValueError(f"systems.{name}.seeds: {other!r} is an entry already; give that one another name")
            made[other] = _entry(values, name, number, counts)
    run = values.get("run")
    if isinstance(run, list | tuple):
        run = [seed_name(name, number) for name in run for number in range(1, counts.get(name, 1) + 1)]
    return {**values, "systems": made, **({} if run is None else {"run": run})}


def seed_name(name: str, number: int) -> str:
    """The entry of a system's seed ``number``, counted from 1: the first is the system itself."""
    return name if number == 1 else f"{name}_s{number}"


def _entry(values: dict[str, Any], name: str, number: int, counts: dict[str, int]) -> dict[str, Any]:
    entry = {key: value for key, value in values["systems"][name].items() if key != "seeds"}
    entry["seed_of"] = name
    for key in OTHERS:
        other = entry.get(key)
        if other is None:
            continue
        if counts.get(other, 1) >= number:
            entry[key] = seed_name(other, number)
        elif key == "model":
            raise ValueError(f"systems.{name}.seeds: {counts[name]}, but {other!r} has {counts.get(other, 1)} seeds")
    start = entry.get("init_from")
    if isinstance(start, dict) and start.get("system") is not None and counts.get(start["system"], 1) >= number:
        entry["init_from"] = {**start, "system": seed_name(start["system"], number)}
    if "model" not in entry:
        training = entry.get("training", {})
        first = training.get("seed", values.get("training", {}).get("seed", FIRST))
        entry["training"] = {**training, "seed": first + number - 1}
    return entry
