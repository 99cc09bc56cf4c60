"""Tables of docs/results.md: the paper's order, trials, costs."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from benchmarks.real.found import Found
from benchmarks.real.order import TRIALS, Step, compared
from benchmarks.real.record import METRIC
from pipeline.report.formats import signed

TEST_SETS = ("official", "trial")
HOUR = 3600.0
TRIED = "One seed of the system without description"
TAUGHT = "One seed of students of one teacher"
ORDER_NOTE = (
    "First the paper's order, each of its systems less the next; then what else one would ask. Means over seeds, "
    "compared seed by seed where both systems have the same. The interval allows for other videos and, where there "
    "are several, other seeds (Student's t, wide with two or three), p for other videos: all answers about a video "
    f"are exchanged together ({TRIALS:,} trials). An order holds, or is reversed, where both exclude chance; of a "
    "system with one seed that is said of this network alone. No figure of the paper: whether they differ at all. "
    "Not corrected for several comparisons."
)
"""How tables of `order_lines` are to be read."""
COSTS_NOTE = (
    "Hours are by the clock, beside other work, on machines that are not equally fast; turns/s are those of the "
    "fastest epoch. Figures of a core and of a GPU: [performance](performance.md)."
)
"""How tables of `costs_lines` are to be read."""


def order_lines(made: Sequence[Step]) -> list[str]:
    """The paper's order on a test set, a row a step."""
    if not made:
        return ["Too few systems are scored to compare any."]
    lines = [f"| {METRIC}, one system less another | seeds | here | by seed | 95 % | p | paper | |"]
    lines.append("|---|---|---:|---|---|---:|---:|---|")
    lines += [_step(step) for step in made]
    return lines


def _step(step: Step) -> str:
    one, other = step.found.seeds
    paper = "" if step.paper is None else signed(step.paper)
    cells = (
        f"`{step.better}` − `{step.worse}`",
        f"{one}" if one == other else f"{one}, {other}",
        signed(step.found.difference),
        ", ".join(map(signed, step.found.each)) if one > 1 else "",
        f"{signed(step.found.low)} to {signed(step.found.high)}",
        f"{step.found.p:.4f}",
        paper,
        step.verdict,
    )
    return f"| {' | '.join(cells)} |"


def longer_lines(found: Mapping[str, Found], longer: Mapping[str, Found]) -> list[str]:
    """What systems have that learned for longer, beside what they had; means over the seeds there are."""
    lines = [
        f"| system | seeds | perplexity | {METRIC}, official | gained | {METRIC}, trial | gained |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for name, system in longer.items():
        seeds = max(map(len, system.scores.values()))
        if not seeds:
            continue
        before = found.get(name)
        perplexities = [
            ", ".join(f"{each.costs[seed]['perplexity']:.2f}" for seed in system.costs if seed in each.costs)
            for each in (system, before)
            if each is not None
        ]
        cells = [f"{system.label} (`{name}`)", str(seeds), " for ".join(filter(None, perplexities))]
        for test_set in TEST_SETS:
            gained = [] if before is None else _gained(system, before, test_set)
            cells += [_mean(system.values(test_set, METRIC)), signed(mean(gained)) if gained else ""]
        lines.append(f"| {' | '.join(cells)} |")
    note = (
        "Means over the seeds there are, ± their standard deviation; gained: by the same seeds, over the shorter "
        "training. Perplexities are of the held-out tenth, one a seed, for those of the shorter training."
    )
    return [*lines, "", note]


def _gained(system: Found, before: Found, test_set: str) -> list[float]:
    """What each seed that is scored in both has more than before."""
    old, new = before.scores[test_set], system.scores[test_set]
    return [new[seed]["metrics"][METRIC] - old[seed]["metrics"][METRIC] for seed in new if seed in old]


def _mean(values: Sequence[float]) -> str:
    """The mean and, of several, the standard deviation."""
    if not values:
        return ""
    return f"{mean(values):.3f}" + (f" ±{stdev(values):.3f}" if len(values) > 1 else "")


def trials_lines(title: str, trials: Mapping[str, Found], plain: str) -> list[str]:
    """What was tried, a row each, under ``title``, each beside ``plain``."""
    done = {name: system for name, system in trials.items() if system.scores["trial"]}
    if not done:
        return [f"{title}: none has run yet."]
    lines = [
        f"{title}, judged on the held-out tenth (1 reference an answer) alone; the 95 % interval is that of other "
        f"videos, and so is p, of the {METRIC} less that of `{plain}`:",
        "",
        f"| what is changed | perplexity | {METRIC} | 95 % | less `{plain}` | p | BLEU-4 | epochs | minutes |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|",
    ]
    for name, system in done.items():
        values = [
            _value(system, METRIC),
            _interval(system),
            *_beside(system, done.get(plain)),
            _value(system, "BLEU-4"),
        ]
        cost = next(iter(system.costs.values()), None)
        cells = ["", *values, "", ""]
        if cost is not None:
            cells = [f"{cost['perplexity']:.2f}", *values, str(cost["epochs"]), f"{cost['seconds'] / 60:.0f}"]
        shown = f"{system.label} (`{name}`)" if name == system.name else name
        lines.append(f"| {shown} | {' | '.join(cells)} |")
    return lines


def _value(system: Found, metric: str) -> str:
    return f"{system.values('trial', metric)[0]:.3f}"


def _interval(system: Found) -> str:
    """Empty where none was asked for."""
    intervals = next(iter(system.scores["trial"].values()))["intervals"]
    return "{:.3f} to {:.3f}".format(*intervals[METRIC]) if METRIC in intervals else ""


def _beside(system: Found, plain: Found | None) -> list[str]:
    """The difference to ``plain``, and p; empty of itself, and where that has not run."""
    if plain is None or plain is system:
        return ["", ""]
    found = compared(system, plain, "trial")
    return [signed(found.difference), f"{found.p:.4f}"]


def costs_lines(found: Mapping[str, Found]) -> list[str]:
    """What training and answering took, a row a system."""
    lines = ["| system | seeds | hours of training | turns/s | epochs, best | PyTorch | core-minutes of answers |"]
    lines.append("|---|---:|---:|---:|---|---|---:|")
    total = 0.0
    for system in found.values():
        costs = list(system.costs.values())
        hours = sum(cost["seconds"] for cost in costs) / HOUR
        total += hours
        if not costs:
            scored = max(map(len, system.scores.values()))
            lines += [f"| `{system.name}` | {scored} | | | | | {_minutes(system.answering)} |"] if scored else []
            continue
        epochs = ", ".join(f"{cost['epochs']} ({cost['best_epoch']})" for cost in costs)
        fastest = max(cost["turns"] for cost in costs)
        torches = ", ".join(dict.fromkeys(cost["torch"] for cost in costs))
        cells = (f"`{system.name}`", str(len(costs)), f"{hours:.2f}", f"{fastest:.0f}", epochs, torches)
        lines.append(f"| {' | '.join(cells)} | {_minutes(system.answering)} |")
    return [*lines, "", f"{total:.1f} hours of training in all."]


def _minutes(seconds: float | None) -> str:
    """Empty where the workflow wrote none down."""
    return "" if seconds is None else f"{seconds / 60:.1f}"
