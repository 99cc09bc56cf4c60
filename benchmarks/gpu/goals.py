"""Every goal of the check, in one place: by section and name of a row.

A wrong number (sections `right` and `many`) is a failure; a rate below its goal is only said to be missed.
"""

from benchmarks.shared.results import Goal, Row

RIGHT, FAST, MANY, CHARADES = "right", "fast", "many", "charades"
MUST = (RIGHT, MANY)
"""Sections whose goals are not wishes."""
FLOAT32, BFLOAT16 = 1e-4, 3e-2
"""Largest error in either precision, of the reference's length."""
AS_THE_CPU = Goal("at most", 1.5)
"""An error over that of the CPU in the same precision."""
EXACT = Goal("at most", 0, "ours")
GOALS: dict[tuple[str, str], Goal] = {
    (FAST, "I3D, bfloat16, batch 64"): Goal("at least", 0.5, "share", "matrix product"),
    (FAST, "I3D, compiled, bfloat16, batch 64"): Goal("at least", 0.5, "share", "matrix product"),
    (FAST, "TV-L1, best batch"): Goal("at least", 300, "ratio"),
    (FAST, "shards to the card: waiting"): Goal("below", 0.05, "ours"),
    (FAST, "training step: waits for the device"): EXACT,
    (FAST, "epoch of 76,590 turns, ce"): Goal("below", 60, "ours"),
    (FAST, "epoch from shards: waiting"): Goal("below", 0.05, "ours"),
    (FAST, "1,710 official turns"): Goal("below", 5, "ours"),
    (CHARADES, "all stages"): Goal("at most", 1, "ours"),
}
"""What is wished for of a whole card; on a CPU, or with tiny sizes, it means nothing and is left out."""


def at_most(limit: float) -> Goal:
    """A bound on a row's own figure."""
    return Goal("at most", limit, "ours")


def verdict(row: Row) -> str:
    """What became of a row's goal, in a word; empty without one."""
    if row.goal is None:
        return ""
    if row.goal.met(row.goal_value()):
        return "met"
    return "WRONG" if row.section in MUST else "missed"
